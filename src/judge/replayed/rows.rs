//! What a replay adds to the judged tables, so that the checks judge it like generated traffic.
//!
//! `delivery` gets a row for each span of which something is to be said, and none for those that were acked
//! and are stored; `exports` the exports that were taken in part; `sightings` and `differences` the same as of
//! a generated run. Nobody planned services and workflows: they are null.

use std::sync::Arc;

use datafusion::arrow::{
    array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray},
    datatypes::{Field, Schema, SchemaRef},
    error::ArrowError,
};

use super::{Reckoning, Span};
use crate::{
    base::arrays::{flag, number, text, time},
    judge::{encode, evidence::Address},
    tables::{delivery::Delivery, exports},
    traffic::ids::RunId,
};

/// A value that is not what was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) address: Address,
    pub(crate) ordinal: u64,
    pub(crate) trace_id: Option<String>,
    pub(crate) span_id: String,
    /// The service that was sent as the span's.
    pub(crate) service: Option<String>,
    /// Where it cannot be said in which column a row differs, `unknown`.
    pub(crate) column: &'static str,
    pub(crate) expected: Option<String>,
    pub(crate) actual: Option<String>,
}

/// The rows of one replay.
#[derive(Debug)]
pub(crate) struct ReplayRows {
    pub(crate) delivery: RecordBatch,
    pub(crate) exports: RecordBatch,
    pub(crate) sightings: RecordBatch,
    pub(crate) differences: RecordBatch,
}

impl ReplayRows {
    pub(crate) fn new(
        run: RunId,
        reckoning: &Reckoning,
        differences: &[Difference],
    ) -> Result<Self, ArrowError> {
        Ok(Self {
            delivery: delivery(run, reckoning)?,
            exports: exports(run, reckoning)?,
            sightings: encode::sightings(&reckoning.copies)?,
            differences: of_differences(run, differences)?,
        })
    }
}

fn delivery(run: RunId, reckoning: &Reckoning) -> Result<RecordBatch, ArrowError> {
    let Reckoning { lost, pending, unproven, refused_but_stored, recovered, .. } = reckoning;
    let fates = [
        ("acked", &lost.kept),
        ("acked", &pending.kept),
        ("acked", &unproven.kept),
        ("rejected", &refused_but_stored.kept),
        ("indeterminate", &recovered.kept),
    ];
    let rows: Vec<(&str, &Span)> = fates
        .into_iter()
        .flat_map(|(outcome, spans)| spans.iter().map(move |span| (outcome, span)))
        .collect();
    let unread = reckoning.unread.first().map(|(file, _)| file);
    let spans = || rows.iter().map(|(_, span)| span);
    let column = |name: &str| -> ArrayRef {
        let number =
            |of: fn(&Span) -> i64| Arc::new(Int64Array::from_iter_values(spans().map(|span| of(span))));
        let flag = |of: &dyn Fn(&Span) -> bool| {
            Arc::new(spans().map(|span| Some(of(span))).collect::<BooleanArray>())
        };
        match name {
            "run" => Arc::new(StringArray::from_iter_values(rows.iter().map(|_| run.to_string()))),
            "span" => number(|span| span.ordinal.cast_signed()),
            "span_id" => Arc::new(StringArray::from_iter_values(spans().map(|span| span.id()))),
            "outcome" => Arc::new(StringArray::from_iter_values(rows.iter().map(|(outcome, _)| outcome))),
            "behind_barrier" => flag(&|span| span.settled),
            "maybe_unread" => flag(&|span| span.copies() == 0 && reckoning.hides()),
            "n_cold" => number(|span| span.cold.into()),
            "n_wal" => number(|span| span.wal.into()),
            "n_found" => number(|span| span.copies().into()),
            "altered" => flag(&|_| false),
            "export_ended_at" => {
                let at = spans().map(|span| span.answered_at.map(u64::cast_signed));
                Arc::new(at.collect::<TimestampNanosecondArray>().with_timezone("UTC"))
            }
            "unread_file" => {
                Arc::new(spans().map(|span| unread.filter(|_| span.copies() == 0)).collect::<StringArray>())
            }
            "workflow" | "export" => Arc::new(Int64Array::new_null(rows.len())),
            "parent_lost" => Arc::new(BooleanArray::new_null(rows.len())),
            _ => Arc::new(StringArray::new_null(rows.len())),
        }
    };
    let schema = nullable(&Delivery::columns());
    let columns = schema.fields().iter().map(|field| column(field.name())).collect();
    RecordBatch::try_new(schema, columns)
}

fn exports(run: RunId, reckoning: &Reckoning) -> Result<RecordBatch, ArrowError> {
    let rows = || reckoning.partial.iter();
    let exports = || rows().map(|partial| &partial.export);
    let columns = vec![
        text(rows().map(|_| Some(run.to_string()))),
        number(rows().map(|_| None::<i64>)),
        text(rows().map(|_| None::<&str>)),
        number(exports().map(|export| Some(export.first.cast_signed()))),
        number(exports().map(|export| Some(export.count))),
        time(exports().map(|export| Some(export.started_at.cast_signed()))),
        time(exports().map(|export| export.ended_at().map(u64::cast_signed))),
        text(exports().map(|export| Some(export.outcome.name()))),
        text(exports().map(|export| export.outcome.code().map(|code| code.to_string()))),
        number(exports().map(|export| export.outcome.rejected_spans())),
        number(exports().map(|export| Some(export.attempts))),
        number(exports().map(|export| Some(i64::from(export.refusals)))),
        number(rows().map(|partial| Some(partial.found.cast_signed()))),
        flag(rows().map(|partial| Some(partial.settled))),
        flag(rows().map(|_| Some(reckoning.hides()))),
    ];
    RecordBatch::try_new(exports::columns(), columns)
}

fn of_differences(run: RunId, differences: &[Difference]) -> Result<RecordBatch, ArrowError> {
    let rows = || differences.iter();
    // The service of a span is what other services must not get.
    let kind = |found: &Difference| if found.column == "service_name" { "witness" } else { "content" };
    let columns = vec![
        text(rows().map(|found| Some(found.address.tier.name()))),
        text(rows().map(|found| Some(&*found.address.file))),
        number(rows().map(|found| Some(found.address.row_number.cast_signed()))),
        text(rows().map(|_| Some(run.to_string()))),
        text(rows().map(|found| found.service.as_ref())),
        number(rows().map(|_| None::<i64>)),
        number(rows().map(|found| Some(found.ordinal.cast_signed()))),
        text(rows().map(|found| found.trace_id.as_ref())),
        text(rows().map(|found| Some(&found.span_id))),
        text(rows().map(|found| Some(found.column))),
        text(rows().map(|_| None::<&str>)),
        text(rows().map(|found| Some(kind(found)))),
        text(rows().map(|found| found.expected.as_ref())),
        text(rows().map(|found| found.actual.as_ref())),
    ];
    RecordBatch::try_new(encode::differences_schema(), columns)
}

fn nullable(schema: &Schema) -> SchemaRef {
    let fields: Vec<Field> =
        schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true)).collect();
    Arc::new(Schema::new(fields))
}
