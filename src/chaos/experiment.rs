//! One experiment: traffic and faults side by side, a recovery, an audit.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use tokio::sync::watch;

use super::{
    checkup::Auditor,
    clock::Clock,
    idle::Process,
    journal::{EndedBy, Journal},
    lost::Lost,
    nemesis::{Door, Internal, Patient},
    process::{Launch, Studio},
    promises::{self, Facts, Judged, Promise, Standing},
    window::{Watch, Windows},
};
use crate::{
    audit::report::AuditReport,
    base::notice,
    ledger::{
        chaos::{ChaosPlan, Experiment, Nemesis},
        history::{Export, History},
        runs::ledger_path,
    },
    send::{
        barrier::{BarrierMethod, BarrierOutcome, run_barrier},
        run::{self, LoadSpec, Performed},
        summary::Summary,
    },
    wire::{outcome::ExportOutcome, route::Route, transport::Transport},
};

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
            let faults = self.lost.by_fault.iter().enumerate();
            let faults =
                faults.filter(|(number, losses)| promise.is_at_stake(&self.journal, *number, losses, guilty));
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
    let has = |kind: fn(Nemesis) -> bool| setup.plan.steps.iter().any(|step| kind(step.nemesis));
    let route =
        if has(Nemesis::is_of_network) { Some(Route::start(endpoint, transport).await?) } else { None };
    let internal = &setup.internal.endpoint;
    let internal_route = if has(Nemesis::is_internal) {
        Some(Route::start(internal, &Transport::plain(transport.timeout)).await?)
    } else {
        None
    };
    let clock = if has(Nemesis::is_of_clock) && setup.launch.stop.is_none() { Clock::find()? } else { None };
    let mut launch = setup.launch.clone();
    launch.environment.extend(clock.iter().flat_map(Clock::environment));
    let mut patient = Patient {
        studio: Studio::new(launch),
        clock,
        door,
        internal: setup.internal.clone(),
        route,
        internal_route,
        data_dir: setup.data_dir.clone(),
        run_folder: PathBuf::new(),
        upgrade_to: setup.upgrade_to.clone(),
        seed: setup.plan.seed,
        crowd: setup.plan.crowd,
        audit_took: Duration::ZERO,
        process: Process::default(),
        load: setup.load.clone(),
        journal: Journal::default(),
    };
    let watch = Watch::start(setup.data_dir.clone(), patient.process.clone());
    patient.start().await?;
    say_what_runs(&setup.launch, &patient);

    let experiment = Experiment {
        plan: setup.plan.clone(),
        studio: patient.shown(&setup.launch.command),
        upgrade_to: setup.upgrade_to.as_deref().map(|command| patient.shown(command)),
        stop: setup.launch.stop.as_deref().map(|command| patient.shown(command)),
    };
    let mut load = LoadSpec { chaos: Some(experiment), ..setup.load.clone() };
    if let Some(route) = &patient.route {
        load.endpoint = route.entrance()?;
        // Whom to trust is known to its other end.
        load.transport = Transport { ca_cert: None, client_identity: None, ..load.transport };
    }
    let prepared = run::prepare(&load).await?;
    patient.run_folder.clone_from(&prepared.folder);
    patient.journal.attach(Arc::clone(&prepared.ledger))?;
    let auditor = Auditor {
        data_dir: setup.data_dir.clone(),
        runs: setup.load.runs.clone(),
        run_id: prepared.manifest.run_id.clone(),
    };
    let sending = prepared.perform(stop.clone(), progress);
    let suffering = patient.suffer(&setup.plan, Instant::now(), &auditor, stop);
    let (run, suffered) = tokio::join!(sending, suffering);
    let run = run?;
    suffered?;

    let flush = recover(setup, &mut patient, &run).await?;
    let written = watch.end();
    let report = auditor.whole(&patient.journal.crowds, waiting).await?;
    let stopped = patient.stop(Signal::TERM).await;
    // What is gone cannot be stopped by every command.
    if patient.journal.gone.is_none() {
        stopped?;
    }
    patient.journal.ended(EndedBy::Us)?;

    let journal = patient.journal;
    let mut history = History::read(&ledger_path(&run.folder), u64::MAX)?;
    for (number, crowd) in journal.crowds.iter().enumerate() {
        let ledger = ledger_path(&setup.load.runs.join(crowd));
        history.append(number as u16 + 1, History::read(&ledger, u64::MAX)?);
    }
    let lost = Lost::of(&report, &journal, &history);
    let facts = Facts {
        steps: &setup.plan.steps,
        journal: &journal,
        lost: &lost,
        history: &history,
        flush: flush.as_ref(),
        report: &report,
        idle: &written.idle,
        is_elsewhere: setup.launch.stop.is_some(),
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

/// Who ends this process has to end a studio that is no process of ours.
fn say_what_runs(launch: &Launch, patient: &Patient) {
    let where_it_answers = &patient.door.endpoint;
    notice::note(&match (&launch.stop, patient.studio.id()) {
        (None, Some(id)) => format!("the studio is process {id} and answers at {where_it_answers}"),
        _ => format!(
            "the studio answers at {where_it_answers}; it was started by `{}`",
            patient.shown(&launch.command)
        ),
    });
}

/// Brings what was acked to disk; none where the studio is gone.
async fn recover(
    setup: &Setup,
    patient: &mut Patient,
    run: &Performed,
) -> anyhow::Result<Option<BarrierOutcome>> {
    patient.settle().await?;
    if patient.journal.gone.is_some() {
        return Ok(None);
    }
    let token = setup.internal.token.as_ref().map(|token| token.0.as_str());
    run_barrier(BarrierMethod::Flush, &setup.internal.endpoint, token, &run.ledger).await.map(Some)
}
