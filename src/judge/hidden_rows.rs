//! Rows that a page of the studio does not show for what is in their JSON.

use std::sync::LazyLock;

use datafusion::arrow::{array::RecordBatch, datatypes::SchemaRef, error::ArrowError};
use memchr::memmem::Finder;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    evidence::Address,
    index_keys::{Semantics, SpanType},
};
use crate::base::arrays::{self, Kind, number, text};

/// One such row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HiddenRow {
    pub(crate) address: Address,
    pub(crate) service_name: Option<String>,
    pub(crate) trace_id: Option<String>,
    pub(crate) span_id: Option<String>,
    pub(crate) by: Hidden,
}

/// What hides a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Hidden {
    /// The text that this list searches for is not in its attributes, although they say so.
    List(SpanType),
    /// The pages that check all of their rows refuse an event without a name.
    UnnamedEvent,
}

impl Hidden {
    fn name(self) -> &'static str {
        match self {
            Self::List(SpanType::Workflow) => "workflow_list",
            Self::List(SpanType::Agent) => "agent_list",
            Self::UnnamedEvent => "unnamed_event",
        }
    }
}

static SPAN_TYPE: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"junjo.span_type\""));
static NO_NAME: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"name\":\"\""));

/// The list that misses a row with these attributes.
pub(crate) fn missed_by(attributes: &str) -> Option<Hidden> {
    // Nearly every row is written compactly, or has no such key.
    let at = SPAN_TYPE.find(attributes.as_bytes())?;
    if attributes[at + SPAN_TYPE.needle().len()..].starts_with(":\"") {
        return None;
    }
    let is_missed = |of: &SpanType| !attributes.contains(of.searched());
    Semantics::of(attributes).span_type.filter(is_missed).map(Hidden::List)
}

/// Whether an event has no name.
pub(crate) fn has_unnamed_event(events: &str) -> bool {
    let is_unnamed = |event: &Value| event.get("name").is_none_or(|name| name.as_str() == Some(""));
    NO_NAME.find(events.as_bytes()).is_some()
        && serde_json::from_str(events)
            .is_ok_and(|events: Value| events.as_array().is_some_and(|events| events.iter().any(is_unnamed)))
}

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    arrays::schema(&[
        ("tier", Kind::Text),
        ("file", Kind::Text),
        ("row_number", Kind::Number),
        ("service_name", Kind::Text),
        ("trace_id", Kind::Text),
        ("span_id", Kind::Text),
        ("cause", Kind::Text),
    ])
});

pub(crate) fn schema() -> SchemaRef {
    SchemaRef::clone(&SCHEMA)
}

pub(super) fn batch(rows: &[HiddenRow]) -> Result<RecordBatch, ArrowError> {
    let columns = vec![
        text(rows.iter().map(|row| Some(row.address.tier.name()))),
        text(rows.iter().map(|row| Some(&*row.address.file))),
        number(rows.iter().map(|row| Some(row.address.row_number.cast_signed()))),
        text(rows.iter().map(|row| row.service_name.as_ref())),
        text(rows.iter().map(|row| row.trace_id.as_ref())),
        text(rows.iter().map(|row| row.span_id.as_ref())),
        text(rows.iter().map(|row| Some(row.by.name()))),
    ];
    RecordBatch::try_new(schema(), columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_says_so_in_another_form_is_missed() {
        let missed = |text: &str| missed_by(text).map(Hidden::name);
        assert_eq!(missed(r#"{"junjo.span_type":"workflow"}"#), None);
        assert_eq!(missed(r#"{"junjo.span_type": "workflow"}"#), Some("workflow_list"));
        assert_eq!(missed("{\"junjo.span_type\" :\"agent\"}"), Some("agent_list"));
        assert_eq!(missed(r#"{"junjo.span_type": "node"}"#), None);
        assert_eq!(missed(r#"{"a":"\"junjo.span_type\": \"workflow\""}"#), None);
    }

    #[test]
    fn an_attribute_without_a_name_is_no_event() {
        assert!(has_unnamed_event(r#"[{"attributes":{},"name":"a"},{"attributes":{},"name":""}]"#));
        assert!(!has_unnamed_event(r#"[{"attributes":{"name":""},"name":"a"}]"#));
        assert!(!has_unnamed_event("[]"));
    }
}
