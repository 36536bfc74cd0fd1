//! Spans of the OpenAI Agents plugin repeat in their attributes where they come from: a second witness for their row.

use chrono::DateTime;
use serde_json::Value;

use super::{
    difference::Difference,
    graph::Look,
    span::{Kind, Span},
    trace::Trace,
};
use crate::judge::junjo::key::Key;

/// How far a time of the row may lie from the text of its source, in nanoseconds: the plugin's doubles hold multiples
/// of 256.
const ROUNDING: u64 = 1_000;

const STATUS_ERROR: i64 = 2;

pub(crate) fn look_at(trace: &Trace<'_>, index: usize, look: &mut Look<'_>) {
    let span = &trace.spans[index];
    if !span.head.has_attributes {
        return;
    }
    if let Some(text) = span.text(Key::PluginData) {
        source_data(span, text, look);
    }
    let Some(parent) = trace.parent(index).map(|parent| &trace.spans[parent]) else { return };
    if parent.kind != Kind::Plugin || !parent.head.has_attributes {
        return;
    }
    for (of_child, of_parent) in
        [(Key::PluginSourceParent, Key::PluginSourceSpan), (Key::PluginSourceTrace, Key::PluginSourceTrace)]
    {
        if let (Some(stated), Some(expected)) = (span.text(of_child), parent.text(of_parent))
            && stated != expected
        {
            let difference = Difference::new("plugin_source").about(of_child.name());
            look.add(span, difference.between(Some(expected), Some(stated)));
        }
    }
}

/// What the source said of the span: its ids, its type, its times, and whether it failed.
fn source_data(span: &Span<'_>, text: &str, look: &mut Look<'_>) {
    let Ok(Value::Object(data)) = serde_json::from_str(text) else {
        look.add(span, Difference::new("plugin_row").about(Key::PluginData.name()).because("no JSON object"));
        return;
    };
    let said = |key: &str| data.get(key).and_then(Value::as_str);
    for (key, field) in [
        (Key::PluginSourceTrace, "trace_id"),
        (Key::PluginSourceSpan, "span_id"),
        (Key::PluginSourceParent, "parent_span_id"),
        (Key::PluginType, "source_type"),
    ] {
        if data.contains_key(field) && said(field) != span.text(key) {
            let difference = Difference::new("plugin_row").about(key.name());
            look.add(span, difference.between(said(field), span.text(key)));
        }
    }
    let times =
        [("started_at", "start_time", span.head.start_time), ("ended_at", "end_time", span.head.end_time)];
    for (field, column, actual) in times {
        let moment = said(field).and_then(|text| DateTime::parse_from_rfc3339(text).ok());
        let expected = moment.and_then(|moment| moment.timestamp_nanos_opt());
        if expected.is_some_and(|expected| expected.abs_diff(actual) > ROUNDING) {
            let difference = Difference::new("plugin_row").about(column);
            look.add(span, difference.between(expected, Some(actual)));
        }
    }
    let failed = data.get("error").is_some_and(|error| !error.is_null());
    if failed && span.head.status != STATUS_ERROR {
        let difference = Difference::new("plugin_row").about("status_code");
        look.add(span, difference.between(Some(STATUS_ERROR), Some(span.head.status)));
    }
}
