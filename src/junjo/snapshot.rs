//! The execution graph that a workflow or subflow carries: its form, and the ids that follow from its content.
//!
//! An id is a prefix and the first 32 hex digits of the SHA-256 of a compact JSON text with sorted keys. A snapshot
//! also holds the graphs of its subflows, as a throw-away call of their factory made them.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Snapshot {
    pub(crate) edges: Vec<Edge>,
    pub(crate) graph_structural_id: String,
    pub(crate) nodes: Vec<Node>,
    v: u32,
}

#[expect(clippy::struct_field_names, reason = "the names of the JSON")]
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Node {
    pub(crate) node_label: String,
    pub(crate) node_runtime_id: String,
    pub(crate) node_structural_id: String,
    pub(crate) node_type: String,
    #[serde(default)]
    pub(crate) is_concurrent_subgraph: bool,
    #[serde(default)]
    pub(crate) child_node_runtime_ids: Vec<String>,
    #[serde(default)]
    pub(crate) is_subflow: bool,
    #[serde(default)]
    pub(crate) subflow_graph_structural_id: Option<String>,
    #[serde(default)]
    subflow_source_node_runtime_id: Option<String>,
    #[serde(default)]
    subflow_source_node_structural_id: Option<String>,
    #[serde(default)]
    subflow_sink_node_runtime_ids: Vec<String>,
    #[serde(default)]
    subflow_sink_node_structural_ids: Vec<String>,
}

#[expect(clippy::struct_field_names, reason = "the names of the JSON")]
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Edge {
    pub(crate) edge_condition_label: Option<String>,
    edge_scope: String,
    pub(crate) edge_structural_id: String,
    pub(crate) head_node_runtime_id: String,
    head_node_structural_id: String,
    pub(crate) parent_subflow_runtime_id: Option<String>,
    pub(crate) tail_node_runtime_id: String,
    tail_node_structural_id: String,
}

/// A graph of a snapshot: its own, or that of one of its subflows. Places are those of the snapshot's lists.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pub(crate) nodes: Vec<usize>,
    pub(crate) edges: Vec<usize>,
    source: Option<usize>,
    sinks: Vec<usize>,
}

/// A snapshot whose references all lead somewhere.
#[derive(Debug)]
pub(crate) struct Graph {
    pub(crate) snapshot: Snapshot,
    /// Places of nodes by their runtime ids, in the order of these; first how an id begins, which tells most apart.
    by_id: Vec<(u64, usize)>,
    pub(crate) own: Part,
    /// By the place of the subflow.
    nested: BTreeMap<usize, Part>,
}

/// The first bytes of a text as a number that rises with them.
fn beginning(text: &str) -> u64 {
    let mut bytes = [0; size_of::<u64>()];
    let length = text.len().min(bytes.len());
    bytes[..length].copy_from_slice(&text.as_bytes()[..length]);
    u64::from_be_bytes(bytes)
}

/// An id that does not follow from the content.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WrongId {
    pub(crate) of: String,
    pub(crate) expected: String,
    pub(crate) actual: String,
}

impl Graph {
    /// `Err` says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let snapshot: Snapshot = serde_json::from_str(text).map_err(|err| err.to_string())?;
        if snapshot.v != 2 {
            return Err(format!("version {}", snapshot.v));
        }
        if snapshot.nodes.is_empty() {
            return Err("no nodes".to_owned());
        }
        let id = |place: usize| &snapshot.nodes[place].node_runtime_id;
        let mut by_id: Vec<(u64, usize)> =
            (0..snapshot.nodes.len()).map(|place| (beginning(id(place)), place)).collect();
        by_id.sort_unstable_by_key(|(beginning, place)| (*beginning, id(*place)));
        if let Some(twice) = by_id.windows(2).find(|pair| id(pair[0].1) == id(pair[1].1)) {
            return Err(format!("node {} occurs twice", id(twice[0].1)));
        }
        let mut graph = Self { snapshot, by_id, own: Part::default(), nested: BTreeMap::new() };
        graph.close()?;
        graph.divide()?;
        Ok(graph)
    }

    pub(crate) fn place(&self, runtime_id: &str) -> Option<usize> {
        let wanted = beginning(runtime_id);
        let start = self.by_id.partition_point(|(beginning, _)| *beginning < wanted);
        let alike = self.by_id[start..].iter().take_while(|(beginning, _)| *beginning == wanted);
        let mut places = alike.map(|(_, place)| *place);
        places.find(|place| self.snapshot.nodes[*place].node_runtime_id == runtime_id)
    }

    fn known(&self, runtime_id: &str) -> Result<usize, String> {
        self.place(runtime_id).ok_or_else(|| format!("no node {runtime_id}"))
    }

    /// Every reference leads to a node that is as the reference says.
    fn close(&self) -> Result<(), String> {
        let same = |runtime_id: &str, structural_id: &str| {
            let node = &self.snapshot.nodes[self.known(runtime_id)?];
            let is_same = node.node_structural_id == structural_id;
            if is_same { Ok(()) } else { Err(format!("node {runtime_id} is not {structural_id}")) }
        };
        for edge in &self.snapshot.edges {
            same(&edge.tail_node_runtime_id, &edge.tail_node_structural_id)?;
            same(&edge.head_node_runtime_id, &edge.head_node_structural_id)?;
            match (&*edge.edge_scope, &edge.parent_subflow_runtime_id) {
                ("explicit", None) => {}
                ("subflow", Some(subflow)) if self.snapshot.nodes[self.known(subflow)?].is_subflow => {}
                (scope, _) => return Err(format!("edge of scope {scope} with another subflow")),
            }
        }
        for node in &self.snapshot.nodes {
            for child in &node.child_node_runtime_ids {
                self.known(child)?;
            }
            if !node.is_concurrent_subgraph && !node.child_node_runtime_ids.is_empty() {
                return Err(format!("node {} has children and is no group", node.node_runtime_id));
            }
            if !node.is_subflow {
                continue;
            }
            let (Some(source), Some(structural_id), Some(_)) = (
                &node.subflow_source_node_runtime_id,
                &node.subflow_source_node_structural_id,
                &node.subflow_graph_structural_id,
            ) else {
                return Err(format!("subflow {} without its graph", node.node_runtime_id));
            };
            same(source, structural_id)?;
            let sinks = &node.subflow_sink_node_runtime_ids;
            if sinks.is_empty() || sinks.len() != node.subflow_sink_node_structural_ids.len() {
                return Err(format!("subflow {} without its sinks", node.node_runtime_id));
            }
            for (sink, structural_id) in sinks.iter().zip(&node.subflow_sink_node_structural_ids) {
                same(sink, structural_id)?;
            }
        }
        Ok(())
    }

    /// Tells which nodes and edges belong to which graph.
    fn divide(&mut self) -> Result<(), String> {
        let nodes = &self.snapshot.nodes;
        let mut of_nested = vec![false; nodes.len()];
        for (place, node) in nodes.iter().enumerate().filter(|(_, node)| node.is_subflow) {
            let is_mine =
                |edge: &Edge| edge.parent_subflow_runtime_id.as_deref() == Some(&*node.node_runtime_id);
            let edges: Vec<usize> =
                (0..self.snapshot.edges.len()).filter(|edge| is_mine(&self.snapshot.edges[*edge])).collect();
            let mut mine = HashSet::new();
            let mut add = |runtime_id: &str| -> Result<(), String> {
                // Groups may lie in groups.
                let mut open = vec![self.known(runtime_id)?];
                while let Some(place) = open.pop() {
                    if mine.insert(place) {
                        for child in &nodes[place].child_node_runtime_ids {
                            open.push(self.known(child)?);
                        }
                    }
                }
                Ok(())
            };
            for edge in &edges {
                add(&self.snapshot.edges[*edge].tail_node_runtime_id)?;
                add(&self.snapshot.edges[*edge].head_node_runtime_id)?;
            }
            let source = node.subflow_source_node_runtime_id.as_deref().unwrap_or_default();
            add(source)?;
            for sink in &node.subflow_sink_node_runtime_ids {
                add(sink)?;
            }
            let mut mine: Vec<usize> = mine.into_iter().collect();
            mine.sort_unstable();
            for place in &mine {
                of_nested[*place] = true;
            }
            let sinks = node.subflow_sink_node_runtime_ids.iter();
            let sinks = sinks.map(|sink| self.known(sink)).collect::<Result<_, _>>()?;
            let part = Part { nodes: mine, edges, source: Some(self.known(source)?), sinks };
            self.nested.insert(place, part);
        }
        let own: Vec<usize> = (0..nodes.len()).filter(|place| !of_nested[*place]).collect();
        let edges: Vec<usize> = (0..self.snapshot.edges.len())
            .filter(|edge| self.snapshot.edges[*edge].parent_subflow_runtime_id.is_none())
            .collect();
        // What a group has in it, and where an edge begins.
        let mut is_no_sink = vec![false; nodes.len()];
        for place in &own {
            for child in &nodes[*place].child_node_runtime_ids {
                is_no_sink[self.known(child)?] = true;
            }
        }
        for edge in &edges {
            let edge = &self.snapshot.edges[*edge];
            let (tail, head) =
                (self.known(&edge.tail_node_runtime_id)?, self.known(&edge.head_node_runtime_id)?);
            if of_nested[tail] || of_nested[head] {
                return Err("an edge leads out of a subflow".to_owned());
            }
            is_no_sink[tail] = true;
        }
        let sinks = own.iter().copied().filter(|place| !is_no_sink[*place]).collect();
        self.own = Part { source: own.first().copied(), sinks, nodes: own, edges };
        Ok(())
    }

    /// How often edges and nodes name a node, its own list entry among them.
    pub(crate) fn references_to(&self, runtime_id: &str) -> usize {
        let Snapshot { edges, nodes, .. } = &self.snapshot;
        let of_edges = edges.iter().flat_map(|edge| {
            let ends = [&edge.head_node_runtime_id, &edge.tail_node_runtime_id];
            ends.into_iter().chain(&edge.parent_subflow_runtime_id)
        });
        let of_nodes = nodes.iter().flat_map(|node| {
            let others = node.child_node_runtime_ids.iter().chain(&node.subflow_sink_node_runtime_ids);
            others.chain(&node.subflow_source_node_runtime_id).chain([&node.node_runtime_id])
        });
        of_edges.chain(of_nodes).filter(|id| **id == runtime_id).count()
    }

    /// The places of what a group runs.
    pub(crate) fn items(&self, group: usize) -> impl Iterator<Item = usize> {
        let children = self.snapshot.nodes[group].child_node_runtime_ids.iter();
        children.filter_map(|child| self.place(child))
    }

    pub(crate) fn source(&self) -> Option<usize> {
        self.own.source
    }

    pub(crate) fn is_sink(&self, place: usize) -> bool {
        self.own.sinks.contains(&place)
    }

    pub(crate) fn is_own(&self, place: usize) -> bool {
        self.own.nodes.binary_search(&place).is_ok()
    }

    /// The own edges that begin at a node, in the order in which they are tried: their heads, and whether they have
    /// a condition.
    pub(crate) fn edges_from(&self, tail: usize) -> impl Iterator<Item = (usize, bool)> {
        let edges = self.own.edges.iter().map(|edge| &self.snapshot.edges[*edge]);
        edges.filter_map(move |edge| {
            let is_mine = self.place(&edge.tail_node_runtime_id) == Some(tail);
            let head = self.place(&edge.head_node_runtime_id)?;
            is_mine.then_some((head, edge.edge_condition_label.is_some()))
        })
    }

    pub(crate) fn label(&self, place: usize) -> &str {
        &self.snapshot.nodes[place].node_label
    }

    /// The ids that do not follow from the content. `cache` keeps the ids of graphs that were met before.
    pub(crate) fn wrong_ids(&self, cache: &mut IdCache) -> Vec<WrongId> {
        let mut wrong = Vec::new();
        let nested = self.nested.iter().map(|(place, part)| {
            let node = &self.snapshot.nodes[*place];
            (part, node.subflow_graph_structural_id.as_deref().unwrap_or_default())
        });
        for (part, graph_id) in
            std::iter::once((&self.own, &*self.snapshot.graph_structural_id)).chain(nested)
        {
            let expected = cache.ids(self, part);
            let is_right = |ids: &Ids| ids.graph == graph_id;
            // SDKs 0.63 and 0.64 hashed other characters than ASCII as escapes.
            let Some(ids) = expected.iter().find(|ids| is_right(ids)) else {
                wrong.push(WrongId {
                    of: "graph".to_owned(),
                    expected: expected[0].graph.clone(),
                    actual: graph_id.to_owned(),
                });
                continue;
            };
            for (place, expected) in part.nodes.iter().zip(&ids.nodes) {
                let node = &self.snapshot.nodes[*place];
                if node.node_structural_id != *expected {
                    wrong.push(WrongId {
                        of: format!("node {}", node.node_label),
                        expected: expected.clone(),
                        actual: node.node_structural_id.clone(),
                    });
                }
            }
            for (edge, expected) in part.edges.iter().zip(&ids.edges) {
                let edge = &self.snapshot.edges[*edge];
                if edge.edge_structural_id != *expected {
                    let end = |id: &str| self.place(id).map_or("?", |place| self.label(place));
                    let (tail, head) = (end(&edge.tail_node_runtime_id), end(&edge.head_node_runtime_id));
                    wrong.push(WrongId {
                        of: format!("edge {tail} to {head}"),
                        expected: expected.clone(),
                        actual: edge.edge_structural_id.clone(),
                    });
                }
            }
        }
        wrong
    }

    /// The place of a node among those of its graph.
    fn ordinal(&self, part: &Part, runtime_id: &str) -> Option<usize> {
        part.nodes.binary_search(&self.place(runtime_id)?).ok()
    }

    /// All that [`Self::material`] is made of, as bytes that differ where it differs.
    fn shape(&self, part: &Part, out: &mut Vec<u8>) {
        let number = |number: Option<usize>, out: &mut Vec<u8>| {
            out.extend_from_slice(&number.map_or(u32::MAX, |number| number as u32).to_le_bytes());
        };
        let text = |text: Option<&str>, out: &mut Vec<u8>| {
            number(text.map(str::len), out);
            out.extend_from_slice(text.unwrap_or_default().as_bytes());
        };
        number(part.source.and_then(|source| part.nodes.binary_search(&source).ok()), out);
        number(Some(part.sinks.len()), out);
        for sink in &part.sinks {
            number(part.nodes.binary_search(sink).ok(), out);
        }
        number(Some(part.nodes.len()), out);
        for place in &part.nodes {
            let node = &self.snapshot.nodes[*place];
            text(Some(&node.node_type), out);
            text(Some(&node.node_label), out);
            out.extend([node.is_concurrent_subgraph, node.is_subflow].map(u8::from));
            number(Some(node.child_node_runtime_ids.len()), out);
            for child in &node.child_node_runtime_ids {
                number(self.ordinal(part, child), out);
            }
            text(node.subflow_graph_structural_id.as_deref(), out);
        }
        for edge in part.edges.iter().map(|edge| &self.snapshot.edges[*edge]) {
            number(self.ordinal(part, &edge.tail_node_runtime_id), out);
            number(self.ordinal(part, &edge.head_node_runtime_id), out);
            text(edge.edge_condition_label.as_deref(), out);
        }
    }

    /// What the id of a graph is made of.
    fn material(&self, part: &Part) -> Value {
        let ordinal = |runtime_id: &str| self.ordinal(part, runtime_id);
        let nodes: Vec<Value> = part
            .nodes
            .iter()
            .enumerate()
            .map(|(number, place)| {
                let node = &self.snapshot.nodes[*place];
                let children: Vec<_> = node.child_node_runtime_ids.iter().map(|id| ordinal(id)).collect();
                json!({
                    "nodeOrdinal": number,
                    "nodeTypeName": node.node_type,
                    "nodeLabel": node.node_label,
                    "isConcurrentSubgraph": node.is_concurrent_subgraph,
                    "isSubflow": node.is_subflow,
                    "childNodeOrdinals": children,
                    "subflowGraphStructuralId": node.subflow_graph_structural_id,
                })
            })
            .collect();
        let edges: Vec<Value> = part
            .edges
            .iter()
            .enumerate()
            .map(|(number, edge)| {
                let edge = &self.snapshot.edges[*edge];
                json!({
                    "edgeOrdinal": number,
                    "tailNodeOrdinal": ordinal(&edge.tail_node_runtime_id),
                    "headNodeOrdinal": ordinal(&edge.head_node_runtime_id),
                    "edgeConditionLabel": edge.edge_condition_label,
                })
            })
            .collect();
        let within = |place: &usize| part.nodes.binary_search(place).ok();
        let sinks: Vec<_> = part.sinks.iter().filter_map(within).collect();
        let source = part.source.as_ref().and_then(within);
        json!({"sourceNodeOrdinal": source, "sinkNodeOrdinals": sinks, "nodes": nodes, "edges": edges})
    }
}

/// The ids of a graph.
#[derive(Debug)]
pub(crate) struct Ids {
    graph: String,
    nodes: Vec<String>,
    edges: Vec<String>,
}

/// The ids of graphs by their shapes: programs run few graphs often.
#[derive(Debug, Default)]
pub(crate) struct IdCache {
    known: HashMap<Vec<u8>, Vec<Ids>>,
    shape: Vec<u8>,
}

/// Graphs to keep the ids of.
const CACHED: usize = 512;

impl IdCache {
    /// As SDKs since 0.65 have it, then as 0.63 and 0.64 had it, where that differs.
    fn ids(&mut self, graph: &Graph, part: &Part) -> &[Ids] {
        self.shape.clear();
        graph.shape(part, &mut self.shape);
        if !self.known.contains_key(&self.shape) {
            if self.known.len() >= CACHED {
                self.known.clear();
            }
            let material = graph.material(part);
            let is_ascii = material.to_string().is_ascii();
            let escapes = if is_ascii { &[false][..] } else { &[false, true] };
            let ids = escapes.iter().map(|escape| ids(&material, *escape)).collect();
            self.known.insert(self.shape.clone(), ids);
        }
        &self.known[&self.shape]
    }
}

fn ids(material: &Value, escape: bool) -> Ids {
    let graph = structural_id("graph", material, escape);
    let within = |prefix: &str, list: &str| -> Vec<String> {
        let parts = material[list].as_array().map(Vec::as_slice).unwrap_or_default();
        let id = |part: &Value| {
            let mut part = part.clone();
            part["graphStructuralId"] = json!(graph);
            structural_id(prefix, &part, escape)
        };
        parts.iter().map(id).collect()
    };
    Ids { nodes: within("node", "nodes"), edges: within("edge", "edges"), graph }
}

/// Relies on `serde_json` writing objects compact and with sorted keys.
fn structural_id(prefix: &str, material: &Value, escape: bool) -> String {
    let mut text = material.to_string();
    if escape {
        text = ascii(&text);
    }
    let digest = Sha256::digest(text);
    format!("{prefix}_{}", const_hex::encode(&digest[..16]))
}

/// With all other characters as escapes.
fn ascii(text: &str) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        if char.is_ascii() {
            out.push(char);
        } else {
            for unit in char.encode_utf16(&mut [0; 2]) {
                // Writing to a string does not fail.
                write!(out, "\\u{unit:04x}").ok();
            }
        }
    }
    out
}
