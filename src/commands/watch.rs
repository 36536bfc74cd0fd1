//! `watch`.

use std::{
    io::Write,
    net::SocketAddr,
    num::NonZeroU64,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use self::{
    cycle::{Canary, Cycle, Ended},
    metrics::Metrics,
    push::Push,
    visible::{Looking, Visible},
};
use crate::{
    audit::verdict::Overall,
    base::{clock::unix_nanos, duration, exit::Exit, interrupt::Interrupts, notice, url},
    judge::reading::DEFAULT_SETTLE,
    ledger::runs::DEFAULT_FOLDER,
    send::{barrier::BarrierMethod, schedule::Rate},
    settings::{
        Settings,
        args::{InternalArgs, MetricsArgs, OtlpArgs, at_least_one},
        metrics_endpoint,
    },
    store::find::find_store,
    text::numbers::{self, moment},
    traffic::mix::Mix,
    wire::metrics::MetricsExporter,
};

mod cycle;
mod forget;
mod metrics;
mod push;
mod server;
#[cfg(test)]
mod tests;
mod visible;

/// Watch a running studio: send a little, audit it, again and again
///
/// In each cycle a small run is sent and audited by itself: files that were last written before it began are not
/// read, and spans of other services are not judged. Runs of `watch` that are older than `--keep` are removed from
/// the runs folder. Prints a line per cycle; `--metrics` serves the same as OpenMetrics at `/metrics`, and at
/// `/healthz` whether the last cycle passed; `--otlp-metrics` sends it to an OTLP endpoint. Where the studio's index is
/// beside the spans, it also measures when the index names what was sent.
///
/// Ends at Ctrl-C or SIGTERM: with 0 when every cycle passed, 1 when one found something, and 2 when one could not
/// be completed or settled.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  e2e-store watch .dbdata
  e2e-store watch /data --every 30s --metrics 127.0.0.1:9464
  e2e-store watch /data --otlp-metrics http://localhost:4317
  e2e-store watch /data --rate 5/s --exit-on-finding")]
pub(crate) struct WatchArgs {
    /// Data directory of the studio [default: .dbdata, then ~/.junjo]
    #[arg(value_name = "PATH", env = "E2E_STORE_DATA_DIR", value_parser = url::local_path())]
    path: Option<PathBuf>,

    /// Time from the beginning of one cycle to the next
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = duration::parse)]
    every: Duration,

    /// Number of services
    #[arg(long, value_name = "N", default_value = "2", value_parser = at_least_one)]
    num_services: NonZeroU64,

    /// Workflows per service in each cycle
    #[arg(long, value_name = "N", default_value = "2", value_parser = at_least_one, conflicts_with = "rate")]
    workflows_per_service: NonZeroU64,

    /// Steady arrival rate of workflows instead, as `5/s`: each cycle sends for as long as --every says
    #[arg(long, value_name = "RATE")]
    rate: Option<Rate>,

    /// Traffic profile, or a mix as `getting-started=7,agent=2`
    #[arg(long, value_name = "PROFILE", default_value = "getting-started")]
    profile: Mix,

    /// Call that brings acked spans to disk [default: none, the studio's own timer]
    #[arg(long, value_name = "RPC")]
    via: Option<BarrierMethod>,

    /// Seconds after which an acked span must be on disk without a flush
    #[arg(long, value_name = "SECONDS", default_value_t = DEFAULT_SETTLE.as_secs())]
    settle: u64,

    /// Address that serves `/metrics` and `/healthz`, as `127.0.0.1:9464`; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,

    /// End at the first finding
    #[arg(long)]
    exit_on_finding: bool,

    /// Age at which runs of `watch` are removed
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = duration::parse)]
    keep: Duration,

    /// Number of cycles [default: until it is stopped]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    cycles: Option<NonZeroU64>,

    /// Runs folder
    #[arg(long, value_name = "DIR", default_value = DEFAULT_FOLDER, env = "E2E_STORE_RUNS")]
    runs: PathBuf,

    #[command(flatten)]
    otlp: OtlpArgs,

    #[command(flatten)]
    otlp_metrics: MetricsArgs,

    #[command(flatten)]
    internal: InternalArgs,
}

pub(crate) async fn run(
    args: &WatchArgs,
    out: &mut dyn Write,
    interrupts: &Interrupts,
) -> anyhow::Result<Exit> {
    let settings = Settings::resolve(Some(&args.otlp), &args.internal)?;
    // A typo in the path must not look like a studio that keeps nothing.
    let layout = find_store(args.path.as_deref())?;
    let canary = Canary::new(args, settings)?;
    let metrics = Arc::new(Metrics::new(args.every)?);
    let push = match metrics_endpoint(&args.otlp_metrics)? {
        None => None,
        Some((target, transport)) => {
            let exporter = MetricsExporter::open(&target, &transport)?;
            Some(Push::start(exporter, &target, Arc::clone(&metrics)))
        }
    };
    if let Some(address) = args.metrics {
        let bound = server::start(address, Arc::clone(&metrics)).await?;
        writeln!(out, "metrics at http://{bound}/metrics")?;
        out.flush()?;
    }
    let looking = Looking::start(layout.index(), args.keep, Arc::clone(&metrics));
    let mut stop = interrupts.stop_signals();
    let mut watch = Watch { args, canary, metrics, push, looking, exit: Exit::Clean };
    tokio::select! {
        ended = watch.cycles(out) => ended?,
        () = stop.received() => return Ok(watch.exit),
    }
    if let Some(push) = watch.push {
        push.finish().await;
    }
    Ok(watch.exit)
}

/// A watch that goes on.
struct Watch<'a> {
    args: &'a WatchArgs,
    canary: Canary,
    metrics: Arc<Metrics>,
    push: Option<Push>,
    looking: Looking,
    /// What the cycles so far come to.
    exit: Exit,
}

impl Watch<'_> {
    /// Returns after the last cycle, or at the first finding where that ends it.
    async fn cycles(&mut self, out: &mut dyn Write) -> anyhow::Result<()> {
        let WatchArgs { runs, path, every, keep, exit_on_finding, .. } = self.args;
        let cycles = self.args.cycles.map(NonZeroU64::get);
        for number in 1_u64.. {
            let began = Instant::now();
            let mut cycle = self.canary.cycle().await;
            self.metrics.record(&cycle, &self.canary.wal(), unix_nanos());
            if let Some(awaited) = cycle.awaited.take() {
                self.looking.add(awaited);
            }
            if let Some(push) = &self.push {
                push.send();
            }
            let seen = visible_words(&self.looking.take_visible());
            writeln!(out, "{}  {}{seen}", moment(unix_nanos()), cycle.line(runs, path.as_deref()))?;
            out.flush()?;
            self.exit = worse(self.exit, &cycle);
            if *exit_on_finding && cycle.found_something() {
                return Ok(());
            }
            if let Err(err) = forget::forget(runs, *keep) {
                notice::note(&format!("old runs stay: {err:#}"));
            }
            if cycles.is_some_and(|cycles| number >= cycles) {
                break;
            }
            tokio::time::sleep(every.saturating_sub(began.elapsed())).await;
        }
        Ok(())
    }
}

/// Cycles that became visible since the last line.
fn visible_words(cycles: &[Visible]) -> String {
    let Some(longest) = cycles.iter().map(|cycle| cycle.after).max() else { return String::new() };
    let cycles = numbers::counted(cycles.len() as u64, "cycle");
    format!("; {cycles} visible within {}", numbers::duration(longest))
}

/// What was found outranks what is not known.
fn worse(exit: Exit, cycle: &Cycle) -> Exit {
    match (exit, &cycle.ended) {
        (Exit::Found, _) => Exit::Found,
        (_, Ended::Judged(judged)) if judged.report.overall == Overall::Fail => Exit::Found,
        (exit, Ended::Judged(judged)) if judged.report.overall == Overall::Pass => exit,
        (_, Ended::Judged(_) | Ended::NotSent(_) | Ended::NotAudited(_)) => Exit::Unknown,
    }
}

impl Cycle {
    fn found_something(&self) -> bool {
        matches!(&self.ended, Ended::Judged(judged) if judged.report.overall == Overall::Fail)
    }

    /// How it went, and where to look if it did not go well.
    fn line(&self, runs: &Path, store: Option<&Path>) -> String {
        use std::fmt::Write as _;

        let judged = match &self.ended {
            Ended::Judged(judged) => judged,
            Ended::NotSent(why) => return format!("NOT SENT  {}", crate::text::escape::plain(why)),
            Ended::NotAudited(why) => return format!("NOT AUDITED  {}", crate::text::escape::plain(why)),
        };
        let report = &judged.report;
        let word = match report.overall {
            Overall::Pass => "PASS",
            Overall::Fail => "FAIL",
            Overall::Inconclusive => "INCONCLUSIVE",
        };
        let mut line = format!(
            "{word}  {} acked, {} found",
            numbers::counted(judged.acked, "span"),
            numbers::grouped(judged.found)
        );
        if let Some(after) = judged.on_disk_after {
            write!(line, ", on disk within {}", numbers::duration(after)).ok();
        }
        write!(line, "; audit {}", numbers::duration(report.coverage.took)).ok();
        let failed = judged.findings().map(|(check, found)| format!("{check} {}", numbers::grouped(found)));
        let failed: Vec<String> = failed.collect();
        if !failed.is_empty() {
            write!(line, "; {}", failed.join(", ")).ok();
        }
        if let Some(refused) = &judged.barrier_failed {
            write!(line, "; {}", crate::text::escape::plain(refused)).ok();
        }
        if report.overall != Overall::Pass {
            let runs = runs.display().to_string();
            let mut words = vec!["e2e-store".to_owned(), "audit".to_owned()];
            words.extend(store.map(|store| store.display().to_string()));
            words.extend(["--runs".to_owned(), runs, "--run".to_owned(), judged.run.clone()]);
            write!(line, "; see {}", crate::text::shell::command(&words)).ok();
        }
        line
    }
}
