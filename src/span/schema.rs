//! The two schemas that a studio has written (contract, section 3).

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema as ArrowSchema, SchemaRef, TimeUnit};

/// Which studio wrote a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Schema {
    /// Studio 0.80 to 0.81.1: 14 columns, event times as JSON numbers.
    V1,
    /// Studio 0.82: all 21 columns, event times as decimal text.
    V2,
}

/// The columns of schema 2 in stored order: name, type, nullable, and whether schema 1 has it.
const COLUMNS: [(&str, Kind, bool, bool); 21] = [
    ("span_id", Kind::Text, false, true),
    ("trace_id", Kind::Text, false, true),
    ("parent_span_id", Kind::Text, true, true),
    ("service_name", Kind::Text, false, true),
    ("name", Kind::Text, false, true),
    ("span_kind", Kind::Int8, false, true),
    ("start_time", Kind::Time, false, true),
    ("end_time", Kind::Time, false, true),
    ("duration_ns", Kind::Int64, false, true),
    ("status_code", Kind::Int8, false, true),
    ("status_message", Kind::Text, true, true),
    ("attributes", Kind::Text, false, true),
    ("events", Kind::Text, false, true),
    ("links", Kind::Text, false, false),
    ("trace_flags", Kind::UInt32, false, false),
    ("trace_state", Kind::Text, true, false),
    ("dropped_attributes_count", Kind::UInt32, false, false),
    ("dropped_events_count", Kind::UInt32, false, false),
    ("dropped_links_count", Kind::UInt32, false, false),
    ("resource_attributes", Kind::Text, false, true),
    ("resource_dropped_attributes_count", Kind::UInt32, false, false),
];

#[derive(Debug, Clone, Copy)]
enum Kind {
    Text,
    Int8,
    Int64,
    UInt32,
    Time,
}

impl Kind {
    fn data_type(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Int8 => DataType::Int8,
            Self::Int64 => DataType::Int64,
            Self::UInt32 => DataType::UInt32,
            Self::Time => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
        }
    }
}

impl Schema {
    /// The schema as the studio of that era writes it into segments and Parquet files.
    pub(crate) fn stored(self) -> SchemaRef {
        let fields = COLUMNS.iter().filter(|(.., in_v1)| *in_v1 || self == Self::V2);
        let fields: Vec<Field> =
            fields.map(|(name, kind, nullable, _)| Field::new(*name, kind.data_type(), *nullable)).collect();
        Arc::new(ArrowSchema::new(fields))
    }
}

/// The name of a column of schema 2 by its position.
pub(crate) fn column_name(column: usize) -> &'static str {
    COLUMNS[column].0
}

/// The 21 columns as the auditor reads them: all nullable, text as views.
///
/// A column that a file lacks reads as null, and a null where the studio promises a value stays
/// visible: a `NOT NULL` field would let the optimiser fold `IS NULL` to false.
pub(crate) fn readable() -> SchemaRef {
    let field = |(name, kind, ..): &(&str, Kind, bool, bool)| {
        let data_type = match kind {
            Kind::Text => DataType::Utf8View,
            other => other.data_type(),
        };
        Field::new(*name, data_type, true)
    };
    Arc::new(ArrowSchema::new(COLUMNS.iter().map(field).collect::<Vec<_>>()))
}
