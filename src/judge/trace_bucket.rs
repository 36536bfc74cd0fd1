//! The rows of whole traces, beside each other: parents, copies, cycles.
//!
//! All rows of a trace come together here, so what relates them is worked out once, by sorting, and the
//! checks' SQL asks for it as for any other column. Rows without a trace id have no relatives.

use std::collections::{BTreeSet, HashMap};

use super::{
    fact::{Fact, Id, Marks},
    interner::Symbol,
    junjo::Execution,
    malformed_ids::IdForm,
};

/// Facts in the order of trace, span, tier, file and row, with what relates them.
#[derive(Debug, Default)]
pub(crate) struct TraceBucket {
    pub(crate) facts: Vec<Fact>,
    /// By place in `facts`.
    pub(crate) kin: Vec<Relations>,
    pub(crate) traces: Vec<Trace>,
}

/// A row's relatives, by their places in the family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Relations {
    /// [`Relations::NONE`] for a row without a trace id.
    pub(crate) trace: u32,
    /// The first copy of the parent; [`Relations::NONE`] where it has none or is not here.
    pub(crate) parent: u32,
    /// The first and the last row of this span; this row, where there is one.
    pub(crate) first_copy: u32,
    pub(crate) last_copy: u32,
    pub(crate) in_cycle: bool,
    /// The copies of this span are not all equal.
    pub(crate) conflicting: bool,
    /// How many of the copies lie in segments.
    pub(crate) wal_copies: u32,
    /// What the trace knows of a parent that it lacks.
    pub(crate) witness: Option<Witness>,
}

/// What tells that an absent parent existed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Witness {
    /// The row's owner has ended, and waits for all that it starts.
    Closed,
    /// The row names an owner that is absent, too.
    Named,
}

impl Relations {
    pub(crate) const NONE: u32 = u32::MAX;
}

/// What the rows of one trace come to. Copies count once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trace {
    /// The place of its first row in the family.
    pub(crate) first_row: u32,
    pub(crate) rows: u32,
    pub(crate) spans: u32,
    pub(crate) roots: u32,
    /// Of the rows whose resource names the same.
    pub(crate) services: u32,
    /// Of the first root; [`Symbol::NONE`] where there is none.
    pub(crate) root_service: Symbol,
    /// Spans whose parent is not in the trace, by what their flags say of it.
    pub(crate) absent_local: u32,
    pub(crate) absent_remote: u32,
    pub(crate) absent_unknown: u32,
    /// Those, not in another process, whose row names an owner that is absent, too.
    pub(crate) absent_owners: u32,
    pub(crate) start_time: i64,
    pub(crate) end_time: i64,
    pub(crate) has_cycle: bool,
}

impl TraceBucket {
    /// Sorts and relates.
    pub(crate) fn of(mut facts: Vec<Fact>) -> Self {
        facts.sort_unstable_by_key(|fact| {
            let (trace, trace_form) = trace_key(fact);
            let (span, span_form) = span_key(fact);
            let in_wal = fact.marks.has(Marks::IN_WAL);
            (trace, trace_form.bits(), span, span_form.bits(), in_wal, fact.file, fact.row_number)
        });
        let mut family =
            Self { kin: facts.iter().map(|_| Relations::alone()).collect(), facts, traces: Vec::new() };
        let mut start = 0;
        while start < family.facts.len() {
            let trace = trace_key(&family.facts[start]);
            let length = family.facts[start..].iter().take_while(|fact| trace_key(fact) == trace).count();
            if family.facts[start].marks.id_form(Id::Trace) == IdForm::Null {
                family.leave_alone(start, length);
            } else {
                family.relate(start, length);
            }
            start += length;
        }
        family
    }

    fn leave_alone(&mut self, start: usize, length: usize) {
        for place in start..start + length {
            self.kin[place].first_copy = place as u32;
            self.kin[place].last_copy = place as u32;
        }
    }

    fn relate(&mut self, start: usize, length: usize) {
        let trace = self.traces.len() as u32;
        let mut first = start;
        while first < start + length {
            let last = first + self.copies(first, start + length) - 1;
            let copies = &self.facts[first..=last];
            let conflicting = copies.iter().any(|copy| copy.content != copies[0].content);
            let wal_copies = copies.iter().filter(|copy| copy.marks.has(Marks::IN_WAL)).count() as u32;
            for place in first..=last {
                let parent = self.parent_of(place, start, length);
                self.kin[place] = Relations {
                    trace,
                    parent,
                    first_copy: first as u32,
                    last_copy: last as u32,
                    in_cycle: false,
                    conflicting,
                    wal_copies,
                    witness: None,
                };
            }
            first = last + 1;
        }
        self.find_witnesses(start, length);
        let has_cycle = self.mark_cycles(start, length);
        self.traces.push(self.sum_up(start, length, has_cycle));
    }

    /// How many rows from `first` on are of the same span; rows without a span id are of none.
    fn copies(&self, first: usize, end: usize) -> usize {
        let span = span_key(&self.facts[first]);
        if span.1 == IdForm::Null {
            return 1;
        }
        self.facts[first..end].iter().take_while(|fact| span_key(fact) == span).count()
    }

    fn parent_of(&self, place: usize, start: usize, length: usize) -> u32 {
        let child = &self.facts[place];
        let rows = &self.facts[start..start + length];
        let wanted = (child.parent, child.marks.id_form(Id::Parent));
        let from = rows.partition_point(|row| row.span < wanted.0);
        let candidates = rows[from..].iter().take_while(|row| row.span == wanted.0);
        match candidates.enumerate().find(|(_, row)| span_key(row) == wanted) {
            Some((offset, _)) if child.has_parent() => (start + from + offset) as u32,
            _ => Relations::NONE,
        }
    }

    /// Whether another row knows of the parents that a trace lacks; most traces lack none.
    fn find_witnesses(&mut self, start: usize, length: usize) {
        let rows = start..start + length;
        let lacks =
            |place: &usize| self.facts[*place].has_parent() && self.kin[*place].parent == Relations::NONE;
        let orphans: Vec<usize> = rows.clone().filter(lacks).collect();
        if orphans.is_empty() {
            return;
        }
        let stored = self.facts[rows].iter().map(|fact| fact.execution);
        let owners: HashMap<u64, Execution> = stored
            .filter(|execution| execution.own != 0)
            .map(|execution| (execution.own, execution))
            .collect();
        for place in orphans {
            let execution = self.facts[place].execution;
            self.kin[place].witness = match owners.get(&execution.parent) {
                Some(owner) => execution.is_closed_by(*owner).then_some(Witness::Closed),
                None => (execution.parent != 0).then_some(Witness::Named),
            };
        }
    }

    /// Follows each row's parents; who comes back to itself is in a cycle. A row that is its own parent is
    /// none, which shows without relatives.
    fn mark_cycles(&mut self, start: usize, length: usize) -> bool {
        // By place: the walk that came there first. Nearly every parent has been looked at before its child, or has
        // no parent: one step decides.
        let mut walks = vec![Relations::NONE; length];
        let mut found = false;
        for place in start..start + length {
            let walk = (place - start) as u32;
            let mut at = place;
            while walks[at - start] == Relations::NONE {
                walks[at - start] = walk;
                let parent = self.kin[at].parent;
                if parent == Relations::NONE || parent as usize == at {
                    break;
                }
                at = parent as usize;
                if walks[at - start] == walk {
                    found = true;
                    self.mark_cycle(at);
                    break;
                }
            }
        }
        found
    }

    fn mark_cycle(&mut self, entry: usize) {
        let mut at = entry;
        while !self.kin[at].in_cycle {
            self.kin[at].in_cycle = true;
            at = self.kin[at].parent as usize;
        }
    }

    fn sum_up(&self, start: usize, length: usize, has_cycle: bool) -> Trace {
        let rows = &self.facts[start..start + length];
        // A row whose column and resource differ was mixed up, and tells nothing of its trace.
        let agrees =
            |row: &&Fact| row.resource_service == Symbol::NONE || row.resource_service == row.service;
        let services: BTreeSet<Symbol> = rows.iter().filter(agrees).map(|row| row.service).collect();
        let mut trace = Trace {
            first_row: start as u32,
            rows: length as u32,
            spans: 0,
            roots: 0,
            services: services.len() as u32,
            root_service: Symbol::NONE,
            absent_local: 0,
            absent_remote: 0,
            absent_unknown: 0,
            absent_owners: 0,
            start_time: rows.iter().map(|row| row.start_time).min().unwrap_or_default(),
            end_time: rows.iter().map(|row| row.end_time).max().unwrap_or_default(),
            has_cycle,
        };
        for (place, row) in
            (start..).zip(rows).filter(|(place, _)| self.kin[*place].first_copy as usize == *place)
        {
            trace.spans += 1;
            if !row.has_parent() {
                trace.roots += 1;
                if trace.root_service == Symbol::NONE {
                    trace.root_service = row.service;
                }
            } else if self.kin[place].parent == Relations::NONE {
                let absent = match (row.marks.has(Marks::FLAGGED), row.marks.has(Marks::REMOTE_PARENT)) {
                    (true, false) => &mut trace.absent_local,
                    (true, true) => &mut trace.absent_remote,
                    (false, _) => &mut trace.absent_unknown,
                };
                *absent += 1;
                let names_an_owner = self.kin[place].witness == Some(Witness::Named);
                trace.absent_owners += u32::from(names_an_owner && !row.marks.has(Marks::REMOTE_PARENT));
            }
        }
        trace
    }
}

impl Relations {
    fn alone() -> Self {
        Self {
            trace: Self::NONE,
            parent: Self::NONE,
            first_copy: Self::NONE,
            last_copy: Self::NONE,
            in_cycle: false,
            conflicting: false,
            wal_copies: 0,
            witness: None,
        }
    }
}

fn trace_key(fact: &Fact) -> (u128, IdForm) {
    (fact.trace, fact.marks.id_form(Id::Trace))
}

fn span_key(fact: &Fact) -> (u64, IdForm) {
    (fact.span, fact.marks.id_form(Id::Span))
}
