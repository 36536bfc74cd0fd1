//! Junjo execution graphs: structural ids and the snapshot that a workflow span carries.
//!
//! A structural id is a prefix and the first 32 hex digits of the SHA-256 of a compact JSON text
//! with sorted keys (`junjo-telemetry`, section 4.3). Runtime ids are holes that each workflow
//! fills with its own.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::dice::NanoId;

/// A graph without nested subflows, as declared by an app.
#[derive(Debug)]
pub(crate) struct Declaration {
    /// Class names, in snapshot order: source, sinks, then as edges name them.
    pub(crate) nodes: &'static [&'static str],
    /// Tail, head and condition label of each edge, as indices into `nodes`.
    pub(crate) edges: &'static [(usize, usize, Option<&'static str>)],
    pub(crate) source: usize,
    pub(crate) sinks: &'static [usize],
}

/// A declared graph with everything that does not differ between workflows worked out.
#[derive(Debug)]
pub(crate) struct Graph {
    pub(crate) id: String,
    pub(crate) node_ids: Vec<String>,
    #[cfg(test)]
    pub(crate) edge_ids: Vec<String>,
    snapshot: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
    Text(String),
    NodeRuntimeId(usize),
}

impl Graph {
    pub(crate) fn new(declaration: &Declaration) -> Self {
        let nodes: Vec<Value> =
            declaration.nodes.iter().enumerate().map(|(i, name)| node_material(i, name)).collect();
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
        let node_ids: Vec<String> = nodes.iter().map(|node| within("node", node)).collect();
        let edge_ids: Vec<String> = edges.iter().map(|edge| within("edge", edge)).collect();
        let snapshot = snapshot_pieces(declaration, &id, &node_ids, &edge_ids);
        Self {
            id,
            node_ids,
            #[cfg(test)]
            edge_ids,
            snapshot,
        }
    }

    /// Appends the `execution_graph_snapshot` of a workflow whose nodes have these runtime ids.
    pub(crate) fn write_snapshot(&self, node_runtime_ids: &[NanoId], out: &mut String) {
        for piece in &self.snapshot {
            out.push_str(match piece {
                Piece::Text(text) => text,
                Piece::NodeRuntimeId(node) => node_runtime_ids[*node].as_str(),
            });
        }
    }
}

fn node_material(ordinal: usize, name: &str) -> Value {
    json!({
        "nodeOrdinal": ordinal,
        "nodeTypeName": name,
        "nodeLabel": name,
        "isConcurrentSubgraph": false,
        "isSubflow": false,
        "childNodeOrdinals": [],
        "subflowGraphStructuralId": null,
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

fn snapshot_pieces(
    declaration: &Declaration,
    id: &str,
    node_ids: &[String],
    edge_ids: &[String],
) -> Vec<Piece> {
    let hole = |node: usize| format!("\u{0}{node}\u{0}");
    let edges = declaration.edges.iter().zip(edge_ids).map(|(&(tail, head, condition), edge_id)| {
        json!({
            "edgeConditionLabel": condition,
            "edgeScope": "explicit",
            "edgeStructuralId": edge_id,
            "headNodeRuntimeId": hole(head),
            "headNodeStructuralId": node_ids[head],
            "parentSubflowRuntimeId": null,
            "tailNodeRuntimeId": hole(tail),
            "tailNodeStructuralId": node_ids[tail],
        })
    });
    let nodes = declaration.nodes.iter().enumerate().map(|(node, name)| {
        json!({
            "nodeLabel": name,
            "nodeRuntimeId": hole(node),
            "nodeStructuralId": node_ids[node],
            "nodeType": name,
        })
    });
    let snapshot = json!({
        "edges": edges.collect::<Vec<_>>(),
        "graphStructuralId": id,
        "nodes": nodes.collect::<Vec<_>>(),
        "v": 2,
    });
    // A NUL cannot occur in a label, and JSON escapes the ones around each hole.
    let text = snapshot.to_string();
    let pieces = text.split("\\u0000").enumerate().map(|(i, piece)| match piece.parse() {
        Ok(node) if i % 2 == 1 => Piece::NodeRuntimeId(node),
        _ => Piece::Text(piece.to_owned()),
    });
    pieces.collect()
}
