//! What the sweep notes of single rows.

use std::{borrow::Cow, sync::Arc};

use serde::Deserialize;

use super::compare::{Difference, StoredCells};
use crate::{span::row::Cell, store::layout::Tier, traffic::ids::RunId};

/// Where a stored row lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) tier: Tier,
    pub(crate) file: Arc<str>,
    /// From 0 within the file.
    pub(crate) row_number: u64,
}

/// A row that no known plan calls for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fact {
    pub(crate) address: Address,
    pub(crate) trace_id: Option<String>,
    pub(crate) span_id: Option<String>,
    pub(crate) parent_span_id: Option<String>,
    pub(crate) service_name: Option<String>,
    pub(crate) name: Option<String>,
    /// Unix nanoseconds.
    pub(crate) end_time: Option<i64>,
    pub(crate) trace_flags: Option<i64>,
    /// The run that the trace id names, and whether its manifest is at hand.
    pub(crate) run: Option<RunId>,
    pub(crate) run_known: bool,
    /// The tag `e2e.service`, where the row carries one.
    pub(crate) tagged_service: Option<String>,
    /// The resource's `service.name`, where it is text.
    pub(crate) resource_service: Option<String>,
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
}

#[derive(Deserialize)]
struct Tags<'a> {
    #[serde(borrow, default, rename = "e2e.service")]
    service: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct ResourceTags<'a> {
    #[serde(borrow, default, rename = "service.name")]
    service_name: Option<Cow<'a, str>>,
}

impl Fact {
    pub(crate) fn of(address: Address, cells: &StoredCells<'_>, run: Option<RunId>, run_known: bool) -> Self {
        let text = |column: usize| cells[column].and_then(Cell::text);
        let number = |column: usize| cells[column].and_then(Cell::number);
        let owned = |column: usize| text(column).map(str::to_owned);
        let tags = text(11).and_then(|json| serde_json::from_str::<Tags<'_>>(json).ok());
        let resource = text(19).and_then(|json| serde_json::from_str::<ResourceTags<'_>>(json).ok());
        Self {
            address,
            span_id: owned(0),
            trace_id: owned(1),
            parent_span_id: owned(2),
            service_name: owned(3),
            name: owned(4),
            end_time: number(7),
            trace_flags: number(14),
            run,
            run_known,
            tagged_service: tags.and_then(|tags| tags.service).map(Cow::into_owned),
            resource_service: resource.and_then(|tags| tags.service_name).map(Cow::into_owned),
        }
    }
}
