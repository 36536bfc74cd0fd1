//! Differences from a plan that no check of an audit looked at.
//!
//! A check that was not chosen, or that could not look, leaves what it would have found: an audit that passed over
//! it did not see a healthy store.

use super::verdict::Reason;
use crate::checks::{runner::Checked, summary::DifferingColumn};

/// The check that finds such a difference.
fn finder(column: &DifferingColumn) -> &'static str {
    match (column.kind.as_str(), column.column_name.as_str()) {
        ("declared", _) => "undeclared_gains",
        (_, "service_name") => "polluted_service_name",
        (_, "parent_span_id") => "orphan_spans",
        ("witness", "attributes") => "polluted_attributes",
        ("witness", "resource_attributes") => "polluted_resource",
        _ => "altered_spans",
    }
}

/// What was not judged, by column.
pub(super) fn uncovered(differing: &[DifferingColumn], checked: &[Checked]) -> Vec<Reason> {
    let covers =
        |column: &DifferingColumn| checked.iter().any(|one| one.check.id == finder(column) && one.looked());
    let open = differing.iter().filter(|column| !covers(column));
    open.map(|column| Reason::Uncovered {
        column: column.column_name.clone(),
        differences: column.differences,
        check: finder(column),
    })
    .collect()
}
