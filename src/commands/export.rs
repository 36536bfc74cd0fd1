//! `export`.

use std::{
    fs,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use tempfile::NamedTempFile;

use super::selection::SelectionArgs;
use crate::{
    base::exit::Exit,
    report,
    source::{
        gather::Draft,
        run::{self, Made},
    },
    text::numbers,
};

/// Export spans of a store as OTLP JSON lines
///
/// One `ExportTraceServiceRequest` per line, as OpenTelemetry's Collector reads and writes them, compressed for
/// names ending in `.gz` or `.zst`. Takes every source of `replay`. Stored rows have lost scopes, schema URLs,
/// which texts were bytes, and which nulls were NaN.
///
/// Exits with 0 when everything was written, 1 when a part of the source could not be read, and 2 when there
/// was nothing to write.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  e2e-store export .dbdata -o spans.jsonl
  e2e-store export .dbdata -o bad-day.jsonl.zst --from 2026-11-25T08:00:00Z --to 2026-11-25T09:00:00Z
  e2e-store export .dbdata -o slow.jsonl --where 'duration_ns > 5e9'")]
pub(crate) struct ExportArgs {
    /// Data directory, any folder or file of it, or a file of OTLP requests
    #[arg(value_name = "PATH")]
    path: PathBuf,

    /// Output file
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    #[command(flatten)]
    selection: SelectionArgs,
}

pub(crate) async fn run(args: &ExportArgs, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let surveyed = run::prepare(&args.path, args.selection.options(), false).await?;
    report::replay::print_source(out, &surveyed)?;
    if surveyed.survey.spans == 0 {
        return Err(surveyed.nothing_to_send().into());
    }
    let mut lines = Lines::create(&args.output)?;
    let recipe = Arc::new(surveyed.recipe);
    let made = run::make(recipe, |draft| lines.write(&draft)).await?;
    lines.finish(&args.output)?;
    let Made { exports, spans, notes, .. } = &made;
    report::replay::print_losses(out, notes)?;
    writeln!(
        out,
        "{} in {} written to {}",
        numbers::counted(*spans, "span"),
        numbers::counted(*exports, "line"),
        args.output.display()
    )?;
    let whole = notes.trouble.is_empty() && surveyed.survey.notes.trouble.is_empty();
    Ok(if whole { Exit::Clean } else { Exit::Found })
}

/// A file that gets its name when it is whole.
struct Lines {
    writer: Compressed,
}

enum Compressed {
    Plain(BufWriter<NamedTempFile>),
    Gzip(flate2::write::GzEncoder<BufWriter<NamedTempFile>>),
    Zstd(zstd::Encoder<'static, BufWriter<NamedTempFile>>),
}

impl Lines {
    fn create(path: &Path) -> anyhow::Result<Self> {
        let create = || -> anyhow::Result<Self> {
            let folder =
                path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let file = BufWriter::new(NamedTempFile::new_in(folder)?);
            let writer = match path.extension().and_then(|ending| ending.to_str()) {
                Some("gz") => {
                    Compressed::Gzip(flate2::write::GzEncoder::new(file, flate2::Compression::default()))
                }
                Some("zst" | "zstd") => Compressed::Zstd(zstd::Encoder::new(file, 3)?),
                _ => Compressed::Plain(file),
            };
            Ok(Self { writer })
        };
        create().with_context(|| format!("cannot write `{}`", path.display()))
    }

    fn write(&mut self, draft: &Draft) -> anyhow::Result<()> {
        let request = ExportTraceServiceRequest::decode(&*draft.request)?;
        let out: &mut dyn Write = match &mut self.writer {
            Compressed::Plain(writer) => writer,
            Compressed::Gzip(writer) => writer,
            Compressed::Zstd(writer) => writer,
        };
        serde_json::to_writer(&mut *out, &request)?;
        out.write_all(b"\n")?;
        Ok(())
    }

    fn finish(self, path: &Path) -> anyhow::Result<()> {
        let finish = || -> anyhow::Result<()> {
            let file = match self.writer {
                Compressed::Plain(writer) => writer,
                Compressed::Gzip(writer) => writer.finish()?,
                Compressed::Zstd(writer) => writer.finish()?,
            };
            let file = file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
            #[cfg(unix)]
            fs::set_permissions(file.path(), std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
            file.persist(path)?;
            Ok(())
        };
        finish().with_context(|| format!("cannot write `{}`", path.display()))
    }
}
