//! Where an audit's report goes: to the screen, into files, to the folder of its run.
//!
//! Every file that was asked for is opened before the audit begins, so that nothing is read for a report that then has
//! nowhere to go, and takes its place whole when the audit is done.

use std::{io::Write, path::PathBuf, str::FromStr};

use clap::ValueEnum as _;

use crate::{
    audit::{report::AuditReport, verdict::Overall},
    base::{
        exit::Exit,
        notice,
        output::{Access, Output},
        problem::Problem,
    },
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
pub(super) const SAVED: &str = "audit.json";

/// Report format and output files
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Report")]
pub(crate) struct ReportArgs {
    /// Report format on stdout
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: ReportFormat,

    /// Report file (repeatable); format by extension (.txt, .json, .ndjson, .csv, .md, .html, .xml for JUnit,
    /// .sarif), or as FORMAT:FILE
    #[arg(short, long, value_name = "FILE")]
    output: Vec<OutputFile>,

    /// Sample limit per check [default: 10 in table, markdown and junit, 100 in html, else 1000]
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
    outputs: Vec<(ReportFormat, Output)>,
    baseline: Option<(Output, PathBuf)>,
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

    /// `protected` is the store that is judged.
    pub(crate) fn open(&self, protected: &[PathBuf]) -> anyhow::Result<Waiting> {
        let mut outputs = Vec::new();
        for OutputFile { format, path } in &self.output {
            outputs.push((*format, Output::create(path, protected)?));
        }
        let open = |path: &PathBuf| Ok::<_, Problem>((Output::create(path, protected)?, path.clone()));
        Ok(Waiting { outputs, baseline: self.write_baseline.as_ref().map(open).transpose()? })
    }

    /// Prints the report, and puts it wherever else it is waited for.
    pub(crate) fn deliver(
        &self,
        report: &AuditReport,
        waiting: Waiting,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        for (format, output) in waiting.outputs {
            output.fill(&format::render(format, report, self.view(Page::UNBOUNDED))?)?;
        }
        if let Some((output, path)) = waiting.baseline {
            let all = report.all_findings();
            let path = path.display().to_string();
            output.fill(&all.to_json()?)?;
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
        let saved = Output::create_for(&path, &[], Access::Private).and_then(|output| output.fill(&text));
        if let Err(err) = saved {
            notice::note(&format!("the audit is not saved with its run: {:#}", anyhow::Error::from(err)));
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
            ("a.html", ReportFormat::Html, "a.html"),
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
