//! `flush`.

use std::{io::Write, time::Instant};

use super::progress;
use crate::{
    base::exit::Exit,
    settings::{Settings, args::InternalArgs},
    text::numbers,
    wire::ingestion::Ingestion,
};

/// Have the studio write its WAL to a cold file
///
/// Calls FlushWAL. Exits with 1 when the studio reports a failure, and 2 when it does not answer.
#[derive(Debug, clap::Args)]
pub(crate) struct FlushArgs {
    #[command(flatten)]
    internal: InternalArgs,
}

pub(crate) async fn run(args: &FlushArgs, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let settings = Settings::resolve(None, &args.internal)?;
    let target = &settings.internal_endpoint;
    let mut ingestion = Ingestion::connect(target, settings.internal_token.as_deref()).await?;
    let began = Instant::now();
    match ingestion.flush().await {
        Ok(()) => {
            writeln!(out, "flushed in {}", numbers::duration(began.elapsed()))?;
            Ok(Exit::Clean)
        }
        Err(refusal) => {
            progress::refused("FlushWAL", target, &refusal);
            Ok(refusal.exit())
        }
    }
}
