//! `selftest`.

use std::io::Write;

use super::pages::{self, PageFile};
use crate::{
    base::{exit::Exit, notice},
    proof::{
        matrix::{self, ProofFormat},
        page,
        selftest::{self, Selection},
    },
};

/// Plant every known defect, and prove that the audit finds it
///
/// Damages copies of small stores and runs traffic against a stand-in with one fault at a time, in temporary folders.
/// Each defect must fire its checks, all of them and nothing else, with findings that name the spans or files that were
/// hit; clean stores and runs must be silent. Exits with 1 where that is not so.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  e2e-store selftest
  e2e-store selftest --only drop-span --only delete_cold_file
  e2e-store selftest -o proof.html
  e2e-store selftest --seeds 25 --format markdown > proof.md")]
pub(crate) struct SelftestArgs {
    /// Number of seeds: stores, runs and traffic of each are others
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,

    /// Only this defect (repeatable)
    #[arg(long, value_name = "DEFECT")]
    only: Vec<String>,

    /// Number of clean runs beside those of the seeds
    #[arg(long, value_name = "N", default_value_t = 0)]
    clean: u64,

    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: ProofFormat,

    /// Report file (repeatable); format by extension (.html, .md, .txt)
    #[arg(short, long, value_name = "FILE")]
    output: Vec<PageFile>,
}

/// How many defects are planted between two lines of progress.
const PROGRESS: usize = 50;

pub(crate) async fn run(args: &SelftestArgs, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let waiting = pages::open(&args.output)?;
    let selection = Selection { seeds: args.seeds, only: args.only.clone(), clean: args.clean };
    let proof = selftest::run(&selection, |done, all| {
        if done.is_multiple_of(PROGRESS) || done == all {
            notice::note(&format!("selftest: {done} of {all} defects planted"));
        }
    })
    .await?;
    waiting.fill(page::NAME, |_| page::document(&proof))?;
    matrix::print(out, args.format, &proof)?;
    Ok(if matrix::holds(&proof) { Exit::Clean } else { Exit::Found })
}
