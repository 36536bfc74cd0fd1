//! Damage to one workflow of Junjo's: its nodes, its transitions, its graph.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    Damage,
    executions::{
        Case, add, carrier, change_event, change_snapshot, events, leaves, other_trace, position, set,
        set_events, silent_leaf, swap_nodes, text, with_flow, with_leaf,
    },
};
use crate::{contract::row::Row, proof::bench::Bench};

pub(crate) const DAMAGES: &[Case] = &[
    (
        "drop_a_node_with_its_transition",
        |rows, flow| {
            rows.remove(carrier(rows, flow)?);
            Some(())
        },
        "junjo_lost_transitions; junjo_missing_executions",
    ),
    (
        "drop_a_node",
        |rows, flow| {
            rows.remove(silent_leaf(rows, flow)?);
            Some(())
        },
        "junjo_missing_executions",
    ),
    (
        "drop_the_workflow",
        |rows, flow| {
            rows.remove(position(rows, flow)?);
            Some(())
        },
        "may rootless_traces; may orphan_spans",
    ),
    (
        "move_a_node_to_another_trace_id",
        |rows, flow| {
            with_leaf(rows, flow, |row| {
                row.trace_id.replace_range(..8, "deadbeef");
                Some(())
            })
        },
        "may parent_in_other_trace",
    ),
    (
        "remove_the_events_of_a_node",
        |rows, flow| {
            let carrier = carrier(rows, flow)?;
            set_events(&mut rows[carrier], Vec::new());
            Some(())
        },
        "junjo_unrecorded_transitions",
    ),
    (
        "copy_an_event",
        |rows, flow| {
            let carrier = carrier(rows, flow)?;
            let mut all = events(&rows[carrier])?;
            all.push(all.first()?.clone());
            set_events(&mut rows[carrier], all);
            Some(())
        },
        "junjo_transition_order",
    ),
    (
        "copy_an_event_into_another_trace",
        |rows, flow| {
            let (from, to) = (carrier(rows, flow)?, other_trace(rows, flow)?);
            let mut copy = events(&rows[from])?.first()?.clone();
            copy["timeUnixNano"] = json!(rows[to].end_time.to_string());
            let mut all = events(&rows[to])?;
            all.push(copy);
            set_events(&mut rows[to], all);
            Some(())
        },
        "junjo_transition_order",
    ),
    (
        "change_a_sequence",
        |rows, flow| set_in_event(rows, flow, "junjo.store.transition.sequence", &json!(99)),
        "junjo_transition_order",
    ),
    (
        "change_a_patch",
        |rows, flow| {
            let patch = r#"[{"op":"add","path":"/damaged","value":1}]"#;
            set_in_event(rows, flow, "junjo.state_json_patch", &json!(patch))
        },
        "junjo_replays",
    ),
    (
        "cut_a_patch",
        |rows, flow| set_in_event(rows, flow, "junjo.state_json_patch", &json!("[{\"op\"")),
        "junjo_replays",
    ),
    (
        "change_a_revision",
        |rows, flow| set_in_event(rows, flow, "junjo.store.revision.after", &json!(77)),
        "junjo_revisions",
    ),
    (
        "store_a_revision_as_text",
        |rows, flow| set_in_event(rows, flow, "junjo.store.revision.after", &json!("1")),
        "junjo_store_facts",
    ),
    (
        "remove_an_event_id",
        |rows, flow| change_event(rows, flow, |event| event.as_object_mut()?.remove("id").map(drop)),
        "junjo_store_facts",
    ),
    (
        "change_a_payload_mode",
        |rows, flow| set_in_event(rows, flow, "junjo.state_json_patch.mode", &json!("reference")),
        "junjo_store_facts",
    ),
    (
        "change_the_last_revision",
        |rows, flow| with_flow(rows, flow, |row| add(row, "junjo.store.revision.end", 1)),
        "junjo_revisions",
    ),
    (
        "raise_the_transition_count",
        |rows, flow| with_flow(rows, flow, |row| add(row, "junjo.store.transition.count", 1)),
        "junjo_unrecorded_transitions",
    ),
    (
        "lower_the_transition_count",
        |rows, flow| with_flow(rows, flow, |row| add(row, "junjo.store.transition.count", -1)),
        "junjo_transition_order",
    ),
    (
        "store_a_count_as_text",
        |rows, flow| with_flow(rows, flow, |row| set(row, "junjo.store.transition.count", "1")),
        "junjo_store_facts",
    ),
    (
        "change_the_last_state",
        |rows, flow| with_flow(rows, flow, |row| set(row, "junjo.workflow.state.end", r#"{"damaged":true}"#)),
        "junjo_replays",
    ),
    (
        "cut_the_first_state",
        |rows, flow| with_flow(rows, flow, |row| set(row, "junjo.workflow.state.start", "{")),
        "junjo_store_facts",
    ),
    (
        "deny_that_the_state_can_be_reconstructed",
        |rows, flow| with_flow(rows, flow, |row| set(row, "junjo.store.reconstructable", false)),
        "junjo_known_defects",
    ),
    (
        "cut_a_graph",
        |rows, flow| {
            with_flow(rows, flow, |row| {
                let key = "junjo.workflow.execution_graph_snapshot";
                let beginning = text(row, key).chars().take(100).collect::<String>();
                set(row, key, beginning)
            })
        },
        "junjo_graphs",
    ),
    (
        "remove_a_graph",
        |rows, flow| {
            with_flow(rows, flow, |row| set(row, "junjo.workflow.execution_graph_snapshot", Value::Null))
        },
        "junjo_graphs",
    ),
    (
        "store_a_node_as_a_group",
        |rows, flow| with_leaf(rows, flow, |row| set(row, "junjo.span_type", "run_concurrent")),
        "junjo_missing_executions; junjo_structural_ids",
    ),
    (
        "drop_a_node_of_a_graph",
        |rows, flow| {
            change_snapshot(rows, flow, |snapshot| {
                snapshot["nodes"].as_array_mut()?.remove(0);
                Some(())
            })
        },
        "junjo_graphs",
    ),
    (
        "change_a_label_of_a_graph",
        |rows, flow| {
            change_snapshot(rows, flow, |snapshot| {
                *snapshot.pointer_mut("/nodes/0/nodeLabel")? = json!("Damaged");
                Some(())
            })
        },
        "junjo_structural_ids",
    ),
    (
        "change_the_structural_id_of_a_node",
        |rows, flow| {
            let id = "node_00000000000000000000000000000000";
            with_leaf(rows, flow, |row| set(row, "junjo.executable_structural_id", id))
        },
        "junjo_structural_ids",
    ),
    (
        "change_the_graph_of_a_node",
        |rows, flow| {
            let id = "graph_00000000000000000000000000000000";
            with_leaf(rows, flow, |row| set(row, "junjo.enclosing_graph_structural_id", id))
        },
        "junjo_structural_ids",
    ),
    (
        "change_which_node_it_is",
        |rows, flow| {
            with_leaf(rows, flow, |row| {
                set(row, "junjo.executable_definition_id", "damaged")?;
                set(row, "junjo.executable_runtime_id", "damaged")
            })
        },
        "junjo_foreign_nodes",
    ),
    (
        "raise_the_node_count",
        |rows, flow| with_flow(rows, flow, |row| add(row, "junjo.workflow.node.count", 1)),
        "junjo_missing_executions",
    ),
    (
        "lower_the_node_count",
        |rows, flow| with_flow(rows, flow, |row| add(row, "junjo.workflow.node.count", -1)),
        "junjo_node_counts",
    ),
    ("exchange_two_nodes", |rows, flow| swap_nodes(rows, flow), "junjo_steps"),
    (
        "hang_a_node_below_another",
        |rows, flow| {
            let [one, other] = *leaves(rows, flow).first_chunk()?;
            rows[other].parent_span_id = Some(rows[one].span_id.clone());
            Some(())
        },
        "junjo_parents; may children_outside_parents",
    ),
    (
        "make_a_node_a_root",
        |rows, flow| {
            with_leaf(rows, flow, |row| {
                row.parent_span_id = None;
                Some(())
            })
        },
        "junjo_parents; may several_roots",
    ),
    (
        "hang_a_node_below_nothing",
        |rows, flow| {
            with_leaf(rows, flow, |row| {
                row.parent_span_id = Some("00000000000000aa".to_owned());
                Some(())
            })
        },
        "may orphan_spans",
    ),
    (
        "name_another_parent",
        |rows, flow| with_leaf(rows, flow, |row| set(row, "junjo.parent_executable_runtime_id", "damaged")),
        "junjo_parents",
    ),
    (
        "name_another_parent_object",
        |rows, flow| {
            with_leaf(rows, flow, |row| set(row, "junjo.parent_executable_definition_id", "damaged"))
        },
        "junjo_parents",
    ),
    (
        "remove_a_definition_id",
        |rows, flow| with_leaf(rows, flow, |row| set(row, "junjo.executable_definition_id", Value::Null)),
        "junjo_identities",
    ),
    (
        "change_a_contract_version",
        |rows, flow| with_leaf(rows, flow, |row| set(row, "junjo.telemetry.contract_version", 1)),
        "junjo_identities",
    ),
    (
        "name_a_contract_that_nobody_knows",
        |rows, flow| with_leaf(rows, flow, |row| set(row, "junjo.telemetry.contract_version", "2")),
        "junjo_identities",
    ),
    (
        "copy_the_workflow_under_a_new_span_id",
        |rows, flow| {
            let mut copy = flow.clone();
            "ffffffffffffffaa".clone_into(&mut copy.span_id);
            rows.push(copy);
            Some(())
        },
        "junjo_duplicate_executions; junjo_store_facts; may several_roots",
    ),
    (
        "correlate_one_node",
        |rows, flow| {
            with_leaf(rows, flow, |row| {
                set(row, "junjo.correlation.type", "order")?;
                set(row, "junjo.correlation.id", "damaged")
            })
        },
        "junjo_correlations",
    ),
    (
        "half_a_correlation",
        |rows, flow| with_leaf(rows, flow, |row| set(row, "junjo.correlation.type", "damaged")),
        "junjo_correlations",
    ),
    (
        "change_a_resource",
        |rows, flow| {
            with_leaf(rows, flow, |row| {
                let mut resource: Value = serde_json::from_str(&row.resource_attributes).ok()?;
                resource.as_object_mut()?.insert("service.version".to_owned(), json!("damaged"));
                row.resource_attributes = resource.to_string();
                Some(())
            })
        },
        "junjo_resources",
    ),
    (
        "set_the_status_of_a_node",
        |rows, flow| {
            with_leaf(rows, flow, |row| {
                row.status_code = 2;
                Some(())
            })
        },
        "junjo_unexplained_errors",
    ),
    (
        "give_a_node_an_error",
        |rows, flow| with_leaf(rows, flow, |row| set(row, "error.type", "ValueError")),
        "junjo_outcomes",
    ),
    (
        "cancel_a_node",
        |rows, flow| with_leaf(rows, flow, |row| set(row, "junjo.cancelled", true)),
        "junjo_outcomes",
    ),
    (
        "drop_attributes",
        |rows, flow| {
            with_leaf(rows, flow, |row| {
                row.dropped_attributes_count = 1;
                Some(())
            })
        },
        "junjo_dropped",
    ),
    (
        "lose_events_to_a_limit",
        |rows, flow| {
            let carrier = carrier(rows, flow)?;
            set_events(&mut rows[carrier], Vec::new());
            rows[carrier].dropped_events_count = 1;
            Some(())
        },
        "junjo_dropped; junjo_known_defects",
    ),
    (
        "cut_the_attributes_of_a_node",
        |rows, flow| {
            with_leaf(rows, flow, |row| {
                row.attributes.truncate(20);
                Some(())
            })
        },
        "may invalid_json; may service_mismatch",
    ),
];

/// To subflows, and to stores of more than one transition.
pub(super) const OF_SUBFLOWS: &[Damage] = &[
    (
        "change_the_graph_of_a_subflow",
        "none",
        |bench| {
            let id = "graph_00000000000000000000000000000000";
            with_subflow(bench, |row| set(row, "junjo.executable_structural_id", id))
        },
        "junjo_parents; junjo_structural_ids",
    ),
    (
        "name_another_parent_store",
        "none",
        |bench| with_subflow(bench, |row| set(row, "junjo.workflow.parent_store.id", "damaged")),
        "junjo_store_facts",
    ),
    (
        "name_a_store_in_two_ways",
        "none",
        |bench| bench.try_alter_cold(|rows| rename_a_store(rows)),
        "junjo_store_facts",
    ),
];

fn with_subflow(bench: &Bench, change: impl Fn(&mut Row) -> Option<()>) -> anyhow::Result<()> {
    bench.try_alter_cold(|rows| {
        let is_subflow = |row: &&mut Row| {
            text(row, "junjo.span_type") == "subflow"
                && !text(row, "junjo.workflow.parent_store.id").is_empty()
        };
        rows.iter_mut().find(is_subflow).and_then(change)
    })
}

/// The second transition of a store has another name of it.
fn rename_a_store(rows: &mut [Row]) -> Option<()> {
    let mut known = BTreeSet::new();
    for row in rows {
        let mut all = events(row)?;
        let is_second = |event: &&mut Value| {
            let store = event["attributes"]["junjo.store.id"].as_str().map(str::to_owned);
            store.is_some_and(|store| !known.insert(store))
        };
        if let Some(event) = all.iter_mut().find(is_second) {
            event["attributes"]["junjo.store.name"] = json!("Damaged");
            set_events(row, all);
            return Some(());
        }
    }
    None
}

fn set_in_event(rows: &mut [Row], flow: &Row, key: &str, value: &Value) -> Option<()> {
    change_event(rows, flow, |event| {
        event.as_object_mut()?.insert(key.to_owned(), value.clone());
        Some(())
    })
}
