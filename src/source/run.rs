//! One replay from its order to its manifest.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use futures::future::try_join_all;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

use super::{
    chunk::SourceNotes,
    detect::{self, Opened},
    digest,
    gather::PendingExport,
    pace::Pace,
    produce::{ReplaySpec, produce},
    select::Selection,
    send::{Sending, Sent, send_all},
    service_names::ServiceNames,
    spool::STDIN,
    survey::{Survey, survey},
};
use crate::{
    base::{clock::unix_nanos, private, problem::Problem, url},
    contract::{digest::DigestVersion, id_remap::IdRemap, scrub::Scrub},
    ledger::{
        expected::ExpectationWriter,
        history::{Export, History},
        manifest::Timestamp,
        replay::{Kind, Options, ReplayManifest, SourceNote},
        runs,
        writer::LedgerWriter,
    },
    send::{
        results,
        run::Secret,
        summary::{Amount, Summary},
    },
    wire::{
        exporter::Exporter,
        retry::{self, RetryPolicy},
        target::Target,
        transport::Transport,
    },
};

/// Drafts that are made ahead of the one that is sent.
const AHEAD: usize = 8;

/// Where a replay is sent, and how.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) endpoint: Target,
    pub(crate) api_key: Secret,
    pub(crate) transport: Transport,
    pub(crate) connections: usize,
    pub(crate) in_flight: usize,
    pub(crate) retry: RetryPolicy,
    pub(crate) runs: PathBuf,
    pub(crate) data_dir: Option<PathBuf>,
}

/// What becomes of recorded times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ShiftTime {
    /// The last span of a loop ends when it is sent.
    Now,
    By(i64),
    None,
}

/// A source that was looked through.
#[derive(Debug)]
pub(crate) struct SourceSummary {
    pub(crate) path: PathBuf,
    pub(crate) kind: String,
    pub(crate) recipe: ReplaySpec,
    pub(crate) survey: Survey,
    pub(crate) digest: String,
}

/// What was made of a source.
#[derive(Debug, Default)]
pub(crate) struct Produced {
    pub(crate) exports: u64,
    pub(crate) spans: u64,
    pub(crate) bytes: u64,
    pub(crate) notes: SourceNotes,
}

impl Produced {
    /// Whether it is what was planned, and nothing is left out that was asked for.
    pub(crate) fn is_all_of(&self, planned: u64) -> bool {
        self.notes.is_whole() && self.spans == planned
    }
}

/// A replay that has been sent.
#[derive(Debug)]
pub(crate) struct Replayed {
    pub(crate) manifest: ReplayManifest,
    pub(crate) folder: PathBuf,
    pub(crate) ledger: Arc<LedgerWriter>,
    pub(crate) sent: Sent,
    pub(crate) notes: SourceNotes,
}

/// Looks through a source; nothing is changed yet.
pub(crate) async fn prepare(path: &Path, options: Options, fresh_ids: bool) -> anyhow::Result<SourceSummary> {
    let scrub = Scrub::new(&options.scrub, &options.scrub_text).map_err(|err| {
        Problem::new("invalid pattern of --scrub-text", "write a regular expression").caused_by(err)
    })?;
    let mut notes = SourceNotes::default();
    let Opened { source, kind } = detect::open(path, &mut notes)?;
    let digest = digest::of_files(&source.bytes(), &mut notes);
    let mut recipe = ReplaySpec {
        source,
        selection: Selection::new(&options, fresh_ids)?,
        scrub,
        pace: options.pace.parse()?,
        max_gap: options.max_gap_seconds.map(Duration::from_secs_f64),
        copies: Vec::new(),
        remap: IdRemap::default(),
        loop_shift: 0,
        digests: DigestVersion::V2,
        services: Arc::default(),
        options,
    };
    let survey = survey(&recipe, notes).await?;
    recipe.copies.clone_from(&survey.copies);
    let is_path = path != Path::new(STDIN) && url::scheme(path).is_none();
    let path = if is_path { std::path::absolute(path)? } else { path.to_owned() };
    Ok(SourceSummary { path, kind, recipe, survey, digest })
}

impl SourceSummary {
    /// Decides about ids and times, once and for all loops.
    pub(crate) fn renew(&mut self, fresh_ids: bool, shift: ShiftTime, now: u64) {
        let length = i64::try_from(self.survey.length.as_nanos()).unwrap_or(i64::MAX);
        self.recipe.remap = IdRemap {
            key: fresh_ids.then(rand::random),
            shift: match (shift, self.survey.times) {
                (ShiftTime::Now, Some((_, last))) => {
                    now.cast_signed().wrapping_add(length).wrapping_sub(last)
                }
                (ShiftTime::By(nanos), _) => nanos,
                (ShiftTime::Now | ShiftTime::None, _) => 0,
            },
        };
        self.recipe.loop_shift = if shift == ShiftTime::Now { length } else { 0 };
    }

    pub(crate) fn nothing_to_send(&self) -> Problem {
        let what = format!("no span of `{}` is to be sent", self.path.display());
        Problem::new(what, "what was left out, and why, is said above")
    }

    /// Spans of all loops.
    pub(crate) fn spans(&self) -> u64 {
        self.survey.spans.saturating_mul(self.recipe.options.loops.max(1))
    }

    fn manifest(&self, run_id: String, route: &Route, now: u64) -> ReplayManifest {
        let IdRemap { key, shift } = self.recipe.remap;
        ReplayManifest {
            version: ReplayManifest::VERSION,
            kind: Kind::Replay,
            run_id,
            created_at: Timestamp(now),
            source: SourceNote {
                path: self.path.clone(),
                kind: self.kind.clone(),
                files: self.recipe.source.len() as u64,
                digest: self.digest.clone(),
            },
            options: self.recipe.options.clone(),
            id_key: key.map(|key| format!("{key:016x}")),
            shift_nanos: shift,
            loop_shift_nanos: self.recipe.loop_shift,
            spans: self.spans(),
            services: Vec::new(),
            endpoint: route.endpoint.to_string(),
            data_dir: route.data_dir.clone(),
            results: None,
        }
    }
}

/// All exports of a source in order, and the task that makes them for as long as somebody takes them.
pub(crate) fn drafts(
    recipe: Arc<ReplaySpec>,
) -> (mpsc::Receiver<PendingExport>, JoinHandle<anyhow::Result<SourceNotes>>) {
    let (sender, drafts) = mpsc::channel(AHEAD);
    (drafts, tokio::spawn(async move { produce(&recipe, &sender).await }))
}

/// Makes everything and hands each export to `take`, until that fails.
pub(crate) async fn make(
    recipe: Arc<ReplaySpec>,
    mut take: impl FnMut(PendingExport) -> anyhow::Result<()>,
) -> anyhow::Result<Produced> {
    let (mut drafts, making) = drafts(recipe);
    let mut made = Produced::default();
    while let Some(draft) = drafts.recv().await {
        made.exports += 1;
        made.spans += draft.expectations.len() as u64;
        made.bytes += draft.request.len() as u64;
        take(draft)?;
    }
    made.notes = making.await??;
    Ok(made)
}

/// A run's folder, and what was sent of it before.
pub(crate) struct OpenRun {
    manifest: ReplayManifest,
    folder: PathBuf,
    ledger: LedgerWriter,
    expected: ExpectationWriter,
    before: Vec<Export>,
}

/// Makes the folder of a new run.
pub(crate) fn begin(surveyed: &SourceSummary, route: &Route, now: u64) -> anyhow::Result<OpenRun> {
    let manifest = surveyed.manifest(runs::draw_id(&route.runs).to_string(), route, now);
    let folder = route.runs.join(&manifest.run_id);
    private::create_folder(&folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
    manifest.write(&runs::manifest_path(&folder))?;
    let ledger = LedgerWriter::create(&runs::ledger_path(&folder))?;
    let expected = open_expected(&folder, 0)?;
    Ok(OpenRun { manifest, folder, ledger, expected, before: Vec::new() })
}

/// Goes on with a run whose manifest is at hand; its source must be as it was.
pub(crate) fn resume(
    surveyed: &mut SourceSummary,
    manifest: ReplayManifest,
    folder: PathBuf,
) -> anyhow::Result<OpenRun> {
    if manifest.is_v2() {
        let what =
            format!("run {} was begun by an e2e-store that recorded less of each span", manifest.run_id);
        return Err(Problem::new(what, "go on with that one, or replay the source from the beginning").into());
    }
    restore(surveyed, &manifest)?;
    let path = runs::ledger_path(&folder);
    let history = History::read(&path, u64::MAX)?;
    let sent = history.exports.last().map_or(0, |export| export.first + u64::from(export.count));
    let ledger = LedgerWriter::reopen(&path)?;
    let expected = open_expected(&folder, sent)?;
    Ok(OpenRun { manifest, folder, ledger, expected, before: history.exports })
}

/// Gives the ids and times of a run to a source, which must be as it was.
pub(crate) fn restore(surveyed: &mut SourceSummary, manifest: &ReplayManifest) -> anyhow::Result<()> {
    if surveyed.digest != manifest.source.digest {
        let what = format!("`{}` is not what run {} was sent from", surveyed.path.display(), manifest.run_id);
        return Err(Problem::new(what, "restore it, or replay it as it is now from the beginning").into());
    }
    let key = manifest.id_key.as_deref().map(|key| u64::from_str_radix(key, 16)).transpose();
    let key = key.with_context(|| format!("the id key of run {}", manifest.run_id))?;
    surveyed.recipe.remap = IdRemap { key, shift: manifest.shift_nanos };
    surveyed.recipe.loop_shift = manifest.loop_shift_nanos;
    surveyed.recipe.digests = if manifest.is_v2() { DigestVersion::V1 } else { DigestVersion::V2 };
    Ok(())
}

fn open_expected(folder: &Path, known: u64) -> anyhow::Result<ExpectationWriter> {
    let path = runs::expected_path(folder);
    ExpectationWriter::open(&path, known).with_context(|| format!("cannot write `{}`", path.display()))
}

impl OpenRun {
    pub(crate) fn manifest(&self) -> &ReplayManifest {
        &self.manifest
    }
}

/// Every connection proves that the server takes our key.
pub(crate) async fn connect(route: &Route) -> Result<Vec<Exporter>, Problem> {
    let connect = || retry::connect(&route.endpoint, &route.api_key.0, &route.transport, route.retry);
    try_join_all((0..route.connections).map(|_| connect())).await
}

/// Sends everything, or what of it is sent before `stop` turns true.
pub(crate) async fn perform(
    surveyed: SourceSummary,
    begun: OpenRun,
    exporters: Vec<Exporter>,
    route: &Route,
    stop: watch::Receiver<bool>,
    progress: impl Fn(&Summary, Duration),
) -> anyhow::Result<Replayed> {
    let OpenRun { mut manifest, folder, ledger, expected, before } = begun;
    let ledger = Arc::new(ledger);
    let planned = Amount { workflows: 0, spans: surveyed.spans() };
    let keeps_time = surveyed.recipe.pace != Pace::Max;
    let services = Arc::clone(&surveyed.recipe.services);
    let (drafts, making) = drafts(Arc::new(surveyed.recipe));
    let (sender, named) = mpsc::channel(1);
    let naming = note_services(drafts, sender, Arc::clone(&services), manifest.clone(), folder.clone());
    let naming = tokio::spawn(naming);
    let sending = Sending {
        exporters,
        ledger: Arc::clone(&ledger),
        expected,
        retry: route.retry,
        in_flight: route.in_flight,
        keeps_time,
        before,
    };
    let mut sent = send_all(sending, named, Summary::new(&[planned]), stop, progress).await?;
    naming.await??;
    let notes = making.await??;
    // What a source that changed meanwhile no longer gives was planned, and cannot be sent.
    let loops = manifest.options.loops.max(1);
    let left_out = |notes: &SourceNotes| notes.skipped.values().sum::<u64>() + notes.unsent.total;
    let unsendable = left_out(&notes).saturating_sub(left_out(&surveyed.survey.notes));
    let planned = Amount { workflows: 0, spans: planned.spans.saturating_sub(unsendable * loops) };
    let left = planned.spans.saturating_sub(sent.taken_before);
    sent.summary.replan(&[Amount { workflows: 0, spans: left }]);
    sent.summary.finish();
    sent.summary.interrupted &= sent.summary.total().not_started.spans > 0;
    if let Some(names) = services.beyond(manifest.services.len()) {
        manifest.services = names;
    }
    manifest.results = Some(results::of(&sent.summary, sent.elapsed, &[]).after(sent.taken_before));
    manifest.write(&runs::manifest_path(&folder))?;
    Ok(Replayed { manifest, folder, ledger, sent, notes })
}

/// Hands drafts on. A service is in the manifest before the first record that names it is written.
async fn note_services(
    mut drafts: mpsc::Receiver<PendingExport>,
    sender: mpsc::Sender<PendingExport>,
    services: Arc<ServiceNames>,
    mut manifest: ReplayManifest,
    folder: PathBuf,
) -> anyhow::Result<()> {
    while let Some(draft) = drafts.recv().await {
        if let Some(names) = services.beyond(manifest.services.len()) {
            manifest.services = names;
            manifest.write(&runs::manifest_path(&folder))?;
        }
        if sender.send(draft).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// The time that a plan counts from.
pub(crate) fn now() -> u64 {
    unix_nanos()
}
