//! `generate`.

use std::{io::Write, num::NonZeroU64, path::PathBuf, time::Duration};

use crate::{
    exit::Exit,
    interrupt::Interrupts,
    ledger::{manifest::write_json, runs::DEFAULT_FOLDER},
    load::{
        barrier::{self, Raised, Via},
        run::{self, Order, Performed, Services},
    },
    progress, report,
    settings::{InternalArgs, OtlpArgs, Settings},
};

/// Send tagged traffic of several services, then bring it to disk
///
/// In one round every service runs one workflow at once, and at most `--concurrency` rounds are in
/// flight. The run's folder holds what `audit` needs to know what should be on disk: the plan and
/// the outcome of every export. Ends with FlushWAL, where the internal endpoint answers.
///
/// Exits with 0 when every span was acked, 1 when some were not or the flush was refused, and 2 when
/// none was, or the run was interrupted.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  e2e-store generate
  e2e-store generate --num-services 10 --workflows-per-service 100
  e2e-store generate --service-name checkout --num-workflows 50 --api-key KEY")]
pub(crate) struct GenerateArgs {
    #[command(flatten)]
    pub(crate) workload: WorkloadArgs,

    #[command(flatten)]
    otlp: OtlpArgs,

    #[command(flatten)]
    internal: InternalArgs,

    /// The data directory behind the endpoint: `audit` then tells this run from those of other stores
    #[arg(long, value_name = "DIR", env = "E2E_STORE_DATA_DIR")]
    data_dir: Option<PathBuf>,

    /// Do not flush at the end
    #[arg(long)]
    no_flush: bool,
}

/// What to send
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Workload")]
pub(crate) struct WorkloadArgs {
    /// Number of services, each under a name of its own [default: 3]
    #[arg(long, value_name = "N", value_parser = at_least_one, conflicts_with = "service_name")]
    pub(crate) num_services: Option<NonZeroU64>,

    /// Workflows that each service runs [default: 10]
    #[arg(long, value_name = "N", value_parser = at_least_one, conflicts_with = "num_workflows")]
    pub(crate) workflows_per_service: Option<NonZeroU64>,

    /// Rounds that may be in flight
    #[arg(long, value_name = "N", value_parser = at_least_one, default_value = "5")]
    pub(crate) concurrency: NonZeroU64,

    /// One service of this name, instead of several
    #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) service_name: Option<String>,

    /// Workflows of the one service [default: 10]
    #[arg(long, value_name = "N", value_parser = at_least_one, conflicts_with = "num_services")]
    pub(crate) num_workflows: Option<NonZeroU64>,

    /// Seed of names, runtime ids and times [default: drawn]
    #[arg(long, value_name = "SEED")]
    pub(crate) seed: Option<u64>,

    /// Seconds to wait for an export's answer
    #[arg(long, value_name = "SECONDS", value_parser = at_least_one, default_value = "10")]
    pub(crate) timeout: NonZeroU64,

    /// Where runs are kept
    #[arg(long, value_name = "DIR", default_value = DEFAULT_FOLDER, env = "E2E_STORE_RUNS")]
    pub(crate) runs: PathBuf,

    /// Write the run's metadata to this file as well
    #[arg(long, value_name = "FILE")]
    pub(crate) metadata: Option<PathBuf>,
}

fn at_least_one(text: &str) -> Result<NonZeroU64, String> {
    let number: u64 = text.parse().map_err(|_| "not a whole number".to_owned())?;
    NonZeroU64::new(number).ok_or_else(|| "at least 1 is needed".to_owned())
}

impl WorkloadArgs {
    /// The order for a studio. A service that only the settings file names is used where no flag speaks
    /// of several.
    pub(crate) fn order(&self, settings: &Settings, data_dir: Option<PathBuf>) -> Order {
        let of_file = self.num_services.is_none() && self.workflows_per_service.is_none();
        let named = self.service_name.clone().or_else(|| settings.service_name.clone().filter(|_| of_file));
        let workflows = self.workflows_per_service.or(self.num_workflows).map(NonZeroU64::get);
        Order {
            endpoint: settings.endpoint.clone(),
            api_key: settings.api_key.clone(),
            timeout: Duration::from_secs(self.timeout.get()),
            services: match named {
                Some(name) => Services::Named(name),
                None => Services::Drawn(self.num_services.map_or(3, NonZeroU64::get)),
            },
            workflows_per_service: workflows.or(settings.num_workflows).unwrap_or(10),
            concurrency: self.concurrency.get(),
            seed: self.seed.unwrap_or_else(rand::random),
            runs: self.runs.clone(),
            data_dir,
        }
    }
}

pub(crate) async fn run(
    args: &GenerateArgs,
    out: &mut dyn Write,
    interrupts: &Interrupts,
) -> anyhow::Result<Exit> {
    let settings = Settings::resolve(Some(&args.otlp), &args.internal)?;
    let data_dir = args.data_dir.as_deref().map(std::path::absolute).transpose()?;
    let order = args.workload.order(&settings, data_dir);
    let performed = send(&order, out, interrupts).await?;
    let mut exit = exit_of(&performed);
    if !args.no_flush && performed.summary.total().acked > 0 {
        let raised = raise(Via::Flush, &settings, &performed).await?;
        writeln!(out, "{}", report::run::barrier_line(&raised))?;
        if let (Raised::Refused { refusal, .. }, Exit::Clean | Exit::Unknown) = (&raised, exit) {
            exit = Exit::of_refusal(refusal);
        }
    }
    write_metadata(&args.workload, &performed)?;
    writeln!(out, "run {} is in {}", performed.manifest.run_id, performed.folder.display())?;
    Ok(exit)
}

/// Sends an order's plan and prints how it went.
pub(crate) async fn send(
    order: &Order,
    out: &mut dyn Write,
    interrupts: &Interrupts,
) -> anyhow::Result<Performed> {
    let prepared = run::prepare(order).await?;
    let manifest = &prepared.manifest;
    report::run::print_plan(out, &manifest.run_id, &manifest.services, order.concurrency)?;
    out.flush()?;

    let bar = progress::workflows(manifest.config.num_services * manifest.config.workflows_per_service);
    let stop = interrupts.stop_with(bar.clone());
    let performed = prepared.perform(stop, |workflows| bar.inc(workflows)).await?;
    bar.finish_and_clear();

    report::run::print(out, &performed)?;
    Ok(performed)
}

pub(crate) async fn raise(via: Via, settings: &Settings, performed: &Performed) -> anyhow::Result<Raised> {
    let token = settings.internal_token.as_deref();
    barrier::raise(via, &settings.internal_endpoint, token, &performed.ledger).await
}

/// Last of all: a bad path here must not keep anything from the disk.
pub(crate) fn write_metadata(workload: &WorkloadArgs, performed: &Performed) -> anyhow::Result<()> {
    match &workload.metadata {
        Some(file) => write_json(file, &performed.manifest),
        None => Ok(()),
    }
}

fn exit_of(performed: &Performed) -> Exit {
    let total = performed.summary.total();
    if total.acked == 0 {
        Exit::Unknown
    } else if total.rejected > 0 || total.indeterminate > 0 {
        Exit::Found
    } else if performed.summary.interrupted {
        Exit::Unknown
    } else {
        Exit::Clean
    }
}
