//! `inspect`.

use std::{io::Write, path::PathBuf, time::Duration};

use crate::{
    base::{
        clock::unix_nanos,
        duration,
        exit::Exit,
        memory::{Limits, Memory},
    },
    inspect,
    report::{inspect as report, inspect::Look},
    store::{find::find_store, session},
    text::paint::{Color, Paint},
};

/// List a store's files, with health, rows, times and services
///
/// Reads WAL segments whole, and of Parquet files the footer and the column `service_name`; `audit` reads the
/// other pages. Says what the next flush would do, and at which segment it would fail.
///
/// Exits with 0 when every file is sound, 1 when one is damaged, unreadable, or makes the next flush fail, and
/// 2 when there is no store.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  e2e-store inspect
  e2e-store inspect .dbdata/spans/wal --growth 5s
  e2e-store inspect /data --limit 5
  e2e-store inspect /data --format json | jq '.wal.next_flush'")]
pub(crate) struct InspectArgs {
    /// Data directory, any folder of it, or a single file; also as `s3://`, `gs://`, `az://` or `https://` URL
    /// [default: .dbdata, then ~/.junjo]
    #[arg(value_name = "PATH", env = "E2E_STORE_DATA_DIR")]
    path: Option<PathBuf>,

    /// Growth of the WAL over this time
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    growth: Option<Duration>,

    #[command(flatten)]
    shape: Shape,

    /// Newest files to list per tier; JSON has all
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,

    /// Memory that a file may decode to
    #[arg(long, value_name = "SIZE", env = "E2E_STORE_MEMORY_LIMIT", default_value_t)]
    memory_limit: Memory,
}

/// Report format and colour
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Report")]
pub(crate) struct Shape {
    /// Report format
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(crate) format: Format,

    /// Width in columns [default: the terminal's]
    #[arg(long, value_name = "COLUMNS", value_parser = clap::value_parser!(u16).range(40..))]
    pub(crate) width: Option<u16>,

    /// Colour of the report
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    Table,
    Json,
}

/// One partition and small batches: only narrow columns are scanned.
pub(crate) const SESSION: Limits = Limits { memory: 256 << 20, partitions: 1, batch_rows: 8_192 };

pub(crate) async fn run(args: &InspectArgs, out: &mut dyn Write) -> anyhow::Result<Exit> {
    args.memory_limit.bound_decoding();
    let layout = find_store(args.path.as_deref())?;
    let session = session::session(SESSION)?;
    let mut inspection = inspect::inspect(&layout, &session.task_ctx()).await?;
    if let Some(after) = args.growth {
        inspection.wal.growth = Some(inspect::growth(&layout, after).await);
    }
    match args.shape.format {
        Format::Table => {
            let look = Look {
                paint: Paint::for_stdout(args.shape.color),
                width: args.shape.columns(),
                limit: args.limit,
                now: unix_nanos(),
            };
            report::print(out, &inspection, &look)?;
        }
        Format::Json => report::print_json(out, &inspection)?,
    }
    Ok(if inspection.is_sound() { Exit::Clean } else { Exit::Found })
}

impl Shape {
    /// The columns to fit into, where there is a limit.
    pub(crate) fn columns(&self) -> Option<usize> {
        self.width.map(usize::from).or_else(crate::report::table::terminal_width)
    }
}
