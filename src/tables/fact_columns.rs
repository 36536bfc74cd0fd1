//! The columns of `unplanned_rows`.

use std::collections::BTreeSet;

use datafusion::{arrow::array::ArrayRef, common::Result};

use super::{fact_table::FactSource, unknown_column};
use crate::{
    base::arrays::{flag, number, text, time},
    contract::{
        json_form::Form,
        schema::{column, column_name},
    },
    judge::{
        fact::{Fact, Id, Marks},
        interner::Symbol,
        malformed_ids::IdForm,
        trace_bucket::{Relations, Trace, TraceBucket, Witness},
    },
    store::layout::Tier,
    traffic::ids::RunId,
};

/// One column for some rows of a family.
pub(super) fn column(
    source: &FactSource,
    family: &TraceBucket,
    rows: &[u32],
    name: &str,
) -> Result<ArrayRef> {
    let places = || rows.iter().map(|row| *row as usize);
    let facts = || places().map(|place| &family.facts[place]);
    let kins = || places().map(|place| family.kin[place]);
    let both = || facts().zip(kins());
    let at = |place: u32| family.facts.get(place as usize);
    let firsts = || kins().map(|kin| at(kin.first_copy));
    let parents = || kins().map(|kin| at(kin.parent));
    let names = |names: &mut dyn Iterator<Item = Symbol>| source.names.take(names);
    let mark = |mark: u64| flag(facts().map(|fact| Some(fact.marks.has(mark))));
    let timed = |fact: &Fact, at: i64| (!fact.marks.has(Marks::UNTIMED)).then_some(at);
    Ok(match name {
        "tier" => text(facts().map(|fact| Some(tier(fact)))),
        "file" => names(&mut facts().map(|fact| fact.file)),
        "row_number" => number(facts().map(|fact| Some(fact.row_number))),
        "trace_id" => text(facts().map(|fact| trace_text(source, fact.trace, fact.marks.id_form(Id::Trace)))),
        "span_id" => text(facts().map(|fact| span_text(source, fact.span, fact.marks.id_form(Id::Span)))),
        "parent_span_id" => {
            text(facts().map(|fact| span_text(source, fact.parent, fact.marks.id_form(Id::Parent))))
        }
        "service_name" => names(&mut facts().map(|fact| fact.service)),
        "resource_service" => names(&mut facts().map(|fact| fact.resource_service)),
        "tagged_service" => names(&mut facts().map(|fact| fact.tagged_service)),
        "instance_id" => names(&mut facts().map(|fact| fact.instance)),
        "run" => text(
            facts().map(|fact| (fact.run != Fact::NO_RUN).then(|| RunId::from_bits(fact.run).to_string())),
        ),
        "start_time" => time(facts().map(|fact| timed(fact, fact.start_time))),
        "end_time" => time(facts().map(|fact| timed(fact, fact.end_time))),
        "duration_ns" => number(facts().map(|fact| timed(fact, fact.duration))),
        "interval_ns" => number(facts().map(|fact| timed(fact, fact.end_time.wrapping_sub(fact.start_time)))),
        "in_future" => flag(facts().map(|fact| {
            let ahead = |at: i64| at > source.day_ahead;
            Some(ahead(fact.start_time) || ahead(fact.end_time))
        })),
        "settled" => flag(
            facts()
                .map(|fact| Some(timed(fact, fact.end_time).is_some_and(|end| end < source.settled_before))),
        ),
        "event_outside" => mark(Marks::EVENT_OUTSIDE),
        "is_llm" => mark(Marks::LLM),
        "parent_is_remote" => flag(
            facts().map(|fact| fact.marks.has(Marks::FLAGGED).then(|| fact.marks.has(Marks::REMOTE_PARENT))),
        ),
        "malformed_ids" => text(facts().map(malformed)),
        "null_columns" => text(facts().map(|fact| joined(fact.marks.null_columns().map(column_name)))),
        "invalid_json" => text(facts().map(|fact| of_form(fact, Form::Invalid))),
        "doubled_keys" => text(facts().map(|fact| of_form(fact, Form::DoubledKey))),
        "noncanonical" => text(facts().map(|fact| of_form(fact, Form::Valid))),
        "copies" => number(kins().map(|kin| Some(kin.last_copy - kin.first_copy + 1))),
        "wal_copies" => number(kins().map(|kin| Some(kin.wal_copies))),
        "cold_files" => number(kins().map(|kin| files_of_copies(family, kin, false))),
        "wal_files" => number(kins().map(|kin| files_of_copies(family, kin, true))),
        "is_first_copy" => flag(kins().zip(rows).map(|(kin, row)| Some(kin.first_copy == *row))),
        "is_last_copy" => flag(kins().zip(rows).map(|(kin, row)| Some(kin.last_copy == *row))),
        "copies_differ" => flag(kins().map(|kin| Some(kin.conflicting))),
        "first_tier" => text(firsts().map(|first| first.map(tier))),
        "first_file" => names(&mut firsts().map(|first| first.map_or(Symbol::NONE, |first| first.file))),
        "first_row_number" => number(firsts().map(|first| first.map(|first| first.row_number))),
        "has_parent" => flag(facts().map(|fact| Some(fact.has_parent()))),
        "parent_here" => flag(kins().map(|kin| Some(kin.parent != Relations::NONE))),
        "parent_trace_id" => text(both().map(|(fact, kin)| {
            let found = source.elsewhere.parent_of(fact, kin)?;
            trace_text(source, found.trace, found.trace_form)
        })),
        "parent_file" => names(&mut both().map(|(fact, kin)| match at(kin.parent) {
            Some(parent) => parent.file,
            None => source.elsewhere.parent_of(fact, kin).map_or(Symbol::NONE, |found| found.file),
        })),
        "parent_row_number" => number(both().map(|(fact, kin)| match at(kin.parent) {
            Some(parent) => Some(parent.row_number),
            None => source.elsewhere.parent_of(fact, kin).map(|found| found.row_number),
        })),
        "parent_service" => {
            names(&mut parents().map(|parent| parent.map_or(Symbol::NONE, |parent| parent.service)))
        }
        "parent_resource_service" => {
            names(&mut parents().map(|parent| parent.map_or(Symbol::NONE, |parent| parent.resource_service)))
        }
        "parent_start_time" => {
            time(parents().map(|parent| parent.and_then(|parent| timed(parent, parent.start_time))))
        }
        "parent_end_time" => {
            time(parents().map(|parent| parent.and_then(|parent| timed(parent, parent.end_time))))
        }
        "within_parent_execution" => flag(
            facts()
                .zip(parents())
                .map(|(fact, parent)| parent.map(|parent| fact.execution.is_within(parent.execution))),
        ),
        "parent_awaits" => flag(
            facts()
                .zip(parents())
                .map(|(fact, parent)| parent.map(|parent| fact.execution.is_awaited_by(parent.execution))),
        ),
        "absent_parent_witness" => text(kins().map(witness)),
        "in_cycle" => flag(kins().map(|kin| Some(kin.in_cycle))),
        other => return column_of_trace(source, family, rows, other),
    })
}

/// A column that says something of a row's whole trace.
fn column_of_trace(source: &FactSource, family: &TraceBucket, rows: &[u32], name: &str) -> Result<ArrayRef> {
    let traces = || rows.iter().map(|row| family.traces.get(family.kin[*row as usize].trace as usize));
    Ok(match name {
        "trace_spans" => number(traces().map(|trace| trace.map(|trace| trace.spans))),
        "trace_roots" => number(traces().map(|trace| trace.map(|trace| trace.roots))),
        "trace_services" => number(traces().map(|trace| trace.map(|trace| trace.services))),
        "trace_root_service" => {
            source.names.take(traces().map(|trace| trace.map_or(Symbol::NONE, |trace| trace.root_service)))
        }
        "trace_settled" => {
            flag(traces().map(|trace| trace.map(|trace| trace.end_time < source.settled_before)))
        }
        "trace_an_hour_old" => {
            flag(traces().map(|trace| trace.map(|trace| trace.end_time < source.hour_before)))
        }
        "trace_a_day_old" => {
            flag(traces().map(|trace| trace.map(|trace| trace.end_time < source.day_before)))
        }
        "trace_has_remote_orphan" => {
            flag(traces().map(|trace| trace.map(|trace: &Trace| trace.absent_remote > 0)))
        }
        "trace_has_local_orphan" => {
            flag(traces().map(|trace| trace.map(|trace: &Trace| trace.absent_local > 0)))
        }
        other => return unknown_column("unplanned_rows", other),
    })
}

/// What tells of a parent that a row's trace lacks.
fn witness(kin: Relations) -> Option<&'static str> {
    kin.witness.map(|witness| match witness {
        Witness::Closed => "owner ended",
        Witness::Named => "owner absent",
    })
}

/// How many files of one kind hold the copies of a span.
fn files_of_copies(family: &TraceBucket, kin: Relations, in_wal: bool) -> Option<i64> {
    let copies = family.facts.get(kin.first_copy as usize..=kin.last_copy as usize)?;
    let files = copies.iter().filter(|copy| copy.marks.has(Marks::IN_WAL) == in_wal).map(|copy| copy.file);
    i64::try_from(files.collect::<BTreeSet<_>>().len()).ok()
}

pub(super) fn tier(fact: &Fact) -> &'static str {
    if fact.marks.has(Marks::IN_WAL) { Tier::Wal.name() } else { Tier::Cold.name() }
}

/// A trace id as it is stored.
pub(super) fn trace_text(source: &FactSource, trace: u128, form: IdForm) -> Option<String> {
    id_text(source, trace, form, || const_hex::encode(trace.to_be_bytes()))
}

pub(super) fn span_text(source: &FactSource, span: u64, form: IdForm) -> Option<String> {
    id_text(source, span.into(), form, || const_hex::encode(span.to_be_bytes()))
}

fn id_text(source: &FactSource, key: u128, form: IdForm, hex: impl Fn() -> String) -> Option<String> {
    match form {
        IdForm::WellFormed | IdForm::Zero => Some(hex()),
        IdForm::Odd => Some(source.odd.text(key).unwrap_or_else(hex)),
        IdForm::Null => None,
    }
}

/// The id columns that hold no id. A parent of zeros is a client's way to say that there is none.
fn malformed(fact: &Fact) -> Option<String> {
    let bad = |(id, column): &(Id, usize)| {
        let form = fact.marks.id_form(*id);
        let bad = match id {
            Id::Trace | Id::Span => form != IdForm::WellFormed,
            Id::Parent => form == IdForm::Odd,
        };
        bad.then(|| column_name(*column))
    };
    let ids =
        [(Id::Trace, column::TRACE_ID), (Id::Span, column::SPAN_ID), (Id::Parent, column::PARENT_SPAN_ID)];
    joined(ids.iter().filter_map(bad))
}

fn of_form(fact: &Fact, form: Form) -> Option<String> {
    let columns = column::JSON.iter().enumerate();
    joined(
        columns
            .filter(|(index, _)| fact.marks.json_form(*index) == form)
            .map(|(_, column)| column_name(*column)),
    )
}

fn joined<'n>(names: impl Iterator<Item = &'n str>) -> Option<String> {
    let names: Vec<&str> = names.collect();
    (!names.is_empty()).then(|| names.join(", "))
}
