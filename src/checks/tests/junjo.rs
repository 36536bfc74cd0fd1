//! Damage to Junjo traces of three stores, at one execution and at all: which checks of the family fire.

use std::{collections::BTreeSet, fs, iter};

use serde_json::{Value, json};

use super::bench::Bench;
use crate::{
    audit::report::AuditReport,
    contract::{row::Row, schema::Schema},
    testing::{files, parquet_rows},
};

const STORES: [&str; 3] = ["studio-0.82.1", "getting-started/studio-0.82.1", "profiles/studio-0.82.1"];

/// What is done to an execution, given by its root row; what fires of the family; and what may fire beside it.
type Case = (&'static str, fn(&mut Vec<Row>, &Row), &'static str, &'static str);

fn attributes(row: &Row) -> Value {
    serde_json::from_str(&row.attributes).unwrap()
}

fn get(row: &Row, key: &str) -> Value {
    attributes(row)[key].clone()
}

fn text(row: &Row, key: &str) -> String {
    get(row, key).as_str().unwrap_or_default().to_owned()
}

/// Null takes the attribute away.
fn set(row: &mut Row, key: &str, value: impl Into<Value>) {
    let mut all = attributes(row);
    match value.into() {
        Value::Null => drop(all.as_object_mut().unwrap().remove(key)),
        value => all[key] = value,
    }
    row.attributes = all.to_string();
}

fn add(row: &mut Row, key: &str, more: i64) {
    let number = get(row, key).as_i64().unwrap() + more;
    set(row, key, number);
}

fn of(rows: &[Row], like: &Row) -> usize {
    rows.iter().position(|row| (&row.trace_id, &row.span_id) == (&like.trace_id, &like.span_id)).unwrap()
}

fn kind(row: &Row) -> String {
    text(row, "junjo.span_type")
}

fn members(rows: &[Row], flow: &Row) -> Vec<usize> {
    let mut members: Vec<usize> = (0..rows.len())
        .filter(|row| rows[*row].trace_id == flow.trace_id)
        .filter(|row| {
            rows[*row].parent_span_id.as_ref() == Some(&flow.span_id) && !kind(&rows[*row]).is_empty()
        })
        .collect();
    members.sort_by_key(|row| rows[*row].start_time);
    members
}

/// Nodes right below a flow with nothing below them.
fn leaves(rows: &[Row], flow: &Row) -> Vec<usize> {
    let is_leaf = |row: &usize| {
        let row = &rows[*row];
        kind(row) == "node"
            && !rows.iter().any(|child| {
                child.trace_id == row.trace_id && child.parent_span_id.as_ref() == Some(&row.span_id)
            })
    };
    members(rows, flow).into_iter().filter(is_leaf).collect()
}

fn silent_leaf(rows: &[Row], flow: &Row) -> usize {
    leaves(rows, flow).into_iter().find(|row| rows[*row].events == "[]").unwrap()
}

/// The first row with a transition of the flow's store.
fn carrier(rows: &[Row], flow: &Row) -> usize {
    let store = text(flow, "junjo.workflow.store.id");
    leaves(rows, flow).into_iter().find(|row| rows[*row].events.contains(&store)).unwrap()
}

fn change_event(rows: &mut [Row], flow: &Row, change: impl Fn(&mut Value)) {
    let carrier = carrier(rows, flow);
    let mut events: Value = serde_json::from_str(&rows[carrier].events).unwrap();
    let is_state = |event: &&mut Value| event["name"] == "set_state";
    let event = events.as_array_mut().unwrap().iter_mut().find(is_state).unwrap();
    change(&mut event["attributes"]);
    rows[carrier].events = events.to_string();
}

fn change_snapshot(rows: &mut [Row], flow: &Row, change: impl Fn(&mut Value)) {
    let flow = of(rows, flow);
    let key = "junjo.workflow.execution_graph_snapshot";
    let mut snapshot: Value = serde_json::from_str(&text(&rows[flow], key)).unwrap();
    change(&mut snapshot);
    set(&mut rows[flow], key, snapshot.to_string());
}

/// Two leaves exchange which node they are.
fn swap_nodes(rows: &mut [Row], flow: &Row) {
    let leaves = leaves(rows, flow);
    let (one, other) = (leaves[0], leaves[1]);
    for key in
        ["junjo.executable_definition_id", "junjo.executable_runtime_id", "junjo.executable_structural_id"]
    {
        let (first, second) = (get(&rows[one], key), get(&rows[other], key));
        set(&mut rows[one], key, second);
        set(&mut rows[other], key, first);
    }
}

fn other_trace(rows: &[Row], flow: &Row) -> usize {
    let is_other = |row: &Row| row.trace_id != flow.trace_id && kind(row) == "workflow";
    rows.iter().position(is_other).unwrap()
}

fn with_leaf(rows: &mut [Row], flow: &Row, change: impl Fn(&mut Row)) {
    let leaf = silent_leaf(rows, flow);
    change(&mut rows[leaf]);
}

fn with_flow(rows: &mut [Row], flow: &Row, change: impl Fn(&mut Row)) {
    let flow = of(rows, flow);
    change(&mut rows[flow]);
}

const CASES: &[Case] = &[
    ("nothing", |_, _| {}, "", ""),
    (
        "drop_a_node_with_its_transition",
        |rows, flow| drop(rows.remove(carrier(rows, flow))),
        "junjo_lost_transitions junjo_missing_executions",
        "",
    ),
    ("drop_a_node", |rows, flow| drop(rows.remove(silent_leaf(rows, flow))), "junjo_missing_executions", ""),
    ("drop_the_workflow", |rows, flow| drop(rows.remove(of(rows, flow))), "", "rootless_traces orphan_spans"),
    (
        "move_a_node_to_another_trace_id",
        |rows, flow| with_leaf(rows, flow, |row| row.trace_id.replace_range(..8, "deadbeef")),
        "",
        "parent_in_other_trace",
    ),
    (
        "remove_the_events_of_a_node",
        |rows, flow| {
            let carrier = carrier(rows, flow);
            rows[carrier].events = "[]".to_owned();
        },
        "junjo_unrecorded_transitions",
        "",
    ),
    (
        "copy_an_event",
        |rows, flow| {
            let carrier = carrier(rows, flow);
            let mut events: Value = serde_json::from_str(&rows[carrier].events).unwrap();
            let copy = events[0].clone();
            events.as_array_mut().unwrap().push(copy);
            rows[carrier].events = events.to_string();
        },
        "junjo_transition_order",
        "",
    ),
    (
        "copy_an_event_into_another_trace",
        |rows, flow| {
            let (from, to) = (carrier(rows, flow), other_trace(rows, flow));
            let mut events: Value = serde_json::from_str(&rows[from].events).unwrap();
            let mut copy = events.as_array_mut().unwrap().remove(0);
            copy["timeUnixNano"] = json!(rows[to].end_time.to_string());
            let mut events: Value = serde_json::from_str(&rows[to].events).unwrap();
            events.as_array_mut().unwrap().push(copy);
            rows[to].events = events.to_string();
        },
        "junjo_transition_order",
        "",
    ),
    (
        "change_a_sequence",
        |rows, flow| change_event(rows, flow, |event| event["junjo.store.transition.sequence"] = json!(99)),
        "junjo_transition_order",
        "",
    ),
    (
        "change_a_patch",
        |rows, flow| {
            let patch = r#"[{"op":"add","path":"/damaged","value":1}]"#;
            change_event(rows, flow, |event| event["junjo.state_json_patch"] = json!(patch));
        },
        "junjo_replays",
        "",
    ),
    (
        "cut_a_patch",
        |rows, flow| change_event(rows, flow, |event| event["junjo.state_json_patch"] = json!("[{\"op\"")),
        "junjo_replays",
        "",
    ),
    (
        "change_a_revision",
        |rows, flow| change_event(rows, flow, |event| event["junjo.store.revision.after"] = json!(77)),
        "junjo_revisions",
        "",
    ),
    (
        "store_a_revision_as_text",
        |rows, flow| change_event(rows, flow, |event| event["junjo.store.revision.after"] = json!("1")),
        "junjo_store_facts",
        "",
    ),
    (
        "remove_an_event_id",
        |rows, flow| change_event(rows, flow, |event| drop(event.as_object_mut().unwrap().remove("id"))),
        "junjo_store_facts",
        "",
    ),
    (
        "change_a_payload_mode",
        |rows, flow| {
            change_event(rows, flow, |event| event["junjo.state_json_patch.mode"] = json!("reference"));
        },
        "junjo_store_facts",
        "",
    ),
    (
        "change_the_last_revision",
        |rows, flow| with_flow(rows, flow, |row| add(row, "junjo.store.revision.end", 1)),
        "junjo_revisions",
        "",
    ),
    (
        "raise_the_transition_count",
        |rows, flow| with_flow(rows, flow, |row| add(row, "junjo.store.transition.count", 1)),
        "junjo_unrecorded_transitions",
        "",
    ),
    (
        "lower_the_transition_count",
        |rows, flow| with_flow(rows, flow, |row| add(row, "junjo.store.transition.count", -1)),
        "junjo_transition_order",
        "",
    ),
    (
        "store_a_count_as_text",
        |rows, flow| with_flow(rows, flow, |row| set(row, "junjo.store.transition.count", "1")),
        "junjo_store_facts",
        "",
    ),
    (
        "change_the_last_state",
        |rows, flow| with_flow(rows, flow, |row| set(row, "junjo.workflow.state.end", r#"{"damaged":true}"#)),
        "junjo_replays",
        "",
    ),
    (
        "cut_the_first_state",
        |rows, flow| with_flow(rows, flow, |row| set(row, "junjo.workflow.state.start", "{")),
        "junjo_store_facts",
        "",
    ),
    (
        "deny_that_the_state_can_be_reconstructed",
        |rows, flow| with_flow(rows, flow, |row| set(row, "junjo.store.reconstructable", false)),
        "junjo_known_defects",
        "",
    ),
    (
        "cut_a_snapshot",
        |rows, flow| {
            with_flow(rows, flow, |row| {
                let key = "junjo.workflow.execution_graph_snapshot";
                let half = text(row, key).chars().take(100).collect::<String>();
                set(row, key, half);
            });
        },
        "junjo_graphs",
        "",
    ),
    (
        "drop_a_node_of_a_snapshot",
        |rows, flow| {
            change_snapshot(rows, flow, |snapshot| drop(snapshot["nodes"].as_array_mut().unwrap().remove(0)));
        },
        "junjo_graphs",
        "",
    ),
    (
        "change_a_label_of_a_snapshot",
        |rows, flow| {
            change_snapshot(rows, flow, |snapshot| snapshot["nodes"][0]["nodeLabel"] = json!("Damaged"));
        },
        "junjo_structural_ids",
        "",
    ),
    (
        "change_the_structural_id_of_a_node",
        |rows, flow| {
            let id = "node_00000000000000000000000000000000";
            with_leaf(rows, flow, |row| set(row, "junjo.executable_structural_id", id));
        },
        "junjo_structural_ids",
        "",
    ),
    (
        "change_the_graph_of_a_node",
        |rows, flow| {
            let id = "graph_00000000000000000000000000000000";
            with_leaf(rows, flow, |row| set(row, "junjo.enclosing_graph_structural_id", id));
        },
        "junjo_structural_ids",
        "",
    ),
    (
        "change_which_node_it_is",
        |rows, flow| {
            with_leaf(rows, flow, |row| {
                set(row, "junjo.executable_definition_id", "damaged");
                set(row, "junjo.executable_runtime_id", "damaged");
            });
        },
        "junjo_foreign_nodes",
        "",
    ),
    (
        "raise_the_node_count",
        |rows, flow| with_flow(rows, flow, |row| add(row, "junjo.workflow.node.count", 1)),
        "junjo_missing_executions",
        "",
    ),
    (
        "lower_the_node_count",
        |rows, flow| with_flow(rows, flow, |row| add(row, "junjo.workflow.node.count", -1)),
        "junjo_node_counts",
        "",
    ),
    ("exchange_two_nodes", |rows, flow| swap_nodes(rows, flow), "junjo_steps", ""),
    (
        "hang_a_node_below_another",
        |rows, flow| {
            let leaves = leaves(rows, flow);
            rows[leaves[1]].parent_span_id = Some(rows[leaves[0]].span_id.clone());
        },
        "junjo_parents",
        "children_outside_parents",
    ),
    (
        "make_a_node_a_root",
        |rows, flow| with_leaf(rows, flow, |row| row.parent_span_id = None),
        "junjo_parents",
        "several_roots",
    ),
    (
        "hang_a_node_below_nothing",
        |rows, flow| with_leaf(rows, flow, |row| row.parent_span_id = Some("00000000000000aa".to_owned())),
        "",
        "orphan_spans",
    ),
    (
        "name_another_parent",
        |rows, flow| with_leaf(rows, flow, |row| set(row, "junjo.parent_executable_runtime_id", "damaged")),
        "junjo_parents",
        "",
    ),
    (
        "name_another_parent_object",
        |rows, flow| {
            with_leaf(rows, flow, |row| set(row, "junjo.parent_executable_definition_id", "damaged"));
        },
        "junjo_parents",
        "",
    ),
    (
        "remove_a_definition_id",
        |rows, flow| with_leaf(rows, flow, |row| set(row, "junjo.executable_definition_id", Value::Null)),
        "junjo_identities",
        "",
    ),
    (
        "change_a_contract_version",
        |rows, flow| with_leaf(rows, flow, |row| set(row, "junjo.telemetry.contract_version", 1)),
        "junjo_identities",
        "",
    ),
    (
        "name_a_contract_that_nobody_knows",
        |rows, flow| with_leaf(rows, flow, |row| set(row, "junjo.telemetry.contract_version", "2")),
        "junjo_identities",
        "",
    ),
    (
        "copy_the_workflow_under_a_new_span_id",
        |rows, flow| {
            let mut copy = flow.clone();
            copy.span_id = "ffffffffffffffaa".to_owned();
            rows.push(copy);
        },
        "junjo_duplicate_executions junjo_store_facts",
        "several_roots",
    ),
    (
        "correlate_one_node",
        |rows, flow| {
            with_leaf(rows, flow, |row| {
                set(row, "junjo.correlation.type", "order");
                set(row, "junjo.correlation.id", "damaged");
            });
        },
        "junjo_correlations",
        "",
    ),
    (
        "half_a_correlation",
        |rows, flow| with_leaf(rows, flow, |row| set(row, "junjo.correlation.type", "damaged")),
        "junjo_correlations",
        "",
    ),
    (
        "change_a_resource",
        |rows, flow| {
            with_leaf(rows, flow, |row| {
                let mut resource: Value = serde_json::from_str(&row.resource_attributes).unwrap();
                resource["service.version"] = json!("damaged");
                row.resource_attributes = resource.to_string();
            });
        },
        "junjo_resources",
        "",
    ),
    (
        "set_the_status_of_a_node",
        |rows, flow| with_leaf(rows, flow, |row| row.status_code = 2),
        "junjo_unexplained_errors",
        "",
    ),
    (
        "give_a_node_an_error",
        |rows, flow| with_leaf(rows, flow, |row| set(row, "error.type", "ValueError")),
        "junjo_outcomes",
        "",
    ),
    (
        "cancel_a_node",
        |rows, flow| with_leaf(rows, flow, |row| set(row, "junjo.cancelled", true)),
        "junjo_outcomes",
        "",
    ),
    (
        "drop_attributes",
        |rows, flow| with_leaf(rows, flow, |row| row.dropped_attributes_count = 1),
        "junjo_dropped",
        "",
    ),
    (
        "lose_events_to_a_limit",
        |rows, flow| {
            let carrier = carrier(rows, flow);
            rows[carrier].events = "[]".to_owned();
            rows[carrier].dropped_events_count = 1;
        },
        "junjo_dropped junjo_known_defects",
        "",
    ),
    (
        "cut_the_attributes_of_a_node",
        |rows, flow| with_leaf(rows, flow, |row| row.attributes.truncate(20)),
        "",
        "invalid_json service_mismatch",
    ),
];

fn operations(rows: &[Row], agent: &Row, operation: &str) -> Vec<usize> {
    let runtime_id = text(agent, "junjo.agent.runtime_id");
    let mut operations: Vec<usize> = (0..rows.len())
        .filter(|row| text(&rows[*row], "junjo.agent.runtime_id") == runtime_id)
        .filter(|row| text(&rows[*row], "junjo.agent.operation_type") == operation)
        .collect();
    operations.sort_by_key(|row| rows[*row].start_time);
    operations
}

fn tool(rows: &[Row], agent: &Row) -> usize {
    let has_children = |tool: &Row| rows.iter().any(|row| row.parent_span_id.as_ref() == Some(&tool.span_id));
    operations(rows, agent, "tool").into_iter().find(|tool| !has_children(&rows[*tool])).unwrap()
}

/// Of agents that completed, with a tool that ran nothing else.
const OF_AGENTS: &[Case] = &[
    (
        "drop_a_tool_call",
        |rows, agent| drop(rows.remove(tool(rows, agent))),
        "junjo_lost_transitions junjo_missing_operations",
        "",
    ),
    (
        "renumber_a_tool_call",
        |rows, agent| {
            let tool = tool(rows, agent);
            set(&mut rows[tool], "junjo.agent.operation.sequence", 99);
        },
        "junjo_operation_order",
        "",
    ),
    (
        "renumber_a_model_request",
        |rows, agent| {
            let request = operations(rows, agent, "model_request")[0];
            set(&mut rows[request], "junjo.agent.model_request.ordinal", 99);
        },
        "junjo_operation_order",
        "",
    ),
    (
        "change_an_argument",
        |rows, agent| {
            let tool = tool(rows, agent);
            set(&mut rows[tool], "junjo.agent.tool.requested_arguments", r#"{"damaged":1}"#);
        },
        "junjo_tool_calls",
        "",
    ),
    (
        "change_the_ordinal_of_a_tool_call",
        |rows, agent| {
            let tool = tool(rows, agent);
            add(&mut rows[tool], "junjo.agent.tool_call.ordinal", 1);
        },
        "junjo_tool_calls",
        "",
    ),
    (
        "change_a_tool_count",
        |rows, agent| with_flow(rows, agent, |row| add(row, "junjo.agent.tool_call.requested_count", 1)),
        "junjo_tool_calls",
        "",
    ),
    (
        "change_the_usage",
        |rows, agent| {
            with_flow(rows, agent, |row| {
                let usage =
                    r#"{"fields":{"inputTokens":{"observations":1,"sum":1}},"modelResponses":2,"v":1}"#;
                set(row, "junjo.agent.usage", usage);
            });
        },
        "junjo_usage",
        "",
    ),
    (
        "change_the_definition",
        |rows, agent| {
            with_flow(rows, agent, |row| {
                let key = "junjo.agent.definition_snapshot";
                let mut definition: Value = serde_json::from_str(&text(row, key)).unwrap();
                definition["instructions"] = json!("Damaged.");
                set(row, key, definition.to_string());
            });
        },
        "junjo_agent_definitions",
        "",
    ),
    (
        "change_the_outcome",
        |rows, agent| with_flow(rows, agent, |row| set(row, "junjo.agent.outcome", "failed")),
        "junjo_outcomes",
        "",
    ),
    (
        "change_the_key_of_an_operation",
        |rows, agent| {
            let request = operations(rows, agent, "model_request")[0];
            set(&mut rows[request], "junjo.agent.key", "damaged");
        },
        "junjo_identities",
        "",
    ),
    (
        "give_an_operation_to_another_agent",
        |rows, agent| {
            let tool = tool(rows, agent);
            set(&mut rows[tool], "junjo.agent.runtime_id", "damaged");
        },
        "junjo_parents",
        "",
    ),
];

/// Completed workflows with a transition in a node and two nodes that do nothing else, one of which writes nothing.
fn flows(rows: &[Row]) -> Vec<Row> {
    let is_fit = |row: &&Row| {
        let store = text(row, "junjo.workflow.store.id");
        let leaves = leaves(rows, row);
        kind(row) == "workflow"
            && row.parent_span_id.is_none()
            && row.status_code == 0
            && get(row, "junjo.cancelled").is_null()
            && get(row, "junjo.correlation.id").is_null()
            && get(row, "junjo.store.transition.count").as_i64().is_some_and(|count| count > 0)
            && leaves.iter().any(|leaf| rows[*leaf].events == "[]")
            && leaves.iter().any(|leaf| rows[*leaf].events.contains(&store))
            && leaves.len() > 2
    };
    rows.iter().filter(is_fit).cloned().collect()
}

fn agents(rows: &[Row]) -> Vec<Row> {
    let is_fit = |row: &&Row| {
        let is_free = |tool: &usize| {
            !rows.iter().any(|child| child.parent_span_id.as_ref() == Some(&rows[*tool].span_id))
        };
        kind(row) == "agent"
            && text(row, "junjo.agent.outcome") == "completed"
            && operations(rows, row, "tool").iter().any(is_free)
            && !operations(rows, row, "model_request").is_empty()
    };
    rows.iter().filter(is_fit).cloned().collect()
}

/// The rows of a store's cold files, in one of them, that lie in traces of Junjo's, and no other.
pub(super) fn bench(store: &str) -> (Bench, Vec<Row>) {
    let bench = Bench::of(store, Schema::V2);
    for part in ["wal", "hot_snapshot.parquet"] {
        let part = bench.folder.path().join("spans").join(part);
        if part.is_dir() {
            fs::remove_dir_all(part).unwrap();
        } else if part.exists() {
            fs::remove_file(part).unwrap();
        }
    }
    let cold = files(&bench.folder.path().join("spans/parquet"), ".parquet");
    let mut rows: Vec<Row> = cold.iter().flat_map(|file| parquet_rows(file, Schema::V2)).collect();
    cold[1..].iter().for_each(|file| fs::remove_file(file).unwrap());
    let traces: BTreeSet<String> = rows
        .iter()
        .filter(|row| row.attributes.contains("junjo.span_type"))
        .map(|row| row.trace_id.clone())
        .collect();
    rows.retain(|row| traces.contains(&row.trace_id));
    (bench, rows)
}

/// Each damage, what fires of the family, and the store with it, made when it is asked for.
pub(crate) fn damaged() -> impl Iterator<Item = (&'static str, &'static str, impl Fn() -> Bench)> {
    let all = [(CASES, flows as fn(&[Row]) -> Vec<Row>), (OF_AGENTS, agents)];
    let cases = all.into_iter().flat_map(|(cases, pick)| cases.iter().map(move |case| (case, pick)));
    let of_rows = cases.map(|((name, damage, expected, _), pick)| {
        let make: Box<dyn Fn() -> Bench> = Box::new(move || {
            let (bench, mut rows) = bench(STORES[2]);
            let fit = pick(&rows).remove(0);
            damage(&mut rows, &fit);
            bench.change_cold(|cold| *cold = rows);
            bench
        });
        (*name, *expected, make)
    });
    let of_stores = of_rows.chain(of_three().into_iter().map(|(all, expected)| {
        let make: Box<dyn Fn() -> Bench> = Box::new(move || {
            let (bench, rows) = bench(STORES[0]);
            bench.change_cold(|cold| *cold = family_of_three(&rows[0], all.clone()));
            bench
        });
        ("a family of three", expected, make)
    }));
    let make: Box<dyn Fn() -> Bench> = Box::new(|| with_a_source(|row| row.start_time -= 2_000));
    of_stores.chain(iter::once(("a plugin span of another time", "junjo_plugin_rows", make)))
}

/// The checks that found something: those of the family, and the others.
fn found(report: &AuditReport) -> (String, String) {
    let found = report
        .checked
        .iter()
        .filter(|one| one.verdict.findings().is_some() || one.verdict.name() == "broken");
    let (family, others): (Vec<_>, Vec<_>) = found.partition(|one| one.check.family == "junjo");
    let names = |checks: Vec<&crate::checks::runner::Checked>| {
        checks.into_iter().map(|one| one.check.id.as_str()).collect::<Vec<_>>().join(" ")
    };
    (names(family), names(others))
}

async fn wrong(
    cases: &[Case],
    stores: &[&str],
    pick: fn(&[Row]) -> Vec<Row>,
) -> (Vec<String>, BTreeSet<String>) {
    let (mut wrong, mut fired) = (Vec::new(), BTreeSet::new());
    for store in stores {
        let (bench, rows) = bench(store);
        let fit = pick(&rows);
        assert!(!fit.is_empty(), "{store}");
        // What adversarial traffic looks like without its run, and traces that went on in the WAL.
        bench.change_cold(|cold| cold.clone_from(&rows));
        let (_, usual) = found(&bench.audit("none").await);
        for (name, damage, expected, beside) in cases {
            for extent in [1, fit.len()] {
                let mut damaged = rows.clone();
                fit.iter().take(extent).for_each(|flow| damage(&mut damaged, flow));
                bench.change_cold(|rows| *rows = damaged);
                let report = bench.audit("none").await;
                let (family, others) = found(&report);
                fired.extend(family.split(' ').filter(|id| !id.is_empty()).map(str::to_owned));
                let others_fit = others
                    .split(' ')
                    .all(|id| id.is_empty() || beside.split(' ').chain(usual.split(' ')).any(|it| it == id));
                if family != *expected || !others_fit {
                    wrong.push(format!("{name} at {extent} of {store}: {family} beside {others}"));
                }
            }
        }
    }
    (wrong, fired)
}

#[tokio::test]
async fn damage_to_junjo_traces_fires_its_checks_and_no_others() {
    let (mut wrong_all, mut fired) = wrong(CASES, &STORES, flows).await;
    let (of_agents, fired_by_agents) = wrong(OF_AGENTS, &STORES[2..], agents).await;
    wrong_all.extend(of_agents);
    fired.extend(fired_by_agents);
    assert_eq!(wrong_all, Vec::<String>::new());
    // The others have stores of their own below.
    let others = [
        "junjo_evaluations",
        "junjo_missing_subjects",
        "junjo_plugin_rows",
        "junjo_plugin_sources",
        "junjo_unjudged",
    ];
    fired.extend(others.map(str::to_owned));
    let family =
        crate::checks::catalog::built_in().unwrap().into_iter().filter(|check| check.family == "junjo");
    let family: BTreeSet<String> = family.map(|check| check.id).collect();
    assert_eq!(fired, family);
}

/// A root and its two children in one trace, with these attributes.
fn family_of_three(like: &Row, all: [Value; 3]) -> Vec<Row> {
    let mut rows = Vec::new();
    for (place, attributes) in (0..).zip(all) {
        let mut row = like.clone();
        row.trace_id = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".to_owned();
        row.span_id = format!("{:016x}", place + 1);
        row.parent_span_id = (place > 0).then(|| format!("{:016x}", 1));
        row.attributes = attributes.to_string();
        row.events = "[]".to_owned();
        (row.status_code, row.status_message) = (0, None);
        rows.push(row);
    }
    rows
}

fn evaluation(role: &str, attempt: &str) -> Value {
    json!({
        "junjo.evaluation.attempt.id": attempt,
        "junjo.evaluation.role": role,
        "junjo.evaluation.run_class": "evaluation",
        "junjo.telemetry.contract_version": 2,
    })
}

fn plugin(span: &str, parent: &str) -> Value {
    json!({
        "junjo.openai_agents.schema_version": 1,
        "junjo.openai_agents.source.parent_span_id": parent,
        "junjo.openai_agents.source.span_id": span,
        "junjo.openai_agents.source.trace_id": "t",
    })
}

#[tokio::test]
async fn evaluations_and_plugin_spans_are_held_against_their_parents() {
    for (all, expected) in of_three() {
        let (bench, rows) = bench(STORES[0]);
        bench.change_cold(|cold| *cold = family_of_three(&rows[0], all));
        assert_eq!(found(&bench.audit("none").await), (expected.to_owned(), String::new()));
    }
}

/// A parent and two children, and the checks that find something.
fn of_three() -> [([Value; 3], &'static str); 6] {
    let subject = || evaluation("subject", "a");
    let judge = |attempt| evaluation("judge", attempt);
    let orchestrator = || evaluation("orchestrator", "a");
    [
        ([orchestrator(), subject(), judge("a")], ""),
        ([orchestrator(), subject(), judge("b")], "junjo_evaluations"),
        ([orchestrator(), subject(), subject()], "junjo_evaluations"),
        ([orchestrator(), judge("a"), judge("a")], "junjo_evaluations junjo_missing_subjects"),
        ([plugin("1", "0"), plugin("2", "1"), plugin("3", "1")], ""),
        ([plugin("1", "0"), plugin("2", "1"), plugin("3", "2")], "junjo_plugin_sources"),
    ]
}

#[tokio::test]
async fn a_trace_beyond_the_bound_leaves_the_audit_open() {
    let (bench, rows) = bench(STORES[0]);
    let root = rows.iter().find(|row| row.parent_span_id.is_none()).unwrap();
    let mut node = rows[leaves(&rows, root)[0]].clone();
    node.events = "[]".to_owned();
    let nodes = (0..=crate::junjo::trace::MAX_SPANS).map(|number| {
        let span_id = format!("{:016x}", 0xaaaa_0000_0000_0000 + number as u64);
        Row { span_id, ..node.clone() }
    });
    let large: Vec<Row> = iter::once(root.clone()).chain(nodes).collect();
    bench.change_cold(|cold| *cold = large);
    assert_eq!(found(&bench.audit("none").await).0, "junjo_unjudged");
}

/// A span as the plugin records a tool that failed.
fn sourced(row: &mut Row) {
    let text = |nanos: i64| {
        let format = chrono::SecondsFormat::Micros;
        chrono::DateTime::from_timestamp_nanos(nanos).to_rfc3339_opts(format, false)
    };
    let data = json!({
        "trace_id": "trace_a", "span_id": "span_b", "parent_span_id": null, "source_type": "function",
        "started_at": text(row.start_time), "ended_at": text(row.end_time), "error": {"message": "down"},
    });
    row.attributes = json!({
        "junjo.openai_agents.schema_version": 1,
        "junjo.openai_agents.source.span_id": "span_b",
        "junjo.openai_agents.source.trace_id": "trace_a",
        "junjo.openai_agents.span.data": data.to_string(),
        "junjo.openai_agents.span.type": "function",
    })
    .to_string();
    row.events = "[]".to_owned();
    (row.status_code, row.status_message) = (2, Some("down".to_owned()));
}

/// A store with such a span, changed.
fn with_a_source(change: fn(&mut Row)) -> Bench {
    let (bench, rows) = bench(STORES[0]);
    let mut row = rows[0].clone();
    (row.trace_id, row.parent_span_id) = ("ab".repeat(16), None);
    sourced(&mut row);
    change(&mut row);
    bench.change_cold(|cold| cold.push(row));
    bench
}

#[tokio::test]
async fn a_plugin_span_is_what_its_source_says() {
    type Change = fn(&mut Row);
    let key = |name: &str| format!("junjo.openai_agents.{name}");
    let cases: [(Change, String); 7] = [
        (|_| {}, String::new()),
        (|row| row.start_time -= 2_000, "start_time".to_owned()),
        (|row| row.end_time += 2_000, "end_time".to_owned()),
        (|row| set(row, "junjo.openai_agents.source.trace_id", "trace_c"), key("source.trace_id")),
        (|row| set(row, "junjo.openai_agents.span.type", "mcp_tools"), key("span.type")),
        (|row| set(row, "junjo.openai_agents.span.data", "{"), key("span.data")),
        (|row| row.status_code = 1, "status_code".to_owned()),
    ];
    for (change, subject) in cases {
        let bench = with_a_source(change);
        let found = bench.samples("none", "junjo_plugin_rows").await;
        let subjects: Vec<&str> = found.iter().filter_map(|one| one["subject"].as_str()).collect();
        assert_eq!(subjects, Vec::from_iter((!subject.is_empty()).then_some(&*subject)));
    }
}
