//! Where an audit's report goes: to the screen, into files, to the folder of its run.
//!
//! Every file that was asked for is opened before the audit begins, so that nothing is read for a report that then has
//! nowhere to go, and takes its place whole when the audit is done.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    str::FromStr,
};

use clap::ValueEnum as _;
use tempfile::NamedTempFile;

use crate::{
    audit::{report::AuditReport, verdict::Overall},
    base::{exit::Exit, notice, problem::Problem},
    checks::findings::KEPT,
    judge::runs::Runs,
    ledger::any_run::AnyRun,
    report::{
        format::{self, ReportFormat, View},
        page::Page,
    },
    text::{
        numbers::counted,
        paint::{Color, Paint},
        shell,
    },
};

/// The report in the folder of each judged run.
const SAVED: &str = "audit.json";

/// Report format and output files
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Report")]
pub(crate) struct ReportArgs {
    /// Report format on stdout
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: ReportFormat,

    /// Report file (repeatable); format by extension (.txt, .json, .ndjson, .csv, .md, .xml for JUnit, .sarif), or
    /// as FORMAT:FILE
    #[arg(short, long, value_name = "FILE")]
    output: Vec<OutputFile>,

    /// Sample limit per check [default: 10 in table, markdown and junit, else 1000]
    #[arg(long, value_name = "N")]
    limit: Option<usize>,

    /// List passed and skipped checks, with reasons, and all services
    #[arg(short, long)]
    verbose: bool,

    /// Baseline file to write: all findings, accepted by --baseline
    #[arg(long, value_name = "FILE")]
    write_baseline: Option<PathBuf>,

    /// Colour of the report
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: Color,
}

/// A file, and what goes into it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct OutputFile {
    format: ReportFormat,
    path: PathBuf,
}

impl FromStr for OutputFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some((name, path)) = text.split_once(':')
            && let Ok(format) = ReportFormat::from_str(name, false)
        {
            return match path {
                "" => Err(format!("no file name after `{name}:`")),
                path => Ok(Self { format, path: path.into() }),
            };
        }
        let path = PathBuf::from(text);
        match ReportFormat::of_file(&path) {
            Some(format) => Ok(Self { format, path }),
            None => {
                Err("unknown extension; expected e.g. `report.md`, or FORMAT:FILE as in `markdown:report`"
                    .to_owned())
            }
        }
    }
}

/// The files that wait for a report.
pub(crate) struct Waiting {
    outputs: Vec<(ReportFormat, Slot)>,
    baseline: Option<Slot>,
}

/// A file that is written to beside its place, or straight into what is no file, as a pipe.
struct Slot {
    path: PathBuf,
    temporary: Option<NamedTempFile>,
}

impl ReportArgs {
    /// Whether standard output is the report's alone.
    pub(crate) fn is_for_machines(&self) -> bool {
        self.format != ReportFormat::Table
    }

    /// Whether the ids of all findings are asked for.
    pub(crate) fn writes_baseline(&self) -> bool {
        self.write_baseline.is_some()
    }

    /// As many findings as the reader who wants most of them gets.
    pub(crate) fn samples(&self) -> usize {
        self.limit.unwrap_or_default().max(KEPT)
    }

    pub(crate) fn open(&self) -> anyhow::Result<Waiting> {
        let mut outputs = Vec::new();
        for OutputFile { format, path } in &self.output {
            outputs.push((*format, Slot::open(path)?));
        }
        Ok(Waiting { outputs, baseline: self.write_baseline.as_deref().map(Slot::open).transpose()? })
    }

    /// Prints the report, and puts it wherever else it is waited for.
    pub(crate) fn deliver(
        &self,
        report: &AuditReport,
        waiting: Waiting,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        for (format, slot) in waiting.outputs {
            slot.fill(&format::render(format, report, self.view(Page::UNBOUNDED))?)?;
        }
        if let Some(slot) = waiting.baseline {
            let all = report.all_findings();
            let path = slot.path.display().to_string();
            slot.fill(&all.to_json()?)?;
            let total = counted(all.total(), "finding");
            let accepts = shell::command(&["--baseline".to_owned(), path.clone()]);
            notice::note(&format!("baseline `{path}`: {total}; `{accepts}` accepts them"));
        }
        let page = Page::terminal(Paint::for_stdout(self.color));
        out.write_all(&format::render(self.format, report, self.view(page))?)?;
        Ok(())
    }

    fn view(&self, page: Page) -> View {
        View { limit: self.limit, verbose: self.verbose, page }
    }
}

/// Leaves the report in the folder of each run that was judged. Where that is not ours to write, it says so.
pub(crate) fn save(report: &AuditReport, runs: &Runs) -> anyhow::Result<()> {
    let text = format::render(ReportFormat::Json, report, View::FILE)?;
    let judged = |id: &str| report.coverage.runs.iter().any(|run| run.run == id);
    let judged = runs.all().filter(|run| judged(&run.id().to_string()));
    for folder in judged.flat_map(AnyRun::folders) {
        let path = folder.join(SAVED);
        let saved = beside(&path).and_then(|file| replace(file, &text, &path));
        if let Err(err) = saved {
            notice::note(&format!("the audit is not saved with its run: `{}`: {err}", path.display()));
        }
    }
    Ok(())
}

pub(crate) fn exit_of(overall: Overall) -> Exit {
    match overall {
        Overall::Pass => Exit::Clean,
        Overall::Fail => Exit::Found,
        Overall::Inconclusive => Exit::Unknown,
    }
}

impl Slot {
    fn open(path: &Path) -> Result<Self, Problem> {
        let cannot = |err: io::Error| {
            // Of a temporary file the error names a path that nobody asked for.
            let err = io::Error::from(err.kind());
            let what = format!("cannot write `{}`", path.display());
            Problem::new(what, "name a file in a folder that is there and that this user may write to")
                .caused_by(err)
        };
        let temporary = match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => return Err(cannot(io::ErrorKind::IsADirectory.into())),
            Ok(metadata) if !metadata.is_file() => {
                fs::OpenOptions::new().write(true).open(path).map_err(cannot)?;
                None
            }
            _ => Some(beside(path).map_err(cannot)?),
        };
        Ok(Self { path: path.to_owned(), temporary })
    }

    fn fill(self, text: &[u8]) -> anyhow::Result<()> {
        let written = match self.temporary {
            Some(file) => replace(file, text, &self.path),
            None => fs::write(&self.path, text),
        };
        written.map_err(|err| {
            let what = format!("cannot write `{}`", self.path.display());
            Problem::new(what, "make room, or name another file").caused_by(err).into()
        })
    }
}

/// A file in the same folder, with the rights that a new file has here.
fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".e2e-store-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

fn replace(mut file: NamedTempFile, text: &[u8], path: &Path) -> io::Result<()> {
    file.write_all(text)?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<(ReportFormat, String), String> {
        let OutputFile { format, path } = text.parse()?;
        Ok((format, path.display().to_string()))
    }

    #[test]
    fn the_ending_or_a_word_before_tells_the_form() {
        for (text, format, path) in [
            ("a.txt", ReportFormat::Table, "a.txt"),
            ("dir/a.json", ReportFormat::Json, "dir/a.json"),
            ("a.ndjson", ReportFormat::Ndjson, "a.ndjson"),
            ("a.jsonl", ReportFormat::Ndjson, "a.jsonl"),
            ("a.b.csv", ReportFormat::Csv, "a.b.csv"),
            ("a.md", ReportFormat::Markdown, "a.md"),
            ("a.xml", ReportFormat::Junit, "a.xml"),
            ("a.sarif", ReportFormat::Sarif, "a.sarif"),
            ("github:a", ReportFormat::Github, "a"),
            ("markdown:a.txt", ReportFormat::Markdown, "a.txt"),
            ("b:a.md", ReportFormat::Markdown, "b:a.md"),
        ] {
            assert_eq!(parsed(text), Ok((format, path.to_owned())), "{text}");
        }
        assert!(parsed("report").unwrap_err().starts_with("unknown extension"));
        assert!(parsed("a.toml").unwrap_err().starts_with("unknown extension"));
        assert_eq!(parsed("json:").unwrap_err(), "no file name after `json:`");
    }
}
