//! What an audit finds of Junjo's own evidence in one trace, by span.
//!
//! The whole store is read: an event of a workflow may lie in another trace, and a runtime id in two.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    audit::{
        AuditOptions, examine,
        executions::{self, Mark},
    },
    base::memory::Memory,
    checks::catalog::{Check, built_in},
    judge::runs::Runs,
    store::layout::Layout,
};

/// Findings by span id; none for a trace whose id is not 32 hexadecimal digits.
pub(crate) async fn find(
    layout: &Layout,
    trace_id: &str,
    memory: Memory,
) -> anyhow::Result<BTreeMap<String, Vec<Mark>>> {
    let Some(trace) = u128::from_str_radix(trace_id, 16).ok().filter(|_| trace_id.len() == 32) else {
        return Ok(BTreeMap::new());
    };
    let of_family = built_in()?.into_iter().filter(|check| check.family == executions::FAMILY);
    let checks: Vec<Check> = of_family.map(|check| check.within(trace)).collect();
    let runs = Arc::new(Runs { left_out: true, ..Runs::default() });
    let options = AuditOptions { memory, wait: false, ..AuditOptions::of(checks) };
    let report = examine(layout, &runs, options, |_| {}).await?;
    let marks = executions::marks(&report).into_iter();
    Ok(marks.map(|((_, span), marks)| (format!("{span:016x}"), marks)).collect())
}
