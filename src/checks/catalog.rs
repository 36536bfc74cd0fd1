//! What a check is, and the built-in ones. The form of their files is `grammar`'s.

use std::{ffi::OsStr, str::FromStr};

use include_dir::{Dir, include_dir};
use serde::Deserialize;

use super::{grammar, investigations::Investigation};

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/sql/checks");

/// A rule about the store, written as a query that returns what breaks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Check {
    /// The file's stem.
    pub(crate) id: String,
    /// Its folder.
    pub(crate) family: String,
    pub(crate) rule: String,
    pub(crate) severity: Severity,
    pub(crate) needs: Needs,
    pub(crate) scope: Scope,
    pub(crate) examines: Examines,
    pub(crate) finding: Finding,
    /// The studio's own diagnostic code for the same trouble.
    pub(crate) code: Option<String>,
    /// The named investigation of `e2e-store sql` that shows a finding.
    pub(crate) query: Option<&'static Investigation>,
    /// Why the rule must hold.
    pub(crate) why: String,
    /// What a finding usually means on this studio, and what to do.
    pub(crate) usually: String,
    /// What the check does not see.
    pub(crate) not_covered: String,
    pub(crate) sql: String,
}

impl Check {
    /// What its findings mean for an audit: its severity, or `inconclusive`.
    pub(crate) fn weight(&self) -> &'static str {
        match self.finding {
            Finding::Broken => self.severity.name(),
            Finding::Undecided => "inconclusive",
        }
    }

    /// The same rule, of whose findings those in one trace count. Its query must return the column `trace_id`.
    pub(crate) fn within(self, trace: u128) -> Self {
        let sql = format!("SELECT * FROM ({}) WHERE trace_id = '{trace:032x}'", self.sql);
        Self { sql, ..self }
    }
}

/// How much of the store a check must see at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All of it.
    Store,
    /// The rows of any one trace: it may run over parts of the store in turn.
    Trace,
}

/// What a broken rule means for an audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// Worth knowing, and nobody's fault.
    Info,
    /// Worth a look; an audit passes with it.
    Warn,
    /// Fails an audit.
    Error,
}

/// What must be there for a check to apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    Nothing,
    /// A run to hold the store against.
    Run,
    /// More than one file of a store: absences mean something.
    WholeStore,
    /// The index that the studio's backend keeps of the store.
    Index,
}

/// What a check looks at, so that it can say how much of it there was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Examines {
    AckedSpans,
    /// Judged runs.
    Runs,
    /// Acked spans that were found, or whose absence means something.
    SettledSpans,
    RejectedSpans,
    PartialSuccesses,
    /// Spans of exports that were tried more than once.
    RetriedSpans,
    StoredRows,
    /// Stored rows that are compared with their plan.
    PlannedRows,
    /// Stored rows with a plan or a tag of ours.
    RowsWithWitnesses,
    /// Stored rows that no known plan calls for, and their traces and resources.
    StructuralRows,
    Traces,
    Resources,
    UnansweredSpans,
    /// Workflows, subflows, nodes, groups and agents in rows that no known plan calls for.
    JunjoExecutions,
    /// Graphs that workflows and subflows of SDK 0.63 and later carry.
    JunjoGraphs,
    /// Stores whose transitions are numbered: those of contract 2, SDK 0.65 and later.
    JunjoStores,
    JunjoAgents,
    JunjoEvaluations,
    /// Spans of Junjo's plugin for OpenAI Agents.
    PluginSpans,
    Files,
    Segments,
    FilesAndSegments,
    /// Cold files, segments and snapshots.
    AnyFiles,
    /// Cold files and snapshots, where every value was looked at.
    DecodedFiles,
    Snapshots,
    /// Everything that lies in the store's folders.
    Entries,
    /// Cold files that the studio's index knows.
    IndexedFiles,
}

/// What a returned row means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finding {
    Broken,
    /// The rule could not be settled for this row.
    Undecided,
}

impl Severity {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

impl FromStr for Severity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "info" => Self::Info,
            "warn" => Self::Warn,
            "error" => Self::Error,
            _ => return Err(format!("`{text}` is none of `error`, `warn`, `info`")),
        })
    }
}

impl Needs {
    /// As a check's file says it; none where it needs nothing.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::Run => Some("run"),
            Self::WholeStore => Some("store"),
            Self::Index => Some("index"),
        }
    }
}

impl FromStr for Needs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "run" => Ok(Self::Run),
            "store" => Ok(Self::WholeStore),
            "index" => Ok(Self::Index),
            _ => Err(format!("`{text}` is none of `run`, `store`, `index`")),
        }
    }
}

impl Scope {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Trace => "trace",
        }
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "store" => Ok(Self::Store),
            "trace" => Ok(Self::Trace),
            _ => Err(format!("`{text}` is none of `store`, `trace`")),
        }
    }
}

impl FromStr for Finding {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "inconclusive" => Ok(Self::Undecided),
            _ => Err(format!("`{text}` is not `inconclusive`")),
        }
    }
}

impl Examines {
    const ALL: [Self; 27] = [
        Self::AckedSpans,
        Self::SettledSpans,
        Self::RejectedSpans,
        Self::PartialSuccesses,
        Self::RetriedSpans,
        Self::StoredRows,
        Self::PlannedRows,
        Self::RowsWithWitnesses,
        Self::StructuralRows,
        Self::Traces,
        Self::Resources,
        Self::UnansweredSpans,
        Self::Files,
        Self::Segments,
        Self::FilesAndSegments,
        Self::AnyFiles,
        Self::DecodedFiles,
        Self::Snapshots,
        Self::Entries,
        Self::Runs,
        Self::JunjoExecutions,
        Self::JunjoGraphs,
        Self::JunjoStores,
        Self::JunjoAgents,
        Self::JunjoEvaluations,
        Self::PluginSpans,
        Self::IndexedFiles,
    ];

    /// Whether they lie in files that can be counted beside them.
    pub(crate) fn are_rows(self) -> bool {
        matches!(self, Self::StoredRows | Self::PlannedRows | Self::RowsWithWitnesses)
    }

    /// Whether they are counted in the Junjo telemetry of rows.
    pub(crate) fn are_recorded(self) -> bool {
        matches!(
            self,
            Self::JunjoExecutions
                | Self::JunjoGraphs
                | Self::JunjoStores
                | Self::JunjoAgents
                | Self::JunjoEvaluations
                | Self::PluginSpans
        )
    }

    /// The versions that record them, where not all do: what others cannot show is no fault.
    pub(crate) fn since(self) -> &'static str {
        match self {
            Self::JunjoGraphs => " of SDK 0.63 or later",
            Self::JunjoStores | Self::JunjoAgents => " of SDK 0.65 or later (telemetry contract 2)",
            Self::JunjoEvaluations | Self::PluginSpans => " of SDK 0.67 or later",
            Self::AckedSpans
            | Self::Runs
            | Self::SettledSpans
            | Self::RejectedSpans
            | Self::PartialSuccesses
            | Self::RetriedSpans
            | Self::StoredRows
            | Self::PlannedRows
            | Self::RowsWithWitnesses
            | Self::StructuralRows
            | Self::Traces
            | Self::Resources
            | Self::UnansweredSpans
            | Self::JunjoExecutions
            | Self::Files
            | Self::Segments
            | Self::FilesAndSegments
            | Self::AnyFiles
            | Self::DecodedFiles
            | Self::Snapshots
            | Self::Entries
            | Self::IndexedFiles => "",
        }
    }

    /// What one of them is called, and what several are.
    pub(crate) fn nouns(self) -> (&'static str, &'static str) {
        match self {
            Self::AckedSpans => ("acked span", "acked spans"),
            Self::SettledSpans => ("settled span", "settled spans"),
            Self::RejectedSpans => ("rejected span", "rejected spans"),
            Self::PartialSuccesses => ("partial success", "partial successes"),
            Self::RetriedSpans => ("retried span", "retried spans"),
            Self::StoredRows => ("stored row", "stored rows"),
            Self::PlannedRows => ("planned row", "planned rows"),
            Self::RowsWithWitnesses => ("row with witnesses", "rows with witnesses"),
            Self::StructuralRows => ("row judged by structure", "rows judged by structure"),
            Self::Traces => ("trace judged by structure", "traces judged by structure"),
            Self::Resources => ("resource", "resources"),
            Self::UnansweredSpans => ("unanswered span", "unanswered spans"),
            Self::JunjoExecutions => ("Junjo execution", "Junjo executions"),
            Self::JunjoGraphs => ("Junjo graph", "Junjo graphs"),
            Self::JunjoStores => ("Junjo state store", "Junjo state stores"),
            Self::JunjoAgents => ("Junjo agent", "Junjo agents"),
            Self::JunjoEvaluations => ("Junjo evaluation span", "Junjo evaluation spans"),
            Self::PluginSpans => ("OpenAI Agents span", "OpenAI Agents spans"),
            Self::FilesAndSegments => ("file or segment", "files and segments"),
            Self::AnyFiles => ("file of any tier", "files of any tier"),
            Self::DecodedFiles => ("decoded Parquet file", "decoded Parquet files"),
            Self::Snapshots => ("hot snapshot", "hot snapshots"),
            Self::Entries => ("entry", "entries"),
            Self::IndexedFiles => ("indexed file", "indexed files"),
            Self::Runs => ("run", "runs"),
            Self::Files => ("file", "files"),
            Self::Segments => ("segment", "segments"),
        }
    }
}

impl FromStr for Examines {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().find(|kind| kind.nouns().1 == text);
        named.ok_or_else(|| {
            let known = Self::ALL.map(|kind| kind.nouns().1).join(", ");
            format!("`{text}` is none of: {known}")
        })
    }
}

/// All built-in checks, by family and id.
pub(crate) fn built_in() -> anyhow::Result<Vec<Check>> {
    let mut checks = Vec::new();
    for family in FILES.dirs() {
        for file in family.files() {
            let path = file.path();
            let name = |part: Option<&OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
            let text = file.contents_utf8().unwrap_or_default();
            let check = grammar::parse(&name(path.file_stem()), &name(family.path().file_name()), text)
                .map_err(|err| anyhow::anyhow!("check `{}`: {err}", path.display()))?;
            checks.push(check);
        }
    }
    sort(&mut checks);
    Ok(checks)
}

/// By family and id.
pub(crate) fn sort(checks: &mut [Check]) {
    checks.sort_by(|a, b| (&a.family, &a.id).cmp(&(&b.family, &b.id)));
}
