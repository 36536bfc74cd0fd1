//! What is noted of planned spans' rows: where they lie, and what of them is not as planned.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{claim::KnownRun, compare::Difference};
use crate::{store::layout::Tier, traffic::ids::RunId};

/// Where a stored row lies. Between processes it is a number alone: who reads it knows the file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Address {
    #[serde(skip, default = "cold")]
    pub(crate) tier: Tier,
    #[serde(skip)]
    pub(crate) file: Arc<str>,
    /// From 0 within the file.
    pub(crate) row_number: u64,
}

/// Files that other processes read are.
fn cold() -> Tier {
    Tier::Cold
}

/// A difference and the row that it was found on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredDifference {
    pub(crate) address: Address,
    pub(crate) run: RunId,
    /// The service that sent this span.
    pub(crate) service: Option<String>,
    pub(crate) workflow: Option<u64>,
    /// Its position in the workflow, or its ordinal in a replay.
    pub(crate) number: u64,
    pub(crate) trace_id: Option<String>,
    pub(crate) span_id: String,
    /// None where nobody can say in which column the row differs.
    pub(crate) difference: Option<Difference>,
    /// Where that is so, a digest of all of the row.
    pub(crate) of_row: Option<u64>,
}

impl StoredDifference {
    pub(crate) fn new(
        known: &KnownRun,
        slot: u64,
        address: &Address,
        difference: Option<Difference>,
    ) -> Self {
        let expectation = &known.expectation;
        Self {
            address: address.clone(),
            run: known.run,
            service: expectation.service_name(slot).map(str::to_owned),
            workflow: expectation.workflow(slot),
            number: expectation.number(slot),
            trace_id: expectation.trace_id(slot).map(const_hex::encode),
            span_id: const_hex::encode(expectation.span_id(slot)),
            difference,
            of_row: None,
        }
    }
}

/// One copy of a planned span that has several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sighting {
    pub(crate) address: Address,
    pub(crate) run: RunId,
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    /// How often it was sent, and how many of the attempts were refused; none where that run's ledger is not
    /// judged.
    pub(crate) attempts: Option<Attempts>,
    /// A digest of what of it is not as planned: copies with the same are equal.
    pub(crate) alteration: Option<u64>,
}

/// How often the exports of a span were sent, all together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attempts {
    pub(crate) made: u32,
    pub(crate) refused: u32,
}
