//! `audit`.

use std::{
    io::Write,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::{
    progress::{self, Audience},
    reporting::{self, ReportArgs},
};
#[cfg(feature = "cluster")]
use crate::cluster::{self, ClusterAddress};
use crate::{
    audit::{AuditOptions, examine, limits::Limit, report::AuditReport, verdict::FailOn},
    base::{
        clock::moment, duration, exit::Exit, interrupt::Interrupts, memory::Memory, notice, problem::Problem,
        url,
    },
    checks::{baseline::Baseline, catalog::Severity, selection},
    judge::{
        cache::{
            CacheOptions,
            recheck::{Recheck, Share},
        },
        engine::Engine,
        judgement::Depth,
        reading::{DEFAULT_SETTLE, OldFiles},
        runs::choose_runs,
        scope::Scope,
    },
    ledger::runs,
    settings::file::AuditSettings,
    store::find::find_store,
    text::numbers,
};

/// Audit a studio's data directory
///
/// Reads cold files and WAL segments itself. Rows of a known run are compared with its plan, all others are
/// judged by their structure. The hot snapshot is a copy and never evidence.
///
/// An acked span that is absent is lost only if a flush or a snapshot came after its ack, or more time
/// than the studio's WAL timer needs; before that, the audit waits.
///
/// The report is saved with each judged run, as `audit.json`; nothing is ever written into the store.
///
/// Exits with 0 when no check finds anything that fails the audit, 1 when one does or when --cache-recheck meets a file
/// of another content than remembered, and 2 when the audit could not be completed or settled.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  e2e-store audit
  e2e-store audit .dbdata/spans/parquet
  e2e-store audit s3://bucket/dbdata
  e2e-store audit /data --run none --format json
  e2e-store audit -o report.md -o junit.xml --fail-on warn
  e2e-store audit --cache audit.cache --cache-recheck 5%
  e2e-store audit --write-baseline known.json; e2e-store audit --baseline known.json")]
pub(crate) struct AuditArgs {
    /// Data directory, any folder of it, or a single file; also as `s3://`, `gs://`, `az://` or `https://` URL
    /// [default: .dbdata, then ~/.junjo]
    #[arg(value_name = "PATH", env = "E2E_STORE_DATA_DIR")]
    path: Option<PathBuf>,

    #[command(flatten)]
    judging: JudgingArgs,

    #[command(flatten)]
    reporting: ReportArgs,

    /// Runs folder [default: runs]
    #[arg(long, value_name = "DIR", env = "E2E_STORE_RUNS")]
    runs: Option<PathBuf>,

    /// Run that must be in the store: an id or its beginning, `latest`, `all`, or `none` [default: the newest that was
    /// not sent to another store]
    #[arg(long, value_name = "RUN")]
    run: Option<String>,

    /// File to remember cold files in that need not be read again; written if absent
    #[arg(long, value_name = "FILE", help_heading = "Judging")]
    cache: Option<PathBuf>,

    /// Share of the remembered files to read again, as `5%`; the audit fails where one has another content
    #[arg(long, value_name = "PERCENT", requires = "cache", help_heading = "Judging")]
    cache_recheck: Option<Share>,

    /// Seed that draws this share [default: random; the report has it]
    #[arg(long, value_name = "SEED", requires = "cache_recheck", help_heading = "Judging")]
    cache_seed: Option<u64>,

    /// Cluster that reads the cold files: HOST:PORT of its scheduler, or `standalone` to try it within this process
    #[cfg(feature = "cluster")]
    #[arg(long, value_name = "ADDRESS", help_heading = "Judging", conflicts_with = "cache")]
    cluster: Option<ClusterAddress>,

    /// Settings file [default: e2e-store.yaml, if present]
    #[arg(long, value_name = "FILE", env = "E2E_STORE_CONFIG")]
    config: Option<PathBuf>,
}

/// Checks, baseline and scope of an audit
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Judging")]
pub(crate) struct JudgingArgs {
    /// Checks or families to run (repeatable)
    #[arg(long, value_name = "CHECK", value_delimiter = ',')]
    only: Vec<String>,

    /// Checks or families to skip (repeatable)
    #[arg(long, value_name = "CHECK", value_delimiter = ',')]
    skip: Vec<String>,

    /// Folder of additional checks: `.sql` files, or families of them
    #[arg(long, value_name = "DIR", env = "E2E_STORE_CHECKS")]
    checks: Option<PathBuf>,

    /// Severity of a check: error, warn or info (repeatable)
    #[arg(long, value_name = "CHECK=SEVERITY", value_delimiter = ',', value_parser = severity)]
    severity: Vec<(String, Severity)>,

    /// Minimum severity that fails the audit [default: error]
    #[arg(long, value_name = "SEVERITY")]
    fail_on: Option<FailOn>,

    /// Pass although rows differ from their plan in columns that none of the chosen checks covers
    #[arg(long)]
    allow_uncovered: bool,

    /// Baseline of accepted findings, written by --write-baseline
    #[arg(long, value_name = "FILE", env = "E2E_STORE_BASELINE")]
    baseline: Option<PathBuf>,

    /// Seconds after which an acked span must be on disk without a flush
    #[arg(long, value_name = "SECONDS", default_value_t = DEFAULT_SETTLE.as_secs())]
    settle: u64,

    /// Do not wait for acked spans to reach the disk; absent ones are then inconclusive
    #[arg(long)]
    no_wait: bool,

    /// Part of each file to examine
    #[arg(long, value_name = "DEPTH", default_value = "content")]
    depth: Depth,

    /// Read cold files, too, that were flushed before the run began which --run names
    #[arg(long)]
    all_files: bool,

    /// How far the clocks of generator and studio may be apart, where such files are skipped
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "10m", conflicts_with = "all_files")]
    clock_skew: Duration,

    /// Service to judge, by sender or stored name (repeatable)
    #[arg(long, value_name = "SERVICE")]
    service: Vec<String>,

    /// Earliest start of spans to judge, as `2026-11-25` or `2026-11-25T08:00:00Z`
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<i64>,

    /// Start of spans from which on they are not judged
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<i64>,

    /// Progress output on stderr
    #[arg(long, value_name = "HOW", default_value = "auto")]
    pub(crate) progress: Audience,

    /// Memory for facts, findings and queries, which spill to disk beyond it; about 160 MB more are used
    #[arg(long, value_name = "SIZE", env = "E2E_STORE_MEMORY_LIMIT", default_value_t)]
    memory_limit: Memory,

    /// Files and shards worked on side by side [default: one per core, as the memory limit allows]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
}

/// Format of a list
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    Table,
    Json,
}

pub(crate) async fn run(
    args: &AuditArgs,
    out: &mut dyn Write,
    interrupts: &Interrupts,
) -> anyhow::Result<Exit> {
    let options = args.judging.options(&args.reporting, args.config.as_deref())?;
    let options = AuditOptions { cache: args.cache()?, engine: args.engine(&options).await?, ..options };
    let progress = options.progress.clone();
    let layout = find_store(args.path.as_deref())?;
    let folder = args.runs_folder()?;
    let runs = choose_runs(&folder, args.run.as_deref(), &layout)?;
    let waiting = args.reporting.open(&layout.protected())?;
    let mut report = tokio::select! {
        report = examine(&layout, &runs, options, progress::waiting) => report?,
        never = progress::sweep(&progress, args.judging.progress) => match never {},
        () = interrupts.pressed(1) => {
            notice::note(&progress::covered(progress.position()));
            return Ok(Exit::Unknown);
        }
    };
    args.name_the_store(&mut report);
    note_cache(&report);
    reporting::save(&report, &runs)?;
    args.reporting.deliver(&report, waiting, out)?;
    Ok(reporting::exit_of(report.overall))
}

impl AuditArgs {
    #[cfg(feature = "cluster")]
    async fn engine(&self, options: &AuditOptions) -> anyhow::Result<Option<Arc<dyn Engine>>> {
        let Some(address) = &self.cluster else { return Ok(None) };
        if self.judging.depth != Depth::Content {
            let what = format!("--cluster reads rows, and --depth {} reads none", self.judging.depth.name());
            return Err(Problem::new(what, "leave out one of the two").into());
        }
        Ok(Some(cluster::engine(address, options.memory).await?))
    }

    /// A build without a cluster has none.
    #[cfg(not(feature = "cluster"))]
    #[expect(clippy::unused_async, reason = "it is asked for as in a build that has one")]
    async fn engine(&self, _options: &AuditOptions) -> anyhow::Result<Option<Arc<dyn Engine>>> {
        Ok(None)
    }

    fn cache(&self) -> Result<Option<CacheOptions>, Problem> {
        let Some(file) = &self.cache else { return Ok(None) };
        if self.judging.depth != Depth::Content {
            let what = format!(
                "--cache remembers what rows say, and --depth {} reads none",
                self.judging.depth.name()
            );
            return Err(Problem::new(what, "leave out one of the two"));
        }
        if self.path.as_deref().and_then(url::scheme).is_some() {
            let what = "--cache remembers files of a folder, and PATH is a URL";
            return Err(Problem::new(what, "leave out --cache"));
        }
        // A seed that any reader of JSON keeps.
        let seed = || self.cache_seed.unwrap_or_else(|| rand::random::<u32>().into());
        let recheck = self.cache_recheck.map(|share| Recheck { share, seed: seed() });
        Ok(Some(CacheOptions { file: file.clone(), recheck }))
    }

    /// A folder that was named must be there; without one there may be no runs yet.
    fn runs_folder(&self) -> Result<PathBuf, Problem> {
        if self.run.as_deref() == Some("none") {
            return Ok(PathBuf::new());
        }
        let hint = "name the folder that `e2e-store generate` wrote, or use --run none";
        runs::folder(self.runs.as_deref(), hint)
    }

    /// Further questions name the store and its runs as this one did.
    fn name_the_store(&self, report: &mut AuditReport) {
        if let Some(path) = &self.path {
            report.ask_at(path);
        }
        let runs = self.runs.as_ref().map(|runs| ["--runs".to_owned(), runs.display().to_string()]);
        let run = self.run.as_ref().map(|run| ["--run".to_owned(), run.clone()]);
        report.sql_command.extend(runs.into_iter().chain(run).flatten());
    }
}

/// What is amiss with a cache is no matter of the store's.
fn note_cache(report: &AuditReport) {
    let Some(used) = &report.cache else { return };
    let file = used.file.display();
    if let Some(why) = &used.unusable {
        notice::note(&format!("the cache `{file}` was not used and is made anew: {why}"));
    }
    if let Some(why) = &used.not_written {
        notice::note(&format!("the cache `{file}` was not written: {why}"));
    }
}

impl JudgingArgs {
    /// Flags outrank the settings file; what it skips counts where neither --only nor --skip is given.
    pub(crate) fn options(
        &self,
        reporting: &ReportArgs,
        config: Option<&Path>,
    ) -> anyhow::Result<AuditOptions> {
        self.memory_limit.bound_decoding();
        let settings = AuditSettings::load(config)?;
        let mut checks = selection::with_own(self.checks.as_deref())?;
        let severities = self.severity.iter().map(|(id, severity)| (id, *severity));
        let of_file = settings.severity.iter().map(|(id, severity)| (id, *severity));
        selection::change_severities(&mut checks, of_file.chain(severities))?;
        let no_flag = self.only.is_empty() && self.skip.is_empty();
        let skip = if no_flag { &settings.skip } else { &self.skip };
        let limits = self.limits().chain(self.limits_of_file(&settings)).collect();
        let baseline = self.baseline.clone().or(settings.baseline);
        let load = |file: PathBuf| Baseline::load(&file).map(|baseline| (file, baseline));
        Ok(AuditOptions {
            settle: Duration::from_secs(self.settle),
            wait: !self.no_wait,
            scope: self.scope()?,
            depth: self.depth,
            old_files: if self.all_files {
                OldFiles::Read
            } else {
                OldFiles::Skip { clock_skew: self.clock_skew }
            },
            memory: self.memory_limit.with_jobs(self.jobs),
            samples: reporting.samples(),
            fail_on: self.fail_on.or(settings.fail_on).unwrap_or_default(),
            baseline: baseline.map(load).transpose()?,
            limits,
            all_ids: reporting.writes_baseline(),
            allow_uncovered: self.allow_uncovered,
            ..AuditOptions::of(selection::select(checks, &self.only, skip)?)
        })
    }
}

impl JudgingArgs {
    /// What flags leave out of the verdict.
    fn limits(&self) -> impl Iterator<Item = Limit> {
        let severities = self.severity.iter().map(|(check, severity)| format!("{check}={}", severity.name()));
        let time = |at: Option<i64>| at.map(|at| numbers::moment(at.cast_unsigned())).into_iter().collect();
        let depth = (self.depth != Depth::Content).then(|| self.depth.name().to_owned());
        let flags = [
            ("--only", self.only.clone()),
            ("--skip", self.skip.clone()),
            ("--severity", severities.collect()),
            ("--service", self.service.clone()),
            ("--from", time(self.from)),
            ("--to", time(self.to)),
            ("--depth", depth.into_iter().collect()),
        ];
        let flags = flags.into_iter().filter_map(|(option, values)| Limit::of_flag(option, values));
        flags.chain(self.allow_uncovered.then(|| Limit::of_switch("--allow-uncovered")))
    }

    /// What the settings file adds to that, as far as no flag outranks it.
    fn limits_of_file(&self, settings: &AuditSettings) -> impl Iterator<Item = Limit> {
        let is_outranked = |check: &String| self.severity.iter().any(|(id, _)| id == check);
        let severities = settings.severity.iter().filter(|(check, _)| !is_outranked(check));
        let severities = severities.map(|(check, severity)| format!("{check}={}", severity.name()));
        let no_flag = self.only.is_empty() && self.skip.is_empty();
        let fail_on =
            settings.fail_on.filter(|_| self.fail_on.is_none()).map(|fail_on| fail_on.name().to_owned());
        let baseline = settings.baseline.as_ref().filter(|_| self.baseline.is_none());
        let baseline = baseline.map(|baseline| baseline.display().to_string());
        let file = settings.file.clone();
        let keys = [
            ("audit.skip", settings.skip.iter().filter(|_| no_flag).cloned().collect()),
            ("audit.severity", severities.collect::<Vec<_>>()),
            ("audit.fail_on", fail_on.into_iter().collect()),
            ("audit.baseline", baseline.into_iter().collect()),
        ];
        let limits = keys.into_iter().filter_map(|(option, values)| Limit::of_flag(option, values));
        limits.map(move |limit| Limit { file: Some(file.clone()), ..limit }).collect::<Vec<_>>().into_iter()
    }

    fn scope(&self) -> Result<Scope, Problem> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from >= to
        {
            return Err(Problem::new("--from is not before --to", "swap them, or leave one out"));
        }
        Ok(Scope { services: self.service.clone(), from: self.from, to: self.to })
    }
}

fn severity(text: &str) -> Result<(String, Severity), String> {
    let (check, severity) = text.split_once('=').ok_or("it is CHECK=SEVERITY, as `lost_spans=warn`")?;
    Ok((check.to_owned(), severity.parse()?))
}
