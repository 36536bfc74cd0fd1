//! Graphs: what ran is a walk of the graph that its owner carries.

use std::collections::HashSet;

use super::{
    definition::Definitions,
    difference::{Difference, Differences},
    known_graph::{FlowGraph, KnownGraphs},
    snapshot::IdCache,
    span::{Era, Kind, Outcome, Span, counted},
    trace::Trace,
};
use crate::judge::junjo::key::Key;

/// What follows from contents that programs repeat.
#[derive(Debug, Default)]
pub(crate) struct Known {
    ids: IdCache,
    graphs: KnownGraphs,
    pub(crate) definitions: Definitions,
}

/// What all flows of a trace are looked at with.
pub(crate) struct Look<'a> {
    pub(crate) known: &'a mut Known,
    pub(crate) out: &'a mut Differences,
    /// Spans that ended before this had the time to be stored. Unix nanoseconds.
    pub(crate) settled_before: i64,
}

impl Look<'_> {
    pub(crate) fn is_settled(&self, span: &Span<'_>) -> bool {
        span.head.end_time < self.settled_before
    }

    pub(crate) fn add(&mut self, span: &Span<'_>, difference: Difference) {
        let settled = self.is_settled(span);
        self.out.add(span, settled, difference);
    }
}

/// Looks at a workflow or subflow; true where spans of it are known to be missing.
pub(crate) fn look_at_flow(trace: &Trace<'_>, owner: usize, look: &mut Look<'_>) -> bool {
    let flow = &trace.spans[owner];
    // Legacy graphs have ids of their own, which nothing recomputes.
    if flow.era == Era::Legacy || !flow.head.has_attributes {
        return false;
    }
    let Some(text) = flow.attributes.literal(Key::GraphSnapshot) else {
        look.add(flow, Difference::new("graph_absent").about("graph snapshot"));
        return false;
    };
    let Known { ids, graphs, .. } = &mut *look.known;
    let graph = match graphs.of(text, ids) {
        Ok(graph) => graph,
        Err(err) => {
            look.add(flow, Difference::new("graph_invalid").about("graph snapshot").because(err));
            return false;
        }
    };
    look_at_ids(flow, &graph, look);
    let members: Vec<usize> = trace.members(owner).collect();
    let mut all_known = true;
    for member in &members {
        all_known &= look_at_member(trace, owner, *member, &graph, look);
    }
    // Members that lie elsewhere than they say, and rows that cannot be read, would be missed here.
    let groups = members.iter().filter(|member| trace.spans[**member].kind == Kind::RunConcurrent);
    let is_whole = all_known
        && !trace.is_blind
        && !trace.is_disputed(flow)
        && flow.runtime_id().is_some_and(|id| trace.executions(id).len() == 1)
        && !(flow.outcome() == Outcome::Completed && has_failed(trace, &members))
        && groups.clone().all(|group| !trace.is_disputed(&trace.spans[*group]));
    if !is_whole {
        return false;
    }
    match count(trace, owner, &members, &graph, look) {
        Counted::Short => true,
        Counted::Unknown => false,
        Counted::Whole => {
            walk(trace, owner, &members, &graph, look);
            false
        }
    }
}

fn has_failed(trace: &Trace<'_>, members: &[usize]) -> bool {
    members.iter().any(|member| trace.spans[*member].outcome() != Outcome::Completed)
}

fn look_at_ids(flow: &Span<'_>, graph: &FlowGraph<'_>, look: &mut Look<'_>) {
    for wrong in graph.wrong_ids.iter() {
        let difference = Difference::new("structural_id").about(&*wrong.of);
        look.add(flow, difference.between(Some(&*wrong.expected), Some(&*wrong.actual)));
    }
    let stated = &*graph.structure.snapshot.graph_structural_id;
    for (key, what) in [(Key::StructuralId, "executable_structural_id"), (Key::GraphId, "graph id")] {
        let actual = flow.text(key);
        if actual != Some(stated) {
            look.add(flow, Difference::new("structural_id").about(what).between(Some(stated), actual));
        }
    }
}

/// Whether a span is a node of the graph that it ran in, as the graph describes it.
fn look_at_member(
    trace: &Trace<'_>,
    owner: usize,
    member: usize,
    graph: &FlowGraph<'_>,
    look: &mut Look<'_>,
) -> bool {
    let span = &trace.spans[member];
    if !span.head.has_attributes {
        return true;
    }
    let place =
        span.graph_node_id().and_then(|id| graph.place(id)).filter(|place| graph.structure.is_own(*place));
    let Some(place) = place else {
        // One that names another owner is elsewhere in the wrong place.
        if span.parent_runtime_id() == trace.spans[owner].runtime_id() {
            let flow = trace.spans[owner].label();
            look.add(
                span,
                Difference::new("not_in_graph").about(flow).between(None::<&str>, span.graph_node_id()),
            );
        }
        return false;
    };
    let node = &graph.structure.snapshot.nodes[place];
    let is_subflow = span.kind == Kind::Subflow;
    let expected_id = if is_subflow {
        node.subflow_graph_structural_id.as_deref()
    } else {
        Some(&*node.node_structural_id)
    };
    if span.text(Key::StructuralId) != expected_id {
        let difference = Difference::new(if is_subflow { "subflow_graph" } else { "structural_id" });
        let difference = difference.about("executable_structural_id");
        look.add(span, difference.between(expected_id, span.text(Key::StructuralId)));
    }
    let graph_id = &*graph.structure.snapshot.graph_structural_id;
    if !is_subflow && span.text(Key::GraphId) != Some(graph_id) {
        let difference = Difference::new("structural_id").about("graph id");
        look.add(span, difference.between(Some(graph_id), span.text(Key::GraphId)));
    }
    let kind = match (node.is_subflow, node.is_concurrent_subgraph) {
        (true, _) => Kind::Subflow,
        (false, true) => Kind::RunConcurrent,
        (false, false) => Kind::Node,
    };
    if span.kind != kind {
        let difference = Difference::new("node_type").about(&*node.node_label);
        look.add(span, difference.between(Some(kind.name()), Some(span.kind.name())));
    }
    for item in trace.members(member) {
        if span.kind == Kind::RunConcurrent {
            look_at_item(trace, member, item, graph, look);
        }
    }
    true
}

/// Whether what a group ran is one of its items.
fn look_at_item(trace: &Trace<'_>, group: usize, item: usize, graph: &FlowGraph<'_>, look: &mut Look<'_>) {
    let (group, span) = (&trace.spans[group], &trace.spans[item]);
    let place = group.graph_node_id().and_then(|id| graph.place(id));
    let id = span.graph_node_id().unwrap_or_default();
    let child = graph.place(id);
    let is_item = place.is_some_and(|place| graph.structure.items(place).any(|item| Some(item) == child));
    if !is_item && span.head.has_attributes && span.parent_runtime_id() == group.runtime_id() {
        look.add(span, Difference::new("not_in_graph").about(group.label()).between(None::<&str>, Some(id)));
    } else if is_item && span.kind == Kind::RunConcurrent {
        for inner in trace.members(item) {
            look_at_item(trace, item, inner, graph, look);
        }
    }
}

enum Counted {
    Whole,
    Short,
    /// The count says nothing of what should be here.
    Unknown,
}

/// Compares what completed with the count that the owner kept.
fn count(
    trace: &Trace<'_>,
    owner: usize,
    members: &[usize],
    graph: &FlowGraph<'_>,
    look: &mut Look<'_>,
) -> Counted {
    let flow = &trace.spans[owner];
    let (mut found, mut missing_items) = (0_i64, Vec::new());
    for member in members {
        let span = &trace.spans[*member];
        if span.outcome() != Outcome::Completed {
            continue;
        }
        if span.kind != Kind::RunConcurrent {
            found += 1;
            continue;
        }
        missing_items.extend(absent_items(trace, *member, graph));
        found += counted(trace.members(*member).count());
    }
    let Some(recorded) = flow.number(Key::NodeCount) else {
        look.add(
            flow,
            Difference::new("node_count").about("node.count").between(Some("a number"), None::<i64>),
        );
        return Counted::Unknown;
    };
    let is_over = flow.outcome() != Outcome::Completed;
    if found == recorded || is_over && found == recorded + 1 {
        return Counted::Whole;
    }
    if recorded > found {
        let absent = recorded - found;
        let mut names = missing_items;
        if counted(names.len()) < absent {
            names.extend(absent_steps(trace, members, graph, flow.outcome() == Outcome::Completed));
        }
        let names = match counted(names.len()).cmp(&absent) {
            _ if names.is_empty() => "cannot be told from what is stored".to_owned(),
            std::cmp::Ordering::Equal => names.join(", "),
            std::cmp::Ordering::Less => format!("{}, and others", names.join(", ")),
            std::cmp::Ordering::Greater => format!("one of {}", names.join(", ")),
        };
        let difference = Difference::new("missing_executions").about(format!("{absent} of {}", flow.label()));
        look.add(flow, difference.between(Some(recorded), Some(found)).because(names));
        return Counted::Short;
    }
    let last =
        members.last().and_then(|last| trace.spans[*last].graph_node_id()).and_then(|id| graph.place(id));
    let exits = found == recorded + 1 && !is_over && last.is_some_and(|last| !graph.structure.is_sink(last));
    if exits {
        // A node that leaves the interpreter looks completed, and is not counted.
        look.add(flow, Difference::new("known_defect").about("B4").between(Some(recorded), Some(found)));
    } else {
        let difference = Difference::new("node_count").about("node.count");
        let difference = if found == recorded + 1 && !is_over {
            difference.because("a last node that ended the process (B4), or a changed count")
        } else {
            difference
        };
        look.add(flow, difference.between(Some(found), Some(recorded)));
    }
    Counted::Unknown
}

/// The items of a group that did not run, though it completed.
fn absent_items(trace: &Trace<'_>, group: usize, graph: &FlowGraph<'_>) -> Vec<String> {
    let place = trace.spans[group].graph_node_id().and_then(|id| graph.place(id));
    let Some(place) = place else { return Vec::new() };
    let ran = trace.members(group).filter_map(|item| graph.place(trace.spans[item].graph_node_id()?));
    let ran: HashSet<usize> = ran.collect();
    let absent = graph.structure.items(place).filter(|item| !ran.contains(item));
    absent.map(|item| graph.structure.label(item).to_owned()).collect()
}

fn places(trace: &Trace<'_>, members: &[usize], graph: &FlowGraph<'_>) -> Vec<usize> {
    members.iter().filter_map(|member| graph.place(trace.spans[*member].graph_node_id()?)).collect()
}

/// What must have run between the steps that are there, as far as the graph tells.
fn absent_steps(
    trace: &Trace<'_>,
    members: &[usize],
    graph: &FlowGraph<'_>,
    to_the_end: bool,
) -> Vec<String> {
    let walked = places(trace, members, graph);
    let heads = |tail: usize| graph.structure.edges_from(tail).map(|(head, _)| head).collect::<Vec<_>>();
    let mut absent = Vec::new();
    let mut note = |place: usize| {
        let label = graph.structure.label(place).to_owned();
        if !absent.contains(&label) {
            absent.push(label);
        }
    };
    if let (Some(source), first) = (graph.structure.source(), walked.first())
        && first != Some(&source)
    {
        note(source);
    }
    for step in walked.windows(2) {
        if !heads(step[0]).contains(&step[1]) {
            heads(step[0])
                .into_iter()
                .filter(|between| heads(*between).contains(&step[1]))
                .for_each(&mut note);
        }
    }
    if let Some(last) = walked.last().filter(|last| to_the_end && !graph.structure.is_sink(**last)) {
        let next = heads(*last);
        let sinks: Vec<usize> = next.iter().copied().filter(|head| graph.structure.is_sink(*head)).collect();
        (if sinks.is_empty() { next } else { sinks }).into_iter().for_each(&mut note);
    }
    absent
}

/// Every step goes along an edge, and along none that is tried after one without a condition.
fn walk(trace: &Trace<'_>, owner: usize, members: &[usize], graph: &FlowGraph<'_>, look: &mut Look<'_>) {
    let flow = &trace.spans[owner];
    let spans = || members.iter().map(|member| &trace.spans[*member]);
    // A clock that was set back leaves no order.
    let in_order = spans().zip(spans().skip(1)).all(|(one, next)| {
        one.head.end_time <= next.head.start_time && one.head.start_time < next.head.start_time
    });
    let walked = places(trace, members, graph);
    if !in_order || walked.len() != members.len() || walked.is_empty() {
        return;
    }
    if let Some(source) = graph.structure.source().filter(|source| *source != walked[0]) {
        let difference = Difference::new("step").about("first step");
        look.add(
            flow,
            difference.between(Some(graph.structure.label(source)), Some(graph.structure.label(walked[0]))),
        );
    }
    for (step, member) in walked.windows(2).zip(&members[1..]) {
        let edges: Vec<(usize, bool)> = graph.structure.edges_from(step[0]).collect();
        let place = edges.iter().position(|(head, _)| *head == step[1]);
        let reachable = edges.iter().position(|(_, conditional)| !conditional);
        let is_legal = place.is_some_and(|place| reachable.is_none_or(|certain| place <= certain));
        if !is_legal {
            let heads: Vec<_> = edges
                .iter()
                .take(reachable.map_or(edges.len(), |certain| certain + 1))
                .map(|(head, _)| graph.structure.label(*head))
                .collect();
            let difference =
                Difference::new("step").about(format!("step from {}", graph.structure.label(step[0])));
            let difference =
                difference.between(Some(heads.join(" or ")), Some(graph.structure.label(step[1])));
            look.add(&trace.spans[*member], difference);
        }
    }
    let last = walked[walked.len() - 1];
    if flow.outcome() == Outcome::Completed && !graph.structure.is_sink(last) {
        let difference = Difference::new("step").about("last step");
        look.add(flow, difference.between(Some("a sink of the graph"), Some(graph.structure.label(last))));
    }
}
