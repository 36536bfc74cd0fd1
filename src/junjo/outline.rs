//! The execution around a finding as a small tree: the workflow or agent that a span is part of, the way down to the
//! span, and what ran beside it.
//!
//! Only what carries telemetry of Junjo's is in it. What is named as a parent and is not stored has a line of its own.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    io,
};

use super::{
    difference::span_id,
    span::{Kind, Span},
    trace::{Ancestor, Trace, each_trace},
};
use crate::judge::{
    facts::{Facts, bucket_of},
    interner::Interner,
    junjo::records::Records,
};

/// Lines of a tree beyond which spans without a finding are left out.
const MAX_LINES: usize = 14;

/// Levels that are climbed and drawn.
const MAX_DEPTH: usize = 24;

/// An execution, and where in it findings lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outline {
    /// What its top is: a workflow or an agent, where that is stored.
    pub(crate) kind: &'static str,
    pub(crate) name: String,
    pub(crate) service: String,
    pub(crate) trace_id: String,
    /// From top to bottom.
    pub(crate) lines: Vec<Line>,
}

/// A line of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) depth: usize,
    /// Whether no sibling follows.
    pub(crate) is_last: bool,
    pub(crate) what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    Span {
        span_id: String,
        kind: &'static str,
        name: String,
        outcome: &'static str,
        /// Unix nanoseconds.
        start_time: i64,
        end_time: i64,
    },
    /// An execution that others name as theirs, by its runtime id.
    Absent { runtime_id: String },
    /// Spans that are not drawn.
    More(usize),
}

/// What findings are looked for in.
pub(crate) struct Source<'a> {
    pub(crate) records: &'a Records,
    pub(crate) facts: &'a Facts,
    pub(crate) names: &'a Interner,
}

/// The executions of some spans, by trace, in the order of their tops' starts.
pub(crate) fn outlines(
    source: &Source<'_>,
    wanted: &BTreeMap<u128, BTreeSet<u64>>,
) -> io::Result<Vec<Outline>> {
    let mut found = Vec::new();
    let buckets: BTreeSet<usize> = wanted.keys().map(|trace| bucket_of(*trace)).collect();
    let mut room = Vec::new();
    for bucket in buckets {
        let family = source.facts.family(bucket)?;
        source.records.each_part(bucket, &mut room, |bytes| {
            each_trace(source.records, bytes, &family, |trace, is_too_large| {
                let head = trace.spans[0].head;
                if let Some(spans) = wanted.get(&head.trace).filter(|_| !is_too_large) {
                    found.extend(of_trace(trace, spans, source.names));
                }
                Ok(())
            })
        })?;
    }
    Ok(found)
}

/// Below what a tree begins: a span, or an execution that is not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Top<'b> {
    Span(usize),
    Absent(&'b str),
}

fn of_trace(trace: &Trace<'_>, wanted: &BTreeSet<u64>, names: &Interner) -> Vec<Outline> {
    let mut tops: BTreeMap<Top<'_>, BTreeSet<usize>> = BTreeMap::new();
    for (index, span) in trace.spans.iter().enumerate() {
        if wanted.contains(&span.head.span) {
            tops.entry(top(trace, index)).or_default().insert(index);
        }
    }
    let mut tops: Vec<_> = tops.into_iter().collect();
    tops.sort_by_key(|(_, marked)| marked.iter().map(|index| trace.spans[*index].head.start_time).min());
    let below = below(trace);
    tops.into_iter().map(|(top, marked)| outline(trace, top, &marked, &below, names)).collect()
}

/// Climbs from a span to the workflow or agent that it is part of.
fn top<'b>(trace: &Trace<'b>, mut index: usize) -> Top<'b> {
    for _ in 0..MAX_DEPTH {
        let span = &trace.spans[index];
        if matches!(span.kind, Kind::Workflow | Kind::Agent) {
            break;
        }
        let Ancestor::Executable(above) = trace.ancestors[index] else {
            return match span.parent_runtime_id() {
                Some(owner) if trace.executions(owner).is_empty() => Top::Absent(owner),
                _ => Top::Span(index),
            };
        };
        index = above;
    }
    Top::Span(index)
}

/// The spans below each executable, other spans in between left out, by their starts.
fn below(trace: &Trace<'_>) -> Vec<Vec<usize>> {
    let mut below = vec![Vec::new(); trace.spans.len()];
    for (index, above) in trace.ancestors.iter().enumerate() {
        if let Ancestor::Executable(above) = above {
            below[*above].push(index);
        }
    }
    for children in &mut below {
        children.sort_by_key(|index| (trace.spans[*index].head.start_time, *index));
    }
    below
}

fn outline(
    trace: &Trace<'_>,
    top: Top<'_>,
    marked: &BTreeSet<usize>,
    below: &[Vec<usize>],
    names: &Interner,
) -> Outline {
    let mut on_the_way: HashSet<usize> = HashSet::new();
    for index in marked {
        let mut at = *index;
        while on_the_way.insert(at) {
            match trace.ancestors[at] {
                Ancestor::Executable(above) if top != Top::Span(at) => at = above,
                _ => break,
            }
        }
    }
    let mut drawing = Drawing { trace, below, on_the_way, lines: Vec::new(), left: MAX_LINES };
    let (kind, name, first) = match top {
        Top::Span(index) => {
            drawing.span(index, 0, true);
            let span = &trace.spans[index];
            (span.kind.name(), span.name.to_owned(), index)
        }
        Top::Absent(owner) => {
            let what = What::Absent { runtime_id: owner.to_owned() };
            drawing.lines.push(Line { depth: 0, is_last: true, what });
            let mut members: Vec<usize> = (0..trace.spans.len())
                .filter(|index| trace.spans[*index].parent_runtime_id() == Some(owner))
                .collect();
            members.sort_by_key(|index| trace.spans[*index].head.start_time);
            drawing.all(&members, 1);
            ("execution", owner.to_owned(), marked.first().copied().unwrap_or_default())
        }
    };
    let head = &trace.spans[first].head;
    Outline {
        kind,
        name,
        service: names.text(head.service).as_deref().unwrap_or_default().to_owned(),
        trace_id: super::difference::trace_id(head),
        lines: drawing.lines,
    }
}

struct Drawing<'t, 'b> {
    trace: &'t Trace<'b>,
    below: &'t [Vec<usize>],
    /// Spans with findings, and those above them.
    on_the_way: HashSet<usize>,
    lines: Vec<Line>,
    /// Lines that may be spent on spans without a finding.
    left: usize,
}

impl Drawing<'_, '_> {
    fn span(&mut self, index: usize, depth: usize, is_last: bool) {
        let span: &Span<'_> = &self.trace.spans[index];
        let what = What::Span {
            span_id: span_id(span.head.span),
            kind: span.kind.name(),
            name: span.name.to_owned(),
            outcome: span.outcome().name(),
            start_time: span.head.start_time,
            end_time: span.head.end_time,
        };
        self.lines.push(Line { depth, is_last, what });
        // Only on the way to a finding is the tree opened.
        if self.on_the_way.contains(&index) && depth < MAX_DEPTH {
            let below: &[usize] = &self.below[index];
            self.all(below, depth + 1);
        }
    }

    /// Siblings, runs of those that are left out as one line.
    fn all(&mut self, siblings: &[usize], depth: usize) {
        let mut drawn: Vec<Result<usize, usize>> = Vec::new();
        for index in siblings {
            let is_needed = self.on_the_way.contains(index);
            if is_needed || self.left > 0 {
                self.left -= usize::from(!is_needed);
                drawn.push(Ok(*index));
            } else if let Some(Err(more)) = drawn.last_mut() {
                *more += 1;
            } else {
                drawn.push(Err(1));
            }
        }
        let count = drawn.len();
        for (place, one) in drawn.into_iter().enumerate() {
            let is_last = place + 1 == count;
            match one {
                Ok(index) => self.span(index, depth, is_last),
                Err(more) => self.lines.push(Line { depth, is_last, what: What::More(more) }),
            }
        }
    }
}
