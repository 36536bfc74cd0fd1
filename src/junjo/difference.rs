//! What the spans of an execution say against each other: one row each, which the checks' SQL judges.

use datafusion::{
    arrow::{
        array::{ArrayRef, RecordBatch},
        datatypes::SchemaRef,
    },
    common::Result,
};

use super::span::Span;
use crate::{
    base::arrays::{self, Kind, flag, number, text},
    judge::{
        interner::{Interner, Symbol},
        junjo::record::Head,
    },
    store::layout::Tier,
};

/// What differs, where, and from what.
#[derive(Debug, Clone, Default)]
pub(crate) struct Difference {
    pub(crate) kind: &'static str,
    /// The part of the execution that it is about.
    pub(crate) subject: Option<String>,
    pub(crate) expected: Option<String>,
    pub(crate) actual: Option<String>,
    pub(crate) cause: Option<String>,
}

impl Difference {
    pub(crate) fn new(kind: &'static str) -> Self {
        Self { kind, ..Self::default() }
    }

    pub(crate) fn about(self, subject: impl Into<String>) -> Self {
        Self { subject: Some(subject.into()), ..self }
    }

    pub(crate) fn between<E: ToString, A: ToString>(self, expected: Option<E>, actual: Option<A>) -> Self {
        Self { expected: expected.map(|it| it.to_string()), actual: actual.map(|it| it.to_string()), ..self }
    }

    pub(crate) fn because(self, cause: impl Into<String>) -> Self {
        Self { cause: Some(cause.into()), ..self }
    }
}

/// A difference with the span that it was found at.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) head: Head,
    pub(crate) execution: Option<String>,
    pub(crate) span_type: &'static str,
    pub(crate) span_name: String,
    pub(crate) settled: bool,
    pub(crate) difference: Difference,
}

/// Differences that were found, to be made a batch.
#[derive(Debug, Default)]
pub(crate) struct Differences {
    pub(crate) found: Vec<Found>,
}

impl Differences {
    pub(crate) fn add(&mut self, span: &Span<'_>, settled: bool, difference: Difference) {
        self.found.push(Found {
            head: span.head,
            execution: span.runtime_id().map(str::to_owned),
            span_type: span.kind.name(),
            span_name: span.name.to_owned(),
            settled,
            difference,
        });
    }

    pub(crate) fn batch(&self, names: &Interner) -> Result<RecordBatch> {
        let rows = || self.found.iter();
        let name = |name: fn(&Found) -> Symbol| text(rows().map(|row| names.text(name(row))));
        let columns: Vec<ArrayRef> = vec![
            text(rows().map(|row| Some(tier(&row.head)))),
            name(|row| row.head.file),
            number(rows().map(|row| Some(row.head.row_number))),
            text(rows().map(|row| Some(trace_id(&row.head)))),
            text(rows().map(|row| Some(span_id(row.head.span)))),
            name(|row| row.head.service),
            text(rows().map(|row| Some(&row.span_name))),
            text(rows().map(|row| Some(row.span_type))),
            text(rows().map(|row| row.execution.as_ref())),
            text(rows().map(|row| Some(row.difference.kind))),
            text(rows().map(|row| row.difference.subject.as_ref())),
            text(rows().map(|row| row.difference.expected.as_ref())),
            text(rows().map(|row| row.difference.actual.as_ref())),
            text(rows().map(|row| row.difference.cause.as_ref())),
            flag(rows().map(|row| Some(row.settled))),
        ];
        Ok(RecordBatch::try_new(schema(), columns)?)
    }
}

/// The columns of `execution_differences`.
pub(crate) fn schema() -> SchemaRef {
    arrays::schema(&[
        ("tier", Kind::Text),
        ("file", Kind::Text),
        ("row_number", Kind::Number),
        ("trace_id", Kind::Text),
        ("span_id", Kind::Text),
        ("service_name", Kind::Text),
        ("name", Kind::Text),
        ("type", Kind::Text),
        ("runtime_id", Kind::Text),
        ("kind", Kind::Text),
        ("subject", Kind::Text),
        ("expected", Kind::Text),
        ("actual", Kind::Text),
        ("cause", Kind::Text),
        ("settled", Kind::Flag),
    ])
}

pub(crate) fn tier(head: &Head) -> &'static str {
    if head.in_wal { Tier::Wal.name() } else { Tier::Cold.name() }
}

pub(crate) fn trace_id(head: &Head) -> String {
    const_hex::encode(head.trace.to_be_bytes())
}

pub(crate) fn span_id(span: u64) -> String {
    const_hex::encode(span.to_be_bytes())
}
