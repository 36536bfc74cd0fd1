//! The spans of one trace that carry telemetry of Junjo's, and how they belong together.

use std::{collections::HashSet, io};

use super::span::{Kind, Span};
use crate::{
    contract::json_form::Form,
    judge::{
        fact::Marks,
        junjo::{
            record::{Head, Record},
            records::{Records, split},
        },
        trace_bucket::{Relations, TraceBucket},
    },
};

/// Spans of a trace that are analysed; a trace with more is too large.
pub(crate) const MAX_SPANS: usize = 50_000;

/// The next executable above a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ancestor {
    Executable(usize),
    /// There is none up to the root.
    None,
    /// Another process lies between.
    Remote,
    /// A span in between is not stored, or the parents form a cycle.
    Unknown,
}

/// A trace's spans, copies left out.
#[derive(Debug)]
pub(crate) struct Trace<'b> {
    pub(crate) spans: Vec<Span<'b>>,
    pub(crate) ancestors: Vec<Ancestor>,
    /// The spans right below each.
    pub(crate) children: Vec<Vec<usize>>,
    /// Executables by their runtime id, in the order of their start.
    by_runtime_id: ByRuntimeId<'b>,
    /// Whether a row of it has attributes or events that cannot be read, so that an absence proves nothing.
    pub(crate) is_blind: bool,
    /// Executions whose members are named by other spans than lie below them.
    pub(crate) disputed: HashSet<&'b str>,
}

/// Places of executables, those with one runtime id in the order of their start.
#[derive(Debug)]
struct ByRuntimeId<'b> {
    ids: Vec<&'b str>,
    places: Vec<usize>,
}

impl<'b> ByRuntimeId<'b> {
    /// Of ids with their start, their end and their place.
    fn of(mut executables: Vec<(&'b str, i64, i64, usize)>) -> Self {
        executables.sort_unstable();
        let (ids, places) = executables.into_iter().map(|(id, .., place)| (id, place)).unzip();
        Self { ids, places }
    }

    fn get(&self, id: &str) -> &[usize] {
        let start = self.ids.partition_point(|known| *known < id);
        let length = self.ids[start..].iter().take_while(|known| **known == id).count();
        &self.places[start..start + length]
    }
}

/// The traces of a part of a bucket, one after the other; what `look` gets of a trace that is too large is its first
/// span alone, with a true behind it.
pub(crate) fn each_trace(
    records: &Records,
    bytes: &[u8],
    family: &TraceBucket,
    mut look: impl FnMut(&Trace<'_>, bool) -> io::Result<()>,
) -> io::Result<()> {
    let forgotten = records.forgotten();
    let mut ordered = Vec::new();
    for bytes in split(bytes) {
        let head = Head::decode(bytes)?;
        if head.trace != 0 && !forgotten.contains(&head.file) {
            ordered.push(((head.trace, head.span, head.in_wal, head.file, head.row_number), bytes));
        }
    }
    ordered.sort_unstable_by_key(|(key, _)| *key);
    for rows in ordered.chunk_by(|one, next| one.0.0 == next.0.0) {
        let is_too_large = rows.len() > MAX_SPANS;
        let rows = if is_too_large { &rows[..1] } else { rows };
        let mut spans: Vec<Span<'_>> = Vec::with_capacity(rows.len());
        for (_, bytes) in rows {
            let span = Span::of(Record::decode(bytes)?);
            if spans.last().is_none_or(|last| last.head.span != span.head.span) {
                spans.push(span);
            }
        }
        look(&Trace::of(spans, family), is_too_large)?;
    }
    Ok(())
}

impl<'b> Trace<'b> {
    /// `spans` are in the order of their ids.
    fn of(spans: Vec<Span<'b>>, family: &TraceBucket) -> Self {
        let rows = rows_of(family, spans[0].head.trace);
        let by_span = |span: u64| spans.binary_search_by_key(&span, |known| known.head.span).ok();
        let ancestors = spans.iter().map(|span| ancestor(span, &spans, family, rows)).collect();
        let mut children = vec![Vec::new(); spans.len()];
        let mut executables = Vec::new();
        for (index, span) in spans.iter().enumerate() {
            if span.head.has_parent
                && let Some(parent) = by_span(span.head.parent)
                && parent != index
            {
                children[parent].push(index);
            }
            if span.kind.is_executable()
                && let Some(id) = span.runtime_id()
            {
                executables.push((id, span.head.start_time, span.head.end_time, index));
            }
        }
        let by_start = |indices: &mut Vec<usize>| {
            indices.sort_by_key(|index| (spans[*index].head.start_time, spans[*index].head.end_time));
        };
        children.iter_mut().for_each(by_start);
        let by_runtime_id = ByRuntimeId::of(executables);
        let is_read = |form: Form| matches!(form, Form::Canonical | Form::Valid);
        let facts = || family.facts[rows.0..rows.1].iter();
        let is_blind =
            facts().any(|fact| !is_read(fact.marks.json_form(0)) || !is_read(fact.marks.json_form(1)));
        let mut trace =
            Self { spans, ancestors, children, by_runtime_id, is_blind, disputed: HashSet::new() };
        trace.disputed = trace.disputes();
        trace
    }

    /// Executions that a span is in by its place and not by its name, or the other way round.
    fn disputes(&self) -> HashSet<&'b str> {
        let mut disputed = HashSet::new();
        for (index, span) in self.spans.iter().enumerate().filter(|(_, span)| span.kind.is_in_graph()) {
            let named = span.parent_runtime_id();
            let above = match self.ancestors[index] {
                Ancestor::Executable(ancestor) => self.spans[ancestor].runtime_id(),
                Ancestor::None | Ancestor::Remote | Ancestor::Unknown => None,
            };
            if named != above {
                disputed.extend(named.into_iter().chain(above));
            }
        }
        disputed
    }

    /// The executions with a runtime id: a node that runs in a loop has several.
    pub(crate) fn executions(&self, runtime_id: &str) -> &[usize] {
        self.by_runtime_id.get(runtime_id)
    }

    /// Whether all that a flow ran is known to be where it says.
    pub(crate) fn is_disputed(&self, span: &Span<'_>) -> bool {
        span.runtime_id().is_none_or(|id| self.disputed.contains(id))
    }

    /// The nodes, subflows and groups that a flow or a group ran, in their order.
    pub(crate) fn members(&self, owner: usize) -> impl Iterator<Item = usize> {
        self.children[owner].iter().copied().filter(|child| self.spans[*child].kind.is_in_graph())
    }

    pub(crate) fn flows(&self) -> impl Iterator<Item = usize> {
        (0..self.spans.len()).filter(|index| self.spans[*index].kind.is_flow())
    }

    pub(crate) fn of_kind(&self, kind: Kind) -> impl Iterator<Item = usize> {
        (0..self.spans.len()).filter(move |index| self.spans[*index].kind == kind)
    }

    pub(crate) fn parent(&self, index: usize) -> Option<usize> {
        let head = &self.spans[index].head;
        let by_span = self.spans.binary_search_by_key(&head.parent, |known| known.head.span);
        by_span.ok().filter(|parent| head.has_parent && *parent != index)
    }
}

/// The rows of a trace in its family: from, and up to.
fn rows_of(family: &TraceBucket, trace: u128) -> (usize, usize) {
    let start = family.facts.partition_point(|fact| fact.trace < trace);
    let end = start + family.facts[start..].partition_point(|fact| fact.trace == trace);
    (start, end)
}

/// Walks up the parents of a row.
fn ancestor(span: &Span<'_>, spans: &[Span<'_>], family: &TraceBucket, rows: (usize, usize)) -> Ancestor {
    let facts = &family.facts[rows.0..rows.1];
    let mut at = rows.0 + facts.partition_point(|fact| fact.span < span.head.span);
    for _ in rows.0..rows.1 {
        let Some(fact) = family.facts.get(at).filter(|_| at < rows.1) else { return Ancestor::Unknown };
        if family.kin[at].in_cycle {
            return Ancestor::Unknown;
        }
        if fact.marks.has(Marks::REMOTE_PARENT) {
            return Ancestor::Remote;
        }
        let parent = family.kin[at].parent;
        if parent == Relations::NONE {
            return if fact.has_parent() { Ancestor::Unknown } else { Ancestor::None };
        }
        at = parent as usize;
        let above = family.facts.get(at).map_or(0, |fact| fact.span);
        let found = spans.binary_search_by_key(&above, |known| known.head.span);
        if let Ok(index) = found
            && above != span.head.span
            && spans[index].kind.is_executable()
        {
            return Ancestor::Executable(index);
        }
    }
    Ancestor::Unknown
}
