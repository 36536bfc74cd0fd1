//! Arrow columns from iterators, and the fields of tables.

use std::sync::Arc;

use datafusion::arrow::{
    array::{ArrayRef, BooleanArray, Int64Array, StringViewArray, TimestampNanosecondArray},
    datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit},
};

/// What a column of a judged table holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
    Int8,
    UInt32,
    Flag,
    /// Nanoseconds, in UTC.
    Time,
}

impl Kind {
    /// What PostgreSQL calls it, or nearly.
    pub(crate) fn sql_name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number | Self::UInt32 => "bigint",
            Self::Int8 => "smallint",
            Self::Flag => "boolean",
            Self::Time => "timestamptz",
        }
    }
}

/// A table of nullable columns.
pub(crate) fn schema(columns: &[(&str, Kind)]) -> SchemaRef {
    let field = |(name, kind): &(&str, Kind)| {
        let data_type = match kind {
            Kind::Text => DataType::Utf8View,
            Kind::Number => DataType::Int64,
            Kind::Int8 => DataType::Int8,
            Kind::UInt32 => DataType::UInt32,
            Kind::Flag => DataType::Boolean,
            Kind::Time => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
        };
        Field::new(*name, data_type, true)
    };
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

pub(crate) fn text<T: AsRef<str>>(values: impl Iterator<Item = Option<T>>) -> ArrayRef {
    Arc::new(values.collect::<StringViewArray>())
}

pub(crate) fn number<T: Into<i64>>(values: impl Iterator<Item = Option<T>>) -> ArrayRef {
    Arc::new(values.map(|value| value.map(Into::into)).collect::<Int64Array>())
}

pub(crate) fn flag(values: impl Iterator<Item = Option<bool>>) -> ArrayRef {
    Arc::new(values.collect::<BooleanArray>())
}

pub(crate) fn time(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.collect::<TimestampNanosecondArray>().with_timezone("UTC"))
}
