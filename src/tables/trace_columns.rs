//! The columns of `unplanned_traces`.

use datafusion::{arrow::array::ArrayRef, common::Result};

use super::{
    fact_columns::{span_text, tier, trace_text},
    fact_table::FactSource,
    unknown_column,
};
use crate::{
    base::arrays::{flag, number, text, time},
    judge::{
        fact::{Id, Marks},
        trace_bucket::{Trace, TraceBucket, Witness},
    },
};

/// One column for some traces of a family; a trace's address is its first row's.
pub(super) fn column(
    source: &FactSource,
    family: &TraceBucket,
    rows: &[u32],
    name: &str,
) -> Result<ArrayRef> {
    let traces = || rows.iter().map(|row| &family.traces[*row as usize]);
    let firsts = || traces().map(|trace| &family.facts[trace.first_row as usize]);
    let count = |of: fn(&Trace) -> u32| number(traces().map(|trace| Some(of(trace))));
    Ok(match name {
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
        "absent_owners" => count(|trace| trace.absent_owners),
        "absent_owner_span_id" => text(traces().map(|trace| absent_owner(source, family, trace))),
        "parents_elsewhere" => number(traces().map(|trace| Some(elsewhere(source, family, trace)))),
        "has_cycle" => flag(traces().map(|trace| Some(trace.has_cycle))),
        "start_time" => time(traces().map(|trace| Some(trace.start_time))),
        "end_time" => time(traces().map(|trace| Some(trace.end_time))),
        "an_hour_old" => flag(traces().map(|trace| Some(trace.end_time < source.hour_before))),
        "a_day_old" => flag(traces().map(|trace| Some(trace.end_time < source.day_before))),
        other => return unknown_column("unplanned_traces", other),
    })
}

/// The span of the absent owner that the first such row names as its parent.
fn absent_owner(source: &FactSource, family: &TraceBucket, trace: &Trace) -> Option<String> {
    let mut places = trace.first_row as usize..(trace.first_row + trace.rows) as usize;
    let fact = |place: usize| &family.facts[place];
    let place = places.find(|place| {
        family.kin[*place].witness == Some(Witness::Named) && !fact(*place).marks.has(Marks::REMOTE_PARENT)
    })?;
    span_text(source, fact(place).parent, fact(place).marks.id_form(Id::Parent))
}

/// How many rows of a trace have their parent in another trace.
fn elsewhere(source: &FactSource, family: &TraceBucket, trace: &Trace) -> u32 {
    let places = trace.first_row as usize..(trace.first_row + trace.rows) as usize;
    let apart =
        |place: &usize| source.elsewhere.parent_of(&family.facts[*place], family.kin[*place]).is_some();
    places.filter(apart).count() as u32
}
