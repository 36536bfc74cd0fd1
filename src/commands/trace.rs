//! `trace`.

use std::{fmt::Write as _, io::Write, path::PathBuf};

use super::inspect::SESSION;
use crate::{
    base::{exit::Exit, memory::Memory, notice, problem::Problem},
    report::{table, trace as report, trace::Look},
    source::otlp_json,
    store::{find::find_store, footer::Statistics, layout::Layout, session},
    text::{
        escape::plain,
        numbers::counted,
        paint::{Color, Paint},
    },
    trace::{
        Trace,
        fetch::{self, Fetched},
        find::{self, Found, Hit, Search, Unread},
        findings,
        otlp::{self, LeftOut},
    },
};

/// Show a trace as a tree, with times, states and files
///
/// The beginning of an id will do where it is unique. Spans are drawn with their durations; below them, changes of
/// Junjo's stores and recorded exceptions. Copies of a span in several files are one line with all their places
/// (`c1:12` is row 12 of the cold file c1), and a parent that is not stored is a line of its own. Spans are marked with
/// what `audit --run none` finds there of Junjo's own evidence, for which the whole store is read.
///
/// Exits with 0 when the trace was shown, 1 when `--format otlp` left spans out, which are named on stderr, or a file
/// was not read that may hold more of it, and 2 when there is no such
/// trace, or several.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  e2e-store trace 2a835b807588a753a664d42ecb86bd02
  e2e-store trace 2a83 .dbdata --width 200
  e2e-store trace 2a83 --format json | jq '.stores[].transitions'
  e2e-store trace 2a83 --format otlp > trace.jsonl")]
pub(crate) struct TraceArgs {
    /// Trace id in hex, or its beginning
    #[arg(value_name = "ID")]
    id: String,

    /// Data directory, any folder of it, or a single file; also as `s3://`, `gs://`, `az://` or `https://` URL
    /// [default: .dbdata, then ~/.junjo]
    #[arg(value_name = "PATH", env = "E2E_STORE_DATA_DIR")]
    path: Option<PathBuf>,

    /// Report format
    #[arg(long, value_name = "FORMAT", default_value = "table", help_heading = "Report")]
    format: Format,

    /// Width in columns [default: the terminal's]
    #[arg(long, value_name = "COLUMNS", value_parser = clap::value_parser!(u16).range(40..), help_heading = "Report")]
    width: Option<u16>,

    /// Colour of the report
    #[arg(long, value_name = "WHEN", default_value = "auto", help_heading = "Report")]
    color: Color,

    /// Pass over files whose footer statistics leave the id out; only `audit` holds these against the values
    #[arg(long)]
    trust_statistics: bool,

    /// Draw the tree without findings: of other traces, only the ids are read
    #[arg(long)]
    unjudged: bool,

    /// Spans to show; JSON has all
    #[arg(long, value_name = "N", default_value_t = 200)]
    limit: usize,

    /// Memory that a file may decode to
    #[arg(long, value_name = "SIZE", env = "E2E_STORE_MEMORY_LIMIT", default_value_t)]
    memory_limit: Memory,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// The tree, for people
    Table,
    /// The tree, its spans with all columns and places, its stores
    Json,
    /// One line of OTLP JSON, for other tools and for `replay`
    Otlp,
}

/// Spans that are left out and named one by one.
const NAMED: usize = 20;

/// Candidates to name where the beginning of an id is not enough.
const CANDIDATES_SHOWN: usize = 20;

/// Searches before a store that is flushed all the time is given up.
const ATTEMPTS: usize = 5;

pub(crate) async fn run(args: &TraceArgs, out: &mut dyn Write) -> anyhow::Result<Exit> {
    args.memory_limit.bound_decoding();
    let layout = find_store(args.path.as_deref())?;
    let statistics = if args.trust_statistics { Statistics::Trusted } else { Statistics::Ignored };
    let mut trace = read(&args.id.trim().to_ascii_lowercase(), &layout, statistics).await?;
    if args.format != Format::Otlp {
        describe(&mut trace, args, &layout).await;
    }
    match args.format {
        Format::Table => {
            let width = args.width.map(usize::from).or_else(table::terminal_width);
            let look = Look { paint: Paint::for_stdout(args.color), width, limit: args.limit };
            report::print(out, &trace, &look)?;
        }
        Format::Json => report::json::print(out, &trace, &layout.spans)?,
        Format::Otlp => return print_otlp(out, &trace),
    }
    Ok(Exit::Clean)
}

/// Adds what is known of the trace beyond its rows.
async fn describe(trace: &mut Trace, args: &TraceArgs, layout: &Layout) {
    if !args.unjudged {
        match findings::find(layout, &trace.id, args.memory_limit).await {
            Ok(found) => trace.findings = found,
            Err(err) => notice::note(&format!("not judged: {}", plain(&format!("{err:#}")))),
        }
    }
    let has_index = layout.index().is_some_and(|index| index.exists());
    trace.indexed_store = has_index.then(|| args.path.clone().unwrap_or_else(|| layout.spans.clone()));
}

fn print_otlp(out: &mut dyn Write, trace: &Trace) -> anyhow::Result<Exit> {
    let (request, left_out) = otlp::request(trace);
    writeln!(out, "{}", otlp_json::write::request(&request))?;
    for LeftOut { span_id, place, why } in left_out.iter().take(NAMED) {
        let place = place.map(|place| format!(" ({} row {})", plain(&place.file), place.row));
        notice::note(&format!("span {}{} is left out: its {why}", plain(span_id), place.unwrap_or_default()));
    }
    if left_out.len() > NAMED {
        notice::note(&format!("and {} more", counted((left_out.len() - NAMED) as u64, "span")));
    }
    for Unread { file, why } in &trace.unread {
        notice::note(&format!(
            "not read, and may hold more of it: {}: {}",
            plain(file),
            plain(&why.to_string())
        ));
    }
    Ok(if left_out.is_empty() && trace.unread.is_empty() { Exit::Clean } else { Exit::Found })
}

async fn read(id: &str, layout: &Layout, statistics: Statistics) -> anyhow::Result<Trace> {
    if id.is_empty() {
        return Err(Problem::new("`` names no trace", "write a trace id or its beginning").into());
    }
    let context = session::session(SESSION)?.task_ctx();
    for _ in 0..ATTEMPTS {
        let search = Search { statistics, ..Search::of(id, &context) };
        let mut found = find::find(layout, &search).await?;
        let (trace_id, hits) = only(id, &mut found, layout)?;
        if let Fetched::Rows { rows, unread } = fetch::fetch(&hits, &context).await {
            if rows.is_empty() {
                return Err(undecodable(&trace_id, &hits, &unread).into());
            }
            found.unread.extend(unread);
            return Ok(Trace::new(trace_id, rows, found.unread));
        }
    }
    let what = format!("files of `{}` keep moving while they are read", layout.spans.display());
    Err(Problem::new(what, "try again when no flush or snapshot is under way").into())
}

/// The trace that is meant: the id itself, else the only one that begins so.
fn only(id: &str, found: &mut Found, layout: &Layout) -> Result<(String, Vec<Hit>), Problem> {
    if let Some((id, hits)) = found.traces.remove_entry(id) {
        return Ok((id, hits));
    }
    match found.traces.len() {
        0 => Err(absent(id, found, layout)),
        1 => found.traces.pop_first().ok_or_else(|| absent(id, found, layout)),
        _ => Err(ambiguous(id, found)),
    }
}

fn absent(id: &str, found: &Found, layout: &Layout) -> Problem {
    let (files, place) = (counted(found.files as u64, "file"), layout.spans.display());
    let mut what = format!("no trace begins with `{}` in the {files} of `{place}`", plain(id));
    add_unread(&mut what, &found.unread);
    Problem::new(what, "`e2e-store inspect` lists the files; a span may be in memory for some seconds yet")
}

/// Its ids were read, and no row of it.
fn undecodable(id: &str, hits: &[Hit], unread: &[Unread]) -> Problem {
    let rows = hits.iter().map(|hit| hit.rows.len() as u64).sum();
    let mut what = format!("none of the {} of trace `{}` can be read", counted(rows, "row"), plain(id));
    add_unread(&mut what, unread);
    Problem::new(what, "`e2e-store audit` tells what is wrong with the files")
}

fn add_unread(what: &mut String, unread: &[Unread]) {
    for Unread { file, why } in unread.iter().take(CANDIDATES_SHOWN) {
        write!(what, "\n  not read: {}: {}", plain(file), plain(&why.to_string())).ok();
    }
}

fn ambiguous(id: &str, found: &Found) -> Problem {
    let mut what = format!("{} begin with `{}`", counted(found.traces.len() as u64, "trace"), plain(id));
    for (trace, hits) in found.traces.iter().take(CANDIDATES_SHOWN) {
        let rows = hits.iter().map(|hit| hit.rows.len() as u64).sum();
        write!(what, "\n  {}  {}", plain(trace), counted(rows, "row")).ok();
    }
    if found.traces.len() > CANDIDATES_SHOWN {
        write!(what, "\n  and {} more", found.traces.len() - CANDIDATES_SHOWN).ok();
    }
    Problem::new(what, "write more of the id")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{
        contract::{row::Row, schema::Schema},
        testing::write_uncompressed,
    };

    #[tokio::test]
    async fn a_trace_of_which_no_row_decodes_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.parquet");
        let id = "d1efba3c84ed7638c7c1ed907f48968b";
        let row = Row { trace_id: id.to_owned(), name: "not a text".to_owned(), ..Row::default() };
        write_uncompressed(&file, &[row], Schema::V2);
        let layout = Layout::find(Some(&file)).unwrap();
        assert_eq!(read(id, &layout, Statistics::Ignored).await.unwrap().spans.len(), 1);

        let mut bytes = fs::read(&file).unwrap();
        for at in (0..bytes.len()).rev() {
            if bytes[at..].starts_with(b"not a text") {
                bytes[at] = 0xff;
            }
        }
        fs::write(&file, bytes).unwrap();
        let error = read(id, &layout, Statistics::Ignored).await.unwrap_err().to_string();
        assert!(error.contains(id) && error.contains("a.parquet"), "{error}");
    }
}
