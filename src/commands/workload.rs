//! What `generate` and `verify` send, and at which pace.

use std::{
    num::NonZeroU64,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use crate::{
    base::{duration, problem::Problem},
    ledger::{runs::DEFAULT_FOLDER, shard::Shard},
    send::{
        pace::{Closed, Open, Pace},
        planner::{PlanRequest, Services, Traffic},
        run::{Gap, LoadSpec, Secret, Straddling},
        scenario::{Defaults, Scenario},
        schedule::{Rate, Schedule, Stages},
        threshold::Threshold,
        unit::Batching,
    },
    settings::{Settings, args::at_least_one},
    traffic::{mix::Mix, profile::Telemetry},
    wire::retry::RetryPolicy,
};

/// Traffic to send
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Traffic")]
pub(crate) struct WorkloadArgs {
    /// Number of services [default: 3]
    #[arg(long, value_name = "N", value_parser = at_least_one, conflicts_with = "service_name")]
    pub(crate) num_services: Option<NonZeroU64>,

    /// Workflows per service [default: 10, or as many as --duration allows]
    #[arg(long, value_name = "N", value_parser = at_least_one, conflicts_with = "num_workflows")]
    pub(crate) workflows_per_service: Option<NonZeroU64>,

    /// Name of a single service
    #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) service_name: Option<String>,

    /// Workflows of the single service [default: 10]
    #[arg(long, value_name = "N", value_parser = at_least_one, conflicts_with = "num_services")]
    pub(crate) num_workflows: Option<NonZeroU64>,

    /// Traffic profile, or a mix as `getting-started=7,agent=2`; `profiles` lists them
    #[arg(long, value_name = "PROFILE", default_value = "getting-started")]
    pub(crate) profile: Mix,

    /// Attribute keys of Junjo's spans: telemetry contract 2, or SDK 0.44 to 0.62
    #[arg(long, value_name = "KEYS", default_value = "current")]
    pub(crate) telemetry: Telemetry,

    /// Batching of spans into exports
    #[arg(long, value_name = "HOW", default_value = "workflow")]
    pub(crate) batching: BatchingArg,

    /// Spans per full batch [default: 512, as the SDK]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) batch_size: Option<u32>,

    /// Number of collectors shared by the services [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) collectors: Option<u32>,

    /// Share of traces sent in two or three parts, as `10%`
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(crate) straddle: Option<f64>,

    /// Separation of the parts: `flush`, or a time as `5s`
    #[arg(long, value_name = "GAP", default_value = "flush", requires = "straddle")]
    pub(crate) straddle_gap: GapArg,

    /// Seed of names, runtime ids and times [default: random]
    #[arg(long, value_name = "SEED")]
    pub(crate) seed: Option<u64>,

    /// Manifest whose plan is sent, instead of a new plan
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "num_services", "workflows_per_service", "service_name", "num_workflows", "seed", "collectors",
        "scenario", "profile", "telemetry",
    ])]
    pub(crate) manifest: Option<PathBuf>,

    /// Part of the manifest's plan to send, as `3/8`
    #[arg(long, value_name = "I/N", requires = "manifest")]
    pub(crate) shard: Option<Shard>,

    #[command(flatten)]
    pub(crate) load: LoadArgs,

    /// Label of the run, as a commit, shown by `runs`
    #[arg(long, value_name = "TEXT", env = "E2E_STORE_LABEL", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) label: Option<String>,

    /// Runs folder
    #[arg(long, value_name = "DIR", default_value = DEFAULT_FOLDER, env = "E2E_STORE_RUNS")]
    pub(crate) runs: PathBuf,

    /// Additional file for the run's metadata
    #[arg(long, value_name = "FILE")]
    pub(crate) metadata: Option<PathBuf>,
}

/// Pace, retries and thresholds
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Load")]
pub(crate) struct LoadArgs {
    /// Preset of services, workflows and load; other flags override it
    #[arg(long, value_name = "NAME")]
    pub(crate) scenario: Option<Scenario>,

    /// Rounds in flight: exports of each service at once [default: 5]
    #[arg(long, value_name = "N", value_parser = at_least_one, conflicts_with_all = ["in_flight", "rate", "stages"])]
    pub(crate) concurrency: Option<NonZeroU64>,

    /// Exports in flight of a closed loop; limit of an open loop [default there: 1000]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) in_flight: Option<NonZeroU64>,

    /// Closed loop: pause between an answer and the next export, as `100ms`
    #[arg(long, value_name = "TIME", value_parser = duration::parse, conflicts_with_all = ["rate", "stages"])]
    pub(crate) pause: Option<Duration>,

    /// Closed loop: a new connection for every export
    #[arg(long, conflicts_with_all = ["rate", "stages"])]
    pub(crate) reconnect: bool,

    /// Open loop: arrival rate of workflows, as `200/s`
    #[arg(long, value_name = "RATE", conflicts_with = "stages")]
    pub(crate) rate: Option<Rate>,

    /// Open loop: stages with target rates per second, as `30s:100,2m:500,10s:0`
    #[arg(long, value_name = "STAGES", conflicts_with = "duration")]
    pub(crate) stages: Option<Stages>,

    /// Time after which no export starts, as `2m`
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub(crate) duration: Option<Duration>,

    /// Connections per exporter or collector
    #[arg(long, value_name = "N", value_parser = at_least_one, default_value = "1")]
    pub(crate) connections: NonZeroU64,

    /// Exports to retry: none, those that OTLP allows, or all but hopeless ones
    #[arg(long, value_name = "POLICY", default_value = "none")]
    pub(crate) retry: RetryPolicy,

    /// Threshold of the run, as `p(95)<500ms`, `error_rate<1%` or `workflows_per_s>100` (repeatable)
    #[arg(long, value_name = "EXPRESSION")]
    pub(crate) threshold: Vec<Threshold>,

    /// Abort when a threshold can no longer be met, or is missed after 5 s and 100 exports
    #[arg(long)]
    pub(crate) abort_on_fail: bool,

    /// File for the summary and a time series, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) results: Option<PathBuf>,
}

/// Batching of spans into exports
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum BatchingArg {
    /// One export per workflow
    Workflow,
    /// Full batches, one exporter per service
    Sdk,
    /// Full batches of collectors shared by several services
    Collector,
}

/// `flush`, or a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GapArg {
    Flush,
    Time(Duration),
}

impl FromStr for GapArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "flush" {
            Ok(Self::Flush)
        } else {
            duration::parse(text).map(Self::Time).map_err(|err| err.to_string())
        }
    }
}

/// Spans of the SDK's batches.
const SDK_BATCH: u32 = 512;

/// Exports that an open loop may have in flight.
const OPEN_IN_FLIGHT: usize = 1_000;

const ROUNDS: u64 = 5;
const SERVICES: u64 = 3;
const WORKFLOWS: u64 = 10;

/// A fraction, from `10%` or `0.1`.
pub(crate) fn fraction(text: &str) -> Result<f64, String> {
    let (number, unit) = text.strip_suffix('%').map_or((text, 1.0), |number| (number, 100.0));
    let fraction = number.trim().parse::<f64>().ok().map(|number| number / unit);
    fraction.filter(|fraction| *fraction >= 0.0).ok_or_else(|| "write for example `10%`".to_owned())
}

/// More than nothing and at most all.
fn share(text: &str) -> Result<f64, String> {
    let share = fraction(text)?;
    let in_range = share > 0.0 && share <= 1.0;
    if in_range { Ok(share) } else { Err("a share is above `0%` and at most `100%`, as `10%`".to_owned()) }
}

impl WorkloadArgs {
    /// The files that are written when a run has ended.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        self.load.results.iter().chain(&self.metadata).map(PathBuf::as_path)
    }

    /// The load for a studio. A service that only the settings file names is used where no flag speaks
    /// of several.
    pub(crate) fn spec(&self, settings: &Settings, data_dir: Option<PathBuf>) -> anyhow::Result<LoadSpec> {
        self.refuse_idle_flags()?;
        let load = &self.load;
        let scenario = load.scenario.map(Scenario::defaults).unwrap_or_default();
        let pace = load.pace(&scenario)?;
        Ok(LoadSpec {
            endpoint: settings.endpoint.clone(),
            api_key: Secret(settings.api_key.clone()),
            transport: settings.transport.clone(),
            connections: usize::try_from(load.connections.get())?,
            traffic: match &self.manifest {
                Some(manifest) => Traffic::Planned { manifest: manifest.clone(), shard: self.shard },
                None => Traffic::New(self.plan_request(settings, &scenario, &pace)),
            },
            duration: load.duration.or(scenario.duration).filter(|_| load.stages.is_none()),
            pace,
            batching: match self.batching {
                BatchingArg::Workflow => Batching::Workflow,
                BatchingArg::Sdk | BatchingArg::Collector => {
                    Batching::Spans(self.batch_size.unwrap_or(SDK_BATCH))
                }
            },
            straddling: self.straddle.map(|share| Straddling { share, gap: self.gap(settings) }),
            retry: load.retry,
            thresholds: if load.threshold.is_empty() { scenario.thresholds } else { load.threshold.clone() },
            abort_on_fail: load.abort_on_fail,
            chaos: None,
            label: self.label.clone(),
            runs: self.runs.clone(),
            data_dir,
        })
    }

    fn plan_request(&self, settings: &Settings, scenario: &Defaults, pace: &Pace) -> PlanRequest {
        let of_file = self.num_services.is_none()
            && self.workflows_per_service.is_none()
            && self.load.scenario.is_none();
        let named = self.service_name.clone().or_else(|| settings.service_name.clone().filter(|_| of_file));
        let workflows = self.workflows_per_service.or(self.num_workflows).map(NonZeroU64::get);
        let workflows =
            workflows.or(scenario.workflows_per_service).or(settings.num_workflows.filter(|_| of_file));
        // Where time ends the run and no number was given, time alone says how much is sent.
        let timed = self.load.duration.or(scenario.duration).is_some()
            || matches!(pace, Pace::Open(open) if open.schedule.arrivals().is_some());
        let drawn = self.num_services.map(NonZeroU64::get).or(scenario.num_services).unwrap_or(SERVICES);
        PlanRequest {
            services: named.map_or(Services::Drawn(drawn), Services::Named),
            workflows_per_service: workflows.or((!timed).then_some(WORKFLOWS)),
            mix: self.profile.clone(),
            telemetry: self.telemetry,
            collectors: (self.batching == BatchingArg::Collector).then(|| self.collectors.unwrap_or(1)),
            seed: self.seed.unwrap_or_else(rand::random),
        }
    }

    /// A flag that would do nothing is a misunderstanding.
    fn refuse_idle_flags(&self) -> Result<(), Problem> {
        if self.batch_size.is_some() && self.batching == BatchingArg::Workflow {
            let what = "--batch-size has no meaning where each workflow has its own export";
            return Err(Problem::new(what, "add `--batching sdk` or `--batching collector`"));
        }
        if self.collectors.is_some() && self.batching != BatchingArg::Collector {
            return Err(Problem::new("--collectors needs collectors", "add `--batching collector`"));
        }
        Ok(())
    }

    fn gap(&self, settings: &Settings) -> Gap {
        match self.straddle_gap {
            GapArg::Time(time) => Gap::Time(time),
            GapArg::Flush => Gap::Flush {
                target: settings.internal_endpoint.clone(),
                token: settings.internal_token.clone().map(Secret),
            },
        }
    }
}

impl LoadArgs {
    fn pace(&self, scenario: &Defaults) -> anyhow::Result<Pace> {
        let in_flight =
            self.in_flight.map(NonZeroU64::get).or(scenario.in_flight).map(usize::try_from).transpose()?;
        let duration = self.duration.or(scenario.duration);
        let by_stages = |stages: &Stages| (Schedule::staged(stages), stages.to_string());
        let constant = |rate: Rate| (Schedule::constant(rate, duration), rate.to_string());
        let schedule = match (&self.stages, self.rate) {
            (Some(stages), _) => Some(by_stages(stages)),
            (None, Some(rate)) => Some(constant(rate)),
            (None, None) if self.concurrency.is_none() && self.in_flight.is_none() => {
                scenario.stages.as_ref().map(by_stages).or_else(|| scenario.rate.map(constant))
            }
            (None, None) => None,
        };
        let closed = |in_flight| Closed {
            in_flight,
            pause: self.pause.or(scenario.pause).unwrap_or_default(),
            reconnect: self.reconnect,
        };
        Ok(match (schedule, in_flight) {
            (Some(_), _) if self.pause.is_some() || self.reconnect => {
                let what = "--pause and --reconnect are a closed loop's, and this scenario is an open one";
                return Err(Problem::new(what, "leave them out, or add `--in-flight 20`").into());
            }
            (Some(_), _) if scenario.stages.is_some() && self.rate.is_none() && self.duration.is_some() => {
                let what = "--duration does not go with stages, which say themselves when they end";
                return Err(Problem::new(what, "leave it out, or add `--rate 200/s`").into());
            }
            (Some((schedule, shown)), in_flight) => {
                Pace::Open(Open { schedule, shown, in_flight: in_flight.unwrap_or(OPEN_IN_FLIGHT) })
            }
            (None, Some(in_flight)) if self.concurrency.is_none() => Pace::Closed(closed(in_flight)),
            (None, _) if self.pause.is_some() || self.reconnect => {
                let what = "--pause and --reconnect are a closed loop's";
                return Err(
                    Problem::new(what, "say how many exports may be in flight, as `--in-flight 20`").into()
                );
            }
            (None, _) => {
                let rounds = self.concurrency.map(NonZeroU64::get).or(scenario.concurrency);
                Pace::Rounds(rounds.unwrap_or(ROUNDS))
            }
        })
    }
}
