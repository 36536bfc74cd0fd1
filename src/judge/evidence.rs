//! What is noted of planned spans' rows: where they lie, and what of them is not as planned.

use std::sync::Arc;

use super::compare::Difference;
use crate::{store::layout::Tier, traffic::ids::RunId};

/// Where a stored row lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) tier: Tier,
    pub(crate) file: Arc<str>,
    /// From 0 within the file.
    pub(crate) row_number: u64,
}

/// A difference and the row that it was found on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredDifference {
    pub(crate) address: Address,
    pub(crate) run: RunId,
    /// The service that the plan lets send this span.
    pub(crate) service: String,
    pub(crate) workflow: u64,
    pub(crate) position: u32,
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    pub(crate) difference: Difference,
}

/// One copy of a planned span that has several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sighting {
    pub(crate) address: Address,
    pub(crate) run: RunId,
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    /// How often its export was attempted, and how many of the attempts were refused; none where that run's
    /// ledger is not judged.
    pub(crate) attempts: Option<Attempts>,
    /// A digest of what of it is not as planned: copies with the same are equal.
    pub(crate) alteration: Option<u64>,
}

/// How often an export was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attempts {
    pub(crate) made: u32,
    pub(crate) refused: u32,
}
