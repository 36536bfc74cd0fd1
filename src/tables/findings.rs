//! The table `findings`: what the last audit of a run found, as it was saved with the run.

use std::{
    collections::HashSet,
    io,
    path::{Path, PathBuf},
};

use anyhow::Context;
use datafusion::{
    arrow::{array::RecordBatch, datatypes::SchemaRef},
    common::Result as Rows,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::unknown_column;
use crate::{
    base::{
        arrays::{number, text},
        problem::Problem,
        regular,
    },
    judge::runs::Runs,
};

/// The report of an audit beside the manifest of its run.
const FILE: &str = "audit.json";

/// What is read of a report; it says more.
#[derive(Debug, Deserialize)]
struct Report {
    checks: Vec<Checked>,
}

#[derive(Debug, Deserialize)]
struct Checked {
    id: String,
    severity: String,
    verdict: String,
    #[serde(default)]
    findings: u64,
    #[serde(default)]
    samples: Vec<Map<String, Value>>,
}

/// Findings as rows, and what is to be said about them.
#[derive(Debug)]
pub(super) struct Findings {
    pub(super) rows: RecordBatch,
    pub(super) notes: Vec<String>,
}

struct Finding {
    run: String,
    check: String,
    severity: String,
    verdict: String,
    columns: Map<String, Value>,
}

/// The findings of the runs that were asked for.
pub(super) fn findings(runs: &Runs, schema: &SchemaRef) -> anyhow::Result<Findings> {
    let wanted = runs.all().filter(|run| runs.wanted.contains(&run.id()));
    let mut all = Vec::new();
    let mut notes = Vec::new();
    let mut seen = HashSet::new();
    for run in wanted {
        let id = run.id().to_string();
        let texts = run.folders().into_iter().map(|folder| read(&folder.join(FILE)));
        let texts: Vec<_> = texts.collect::<anyhow::Result<Vec<_>>>()?.into_iter().flatten().collect();
        if texts.is_empty() {
            notes.push(format!("run {id} has no saved audit: `e2e-store audit --run {id}` writes one"));
        }
        // An audit is saved with each run that it judged, and with each shard of one.
        let new: Vec<_> = texts.into_iter().filter(|(_, text)| seen.insert(text.clone())).collect();
        let reports = new.iter().map(|(path, text)| parse(path, text)).collect::<anyhow::Result<Vec<_>>>()?;
        for checked in reports.into_iter().flat_map(|report| report.checks) {
            let left = checked.findings.saturating_sub(checked.samples.len() as u64);
            if left > 0 {
                notes.push(format!(
                    "run {id}: {left} more findings of {} were counted, not kept: audit with a higher --limit",
                    checked.id
                ));
            }
            all.extend(checked.samples.into_iter().map(|columns| Finding {
                run: id.clone(),
                check: checked.id.clone(),
                severity: checked.severity.clone(),
                verdict: checked.verdict.clone(),
                columns,
            }));
        }
    }
    Ok(Findings { rows: rows(&all, schema)?, notes })
}

fn read(path: &Path) -> anyhow::Result<Option<(PathBuf, Vec<u8>)>> {
    match regular::read(path) {
        Ok(text) => Ok(Some((path.to_owned(), text))),
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(err) => Err(err).with_context(|| format!("cannot read `{}`", path.display())),
    }
}

fn parse(path: &Path, text: &[u8]) -> anyhow::Result<Report> {
    Ok(serde_json::from_slice(text).map_err(|err| {
        let what = format!("`{}` is not the report of an audit", path.display());
        Problem::new(what, "audit the run again").caused_by(err)
    })?)
}

fn rows(findings: &[Finding], schema: &SchemaRef) -> Rows<RecordBatch> {
    let all = || findings.iter();
    let value = |name: &str| {
        text(all().map(|finding| match finding.columns.get(name)? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }))
    };
    let row_number = |finding: &Finding| finding.columns.get("row_number")?.as_i64();
    let details = |finding: &Finding| Some(Value::Object(finding.columns.clone()).to_string());
    super::batch(schema, findings.len(), |name| {
        Ok(match name {
            "run" => text(all().map(|finding| Some(&finding.run))),
            "finding" => value("id"),
            "check_name" => text(all().map(|finding| Some(&finding.check))),
            "severity" => text(all().map(|finding| Some(&finding.severity))),
            "verdict" => text(all().map(|finding| Some(&finding.verdict))),
            "row_number" => number(all().map(row_number)),
            "details" => text(all().map(details)),
            "tier" | "file" | "service_name" | "trace_id" | "span_id" | "expected" | "actual" => value(name),
            other => return unknown_column("findings", other),
        })
    })
}
