//! One run from its order to its manifest.

use std::{
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures::future::try_join_all;
use tokio::sync::{mpsc, watch};

use super::{
    barrier::{self, Raised, Via},
    closed::{self, Closed},
    open::{self, Open},
    planner::{self, Planned, Traffic},
    results,
    sender::{Event, Sender},
    straddle::Straddle,
    summary::Summary,
    threshold::Threshold,
    unit::{Batching, Units},
};
use crate::{
    base::{clock::unix_nanos, problem::Problem},
    ledger::{
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

/// How often progress is told, and the thresholds are looked at.
const TICK: Duration = Duration::from_millis(100);

/// What to send, and where to.
#[derive(Debug, Clone)]
pub(crate) struct Order {
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
    /// Where runs are kept.
    pub(crate) runs: PathBuf,
    /// The store behind the endpoint, where it is known.
    pub(crate) data_dir: Option<PathBuf>,
}

/// When exports start.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Pace {
    /// So many rounds in flight, each of one workflow of every service.
    Rounds(u64),
    Closed(Closed),
    Open(Open),
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
    exporters: Vec<Vec<Exporter>>,
    ledger: Arc<LedgerWriter>,
    shard: Shard,
    order: Order,
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
pub(crate) async fn prepare(order: &Order) -> anyhow::Result<Prepared> {
    let now = unix_nanos();
    let Planned { plan, open_ended, shard } = planner::plan(order, now)?;
    let in_flight = order.pace.in_flight(plan.streams());
    if in_flight > MAX_IN_FLIGHT {
        let what = format!("{in_flight} exports in flight are too many");
        return Err(Problem::new(what, format!("let at most {MAX_IN_FLIGHT} be in flight")).into());
    }
    let exporters = connect(order, plan.streams()).await?;
    let mut manifest = Manifest::new(&plan, order.endpoint.to_string(), order.data_dir.clone(), now);
    manifest.config.concurrency = order.pace.concurrency();
    manifest.config.open_ended = open_ended;
    manifest.load = Some(order.load());
    manifest.shard = (shard != Shard::WHOLE).then_some(shard);
    let (folder, ledger) = runs::create(&order.runs, &manifest)?;
    let (plan, ledger) = (Arc::new(plan), Arc::new(ledger));
    Ok(Prepared { manifest, folder, plan, exporters, ledger, shard, order: order.clone() })
}

/// The plan of an order as the manifest of a run that has not been sent.
pub(crate) fn plan_only(order: &Order) -> anyhow::Result<Manifest> {
    let now = unix_nanos();
    let Planned { plan, open_ended, .. } = planner::plan(order, now)?;
    if open_ended {
        let hint = "say how many workflows each service runs, with --workflows-per-service";
        return Err(Problem::new("a plan that only time ends cannot be written down", hint).into());
    }
    Ok(Manifest::new(&plan, order.endpoint.to_string(), None, now))
}

/// Every connection proves that the server takes our key.
async fn connect(order: &Order, streams: usize) -> anyhow::Result<Vec<Vec<Exporter>>> {
    if streams.saturating_mul(order.connections) > MAX_CONNECTIONS {
        let what = format!("{streams} streams of {} connections each are too many", order.connections);
        let hint = format!("plan at most {MAX_CONNECTIONS} connections in all");
        return Err(Problem::new(what, hint).into());
    }
    let connect = || Exporter::connect(&order.endpoint, &order.api_key.0, &order.transport);
    let of_stream = || try_join_all((0..order.connections).map(|_| connect()));
    Ok(try_join_all((0..streams).map(|_| of_stream())).await?)
}

impl Order {
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
        let closed = match &self.pace {
            Pace::Closed(closed) => *closed,
            Pace::Rounds(_) | Pace::Open(_) => Closed::default(),
        };
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

impl Pace {
    /// Rounds in flight, or exports.
    fn concurrency(&self) -> u64 {
        match self {
            Self::Rounds(rounds) => *rounds,
            Self::Closed(Closed { in_flight, .. }) | Self::Open(Open { in_flight, .. }) => *in_flight as u64,
        }
    }

    /// Exports that may be in flight.
    pub(crate) fn in_flight(&self, streams: usize) -> usize {
        match self {
            Self::Rounds(rounds) => usize::try_from(*rounds).unwrap_or(usize::MAX).saturating_mul(streams),
            Self::Closed(closed) => closed.in_flight,
            Self::Open(open) => open.in_flight,
        }
    }
}

impl Prepared {
    /// Sends the whole plan, or what of it starts before `stop` turns true or the time is up.
    pub(crate) async fn perform(
        self,
        mut stop: watch::Receiver<bool>,
        mut progress: impl FnMut(&Summary, Duration),
    ) -> anyhow::Result<Performed> {
        let (abort, aborted) = watch::channel(false);
        let (events, mut received) = mpsc::unbounded_channel();
        let mut summary = Summary::new(&planner::of_streams(&self.plan, self.shard));
        let sender = Arc::new(Sender::new(
            Arc::clone(&self.plan),
            self.exporters,
            Arc::clone(&self.ledger),
            self.order.retry,
            aborted,
            events,
        ));
        let began = sender.began;
        let highest = sender.highest_workflow();
        let sending = tokio::spawn(send_all(sender, self.order.clone(), self.shard));

        let mut tick = tokio::time::interval(TICK);
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                count = received.recv_many(&mut batch, 1_024) => {
                    if count == 0 {
                        break;
                    }
                    for event in batch.drain(..) {
                        match event {
                            Event::Sent(sample) => summary.record(&sample),
                            Event::NotStarted(what) => summary.not_started(&what),
                        }
                    }
                }
                _ = tick.tick() => {
                    progress(&summary, began.elapsed());
                    if self.order.abort_on_fail && self.order.is_lost(&summary, began.elapsed()) {
                        abort.send_replace(true);
                    }
                }
                Ok(_) = stop.wait_for(|stop| *stop), if !*abort.borrow() => {
                    summary.interrupted = true;
                    abort.send_replace(true);
                }
            }
        }
        let not_flushed = sending.await??;
        let elapsed = began.elapsed();

        let mut manifest = self.manifest;
        let open_ended = manifest.config.open_ended;
        if open_ended {
            manifest.settle(highest.load(Ordering::Relaxed));
            let plan = manifest.plan()?;
            summary.replan(&planner::of_streams(&plan, self.shard));
        }
        summary.finish();
        summary.interrupted &= open_ended || summary.total().not_started.spans > 0;
        manifest.results = Some(results::of(&summary, elapsed, &self.order.thresholds));
        manifest.write(&runs::manifest_path(&self.folder))?;
        let judges_errors = self.order.thresholds.iter().any(Threshold::is_of_errors);
        Ok(Performed {
            manifest,
            folder: self.folder,
            ledger: self.ledger,
            summary,
            elapsed,
            not_flushed,
            judges_errors,
        })
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

/// Sends every phase: the first at the order's pace, then the parts put off of the traces that were begun,
/// as fast as the loop goes.
async fn send_all(sender: Arc<Sender>, order: Order, shard: Shard) -> anyhow::Result<Option<String>> {
    let seed = sender.plan.outline.seed ^ sender.plan.outline.run.bits();
    let straddle = order.straddling.as_ref().map(|straddling| Straddle::new(straddling.share, seed));
    let units = |parts, phase| Units::new(Arc::clone(&sender.plan), order.batching, parts, straddle, phase);
    let whole = shard.parts(&sender.plan);
    let until = order.duration.map(|duration| sender.began + duration);
    let closed = match &order.pace {
        Pace::Closed(closed) => *closed,
        Pace::Rounds(_) | Pace::Open(_) => {
            Closed { in_flight: order.pace.in_flight(sender.plan.streams()), ..Closed::default() }
        }
    };
    let begun = match &order.pace {
        Pace::Open(open) => open::run(&sender, units(whole, 0), open).await?,
        Pace::Closed(_) | Pace::Rounds(_) => closed::run(&sender, units(whole, 0), closed, until).await?,
    };
    let Some(straddling) = &order.straddling else { return Ok(None) };
    let mut trouble = None;
    for phase in 1..Straddle::PHASES {
        if sender.is_stopped() {
            break;
        }
        trouble = straddling.gap.pass(&sender).await?.or(trouble);
        closed::run(&sender, units(begun.clone(), phase), closed, None).await?;
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
                match barrier::raise(Via::Flush, target, token, &sender.ledger).await? {
                    Raised::Flushed { .. } | Raised::Snapshot { .. } => return Ok(None),
                    Raised::Refused { refusal, .. } => {
                        trouble = Some(refusal.to_string());
                        WITHOUT_FLUSH
                    }
                    Raised::Unreachable(problem) => {
                        trouble = Some(problem.to_string());
                        WITHOUT_FLUSH
                    }
                }
            }
        };
        retry::stopped_within(&sender.stop, wait).await;
        Ok(trouble)
    }
}
