//! Graphs that are written like one before: only the runtime ids of their nodes are others.
//!
//! A program runs few graphs often. A snapshot that has the same bytes around its runtime ids, and in the places of
//! one id the same one, says the same of all nodes and edges.

use std::{collections::HashMap, ops::Range, rc::Rc};

use memchr::memmem;

use super::snapshot::{Graph, IdCache, WrongId};
use crate::{
    base::credit::Credit,
    contract::{json::needs_no_escape, json_reader::JsonReader},
};

/// The graph of a flow.
#[derive(Debug)]
pub(crate) struct FlowGraph<'t> {
    /// What it says; where it is written like one before, with the runtime ids of that one.
    pub(crate) structure: Rc<Graph>,
    pub(crate) wrong_ids: Rc<[WrongId]>,
    /// Its own runtime ids in their order, and the places of their nodes; none where the structure has them.
    ids: Option<Vec<(&'t str, usize)>>,
}

impl FlowGraph<'_> {
    /// The place of the node with a runtime id.
    pub(crate) fn place(&self, runtime_id: &str) -> Option<usize> {
        let Some(ids) = &self.ids else { return self.structure.place(runtime_id) };
        let found = ids.binary_search_by_key(&runtime_id, |(id, _)| *id).ok()?;
        Some(ids[found].1)
    }
}

/// A snapshot that was met before.
#[derive(Debug)]
struct Known {
    literal: String,
    /// Where runtime ids are, and of which node, in their order.
    ids: Vec<(Range<usize>, usize)>,
    structure: Rc<Graph>,
    wrong_ids: Rc<[WrongId]>,
}

/// Snapshots by their lengths. Where few are alike none are kept any more.
#[derive(Debug, Default)]
pub(crate) struct KnownGraphs {
    /// The second of a length is kept.
    by_length: HashMap<usize, Option<Known>>,
    credit: Credit,
}

/// Lengths to remember, and the longest snapshot that is kept.
const MOST_LENGTHS: usize = 64;
const LONGEST: usize = 16 << 10;

impl KnownGraphs {
    /// Of a snapshot as a JSON string. `Err` says what is wrong with it.
    pub(crate) fn of<'t>(&mut self, literal: &'t str, ids: &mut IdCache) -> Result<FlowGraph<'t>, String> {
        if let Some(Some(known)) = self.by_length.get(&literal.len())
            && let Some(ids) = known.ids_of(literal)
        {
            self.credit.earn();
            let (structure, wrong_ids) = (Rc::clone(&known.structure), Rc::clone(&known.wrong_ids));
            return Ok(FlowGraph { structure, wrong_ids, ids: Some(ids) });
        }
        let structure = Rc::new(parse(literal)?);
        let wrong_ids = Rc::from(structure.wrong_ids(ids));
        let graph = FlowGraph { structure, wrong_ids, ids: None };
        if self.credit.is_enough() && literal.len() <= LONGEST {
            self.learn(literal, &graph);
        }
        Ok(graph)
    }

    fn learn(&mut self, literal: &str, graph: &FlowGraph<'_>) {
        if self.by_length.len() >= MOST_LENGTHS && !self.by_length.contains_key(&literal.len()) {
            self.by_length.clear();
        }
        let is_second = self.by_length.contains_key(&literal.len());
        let known = self.by_length.entry(literal.len()).or_default();
        if is_second {
            self.credit.spend();
            *known = places_of_ids(&graph.structure, literal).map(|ids| Known {
                literal: literal.to_owned(),
                ids,
                structure: Rc::clone(&graph.structure),
                wrong_ids: Rc::clone(&graph.wrong_ids),
            });
        }
    }
}

/// Reads a snapshot from a JSON string.
pub(crate) fn parse(literal: &str) -> Result<Graph, String> {
    let text = JsonReader::new(literal).string().map_err(|err| err.to_string())?;
    Graph::parse(&text)
}

/// Where a literal has the runtime ids of nodes; none where that cannot be told from its bytes alone.
fn places_of_ids(graph: &Graph, literal: &str) -> Option<Vec<(Range<usize>, usize)>> {
    let mut ids = Vec::new();
    for (place, node) in graph.snapshot.nodes.iter().enumerate() {
        let id = &node.node_runtime_id;
        let is_word = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        // Between quotes a word is all of a text, since behind the end of a text there is none.
        let quoted = format!(r#"\"{id}\""#);
        let known = ids.len();
        ids.extend(memmem::find_iter(literal.as_bytes(), &quoted).map(|at| {
            let start = at + r#"\""#.len();
            (start..start + id.len(), place)
        }));
        // As often as it is a runtime id it must be there: then it is nothing else.
        if !is_word || ids.len() - known != graph.references_to(id) {
            return None;
        }
    }
    ids.sort_unstable_by_key(|(range, _)| range.start);
    Some(ids)
}

impl Known {
    /// The runtime ids of a snapshot that says the same, in their order, with the places of their nodes.
    fn ids_of<'t>(&self, literal: &'t str) -> Option<Vec<(&'t str, usize)>> {
        let mut ids: Vec<Option<&str>> = vec![None; self.structure.snapshot.nodes.len()];
        let mut end = 0;
        for (range, place) in &self.ids {
            let id = literal.get(range.clone()).filter(|id| needs_no_escape(id))?;
            let is_alike = literal.as_bytes()[end..range.start] == self.literal.as_bytes()[end..range.start];
            if !is_alike || ids[*place].is_some_and(|known| known != id) {
                return None;
            }
            ids[*place] = Some(id);
            end = range.end;
        }
        let ids = ids.into_iter().enumerate().map(|(place, id)| Some((id?, place)));
        let mut ids = ids.collect::<Option<Vec<_>>>()?;
        ids.sort_unstable();
        let is_alike = literal.as_bytes()[end..] == self.literal.as_bytes()[end..];
        (is_alike && ids.windows(2).all(|pair| pair[0].0 != pair[1].0)).then_some(ids)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A snapshot whose nodes have these runtime ids.
    fn snapshot(ids: [&str; 3]) -> String {
        let [first, group, item] = ids;
        let node = |id: &str, label: &str, more: &str| {
            format!(
                r#"{{{more}"nodeLabel":"{label}","nodeRuntimeId":"{id}","nodeStructuralId":"s {label}","nodeType":"T"}}"#
            )
        };
        let group_has = format!(r#""childNodeRuntimeIds":["{item}"],"isConcurrentSubgraph":true,"#);
        format!(
            r#"{{"edges":[{{"edgeConditionLabel":null,"edgeScope":"explicit","edgeStructuralId":"e","headNodeRuntimeId":"{group}","headNodeStructuralId":"s b","parentSubflowRuntimeId":null,"tailNodeRuntimeId":"{first}","tailNodeStructuralId":"s a"}}],"graphStructuralId":"g","nodes":[{},{},{}],"v":2}}"#,
            node(first, "a", ""),
            node(group, "b", &group_has),
            node(item, "c", "")
        )
    }

    fn literal(text: &str) -> String {
        serde_json::to_string(text).unwrap()
    }

    fn of<'t>(graphs: &mut KnownGraphs, literal: &'t str) -> Result<FlowGraph<'t>, String> {
        graphs.of(literal, &mut IdCache::default())
    }

    fn learned() -> KnownGraphs {
        let mut graphs = KnownGraphs::default();
        for ids in [["n1", "n2", "n3"], ["n4", "n5", "n6"]] {
            assert!(of(&mut graphs, &literal(&snapshot(ids))).unwrap().ids.is_none());
        }
        graphs
    }

    #[test]
    fn a_graph_with_other_ids_is_not_parsed_again() {
        let mut graphs = learned();
        let literal = literal(&snapshot(["zz", "aa", "mm"]));
        let known = of(&mut graphs, &literal).unwrap();
        assert!(known.ids.is_some());
        let fresh = of(&mut KnownGraphs::default(), &literal).unwrap();
        for (id, place) in [("zz", 0), ("aa", 1), ("mm", 2)] {
            assert_eq!((known.place(id), fresh.place(id)), (Some(place), Some(place)));
            assert_eq!(known.structure.label(place), fresh.structure.label(place));
            assert_eq!(known.structure.is_sink(place), fresh.structure.is_sink(place));
            let edges = |graph: &FlowGraph<'_>| graph.structure.edges_from(place).collect::<Vec<_>>();
            assert_eq!(edges(&known), edges(&fresh));
        }
        assert_eq!(known.place("n4"), None);
        assert_eq!(known.structure.source(), fresh.structure.source());
        assert!(!known.wrong_ids.is_empty());
        assert_eq!(known.wrong_ids, fresh.wrong_ids);
    }

    #[test]
    fn what_differs_in_more_than_its_ids_is_parsed() {
        let text = snapshot(["n7", "n8", "n9"]);
        for (from, to) in [
            ("\"g\"", "\"h\""),
            ("s a", "s b"),
            ("[\"n9\"]", "[\"n8\"]"),
            ("\"headNodeRuntimeId\":\"n8\"", "\"headNodeRuntimeId\":\"n7\""),
            ("n9", "n8"),
            ("n9", "\\n"),
            ("n9", "\"\""),
            ("v\":2", "v\":3"),
        ] {
            let changed = text.replace(from, to);
            assert_ne!(changed, text);
            let changed = literal(&changed);
            let told = of(&mut learned(), &changed).map(|graph| graph.ids.is_none());
            let fresh = of(&mut KnownGraphs::default(), &changed).map(|graph| graph.ids.is_none());
            assert_eq!(told, fresh, "{changed}");
        }
    }

    #[test]
    fn any_other_byte_outside_of_ids_is_noticed() {
        let mut graphs = learned();
        let text = literal(&snapshot(["n7", "n8", "n9"]));
        assert!(of(&mut graphs, &text).unwrap().ids.is_some());
        for at in 0..text.len() {
            let mut changed = text.clone();
            changed.replace_range(at..=at, if &text[at..=at] == "x" { "y" } else { "x" });
            // Each id is there twice.
            let is_known = of(&mut graphs, &changed).is_ok_and(|graph| graph.ids.is_some());
            assert!(!is_known, "{changed}");
            graphs = learned();
        }
    }

    #[test]
    fn an_id_that_is_something_else_too_makes_a_graph_its_own() {
        for [other, id] in [["b", "a"], ["h", "g"], ["w", "v"], ["n 1", "n 2"], ["\\u0041", "\\u0042"]] {
            let mut graphs = KnownGraphs::default();
            for id in [other, id, other] {
                let literal = literal(&snapshot([id, "n2", "n3"]));
                assert!(of(&mut graphs, &literal).unwrap().ids.is_none(), "{literal}");
            }
        }
    }
}
