//! Spans out of stored rows: copies together, JSON parsed.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Place, fetch::StoredRow};
use crate::{
    contract::{
        row::Row,
        schema::{COLUMN_COUNT, Schema, column_name},
    },
    store::layout::Tier,
};

/// A span and all places where it lies.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    /// The copy that the studio shows: cold before WAL before hot.
    pub(crate) row: Row,
    pub(crate) schema: Schema,
    pub(crate) attributes: Map<String, Value>,
    pub(crate) events: Vec<Event>,
    /// In the order of tiers; the first is that of `row`.
    pub(crate) places: Vec<Place>,
    /// Columns in which a further copy has another value.
    pub(crate) differing: Vec<&'static str>,
    /// Columns without a value that a studio always writes; `row` has their defaults.
    pub(crate) absent: Vec<&'static str>,
    /// Columns whose text is not the JSON that it should be.
    pub(crate) broken: Vec<&'static str>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub(crate) name: String,
    /// Unix nanoseconds.
    pub(crate) time: Option<u64>,
    pub(crate) attributes: Map<String, Value>,
}

/// The rows of one trace as spans, by start time.
pub(crate) fn merge(mut rows: Vec<StoredRow>) -> Vec<Span> {
    rows.sort_by(|a, b| a.place.cmp(&b.place));
    let mut by_id: BTreeMap<String, Span> = BTreeMap::new();
    for stored in rows {
        match by_id.get_mut(&stored.row.span_id) {
            Some(span) => span.add_copy(stored),
            None => _ = by_id.insert(stored.row.span_id.clone(), Span::new(stored)),
        }
    }
    let mut spans: Vec<Span> = by_id.into_values().collect();
    spans.sort_by(|a, b| a.order().cmp(&b.order()));
    spans
}

impl Span {
    fn new(StoredRow { place, schema, row, absent }: StoredRow) -> Self {
        let mut broken = Vec::new();
        let attributes = serde_json::from_str(&row.attributes).unwrap_or_else(|_| {
            broken.push("attributes");
            Map::new()
        });
        let events = events(&row.events).unwrap_or_else(|| {
            broken.push("events");
            Vec::new()
        });
        broken.retain(|column| !absent.contains(column));
        let (places, differing) = (vec![place], Vec::new());
        Self { row, schema, attributes, events, places, differing, absent, broken }
    }

    fn add_copy(&mut self, copy: StoredRow) {
        for column in 0..COLUMN_COUNT {
            let name = column_name(column);
            let known =
                [self.schema, copy.schema].iter().all(|schema| schema.stored().field_with_name(name).is_ok());
            let differs = self.row.cells()[column] != copy.row.cells()[column];
            if known && differs && !self.differing.contains(&name) {
                self.differing.push(name);
            }
        }
        self.places.push(copy.place);
    }

    fn order(&self) -> (i64, &str) {
        (self.row.start_time, &self.row.span_id)
    }

    /// The parent, where the row names one; an id of zeros is none.
    pub(crate) fn parent(&self) -> Option<&str> {
        let parent = self.row.parent_span_id.as_deref()?;
        parent.bytes().any(|byte| byte != b'0').then_some(parent)
    }

    /// Whether it lies in more than one place, copies in the hot snapshot apart.
    pub(crate) fn is_repeated(&self) -> bool {
        self.places.iter().filter(|place| place.tier != Tier::Hot).count() > 1
    }

    /// A text attribute.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.attributes.get(key)?.as_str()
    }
}

impl Event {
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.attributes.get(key)?.as_str()
    }

    pub(crate) fn number(&self, key: &str) -> Option<i64> {
        self.attributes.get(key)?.as_i64()
    }
}

/// Times are text in schema 2 and numbers in schema 1. None where the text is no array of events.
fn events(text: &str) -> Option<Vec<Event>> {
    let events: Vec<Value> = serde_json::from_str(text).ok()?;
    let one = |event: Value| {
        let Value::Object(mut event) = event else { return None };
        let time = match event.get("timeUnixNano") {
            Some(Value::String(text)) => text.parse().ok(),
            Some(Value::Number(number)) => number.as_u64(),
            _ => None,
        };
        let attributes = match event.remove("attributes") {
            Some(Value::Object(attributes)) => attributes,
            _ => Map::new(),
        };
        let name = event.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        Some(Event { name, time, attributes })
    };
    events.into_iter().map(one).collect()
}
