//! All runs of a folder, a line each.

use std::{io::Write, path::Path};

use serde::Serialize;

use super::{VERSION, outcome, size};
use crate::{
    ledger::{
        lookup::Sent,
        manifest::{Manifest, Timestamp},
        replay::ReplayManifest,
        results::Results,
        runs::{Loaded, Replay},
    },
    report::{
        json,
        table::{self, Align},
    },
    text::{
        escape::plain,
        numbers::{amount, counted, grouped, moment},
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
    let mut rows: Vec<_> = loaded.sent().iter().map(row).collect();
    rows.extend(loaded.replays.iter().map(|replay| replay_row(&replay.manifest)));
    rows.sort_by_key(|(created_at, _)| *created_at);
    let rows: Vec<_> = rows.into_iter().map(|(_, row)| row).collect();
    if rows.is_empty() {
        writeln!(out, "no run in `{}`", plain(&folder.display().to_string()))?;
    } else {
        out.write_all(table::render_in(&header, &rows, table::terminal_width()).as_bytes())?;
    }
    if !loaded.unreadable.is_empty() {
        writeln!(out, "\nnot read: {}", counted(loaded.unreadable.len() as u64, "run"))?;
    }
    for unreadable in &loaded.unreadable {
        writeln!(out, "  {}  {}", plain(&unreadable.name), plain(&format!("{:#}", unreadable.error)))?;
    }
    Ok(())
}

fn row(sent: &Sent<'_>) -> (Timestamp, Vec<String>) {
    let manifest = sent.manifest();
    let results = sent.results();
    let row = vec![
        sent.name(),
        moment(manifest.created_at.0),
        manifest.profile.to_string(),
        size(manifest),
        plain(&manifest.endpoint),
        taken(results),
        grouped(sent.planned()),
        results.map(|results| amount(results.throughput)).unwrap_or_default(),
        outcome(results, sent.planned()).to_owned(),
    ];
    (manifest.created_at, row)
}

/// Nobody planned the workflows of a replay.
fn replay_row(manifest: &ReplayManifest) -> (Timestamp, Vec<String>) {
    let results = manifest.results.as_ref();
    let row = vec![
        manifest.run_id.clone(),
        moment(manifest.created_at.0),
        "(replay)".to_owned(),
        String::new(),
        plain(&manifest.endpoint),
        taken(results),
        grouped(manifest.spans),
        String::new(),
        outcome(results, manifest.spans).to_owned(),
    ];
    (manifest.created_at, row)
}

fn taken(results: Option<&Results>) -> String {
    results.map(|results| grouped(results.taken())).unwrap_or_default()
}

#[derive(Serialize)]
struct Json<'a> {
    version: u32,
    /// Oldest first.
    runs: Vec<RunJson<'a>>,
    replays: Vec<ReplayJson<'a>>,
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
struct ReplayJson<'a> {
    folder: &'a Path,
    outcome: &'static str,
    manifest: &'a ReplayManifest,
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
        outcome: outcome(sent.results(), sent.planned()),
        planned_spans: sent.planned(),
        manifest: sent.manifest(),
    });
    let replays = loaded.replays.iter().map(|Replay { manifest, folder, .. }| ReplayJson {
        folder,
        outcome: outcome(manifest.results.as_ref(), manifest.spans),
        manifest,
    });
    let unreadable = loaded.unreadable.iter();
    let unreadable = unreadable
        .map(|unreadable| UnreadableJson { run: &unreadable.name, why: format!("{:#}", unreadable.error) });
    let json = Json {
        version: VERSION,
        runs: runs.collect(),
        replays: replays.collect(),
        unreadable: unreadable.collect(),
    };
    json::print(out, &json)
}
