//! Evaluations and spans of the plugin for OpenAI's agents that say another thing than their parents or their source.

use anyhow::Context;
use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};

use super::{Damage, executions::leaves};
use crate::{contract::row::Row, junjo::trace::MAX_SPANS, proof::bench::Bench};

pub(super) const DAMAGES: &[Damage] = &[
    (
        "an evaluation as it should be",
        "none",
        |bench| of_three(bench, [orchestrator(), subject(), judge("a")]),
        "",
    ),
    (
        "judge_another_attempt",
        "none",
        |bench| of_three(bench, [orchestrator(), subject(), judge("b")]),
        "junjo_evaluations",
    ),
    (
        "evaluate_two_subjects",
        "none",
        |bench| of_three(bench, [orchestrator(), subject(), subject()]),
        "junjo_evaluations",
    ),
    (
        "judge_without_a_subject",
        "none",
        |bench| of_three(bench, evaluation_without_a_subject()),
        "junjo_evaluations; junjo_missing_subjects",
    ),
    (
        "plugin spans as they should be",
        "none",
        |bench| of_three(bench, [plugin("1", "0"), plugin("2", "1"), plugin("3", "1")]),
        "",
    ),
    (
        "name_another_source_parent",
        "none",
        |bench| of_three(bench, [plugin("1", "0"), plugin("2", "1"), plugin("3", "2")]),
        "junjo_plugin_sources",
    ),
    ("a plugin span as its source says", "none", |bench| with_a_source(bench, |_| {}), ""),
    (
        "a_plugin_span_of_another_time",
        "none",
        |bench| with_a_source(bench, |row| row.start_time -= 2_000),
        "junjo_plugin_rows; wrong_durations: 1",
    ),
    ("a_trace_beyond_the_bound", "none", a_trace_beyond_the_bound, "junjo_unjudged: inconclusive, 1"),
];

/// The store holds a root and its two children in one trace, with these attributes, and nothing else.
pub(crate) fn of_three(bench: &Bench, all: [Value; 3]) -> anyhow::Result<()> {
    bench.try_alter_cold(|rows| {
        let like = rows.first()?.clone();
        *rows = family_of_three(&like, all);
        Some(())
    })
}

pub(super) fn family_of_three(like: &Row, all: [Value; 3]) -> Vec<Row> {
    let member = |(place, attributes): (usize, Value)| Row {
        trace_id: "a".repeat(32),
        span_id: format!("{:016x}", place + 1),
        parent_span_id: (place > 0).then(|| format!("{:016x}", 1)),
        attributes: attributes.to_string(),
        events: "[]".to_owned(),
        status_code: 0,
        status_message: None,
        ..like.clone()
    };
    all.into_iter().enumerate().map(member).collect()
}

fn evaluation(role: &str, attempt: &str) -> Value {
    json!({
        "junjo.evaluation.attempt.id": attempt,
        "junjo.evaluation.role": role,
        "junjo.evaluation.run_class": "evaluation",
        "junjo.telemetry.contract_version": 2,
    })
}

fn orchestrator() -> Value {
    evaluation("orchestrator", "a")
}

fn subject() -> Value {
    evaluation("subject", "a")
}

fn judge(attempt: &str) -> Value {
    evaluation("judge", attempt)
}

pub(super) fn evaluation_without_a_subject() -> [Value; 3] {
    [orchestrator(), judge("a"), judge("a")]
}

fn plugin(span: &str, parent: &str) -> Value {
    json!({
        "junjo.openai_agents.schema_version": 1,
        "junjo.openai_agents.source.parent_span_id": parent,
        "junjo.openai_agents.source.span_id": span,
        "junjo.openai_agents.source.trace_id": "t",
    })
}

/// A further trace of one span, as the plugin records a tool that failed, changed.
pub(crate) fn with_a_source(bench: &Bench, change: impl FnOnce(&mut Row)) -> anyhow::Result<()> {
    bench.try_alter_cold(|rows| {
        let mut row = rows.first()?.clone();
        (row.trace_id, row.parent_span_id) = ("ab".repeat(16), None);
        sourced(&mut row);
        change(&mut row);
        rows.push(row);
        Some(())
    })
}

fn sourced(row: &mut Row) {
    let text =
        |nanos: i64| DateTime::from_timestamp_nanos(nanos).to_rfc3339_opts(SecondsFormat::Micros, false);
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
    "[]".clone_into(&mut row.events);
    (row.status_code, row.status_message) = (2, Some("down".to_owned()));
}

/// The store holds one trace with more nodes than are judged.
fn a_trace_beyond_the_bound(bench: &Bench) -> anyhow::Result<()> {
    let rows = bench.cold_rows()?;
    let large = one_large_trace(&rows).context("no workflow with a node")?;
    bench.alter_cold(|rows| *rows = large)
}

fn one_large_trace(rows: &[Row]) -> Option<Vec<Row>> {
    let is_flow = |row: &&Row| row.parent_span_id.is_none() && !leaves(rows, row).is_empty();
    let root = rows.iter().find(is_flow)?;
    let mut node = rows[*leaves(rows, root).first()?].clone();
    "[]".clone_into(&mut node.events);
    let nodes = (0..=MAX_SPANS).map(|number| {
        let span_id = format!("{:016x}", 0xaaaa_0000_0000_0000 + number as u64);
        Row { span_id, ..node.clone() }
    });
    Some(std::iter::once(root.clone()).chain(nodes).collect())
}
