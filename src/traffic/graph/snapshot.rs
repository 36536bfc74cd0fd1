//! The `junjo.workflow.execution_graph_snapshot`, version 2 (`junjo-telemetry`, section 4.1).

use serde_json::{Value, json};

use super::{Graph, Node, factory::Factory, template::Template};

pub(super) fn template(graph: &Graph) -> Template {
    let mut holes = 0;
    let factory = Factory::call(graph, &mut holes);
    let (mut nodes, mut edges) = (Vec::new(), Vec::new());
    add_nodes(&factory, &mut nodes);
    add_edges(&factory, None, &mut edges);
    let json = json!({"edges": edges, "graphStructuralId": graph.id, "nodes": nodes, "v": 2});
    Template::cut(&json.to_string(), graph.declaration.nodes.len(), holes)
}

/// The nodes of a graph; behind a subflow those of its own graph.
fn add_nodes(factory: &Factory<'_>, nodes: &mut Vec<Value>) {
    for (index, node) in factory.graph.declaration.nodes.iter().enumerate() {
        let mut json = json!({
            "nodeLabel": node.label(),
            "nodeRuntimeId": factory.id(index),
            "nodeStructuralId": factory.graph.node_ids[index],
            "nodeType": node.class(),
        });
        if let Node::RunConcurrent { items, .. } = node {
            json["childNodeRuntimeIds"] = json!(factory.ids(items));
            json["isConcurrentSubgraph"] = json!(true);
        }
        let Some(subflow) = factory.subflows.get(&index) else {
            nodes.push(json);
            continue;
        };
        let Graph { declaration, node_ids, id, .. } = subflow.graph;
        let sinks: Vec<_> = declaration.sinks.iter().map(|sink| &node_ids[*sink]).collect();
        json["isSubflow"] = json!(true);
        json["subflowGraphStructuralId"] = json!(id);
        json["subflowSourceNodeRuntimeId"] = json!(subflow.id(declaration.source));
        json["subflowSourceNodeStructuralId"] = json!(node_ids[declaration.source]);
        json["subflowSinkNodeRuntimeIds"] = json!(subflow.ids(declaration.sinks));
        json["subflowSinkNodeStructuralIds"] = json!(sinks);
        nodes.push(json);
        add_nodes(subflow, nodes);
    }
}

/// The edges of the nested subflows, then those of the graph itself.
fn add_edges(factory: &Factory<'_>, owner: Option<&str>, edges: &mut Vec<Value>) {
    for (index, subflow) in &factory.subflows {
        add_edges(subflow, Some(&factory.id(*index)), edges);
    }
    let Graph { declaration, node_ids, edge_ids, .. } = factory.graph;
    edges.extend(declaration.edges.iter().zip(edge_ids).map(|(&(tail, head, condition), edge_id)| {
        json!({
            "edgeConditionLabel": condition,
            "edgeScope": if owner.is_some() { "subflow" } else { "explicit" },
            "edgeStructuralId": edge_id,
            "headNodeRuntimeId": factory.id(head),
            "headNodeStructuralId": node_ids[head],
            "parentSubflowRuntimeId": owner,
            "tailNodeRuntimeId": factory.id(tail),
            "tailNodeStructuralId": node_ids[tail],
        })
    }));
}
