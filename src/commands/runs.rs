//! `runs`.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use super::{audit::Format, workload::fraction};
use crate::{
    base::{exit::Exit, problem::Problem},
    ledger::{
        history::History,
        lookup::{Named, Sent},
        results::Results,
        runs::{self, Loaded},
    },
    report::runs::{compare, list, replay, show},
    send::compare::{Comparison, Standing},
};

/// List, show or compare runs
///
/// A run is what one `generate`, `verify` or `replay` sent: its manifest has the plan and the results, its ledger
/// the outcome of every export. A run is named by its id, the id's beginning, or `latest`. Only generated runs
/// can be compared.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  e2e-store runs
  e2e-store runs show latest
  e2e-store runs compare 41f0 latest --tolerance 5%")]
pub(crate) struct RunsArgs {
    #[command(subcommand)]
    command: Option<RunsCommand>,

    /// Runs folder [default: runs]
    #[arg(long, value_name = "DIR", env = "E2E_STORE_RUNS", global = true)]
    runs: Option<PathBuf>,

    /// Report format
    #[arg(long, value_name = "FORMAT", default_value = "table", global = true)]
    format: Format,
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
}

pub(crate) fn run(args: &RunsArgs, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let folder = args.folder()?;
    let loaded = runs::load_all(&folder)?;
    match &args.command {
        None | Some(RunsCommand::List) => {
            match args.format {
                Format::Table => list::print(out, &loaded, &folder)?,
                Format::Json => list::print_json(out, &loaded)?,
            }
            Ok(Exit::Clean)
        }
        Some(RunsCommand::Show { run }) => {
            match loaded.named(run, &folder)? {
                Named::Run(sent) => {
                    let history = sent.history()?;
                    match args.format {
                        Format::Table => show::print(out, sent, &history)?,
                        Format::Json => show::print_json(out, sent, &history)?,
                    }
                }
                Named::Replay(sent) => {
                    let history = History::read(&runs::ledger_path(&sent.folder), u64::MAX)?;
                    match args.format {
                        Format::Table => replay::print(out, sent, &history)?,
                        Format::Json => replay::print_json(out, sent, &history)?,
                    }
                }
            }
            Ok(Exit::Clean)
        }
        Some(RunsCommand::Compare { names, tolerance }) => {
            let compared = named(&loaded, names, &folder)?;
            let results: Vec<_> = compared.iter().map(|(_, results)| *results).collect();
            let sent: Vec<_> = compared.iter().map(|(sent, _)| *sent).collect();
            let comparison = Comparison::of(&results, *tolerance);
            match args.format {
                Format::Table => compare::print(out, &sent, &comparison)?,
                Format::Json => compare::print_json(out, &sent, &comparison)?,
            }
            Ok(match comparison.worst() {
                Standing::Worse => Exit::Found,
                Standing::Unknown => Exit::Unknown,
                Standing::Tolerated | Standing::Shown => Exit::Clean,
            })
        }
    }
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
