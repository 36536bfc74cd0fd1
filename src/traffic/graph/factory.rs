//! What one call of a graph's factory makes: nodes with runtime ids, those of nested subflows too.

use std::collections::BTreeMap;

use super::{Graph, template::hole};

/// A graph with a number for the runtime id of each node; nested subflows follow, depth first.
pub(super) struct Factory<'a> {
    pub(super) graph: &'a Graph,
    first: usize,
    /// By index of the node that is a subflow.
    pub(super) subflows: BTreeMap<usize, Factory<'a>>,
}

impl<'a> Factory<'a> {
    /// Takes its numbers from `next` on, which it moves.
    pub(super) fn call(graph: &'a Graph, next: &mut usize) -> Self {
        let first = *next;
        *next += graph.declaration.nodes.len();
        let subflows = graph.subflows.iter().map(|(node, graph)| (*node, Self::call(graph, next))).collect();
        Self { graph, first, subflows }
    }

    /// The hole for the runtime id of a node.
    pub(super) fn id(&self, node: usize) -> String {
        hole(self.first + node)
    }

    pub(super) fn ids(&self, nodes: &[usize]) -> Vec<String> {
        nodes.iter().map(|node| self.id(*node)).collect()
    }
}
