//! `audit`.

use std::{io::Write, path::PathBuf, time::Duration};

use crate::{
    audit::{Manner, examine, find_store},
    checks::catalog,
    exit::Exit,
    judge::{reading::DEFAULT_SETTLE, runs::choose_runs},
    ledger::runs,
    problem::Problem,
    progress,
    report::{
        audit::{AuditReport, Overall},
        audit_text,
        paint::{Color, Paint},
    },
};

/// Judge a studio's data directory
///
/// Reads its cold files and WAL segments itself. Rows of a known run are compared with what its plan
/// calls for, all others are judged by their structure. The hot snapshot is a copy and never evidence.
///
/// An acked span that is absent is lost only if a flush or a snapshot came after its ack, or more time
/// than the studio's WAL timer needs; before that, the audit waits.
///
/// Exits with 0 when no check finds anything worse than a warning, 1 when one does, and 2 when the audit
/// could not be completed or settled.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  e2e-store audit
  e2e-store audit .dbdata/spans/parquet
  e2e-store audit /data --run none --format json")]
pub(crate) struct AuditArgs {
    /// Data directory, any folder of it, or a single file [default: .dbdata, then ~/.junjo]
    #[arg(value_name = "PATH", env = "E2E_STORE_DATA_DIR")]
    path: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) judging: JudgingArgs,

    /// Where runs are kept [default: runs]
    #[arg(long, value_name = "DIR", env = "E2E_STORE_RUNS")]
    runs: Option<PathBuf>,

    /// The run that must be in the store: an id (its beginning will do), `latest`, `all`, or `none`
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

pub(crate) async fn run(args: &AuditArgs, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let manner = args.judging.manner()?;
    let layout = find_store(args.path.as_deref())?;
    let runs = choose_runs(&args.runs_folder()?, &args.run, &layout)?;
    let report = examine(&layout, &runs, manner, progress::waiting).await?;
    print(&args.judging, &report, out)?;
    Ok(exit_of(report.overall))
}

impl AuditArgs {
    /// A folder that was named must be there; without one there may be no runs yet.
    fn runs_folder(&self) -> Result<PathBuf, Problem> {
        let hint = "name the folder that `e2e-store generate` wrote, or use --run none";
        runs::folder(self.runs.as_deref(), hint)
    }
}

impl JudgingArgs {
    pub(crate) fn manner(&self) -> anyhow::Result<Manner> {
        Ok(Manner {
            checks: catalog::select(catalog::built_in()?, &self.only, &self.skip)?,
            settle: Duration::from_secs(self.settle),
            wait: !self.no_wait,
            samples: self.limit,
            scope: self.scope()?,
            depth: self.depth,
            memory: self.memory_limit,
            progress: Progress::default(),
        })
    }
}

pub(crate) fn print(args: &JudgingArgs, report: &AuditReport, out: &mut dyn Write) -> anyhow::Result<()> {
    match args.format {
        Format::Table => audit_text::print(out, Paint::for_stdout(args.color), report),
        Format::Json => {
            out.write_all(&report.to_json()?)?;
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
