//! `faults`.

use std::io::Write;

use super::audit::Format;
use crate::{base::exit::Exit, report::faults, standin::faults::catalogue};

/// List the faults of the stand-in
///
/// What `serve --fault` can plant: each with what there is one opportunity for each of, and when it strikes where
/// nothing is said (`=RATE` at each opportunity with this probability, `@N` at the Nth).
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  e2e-store faults
  e2e-store serve --fault drop-span=0.001 --fault restart@30s --seed 7")]
pub(crate) struct FaultsArgs {
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
}

pub(crate) fn run(args: &FaultsArgs, out: &mut dyn Write) -> anyhow::Result<Exit> {
    match args.format {
        Format::Table => faults::print(out, catalogue())?,
        Format::Json => faults::print_json(out, catalogue())?,
    }
    Ok(Exit::Clean)
}
