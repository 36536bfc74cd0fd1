//! `replay`.

use std::{
    io::{self, Write},
    num::{NonZeroU64, NonZeroUsize},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::{
    progress,
    reporting::{self, ReportArgs, Waiting},
    selection::{ScrubArgs, SelectionArgs, nothing_else, renaming},
};
use crate::{
    audit::{
        AuditOptions, examine,
        verdict::{Overall, Reason},
    },
    base::{duration, exit::Exit, interrupt::Interrupts, memory::Memory, notice, problem::Problem, url},
    checks::catalog::built_in,
    judge::runs::choose_runs,
    ledger::{
        lookup,
        replay::Options,
        runs::{self, DEFAULT_FOLDER},
    },
    report,
    send::{
        barrier::{self, BarrierMethod, BarrierOutcome},
        run::Secret,
    },
    settings::{
        Settings,
        args::{InternalArgs, OtlpArgs, at_least_one},
    },
    source::{
        chunk::SourceNotes,
        pace::Pace,
        run::{self, OpenRun, Replayed, Route, ShiftTime, SourceSummary},
    },
    store::find::find_store,
    wire::retry::RetryPolicy,
};

/// Flags of the report that --verify prints.
const REPORT: [&str; 4] = ["format", "output", "limit", "write_baseline"];

/// Send stored or captured traffic again
///
/// Sources: a data directory, any folder or file of it (cold files and WAL segments, torn ones as far as they
/// decode; the hot snapshot only by name); OTLP JSON lines; length-prefixed protobuf, as OpenTelemetry's Collector
/// writes it; a capture. The plan is printed before anything is sent. By default ids are fresh and times end
/// now, so that copies and originals can be told apart.
///
/// A replay is a run: its folder holds the plan, the outcome of every export, and what should be on disk.
/// The endpoint comes from --endpoint only, never from the environment or a settings file.
///
/// Exits with 0 when every span was acked, 1 when some were refused, a part of the source could not be read or
/// spans of it cannot be sent, and 2 when none was acked, the endpoint went away, or it was interrupted; --resume then goes on. With
/// --verify also 1 when the store does not hold what was sent, and 2 when that could not be settled.
#[derive(Debug, clap::Args)]
#[command(
    mut_arg("endpoint", |arg| arg.env(clap::builder::Resettable::Reset).help(
        "OTLP gRPC endpoint to send to: `host:port`, or with `http://` or `https://`"
    )),
    mut_args(|arg| if REPORT.contains(&arg.get_id().as_str()) { arg.requires("verify") } else { arg }),
    after_help = "\
Examples:
  e2e-store replay .dbdata --endpoint localhost:26155 --dry-run
  e2e-store replay .dbdata --endpoint localhost:26155 --speed 10x --max-gap 1m
  e2e-store replay bad-day --endpoint localhost:26155 --service checkout --loop 3
  e2e-store replay .dbdata --endpoint localhost:26155 --verify --data-dir other/.dbdata
  e2e-store replay .dbdata/spans/wal --endpoint localhost:26155 --keep-ids --shift-time none
  e2e-store replay .dbdata --endpoint localhost:26155 --resume 41f0d2b94d3b"
)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub(crate) struct ReplayArgs {
    /// Data directory or a part of it, or its URL; file of OTLP requests, or capture
    #[arg(value_name = "SOURCE")]
    source: PathBuf,

    #[command(flatten)]
    selection: SelectionArgs,

    /// Speed relative to the recording, as 1x or 10x, or `max`
    #[arg(long, value_name = "SPEED", default_value = "max", value_parser = speed, help_heading = "Pace")]
    speed: Pace,

    /// Fixed rate of spans, as 500/s
    #[arg(long, value_name = "RATE", value_parser = rate, conflicts_with = "speed", help_heading = "Pace")]
    rate: Option<Pace>,

    /// Longest recorded gap to keep, as 10s
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, help_heading = "Pace")]
    max_gap: Option<Duration>,

    /// Replay N times, with fresh ids each time
    #[arg(long = "loop", value_name = "N", value_parser = at_least_one, default_value = "1", help_heading = "Pace")]
    loops: NonZeroU64,

    /// Maximum exports in flight
    #[arg(long, value_name = "N", value_parser = at_least_one, default_value = "8", help_heading = "Pace")]
    in_flight: NonZeroU64,

    /// Number of connections
    #[arg(long, value_name = "N", value_parser = at_least_one, default_value = "1", help_heading = "Pace")]
    connections: NonZeroU64,

    /// Exports to retry
    #[arg(long, value_name = "POLICY", default_value = "spec", help_heading = "Pace")]
    retry: RetryPolicy,

    /// Replace ids consistently (the default)
    #[arg(long, conflicts_with = "keep_ids", help_heading = "Changes")]
    fresh_ids: bool,

    /// Keep the ids
    #[arg(long, conflicts_with = "loops", help_heading = "Changes")]
    keep_ids: bool,

    /// Time shift: `now`, `none`, or a duration as 24h or -30m
    #[arg(
        long,
        value_name = "SHIFT",
        default_value = "now",
        value_parser = shift_time,
        allow_hyphen_values = true,
        help_heading = "Changes"
    )]
    shift_time: ShiftTime,

    /// Rename a service (repeatable)
    #[arg(long, value_name = "OLD=NEW", value_parser = renaming, help_heading = "Changes")]
    rename_service: Vec<(String, String)>,

    #[command(flatten)]
    scrub: ScrubArgs,

    /// Memory that a file or a request may decode to, and that --verify has before it spills to disk
    #[arg(long, value_name = "SIZE", env = "E2E_STORE_MEMORY_LIMIT", default_value_t)]
    memory_limit: Memory,

    /// Files and shards that --verify works on side by side [default: one per core, as the memory limit allows]
    #[arg(long, value_name = "N", requires = "verify")]
    jobs: Option<NonZeroUsize>,

    /// Print the plan and send nothing
    #[arg(long)]
    dry_run: bool,

    /// Resume an interrupted replay, by its run id
    #[arg(long, value_name = "RUN", conflicts_with = "dry_run")]
    resume: Option<String>,

    /// Audit the store in --data-dir after sending
    #[arg(long, requires = "data_dir", conflicts_with = "dry_run")]
    verify: bool,

    /// Do not flush at the end
    #[arg(long)]
    no_flush: bool,

    /// Data directory behind the endpoint, recorded for `audit`
    #[arg(long, value_name = "DIR", env = "E2E_STORE_DATA_DIR", value_parser = url::local_path())]
    data_dir: Option<PathBuf>,

    /// Runs folder
    #[arg(long, value_name = "DIR", env = "E2E_STORE_RUNS", default_value = DEFAULT_FOLDER)]
    runs: PathBuf,

    #[command(flatten)]
    reporting: ReportArgs,

    #[command(flatten)]
    otlp: OtlpArgs,

    #[command(flatten)]
    internal: InternalArgs,
}

pub(crate) async fn run(
    args: &ReplayArgs,
    results: &mut dyn Write,
    interrupts: &Interrupts,
) -> anyhow::Result<Exit> {
    args.memory_limit.bound_decoding();
    let is_for_machines = args.verify && args.reporting.is_for_machines();
    let out: &mut dyn Write = if is_for_machines { &mut io::stderr() } else { &mut *results };
    if args.otlp.endpoint.is_none() && !args.dry_run {
        let hint = "say where to with --endpoint HOST:PORT, or look first with --dry-run";
        return Err(Problem::new("a replay is sent nowhere by default", hint).into());
    }
    let begun = args.resume.as_deref().map(|id| find(&args.runs, id)).transpose()?;
    let (options, fresh_ids) = match &begun {
        None => (args.options(), !args.keep_ids),
        Some(replay) => {
            nothing_else(&replay.manifest.run_id, args.is_changed())?;
            (replay.manifest.options.clone(), replay.manifest.id_key.is_some())
        }
    };
    let mut surveyed = run::prepare(&args.source, options, fresh_ids).await?;
    let now = run::now();
    surveyed.renew(fresh_ids, args.shift_time, now);
    report::replay::print_source(out, &surveyed)?;
    if surveyed.survey.spans == 0 {
        return Err(surveyed.nothing_to_send().into());
    }
    let shift = begun.as_ref().map_or(args.shift_time, |replay| ShiftTime::By(replay.manifest.shift_nanos));
    report::replay::print_plan(out, &surveyed, fresh_ids, shift)?;
    out.flush()?;
    if args.dry_run {
        let (planned, is_whole) = (surveyed.spans(), surveyed.survey.notes.is_whole());
        let made = run::make(Arc::new(surveyed.recipe), |_| Ok(())).await?;
        report::replay::print_changed(out, planned, &made)?;
        report::replay::print_made(out, &made)?;
        return Ok(if is_whole && made.is_all_of(planned) { Exit::Clean } else { Exit::Found });
    }
    let mut protected = Vec::new();
    if args.verify {
        // Before anything is sent: a typo here must not leave a run that nobody can judge.
        let layout = find_store(args.data_dir.as_deref())?;
        if layout.single_file {
            let what = "one file alone cannot show what a store lacks";
            return Err(Problem::new(what, "name the data directory").into());
        }
        protected = layout.protected();
    }
    let waiting = args.reporting.open(&protected)?;
    let settings = Settings::resolve(Some(&args.otlp), &args.internal)?;
    let route = args.route(&settings)?;
    // Before anything is written: an endpoint that is not there leaves no run.
    let exporters = run::connect(&route).await?;
    let begun = match begun {
        None => run::begin(&surveyed, &route, now)?,
        Some(replay) => run::resume(&mut surveyed, replay.manifest, replay.folder)?,
    };
    let (exit, replayed) = send(args, surveyed, begun, exporters, &route, &settings, out, interrupts).await?;
    if args.verify && !replayed.sent.summary.interrupted {
        return Ok(worse(exit, verify(args, &replayed, waiting, results).await?));
    }
    Ok(exit)
}

#[expect(clippy::too_many_arguments, reason = "what the parts of a replay are called together")]
async fn send(
    args: &ReplayArgs,
    surveyed: SourceSummary,
    begun: OpenRun,
    exporters: Vec<crate::wire::exporter::Exporter>,
    route: &Route,
    settings: &Settings,
    out: &mut dyn Write,
    interrupts: &Interrupts,
) -> anyhow::Result<(Exit, Replayed)> {
    let source_is_whole = surveyed.survey.notes.is_whole();
    writeln!(out, "run      {}, to {}", begun.manifest().run_id, route.endpoint)?;
    out.flush()?;
    let bar = progress::replay(surveyed.spans());
    let stop = interrupts.stop_with(bar.bar());
    let replayed = run::perform(surveyed, begun, exporters, route, stop, |summary, elapsed| {
        bar.show(summary, elapsed);
    })
    .await?;
    bar.finish();
    report::replay::print(out, &replayed)?;
    let mut exit = exit_of(&replayed, source_is_whole);
    if !args.no_flush && replayed.sent.summary.total().taken() > 0 {
        let token = settings.internal_token.as_deref();
        let raised =
            barrier::run_barrier(BarrierMethod::Flush, &settings.internal_endpoint, token, &replayed.ledger)
                .await?;
        writeln!(out, "{}", report::run::barrier_line(&raised))?;
        if let (BarrierOutcome::Refused { refusal, .. }, Exit::Clean | Exit::Unknown) = (&raised, exit) {
            exit = refusal.exit();
        }
    }
    let Replayed { manifest, folder, sent, .. } = &replayed;
    writeln!(out, "run {} is in {}", manifest.run_id, folder.display())?;
    if let Some(why) = &sent.gave_up {
        let what = format!("`{}` went away: {why}", route.endpoint);
        return Err(Problem::new(what, args.go_on(&manifest.run_id)).into());
    }
    if sent.summary.interrupted {
        notice::note(&format!("interrupted; to go on: {}", args.go_on(&manifest.run_id)));
    }
    out.flush()?;
    Ok((exit, replayed))
}

/// Audits the store for what was sent, and only for that.
async fn verify(
    args: &ReplayArgs,
    replayed: &Replayed,
    waiting: Waiting,
    out: &mut dyn Write,
) -> anyhow::Result<Exit> {
    let layout = find_store(args.data_dir.as_deref())?;
    let runs = choose_runs(&args.runs, replayed.manifest.run_id.as_str(), &layout)?;
    let options = AuditOptions {
        samples: args.reporting.samples(),
        all_ids: args.reporting.writes_baseline(),
        memory: args.memory_limit.with_jobs(args.jobs),
        ..AuditOptions::of(built_in()?)
    };
    let mut report = examine(&layout, &runs, options, progress::waiting).await?;
    report.coverage.of = Some(replayed.manifest.endpoint.clone());
    let total = replayed.sent.summary.total();
    let SourceNotes { unsent, trouble, .. } = &replayed.notes;
    if unsent.total > 0 {
        report.qualify(Overall::Fail, Reason::SpansNotSent { spans: unsent.total });
    }
    if let Some(first) = trouble.first() {
        let (file, problem) = (first.file.clone(), first.reason.clone());
        let others = trouble.len() as u64 - 1;
        report.qualify(Overall::Inconclusive, Reason::SourceNotRead { file, problem, others });
    }
    if total.refused() > 0 {
        report.qualify(Overall::Fail, Reason::SpansRefused { spans: total.refused() });
    }
    if total.indeterminate > 0 {
        report.qualify(Overall::Inconclusive, Reason::OutcomeUnknown { spans: total.indeterminate });
    }
    if let Some(data_dir) = &args.data_dir {
        report.ask_at(data_dir);
    }
    let of_run = ["--runs".to_owned(), args.runs.display().to_string(), "--run".to_owned()];
    report.sql_command.extend(of_run.into_iter().chain([replayed.manifest.run_id.clone()]));
    reporting::save(&report, &runs)?;
    args.reporting.deliver(&report, waiting, out)?;
    Ok(reporting::exit_of(report.overall))
}

/// Where something was found and something is not known, it is the former.
pub(crate) fn worse(one: Exit, other: Exit) -> Exit {
    match (one, other) {
        (Exit::Found, _) | (_, Exit::Found) => Exit::Found,
        (Exit::Unknown, _) | (_, Exit::Unknown) => Exit::Unknown,
        (Exit::Clean, Exit::Clean) => Exit::Clean,
    }
}

fn exit_of(replayed: &Replayed, source_is_whole: bool) -> Exit {
    let sent = &replayed.sent;
    let total = sent.summary.total();
    if total.taken() + sent.taken_before == 0 {
        Exit::Unknown
    } else if total.taken() < total.issued.spans || !source_is_whole || !replayed.notes.is_whole() {
        Exit::Found
    } else if sent.summary.interrupted {
        Exit::Unknown
    } else {
        Exit::Clean
    }
}

impl ReplayArgs {
    fn options(&self) -> Options {
        Options {
            pace: self.rate.unwrap_or(self.speed).to_string(),
            max_gap_seconds: self.max_gap.map(|gap| gap.as_secs_f64()),
            loops: self.loops.get(),
            rename: self.rename_service.iter().cloned().collect(),
            ..self.scrub.options(self.selection.options())
        }
    }

    /// Whether something was asked for that a replay is a function of.
    fn is_changed(&self) -> bool {
        let paced = self.speed != Pace::Max || self.rate.is_some() || self.max_gap.is_some();
        let changed = self.keep_ids
            || self.shift_time != ShiftTime::Now
            || !self.rename_service.is_empty()
            || self.scrub.is_given();
        self.selection.is_given() || paced || changed || self.loops.get() > 1
    }

    fn route(&self, settings: &Settings) -> anyhow::Result<Route> {
        let number = |number: NonZeroU64| usize::try_from(number.get());
        Ok(Route {
            endpoint: settings.endpoint.clone(),
            api_key: Secret(settings.api_key.clone()),
            transport: settings.transport.clone(),
            connections: number(self.connections)?,
            in_flight: number(self.in_flight)?,
            retry: self.retry,
            runs: self.runs.clone(),
            data_dir: self.data_dir.as_deref().map(std::path::absolute).transpose()?,
        })
    }

    /// The command that sends the rest; flags that an environment or a file may have given are told, too.
    fn go_on(&self, run_id: &str) -> String {
        let endpoint = self.otlp.endpoint.as_ref().map(ToString::to_string).unwrap_or_default();
        let mut words = format!("e2e-store replay {} --endpoint {endpoint}", self.source.display());
        let mut add = |flag: &str, value: Option<String>| {
            words.extend(value.map(|value| format!(" {flag} {value}")));
        };
        let runs = (self.runs != Path::new(DEFAULT_FOLDER)).then(|| self.runs.display().to_string());
        add("--runs", runs);
        add("--internal-endpoint", self.internal.internal_endpoint.as_ref().map(ToString::to_string));
        add("--data-dir", self.data_dir.as_ref().map(|data_dir| data_dir.display().to_string()));
        for (flag, given) in [("--verify", self.verify), ("--no-flush", self.no_flush)] {
            words.extend(given.then(|| format!(" {flag}")));
        }
        format!("{words} --resume {run_id}")
    }
}

/// The replay whose id begins so.
fn find(runs: &Path, id: &str) -> anyhow::Result<runs::Replay> {
    let loaded = runs::load_all(runs)?;
    Ok(lookup::find_replay(loaded, id, runs)?)
}

fn speed(text: &str) -> Result<Pace, String> {
    match text.parse() {
        Ok(Pace::Rate(_)) => Err("that is a rate: use --rate".to_owned()),
        Ok(pace) => Ok(pace),
        Err(err) => Err(err.to_string()),
    }
}

fn rate(text: &str) -> Result<Pace, String> {
    match text.parse() {
        Ok(pace @ Pace::Rate(_)) => Ok(pace),
        Ok(_) => Err("write for example 500/s".to_owned()),
        Err(err) => Err(err.to_string()),
    }
}

fn shift_time(text: &str) -> Result<ShiftTime, String> {
    match text {
        "now" => return Ok(ShiftTime::Now),
        "none" => return Ok(ShiftTime::None),
        _ => {}
    }
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let by = duration::parse(rest).map_err(|err| format!("{err}, or `now` or `none`"))?;
    let nanos = i64::try_from(by.as_nanos()).map_err(|err| err.to_string())?;
    Ok(ShiftTime::By(sign * nanos))
}
