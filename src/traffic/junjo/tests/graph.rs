//! Graphs: the snapshot of a flow is that of what ran, and what ran is a walk of it.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use super::{
    Profile,
    trace::{Seen, Trace, text},
};

pub(super) fn check(trace: &Trace) {
    let executed: HashSet<_> =
        trace.spans.iter().map(|seen| seen.text("junjo.executable_definition_id")).collect();
    for (position, flow) in trace.flows() {
        let snapshot = flow.json("junjo.workflow.execution_graph_snapshot");
        assert_eq!(snapshot.to_string(), flow.text("junjo.workflow.execution_graph_snapshot"));
        let graph = flow.text("junjo.executable_structural_id");
        assert_eq!(text(&snapshot["graphStructuralId"]), graph);
        assert_eq!(flow.text("junjo.enclosing_graph_structural_id"), graph);

        let nodes = by_id(&snapshot["nodes"], "nodeRuntimeId");
        let edges = snapshot["edges"].as_array().unwrap();
        let children: Vec<_> = trace.children(position).collect();
        for child in &children {
            check_node(child, graph, &nodes);
        }
        check_groups(trace, graph, &nodes);

        let id = |seen: &&Seen| seen.text("junjo.executable_definition_id").to_owned();
        let walk: Vec<_> = children.iter().map(id).collect();
        let first = text(&snapshot["nodes"][0]["nodeRuntimeId"]);
        let steps = edges.iter().filter(|edge| edge["edgeScope"] == "explicit");
        let steps = steps.map(|edge| (text(&edge["tailNodeRuntimeId"]), text(&edge["headNodeRuntimeId"])));
        check_walk(&walk, first, &steps.collect(), !flow.has("error.type") && !flow.has("junjo.cancelled"));
        check_nested(edges, &nodes, &executed);
        assert_eq!(flow.number("junjo.workflow.node.count"), count(trace, position), "{flow:?}");
    }
}

fn by_id<'a>(objects: &'a Value, key: &str) -> BTreeMap<&'a str, &'a Value> {
    let objects = objects.as_array().unwrap();
    let ids: BTreeMap<_, _> = objects.iter().map(|object| (text(&object[key]), object)).collect();
    assert_eq!(ids.len(), objects.len(), "an id is used twice");
    ids
}

fn check_node(seen: &Seen, graph: &str, nodes: &BTreeMap<&str, &Value>) {
    let node = nodes[seen.text("junjo.executable_definition_id")];
    assert_eq!(text(&node["nodeLabel"]), seen.span.name);
    if seen.kind() == "subflow" {
        assert_eq!(node["isSubflow"], true);
        assert_eq!(text(&node["subflowGraphStructuralId"]), seen.text("junjo.executable_structural_id"));
    } else {
        assert_eq!(seen.text("junjo.executable_runtime_id"), seen.text("junjo.executable_definition_id"));
        assert_eq!(text(&node["nodeStructuralId"]), seen.text("junjo.executable_structural_id"));
        assert_eq!(seen.text("junjo.enclosing_graph_structural_id"), graph);
    }
}

/// The spans inside a group's are its items, each once.
fn check_groups(trace: &Trace, graph: &str, nodes: &BTreeMap<&str, &Value>) {
    for (position, group) in trace.spans.iter().enumerate() {
        let Some(node) = nodes.get(group.text("junjo.executable_definition_id")) else { continue };
        if group.kind() != "run_concurrent" {
            continue;
        }
        let ran: Vec<_> = trace.children(position).collect();
        for item in &ran {
            check_node(item, graph, nodes);
        }
        let mut ran: Vec<_> = ran.iter().map(|item| item.text("junjo.executable_definition_id")).collect();
        let mut items: Vec<_> = node["childNodeRuntimeIds"].as_array().unwrap().iter().map(text).collect();
        ran.sort_unstable();
        items.sort_unstable();
        assert_eq!(ran, items);
    }
}

fn check_walk(walk: &[String], first: &str, steps: &HashSet<(&str, &str)>, succeeded: bool) {
    assert_eq!(walk[0], first);
    for pair in walk.windows(2) {
        assert!(steps.contains(&(&*pair[0], &*pair[1])), "no edge leads from {} to {}", pair[0], pair[1]);
    }
    let last = &walk[walk.len() - 1];
    let is_sink = !steps.iter().any(|(tail, _)| tail == last);
    assert!(is_sink || !succeeded, "{last} is no sink");
}

/// The nodes of nested subflows are described under ids that never ran.
fn check_nested(edges: &[Value], nodes: &BTreeMap<&str, &Value>, executed: &HashSet<&str>) {
    for edge in edges.iter().filter(|edge| edge["edgeScope"] == "subflow") {
        let subflow = nodes[text(&edge["parentSubflowRuntimeId"])];
        assert_eq!(subflow["isSubflow"], true);
        for end in ["tail", "head"] {
            let id = text(&edge[&format!("{end}NodeRuntimeId")]);
            assert!(!executed.contains(id), "{id} ran");
            assert_eq!(nodes[id]["nodeStructuralId"], edge[&format!("{end}NodeStructuralId")]);
        }
    }
}

/// Completed nodes and subflows, and the items of completed groups.
fn count(trace: &Trace, flow: usize) -> u64 {
    let completed = |seen: &Seen| !seen.has("error.type") && !seen.has("junjo.cancelled");
    let spans =
        trace.spans.iter().enumerate().filter(|(_, seen)| seen.parent == Some(flow) && completed(seen));
    let counts = spans.map(|(position, seen)| match seen.kind() {
        "run_concurrent" => trace.children(position).count() as u64,
        _ => 1,
    });
    counts.sum()
}

/// As [`count`], but a subflow counts as what it counted itself.
fn legacy_count(trace: &Trace, flow: usize) -> u64 {
    let spans = trace.spans.iter().enumerate().filter(|(_, seen)| seen.parent == Some(flow));
    let counts = spans.filter(|(_, seen)| seen.status().0 == 0).map(|(position, seen)| match seen.kind() {
        "run_concurrent" => trace.children(position).count() as u64,
        "subflow" => seen.number("junjo.workflow.node.count"),
        _ => 1,
    });
    counts.sum()
}

pub(super) fn check_legacy(trace: &Trace) {
    for (position, flow) in trace.flows() {
        // Nothing tells a cancelled node from a completed one.
        if trace.profile != Profile::Cancelled {
            assert_eq!(flow.number("junjo.workflow.node.count"), legacy_count(trace, position), "{flow:?}");
        }
        let structure = flow.json("junjo.workflow.graph_structure");
        let pretty = flow.text("junjo.workflow.graph_structure");
        assert!(pretty.starts_with("{\n  \"v\": 1,\n  \"nodes\": [\n    {\n      \"id\": \""), "{pretty}");
        let nodes = by_id(&structure["nodes"], "id");
        by_id(&structure["edges"], "id");
        for edge in structure["edges"].as_array().unwrap() {
            assert!(nodes.contains_key(text(&edge["source"])) && nodes.contains_key(text(&edge["target"])));
        }
        for child in trace.children(position) {
            assert_eq!(text(&nodes[child.text("junjo.id")]["label"]), child.span.name);
        }
        for node in nodes.values().filter(|node| node["isSubflow"] == true) {
            assert!(!nodes.contains_key(text(&node["subflowSourceId"])));
            assert!(!nodes.contains_key(text(&node["subflowSinkId"])));
        }
    }
}
