//! The forms that a report of an audit takes.

use std::path::Path;

use super::{
    audit_csv, audit_github, audit_json, audit_junit, audit_markdown, audit_sarif,
    audit_text::{self, Page},
};
use crate::{audit::report::AuditReport, checks::findings::KEPT, text::paint::Paint};

/// Findings of each check in what people read, unless they say otherwise.
pub(crate) const SHOWN: usize = 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ReportFormat {
    Table,
    /// One object; `docs/audit.schema.json` has its form
    Json,
    /// One object a line: the audit, then each check, followed by its findings
    Ndjson,
    /// One line for each finding, and for each check without
    Csv,
    Markdown,
    /// JUnit XML
    Junit,
    /// SARIF 2.1.0
    Sarif,
    /// Workflow commands of GitHub Actions
    Github,
}

impl ReportFormat {
    /// By a file's ending.
    pub(crate) fn of_file(path: &Path) -> Option<Self> {
        Some(match path.extension()?.to_str()? {
            "txt" => Self::Table,
            "json" => Self::Json,
            "ndjson" | "jsonl" => Self::Ndjson,
            "csv" => Self::Csv,
            "md" => Self::Markdown,
            "xml" => Self::Junit,
            "sarif" => Self::Sarif,
            _ => return None,
        })
    }

    /// How many findings of a check are shown where nothing is said about it.
    pub(crate) fn default_limit(self) -> usize {
        match self {
            Self::Table | Self::Markdown | Self::Junit | Self::Github => SHOWN,
            Self::Json | Self::Ndjson | Self::Csv | Self::Sarif => KEPT,
        }
    }
}

/// A report as it goes into a file, or to standard output where that is `page`.
pub(crate) fn render(
    format: ReportFormat,
    report: &AuditReport,
    limit: Option<usize>,
    page: Option<Page>,
) -> anyhow::Result<Vec<u8>> {
    let limit = limit.unwrap_or(format.default_limit());
    match format {
        ReportFormat::Table => {
            let mut text = Vec::new();
            let page = page.unwrap_or(Page { paint: Paint::NONE, width: None });
            audit_text::print(&mut text, page, limit, report)?;
            Ok(text)
        }
        ReportFormat::Json => audit_json::render(report, limit),
        ReportFormat::Ndjson => audit_json::render_lines(report, limit),
        ReportFormat::Csv => audit_csv::render(report, limit),
        ReportFormat::Markdown => audit_markdown::render(report, limit),
        ReportFormat::Junit => audit_junit::render(report, limit),
        ReportFormat::Sarif => audit_sarif::render(report, limit),
        ReportFormat::Github => Ok(audit_github::render(report)),
    }
}
