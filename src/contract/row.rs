//! A stored row as plain values.

use super::schema::COLUMN_COUNT;

/// One stored span: the 21 columns of schema 2, in the store's own form.
///
/// Times are nanoseconds since the Unix epoch, `duration_ns` is their difference. `attributes`,
/// `events`, `links` and `resource_attributes` are JSON text. A row of schema 1 leaves the columns
/// that its schema lacks at their defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) span_id: String,
    pub(crate) trace_id: String,
    pub(crate) parent_span_id: Option<String>,
    pub(crate) service_name: String,
    pub(crate) name: String,
    pub(crate) span_kind: i8,
    pub(crate) start_time: i64,
    pub(crate) end_time: i64,
    pub(crate) duration_ns: i64,
    pub(crate) status_code: i8,
    pub(crate) status_message: Option<String>,
    pub(crate) attributes: String,
    pub(crate) events: String,
    pub(crate) links: String,
    pub(crate) trace_flags: u32,
    pub(crate) trace_state: Option<String>,
    pub(crate) dropped_attributes_count: u32,
    pub(crate) dropped_events_count: u32,
    pub(crate) dropped_links_count: u32,
    pub(crate) resource_attributes: String,
    pub(crate) resource_dropped_attributes_count: u32,
}

/// A value of a row: text or a number, null where the store has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cell<'a> {
    Text(&'a str),
    Number(i64),
    Null,
}

impl Row {
    /// The values in the order of schema 2.
    pub(crate) fn cells(&self) -> [Cell<'_>; COLUMN_COUNT] {
        [
            Cell::Text(&self.span_id),
            Cell::Text(&self.trace_id),
            Cell::optional(self.parent_span_id.as_deref()),
            Cell::Text(&self.service_name),
            Cell::Text(&self.name),
            Cell::Number(self.span_kind.into()),
            Cell::Number(self.start_time),
            Cell::Number(self.end_time),
            Cell::Number(self.duration_ns),
            Cell::Number(self.status_code.into()),
            Cell::optional(self.status_message.as_deref()),
            Cell::Text(&self.attributes),
            Cell::Text(&self.events),
            Cell::Text(&self.links),
            Cell::Number(self.trace_flags.into()),
            Cell::optional(self.trace_state.as_deref()),
            Cell::Number(self.dropped_attributes_count.into()),
            Cell::Number(self.dropped_events_count.into()),
            Cell::Number(self.dropped_links_count.into()),
            Cell::Text(&self.resource_attributes),
            Cell::Number(self.resource_dropped_attributes_count.into()),
        ]
    }
}

impl<'a> Cell<'a> {
    pub(crate) fn optional(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }

    pub(crate) fn text(self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(_) | Self::Null => None,
        }
    }

    pub(crate) fn number(self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(number),
            Self::Text(_) | Self::Null => None,
        }
    }
}
