//! All runs of a folder, a line each.

use std::{io::Write, path::Path};

use serde::Serialize;

use super::{VERSION, outcome, size};
use crate::{
    ledger::{lookup::Sent, manifest::Manifest, runs::Loaded},
    report::{
        numbers::{amount, counted, grouped, moment, plain},
        table::{self, Align},
    },
};

/// Prints a table, and below it what could not be read.
pub(crate) fn print(out: &mut dyn Write, loaded: &Loaded, folder: &Path) -> anyhow::Result<()> {
    let header = [
        ("run", Align::Left),
        ("made", Align::Left),
        ("profile", Align::Left),
        ("plan", Align::Right),
        ("sent to", Align::Left),
        ("acked", Align::Right),
        ("of spans", Align::Right),
        ("workflows/s", Align::Right),
        ("outcome", Align::Left),
    ];
    let sent = loaded.sent();
    if sent.is_empty() {
        writeln!(out, "no run in `{}`", folder.display())?;
    } else {
        let rows: Vec<_> = sent.iter().map(row).collect();
        out.write_all(table::render_whole(&header, &rows).as_bytes())?;
    }
    if !loaded.unreadable.is_empty() {
        writeln!(out, "\nnot read: {}", counted(loaded.unreadable.len() as u64, "run"))?;
    }
    for unreadable in &loaded.unreadable {
        writeln!(out, "  {}  {}", plain(&unreadable.name), plain(&format!("{:#}", unreadable.error)))?;
    }
    Ok(())
}

fn row(sent: &Sent<'_>) -> Vec<String> {
    let manifest = sent.manifest();
    let results = sent.results();
    vec![
        sent.name(),
        moment(manifest.created_at.0),
        manifest.profile.to_string(),
        size(manifest),
        plain(&manifest.endpoint),
        results.map(|results| grouped(results.taken())).unwrap_or_default(),
        grouped(sent.planned()),
        results.map(|results| amount(results.throughput)).unwrap_or_default(),
        outcome(sent).to_owned(),
    ]
}

#[derive(Serialize)]
struct Json<'a> {
    version: u32,
    /// Oldest first.
    runs: Vec<RunJson<'a>>,
    unreadable: Vec<UnreadableJson<'a>>,
}

#[derive(Serialize)]
struct RunJson<'a> {
    run: String,
    folder: &'a Path,
    outcome: &'static str,
    planned_spans: u64,
    manifest: &'a Manifest,
}

#[derive(Serialize)]
struct UnreadableJson<'a> {
    run: &'a str,
    why: String,
}

pub(crate) fn print_json(out: &mut dyn Write, loaded: &Loaded) -> anyhow::Result<()> {
    let sent = loaded.sent();
    let runs = sent.iter().map(|sent| RunJson {
        run: sent.name(),
        folder: &sent.part.folder,
        outcome: outcome(sent),
        planned_spans: sent.planned(),
        manifest: sent.manifest(),
    });
    let unreadable = loaded.unreadable.iter();
    let unreadable = unreadable
        .map(|unreadable| UnreadableJson { run: &unreadable.name, why: format!("{:#}", unreadable.error) });
    let json = Json { version: VERSION, runs: runs.collect(), unreadable: unreadable.collect() };
    serde_json::to_writer_pretty(&mut *out, &json)?;
    writeln!(out)?;
    Ok(())
}
