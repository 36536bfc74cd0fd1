//! A stored row as plain values.

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
