//! One run from its specification to its manifest.

use std::{ops::ControlFlow, path::PathBuf, sync::Arc, time::Duration};

use futures::future::try_join_all;
use tokio::sync::watch;

use super::{
    account::{Followed, follow},
    barrier::{self, BarrierMethod, BarrierOutcome},
    pace::{Closed, Pace},
    planner::{self, Planned, Traffic},
    results,
    scheduled::{PlannedExports, SentPlan},
    send_loop::{Slots, WhenFull, send_all},
    sender::Sender,
    straddle::Straddle,
    summary::Summary,
    threshold::Threshold,
    unit::{Batching, Units},
};
use crate::{
    base::{clock::unix_nanos, problem::Problem},
    ledger::{
        chaos::Experiment,
        load::Load,
        manifest::Manifest,
        results::{Judged, Verdict},
        runs,
        shard::Shard,
        writer::LedgerWriter,
    },
    traffic::plan::Plan,
    wire::{
        exporter::Exporter,
        retry::{self, RetryPolicy},
        target::Target,
        transport::Transport,
    },
};

/// Connections that one process keeps open.
const MAX_CONNECTIONS: usize = 10_000;

/// Exports that one process has in flight.
const MAX_IN_FLIGHT: usize = 100_000;

/// What to send, and where to.
#[derive(Debug, Clone)]
pub(crate) struct LoadSpec {
    pub(crate) endpoint: Target,
    pub(crate) api_key: Secret,
    pub(crate) transport: Transport,
    /// Connections of each stream.
    pub(crate) connections: usize,
    pub(crate) traffic: Traffic,
    pub(crate) pace: Pace,
    /// When to stop starting exports.
    pub(crate) duration: Option<Duration>,
    pub(crate) batching: Batching,
    pub(crate) straddling: Option<Straddling>,
    pub(crate) retry: RetryPolicy,
    pub(crate) thresholds: Vec<Threshold>,
    /// Whether a missed threshold ends the run.
    pub(crate) abort_on_fail: bool,
    /// What is done to the studio meanwhile.
    pub(crate) chaos: Option<Experiment>,
    /// What the user calls the run.
    pub(crate) label: Option<String>,
    /// Where runs are kept.
    pub(crate) runs: PathBuf,
    /// The store behind the endpoint, where it is known.
    pub(crate) data_dir: Option<PathBuf>,
}

/// Which traces are sent in parts, and what comes between the parts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Straddling {
    /// A fraction of the workflows.
    pub(crate) share: f64,
    pub(crate) gap: Gap,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Gap {
    /// A FlushWAL of this internal service.
    Flush {
        target: Target,
        token: Option<Secret>,
    },
    Time(Duration),
}

/// What stands between two parts where no flush could: the studio's WAL timer, and a second.
const WITHOUT_FLUSH: Duration = Duration::from_secs(4);

/// Text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub(crate) String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secret)")
    }
}

/// A run whose connections stand and whose folder is written.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) manifest: Manifest,
    pub(crate) folder: PathBuf,
    pub(crate) plan: Arc<Plan>,
    pub(crate) ledger: Arc<LedgerWriter>,
    exporters: Vec<Vec<Exporter>>,
    shard: Shard,
    spec: LoadSpec,
}

/// A run that has been sent. The ledger stays open for the barrier.
#[derive(Debug)]
pub(crate) struct Performed {
    pub(crate) manifest: Manifest,
    pub(crate) folder: PathBuf,
    pub(crate) ledger: Arc<LedgerWriter>,
    pub(crate) summary: Summary,
    pub(crate) elapsed: Duration,
    /// Why no flush came between the parts of straddling traces, where one was asked for.
    pub(crate) not_flushed: Option<String>,
    /// Whether a threshold speaks of errors: then it decides about refused spans.
    pub(crate) judges_errors: bool,
}

/// Connects every stream's exporters, and only then writes the run's folder.
pub(crate) async fn prepare(spec: &LoadSpec) -> anyhow::Result<Prepared> {
    let now = unix_nanos();
    let Planned { plan, open_ended, shard } = planner::plan(spec, now)?;
    let in_flight = spec.pace.closed(plan.streams()).in_flight;
    if in_flight > MAX_IN_FLIGHT {
        let what = format!("{in_flight} exports in flight are too many");
        return Err(Problem::new(what, format!("let at most {MAX_IN_FLIGHT} be in flight")).into());
    }
    let exporters = connect(spec, plan.streams()).await?;
    let mut manifest = Manifest::new(&plan, spec.endpoint.to_string(), spec.data_dir.clone(), now);
    manifest.config.concurrency = spec.pace.concurrency();
    manifest.config.open_ended = open_ended;
    manifest.label.clone_from(&spec.label);
    manifest.load = Some(spec.load());
    manifest.chaos.clone_from(&spec.chaos);
    manifest.shard = (shard != Shard::WHOLE).then_some(shard);
    let (folder, ledger) = runs::create(&spec.runs, &manifest)?;
    let (plan, ledger) = (Arc::new(plan), Arc::new(ledger));
    Ok(Prepared { manifest, folder, plan, exporters, ledger, shard, spec: spec.clone() })
}

/// The plan of a specification as the manifest of a run that has not been sent.
pub(crate) fn plan_only(spec: &LoadSpec) -> anyhow::Result<Manifest> {
    let now = unix_nanos();
    let Planned { plan, open_ended, .. } = planner::plan(spec, now)?;
    if open_ended {
        let hint = "say how many workflows each service runs, with --workflows-per-service";
        return Err(Problem::new("a plan that only time ends cannot be written down", hint).into());
    }
    Ok(Manifest::new(&plan, spec.endpoint.to_string(), None, now))
}

/// Every connection proves that the server takes our key.
async fn connect(spec: &LoadSpec, streams: usize) -> anyhow::Result<Vec<Vec<Exporter>>> {
    if streams.saturating_mul(spec.connections) > MAX_CONNECTIONS {
        let what = format!("{streams} streams of {} connections each are too many", spec.connections);
        let hint = format!("plan at most {MAX_CONNECTIONS} connections in all");
        return Err(Problem::new(what, hint).into());
    }
    let connect = || retry::connect(&spec.endpoint, &spec.api_key.0, &spec.transport, spec.retry);
    let of_stream = || try_join_all((0..spec.connections).map(|_| connect()));
    Ok(try_join_all((0..streams).map(|_| of_stream())).await?)
}

impl LoadSpec {
    /// Whether a threshold is missed beyond hope.
    fn is_lost(&self, summary: &Summary, elapsed: Duration) -> bool {
        self.thresholds.iter().any(|threshold| threshold.is_lost(summary, elapsed))
    }

    fn load(&self) -> Load {
        let (pace, schedule) = match &self.pace {
            Pace::Rounds(_) => ("rounds", None),
            Pace::Closed(_) => ("closed", None),
            Pace::Open(open) => ("open", Some(open.shown.clone())),
        };
        let closed = self.pace.closed(1);
        Load {
            pace: pace.to_owned(),
            schedule,
            duration_seconds: self.duration.map(|duration| duration.as_secs_f64()),
            pause_seconds: (!closed.pause.is_zero()).then_some(closed.pause.as_secs_f64()),
            reconnect: closed.reconnect,
            batch_size: match self.batching {
                Batching::Workflow => None,
                Batching::Spans(spans) => Some(spans),
            },
            straddle: self.straddling.as_ref().map(|straddling| straddling.share),
            retry: self.retry.name().to_owned(),
            connections: self.connections as u64,
        }
    }
}

impl Prepared {
    /// Sends the whole plan, or what of it starts before `stop` turns true or the time is up.
    pub(crate) async fn perform(
        self,
        stop: watch::Receiver<bool>,
        mut progress: impl FnMut(&Summary, Duration),
    ) -> anyhow::Result<Performed> {
        let Self { mut manifest, folder, plan, exporters, ledger, shard, spec } = self;
        let mut summary = Summary::new(&planner::of_streams(&plan, shard));
        let plan = Arc::new(SentPlan::new(plan));
        let (sender, channels) = Sender::new(exporters, Arc::clone(&ledger), None, spec.retry);
        let sending = tokio::spawn(send_phases(sender, Arc::clone(&plan), spec.clone(), shard));
        let followed = follow(sending, channels, &mut summary, stop, None, |summary, elapsed| {
            progress(summary, elapsed);
            if spec.abort_on_fail && spec.is_lost(summary, elapsed) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        let Followed { value: not_flushed, elapsed, .. } = followed.await?;

        let open_ended = manifest.config.open_ended;
        if open_ended {
            manifest.settle(plan.highest_workflow());
            summary.replan(&planner::of_streams(&manifest.plan()?, shard));
        }
        summary.finish();
        summary.interrupted &= open_ended || summary.total().not_started.spans > 0;
        manifest.results = Some(results::of(&summary, elapsed, &spec.thresholds));
        manifest.write(&runs::manifest_path(&folder))?;
        let judges_errors = spec.thresholds.iter().any(Threshold::is_of_errors);
        Ok(Performed { manifest, folder, ledger, summary, elapsed, not_flushed, judges_errors })
    }
}

impl Performed {
    pub(crate) fn thresholds(&self) -> &[Judged] {
        self.manifest.results.as_ref().map_or(&[], |results| &results.thresholds)
    }

    pub(crate) fn missed_threshold(&self) -> bool {
        self.thresholds().iter().any(|judged| judged.verdict != Verdict::Met)
    }
}

/// Sends every phase: the first at the run's pace, then the parts put off of the traces that were begun, as fast
/// as a closed loop goes.
async fn send_phases(
    sender: Arc<Sender>,
    plan: Arc<SentPlan>,
    spec: LoadSpec,
    shard: Shard,
) -> anyhow::Result<Option<String>> {
    let seed = plan.plan.outline.seed ^ plan.plan.outline.run.bits();
    let straddle = spec.straddling.as_ref().map(|straddling| Straddle::new(straddling.share, seed));
    let exports = |parts, phase, schedule| {
        let units = Units::new(Arc::clone(&plan.plan), spec.batching, parts, straddle, phase);
        PlannedExports::new(Arc::clone(&plan), units, schedule)
    };
    let Closed { in_flight, pause, reconnect } = spec.pace.closed(plan.plan.streams());
    let closed =
        Slots { in_flight, when_full: WhenFull::Wait, keeps_time: false, pause, reconnect, until: None };
    let (schedule, slots) = match &spec.pace {
        Pace::Open(open) => {
            (Some(open.schedule.clone()), Slots { when_full: WhenFull::Skip, keeps_time: true, ..closed })
        }
        Pace::Closed(_) | Pace::Rounds(_) => {
            (None, Slots { until: spec.duration.map(|duration| sender.began + duration), ..closed })
        }
    };
    let whole = exports(shard.parts(&plan.plan), 0, schedule);
    let begun = send_all(&sender, whole, slots).await?.handed_out();
    let Some(straddling) = &spec.straddling else { return Ok(None) };
    let mut trouble = None;
    for phase in 1..Straddle::PHASES {
        if sender.is_stopped() {
            break;
        }
        trouble = straddling.gap.pass(&sender).await?.or(trouble);
        send_all(&sender, exports(begun.clone(), phase, None), closed).await?;
    }
    Ok(trouble)
}

impl Gap {
    /// Brings the parts so far into files of their own; why that took a wait instead of a flush comes back.
    async fn pass(&self, sender: &Sender) -> anyhow::Result<Option<String>> {
        let mut trouble = None;
        let wait = match self {
            Self::Time(wait) => *wait,
            Self::Flush { target, token } => {
                let token = token.as_ref().map(|token| token.0.as_str());
                trouble = Some(
                    match barrier::run_barrier(BarrierMethod::Flush, target, token, &sender.ledger).await? {
                        BarrierOutcome::Flushed { .. } | BarrierOutcome::Snapshot { .. } => return Ok(None),
                        BarrierOutcome::Refused { refusal, .. } => refusal.to_string(),
                        BarrierOutcome::Unreachable(problem) => problem.to_string(),
                    },
                );
                WITHOUT_FLUSH
            }
        };
        retry::stopped_within(&sender.stop, wait).await;
        Ok(trouble)
    }
}
