use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use super::progress;
use crate::{
    checks::{
        catalog::{self, Severity},
        runner::run_checks,
    },
    cli::Exit,
    judge::{
        reading::{self, DEFAULT_SETTLE, Question},
        tables,
    },
    ledger::runs::{self, DEFAULT_FOLDER, Run},
    problem::Problem,
    report::{
        audit::{AuditReport, Overall, Subject},
        audit_text,
        paint::{Color, Paint},
    },
    store::{
        layout::{Layout, LayoutError},
        session::{self, Limits},
    },
    traffic::ids::RunId,
};

/// Judge a studio's data directory
///
/// Reads its cold files and WAL segments itself. Rows of a known run are compared with what its plan
/// calls for, all others are judged by their structure. The hot snapshot is a copy and never evidence.
///
/// An acked span that is absent is lost only if a flush or a snapshot came after its ack, or more time
/// than the studio's WAL timer needs; before that, the audit waits.
///
/// Exits with 0 when every check passes, 1 when a check finds something, and 2 when the audit could
/// not be completed or settled.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  e2e-store audit
  e2e-store audit .dbdata/spans/parquet
  e2e-store audit /data --run none --format json")]
pub(crate) struct AuditArgs {
    /// Data directory, any folder of it, or a single file [default: .dbdata, then ~/.junjo]
    #[arg(value_name = "PATH")]
    path: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) judging: JudgingArgs,

    /// Where runs are kept
    #[arg(long, value_name = "DIR", default_value = DEFAULT_FOLDER, env = "E2E_STORE_RUNS")]
    runs: PathBuf,

    /// The run that must be in the store: an id (its beginning will do), `latest`, or `none`
    #[arg(long, value_name = "RUN", default_value = "latest")]
    run: String,
}

/// How to judge and what to print
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Judging")]
pub(crate) struct JudgingArgs {
    /// Run only these checks
    #[arg(long, value_name = "CHECK", value_delimiter = ',')]
    only: Vec<String>,

    /// Leave these checks out
    #[arg(long, value_name = "CHECK", value_delimiter = ',')]
    skip: Vec<String>,

    /// Seconds after which an acked span must be on disk without a flush
    #[arg(long, value_name = "SECONDS", default_value_t = DEFAULT_SETTLE.as_secs())]
    settle: u64,

    /// Do not wait for acked spans to reach the disk; absent ones are then undecided
    #[arg(long)]
    no_wait: bool,

    /// Findings to show of each check
    #[arg(long, value_name = "N", default_value_t = 10)]
    limit: usize,

    /// Form of the report
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(crate) format: Format,

    /// When to colour the report
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: Color,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    Table,
    Json,
}

/// Which runs a store is held against.
#[derive(Debug)]
pub(crate) struct Runs {
    known: Vec<Run>,
    wanted: Vec<RunId>,
}

const SESSION: Limits = Limits { memory: 512 << 20, partitions: 1, batch_rows: 8_192 };

pub(crate) async fn run(args: &AuditArgs, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let layout = find_store(args.path.as_deref())?;
    let runs = choose_runs(&args.runs, &args.run, &layout)?;
    let report = examine(&layout, &runs, &args.judging, None).await?;
    print(&args.judging, &report, out)?;
    Ok(exit_of(report.overall))
}

pub(crate) fn find_store(path: Option<&Path>) -> anyhow::Result<Layout> {
    Layout::find(path).map_err(|err| {
        let hint = match &err {
            LayoutError::NoDefault(_) | LayoutError::Missing(_) => {
                "name the studio's data directory: `e2e-store audit PATH`; in the shipped compose files it is `.dbdata`"
            }
            LayoutError::NotAStore(_) => "a data directory holds `spans/wal` or `spans/parquet`",
            LayoutError::Unreadable { .. } => "give this user the right to read the folder",
        };
        Problem::new(err.to_string(), hint).caused_by(err).into()
    })
}

/// Reads the store, runs the checks, and puts both into a report.
pub(crate) async fn examine(
    layout: &Layout,
    runs: &Runs,
    args: &JudgingArgs,
    of: Option<String>,
) -> anyhow::Result<AuditReport> {
    let began = Instant::now();
    let checks = catalog::select(catalog::built_in()?, &args.only, &args.skip)?;
    let session = session::session(SESSION)?;
    let settle = Duration::from_secs(args.settle);
    let question = Question {
        layout,
        known: &runs.known,
        wanted: &runs.wanted,
        whole_store: !layout.single_file,
        settle,
        wait: !args.no_wait,
    };
    let judgement = Arc::new(reading::read(&question, &session, progress::waiting).await?);
    if judgement.files.is_empty() && judgement.judged.is_empty() {
        let what =
            format!("nothing to audit: `{}` holds no file, and there is no run", layout.spans.display());
        return Err(Problem::new(what, "`e2e-store generate` sends traffic to a studio").into());
    }
    let settled_before =
        judgement.read_began.saturating_sub(settle.as_nanos().try_into().unwrap_or(u64::MAX));
    tables::register(&session, &judgement, settled_before.cast_signed())?;
    let checked = run_checks(&session, &judgement, checks, args.limit).await;
    let subject = Subject { layout, of, known: &runs.known, took: began.elapsed() };
    Ok(AuditReport::new(&subject, &judgement, checked, Severity::Error))
}

/// The runs of a folder, and which of them must be in the store.
pub(crate) fn choose_runs(folder: &Path, run: &str, layout: &Layout) -> anyhow::Result<Runs> {
    if run == "none" {
        return Ok(Runs { known: Vec::new(), wanted: Vec::new() });
    }
    let known = runs::load_all(folder)?;
    if run == "latest" {
        let newest = known.iter().rev().find(|run| may_be_of(run, layout)).map(|run| run.plan.run);
        return Ok(Runs { wanted: newest.into_iter().collect(), known });
    }
    let mut named = known.into_iter().filter(|known| known.manifest.run_id.starts_with(run));
    match (named.next(), named.next()) {
        (Some(run), None) => Ok(Runs { wanted: vec![run.plan.run], known: vec![run] }),
        (None, _) => {
            let what = format!("there is no run `{run}` in `{}`", folder.display());
            Err(Problem::new(what, "name a folder of it, `latest`, or `none`; --runs names another place")
                .into())
        }
        (Some(_), Some(_)) => {
            let what = format!("several runs in `{}` begin with `{run}`", folder.display());
            Err(Problem::new(what, "write more of the id").into())
        }
    }
}

/// Whether a run's manifest leaves it open, or says, that this is its store.
fn may_be_of(run: &Run, layout: &Layout) -> bool {
    let Some(data_dir) = &run.manifest.data_dir else { return true };
    let Ok(other) = Layout::find(Some(data_dir)) else { return false };
    match (fs::canonicalize(&other.spans), fs::canonicalize(&layout.spans)) {
        (Ok(other), Ok(this)) => other == this,
        _ => other.spans == layout.spans,
    }
}

pub(crate) fn print(args: &JudgingArgs, report: &AuditReport, out: &mut dyn Write) -> anyhow::Result<()> {
    match args.format {
        Format::Table => audit_text::print(out, Paint::for_stdout(args.color), report),
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, &report.to_json()?)?;
            writeln!(out)?;
            Ok(())
        }
    }
}

pub(crate) fn exit_of(overall: Overall) -> Exit {
    match overall {
        Overall::Pass => Exit::Clean,
        Overall::Fail => Exit::Found,
        Overall::Inconclusive => Exit::Unknown,
    }
}
