//! How an audit's report leaves: to the screen, into files, to the folder of its run.
//!
//! Every file that was asked for is opened before the audit begins, so that nothing is read for a report that then has
//! nowhere to go, and takes its place whole when the audit is done.

use std::{io::Write, path::PathBuf, str::FromStr};

use clap::ValueEnum as _;

use crate::{
    audit::report::{AuditReport, Overall},
    base::{
        exit::Exit,
        notice,
        output::{Access, Output},
        problem::Problem,
    },
    checks::findings::KEPT,
    judge::runs::Runs,
    report::{
        audit_text::Page,
        format::{self, ReportFormat},
    },
    text::{
        numbers::counted,
        paint::{Color, Paint},
    },
};

/// What an audit leaves in the folder of each run that it judged.
const SAVED: &str = "audit.json";

/// Where the report goes, and in which form
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Report")]
pub(crate) struct ReportArgs {
    /// Form of the report on standard output
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: ReportFormat,

    /// Write the report into a file, too; its ending tells the form: .txt, .json, .ndjson, .csv, .md, .xml (JUnit),
    /// .sarif, or FORMAT:FILE; repeatable
    #[arg(short, long, value_name = "FILE")]
    output: Vec<OutputFile>,

    /// Findings to show of each check [default: 10 in table, markdown and junit, else 1000]
    #[arg(long, value_name = "N")]
    limit: Option<usize>,

    /// Write all findings into a file that --baseline accepts
    #[arg(long, value_name = "FILE")]
    write_baseline: Option<PathBuf>,

    /// When to colour the report
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
                "" => Err(format!("no file is named behind `{name}:`")),
                path => Ok(Self { format, path: path.into() }),
            };
        }
        let path = PathBuf::from(text);
        match ReportFormat::of_file(&path) {
            Some(format) => Ok(Self { format, path }),
            None => Err("its ending tells no form; write FORMAT:FILE, as in `markdown:report`".to_owned()),
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
            output.fill(&format::render(format, report, self.limit, None)?)?;
        }
        if let Some((output, path)) = waiting.baseline {
            let all = report.all_findings();
            let path = path.display().to_string();
            output.fill(&all.to_json()?)?;
            let total = counted(all.total(), "finding");
            notice::note(&format!("baseline `{path}`: {total}; `--baseline {path}` accepts them"));
        }
        let page = Page::terminal(Paint::for_stdout(self.color));
        out.write_all(&format::render(self.format, report, self.limit, Some(page))?)?;
        Ok(())
    }
}

/// Leaves the report in the folder of each run that was judged. Where that is not ours to write, it says so.
pub(crate) fn save(report: &AuditReport, runs: &Runs) -> anyhow::Result<()> {
    let text = format::render(ReportFormat::Json, report, None, None)?;
    let judged = |id: &str| report.coverage.runs.iter().any(|run| run.run == id);
    let generated = runs.known.iter().filter(|run| judged(&run.plan.outline.run.to_string()));
    let generated = generated.flat_map(|run| &run.parts).map(|part| &part.folder);
    let replays = runs.replays.iter().filter(|replay| judged(&replay.manifest.run_id));
    for folder in generated.chain(replays.map(|replay| &replay.folder)) {
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
            ("a.sarif", ReportFormat::Sarif, "a.sarif"),
            ("github:a", ReportFormat::Github, "a"),
            ("markdown:a.txt", ReportFormat::Markdown, "a.txt"),
            ("b:a.md", ReportFormat::Markdown, "b:a.md"),
        ] {
            assert_eq!(parsed(text), Ok((format, path.to_owned())), "{text}");
        }
        assert!(parsed("report").unwrap_err().starts_with("its ending tells no form"));
        assert!(parsed("a.toml").unwrap_err().starts_with("its ending tells no form"));
        assert_eq!(parsed("json:").unwrap_err(), "no file is named behind `json:`");
    }
}
