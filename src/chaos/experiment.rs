//! One experiment: traffic and faults side by side, a recovery, an audit.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use rustix::process::Signal;
use tokio::sync::watch;

use super::{
    journal::{EndedBy, Journal},
    lost::{LOST_ACKS, Lost},
    nemesis::{Door, Internal, Patient},
    process::{Launch, Studio},
    promises::{self, Facts, Judged, Promise, Standing},
    window::{Watch, Windows},
};
use crate::{
    audit::{AuditOptions, examine, report::AuditReport},
    base::{notice, problem::Problem},
    checks::{grammar, selection},
    judge::runs::choose_runs,
    ledger::{
        chaos::{ChaosPlan, Experiment},
        history::{Export, History},
        runs::ledger_path,
    },
    send::{
        barrier::{BarrierMethod, BarrierOutcome, run_barrier},
        run::{self, LoadSpec, Performed},
        summary::Summary,
    },
    store::find::find_store,
    wire::{outcome::ExportOutcome, relay::Relay, target::Target},
};

/// What an acked span, a refused one, and a file as such can tell. Whatever else an audit looks at, parents that are
/// absent for one, follows from a loss.
const FAMILIES: [&str; 6] = ["delivery", "duplicates", "fidelity", "files", "form", "pollution"];

/// Times of acks of lost spans that are laid to a fault.
const SAMPLES: usize = 1_000_000;

/// All that an experiment needs.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) plan: ChaosPlan,
    /// Whether the kinds of its faults were named: what cannot be tried here of all is nobody's wish.
    pub(crate) is_typed: bool,
    pub(crate) launch: Launch,
    /// The command that starts another version of the studio.
    pub(crate) upgrade_to: Option<String>,
    /// Traffic and where it goes; how it is paced follows from the plan.
    pub(crate) load: LoadSpec,
    pub(crate) internal: Internal,
    pub(crate) data_dir: PathBuf,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) plan: ChaosPlan,
    pub(crate) run: Performed,
    pub(crate) journal: Journal,
    pub(crate) lost: Lost,
    pub(crate) promises: Vec<Judged>,
    pub(crate) report: AuditReport,
    /// The last flush; none where the studio was not there any more.
    pub(crate) flush: Option<BarrierOutcome>,
    pub(crate) windows: Windows,
    is_typed: bool,
}

impl Outcome {
    pub(crate) fn has(&self, standing: Standing) -> bool {
        self.promises.iter().any(|judged| judged.standing == standing)
    }

    pub(crate) fn breaks(&self, promise: Promise) -> bool {
        self.promises.iter().any(|judged| judged.promise == promise && judged.standing == Standing::Broken)
    }

    /// The faults that broke a promise, as far as that is known, else those that put it to the test.
    pub(crate) fn suspects(&self, promise: Promise) -> Vec<usize> {
        let numbers = |guilty: bool| {
            let faults = self.journal.faults.iter().zip(&self.lost.by_fault).enumerate();
            let faults = faults.filter(|(_, (fault, losses))| promise.is_at_stake(fault, losses, guilty));
            faults.map(|(number, _)| number).collect::<Vec<_>>()
        };
        Some(numbers(true)).filter(|guilty| !guilty.is_empty()).unwrap_or_else(|| numbers(false))
    }

    /// Whether something that was asked for is not known.
    pub(crate) fn is_incomplete(&self) -> bool {
        let untried = |judged: &&Judged| judged.standing == Standing::NotTried;
        let is_asked = |judged: &Judged| judged.promise.is_asked(self.is_typed);
        self.run.summary.interrupted || self.promises.iter().filter(untried).any(is_asked)
    }
}

/// Carries out a plan. The studio is stopped when this returns, however it does.
pub(crate) async fn perform(
    setup: &Setup,
    stop: watch::Receiver<bool>,
    progress: impl FnMut(&Summary, Duration),
    waiting: impl FnMut(Duration),
) -> anyhow::Result<Outcome> {
    let LoadSpec { endpoint, api_key, transport, .. } = &setup.load;
    let door = Door { endpoint: endpoint.clone(), api_key: api_key.clone(), transport: transport.clone() };
    let needs_relay = setup.plan.steps.iter().any(|step| step.nemesis.is_of_network());
    let relay = if needs_relay { Some(start_relay(endpoint).await?) } else { None };
    let mut patient = Patient {
        studio: Studio::new(setup.launch.clone()),
        door,
        internal: setup.internal.clone(),
        relay,
        data_dir: setup.data_dir.clone(),
        run_folder: PathBuf::new(),
        upgrade_to: setup.upgrade_to.clone(),
        seed: setup.plan.seed,
        journal: Journal::default(),
    };
    let watch = Watch::start(setup.data_dir.clone());
    patient.start().await?;
    say_what_runs(&setup.launch, &patient);

    let experiment = Experiment {
        plan: setup.plan.clone(),
        studio: setup.launch.command.clone(),
        upgrade_to: setup.upgrade_to.clone(),
        stop: setup.launch.stop.clone(),
    };
    let endpoint = match &patient.relay {
        Some(relay) => relay.address.to_string().parse()?,
        None => endpoint.clone(),
    };
    let load = LoadSpec { chaos: Some(experiment), endpoint, ..setup.load.clone() };
    let prepared = run::prepare(&load).await?;
    patient.run_folder.clone_from(&prepared.folder);
    patient.journal.attach(Arc::clone(&prepared.ledger))?;
    let sending = prepared.perform(stop.clone(), progress);
    let suffering = patient.suffer(&setup.plan, Instant::now(), stop);
    let (run, suffered) = tokio::join!(sending, suffering);
    let run = run?;
    suffered?;

    let flush = recover(setup, &mut patient, &run).await?;
    let written = watch.end();
    let report = audit(setup, &run, waiting).await?;
    patient.studio.end(Signal::TERM).await?;
    patient.journal.ended(EndedBy::Us)?;

    let journal = patient.journal;
    let history = History::read(&ledger_path(&run.folder), u64::MAX)?;
    let lost = Lost::of(&report, &journal, &history);
    let facts = Facts {
        steps: &setup.plan.steps,
        journal: &journal,
        lost: &lost,
        history: &history,
        flush: flush.as_ref(),
        report: &report,
    };
    let promises = promises::judge(&facts);
    let acked = history.exports.iter().filter(|export| export.outcome == ExportOutcome::Acked);
    let acks: Vec<u64> = acked.filter_map(Export::ended_at).collect();
    let windows = written.windows(&acks, &journal);
    Ok(Outcome {
        plan: setup.plan.clone(),
        run,
        journal,
        lost,
        promises,
        report,
        flush,
        windows,
        is_typed: setup.is_typed,
    })
}

async fn start_relay(endpoint: &Target) -> anyhow::Result<Relay> {
    if endpoint.uses_tls() {
        let what = format!("faults of the network need a plain connection, and `{endpoint}` is encrypted");
        return Err(Problem::new(what, "leave them out with --nemesis").into());
    }
    Relay::start(endpoint.address().to_owned()).await.context("cannot start a relay")
}

/// Who ends this process has to end a studio that is no process of ours.
fn say_what_runs(launch: &Launch, patient: &Patient) {
    let where_it_answers = &patient.door.endpoint;
    notice::note(&match (&launch.stop, patient.studio.id()) {
        (None, Some(id)) => format!("the studio is process {id} and answers at {where_it_answers}"),
        _ => format!("the studio answers at {where_it_answers}; it was started by `{}`", launch.command),
    });
}

/// Brings what was acked to disk; none where the studio is gone.
async fn recover(
    setup: &Setup,
    patient: &mut Patient,
    run: &Performed,
) -> anyhow::Result<Option<BarrierOutcome>> {
    patient.heal().await?;
    if patient.journal.gone.is_some() {
        return Ok(None);
    }
    let token = setup.internal.token.as_ref().map(|token| token.0.as_str());
    run_barrier(BarrierMethod::Flush, &setup.internal.endpoint, token, &run.ledger).await.map(Some)
}

async fn audit(setup: &Setup, run: &Performed, waiting: impl FnMut(Duration)) -> anyhow::Result<AuditReport> {
    let layout = find_store(Some(&setup.data_dir))?;
    let folder: &Path = &setup.load.runs;
    let runs = choose_runs(folder, run.manifest.run_id.as_str(), &layout)?;
    let families = FAMILIES.map(str::to_owned);
    let mut checks = selection::select(selection::with_own(None)?, &families, &[])?;
    let lost_acks = include_str!("../../sql/chaos/lost_acks.sql");
    checks.push(grammar::parse(LOST_ACKS, "delivery", lost_acks).map_err(anyhow::Error::msg)?);
    let options = AuditOptions { samples: SAMPLES, ..AuditOptions::of(checks) };
    examine(&layout, &runs, options, waiting).await
}
