//! The trace of Junjo's getting-started example (`junjo-telemetry`, section 7).
//!
//! Five spans and one event: four nodes, then the workflow that is their parent. A workflow with an
//! odd number of items runs `OddItemsNode`, one with an even number `EvenItemsNode`; workflows of a
//! service take turns. Spans come in the order in which they end, the root last.

use std::{cell::OnceCell, sync::LazyLock};

use super::{
    dice::{Dice, NanoId},
    graph::{Declaration, Graph, Node},
    ids::{RunIdText, SpanId, TraceId},
    place::Place,
    planned::{Attribute, PlannedEvent, PlannedSpan, Value},
    row_template::{Hex, Holes, MARKED, RowTemplate},
    stored,
};
use crate::contract::{json::needs_no_escape, otlp::Cells, row::Row, schema::Schema};

/// Spans in one workflow.
pub(crate) const SPANS: u32 = 5;

const ROOT: u32 = SPANS - 1;
pub(crate) const WORKFLOW_NAME: &str = "Getting Started Example Workflow";
pub(crate) const ITEMS: [&str; 4] = ["laser", "coffee", "horse", "banana"];
const POLICY: &str = "junjo.full.v1";

pub(crate) const FIRST: usize = 0;
pub(crate) const FINAL: usize = 1;
pub(crate) const COUNT_ITEMS: usize = 2;
pub(crate) const EVEN_ITEMS: usize = 3;
pub(crate) const ODD_ITEMS: usize = 4;

static DECLARATION: Declaration = Declaration {
    nodes: &[
        Node::Class("FirstNode"),
        Node::Class("FinalNode"),
        Node::Class("CountItemsNode"),
        Node::Class("EvenItemsNode"),
        Node::Class("OddItemsNode"),
    ],
    edges: &[
        (FIRST, COUNT_ITEMS, None),
        (COUNT_ITEMS, EVEN_ITEMS, Some("CountIsEven")),
        (COUNT_ITEMS, ODD_ITEMS, None),
        (EVEN_ITEMS, FINAL, None),
        (ODD_ITEMS, FINAL, None),
    ],
    source: FIRST,
    sinks: &[FINAL],
};

pub(crate) static GRAPH: LazyLock<Graph> = LazyLock::new(|| Graph::new(&DECLARATION));

/// The state of a workflow's store, before and after its one change.
#[derive(Debug)]
struct States {
    start: String,
    end: String,
    patch: String,
}

/// Of an even number of items, and of an odd one.
static STATES: LazyLock<[States; 2]> = LazyLock::new(|| [States::of(&ITEMS), States::of(&ITEMS[..3])]);

impl States {
    fn of(items: &[&str]) -> Self {
        let count = items.len();
        let items = format!("[\"{}\"]", items.join("\",\""));
        Self {
            start: format!("{{\"count\":null,\"items\":{items}}}"),
            end: format!("{{\"count\":{count},\"items\":{items}}}"),
            patch: format!("[{{\"op\":\"replace\",\"path\":\"/count\",\"value\":{count}}}]"),
        }
    }
}

/// By schema, by whether the number of items is odd, and by position.
static ROWS: LazyLock<[[[RowTemplate; SPANS as usize]; 2]; 2]> = LazyLock::new(|| {
    [Schema::V1, Schema::V2]
        .map(|schema| [1, 0].map(|turn| std::array::from_fn(|at| template(schema, turn, at))))
});

fn template(schema: Schema, turn: u64, position: usize) -> RowTemplate {
    let workflow = Workflow::new(Place { turn, ..MARKED }, Dice::at(0, 0));
    let (position, mut row) = (position as u32, Row::default());
    stored::write_row(&workflow.span(position), schema, &mut row);
    workflow.with_holes(position, |holes| RowTemplate::cut(&row, holes))
}

/// One workflow with everything that its spans borrow.
#[derive(Debug)]
pub(crate) struct Workflow<'a> {
    place: Place<'a>,
    trace_id: TraceId,
    root_id: SpanId,
    run: RunIdText,
    path: [usize; 4],
    node_ids: [NanoId; 5],
    definition_id: NanoId,
    runtime_id: NanoId,
    store_id: NanoId,
    event_id: NanoId,
    states: &'static States,
    /// Made when the root's span is asked for.
    snapshot: OnceCell<String>,
    /// Start and end of each span by position.
    times: [(u64, u64); SPANS as usize],
    event_time: u64,
}

impl<'a> Workflow<'a> {
    pub(crate) fn new(place: Place<'a>, mut dice: Dice) -> Self {
        let odd = place.turn.is_multiple_of(2);
        let node_ids = std::array::from_fn(|_| dice.nano_id());
        let (times, event_time) = times(place.start_time, &mut dice);
        Self {
            trace_id: place.trace_id(),
            root_id: place.span_id(ROOT),
            run: place.run.text(),
            path: [FIRST, COUNT_ITEMS, if odd { ODD_ITEMS } else { EVEN_ITEMS }, FINAL],
            node_ids,
            definition_id: dice.nano_id(),
            runtime_id: dice.nano_id(),
            store_id: dice.nano_id(),
            event_id: dice.nano_id(),
            states: &STATES[usize::from(odd)],
            snapshot: OnceCell::new(),
            times,
            event_time,
            place,
        }
    }

    /// The span at a position below [`SPANS`].
    pub(crate) fn span(&self, position: u32) -> PlannedSpan<'_> {
        let root = position == ROOT;
        let (start_time, end_time) = self.times[position as usize];
        PlannedSpan {
            trace_id: self.trace_id,
            span_id: if root { self.root_id } else { self.place.span_id(position) },
            parent_span_id: (!root).then_some(self.root_id),
            name: if root { WORKFLOW_NAME } else { DECLARATION.nodes[self.path[position as usize]].label() },
            start_time,
            end_time,
            attributes: if root { self.root_attributes() } else { self.node_attributes(position) },
            events: if position == 1 { vec![self.set_count()] } else { Vec::new() },
        }
    }

    /// Whether a stored row is that of the span at a position; see [`row_template`](super::row_template).
    pub(crate) fn is_row(&self, position: u32, schema: Schema, stored: &Cells<'_>) -> bool {
        let template =
            &ROWS[usize::from(schema == Schema::V2)][usize::from(self.is_odd())][position as usize];
        needs_no_escape(self.place.service) && self.with_holes(position, |holes| template.is(stored, holes))
    }

    /// What differs between the rows of two workflows.
    fn with_holes<T>(&self, position: u32, of: impl FnOnce(&Holes<'_, 16>) -> T) -> T {
        let span_id = if position == ROOT { self.root_id } else { self.place.span_id(position) };
        let (mut trace, mut span, mut root) = (Hex::<16>::new(), Hex::<8>::new(), Hex::<8>::new());
        let [mut workflow, mut event_time] = [itoa::Buffer::new(); 2];
        let [first, last, count_items, even_items, odd_items] =
            self.node_ids.each_ref().map(NanoId::as_bytes);
        let (start_time, end_time) = self.times[position as usize];
        let times = [start_time, end_time, end_time - start_time].map(u64::cast_signed);
        let texts = [
            trace.format(&self.trace_id).as_bytes(),
            span.format(&span_id).as_bytes(),
            root.format(&self.root_id).as_bytes(),
            self.run.as_str().as_bytes(),
            self.place.service.as_bytes(),
            workflow.format(self.place.workflow).as_bytes(),
            event_time.format(self.event_time).as_bytes(),
            self.definition_id.as_bytes(),
            self.runtime_id.as_bytes(),
            self.store_id.as_bytes(),
            self.event_id.as_bytes(),
            first,
            last,
            count_items,
            even_items,
            odd_items,
        ];
        of(&Holes { texts, times })
    }

    fn is_odd(&self) -> bool {
        self.place.turn.is_multiple_of(2)
    }

    fn snapshot(&self) -> &str {
        // The graph has no subflow, so no further id is drawn.
        self.snapshot.get_or_init(|| GRAPH.snapshot.fill(&self.node_ids, &mut Dice::at(0, 0)))
    }

    fn node_attributes(&self, position: u32) -> Vec<Attribute<'_>> {
        let node = self.path[position as usize];
        let node_id = self.node_ids[node].as_str();
        let mut attributes = self.tags(position, 13);
        attributes.extend([
            ("junjo.enclosing_graph_structural_id", Value::Text(&GRAPH.id)),
            ("junjo.executable_definition_id", Value::Text(node_id)),
            ("junjo.executable_runtime_id", Value::Text(node_id)),
            ("junjo.executable_structural_id", Value::Text(&GRAPH.node_ids[node])),
            ("junjo.parent_executable_definition_id", Value::Text(self.definition_id.as_str())),
            ("junjo.parent_executable_runtime_id", Value::Text(self.runtime_id.as_str())),
            ("junjo.parent_executable_structural_id", Value::Text(&GRAPH.id)),
            ("junjo.span_type", Value::Text("node")),
            ("junjo.telemetry.contract_version", Value::Int(2)),
        ]);
        attributes
    }

    fn root_attributes(&self) -> Vec<Attribute<'_>> {
        let mut attributes = self.tags(ROOT, 23);
        attributes.extend([
            ("junjo.enclosing_graph_structural_id", Value::Text(GRAPH.id.as_str())),
            ("junjo.executable_definition_id", Value::Text(self.definition_id.as_str())),
            ("junjo.executable_runtime_id", Value::Text(self.runtime_id.as_str())),
            ("junjo.executable_structural_id", Value::Text(&GRAPH.id)),
            ("junjo.span_type", Value::Text("workflow")),
            ("junjo.store.reconstructable", Value::Bool(true)),
            ("junjo.store.revision.end", Value::Int(1)),
            ("junjo.store.revision.start", Value::Int(0)),
            ("junjo.store.transition.count", Value::Int(1)),
            ("junjo.telemetry.contract_version", Value::Int(2)),
            ("junjo.workflow.execution_graph_snapshot", Value::Text(self.snapshot())),
            ("junjo.workflow.node.count", Value::Int(4)),
            ("junjo.workflow.state.end", Value::Text(&self.states.end)),
            ("junjo.workflow.state.end.mode", Value::Text("full")),
            ("junjo.workflow.state.end.policy", Value::Text(POLICY)),
            ("junjo.workflow.state.start", Value::Text(&self.states.start)),
            ("junjo.workflow.state.start.mode", Value::Text("full")),
            ("junjo.workflow.state.start.policy", Value::Text(POLICY)),
            ("junjo.workflow.store.id", Value::Text(self.store_id.as_str())),
        ]);
        attributes
    }

    /// The witnesses that every span of a run carries besides its ids.
    fn tags(&self, position: u32, capacity: usize) -> Vec<Attribute<'_>> {
        let mut attributes = Vec::with_capacity(capacity);
        attributes.extend([
            ("e2e.run", Value::Text(self.run.as_str())),
            ("e2e.service", Value::Text(self.place.service)),
            ("e2e.span", Value::Int(i64::from(position))),
            ("e2e.workflow", Value::Int(self.place.workflow.cast_signed())),
        ]);
        attributes
    }

    fn set_count(&self) -> PlannedEvent<'_> {
        PlannedEvent {
            name: "set_state",
            time: self.event_time,
            attributes: vec![
                ("id", Value::Text(self.event_id.as_str())),
                ("junjo.state_json_patch", Value::Text(&self.states.patch)),
                ("junjo.state_json_patch.mode", Value::Text("full")),
                ("junjo.state_json_patch.policy", Value::Text(POLICY)),
                ("junjo.store.action", Value::Text("set_count")),
                ("junjo.store.id", Value::Text(self.store_id.as_str())),
                ("junjo.store.name", Value::Text("SampleWorkflowStore")),
                ("junjo.store.revision.after", Value::Int(1)),
                ("junjo.store.revision.before", Value::Int(0)),
                ("junjo.store.transition.sequence", Value::Int(1)),
            ],
        }
    }
}

/// Nodes of 40 to 600 µs one after the other inside the workflow, and the event inside its node.
fn times(start: u64, dice: &mut Dice) -> ([(u64, u64); SPANS as usize], u64) {
    let mut times = [(start, start); SPANS as usize];
    let mut now = start;
    for node in &mut times[..ROOT as usize] {
        now += 20_000 + dice.below(60_000);
        let begin = now;
        now += 40_000 + dice.below(560_000);
        *node = (begin, now);
    }
    times[ROOT as usize] = (start, now + 20_000 + dice.below(60_000));
    let (begin, end) = times[1];
    (times, begin + (end - begin) / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structural_ids_are_those_of_the_real_example() {
        assert_eq!(GRAPH.id, "graph_59aa3c388303e52b343f532839a4e97c");
        assert_eq!(
            GRAPH.node_ids,
            [
                "node_279b32db393b59ef5e0203b9ee7b871c",
                "node_924f73a5eb3bc844431a1693b06b9a28",
                "node_af1d8d230b692c2a352a07db226100d5",
                "node_a026e4e3ac348e9c66453b91d45ab131",
                "node_cd8ea51c65c7f665365c31f7d6494970",
            ]
        );
        assert_eq!(
            GRAPH.edge_ids,
            [
                "edge_95bb23e4d3168ef3d53d449e51ec9cda",
                "edge_d5e13ec5d70d85fd9573b9c271370d76",
                "edge_adcdcb2cf8cd0e77c8a56b132a9c4891",
                "edge_cf0aa6cc37d31187b2a73783a88425a4",
                "edge_26e5b5cce889119faa1293d2a5f11145",
            ]
        );
    }
}
