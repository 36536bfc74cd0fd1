//! Workflows and subflows at work (`junjo-telemetry`, sections 2.3 and 2.4).
//!
//! A [`Flow`] is one execution of a graph, with its store. It runs nodes, groups and subflows one
//! after the other as its body says, counts them, and leaves the evidence on its span. A body ends
//! early when something is raised.

use std::ops::Range;

use serde_json::Value;

use super::{
    executable::{Executable, Kind},
    group::Group,
    payload::slot,
    raised::{NodeResult, Raised},
    sdk::Sdk,
    store::{Store, StoreClass},
};
use crate::traffic::{dice::NanoId, graph::Graph, profile::Telemetry, recorded::pair};

/// The time between two steps of a flow, in nanoseconds.
const STEP: Range<u64> = 20_000..80_000;

/// The time before and after what a node does.
const HALF_A_NODE: Range<u64> = 20_000..280_000;

/// A workflow as an app defines it.
#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) name: &'static str,
    pub(crate) graph: &'static Graph,
    pub(crate) store: &'static StoreClass,
}

/// One execution of a workflow or subflow.
#[derive(Debug)]
pub(crate) struct Flow<'a> {
    pub(crate) sdk: &'a mut Sdk,
    pub(crate) store: Store,
    /// The store of what a subflow runs in.
    parent_store: Option<&'a mut Store>,
    graph: &'static Graph,
    /// The runtime ids of the graph's nodes.
    nodes: Vec<NanoId>,
    /// The `node.count`.
    count: u64,
}

/// What is to run, whether as a workflow or as a subflow.
struct Start {
    kind: Kind,
    definition_id: NanoId,
    graph: &'static Graph,
    name: &'static str,
}

impl Sdk {
    /// Runs a workflow from a first state; its span becomes a child of the current one, if any.
    pub(crate) fn workflow(
        &mut self,
        definition: &Definition,
        state: Value,
        body: impl FnOnce(&mut Flow<'_>) -> NodeResult,
    ) -> NodeResult {
        let Definition { name, graph, store } = *definition;
        let definition_id = self.dice.nano_id();
        let store = Store::new(store, state, self);
        Flow::run(self, &Start { kind: Kind::Workflow, definition_id, graph, name }, store, None, body).0
    }
}

impl<'a> Flow<'a> {
    /// Also returns the number of nodes that ran.
    fn run(
        sdk: &'a mut Sdk,
        start: &Start,
        store: Store,
        parent_store: Option<&'a mut Store>,
        body: impl FnOnce(&mut Flow<'_>) -> NodeResult,
    ) -> (NodeResult, u64) {
        let &Start { kind, definition_id, graph, name } = start;
        let nodes = graph.declaration.nodes.iter().map(|_| sdk.dice.nano_id()).collect();
        let executable = Executable {
            kind,
            definition_id,
            runtime_id: sdk.dice.nano_id(),
            structural_id: &graph.id,
            graph_id: Some(&graph.id),
        };
        sdk.open_executable(name, executable);
        let mut flow = Flow { sdk, store, parent_store, graph, nodes, count: 0 };
        flow.describe_start();
        let mut outcome = body(&mut flow);
        flow.sdk.mark(&mut outcome);
        flow.sdk.pass(STEP);
        flow.describe_end();
        flow.sdk.close();
        (outcome.map_err(|raised| raised.by_workflow(flow.sdk.telemetry, name)), flow.count)
    }

    /// Runs a node; `service` is what it does.
    pub(crate) fn node(
        &mut self,
        node: usize,
        service: impl FnOnce(&mut Flow<'_>) -> NodeResult,
    ) -> NodeResult {
        self.sdk.pass(STEP);
        self.run_node(node, service)?;
        self.count += 1;
        Ok(())
    }

    /// Runs a node that does nothing to be seen.
    pub(crate) fn idle_node(&mut self, node: usize) -> NodeResult {
        self.node(node, |_| Ok(()))
    }

    /// Runs a subflow with a store of its own.
    pub(crate) fn subflow(
        &mut self,
        node: usize,
        class: &'static StoreClass,
        state: Value,
        body: impl FnOnce(&mut Flow<'_>) -> NodeResult,
    ) -> NodeResult {
        self.sdk.pass(STEP);
        let count = self.run_subflow(node, class, state, body)?;
        // Up to SDK 0.62 the nodes of a subflow counted for its parent.
        self.count += if self.sdk.telemetry == Telemetry::Legacy { count } else { 1 };
        Ok(())
    }

    /// Runs the items of a `RunConcurrent`; `body` says what each does, in the order of their ends.
    pub(crate) fn concurrently(&mut self, node: usize, body: impl FnOnce(&mut Group<'_, '_>)) -> NodeResult {
        self.sdk.pass(STEP);
        self.run_group(node, body)?;
        self.count += self.items(node).len() as u64;
        Ok(())
    }

    /// No edge leads on from a node that ran.
    pub(crate) fn dead_end(&self, node: usize) -> NodeResult {
        let class = self.graph.declaration.nodes[node].class();
        let node = format!("<{class} id={}>", self.nodes[node].as_str());
        Err(Raised::dead_end(self.sdk.telemetry, &node))
    }

    /// Writes the flow's store.
    pub(crate) fn set_state(&mut self, action: &str, update: Value) {
        self.store.set_state(self.sdk, action, update);
    }

    /// Writes the store of what a subflow runs in, as its actions before and after the run may.
    pub(crate) fn set_parent_state(&mut self, action: &str, update: Value) {
        let store = self.parent_store.as_deref_mut().expect("only a subflow has a parent's store");
        store.set_state(self.sdk, action, update);
    }

    pub(super) fn items(&self, group: usize) -> &'static [usize] {
        self.graph.declaration.nodes[group].items()
    }

    /// Runs a `RunConcurrent` without counting its items.
    pub(super) fn run_group(&mut self, node: usize, body: impl FnOnce(&mut Group<'_, '_>)) -> NodeResult {
        self.open_node(node, Kind::RunConcurrent);
        self.sdk.pass(STEP);
        let mut group = Group::new(self, node);
        body(&mut group);
        let mut outcome = group.finish();
        self.sdk.pass(STEP);
        self.sdk.close_executable(&mut outcome);
        outcome
    }

    /// Runs a node without counting it.
    pub(super) fn run_node(
        &mut self,
        node: usize,
        service: impl FnOnce(&mut Flow<'_>) -> NodeResult,
    ) -> NodeResult {
        self.open_node(node, Kind::Node);
        self.sdk.pass(HALF_A_NODE);
        let mut outcome = service(self);
        self.sdk.pass(HALF_A_NODE);
        self.sdk.close_executable(&mut outcome);
        outcome
    }

    /// Runs a subflow without counting it; returns its own count.
    pub(super) fn run_subflow(
        &mut self,
        node: usize,
        class: &'static StoreClass,
        state: Value,
        body: impl FnOnce(&mut Flow<'_>) -> NodeResult,
    ) -> Result<u64, Raised> {
        let store = Store::new(class, state, self.sdk);
        let start = Start {
            kind: Kind::Subflow,
            definition_id: self.nodes[node],
            graph: self.graph.subflow(node),
            name: self.graph.declaration.nodes[node].label(),
        };
        let (outcome, count) = Flow::run(self.sdk, &start, store, Some(&mut self.store), body);
        outcome.map(|()| count)
    }

    fn open_node(&mut self, node: usize, kind: Kind) {
        let graph = self.graph;
        let executable = Executable::node(kind, self.nodes[node], &graph.node_ids[node], &graph.id);
        self.sdk.open_executable(graph.declaration.nodes[node].label(), executable);
    }

    fn describe_start(&mut self) {
        let telemetry = self.sdk.telemetry;
        let state = self.store.json(telemetry);
        let mut attributes = vec![pair("junjo.workflow.store.id", self.store.id.as_str())];
        attributes.extend(
            self.parent_store.as_ref().map(|store| pair("junjo.workflow.parent_store.id", store.id.as_str())),
        );
        match telemetry {
            Telemetry::Current => {
                let snapshot = self.graph.snapshot.fill(&self.nodes, &mut self.sdk.dice);
                attributes.extend(slot("junjo.workflow.state.start", &state));
                attributes.push(pair("junjo.store.revision.start", 0));
                attributes.push(pair("junjo.workflow.execution_graph_snapshot", snapshot));
            }
            Telemetry::Legacy => {
                let structure = self.graph.structure.fill(&self.nodes, &mut self.sdk.dice);
                attributes.push(pair("junjo.workflow.state.start", state));
                attributes.push(pair("junjo.workflow.graph_structure", structure));
            }
        }
        self.sdk.span().attributes.append(&mut attributes);
    }

    fn describe_end(&mut self) {
        let telemetry = self.sdk.telemetry;
        let state = self.store.json(telemetry);
        let mut attributes = vec![pair("junjo.workflow.node.count", self.count.cast_signed())];
        match telemetry {
            Telemetry::Current => {
                attributes.extend(slot("junjo.workflow.state.end", &state));
                attributes.push(pair("junjo.store.revision.end", self.store.revision));
                attributes.push(pair("junjo.store.transition.count", self.store.transitions));
                attributes.push(pair("junjo.store.reconstructable", true));
            }
            Telemetry::Legacy => attributes.push(pair("junjo.workflow.state.end", state)),
        }
        self.sdk.span().attributes.append(&mut attributes);
    }
}
