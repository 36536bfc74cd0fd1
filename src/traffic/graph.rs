//! Junjo execution graphs: declarations, structural ids, and the texts that workflow spans carry.
//!
//! A structural id is a prefix and the first 32 hex digits of the SHA-256 of a compact JSON text
//! with sorted keys (`junjo-telemetry`, section 4.3). What does not differ between workflows is
//! worked out once; runtime ids are holes that each workflow fills with its own.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

mod factory;
mod snapshot;
mod structure;
pub(crate) mod template;

use self::template::Template;

/// A graph as an app declares it.
#[derive(Debug)]
pub(crate) struct Declaration {
    /// In snapshot order: source, sinks, then as edges name them; items behind their group.
    pub(crate) nodes: &'static [Node],
    /// Tail, head and condition label of each edge, as indices into `nodes`.
    pub(crate) edges: &'static [(usize, usize, Option<&'static str>)],
    pub(crate) source: usize,
    pub(crate) sinks: &'static [usize],
}

/// What a graph is made of.
#[derive(Debug)]
pub(crate) enum Node {
    /// A node of this class.
    Class(&'static str),
    /// A `RunConcurrent` with its items, as indices into the same `nodes`.
    RunConcurrent { name: &'static str, items: &'static [usize] },
    /// A subflow of this class, with the graph that it makes.
    Subflow { class: &'static str, graph: &'static Declaration },
}

/// A declared graph with everything that does not differ between workflows worked out.
#[derive(Debug)]
pub(crate) struct Graph {
    pub(crate) id: String,
    pub(crate) declaration: &'static Declaration,
    pub(crate) node_ids: Vec<String>,
    pub(crate) edge_ids: Vec<String>,
    /// By index of the node that is a subflow.
    subflows: BTreeMap<usize, Graph>,
    /// The `execution_graph_snapshot` of a workflow.
    pub(crate) snapshot: Template,
    /// What SDKs up to 0.62 sent instead: the `graph_structure`.
    pub(crate) structure: Template,
}

impl Node {
    /// The name of its class.
    pub(crate) fn class(&self) -> &'static str {
        match self {
            Self::Class(class) | Self::Subflow { class, .. } => class,
            Self::RunConcurrent { .. } => "RunConcurrent",
        }
    }

    /// The name of its span.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::RunConcurrent { name, .. } => name,
            Self::Class(_) | Self::Subflow { .. } => self.class(),
        }
    }

    /// What it runs at the same time; empty unless it is a `RunConcurrent`.
    pub(crate) fn items(&self) -> &'static [usize] {
        match self {
            Self::RunConcurrent { items, .. } => items,
            Self::Class(_) | Self::Subflow { .. } => &[],
        }
    }
}

impl Graph {
    pub(crate) fn new(declaration: &'static Declaration) -> Self {
        let subflows: BTreeMap<usize, Self> =
            declaration.nodes.iter().enumerate().filter_map(nested).collect();
        let nodes: Vec<Value> = declaration
            .nodes
            .iter()
            .enumerate()
            .map(|(ordinal, node)| node_material(ordinal, node, subflows.get(&ordinal)))
            .collect();
        let edges: Vec<Value> =
            declaration.edges.iter().enumerate().map(|(i, edge)| edge_material(i, edge)).collect();
        let id = structural_id(
            "graph",
            &json!({
                "sourceNodeOrdinal": declaration.source,
                "sinkNodeOrdinals": declaration.sinks,
                "nodes": nodes,
                "edges": edges,
            }),
        );
        let within = |prefix, material: &Value| {
            let mut material = material.clone();
            material["graphStructuralId"] = json!(id);
            structural_id(prefix, &material)
        };
        let mut graph = Self {
            node_ids: nodes.iter().map(|node| within("node", node)).collect(),
            edge_ids: edges.iter().map(|edge| within("edge", edge)).collect(),
            id,
            declaration,
            subflows,
            snapshot: Template::default(),
            structure: Template::default(),
        };
        graph.snapshot = snapshot::template(&graph);
        graph.structure = structure::template(&graph);
        graph
    }

    /// The graph of a node that is a subflow.
    pub(crate) fn subflow(&self, node: usize) -> &Self {
        &self.subflows[&node]
    }
}

fn nested((index, node): (usize, &Node)) -> Option<(usize, Graph)> {
    match node {
        Node::Subflow { graph, .. } => Some((index, Graph::new(graph))),
        Node::Class(_) | Node::RunConcurrent { .. } => None,
    }
}

fn node_material(ordinal: usize, node: &Node, subflow: Option<&Graph>) -> Value {
    json!({
        "nodeOrdinal": ordinal,
        "nodeTypeName": node.class(),
        "nodeLabel": node.label(),
        "isConcurrentSubgraph": matches!(node, Node::RunConcurrent { .. }),
        "isSubflow": subflow.is_some(),
        "childNodeOrdinals": node.items(),
        "subflowGraphStructuralId": subflow.map(|graph| &graph.id),
    })
}

fn edge_material(ordinal: usize, &(tail, head, condition): &(usize, usize, Option<&str>)) -> Value {
    json!({
        "edgeOrdinal": ordinal,
        "tailNodeOrdinal": tail,
        "headNodeOrdinal": head,
        "edgeConditionLabel": condition,
    })
}

/// Relies on `serde_json` writing objects compact and with sorted keys.
fn structural_id(prefix: &str, material: &Value) -> String {
    let digest = Sha256::digest(material.to_string());
    format!("{prefix}_{}", const_hex::encode(&digest[..16]))
}

#[cfg(test)]
mod tests {
    use super::*;

    static ONE_NODE: Declaration =
        Declaration { nodes: &[Node::Class("N")], edges: &[], source: 0, sinks: &[0] };

    #[test]
    fn structural_ids_of_the_smallest_graph_are_those_of_the_sdk() {
        let graph = Graph::new(&ONE_NODE);
        assert_eq!(graph.id, "graph_0f9924f716bca7242989e9f39befd318");
        assert_eq!(graph.node_ids, ["node_251b5b36ab887c29e50633dba6350a13"]);
    }
}
