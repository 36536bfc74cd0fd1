//! `verify`.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use tempfile::TempDir;

use super::{
    audit::JudgingArgs,
    generate,
    inspect::SESSION,
    progress,
    reporting::{self, ReportArgs},
    serve,
    studio::{self, Reached, StudioArgs},
    ui,
    workload::WorkloadArgs,
};
use crate::{
    audit::{
        AuditOptions, examine,
        report::AuditReport,
        verdict::{Overall, Reason},
    },
    base::{exit::Exit, interrupt::Interrupts, notice, problem::Problem, temporary, url},
    contract::schema::Schema,
    index::{read::IndexState, wait},
    judge::{barrier::LeftBehind, runs::choose_runs},
    ledger::{results::Verdict, runs::DEFAULT_FOLDER},
    report,
    send::{
        barrier::{BarrierMethod, BarrierOutcome},
        run::Performed,
    },
    settings::{
        Settings,
        args::{InternalArgs, OtlpArgs},
    },
    standin::{self, Config, StandIn},
    store::{find::find_store, layout::Layout, session},
    text::shell,
    ui::Pages,
};

/// Send traffic, flush it to disk, and audit the store
///
/// Without an endpoint (flag, environment or file) it runs on the embedded stand-in, in a temporary folder that
/// is kept when something is found. With one it verifies a real studio, whose data directory must be readable
/// here; where the internal endpoint does not answer, it waits for the studio's own timer.
///
/// Exits with 0 when everything is stored as it was sent, 1 on findings or refused spans, and 2 when the
/// verdict is inconclusive.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  e2e-store verify
  e2e-store verify --ui
  e2e-store verify --num-services 10 --workflows-per-service 100 --via snapshot
  e2e-store verify --endpoint localhost:26155 --api-key KEY --data-dir .dbdata
  e2e-store verify --endpoint localhost:26155 --data-dir .dbdata --ui --studio http://localhost:26154")]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    workload: WorkloadArgs,

    #[command(flatten)]
    otlp: OtlpArgs,

    #[command(flatten)]
    internal: InternalArgs,

    #[command(flatten)]
    judging: JudgingArgs,

    #[command(flatten)]
    reporting: ReportArgs,

    /// Call that brings acked spans to disk
    #[arg(long, value_name = "RPC", default_value = "flush")]
    via: BarrierMethod,

    /// Data directory of the studio, or for the stand-in [default there: a temporary folder]
    #[arg(long, value_name = "DIR", env = "E2E_STORE_DATA_DIR", value_parser = url::local_path())]
    data_dir: Option<PathBuf>,

    /// Schema of the stand-in: 1 as studio 0.80 to 0.81, 2 as studio 0.82 [default: 2]
    #[arg(long, value_name = "SCHEMA", value_parser = serve::schema)]
    schema: Option<Schema>,

    /// Also judge what the studio's pages find: wait for its indexer, 45 s at most
    #[arg(long)]
    ui: bool,

    #[command(flatten)]
    studio: StudioArgs,

    /// Keep the stand-in's temporary folder
    #[arg(long)]
    keep: bool,
}

/// Who is verified, and where its traces are kept.
struct Bench {
    settings: Settings,
    data_dir: PathBuf,
    runs: PathBuf,
    name: String,
    stand_in: Option<StandIn>,
    temporary: Option<TempDir>,
    /// The studio whose pages are asked for.
    reached: Option<Reached>,
}

pub(crate) async fn run(
    args: &VerifyArgs,
    out: &mut dyn Write,
    interrupts: &Interrupts,
) -> anyhow::Result<Exit> {
    let settings = Settings::resolve(Some(&args.otlp), &args.internal)?;
    let bench = if settings.endpoint_given { real(settings, args).await? } else { stand_in(settings, args)? };
    let verified = verify(args, &bench, out, interrupts).await;
    clean_up(bench, args.keep, &verified).await?;
    verified
}

async fn verify(
    args: &VerifyArgs,
    bench: &Bench,
    out: &mut dyn Write,
    interrupts: &Interrupts,
) -> anyhow::Result<Exit> {
    let options = args.judging.options(&args.reporting, args.internal.config.as_deref())?;
    let protected = find_store(Some(&bench.data_dir)).map(|layout| layout.protected()).unwrap_or_default();
    let waiting = args.reporting.open(&protected)?;
    let workload = WorkloadArgs { runs: bench.runs.clone(), ..args.workload.clone() };
    let spec = workload.spec(&bench.settings, Some(std::path::absolute(&bench.data_dir)?))?;
    let run_out: &mut dyn Write =
        if args.reporting.is_for_machines() { &mut io::stderr() } else { &mut *out };
    let performed = generate::send(&spec, &workload, &mut io::sink(), interrupts).await?;
    report::run::print_verified(run_out, &performed)?;
    if performed.summary.total().taken() == 0 {
        return Err(nothing_acked(bench).into());
    }
    let raised = generate::run_barrier(args.via, &bench.settings, &performed).await?;
    let left_behind = find_store(Some(&bench.data_dir)).map(|layout| LeftBehind::after(&raised, &layout));
    let options = AuditOptions { left_behind: left_behind.unwrap_or_default(), ..options };
    writeln!(run_out, "{}\n", report::run::barrier_line(&raised))?;
    run_out.flush()?;
    generate::write_metadata(&workload, &performed)?;

    let layout = find_store(Some(&bench.data_dir))?;

    let index = if args.ui { Some(wait_for_the_index(bench, &layout).await?) } else { None };
    let runs = choose_runs(&bench.runs, performed.manifest.run_id.as_str(), &layout)?;
    let mut report = examine(&layout, &runs, options, progress::waiting).await?;
    report.coverage.of = Some(bench.name.clone());
    qualify(&mut report, &performed, &raised);
    if let Some(IndexState::Absent(why) | IndexState::Unreadable(why)) = &index {
        let why = why.clone();
        report.qualify(Overall::Inconclusive, Reason::IndexNotRead { why });
    }
    if let (Some(reached), Some(IndexState::Read(_))) = (&bench.reached, &index) {
        ask_for_pages(reached, &layout, &performed, &mut report, run_out).await?;
    }
    report.ask_at(&bench.data_dir);
    report.sql_command.extend(["--runs".to_owned(), bench.runs.display().to_string()]);
    reporting::save(&report, &runs)?;
    if bench.temporary.is_some() && !args.keep && report.overall == Overall::Pass {
        // Nobody can ask a store that is removed.
        report.sql_command.clear();
    }
    args.reporting.deliver(&report, waiting, out)?;
    Ok(reporting::exit_of(report.overall))
}

/// The stand-in's indexer is told; a studio's polls by itself.
async fn wait_for_the_index(bench: &Bench, layout: &Layout) -> anyhow::Result<IndexState> {
    let at_most = if let Some(stand_in) = &bench.stand_in {
        stand_in.index().await?;
        Duration::ZERO
    } else {
        let seconds = wait::AT_MOST.as_secs();
        notice::note(&format!("waiting up to {seconds} s for the studio's indexer"));
        wait::AT_MOST
    };
    Ok(wait::wait(layout, at_most).await)
}

/// Compares the pages of the run's services with what the files and the index lead to.
async fn ask_for_pages(
    reached: &Reached,
    layout: &Layout,
    performed: &Performed,
    report: &mut AuditReport,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let session = session::session(SESSION)?;
    let services = Pages::Sampled(&performed.manifest.services);
    let (_, comparison) = ui::compared(layout, services, reached, &session).await?;
    report::ui::print_comparison(out, &comparison)?;
    if !comparison.differences.is_empty() {
        let differences = comparison.differences.len() as u64;
        report.qualify(Overall::Fail, Reason::PagesDiffer { studio: comparison.studio, differences });
    }
    Ok(())
}

/// What went wrong before the store was read is part of the verdict.
fn qualify(report: &mut AuditReport, performed: &Performed, raised: &BarrierOutcome) {
    let total = performed.summary.total();
    if let BarrierOutcome::Refused { refusal, .. } = raised {
        let overall = match refusal.exit() {
            Exit::Found => Overall::Fail,
            Exit::Clean | Exit::Unknown => Overall::Inconclusive,
        };
        report.qualify(overall, Reason::BarrierRefused { text: report::run::barrier_line(raised) });
    }
    if total.refused() > 0 && !performed.judges_errors {
        report.qualify(Overall::Fail, Reason::SpansRefused { spans: total.refused() });
    }
    if total.indeterminate > 0 {
        report.qualify(Overall::Inconclusive, Reason::OutcomeUnknown { spans: total.indeterminate });
    }
    for judged in performed.thresholds().iter().filter(|judged| judged.verdict != Verdict::Met) {
        report.qualify(Overall::Fail, Reason::ThresholdMissed { threshold: judged.threshold.clone() });
    }
    if performed.summary.interrupted {
        report.qualify(Overall::Inconclusive, Reason::Interrupted);
    }
}

fn nothing_acked(bench: &Bench) -> Problem {
    let what = format!("`{}` acked no span, so there is nothing to judge", bench.name);
    Problem::new(what, "the table above says why; see also the ingestion service's log")
}

async fn real(settings: Settings, args: &VerifyArgs) -> anyhow::Result<Bench> {
    if args.schema.is_some() || args.keep {
        let what = format!(
            "`--schema` and `--keep` are the stand-in's, and `{}` is to be verified",
            settings.endpoint
        );
        return Err(Problem::new(what, "leave them out, or leave the endpoint out").into());
    }
    let Some(data_dir) = args.data_dir.clone() else {
        let what = format!("where does the studio at `{}` keep its data?", settings.endpoint);
        return Err(Problem::new(what, "name its data directory with --data-dir").into());
    };
    // Before anything is sent: a typo here must not leave a run that nobody can judge.
    find_store(Some(&data_dir))?;
    let reached = match &args.studio.url {
        Some(_) if !args.ui => {
            let what = "`--studio` compares what pages find, and `--ui` is not given";
            return Err(Problem::new(what, "add --ui").into());
        }
        Some(url) => Some(studio::reach(url).await?),
        None => None,
    };
    Ok(Bench {
        name: settings.endpoint.to_string(),
        settings,
        data_dir,
        runs: args.workload.runs.clone(),
        stand_in: None,
        temporary: None,
        reached,
    })
}

fn stand_in(settings: Settings, args: &VerifyArgs) -> anyhow::Result<Bench> {
    if args.studio.url.is_some() {
        let what = "the stand-in has no pages that `--studio` could ask for";
        return Err(Problem::new(what, "name the endpoint of the studio with --endpoint").into());
    }
    let temporary = match args.data_dir {
        Some(_) => None,
        None => Some(temporary::folder()?),
    };
    let place = |name: &str| temporary.as_ref().map(|folder| folder.path().join(name));
    let data_dir = args.data_dir.clone().or_else(|| place(".dbdata")).unwrap_or_default();
    let runs = place(DEFAULT_FOLDER).unwrap_or_else(|| args.workload.runs.clone());

    let config = Config {
        internal_token: settings.internal_token.clone(),
        index: args.ui,
        ..Config::new(data_dir.clone(), settings.api_key.clone(), args.schema.unwrap_or(Schema::V2))
    };
    let stand_in = standin::start(config)?;
    let settings = Settings {
        endpoint: stand_in.endpoint().to_string().parse()?,
        internal_endpoint: stand_in.internal_endpoint().to_string().parse()?,
        ..settings
    };
    Ok(Bench {
        settings,
        data_dir,
        runs,
        name: "stand-in".to_owned(),
        stand_in: Some(stand_in),
        temporary,
        reached: None,
    })
}

async fn clean_up(bench: Bench, keep: bool, verified: &anyhow::Result<Exit>) -> anyhow::Result<()> {
    if let Some(stand_in) = bench.stand_in {
        stand_in.stop().await?;
    }
    let Some(temporary) = bench.temporary else { return Ok(()) };
    // A run that could not even be planned leaves nothing worth looking at.
    let sent = bench.runs.exists();
    if keep || sent && !matches!(verified, Ok(Exit::Clean)) {
        say_where(&temporary.keep());
    } else {
        temporary.close()?;
    }
    Ok(())
}

/// Says where a temporary folder is, and how its store is audited again.
pub(super) fn say_where(folder: &Path) {
    let [store, runs] = [".dbdata", DEFAULT_FOLDER].map(|name| folder.join(name).display().to_string());
    let again = ["e2e-store".to_owned(), "audit".to_owned(), store, "--runs".to_owned(), runs];
    notice::note(&format!("kept: {}\nagain: {}", folder.display(), shell::command(&again)));
}
