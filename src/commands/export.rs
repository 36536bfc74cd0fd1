//! `export`.

use std::{
    io::{self, BufWriter, IntoInnerError, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

use super::selection::{ScrubArgs, SelectionArgs};
use crate::{
    base::{exit::Exit, memory::Memory, output::Output},
    report,
    source::{
        gather::PendingExport,
        otlp_json,
        run::{self, Produced},
    },
    store::layout::Layout,
    text::numbers,
};

/// Export spans of a store as OTLP JSON lines
///
/// One `ExportTraceServiceRequest` per line, as OpenTelemetry's Collector reads and writes them, compressed for
/// names ending in `.gz` or `.zst`. Takes every source of `replay`. Stored rows have lost scopes, schema URLs,
/// which texts were bytes, and which nulls were NaN.
///
/// Exits with 0 when everything was written, 1 when a part of the source could not be read or spans of it cannot
/// be sent, which are named, and 2 when there was nothing to write.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  e2e-store export .dbdata -o spans.jsonl
  e2e-store export .dbdata -o bad-day.jsonl.zst --from 2026-11-25T08:00:00Z --to 2026-11-25T09:00:00Z
  e2e-store export .dbdata -o slow.jsonl --where 'duration_ns > 5e9'")]
pub(crate) struct ExportArgs {
    /// Data directory, any folder or file of it, or its URL; or a file of OTLP requests
    #[arg(value_name = "PATH")]
    path: PathBuf,

    /// Output file; `-` is stdout
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    #[command(flatten)]
    selection: SelectionArgs,

    #[command(flatten)]
    scrub: ScrubArgs,

    /// Memory that a file or a request may decode to
    #[arg(long, value_name = "SIZE", env = "E2E_STORE_MEMORY_LIMIT", default_value_t)]
    memory_limit: Memory,
}

pub(crate) async fn run(args: &ExportArgs, out: &mut dyn Write) -> anyhow::Result<Exit> {
    args.memory_limit.bound_decoding();
    let options = args.scrub.options(args.selection.options());
    let surveyed = run::prepare(&args.path, options, false).await?;
    if surveyed.survey.spans == 0 {
        report::replay::print_source(out, &surveyed)?;
        return Err(surveyed.nothing_to_send().into());
    }
    // Of a bucket no place is written to.
    let protected = Layout::find(Some(&args.path)).map(|layout| layout.protected()).unwrap_or_default();
    let mut lines = Lines::create(&args.output, &protected)?;
    // Where the lines go to standard output, nothing else does.
    let says: &mut dyn Write = if lines.on_stdout { &mut io::stderr() } else { out };
    report::replay::print_source(says, &surveyed)?;
    let (planned, is_whole) = (surveyed.spans(), surveyed.survey.notes.is_whole());
    let made = run::make(Arc::new(surveyed.recipe), |draft| lines.write(&draft)).await?;
    lines.finish()?;
    let Produced { exports, spans, notes, .. } = &made;
    report::replay::print_losses(says, notes)?;
    report::replay::print_changed(says, planned, &made)?;
    writeln!(
        says,
        "{} in {} written to {}",
        numbers::counted(*spans, "span"),
        numbers::counted(*exports, "line"),
        args.output.display()
    )?;
    Ok(if is_whole && made.is_all_of(planned) { Exit::Clean } else { Exit::Found })
}

/// Lines on their way to where they were asked for.
struct Lines {
    writer: Compressed,
    on_stdout: bool,
}

enum Compressed {
    Plain(BufWriter<Output>),
    Gzip(flate2::write::GzEncoder<BufWriter<Output>>),
    Zstd(zstd::Encoder<'static, BufWriter<Output>>),
}

impl Lines {
    fn create(path: &Path, protected: &[PathBuf]) -> anyhow::Result<Self> {
        let output = Output::create(path, protected)?;
        let on_stdout = output.is_stdout();
        let out = BufWriter::new(output);
        let writer = match path.extension().and_then(|ending| ending.to_str()) {
            Some("gz") => {
                Compressed::Gzip(flate2::write::GzEncoder::new(out, flate2::Compression::default()))
            }
            Some("zst" | "zstd") => Compressed::Zstd(zstd::Encoder::new(out, 3)?),
            _ => Compressed::Plain(out),
        };
        Ok(Self { writer, on_stdout })
    }

    fn write(&mut self, draft: &PendingExport) -> anyhow::Result<()> {
        let request = ExportTraceServiceRequest::decode(&*draft.request)?;
        let line = otlp_json::write::request(&request);
        let out: &mut dyn Write = match &mut self.writer {
            Compressed::Plain(writer) => writer,
            Compressed::Gzip(writer) => writer,
            Compressed::Zstd(writer) => writer,
        };
        out.write_all(line.as_bytes())?;
        out.write_all(b"\n")?;
        Ok(())
    }

    fn finish(self) -> anyhow::Result<()> {
        let out = match self.writer {
            Compressed::Plain(writer) => writer,
            Compressed::Gzip(writer) => writer.finish()?,
            Compressed::Zstd(writer) => writer.finish()?,
        };
        Ok(out.into_inner().map_err(IntoInnerError::into_error)?.finish()?)
    }
}
