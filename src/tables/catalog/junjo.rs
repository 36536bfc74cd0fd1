//! Tables of what Junjo's executions say, in rows that no known plan calls for.

use super::{ADDRESS, Column, IDS, Needs, Table, flag, number, text, time};
use crate::{
    junjo::rows::Grain,
    tables::{judged, sources::unplanned},
};

/// Whose span it is.
const NAMES: &[Column] = &[text("service_name", "as stored"), text("name", "name of the span")];

const FLOW: &[Column] = &[
    text("runtime_id", "the execution that carries the graph"),
    text("graph_id", "structural id of the graph"),
    number("ordinal", "its position in the snapshot, from 0"),
];

const PARENT: &[Column] = &[text("parent_span_id", "span id of the parent; null for a root")];

pub(super) const TABLES: &[Table] = &[
    Table {
        name: "executables",
        about: "one row per execution of a Junjo workflow, subflow, node, RunConcurrent or agent",
        needs: Needs::Records,
        columns: &[
            ADDRESS,
            IDS,
            NAMES,
            &[
                text("type", "workflow, subflow, node, run_concurrent or agent"),
                text(
                    "era",
                    "legacy (SDK to 0.62), 0.63, contract_1 (0.64), contract_2 (0.65 and later) or unknown",
                ),
                text("definition_id", "id of its object"),
                text("runtime_id", "id of the execution; of a legacy one that of its object"),
                text("structural_id", "digest of what it is"),
                text("graph_id", "structural id of the graph that it runs in, or that it runs"),
            ],
            PARENT,
            &[
                text("parent_type", "type of the execution that it names as its parent"),
                text("parent_definition_id", "its definition id"),
                text("parent_runtime_id", "its runtime id"),
                text("parent_structural_id", "its structural id"),
                text("ancestor_span_id", "span of the next execution above it in this process"),
                text("correlation_type", "what kind of thing it is correlated with"),
                text("correlation_id", "with which"),
                text("outcome", "completed, failed or cancelled"),
                text("error_type", "class of the error that ended it"),
                text("cancelled_reason", "why it was cancelled"),
                text("store_id", "its state store"),
                number("transition_count", "transitions of that store, as it counted them"),
                number("count", "nodes that it counted; of an agent its operations"),
                time("start_time", "UTC, in nanoseconds"),
                time("end_time", "UTC, in nanoseconds"),
                flag("settled", "whether it ended longer ago than the settle time"),
            ],
        ],
        make: |sources| {
            Box::pin(unplanned(sources, |judged| {
                judged::junjo_rows(judged, "executables", Grain::Executable)
            }))
        },
    },
    Table {
        name: "store_transitions",
        about: "one row per event of a state store (`set_state`), whatever span carries it",
        needs: Needs::Records,
        columns: &[
            ADDRESS,
            IDS,
            NAMES,
            &[
                text("type", "type of the span that carries it; foreign for one of another library"),
                text("store_id", "the store"),
                text("store_name", "class of the store"),
                text("event_id", "id of the event"),
                text("action", "function that changed the state"),
                number("sequence", "its number in the store, from 1; null before contract 2"),
                number("revision_before", "revision of the state before it"),
                number("revision_after", "revision of the state after it"),
                text("patch", "JSON patch from the state before to the state after"),
                text("patch_mode", "full, redacted, reference or excluded"),
                time("event_time", "UTC, in nanoseconds"),
            ],
        ],
        make: |sources| {
            Box::pin(unplanned(sources, |judged| {
                judged::junjo_rows(judged, "store_transitions", Grain::Transition)
            }))
        },
    },
    Table {
        name: "graph_nodes",
        about: "one row per node of the graph that a workflow or subflow carries (SDK 0.63 and later)",
        needs: Needs::Records,
        columns: &[
            ADDRESS,
            IDS,
            NAMES,
            FLOW,
            &[
                text("node_id", "runtime id of the node"),
                text("structural_id", "digest of the node in its graph"),
                text("node_type", "class of the node"),
                text("label", "what it is called"),
                flag("is_subflow", "whether it is a subflow"),
                flag("is_concurrent", "whether it is a RunConcurrent"),
                flag("is_own", "whether it belongs to this graph and not to that of a subflow"),
                number("visits", "spans of it in this execution"),
            ],
        ],
        make: |sources| {
            Box::pin(unplanned(sources, |judged| judged::junjo_rows(judged, "graph_nodes", Grain::GraphNode)))
        },
    },
    Table {
        name: "graph_edges",
        about: "one row per edge of the graph that a workflow or subflow carries (SDK 0.63 and later)",
        needs: Needs::Records,
        columns: &[
            ADDRESS,
            IDS,
            NAMES,
            FLOW,
            &[
                text("structural_id", "digest of the edge in its graph"),
                text("tail_id", "runtime id of the node that it leads from"),
                text("tail", "what that is called"),
                text("head_id", "runtime id of the node that it leads to"),
                text("head", "what that is called"),
                text("condition", "label of its condition; null if it has none"),
                text("subflow_id", "runtime id of the subflow whose graph it belongs to"),
            ],
        ],
        make: |sources| {
            Box::pin(unplanned(sources, |judged| judged::junjo_rows(judged, "graph_edges", Grain::GraphEdge)))
        },
    },
    Table {
        name: "agent_operations",
        about: "one row per model request or tool call of a Junjo agent",
        needs: Needs::Records,
        columns: &[
            ADDRESS,
            IDS,
            NAMES,
            &[
                text("type", "model_request or tool"),
                text("agent_key", "key of the agent"),
                text("agent_runtime_id", "the execution of the agent"),
                number("sequence", "its number among the agent's operations, from 1"),
                number("ordinal", "its number among those of its type"),
                text("tool_name", "the tool"),
                text("tool_call_id", "id of the call, as the model gave it"),
                text("arguments", "JSON that the model gave"),
                text("result", "JSON that the tool returned"),
                text("response_type", "final_output or tool_calls"),
                text("usage", "JSON of the tokens that the response used"),
                text("outcome", "completed, failed or cancelled"),
            ],
        ],
        make: |sources| {
            Box::pin(unplanned(sources, |judged| {
                judged::junjo_rows(judged, "agent_operations", Grain::AgentOperation)
            }))
        },
    },
    Table {
        name: "evaluations",
        about: "one row per span of an evaluation (SDK 0.67 and later)",
        needs: Needs::Records,
        columns: &[
            ADDRESS,
            IDS,
            NAMES,
            PARENT,
            &[
                text("role", "orchestrator, subject, judge or verifier"),
                text("run_class", "evaluation or dataset_generation"),
                text("dataset_id", "the data set"),
                text("run_id", "the evaluation run"),
                text("case_id", "the case"),
                text("case_key", "key of a case that is generated"),
                text("attempt_id", "the attempt"),
                text("source_revision", "commit of the program"),
                text("outcome", "completed, failed or cancelled"),
            ],
        ],
        make: |sources| {
            Box::pin(unplanned(sources, |judged| {
                judged::junjo_rows(judged, "evaluations", Grain::Evaluation)
            }))
        },
    },
    Table {
        name: "agent_plugin_spans",
        about: "one row per span of Junjo's plugin for OpenAI Agents (SDK 0.67 and later)",
        needs: Needs::Records,
        columns: &[
            ADDRESS,
            IDS,
            NAMES,
            PARENT,
            &[
                text("type", "what OpenAI Agents calls it"),
                text("source_workflow_id", "trace id there, on the first span"),
                text("source_trace_id", "trace id there"),
                text("source_span_id", "span id there"),
                text("source_parent_id", "span id of the parent there"),
                text("data", "JSON of the span there"),
                text("error_type", "class of the error that ended it"),
            ],
        ],
        make: |sources| {
            Box::pin(unplanned(sources, |judged| {
                judged::junjo_rows(judged, "agent_plugin_spans", Grain::PluginSpan)
            }))
        },
    },
    Table {
        name: "execution_differences",
        about: "one row per statement of a Junjo execution that another one contradicts",
        needs: Needs::Records,
        columns: &[
            ADDRESS,
            IDS,
            NAMES,
            &[
                text("type", "type of the span"),
                text("runtime_id", "the execution"),
                text("kind", "what kind of difference it is, such as replay, step or missing_executions"),
                text("subject", "the part that it is about"),
                text("expected", "what follows from the other statements"),
                text("actual", "what is stated or was found"),
                text("cause", "what is known of the reason"),
                flag("settled", "whether the execution ended longer ago than the settle time"),
            ],
        ],
        make: |sources| Box::pin(unplanned(sources, judged::execution_differences)),
    },
];
