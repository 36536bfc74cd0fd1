//! Mutants that are no mistake: nothing that a store can hold makes them find anything else.

/// The check or view, the mutant by its name, and why it cannot be told from the check.
pub(super) const EQUIVALENT: &[(&str, &str, &str)] = &[];
