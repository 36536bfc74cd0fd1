//! The checks and the grammar of their files.
//!
//! The leading `--` lines hold the rule in one sentence, `key: value` lines, and after an empty line
//! the reason, ending with what is **Not covered**. An unknown key is an error.

use std::str::FromStr;

use include_dir::{Dir, include_dir};

use crate::problem::Problem;

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
    pub(crate) examines: Examines,
    pub(crate) finding: Finding,
    /// Why the rule must hold, and what the check does not see.
    pub(crate) explanation: String,
    pub(crate) sql: String,
}

/// What a broken rule means for an audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
}

/// What a check looks at, so that it can say how much of it there was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Examines {
    AckedSpans,
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
    Files,
    Segments,
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

impl Examines {
    const ALL: [Self; 10] = [
        Self::AckedSpans,
        Self::SettledSpans,
        Self::RejectedSpans,
        Self::PartialSuccesses,
        Self::RetriedSpans,
        Self::StoredRows,
        Self::PlannedRows,
        Self::RowsWithWitnesses,
        Self::Files,
        Self::Segments,
    ];

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
            let name =
                |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
            let text = file.contents_utf8().unwrap_or_default();
            let check = parse(&name(path.file_stem()), &name(family.path().file_name()), text)
                .map_err(|err| anyhow::anyhow!("check `{}`: {err}", path.display()))?;
            checks.push(check);
        }
    }
    checks.sort_by(|a, b| (&a.family, &a.id).cmp(&(&b.family, &b.id)));
    Ok(checks)
}

/// Those of `checks` that are named by `only`, all if it is empty, less those named by `skip`.
pub(crate) fn select(checks: Vec<Check>, only: &[String], skip: &[String]) -> Result<Vec<Check>, Problem> {
    if let Some(unknown) = only.iter().chain(skip).find(|id| !checks.iter().any(|check| check.id == **id)) {
        let nearest = checks.iter().map(|check| check.id.as_str()).collect::<Vec<_>>().join(", ");
        return Err(Problem::new(
            format!("there is no check `{unknown}`"),
            format!("the checks are: {nearest}"),
        ));
    }
    let selected = |check: &Check| (only.is_empty() || only.contains(&check.id)) && !skip.contains(&check.id);
    Ok(checks.into_iter().filter(selected).collect())
}

fn parse(id: &str, family: &str, text: &str) -> Result<Check, String> {
    let is_header = |line: &&str| line.starts_with("--");
    let header: Vec<&str> = text.lines().take_while(is_header).map(|line| line[2..].trim()).collect();
    let sql: Vec<&str> = text.lines().skip_while(is_header).collect();
    let (keys, explanation) =
        header.split_at(header.iter().position(|line| line.is_empty()).unwrap_or(header.len()));
    let (rule, keys) = keys.split_first().ok_or("no rule in the first line")?;

    let mut check = Check {
        id: id.to_owned(),
        family: family.to_owned(),
        rule: (*rule).to_owned(),
        severity: Severity::Error,
        needs: Needs::Nothing,
        examines: Examines::StoredRows,
        finding: Finding::Broken,
        explanation: explanation.join("\n").trim().to_owned(),
        sql: sql.join("\n"),
    };
    for line in keys {
        let (key, value) = line.split_once(": ").ok_or_else(|| format!("`{line}` is not `key: value`"))?;
        match (key, value) {
            ("severity", value) => check.severity = value.parse()?,
            ("needs", "run") => check.needs = Needs::Run,
            ("needs", "store") => check.needs = Needs::WholeStore,
            ("examines", value) => check.examines = value.parse()?,
            ("finding", "inconclusive") => check.finding = Finding::Undecided,
            _ => return Err(format!("`{key}: {value}` is not understood")),
        }
    }
    if !check.explanation.contains("Not covered: ") {
        return Err("does not say what is not covered".to_owned());
    }
    Ok(check)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn front_matter_is_checked_to_the_letter() {
        let parsed = |header: &str| parse("id", "family", &format!("{header}\nSELECT 1\n"));
        let whole = "-- A rule.\n-- severity: warn\n-- needs: run\n-- examines: files\n--\n-- Why.\n--\n-- Not covered: x.";
        let check = parsed(whole).unwrap();
        assert_eq!(
            (check.severity, check.needs, check.examines),
            (Severity::Warn, Needs::Run, Examines::Files)
        );
        assert_eq!((check.rule.as_str(), check.sql.as_str()), ("A rule.", "SELECT 1"));
        assert_eq!(check.explanation, "Why.\n\nNot covered: x.");

        let err = |from: &str, to: &str| parsed(&whole.replace(from, to)).unwrap_err();
        assert_eq!(err("warn", "dire"), "`dire` is none of `error`, `warn`, `info`");
        assert_eq!(err("needs: run", "needs: luck"), "`needs: luck` is not understood");
        assert_eq!(err("needs: run", "colour: red"), "`colour: red` is not understood");
        let examines = err("examines: files", "examines: all");
        assert!(examines.starts_with("`all` is none of: acked spans, settled spans, "), "{examines}");
        assert_eq!(err("Not covered", "Covered"), "does not say what is not covered");
    }
}
