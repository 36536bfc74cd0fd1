//! Checks: queries for the bad rows.
//!
//! One file each in `sql/checks`; its leading comment is its documentation. A check that cannot run
//! gets a verdict like any other, and one that found nothing to look at never passes.

pub(crate) mod catalog;
mod grammar;
pub(crate) mod investigations;
pub(crate) mod runner;
#[cfg(test)]
mod tests;
