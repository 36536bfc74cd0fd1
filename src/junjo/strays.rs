//! Stores whose transitions are not all in the trace of their owner, and transitions without an owner in theirs.
//!
//! A program may open a root of its own within a node; what it writes to the store of the workflow then lies in
//! another trace.

use std::{collections::HashSet, sync::Arc};

use datafusion::{
    arrow::{
        array::{Array, AsArray, RecordBatch},
        datatypes::{Int64Type, SchemaRef},
    },
    common::Result,
};

use super::{
    difference::{Difference, Differences, Found},
    span::Span,
    state::{self, Setting, Slot, Store, Transition},
};
use crate::{
    base::arrays::{self, Kind, flag, number, text},
    contract::digest::hash,
    judge::{interner::Symbol, junjo::record::Head, spool::Spool},
};

const COLUMNS: [(&str, Kind); 27] = [
    ("store_id", Kind::Text),
    // 0 for an owner, 1 for a transition.
    ("role", Kind::Number),
    ("sequence", Kind::Number),
    ("trace", Kind::Text),
    ("span", Kind::Number),
    ("file", Kind::Number),
    ("row_number", Kind::Number),
    ("in_wal", Kind::Flag),
    ("service", Kind::Number),
    ("name", Kind::Text),
    ("type", Kind::Text),
    ("execution", Kind::Text),
    ("settled", Kind::Flag),
    ("start", Kind::Text),
    ("end", Kind::Text),
    ("mode", Kind::Text),
    ("policy", Kind::Text),
    ("end_mode", Kind::Text),
    ("end_policy", Kind::Text),
    ("before", Kind::Number),
    ("after", Kind::Number),
    ("count", Kind::Number),
    ("claim", Kind::Flag),
    ("marks", Kind::Number),
    ("event_id", Kind::Text),
    ("store_name", Kind::Text),
    ("action", Kind::Text),
];

const LACKS_SPANS: i64 = 1;
const BLIND: i64 = 2;
const DROPS_EVENTS: i64 = 4;
const JUNJO_CARRIER: i64 = 8;

/// Owners and transitions that wait for each other.
#[derive(Debug)]
pub(crate) struct Strays {
    spool: Arc<Spool>,
    /// Digests of the stores that were whole in their own trace.
    whole: HashSet<u64>,
}

/// An owner or a transition.
#[derive(Debug, Default, Clone)]
struct Row {
    store_id: String,
    role: i64,
    sequence: Option<i64>,
    head: Option<Head>,
    name: String,
    span_type: String,
    execution: Option<String>,
    settled: bool,
    start: Option<String>,
    end: Option<String>,
    modes: [Option<String>; 4],
    before: Option<i64>,
    after: Option<i64>,
    count: Option<i64>,
    claim: Option<bool>,
    marks: i64,
    event_id: Option<String>,
    store_name: Option<String>,
    action: Option<String>,
}

/// What a trace adds.
#[derive(Debug, Default)]
pub(crate) struct NewStrays {
    rows: Vec<Row>,
    whole: Vec<u64>,
}

fn digest(store_id: &str) -> u64 {
    hash(store_id.as_bytes())
}

impl NewStrays {
    pub(crate) fn note_whole(&mut self, store_id: &str) {
        self.whole.push(digest(store_id));
    }

    pub(crate) fn add_owner(&mut self, span: &Span<'_>, store: &Store<'_>, setting: Setting, settled: bool) {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let mark = |mark: i64, whether: bool| if whether { mark } else { 0 };
        self.rows.push(Row {
            store_id: store.id.to_owned(),
            head: Some(span.head),
            name: span.name.to_owned(),
            span_type: span.kind.name().to_owned(),
            execution: owned(span.runtime_id()),
            settled,
            start: owned(store.start.text),
            end: owned(store.end.text),
            modes: [store.start.mode, store.start.policy, store.end.mode, store.end.policy].map(owned),
            before: store.revision_start,
            after: store.revision_end,
            count: store.count,
            claim: store.reconstructable,
            marks: mark(LACKS_SPANS, setting.lacks_spans)
                | mark(BLIND, setting.is_blind)
                | mark(DROPS_EVENTS, setting.drops_events),
            ..Row::default()
        });
    }

    pub(crate) fn add_transition(&mut self, span: &Span<'_>, transition: &Transition<'_>) {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let Slot { text, mode, policy } = transition.patch;
        self.rows.push(Row {
            store_id: transition.store_id.to_owned(),
            role: 1,
            sequence: transition.sequence,
            head: Some(transition.head),
            name: span.name.to_owned(),
            span_type: span.kind.name().to_owned(),
            execution: owned(span.runtime_id()),
            start: owned(text),
            modes: [owned(mode), owned(policy), None, None],
            before: transition.before,
            after: transition.after,
            marks: if transition.carrier_is_junjo { JUNJO_CARRIER } else { 0 },
            event_id: owned(transition.event_id),
            store_name: owned(transition.store_name),
            action: owned(transition.action),
            ..Row::default()
        });
    }
}

fn schema() -> SchemaRef {
    arrays::schema(&COLUMNS)
}

fn batch(rows: &[Row]) -> Result<RecordBatch> {
    let head = |of: fn(&Head) -> i64| number(rows.iter().map(|row| row.head.as_ref().map(of)));
    let mode = |index: usize| text(rows.iter().map(|row| row.modes[index].as_ref()));
    let trace = rows.iter().map(|row| row.head.as_ref().map(|head| format!("{:032x}", head.trace)));
    let columns = vec![
        text(rows.iter().map(|row| Some(&row.store_id))),
        number(rows.iter().map(|row| Some(row.role))),
        number(rows.iter().map(|row| row.sequence)),
        text(trace),
        head(|head| head.span.cast_signed()),
        head(|head| head.file.0.into()),
        head(|head| head.row_number.into()),
        flag(rows.iter().map(|row| row.head.as_ref().map(|head| head.in_wal))),
        head(|head| head.service.0.into()),
        text(rows.iter().map(|row| Some(&row.name))),
        text(rows.iter().map(|row| Some(&row.span_type))),
        text(rows.iter().map(|row| row.execution.as_ref())),
        flag(rows.iter().map(|row| Some(row.settled))),
        text(rows.iter().map(|row| row.start.as_ref())),
        text(rows.iter().map(|row| row.end.as_ref())),
        mode(0),
        mode(1),
        mode(2),
        mode(3),
        number(rows.iter().map(|row| row.before)),
        number(rows.iter().map(|row| row.after)),
        number(rows.iter().map(|row| row.count)),
        flag(rows.iter().map(|row| row.claim)),
        number(rows.iter().map(|row| Some(row.marks))),
        text(rows.iter().map(|row| row.event_id.as_ref())),
        text(rows.iter().map(|row| row.store_name.as_ref())),
        text(rows.iter().map(|row| row.action.as_ref())),
    ];
    Ok(RecordBatch::try_new(schema(), columns)?)
}

impl Strays {
    pub(crate) fn new(budget: usize) -> Self {
        Self { spool: Arc::new(Spool::new(schema(), budget)), whole: HashSet::new() }
    }

    pub(crate) fn take(&mut self, new: NewStrays) -> Result<()> {
        self.whole.extend(new.whole);
        if new.rows.is_empty() { Ok(()) } else { self.spool.push(batch(&new.rows)?) }
    }

    /// Matches owners and transitions, and hands on what differs, part by part.
    pub(crate) fn settle(&self, mut hand_on: impl FnMut(Differences) -> Result<()>) -> Result<()> {
        let order = (0..COLUMNS.len()).collect();
        for part in self.spool.grouped(order, 1)? {
            let part = part?;
            let mut out = Differences::default();
            let ids = part.column(0).as_string_view();
            let mut start = 0;
            while start < part.num_rows() {
                let length =
                    (start..part.num_rows()).take_while(|row| ids.value(*row) == ids.value(start)).count();
                self.match_up(&View(&part), start, start + length, &mut out);
                start += length;
            }
            hand_on(out)?;
        }
        Ok(())
    }

    /// The rows of one store: its owners first.
    fn match_up(&self, view: &View<'_>, start: usize, end: usize, out: &mut Differences) {
        let owners = (start..end).take_while(|row| view.number("role", *row) == Some(0)).count();
        let transitions: Vec<Transition<'_>> =
            (start + owners..end).map(|row| view.transition(row)).collect();
        if owners == 0 {
            // Without an owner here, the owner may still be running; a store that was whole has no room for more.
            if self.whole.contains(&digest(view.text("store_id", start).unwrap_or_default())) {
                for (place, transition) in transitions.iter().enumerate() {
                    let difference =
                        Difference::new("sequence").because("the store has all of its transitions elsewhere");
                    let number =
                        transition.sequence.map_or_else(|| "?".to_owned(), |number| number.to_string());
                    view.add(start + place, true, difference.about(format!("transition {number}")), out);
                }
            }
            return;
        }
        let store = view.store(start);
        for (place, difference) in state::judge(&store, &transitions, view.setting(start)) {
            let settled = view.flag("settled", start) == Some(true);
            view.add(place.map_or(start, |place| start + owners + place), settled, difference, out);
        }
    }
}

/// Rows as they were noted.
struct View<'r>(&'r RecordBatch);

impl<'r> View<'r> {
    fn text(&self, column: &str, row: usize) -> Option<&'r str> {
        let column = self.0.column_by_name(column)?.as_string_view();
        column.is_valid(row).then(|| column.value(row))
    }

    fn number(&self, column: &str, row: usize) -> Option<i64> {
        let column = self.0.column_by_name(column)?.as_primitive::<Int64Type>();
        column.is_valid(row).then(|| column.value(row))
    }

    fn flag(&self, column: &str, row: usize) -> Option<bool> {
        let column = self.0.column_by_name(column)?.as_boolean();
        column.is_valid(row).then(|| column.value(row))
    }

    fn head(&self, row: usize) -> Head {
        let number = |column: &str| self.number(column, row).unwrap_or_default();
        let trace = self.text("trace", row).and_then(|trace| u128::from_str_radix(trace, 16).ok());
        Head {
            trace: trace.unwrap_or_default(),
            span: number("span").cast_unsigned(),
            parent: 0,
            has_parent: false,
            start_time: 0,
            end_time: 0,
            file: Symbol(number("file") as u32),
            row_number: number("row_number") as u32,
            in_wal: self.flag("in_wal", row) == Some(true),
            service: Symbol(number("service") as u32),
            resource: 0,
            status: 0,
            dropped_attributes: 0,
            dropped_events: 0,
            has_attributes: true,
            has_events: true,
        }
    }

    fn slot(&self, row: usize, columns: [&str; 3]) -> Slot<'r> {
        let [text, mode, policy] = columns.map(|column| self.text(column, row));
        Slot { text, mode, policy }
    }

    fn store(&self, row: usize) -> Store<'r> {
        Store {
            id: self.text("store_id", row).unwrap_or_default(),
            start: self.slot(row, ["start", "mode", "policy"]),
            end: self.slot(row, ["end", "end_mode", "end_policy"]),
            revision_start: self.number("before", row),
            revision_end: self.number("after", row),
            count: self.number("count", row),
            reconstructable: self.flag("claim", row),
        }
    }

    fn setting(&self, row: usize) -> Setting {
        let marks = self.number("marks", row).unwrap_or_default();
        Setting {
            lacks_spans: marks & LACKS_SPANS != 0,
            is_blind: marks & BLIND != 0,
            drops_events: marks & DROPS_EVENTS != 0,
        }
    }

    fn transition(&self, row: usize) -> Transition<'r> {
        Transition {
            head: self.head(row),
            carrier_is_junjo: self.number("marks", row).is_some_and(|marks| marks & JUNJO_CARRIER != 0),
            event_id: self.text("event_id", row),
            store_id: self.text("store_id", row).unwrap_or_default(),
            store_name: self.text("store_name", row),
            action: self.text("action", row),
            sequence: self.number("sequence", row),
            before: self.number("before", row),
            after: self.number("after", row),
            patch: self.slot(row, ["start", "mode", "policy"]),
            time: 0,
        }
    }

    fn add(&self, row: usize, settled: bool, difference: Difference, out: &mut Differences) {
        let span_type = match self.text("type", row) {
            Some("workflow") => "workflow",
            Some("subflow") => "subflow",
            Some("node") => "node",
            Some("run_concurrent") => "run_concurrent",
            Some("agent") => "agent",
            Some("operation") => "operation",
            _ => "foreign",
        };
        out.found.push(Found {
            head: self.head(row),
            execution: self.text("execution", row).map(str::to_owned),
            span_type,
            span_name: self.text("name", row).unwrap_or_default().to_owned(),
            settled,
            difference,
        });
    }
}
