//! The formats of an audit's report.

use std::path::Path;

use super::{
    audit_csv,
    audit_document::{self, Extent},
    audit_github, audit_in_full, audit_json, audit_junit, audit_sarif, html, markdown,
    page::{self, Page},
};
use crate::{audit::report::AuditReport, checks::findings::KEPT};

/// Findings of each check in what people read, unless they say otherwise.
pub(crate) const SHOWN: usize = 10;
/// The same on a page, which folds the most of them.
const SHOWN_ON_A_PAGE: usize = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ReportFormat {
    /// Text for people
    Table,
    /// One object, described by `docs/audit.schema.json`
    Json,
    /// One object per line: the audit, then each check, followed by its findings
    Ndjson,
    /// One line per finding, and per check without findings
    Csv,
    /// For job summaries and comments
    Markdown,
    /// One self-contained page for a browser
    Html,
    /// JUnit XML
    Junit,
    /// SARIF 2.1.0, for code scanning
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
            "html" | "htm" => Self::Html,
            "xml" => Self::Junit,
            "sarif" => Self::Sarif,
            _ => return None,
        })
    }

    /// How many findings of a check are shown where nothing is said about it.
    pub(crate) fn default_limit(self) -> usize {
        match self {
            Self::Table | Self::Markdown | Self::Junit | Self::Github => SHOWN,
            Self::Html => SHOWN_ON_A_PAGE,
            Self::Json | Self::Ndjson | Self::Csv | Self::Sarif => KEPT,
        }
    }
}

/// How a report is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    /// Findings of each check; none where the format's own limit holds.
    pub(crate) limit: Option<usize>,
    /// Each check by itself, those that passed and those that were skipped, too.
    pub(crate) verbose: bool,
    pub(crate) page: Page,
}

impl View {
    /// Into a file, and as much as the format shows by itself.
    pub(crate) const FILE: Self = Self { limit: None, verbose: false, page: Page::UNBOUNDED };
}

pub(crate) fn render(format: ReportFormat, report: &AuditReport, view: View) -> anyhow::Result<Vec<u8>> {
    let limit = view.limit.unwrap_or(format.default_limit());
    let document = || audit_document::document(report, Extent { limit, all_checks: view.verbose });
    match format {
        ReportFormat::Table => Ok(page::render(&document(), view.page).into_bytes()),
        ReportFormat::Json => audit_json::render(report, limit),
        ReportFormat::Ndjson => audit_json::render_lines(report, limit),
        ReportFormat::Csv => Ok(audit_csv::render(report, limit)),
        ReportFormat::Markdown => Ok(markdown::render(&document(), "e2e-store").into_bytes()),
        ReportFormat::Html => {
            let document = audit_in_full::document(report, limit);
            Ok(html::render(&document, "e2e-store audit").into_bytes())
        }
        ReportFormat::Junit => audit_junit::render(report, limit),
        ReportFormat::Sarif => audit_sarif::render(report, limit),
        ReportFormat::Github => Ok(audit_github::render(report)),
    }
}
