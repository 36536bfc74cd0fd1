//! `snapshot`.

use std::{io::Write, path::PathBuf, time::Instant};

use super::progress;
use crate::{
    base::{exit::Exit, url},
    settings::{Settings, args::InternalArgs},
    store::layout::Layout,
    text::{
        escape::plain,
        numbers::{bytes, counted, duration},
    },
    wire::ingestion::Ingestion,
};

/// Have the studio copy its WAL to the hot snapshot
///
/// Calls PrepareHotSnapshot and prints the answer, with the studio's paths mapped onto the data directory. Exits
/// with 1 when the studio reports a failure, and 2 when it does not answer.
#[derive(Debug, clap::Args)]
pub(crate) struct SnapshotArgs {
    #[command(flatten)]
    internal: InternalArgs,

    /// Data directory of the files [default: .dbdata, then ~/.junjo]
    #[arg(long, value_name = "DIR", env = "E2E_STORE_DATA_DIR", value_parser = url::local_path())]
    data_dir: Option<PathBuf>,
}

pub(crate) async fn run(args: &SnapshotArgs, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let settings = Settings::resolve(None, &args.internal)?;
    let target = &settings.internal_endpoint;
    let mut ingestion = Ingestion::connect(target, settings.internal_token.as_deref()).await?;
    let began = Instant::now();
    let snapshot = match ingestion.snapshot().await {
        Ok(snapshot) => snapshot,
        Err(refusal) => {
            progress::refused("PrepareHotSnapshot", target, &refusal);
            return Ok(refusal.exit());
        }
    };
    let took = duration(began.elapsed());
    let layout = match &args.data_dir {
        Some(dir) => Some(Layout::find(Some(dir))?),
        None => Layout::find(None).ok(),
    };
    let here = |path: &str| match layout.as_ref().and_then(|layout| layout.on_host(path)) {
        Some(found) if found.exists() => format!("{}\n  here: {}", plain(path), found.display()),
        Some(absent) => format!("{}\n  not here: {} does not exist", plain(path), absent.display()),
        None => plain(path),
    };
    match &snapshot.path {
        Some(path) => {
            let (rows, size) = (snapshot.rows.unsigned_abs(), snapshot.bytes.unsigned_abs());
            writeln!(out, "hot snapshot of {}, {}, in {took}", counted(rows, "row"), bytes(size))?;
            writeln!(out, "{}", here(path))?;
        }
        None => writeln!(out, "no hot snapshot: the WAL holds nothing ({took})")?,
    }
    writeln!(out, "{}", counted(snapshot.recent_cold_paths.len() as u64, "recent cold file"))?;
    for path in &snapshot.recent_cold_paths {
        writeln!(out, "{}", here(path))?;
    }
    Ok(Exit::Clean)
}
