//! One cycle: a small run, what brings it to disk, and an audit of that run alone.

use std::{
    path::PathBuf,
    time::{Duration, Instant, SystemTime},
};

use tokio::sync::watch;

use super::{WatchArgs, visible::Awaited};
use crate::{
    audit::{AuditOptions, examine, limits::Limit, report::AuditReport},
    base::clock::unix_nanos,
    checks::{catalog::Check, findings::Findings, runner::Verdict, selection},
    judge::{barrier::LeftBehind, runs::choose_runs, scope::Scope},
    report::run::barrier_line,
    send::{
        barrier::{BarrierMethod, BarrierOutcome, run_barrier},
        pace::{Open, Pace},
        planner::{PlanRequest, Services, Traffic},
        run::{self, LoadSpec, Performed, Secret},
        schedule::Schedule,
        summary::Counts,
        unit::Batching,
    },
    settings::Settings,
    store::{
        find::find_store,
        inventory,
        layout::{Layout, Tier},
    },
    traffic::profile::Telemetry,
    wire::retry::RetryPolicy,
};

/// The label of the runs that `watch` makes, and removes.
pub(super) const LABEL: &str = "e2e-store watch";
/// Clocks of the studio's machine and of this one may differ by so much.
const SKEW: Duration = Duration::from_mins(1);
/// Rounds in flight: a canary is no load test.
const ROUNDS: u64 = 2;
const IN_FLIGHT: usize = 1_000;

/// What is sent in every cycle, and where it is looked for.
pub(super) struct Canary {
    settings: Settings,
    path: Option<PathBuf>,
    runs: PathBuf,
    spec: LoadSpec,
    via: Option<BarrierMethod>,
    settle: Duration,
    checks: Vec<Check>,
}

/// A cycle that has ended.
pub(super) struct Cycle {
    pub(super) sent: Option<SentSummary>,
    pub(super) ended: Ended,
    /// What the index is to name, where all acked spans are on disk.
    pub(super) awaited: Option<Awaited>,
}

/// How sending went.
pub(super) struct SentSummary {
    pub(super) total: Counts,
    /// Median, 95th and 99th percentile of the response times of acked exports, in seconds; none where none was acked.
    pub(super) latency: Option<[f64; 3]>,
}

pub(super) enum Ended {
    Judged(Box<Judged>),
    /// Nothing was acked: why.
    NotSent(String),
    NotAudited(String),
}

pub(super) struct Judged {
    pub(super) run: String,
    pub(super) report: AuditReport,
    pub(super) acked: u64,
    pub(super) found: u64,
    pub(super) missing: u64,
    /// From the last ack to the end of the read that found everything; none where something is missing.
    pub(super) on_disk_after: Option<Duration>,
    pub(super) barrier_failed: Option<String>,
}

impl Cycle {
    pub(super) fn not_sent(sent: Option<SentSummary>, why: String) -> Self {
        Self { sent, ended: Ended::NotSent(why), awaited: None }
    }
}

impl Judged {
    /// Checks that found something new, and how much.
    pub(super) fn findings(&self) -> impl Iterator<Item = (&str, u64)> {
        let fresh = |verdict: &Verdict| verdict.findings().map_or(0, Findings::fresh);
        let of = move |one: &'_ crate::checks::runner::Checked| fresh(&one.verdict);
        self.report
            .checked
            .iter()
            .map(move |one| (one.check.id.as_str(), of(one)))
            .filter(|(_, found)| *found > 0)
    }
}

/// The write-ahead log as it is now.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Wal {
    pub(super) files: u64,
    pub(super) bytes: u64,
    /// Of the oldest segment, in seconds.
    pub(super) oldest: f64,
}

impl Canary {
    pub(super) fn new(args: &WatchArgs, settings: Settings) -> anyhow::Result<Self> {
        let pace = match args.rate {
            Some(rate) => Pace::Open(Open {
                schedule: Schedule::constant(rate, Some(args.every)),
                shown: rate.to_string(),
                in_flight: IN_FLIGHT,
            }),
            None => Pace::Rounds(ROUNDS),
        };
        let request = PlanRequest {
            services: Services::Drawn(args.num_services.get()),
            workflows_per_service: args.rate.is_none().then_some(args.workflows_per_service.get()),
            mix: args.profile.clone(),
            telemetry: Telemetry::Current,
            collectors: None,
            seed: 0,
        };
        let spec = LoadSpec {
            endpoint: settings.endpoint.clone(),
            api_key: Secret(settings.api_key.clone()),
            transport: settings.transport.clone(),
            connections: 1,
            traffic: Traffic::New(request),
            pace,
            duration: args.rate.map(|_| args.every),
            batching: Batching::Workflow,
            straddling: None,
            retry: RetryPolicy::None,
            thresholds: Vec::new(),
            abort_on_fail: false,
            chaos: None,
            label: Some(LABEL.to_owned()),
            runs: args.runs.clone(),
            data_dir: args.path.as_deref().map(std::path::absolute).transpose()?,
        };
        Ok(Self {
            settings,
            path: args.path.clone(),
            runs: args.runs.clone(),
            spec,
            via: args.via,
            settle: Duration::from_secs(args.settle),
            checks: selection::with_own(None)?,
        })
    }

    pub(super) async fn cycle(&self) -> Cycle {
        // Before anything is sent: no file that was last written earlier can hold it.
        let since = SystemTime::now() - SKEW;
        let performed = match self.send().await {
            Ok(performed) => performed,
            Err(err) => return Cycle::not_sent(None, format!("{err:#}")),
        };
        let last_ack = Instant::now();
        let sent = Some(SentSummary::of(&performed));
        let total = performed.summary.total();
        if total.taken() == 0 {
            let troubles = performed.summary.troubles.iter();
            let why: Vec<String> =
                troubles.map(|(code, trouble)| format!("{code} {}", trouble.message)).collect();
            return Cycle::not_sent(sent, format!("nothing was acked: {}", why.join("; ")));
        }
        match Box::pin(self.judge(&performed, since, last_ack)).await {
            Ok((judged, awaited)) => Cycle { sent, ended: Ended::Judged(Box::new(judged)), awaited },
            Err(err) => Cycle { sent, ended: Ended::NotAudited(format!("{err:#}")), awaited: None },
        }
    }

    /// New names in every cycle: what another run left can never be taken for this one's.
    async fn send(&self) -> anyhow::Result<Performed> {
        let mut spec = self.spec.clone();
        if let Traffic::New(request) = &mut spec.traffic {
            request.seed = rand::random();
        }
        let (_stop, stopped) = watch::channel(false);
        run::prepare(&spec).await?.perform(stopped, |_, _| {}).await
    }

    async fn judge(
        &self,
        performed: &Performed,
        since: SystemTime,
        last_ack: Instant,
    ) -> anyhow::Result<(Judged, Option<Awaited>)> {
        let raised = match self.via {
            None => None,
            Some(via) => {
                let token = self.settings.internal_token.as_deref();
                Some(run_barrier(via, &self.settings.internal_endpoint, token, &performed.ledger).await?)
            }
        };
        let layout = find_store(self.path.as_deref())?.written_since(since);
        let left_behind = raised.as_ref().map(|raised| LeftBehind::after(raised, &layout));
        let run = performed.manifest.run_id.clone();
        let runs = choose_runs(&self.runs, run.as_str(), &layout)?;
        let services = performed.manifest.services.clone();
        let options = AuditOptions {
            settle: self.settle,
            left_behind: left_behind.unwrap_or_default(),
            scope: Scope { services: services.clone(), ..Scope::default() },
            limits: Limit::of_flag("--service", services).into_iter().collect(),
            ..AuditOptions::of(self.checks.clone())
        };
        let report = examine(&layout, &runs, options, |_| {}).await?;
        let found = report.completeness.iter().map(|service| service.found).sum();
        let missing = report.completeness.iter().map(|service| service.missing).sum();
        let total = performed.summary.total();
        let is_whole = missing == 0 && found >= total.acked;
        let on_disk_after = is_whole.then(|| last_ack.elapsed());
        let sent = runs.known.iter().find(|known| known.manifest.run_id == performed.manifest.run_id);
        let awaited = sent.filter(|_| is_whole).map(|sent| Awaited::of(sent, &report.completeness, last_ack));
        let judged = Judged {
            run,
            acked: total.acked,
            found,
            missing,
            on_disk_after,
            barrier_failed: raised.as_ref().filter(|raised| has_failed(raised)).map(barrier_line),
            report,
        };
        Ok((judged, awaited.transpose()?))
    }

    /// Nothing where the store cannot be found.
    pub(super) fn wal(&self) -> Wal {
        find_store(self.path.as_deref()).map(|layout| wal(&layout)).unwrap_or_default()
    }
}

fn has_failed(raised: &BarrierOutcome) -> bool {
    match raised {
        BarrierOutcome::Flushed { .. } | BarrierOutcome::Snapshot { .. } => false,
        BarrierOutcome::Refused { .. } | BarrierOutcome::Unreachable(_) => true,
    }
}

fn wal(layout: &Layout) -> Wal {
    let now = unix_nanos();
    let listed = inventory::list(layout, Tier::Wal);
    let mut wal = Wal::default();
    for segment in listed.data() {
        wal.files += 1;
        wal.bytes += segment.size;
        let made = segment.named_at.or(segment.modified_at).and_then(|at| u64::try_from(at).ok());
        let age = made.map_or(0.0, |made| now.saturating_sub(made) as f64 / 1e9);
        wal.oldest = wal.oldest.max(age);
    }
    wal
}

impl SentSummary {
    fn of(performed: &Performed) -> Self {
        let times = &performed.summary.response;
        let quantile = |at: f64| times.value_at_quantile(at) as f64 / 1e6;
        Self {
            total: performed.summary.total(),
            latency: (!times.is_empty()).then(|| [0.5, 0.95, 0.99].map(quantile)),
        }
    }
}
