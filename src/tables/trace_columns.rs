//! The columns of `trace_facts`.

use std::sync::LazyLock;

use datafusion::arrow::{array::ArrayRef, datatypes::SchemaRef};

use super::{
    fact_columns::{tier, trace_text},
    fact_table::FactSource,
};
use crate::{
    base::arrays::{self, Kind, flag, number, text, time},
    judge::{
        fact::Id,
        trace_bucket::{Family, Trace},
    },
};

const COLUMNS: [(&str, Kind); 17] = [
    ("tier", Kind::Text),
    ("file", Kind::Text),
    ("row_number", Kind::Number),
    ("trace_id", Kind::Text),
    ("service_name", Kind::Text),
    ("rows", Kind::Number),
    ("spans", Kind::Number),
    ("roots", Kind::Number),
    ("services", Kind::Number),
    ("absent_local_parents", Kind::Number),
    ("absent_remote_parents", Kind::Number),
    ("absent_unknown_parents", Kind::Number),
    ("parents_elsewhere", Kind::Number),
    ("has_cycle", Kind::Flag),
    ("start_time", Kind::Time),
    ("end_time", Kind::Time),
    ("an_hour_old", Kind::Flag),
];

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| arrays::schema(&COLUMNS));

pub(crate) fn schema() -> SchemaRef {
    SchemaRef::clone(&SCHEMA)
}

/// One column for some traces of a family; a trace's address is its first row's.
pub(crate) fn column(source: &FactSource, family: &Family, rows: &[u32], name: &str) -> ArrayRef {
    let traces = || rows.iter().map(|row| &family.traces[*row as usize]);
    let firsts = || traces().map(|trace| &family.facts[trace.first_row as usize]);
    let count = |of: fn(&Trace) -> u32| number(traces().map(|trace| Some(of(trace))));
    match name {
        "tier" => text(firsts().map(|first| Some(tier(first)))),
        "file" => source.names.take(firsts().map(|first| first.file)),
        "row_number" => number(firsts().map(|first| Some(first.row_number))),
        "trace_id" => {
            text(firsts().map(|first| trace_text(source, first.trace, first.marks.id_form(Id::Trace))))
        }
        "service_name" => source.names.take(firsts().map(|first| first.service)),
        "rows" => count(|trace| trace.rows),
        "spans" => count(|trace| trace.spans),
        "roots" => count(|trace| trace.roots),
        "services" => count(|trace| trace.services),
        "absent_local_parents" => count(|trace| trace.absent_local),
        "absent_remote_parents" => count(|trace| trace.absent_remote),
        "absent_unknown_parents" => count(|trace| trace.absent_unknown),
        "parents_elsewhere" => number(traces().map(|trace| Some(elsewhere(source, family, trace)))),
        "has_cycle" => flag(traces().map(|trace| Some(trace.has_cycle))),
        "start_time" => time(traces().map(|trace| Some(trace.start_time))),
        "end_time" => time(traces().map(|trace| Some(trace.end_time))),
        _ => flag(traces().map(|trace| Some(trace.end_time < source.hour_before))),
    }
}

/// How many rows of a trace have their parent in another trace.
fn elsewhere(source: &FactSource, family: &Family, trace: &Trace) -> u32 {
    let places = trace.first_row as usize..(trace.first_row + trace.rows) as usize;
    let apart =
        |place: &usize| source.elsewhere.parent_of(&family.facts[*place], family.kin[*place]).is_some();
    places.filter(apart).count() as u32
}
