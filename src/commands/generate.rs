//! `generate`.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use super::{
    pages::{self, PageFile, Waiting},
    progress,
    runs::extent,
    workload::WorkloadArgs,
};
use crate::{
    base::{exit::Exit, interrupt::Interrupts, problem::Problem, url},
    ledger::{manifest::output_json, runs},
    report::{self, runs::show},
    send::{
        barrier::{self, BarrierMethod, BarrierOutcome},
        results::RunResults,
        run::{self, LoadSpec, Performed},
    },
    settings::{
        Settings,
        args::{InternalArgs, OtlpArgs},
    },
};

/// Send tagged traffic of several services, then flush it to disk
///
/// In one round every service runs one workflow; `--concurrency` rounds are in flight at once. `--in-flight`
/// makes it a closed loop, `--rate` or `--stages` an open one, whose exports start at planned times. The run's
/// folder has what `audit` needs: the plan and the outcome of every export. Ends with FlushWAL, where the
/// internal endpoint answers.
///
/// Exits with 0 when every sent span was acked, 1 when some were not (a threshold on `error_rate` decides
/// instead), a threshold was missed or the flush refused, and 2 when none was acked or it was interrupted.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  e2e-store generate
  e2e-store generate --num-services 10 --workflows-per-service 100
  e2e-store generate --service-name checkout --num-workflows 50 --api-key KEY
  e2e-store generate --profile getting-started=7,agent=2,adversarial=1 --straddle 10%
  e2e-store generate --rate 200/s --duration 2m --threshold 'p(95)<500ms' --threshold 'error_rate<1%'
  e2e-store generate --in-flight 20 --pause 100ms --duration 2m --reconnect
  e2e-store generate --profile minimal --batching sdk --scenario stress -o run.html
  e2e-store generate --plan-only plan.json --num-services 8, then on each of two machines
  e2e-store generate --manifest plan.json --shard 1/2")]
pub(crate) struct GenerateArgs {
    #[command(flatten)]
    pub(crate) workload: WorkloadArgs,

    #[command(flatten)]
    otlp: OtlpArgs,

    #[command(flatten)]
    internal: InternalArgs,

    /// Data directory behind the endpoint, recorded for `audit`
    #[arg(long, value_name = "DIR", env = "E2E_STORE_DATA_DIR", value_parser = url::local_path())]
    data_dir: Option<PathBuf>,

    /// Report file (repeatable); format by extension (.html, .md, .txt)
    #[arg(short, long, value_name = "FILE")]
    output: Vec<PageFile>,

    /// Do not flush at the end
    #[arg(long)]
    no_flush: bool,

    /// Write the plan to this manifest and send nothing; `--manifest FILE --shard 1/2` sends it
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "manifest", "metadata", "results", "no_flush", "straddle", "batch_size", "concurrency", "in_flight", "rate",
        "stages", "pause", "reconnect", "duration", "threshold", "retry", "connections", "scenario",
        "output", "label",
    ])]
    plan_only: Option<PathBuf>,
}

pub(crate) async fn run(
    args: &GenerateArgs,
    out: &mut dyn Write,
    interrupts: &Interrupts,
) -> anyhow::Result<Exit> {
    let settings = Settings::resolve(Some(&args.otlp), &args.internal)?;
    let data_dir = args.data_dir.as_deref().map(std::path::absolute).transpose()?;
    let spec = args.workload.spec(&settings, data_dir)?;
    if let Some(file) = &args.plan_only {
        if file.is_file() || file.is_dir() {
            let what = format!("`{}` is there already, and may have been sent in part", file.display());
            return Err(Problem::new(what, "name another file, or remove it").into());
        }
        let manifest = run::plan_only(&spec)?;
        output_json(file, &manifest)?;
        writeln!(out, "the plan of run {} is in {}", manifest.run_id, file.display())?;
        return Ok(Exit::Clean);
    }
    let waiting = pages::open(&args.output)?;
    let performed = send(&spec, &args.workload, out, interrupts).await?;
    let mut exit = exit_of(&performed);
    if !args.no_flush && performed.summary.total().taken() > 0 {
        let raised = run_barrier(BarrierMethod::Flush, &settings, &performed).await?;
        writeln!(out, "{}", report::run::barrier_line(&raised))?;
        if let (BarrierOutcome::Refused { refusal, .. }, Exit::Clean | Exit::Unknown) = (&raised, exit) {
            exit = refusal.exit();
        }
    }
    write_metadata(&args.workload, &performed)?;
    if !args.output.is_empty() {
        write_report(waiting, &performed, &spec.runs)?;
    }
    writeln!(out, "run {} is in {}", performed.manifest.run_id, performed.folder.display())?;
    Ok(exit)
}

/// Sends a load and prints how it went.
pub(crate) async fn send(
    spec: &LoadSpec,
    workload: &WorkloadArgs,
    out: &mut dyn Write,
    interrupts: &Interrupts,
) -> anyhow::Result<Performed> {
    for file in workload.files() {
        can_be_written(file)?;
    }
    let prepared = run::prepare(spec).await?;
    report::run::print_plan(out, &prepared.manifest)?;
    out.flush()?;

    let bar = progress::load(&prepared.manifest);
    let stop = interrupts.stop_with(bar.bar());
    let performed = prepared.perform(stop, |summary, elapsed| bar.show(summary, elapsed)).await?;
    bar.finish();

    report::run::print(out, &performed)?;
    Ok(performed)
}

/// Refuses a file whose folder is not there: after a long run it would be too late.
fn can_be_written(file: &Path) -> Result<(), Problem> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if folder.is_dir() && !file.is_dir() {
        return Ok(());
    }
    let what = format!("`{}` cannot be written: its folder is not there, or it is one", file.display());
    Err(Problem::new(what, "name a file in a folder that exists"))
}

pub(crate) async fn run_barrier(
    via: BarrierMethod,
    settings: &Settings,
    performed: &Performed,
) -> anyhow::Result<BarrierOutcome> {
    let token = settings.internal_token.as_deref();
    barrier::run_barrier(via, &settings.internal_endpoint, token, &performed.ledger).await
}

/// Last of all: a bad path here must not keep anything from the disk.
pub(crate) fn write_metadata(workload: &WorkloadArgs, performed: &Performed) -> anyhow::Result<()> {
    if let Some(file) = &workload.load.results {
        output_json(file, &RunResults::of(&performed.manifest, &performed.summary))?;
    }
    match &workload.metadata {
        Some(file) => output_json(file, &performed.manifest),
        None => Ok(()),
    }
}

/// What `runs show` shows of the run.
fn write_report(waiting: Waiting, performed: &Performed, folder: &Path) -> anyhow::Result<()> {
    let loaded = runs::load_all(folder)?;
    let sent = loaded.find(&performed.manifest.folder_name(), folder)?;
    let history = sent.history()?;
    Ok(waiting.fill("e2e-store run", |form| show::document(sent, &history, extent(form)))?)
}

fn exit_of(performed: &Performed) -> Exit {
    let total = performed.summary.total();
    if total.taken() == 0 {
        Exit::Unknown
    } else if performed.missed_threshold() || (total.taken() < total.issued.spans && !performed.judges_errors)
    {
        Exit::Found
    } else if performed.summary.interrupted {
        Exit::Unknown
    } else {
        Exit::Clean
    }
}
