//! What the sweep notes of single rows.

use std::{borrow::Cow, sync::Arc};

use serde::Deserialize;

use super::compare::{Difference, StoredCells};
use crate::{
    span::{row::Cell, schema::column},
    store::layout::Tier,
    traffic::ids::RunId,
};

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
    /// The run that the trace id names.
    pub(crate) run: Option<RunId>,
    /// Whether that run, or the one that the tag `e2e.run` names, is one whose manifest is at hand.
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
    /// How often its export was attempted, and how many of the attempts were refused; none where that run's
    /// ledger is not judged.
    pub(crate) attempts: Option<Attempts>,
}

/// How often an export was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attempts {
    pub(crate) made: u32,
    pub(crate) refused: u32,
}

#[derive(Deserialize)]
struct Tags<'a> {
    #[serde(borrow, default, rename = "e2e.service")]
    service: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "e2e.run")]
    run: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct ResourceTags<'a> {
    #[serde(borrow, default, rename = "service.name")]
    service_name: Option<Cow<'a, str>>,
}

impl Fact {
    pub(crate) fn of(
        address: Address,
        cells: &StoredCells<'_>,
        run: Option<RunId>,
        knows: impl Fn(RunId) -> bool,
    ) -> Self {
        let text = |column: usize| cells[column].and_then(Cell::text);
        let number = |column: usize| cells[column].and_then(Cell::number);
        let owned = |column: usize| text(column).map(str::to_owned);
        let (tagged_run, tagged_service) = text(column::ATTRIBUTES).map(tags).unwrap_or_default();
        let tagged_run: Option<RunId> = tagged_run.and_then(|run| run.parse().ok());
        let resource_service = text(column::RESOURCE_ATTRIBUTES).and_then(resource_service);
        Self {
            address,
            span_id: owned(column::SPAN_ID),
            trace_id: owned(column::TRACE_ID),
            parent_span_id: owned(column::PARENT_SPAN_ID),
            service_name: owned(column::SERVICE_NAME),
            name: owned(column::NAME),
            end_time: number(column::END_TIME),
            trace_flags: number(column::TRACE_FLAGS),
            run,
            run_known: run.into_iter().chain(tagged_run).any(knows),
            tagged_service,
            resource_service,
        }
    }
}

/// The tags `e2e.run` and `e2e.service`.
fn tags(attributes: &str) -> (Option<String>, Option<String>) {
    match serde_json::from_str::<Tags<'_>>(attributes) {
        Ok(tags) => (tags.run.map(Cow::into_owned), tags.service.map(Cow::into_owned)),
        // A repeated key or a value of another kind must not take the witness away.
        Err(_) => (witness(attributes, "e2e.run"), witness(attributes, "e2e.service")),
    }
}

fn resource_service(resource: &str) -> Option<String> {
    match serde_json::from_str::<ResourceTags<'_>>(resource) {
        Ok(tags) => tags.service_name.map(Cow::into_owned),
        Err(_) => witness(resource, "service.name"),
    }
}

fn witness(json: &str, key: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(json).ok()?;
    value.get(key)?.as_str().map(str::to_owned)
}
