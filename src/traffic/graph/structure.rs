//! The `junjo.workflow.graph_structure` of SDKs up to 0.62 (`junjo-telemetry`, section 8).
//!
//! Indented by two, keys in the order in which the SDK puts them. Source and sink of a subflow come
//! from one more call of its factory, so they name no node of the text.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{Graph, Node, factory::Factory, template::Template};
use crate::traffic::python;

#[derive(Serialize)]
struct Structure {
    v: u32,
    nodes: Vec<StructureNode>,
    edges: Vec<StructureEdge>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StructureNode {
    id: String,
    r#type: &'static str,
    label: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_subgraph: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    children: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_subflow: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subflow_source_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subflow_sink_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StructureEdge {
    id: String,
    source: String,
    target: String,
    condition: Option<&'static str>,
    r#type: &'static str,
    subflow_id: Option<String>,
}

pub(super) fn template(graph: &Graph) -> Template {
    let mut holes = 0;
    let factory = Factory::call(graph, &mut holes);
    let mut structure = Structure { v: 1, nodes: Vec::new(), edges: explicit_edges(&factory) };
    add_nodes(&factory, &mut holes, &mut structure.nodes);
    for (index, subflow) in &factory.subflows {
        add_subflow_edges(subflow, &factory.id(*index), &mut structure.edges);
    }
    Template::cut(&python::dumps_indented(&structure), graph.declaration.nodes.len(), holes)
}

/// The nodes of a graph; behind a subflow those of its own graph.
fn add_nodes(factory: &Factory<'_>, holes: &mut usize, nodes: &mut Vec<StructureNode>) {
    for (index, node) in factory.graph.declaration.nodes.iter().enumerate() {
        let is_group = matches!(node, Node::RunConcurrent { .. });
        let subflow = factory.subflows.get(&index);
        let ends = subflow.map(|subflow| {
            let again = Factory::call(subflow.graph, holes);
            let declaration = subflow.graph.declaration;
            (again.id(declaration.source), again.id(declaration.sinks[0]))
        });
        let (subflow_source_id, subflow_sink_id) = ends.unzip();
        nodes.push(StructureNode {
            id: factory.id(index),
            r#type: node.class(),
            label: node.label(),
            is_subgraph: is_group.then_some(true),
            children: is_group.then(|| factory.ids(node.items())),
            is_subflow: subflow.map(|_| true),
            subflow_source_id,
            subflow_sink_id,
        });
        if let Some(subflow) = subflow {
            add_nodes(subflow, holes, nodes);
        }
    }
}

fn explicit_edges(factory: &Factory<'_>) -> Vec<StructureEdge> {
    let edges = factory.graph.declaration.edges.iter().enumerate();
    let edges = edges.map(|(index, &(tail, head, condition))| StructureEdge {
        id: format!("edge_{}_{}_{index}", factory.id(tail), factory.id(head)),
        source: factory.id(tail),
        target: factory.id(head),
        condition,
        r#type: "explicit",
        subflow_id: None,
    });
    edges.collect()
}

/// The edges of a subflow; those of a subflow within it where an edge first leads to that.
fn add_subflow_edges(factory: &Factory<'_>, owner: &str, edges: &mut Vec<StructureEdge>) {
    let mut seen = BTreeSet::new();
    for &(tail, head, condition) in factory.graph.declaration.edges {
        edges.push(StructureEdge {
            id: format!("subflow_{owner}_edge_{}_{}", factory.id(tail), factory.id(head)),
            source: factory.id(tail),
            target: factory.id(head),
            condition,
            r#type: "subflow",
            subflow_id: Some(owner.to_owned()),
        });
        if let Some(subflow) = factory.subflows.get(&head)
            && seen.insert(head)
        {
            add_subflow_edges(subflow, &factory.id(head), edges);
        }
    }
}
