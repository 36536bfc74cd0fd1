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

/// The type of a column.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
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

impl Schema {
    /// The number by which reports and tables name it.
    pub(crate) fn version(self) -> i64 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }

    /// The schema that a file with these columns is of, whole or not: the newer, if it has any column that
    /// only that has.
    pub(crate) fn of_columns(present: &[String]) -> Self {
        let newer =
            COLUMNS.iter().any(|(name, .., in_v1)| !in_v1 && present.iter().any(|column| column == name));
        if newer { Self::V2 } else { Self::V1 }
    }
}

/// The columns of schema 2.
pub(crate) const COLUMN_COUNT: usize = COLUMNS.len();

/// Positions of the columns that are asked for by name.
pub(crate) mod column {
    pub(crate) const SPAN_ID: usize = 0;
    pub(crate) const TRACE_ID: usize = 1;
    pub(crate) const PARENT_SPAN_ID: usize = 2;
    pub(crate) const SERVICE_NAME: usize = 3;
    pub(crate) const NAME: usize = 4;
    pub(crate) const SPAN_KIND: usize = 5;
    pub(crate) const START_TIME: usize = 6;
    pub(crate) const END_TIME: usize = 7;
    pub(crate) const DURATION_NS: usize = 8;
    pub(crate) const STATUS_CODE: usize = 9;
    pub(crate) const ATTRIBUTES: usize = 11;
    pub(crate) const EVENTS: usize = 12;
    pub(crate) const LINKS: usize = 13;
    pub(crate) const TRACE_FLAGS: usize = 14;
    pub(crate) const DROPPED_ATTRIBUTES_COUNT: usize = 16;
    pub(crate) const DROPPED_EVENTS_COUNT: usize = 17;
    pub(crate) const DROPPED_LINKS_COUNT: usize = 18;
    pub(crate) const RESOURCE_ATTRIBUTES: usize = 19;
    pub(crate) const RESOURCE_DROPPED_ATTRIBUTES_COUNT: usize = 20;

    /// The columns that hold JSON text.
    pub(crate) const JSON: [usize; 4] = [ATTRIBUTES, EVENTS, LINKS, RESOURCE_ATTRIBUTES];

    /// What a row has of its resource.
    pub(crate) const OF_RESOURCE: [usize; 3] =
        [SERVICE_NAME, RESOURCE_ATTRIBUTES, RESOURCE_DROPPED_ATTRIBUTES_COUNT];
}

/// Whether files of a schema have a column of schema 2.
pub(crate) fn in_schema(column: usize, schema: Schema) -> bool {
    let (.., in_v1) = COLUMNS[column];
    in_v1 || schema == Schema::V2
}

pub(super) fn column_kind(column: usize) -> Kind {
    COLUMNS[column].1
}

/// Whether a studio leaves a column of schema 2 null where it has nothing to say.
pub(crate) fn may_be_null(column: usize) -> bool {
    let (_, _, nullable, _) = COLUMNS[column];
    nullable
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_those_of_the_names() {
        let named = [
            (column::SPAN_ID, "span_id"),
            (column::TRACE_ID, "trace_id"),
            (column::PARENT_SPAN_ID, "parent_span_id"),
            (column::SERVICE_NAME, "service_name"),
            (column::NAME, "name"),
            (column::SPAN_KIND, "span_kind"),
            (column::STATUS_CODE, "status_code"),
            (column::DROPPED_ATTRIBUTES_COUNT, "dropped_attributes_count"),
            (column::DROPPED_EVENTS_COUNT, "dropped_events_count"),
            (column::DROPPED_LINKS_COUNT, "dropped_links_count"),
            (column::RESOURCE_DROPPED_ATTRIBUTES_COUNT, "resource_dropped_attributes_count"),
            (column::END_TIME, "end_time"),
            (column::ATTRIBUTES, "attributes"),
            (column::EVENTS, "events"),
            (column::LINKS, "links"),
            (column::TRACE_FLAGS, "trace_flags"),
            (column::RESOURCE_ATTRIBUTES, "resource_attributes"),
        ];
        for (position, name) in named {
            assert_eq!(column_name(position), name);
        }
    }
}
