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

/// List the shapes of traffic
///
/// Says how many spans, bytes of OTLP and events a workflow of each profile has on average, in how many
/// variants it comes, and whether there is a legacy form of it. `generate` and `verify` take one with
/// `--profile`, or a mix of several.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  e2e-store profiles
  e2e-store profiles --measure
  e2e-store verify --profile getting-started=7,adversarial=1")]
pub(crate) struct ProfilesArgs {
    /// Measure how fast one core makes exports of 512 spans; beside it, how fast it builds and encodes the
    /// same spans as owned messages. Takes about a second for each profile
    #[arg(long)]
    measure: bool,

    /// Form of the list
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
