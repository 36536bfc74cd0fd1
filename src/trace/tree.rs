//! The tree of a trace, from top to bottom.
//!
//! Every span is on exactly one line, whatever its parents say. A parent that is not stored gets a line of
//! its own above its children; where parents run in a circle, the earliest span of it is put on top.

use std::collections::{BTreeMap, BTreeSet};

use super::span::Span;

/// A line of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// 0 for what nothing is above.
    pub(crate) depth: usize,
    /// Whether no sibling follows.
    pub(crate) last: bool,
    pub(crate) what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    /// A span by its place in the list.
    Span(usize),
    /// A span whose parents lead back to it.
    Circle(usize),
    /// A parent that is not stored.
    Gap(String),
}

/// A top of the tree, with the time that orders it.
type Top = (i64, What);

/// `spans` are in the order in which siblings appear.
pub(crate) fn lines(spans: &[Span]) -> Vec<Line> {
    let by_id: BTreeMap<&str, usize> =
        spans.iter().enumerate().map(|(index, span)| (span.row.span_id.as_str(), index)).collect();
    let mut children: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut tops: Vec<Top> = Vec::new();
    for (index, span) in spans.iter().enumerate() {
        match span.parent() {
            None => tops.push((span.row.start_time, What::Span(index))),
            Some(parent) => {
                let siblings = children.entry(parent).or_default();
                siblings.push(index);
                if siblings.len() == 1 && !by_id.contains_key(parent) {
                    tops.push((span.row.start_time, What::Gap(parent.to_owned())));
                }
            }
        }
    }
    let mut walk = Walk { spans, children, seen: BTreeSet::new(), lines: Vec::new() };
    tops.sort_by_key(|(start, _)| *start);
    let count = tops.len();
    for (place, (_, what)) in tops.into_iter().enumerate() {
        walk.below(what, place + 1 == count);
    }
    // What no top leads to hangs in a circle of parents.
    while let Some(lost) = (0..spans.len()).find(|index| !walk.seen.contains(index)) {
        walk.below(What::Circle(on_circle(spans, &by_id, lost)), true);
    }
    walk.lines
}

/// The earliest span of the circle that a span's parents lead into.
fn on_circle(spans: &[Span], by_id: &BTreeMap<&str, usize>, from: usize) -> usize {
    let parent = |index: usize| spans[index].parent().and_then(|parent| by_id.get(parent)).copied();
    let mut met = BTreeSet::new();
    let mut at = from;
    while met.insert(at) {
        match parent(at) {
            Some(next) => at = next,
            None => return from,
        }
    }
    let circle = std::iter::successors(Some(at), |&index| parent(index).filter(|&next| next != at));
    circle.min().unwrap_or(from)
}

struct Walk<'s> {
    spans: &'s [Span],
    children: BTreeMap<&'s str, Vec<usize>>,
    seen: BTreeSet<usize>,
    lines: Vec<Line>,
}

impl Walk<'_> {
    /// Without recursion: a chain of parents may be as long as a trace.
    fn below(&mut self, top: What, last: bool) {
        let mut open = vec![Line { depth: 0, last, what: top }];
        while let Some(line) = open.pop() {
            let id = match &line.what {
                What::Gap(id) => id.as_str(),
                What::Span(index) | What::Circle(index) => {
                    if !self.seen.insert(*index) {
                        continue;
                    }
                    self.spans[*index].row.span_id.as_str()
                }
            };
            let below: Vec<usize> = self.children.get(id).into_iter().flatten().copied().collect();
            let below: Vec<usize> = below.into_iter().filter(|index| !self.seen.contains(index)).collect();
            for (place, index) in below.iter().enumerate().rev() {
                let last = place + 1 == below.len();
                open.push(Line { depth: line.depth + 1, last, what: What::Span(*index) });
            }
            self.lines.push(line);
        }
    }
}
