//! `profiles`.

use std::{io::Write, time::Duration};

use clap::ValueEnum;
use tokio::task::spawn_blocking;

use super::audit::Format;
use crate::{
    base::{exit::Exit, notice},
    report::profiles::{self, Described},
    send::measure::measure,
    traffic::{figures::Figures, profile::Profile},
};

/// How long each profile is measured.
const TIME: Duration = Duration::from_secs(1);

/// List the traffic profiles
///
/// With the mean number of spans, OTLP bytes and events of a workflow, the number of variants, and whether there
/// is a legacy form. `generate` and `verify` take a profile, or a mix, with `--profile`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  e2e-store profiles
  e2e-store profiles --measure
  e2e-store verify --profile getting-started=7,adversarial=1")]
pub(crate) struct ProfilesArgs {
    /// Measure the throughput of one core, encoding directly and by owned messages (1 s per profile)
    #[arg(long)]
    measure: bool,

    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
}

pub(crate) async fn run(args: &ProfilesArgs, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let mut described = Vec::new();
    for &profile in Profile::value_variants() {
        let measured = if args.measure {
            notice::note(&format!("measuring {}", profile.name()));
            Some(spawn_blocking(move || measure(profile, TIME)).await??)
        } else {
            None
        };
        described.push(Described { profile, figures: Figures::of(profile)?, measured });
    }
    match args.format {
        Format::Table => profiles::print(out, &described)?,
        Format::Json => profiles::print_json(out, &described)?,
    }
    Ok(Exit::Clean)
}
