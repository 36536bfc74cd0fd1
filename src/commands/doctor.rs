//! `doctor`.

use std::{io::Write, path::PathBuf, time::Duration};

use super::{
    inspect::{Format, SESSION, Shape},
    studio::StudioArgs,
};
use crate::{
    base::{exit::Exit, memory::Memory, url},
    doctor::{
        self, Visit, page,
        settings::{Origins, told},
    },
    judge::reading::DEFAULT_SETTLE,
    settings::{
        Settings,
        args::{InternalArgs, OtlpArgs},
    },
    store::session,
    text::paint::Paint,
};

/// Diagnose missing, polluted or slow data
///
/// Walks the troubleshooting lists: endpoint, TLS, key, internal service, token, data directory, WAL, snapshot,
/// permissions, clocks, disk. Sends one tagged span (service `e2e-store-doctor`, run d0c7d0c7d0c7) and looks for
/// it on disk; calls PrepareHotSnapshot and, only with --flush, FlushWAL. With --studio, asks the backend for its
/// version. Below each step that is not well stand
/// the commands to type next.
///
/// Exits with 0 when no step fails, 1 when one does, and 2 when the settings are not understood.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  e2e-store doctor
  e2e-store doctor --endpoint localhost:26155 --data-dir .dbdata --studio http://localhost:26154
  e2e-store doctor --no-send --format json | jq '.steps[] | select(.outcome == \"fail\")'")]
pub(crate) struct DoctorArgs {
    // The first, because taking the others' values forgets where they came from.
    #[command(flatten)]
    origins: Origins,

    #[command(flatten)]
    otlp: OtlpArgs,

    #[command(flatten)]
    internal: InternalArgs,

    /// Data directory of the studio, or any folder of it [default: .dbdata, then ~/.junjo]
    #[arg(long, value_name = "DIR", env = "E2E_STORE_DATA_DIR", value_parser = url::local_path())]
    data_dir: Option<PathBuf>,

    #[command(flatten)]
    studio: StudioArgs,

    /// Send no span; whether the endpoint writes into this directory is then unknown
    #[arg(long)]
    no_send: bool,

    /// Call and time FlushWAL, which moves the WAL into a cold file
    #[arg(long)]
    flush: bool,

    /// Seconds within which the span must be on disk
    #[arg(long, value_name = "SECONDS", default_value_t = DEFAULT_SETTLE.as_secs())]
    settle: u64,

    #[command(flatten)]
    shape: Shape,

    /// Memory that a file may decode to
    #[arg(long, value_name = "SIZE", env = "E2E_STORE_MEMORY_LIMIT", default_value_t)]
    memory_limit: Memory,
}

pub(crate) async fn run(args: &DoctorArgs, out: &mut dyn Write) -> anyhow::Result<Exit> {
    args.memory_limit.bound_decoding();
    let settings = Settings::resolve(Some(&args.otlp), &args.internal)?;
    let visit = Visit {
        shown_settings: told(&settings, &args.origins, &args.internal, args.data_dir.as_deref())?,
        settings: &settings,
        data_dir: args.data_dir.as_deref(),
        studio: args.studio.url.as_ref(),
        send: !args.no_send,
        flush: args.flush,
        settle: Duration::from_secs(args.settle),
    };
    let session = session::session(SESSION)?;
    let diagnosis = doctor::examine(visit, &session.task_ctx()).await?;
    match args.shape.format {
        Format::Table => {
            let paint = Paint::for_stdout(args.shape.color);
            page::print(out, &diagnosis, paint, args.shape.columns())?;
        }
        Format::Json => page::print_json(out, &diagnosis)?,
    }
    Ok(if diagnosis.has_failed() { Exit::Found } else { Exit::Clean })
}
