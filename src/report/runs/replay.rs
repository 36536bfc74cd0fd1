//! All that is known of one replay: its manifest and its ledger, in words.

use std::{io::Write, path::Path, time::Duration};

use serde::Serialize;

use super::{
    VERSION, outcome,
    show::{Extent, LedgerAccount, UNFINISHED, add_ledger, add_results, full, services, short},
    style,
};
use crate::{
    ledger::{
        history::History,
        replay::{Options, ReplayManifest, SourceNote},
        runs::Replay,
    },
    report::{
        document::{Document, Fact, Line},
        json,
    },
    text::numbers::{counted, duration, moment, percent, service},
};

pub(crate) fn document(replay: &Replay, history: &History, extent: Extent) -> Document {
    let Replay { manifest, folder, .. } = replay;
    let SourceNote { path, kind, files, digest } = &manifest.source;
    let made = format!("{}, in ", moment(manifest.created_at.0));
    let made = Line::from(made).and_code(folder.display().to_string());
    let mut plan = vec![Fact::new("made", made), Fact::new("sent to", &manifest.endpoint)];
    let store = manifest.data_dir.as_ref();
    plan.extend(store.map(|store| Fact::new("store", Line::code(store.to_string_lossy()))));
    let digest = format!("{kind}, {}, digest {digest}", counted(*files, "file"));
    plan.push(Fact::lines("source", [Line::code(path.to_string_lossy()), digest.into()]));
    plan.extend(selection(&manifest.options).into_iter().map(|chosen| Fact::new("only", chosen)));
    plan.push(services(&manifest.services));
    plan.push(Fact::new("pace", pace(&manifest.options)));
    plan.push(Fact::new("changes", changes(manifest)));
    let mut went = Vec::new();
    match &manifest.results {
        Some(results) => add_results(&mut went, manifest.spans, results),
        None => went.push(Fact::new("unfinished", UNFINISHED)),
    }
    add_ledger(&mut went, &LedgerAccount::of(history));
    let outcome = outcome(manifest.results.as_ref(), manifest.spans);
    let title = Line::from(format!("replay {}: ", manifest.run_id)).and_styled(style(outcome), outcome);
    match extent {
        Extent::Short => short(title, plan, went),
        Extent::Full => full(title, plan, went, manifest.results.as_ref(), history),
    }
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
    let filter = options.filter.as_ref().map(|sql| format!("where {sql}"));
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
    json::print(out, &json)
}
