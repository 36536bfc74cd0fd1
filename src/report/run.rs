//! A run for the terminal: who sent what, and how it went.

use std::{fmt::Write as _, io::Write};

use super::{
    numbers::{counted, duration, grouped},
    table::{self, Align},
};
use crate::{
    load::{
        barrier::Raised,
        run::Performed,
        summary::{Counts, Summary},
    },
    problem::Problem,
};

const NAMES_SHOWN: usize = 20;

/// Printed before the first export: who will send.
pub(crate) fn print_plan(
    out: &mut dyn Write,
    run: &str,
    services: &[String],
    concurrency: u64,
) -> anyhow::Result<()> {
    writeln!(out, "run {run}")?;
    let shown = services.iter().take(NAMES_SHOWN).map(String::as_str).collect::<Vec<_>>().join("\n  ");
    writeln!(out, "{}:\n  {shown}", counted(services.len() as u64, "service"))?;
    if services.len() > NAMES_SHOWN {
        writeln!(out, "  and {} more", services.len() - NAMES_SHOWN)?;
    }
    let at_once = concurrency.saturating_mul(services.len() as u64);
    writeln!(out, "up to {} at once\n", counted(at_once, "workflow"))?;
    Ok(())
}

/// Printed when all exports have ended.
pub(crate) fn print(out: &mut dyn Write, performed: &Performed) -> anyhow::Result<()> {
    let Performed { manifest, summary, elapsed, .. } = performed;
    let header = [
        ("service", Align::Left),
        ("workflows", Align::Right),
        ("spans", Align::Right),
        ("acked", Align::Right),
        ("rejected", Align::Right),
        ("indeterminate", Align::Right),
    ];
    let row = |name: &str, counts: &Counts| {
        let numbers = [counts.workflows, counts.spans, counts.acked, counts.rejected, counts.indeterminate];
        std::iter::once(name.to_owned()).chain(numbers.map(grouped)).collect::<Vec<_>>()
    };
    let services = manifest.services.iter().zip(&summary.services);
    let mut rows: Vec<_> = services.take(NAMES_SHOWN).map(|(name, counts)| row(name, counts)).collect();
    if manifest.services.len() > NAMES_SHOWN {
        rows.push(vec![format!("and {} more", manifest.services.len() - NAMES_SHOWN)]);
    }
    if manifest.services.len() > 1 {
        rows.push(row(
            &format!("all {}", counted(manifest.services.len() as u64, "service")),
            &summary.total(),
        ));
    }
    out.write_all(table::render(&header, rows).as_bytes())?;

    let seconds = elapsed.as_secs_f64().max(1e-9);
    let total = summary.total();
    writeln!(
        out,
        "\n{} in {}: {} workflows/s, {} spans/s",
        counted(total.workflows, "workflow"),
        duration(*elapsed),
        grouped((total.workflows as f64 / seconds) as u64),
        grouped((total.spans as f64 / seconds) as u64)
    )?;
    writeln!(out, "export latency  {}", latency(summary))?;
    for (code, trouble) in &summary.troubles {
        writeln!(out, "{code}  {}: {}", counted(trouble.exports, "export"), trouble.message)?;
    }
    if summary.interrupted {
        writeln!(out, "interrupted: {} not started", counted(not_started(performed), "workflow"))?;
    }
    Ok(())
}

/// What the barrier at a run's end came to.
pub(crate) fn barrier_line(raised: &Raised) -> String {
    match raised {
        Raised::Flushed { took } => format!("flushed in {}", duration(*took)),
        Raised::Snapshot { took, snapshot } => {
            let rows = counted(snapshot.rows.unsigned_abs(), "row");
            format!("hot snapshot of {rows} in {}", duration(*took))
        }
        Raised::Refused { rpc, refusal } => format!("{rpc} failed: {refusal}; {}", refusal.hint()),
        Raised::Unreachable(problem) => not_flushed(problem),
    }
}

fn not_flushed(problem: &Problem) -> String {
    format!("not flushed: {problem}; an audit has to wait for the studio's own timer")
}

fn latency(summary: &Summary) -> String {
    if summary.latency.is_empty() {
        return "none: no export was acked".to_owned();
    }
    let micros = |value: u64| duration(std::time::Duration::from_micros(value));
    let mut text = String::new();
    for (name, quantile) in [("p50", 0.50), ("p95", 0.95), ("p99", 0.99)] {
        write!(text, "{name} {}   ", micros(summary.latency.value_at_quantile(quantile))).ok();
    }
    text + &format!("max {}", micros(summary.latency.max()))
}

fn not_started(performed: &Performed) -> u64 {
    let planned = performed.manifest.config.num_services * performed.manifest.config.workflows_per_service;
    planned.saturating_sub(performed.summary.total().workflows)
}
