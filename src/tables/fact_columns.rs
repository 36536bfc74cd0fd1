//! The columns of `facts`.

use std::sync::LazyLock;

use datafusion::arrow::{array::ArrayRef, datatypes::SchemaRef};

use super::fact_table::FactSource;
use crate::{
    base::arrays::{self, Kind, flag, number, text, time},
    contract::{
        json_form::Form,
        schema::{column, column_name},
    },
    judge::{
        fact::{Fact, Id, JSON_COLUMNS, Marks},
        interner::Name,
        malformed_ids::IdForm,
        trace_bucket::{Family, Kin, Trace},
    },
    store::layout::Tier,
    traffic::ids::RunId,
};

const COLUMNS: [(&str, Kind); 49] = [
    ("tier", Kind::Text),
    ("file", Kind::Text),
    ("row_number", Kind::Number),
    ("trace_id", Kind::Text),
    ("span_id", Kind::Text),
    ("parent_span_id", Kind::Text),
    ("service_name", Kind::Text),
    ("resource_service", Kind::Text),
    ("tagged_service", Kind::Text),
    ("instance_id", Kind::Text),
    ("run", Kind::Text),
    ("start_time", Kind::Time),
    ("end_time", Kind::Time),
    ("duration_ns", Kind::Number),
    // What the duration should be.
    ("interval_ns", Kind::Number),
    ("in_future", Kind::Flag),
    ("settled", Kind::Flag),
    ("event_outside", Kind::Flag),
    ("parent_is_remote", Kind::Flag),
    ("malformed_ids", Kind::Text),
    ("null_columns", Kind::Text),
    ("invalid_json", Kind::Text),
    ("doubled_keys", Kind::Text),
    ("noncanonical", Kind::Text),
    // Copies of the same span.
    ("copies", Kind::Number),
    ("wal_copies", Kind::Number),
    ("is_first_copy", Kind::Flag),
    ("is_last_copy", Kind::Flag),
    ("copies_differ", Kind::Flag),
    ("first_tier", Kind::Text),
    ("first_file", Kind::Text),
    ("first_row_number", Kind::Number),
    // The parent: in this trace, or where else.
    ("has_parent", Kind::Flag),
    ("parent_here", Kind::Flag),
    ("parent_trace_id", Kind::Text),
    ("parent_file", Kind::Text),
    ("parent_row_number", Kind::Number),
    ("parent_service", Kind::Text),
    ("parent_resource_service", Kind::Text),
    ("parent_start_time", Kind::Time),
    ("parent_end_time", Kind::Time),
    ("within_parent_execution", Kind::Flag),
    ("in_cycle", Kind::Flag),
    // The trace.
    ("trace_spans", Kind::Number),
    ("trace_roots", Kind::Number),
    ("trace_services", Kind::Number),
    ("trace_settled", Kind::Flag),
    ("trace_an_hour_old", Kind::Flag),
    ("trace_has_local_orphan", Kind::Flag),
];

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| arrays::schema(&COLUMNS));

pub(crate) fn schema() -> SchemaRef {
    SchemaRef::clone(&SCHEMA)
}

/// One column for some rows of a family.
pub(crate) fn column(source: &FactSource, family: &Family, rows: &[u32], name: &str) -> ArrayRef {
    let places = || rows.iter().map(|row| *row as usize);
    let facts = || places().map(|place| &family.facts[place]);
    let kins = || places().map(|place| family.kin[place]);
    let both = || facts().zip(kins());
    let at = |place: u32| family.facts.get(place as usize);
    let firsts = || kins().map(|kin| at(kin.first_copy));
    let parents = || kins().map(|kin| at(kin.parent));
    let traces = || kins().map(|kin| family.traces.get(kin.trace as usize));
    let names = |names: &mut dyn Iterator<Item = Name>| source.names.take(names);
    let mark = |mark: u32| flag(facts().map(|fact| Some(fact.marks.has(mark))));
    let timed = |fact: &Fact, at: i64| (!fact.marks.has(Marks::UNTIMED)).then_some(at);
    match name {
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
        "is_first_copy" => flag(kins().zip(rows).map(|(kin, row)| Some(kin.first_copy == *row))),
        "is_last_copy" => flag(kins().zip(rows).map(|(kin, row)| Some(kin.last_copy == *row))),
        "copies_differ" => flag(kins().map(|kin| Some(kin.conflicting))),
        "first_tier" => text(firsts().map(|first| first.map(tier))),
        "first_file" => names(&mut firsts().map(|first| first.map_or(Name::NONE, |first| first.file))),
        "first_row_number" => number(firsts().map(|first| first.map(|first| first.row_number))),
        "has_parent" => flag(facts().map(|fact| Some(fact.has_parent()))),
        "parent_here" => flag(kins().map(|kin| Some(kin.parent != Kin::NONE))),
        "parent_trace_id" => text(both().map(|(fact, kin)| {
            let found = source.elsewhere.parent_of(fact, kin)?;
            trace_text(source, found.trace, found.trace_form)
        })),
        "parent_file" => names(&mut both().map(|(fact, kin)| match at(kin.parent) {
            Some(parent) => parent.file,
            None => source.elsewhere.parent_of(fact, kin).map_or(Name::NONE, |found| found.file),
        })),
        "parent_row_number" => number(both().map(|(fact, kin)| match at(kin.parent) {
            Some(parent) => Some(parent.row_number),
            None => source.elsewhere.parent_of(fact, kin).map(|found| found.row_number),
        })),
        "parent_service" => {
            names(&mut parents().map(|parent| parent.map_or(Name::NONE, |parent| parent.service)))
        }
        "parent_resource_service" => {
            names(&mut parents().map(|parent| parent.map_or(Name::NONE, |parent| parent.resource_service)))
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
        "in_cycle" => flag(kins().map(|kin| Some(kin.in_cycle))),
        "trace_spans" => number(traces().map(|trace| trace.map(|trace| trace.spans))),
        "trace_roots" => number(traces().map(|trace| trace.map(|trace| trace.roots))),
        "trace_services" => number(traces().map(|trace| trace.map(|trace| trace.services))),
        "trace_settled" => {
            flag(traces().map(|trace| trace.map(|trace| trace.end_time < source.settled_before)))
        }
        "trace_an_hour_old" => {
            flag(traces().map(|trace| trace.map(|trace| trace.end_time < source.hour_before)))
        }
        _ => flag(traces().map(|trace| trace.map(|trace: &Trace| trace.absent_local > 0))),
    }
}

pub(crate) fn tier(fact: &Fact) -> &'static str {
    if fact.marks.has(Marks::IN_WAL) { Tier::Wal.name() } else { Tier::Cold.name() }
}

/// A trace id as it is stored.
pub(crate) fn trace_text(source: &FactSource, trace: u128, form: IdForm) -> Option<String> {
    id_text(source, trace, form, || const_hex::encode(trace.to_be_bytes()))
}

fn span_text(source: &FactSource, span: u64, form: IdForm) -> Option<String> {
    id_text(source, span.into(), form, || const_hex::encode(span.to_be_bytes()))
}

fn id_text(source: &FactSource, key: u128, form: IdForm, hex: impl Fn() -> String) -> Option<String> {
    match form {
        IdForm::WellFormed | IdForm::Zero => Some(hex()),
        IdForm::Odd => source.odd.text(key).map(|text| text.to_string()),
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
    let columns = JSON_COLUMNS.iter().enumerate();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_is_there_once() {
        let names: std::collections::BTreeSet<_> = COLUMNS.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), COLUMNS.len());
    }
}
