//! Junjo's executions in the rows of a store: which of them are fit for a damage, and ways to change one.
//!
//! None, throughout, says that the rows have nothing of the kind that is to be changed.

use serde_json::Value;

use crate::contract::row::Row;

/// What is done to an execution, given by its root row: a name, and all that fires by structure.
pub(crate) type Case = (&'static str, fn(&mut Vec<Row>, &Row) -> Option<()>, &'static str);

/// Null where they are no JSON.
fn attributes(row: &Row) -> Value {
    serde_json::from_str(&row.attributes).unwrap_or_default()
}

pub(super) fn get(row: &Row, key: &str) -> Value {
    attributes(row)[key].clone()
}

pub(super) fn text(row: &Row, key: &str) -> String {
    get(row, key).as_str().unwrap_or_default().to_owned()
}

/// Null takes the attribute away.
pub(crate) fn set(row: &mut Row, key: &str, value: impl Into<Value>) -> Option<()> {
    let mut all = attributes(row);
    let members = all.as_object_mut()?;
    match value.into() {
        Value::Null => drop(members.remove(key)),
        value => drop(members.insert(key.to_owned(), value)),
    }
    row.attributes = all.to_string();
    Some(())
}

pub(super) fn add(row: &mut Row, key: &str, more: i64) -> Option<()> {
    let number = get(row, key).as_i64()? + more;
    set(row, key, number)
}

pub(super) fn position(rows: &[Row], like: &Row) -> Option<usize> {
    rows.iter().position(|row| (&row.trace_id, &row.span_id) == (&like.trace_id, &like.span_id))
}

fn kind(row: &Row) -> String {
    text(row, "junjo.span_type")
}

fn is_child(row: &Row, parent: &Row) -> bool {
    row.trace_id == parent.trace_id && row.parent_span_id.as_ref() == Some(&parent.span_id)
}

fn members(rows: &[Row], flow: &Row) -> Vec<usize> {
    let is_member = |row: &usize| is_child(&rows[*row], flow) && !kind(&rows[*row]).is_empty();
    let mut members: Vec<usize> = (0..rows.len()).filter(is_member).collect();
    members.sort_by_key(|row| rows[*row].start_time);
    members
}

/// Nodes right below a flow with nothing below them.
pub(crate) fn leaves(rows: &[Row], flow: &Row) -> Vec<usize> {
    let is_leaf =
        |row: &usize| kind(&rows[*row]) == "node" && !rows.iter().any(|child| is_child(child, &rows[*row]));
    members(rows, flow).into_iter().filter(is_leaf).collect()
}

/// The first node that does nothing at all.
pub(super) fn silent_leaf(rows: &[Row], flow: &Row) -> Option<usize> {
    leaves(rows, flow).into_iter().find(|row| rows[*row].events == "[]")
}

/// The first row with a transition of the flow's store.
pub(super) fn carrier(rows: &[Row], flow: &Row) -> Option<usize> {
    let store = text(flow, "junjo.workflow.store.id");
    leaves(rows, flow).into_iter().find(|row| rows[*row].events.contains(&store))
}

pub(super) fn events(row: &Row) -> Option<Vec<Value>> {
    serde_json::from_str(&row.events).ok()
}

pub(super) fn set_events(row: &mut Row, events: Vec<Value>) {
    row.events = Value::Array(events).to_string();
}

/// Changes the attributes of the first transition of a flow's store.
pub(super) fn change_event(
    rows: &mut [Row],
    flow: &Row,
    change: impl Fn(&mut Value) -> Option<()>,
) -> Option<()> {
    let carrier = carrier(rows, flow)?;
    let mut all = events(&rows[carrier])?;
    let event = all.iter_mut().find(|event| event["name"] == "set_state")?;
    change(&mut event["attributes"])?;
    set_events(&mut rows[carrier], all);
    Some(())
}

pub(super) fn change_snapshot(
    rows: &mut [Row],
    flow: &Row,
    change: impl Fn(&mut Value) -> Option<()>,
) -> Option<()> {
    let key = "junjo.workflow.execution_graph_snapshot";
    with_flow(rows, flow, |row| {
        let mut snapshot: Value = serde_json::from_str(&text(row, key)).ok()?;
        change(&mut snapshot)?;
        set(row, key, snapshot.to_string())
    })
}

/// Two leaves exchange which node they are.
pub(super) fn swap_nodes(rows: &mut [Row], flow: &Row) -> Option<()> {
    let [one, other] = leaves(rows, flow)[..].first_chunk().copied()?;
    for key in
        ["junjo.executable_definition_id", "junjo.executable_runtime_id", "junjo.executable_structural_id"]
    {
        let (first, second) = (get(&rows[one], key), get(&rows[other], key));
        set(&mut rows[one], key, second)?;
        set(&mut rows[other], key, first)?;
    }
    Some(())
}

/// A workflow of another trace.
pub(super) fn other_trace(rows: &[Row], flow: &Row) -> Option<usize> {
    rows.iter().position(|row| row.trace_id != flow.trace_id && kind(row) == "workflow")
}

pub(super) fn with_leaf(rows: &mut [Row], flow: &Row, change: impl Fn(&mut Row) -> Option<()>) -> Option<()> {
    let leaf = silent_leaf(rows, flow)?;
    change(&mut rows[leaf])
}

pub(super) fn with_flow(rows: &mut [Row], flow: &Row, change: impl Fn(&mut Row) -> Option<()>) -> Option<()> {
    let flow = position(rows, flow)?;
    change(&mut rows[flow])
}

/// The operations of an agent of one type, in the order of their starts.
pub(super) fn operations(rows: &[Row], agent: &Row, operation: &str) -> Vec<usize> {
    let runtime_id = text(agent, "junjo.agent.runtime_id");
    let is_one = |row: &usize| {
        text(&rows[*row], "junjo.agent.runtime_id") == runtime_id
            && text(&rows[*row], "junjo.agent.operation_type") == operation
    };
    let mut operations: Vec<usize> = (0..rows.len()).filter(is_one).collect();
    operations.sort_by_key(|row| rows[*row].start_time);
    operations
}

/// The first tool of an agent that ran nothing else.
pub(super) fn tool(rows: &[Row], agent: &Row) -> Option<usize> {
    let has_children = |tool: &Row| rows.iter().any(|row| row.parent_span_id.as_ref() == Some(&tool.span_id));
    operations(rows, agent, "tool").into_iter().find(|tool| !has_children(&rows[*tool]))
}

pub(super) fn with_tool(
    rows: &mut [Row],
    agent: &Row,
    change: impl Fn(&mut Row) -> Option<()>,
) -> Option<()> {
    let tool = tool(rows, agent)?;
    change(&mut rows[tool])
}

pub(super) fn with_request(
    rows: &mut [Row],
    agent: &Row,
    change: impl Fn(&mut Row) -> Option<()>,
) -> Option<()> {
    let request = *operations(rows, agent, "model_request").first()?;
    change(&mut rows[request])
}

/// Completed workflows with a transition in a node and two nodes that do nothing else, one of which writes nothing.
pub(crate) fn workflows(rows: &[Row]) -> Vec<Row> {
    let is_fit = |row: &&Row| {
        kind(row) == "workflow"
            && row.parent_span_id.is_none()
            && row.status_code == 0
            && get(row, "junjo.cancelled").is_null()
            && get(row, "junjo.correlation.id").is_null()
            && get(row, "junjo.store.transition.count").as_i64().is_some_and(|count| count > 0)
            && silent_leaf(rows, row).is_some()
            && carrier(rows, row).is_some()
            && leaves(rows, row).len() > 2
    };
    rows.iter().filter(is_fit).cloned().collect()
}

/// Agents that completed, with a tool that ran nothing else.
pub(crate) fn agents(rows: &[Row]) -> Vec<Row> {
    let is_fit = |row: &&Row| {
        kind(row) == "agent"
            && text(row, "junjo.agent.outcome") == "completed"
            && tool(rows, row).is_some()
            && !operations(rows, row, "model_request").is_empty()
    };
    rows.iter().filter(is_fit).cloned().collect()
}
