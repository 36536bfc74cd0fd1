//! All that is known of one replay: its manifest and its ledger, in words.

use std::{io::Write, path::Path, time::Duration};

use serde::Serialize;

use super::{
    VERSION, outcome,
    show::{LedgerAccount, UNFINISHED, line, print_ledger, print_results},
};
use crate::{
    ledger::{
        history::History,
        replay::{Options, ReplayManifest, SourceNote},
        runs::Replay,
    },
    report::run::NAMES_SHOWN,
    text::numbers::{counted, duration, moment, percent, plain, service},
};

pub(crate) fn print(out: &mut dyn Write, replay: &Replay, history: &History) -> anyhow::Result<()> {
    let Replay { manifest, folder, .. } = replay;
    let SourceNote { path, kind, files, digest } = &manifest.source;
    writeln!(out, "replay {}: {}", manifest.run_id, outcome(manifest.results.as_ref(), manifest.spans))?;
    line(out, "made", &format!("{}, in {}", moment(manifest.created_at.0), folder.display()))?;
    line(out, "sent to", &plain(&manifest.endpoint))?;
    if let Some(store) = &manifest.data_dir {
        line(out, "store", &plain(&store.to_string_lossy()))?;
    }
    line(out, "source", &plain(&path.to_string_lossy()))?;
    line(out, "", &format!("{kind}, {}, digest {digest}", counted(*files, "file")))?;
    for chosen in selection(&manifest.options) {
        line(out, "only", &chosen)?;
    }
    for (place, name) in manifest.services.iter().take(NAMES_SHOWN).enumerate() {
        line(out, if place == 0 { "services" } else { "" }, &service(name))?;
    }
    if manifest.services.len() > NAMES_SHOWN {
        line(out, "", &format!("and {} more", manifest.services.len() - NAMES_SHOWN))?;
    }
    line(out, "pace", &pace(&manifest.options))?;
    line(out, "changes", &changes(manifest))?;
    writeln!(out)?;
    match &manifest.results {
        Some(results) => print_results(out, manifest.spans, results)?,
        None => line(out, "unfinished", UNFINISHED)?,
    }
    print_ledger(out, &LedgerAccount::of(history))
}

fn pace(Options { pace, max_gap_seconds, loops, .. }: &Options) -> String {
    let gap = |seconds: f64| duration(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX));
    let gap = max_gap_seconds.map(|seconds| format!(", no gap above {}", gap(seconds)));
    let again = (*loops > 1).then(|| format!(", {loops} times over"));
    format!("{pace}{}{}", gap.unwrap_or_default(), again.unwrap_or_default())
}

fn changes(manifest: &ReplayManifest) -> String {
    let ids = if manifest.id_key.is_some() { "fresh" } else { "kept" };
    let nanos = manifest.shift_nanos;
    let sign = if nanos < 0 { "-" } else { "+" };
    let shift = match nanos {
        0 => "kept".to_owned(),
        _ => format!("shifted by {sign}{}", duration(Duration::from_nanos(nanos.unsigned_abs()))),
    };
    format!("ids {ids}, times {shift}{}", super::super::replay::renamed(&manifest.options))
}

/// What kept spans of the source back.
fn selection(options: &Options) -> Vec<String> {
    let services = options.services.iter().map(|name| format!("service {}", service(name)));
    let traces = options.traces.iter().map(|id| format!("trace {id}"));
    let from = options.from.map(|from| format!("from {}", moment(from.0)));
    let to = options.to.map(|to| format!("before {}", moment(to.0)));
    let filter = options.filter.as_ref().map(|sql| format!("where {}", plain(sql)));
    let sample = options.sample.map(|share| format!("{} of the traces", percent(share)));
    services.chain(traces).chain([from, to, filter, sample].into_iter().flatten()).collect()
}

#[derive(Serialize)]
struct Json<'a> {
    version: u32,
    folder: &'a Path,
    outcome: &'static str,
    manifest: &'a ReplayManifest,
    ledger: LedgerAccount<'a>,
}

pub(crate) fn print_json(out: &mut dyn Write, replay: &Replay, history: &History) -> anyhow::Result<()> {
    let Replay { manifest, folder, .. } = replay;
    let json = Json {
        version: VERSION,
        folder,
        outcome: outcome(manifest.results.as_ref(), manifest.spans),
        manifest,
        ledger: LedgerAccount::of(history),
    };
    serde_json::to_writer_pretty(&mut *out, &json)?;
    writeln!(out)?;
    Ok(())
}
