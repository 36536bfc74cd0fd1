//! `runs`.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use super::{
    pages::{self, PageFile, PageForm, Waiting},
    reporting::SAVED,
    workload::fraction,
};
use crate::{
    base::{exit::Exit, problem::Problem, regular},
    ledger::{
        history::History,
        lookup::{Named, Sent},
        results::Results,
        runs::{self, Loaded},
    },
    report::{
        document::Document,
        json,
        page::{self, Page},
        runs::{
            compare, list, replay,
            show::{self, Extent},
            trend::{self, TrendRun, Trends},
        },
    },
    send::{
        compare::{Comparison, Standing},
        trend::{Measured, Metric, Trend, is_same_load},
    },
    text::paint::Paint,
};

/// List, show or compare runs, or follow them over time
///
/// A run is what one `generate`, `verify` or `replay` sent: its manifest has the plan and the results, its ledger
/// the outcome of every export. A run is named by its id, the id's beginning, or `latest`. Only generated runs
/// can be compared or followed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  e2e-store runs
  e2e-store runs show latest -o run.html
  e2e-store runs compare 41f0 latest --tolerance 5%
  e2e-store runs trend --metric p95 -o trend.html")]
pub(crate) struct RunsArgs {
    #[command(subcommand)]
    command: Option<RunsCommand>,

    /// Runs folder [default: runs]
    #[arg(long, value_name = "DIR", env = "E2E_STORE_RUNS", global = true)]
    runs: Option<PathBuf>,

    /// Report format on stdout
    #[arg(long, value_name = "FORMAT", default_value = "table", global = true)]
    format: RunsFormat,

    /// Report file (repeatable); format by extension (.html, .md, .txt)
    #[arg(short, long, value_name = "FILE", global = true)]
    output: Vec<PageFile>,
}

/// Format of a report on runs
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum RunsFormat {
    Table,
    Json,
    /// For job summaries and comments
    Markdown,
    /// One self-contained page for a browser
    Html,
}

#[derive(Debug, clap::Subcommand)]
enum RunsCommand {
    /// List all runs, oldest first (the default)
    List,
    /// Show a run's plan, outcomes, latencies, thresholds and calls
    Show {
        /// Run id, its beginning, or `latest`
        #[arg(value_name = "RUN")]
        run: String,
    },
    /// Compare runs with the first of them
    ///
    /// Exits with 1 when throughput, p95, p99 or error rate of any is worse than the first's by more than the
    /// tolerance, and with 2 when one of these was not recorded.
    Compare {
        /// Base run, then the runs to compare
        #[arg(value_name = "RUN", num_args = 2.., required = true)]
        names: Vec<String>,

        /// Tolerated loss, as a share of the base run's figure
        #[arg(long, value_name = "SHARE", default_value = "10%", value_parser = fraction)]
        tolerance: f64,
    },
    /// Show the runs of a load over time, and whether they got worse
    ///
    /// Looks at the newest run and all before it that sent the same load. A figure is worse when the median of the
    /// last three runs is worse than the median of those before them (three to twenty) by more than the tolerance
    /// and by more than three times their median deviation: one noisy run is no regression.
    ///
    /// Exits with 1 when a figure is worse, and with 2 when none, or not the one that was named, can be judged.
    Trend {
        /// Figure to judge [default: workflows_per_s, p95, p99, error_rate and audit_time]
        #[arg(long, value_name = "METRIC")]
        metric: Option<Metric>,

        /// Tolerated loss, as a share of the earlier runs' median
        #[arg(long, value_name = "SHARE", default_value = "10%", value_parser = fraction)]
        tolerance: f64,
    },
}

type Print<'a> = Box<dyn Fn(&mut dyn Write) -> anyhow::Result<()> + 'a>;

/// What a command found, in each form that it can be wanted in.
struct Answer<'a> {
    /// Of what the page is.
    name: &'static str,
    document: Box<dyn Fn(PageForm) -> Document + 'a>,
    json: Print<'a>,
    page: Page,
    exit: Exit,
}

pub(crate) fn run(args: &RunsArgs, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let waiting = pages::open(&args.output)?;
    let folder = args.folder()?;
    let loaded = runs::load_all(&folder)?;
    match &args.command {
        None | Some(RunsCommand::List) => {
            let answer = Answer {
                name: "e2e-store runs",
                document: Box::new(|_| list::document(&loaded, &folder)),
                json: Box::new(|out| list::print_json(out, &loaded)),
                page: Page::terminal(Paint::NONE),
                exit: Exit::Clean,
            };
            answer.give(args.format, waiting, out)
        }
        Some(RunsCommand::Show { run }) => match loaded.named(run, &folder)? {
            Named::Run(sent) => {
                let history = sent.history()?;
                let answer = Answer {
                    name: "e2e-store run",
                    document: Box::new(|form| show::document(sent, &history, extent(form))),
                    json: Box::new(|out| show::print_json(out, sent, &history)),
                    page: Page::UNBOUNDED,
                    exit: Exit::Clean,
                };
                answer.give(args.format, waiting, out)
            }
            Named::Replay(sent) => {
                let history = History::read(&runs::ledger_path(&sent.folder), u64::MAX)?;
                let answer = Answer {
                    name: "e2e-store replay",
                    document: Box::new(|form| replay::document(sent, &history, extent(form))),
                    json: Box::new(|out| replay::print_json(out, sent, &history)),
                    page: Page::UNBOUNDED,
                    exit: Exit::Clean,
                };
                answer.give(args.format, waiting, out)
            }
        },
        Some(RunsCommand::Compare { names, tolerance }) => {
            let compared = named(&loaded, names, &folder)?;
            let results: Vec<_> = compared.iter().map(|(_, results)| *results).collect();
            let sent: Vec<_> = compared.iter().map(|(sent, _)| *sent).collect();
            let comparison = Comparison::of(&results, *tolerance);
            let answer = Answer {
                name: "e2e-store runs compared",
                document: Box::new(|form| match extent(form) {
                    Extent::Short => compare::document(&sent, &comparison),
                    Extent::Full => compare::full(&sent, &comparison),
                }),
                json: Box::new(|out| compare::print_json(out, &sent, &comparison)),
                page: Page::terminal(Paint::NONE),
                exit: match comparison.worst() {
                    Standing::Worse => Exit::Found,
                    Standing::Unknown => Exit::Unknown,
                    Standing::Tolerated | Standing::Shown => Exit::Clean,
                },
            };
            answer.give(args.format, waiting, out)
        }
        Some(RunsCommand::Trend { metric, tolerance }) => {
            let trends = trends(&loaded, *metric, *tolerance, &folder)?;
            let answer = Answer {
                name: "e2e-store runs over time",
                document: Box::new(|_| trend::document(&trends)),
                json: Box::new(|out| json::print(out, &trends)),
                page: Page::terminal(Paint::NONE),
                exit: if trends.figures.iter().any(Trend::has_regressed) {
                    Exit::Found
                } else if trends.figures.iter().any(Trend::is_judged) {
                    Exit::Clean
                } else {
                    Exit::Unknown
                },
            };
            answer.give(args.format, waiting, out)
        }
    }
}

impl Answer<'_> {
    fn give(self, format: RunsFormat, waiting: Waiting, out: &mut dyn Write) -> anyhow::Result<Exit> {
        let Self { name, document, json, page, exit } = self;
        waiting.fill(name, &document)?;
        let text = match format {
            RunsFormat::Json => {
                json(out)?;
                return Ok(exit);
            }
            RunsFormat::Table => page::render(&document(PageForm::Text), page),
            RunsFormat::Markdown => pages::render(PageForm::Markdown, &document(PageForm::Markdown), name),
            RunsFormat::Html => pages::render(PageForm::Html, &document(PageForm::Html), name),
        };
        out.write_all(text.as_bytes())?;
        Ok(exit)
    }
}

/// Only a page draws figures.
pub(crate) fn extent(form: PageForm) -> Extent {
    match form {
        PageForm::Text | PageForm::Markdown => Extent::Short,
        PageForm::Html => Extent::Full,
    }
}

/// The newest finished run, and those before it that sent the same load.
fn trends(loaded: &Loaded, metric: Option<Metric>, tolerance: f64, folder: &Path) -> anyhow::Result<Trends> {
    let sent = loaded.sent();
    let is_finished = |sent: &&Sent<'_>| sent.results().is_some_and(|results| !results.interrupted);
    let finished: Vec<&Sent<'_>> = sent.iter().filter(is_finished).collect();
    let Some(newest) = finished.last() else {
        let what = format!("no run in `{}` has ended by itself", folder.display());
        return Err(Problem::new(what, "`e2e-store generate --label NAME` sends one").into());
    };
    let alike: Vec<&&Sent<'_>> =
        finished.iter().filter(|sent| is_same_load(sent.manifest(), newest.manifest())).collect();
    let measured: Vec<Measured> = alike
        .iter()
        .filter_map(|sent| {
            let audit_seconds = audit_seconds(&sent.part.folder);
            Some(Measured { results: sent.results()?.clone(), audit_seconds })
        })
        .collect();
    let run = |sent: &&&Sent<'_>| TrendRun {
        run: sent.name(),
        made: sent.manifest().created_at,
        label: sent.manifest().label.clone(),
    };
    let metrics = metric.map_or(Metric::USUAL.to_vec(), |metric| vec![metric]);
    Ok(Trends {
        version: Trends::VERSION,
        runs: alike.iter().map(run).collect(),
        of_another_load: finished.len() - alike.len(),
        unfinished: sent.len() - finished.len(),
        tolerance,
        figures: metrics.into_iter().map(|metric| Trend::of(metric, &measured, tolerance)).collect(),
    })
}

/// Of the audit that is saved with a run; none where there is none that tells it.
fn audit_seconds(folder: &Path) -> Option<f64> {
    let text = regular::read(&folder.join(SAVED)).ok()?;
    let report: serde_json::Value = serde_json::from_slice(&text).ok()?;
    report.get("coverage")?.get("took")?.as_f64()
}

impl RunsArgs {
    /// A folder that was named must be there; without one there may be no runs yet.
    fn folder(&self) -> Result<PathBuf, Problem> {
        runs::folder(self.runs.as_deref(), "name the folder that `e2e-store generate` wrote")
    }
}

/// Only a run that has ended has figures to compare.
fn named<'a>(
    loaded: &'a Loaded,
    names: &[String],
    folder: &Path,
) -> anyhow::Result<Vec<(Sent<'a>, &'a Results)>> {
    let mut compared = Vec::with_capacity(names.len());
    for name in names {
        let sent = match loaded.named(name, folder)? {
            Named::Run(sent) => sent,
            Named::Replay(_) => {
                let what = format!("`{name}` is a replay, and only generated runs can be compared");
                return Err(Problem::new(what, "`e2e-store runs` lists them").into());
            }
        };
        let results = sent.results().ok_or_else(|| {
            let name = sent.name();
            let hint = format!("`e2e-store runs show {name}` tells what its ledger says");
            Problem::new(format!("run `{name}` did not end by itself, so it has no figures"), hint)
        })?;
        compared.push((sent, results));
    }
    Ok(compared)
}
