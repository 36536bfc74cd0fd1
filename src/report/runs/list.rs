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
        document::{Block, Document, Line, Section, Table},
        json,
        table::Align,
    },
    text::numbers::{amount, counted, grouped, moment},
};

/// A table, and below it what could not be read.
pub(crate) fn document(loaded: &Loaded, folder: &Path) -> Document {
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
    let rows: Vec<_> = rows.into_iter().map(|(_, row)| row.into_iter().map(Line::from).collect()).collect();
    let mut document = Document::default();
    if rows.is_empty() {
        let text = format!("no run in `{}`", folder.display());
        document.add(Section::new([Block::Paragraph(text.into())]));
    } else {
        let header = header.map(|(name, align)| (name.to_owned(), align)).into();
        document.add(Section::new([Block::Table(Table { header, rows, ..Table::default() })]));
    }
    if !loaded.unreadable.is_empty() {
        let head = format!("not read: {}", counted(loaded.unreadable.len() as u64, "run"));
        let lines = loaded.unreadable.iter();
        let lines = lines.map(|unreadable| format!("  {}  {:#}", unreadable.name, unreadable.error).into());
        document.add(Section::new([Block::List(vec![head.into()]), Block::List(lines.collect())]));
    }
    document
}

fn row(sent: &Sent<'_>) -> (Timestamp, Vec<String>) {
    let manifest = sent.manifest();
    let results = sent.results();
    let row = vec![
        sent.name(),
        moment(manifest.created_at.0),
        manifest.profile.to_string(),
        size(manifest),
        manifest.endpoint.clone(),
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
        manifest.endpoint.clone(),
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
