//! Every check beside `sql`, on a store that it finds something in: its query pasted gives its findings, and the
//! investigation that it names shows them.

use std::collections::BTreeSet;

use super::*;
use crate::{
    audit::{AuditOptions, evidence::Sample, examine, report::AuditReport},
    checks::{
        catalog::built_in,
        findings::Findings,
        tests::{bench::Bench as Damaged, planned, stores},
    },
    judge::runs::choose_runs,
    proof::{damages, expectation::demanded},
    report::sql_line,
};

/// Columns that change with the time of day.
const OF_THE_MOMENT: &str = "age_seconds";

/// What is still to be shown, and what was shown to be wrong.
struct Proof {
    open: BTreeSet<String>,
    wrong: Vec<String>,
}

impl Proof {
    async fn examine(&mut self, damage: &str, folder: &Path, run: &str) {
        let report = audit(folder, run).await;
        let engine = engine(find_store(Some(folder)).unwrap(), &folder.join("runs"), run);
        for one in &report.checked {
            let Some(findings) = one.verdict.findings() else { continue };
            if !self.open.remove(&one.check.id) {
                continue;
            }
            let pasted = answers(&engine, &one.check.sql, &Params::new()).await;
            if !same_rows(findings, &pasted) {
                self.wrong.push(format!(
                    "{} after {damage}: {} findings, but {pasted}",
                    one.check.id, findings.total
                ));
            }
            let Some(query) = one.check.query else { continue };
            let sample = &report.evidence[&one.check.id].samples[0];
            let Some(given) = sql_line::arguments(query, sample) else {
                self.wrong
                    .push(format!("{} after {damage}: `{}` lacks a parameter", one.check.id, query.name));
                continue;
            };
            let given = given.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            let shown = answers(&engine, &query.text, &query.bind(&given).unwrap()).await;
            if !names(&shown, sample) {
                let what = format!("{} after {damage}: `{}` does not show it", one.check.id, query.name);
                self.wrong.push(format!("{what}: {:?}, but {shown}", sample.values));
            }
        }
    }
}

async fn audit(folder: &Path, run: &str) -> AuditReport {
    let layout = find_store(Some(folder)).unwrap();
    let runs = choose_runs(&folder.join("runs"), run, &layout).unwrap();
    let options = AuditOptions { wait: false, samples: 1_000, ..AuditOptions::of(built_in().unwrap()) };
    examine(&layout, &runs, options, |_| {}).await.unwrap()
}

/// Whether an answer has the rows of all findings, in any order.
fn same_rows(findings: &Findings, answer: &str) -> bool {
    let mut text = Vec::new();
    let mut writer = RowWriter::new(Mode::Csv, findings.schema.clone(), None);
    for batch in &findings.samples {
        writer.write(batch, &mut text).unwrap();
    }
    writer.finish(&mut text).unwrap();
    let found = shortened(&String::from_utf8(text).unwrap());
    if findings.schema.index_of(OF_THE_MOMENT).is_ok() {
        return lines(&found).len() == lines(answer).len();
    }
    lines(&found) == lines(answer)
}

fn lines(answer: &str) -> Vec<&str> {
    let mut lines: Vec<_> = answer.lines().filter(|line| !line.starts_with("note: ")).collect();
    lines.sort_unstable();
    lines
}

/// Whether a row of an answer has what the finding is about: the closest of the columns that both have.
fn names(answer: &str, sample: &Sample) -> bool {
    let lines: Vec<Vec<&str>> = answer.lines().map(|line| line.split(',').collect()).collect();
    let has_column = |name: &str| lines.iter().any(|cells| cells.contains(&name));
    let has_value = |value: &str| lines.iter().any(|cells| cells.contains(&value));
    let idents = ["span_id", "trace_id", "row_number", "file", "first_ordinal", "service_name"];
    let closest = idents.iter().find_map(|name| sample.text(name).filter(|_| has_column(name)));
    let about = closest.or_else(|| sample.text("service_name"));
    about.is_some_and(|about| has_value(&shortened(&about)))
}

#[tokio::test]
async fn every_check_pasted_gives_its_findings_and_its_investigation_shows_them() {
    let all = built_in().unwrap().into_iter().map(|check| check.id).collect();
    let mut proof = Proof { open: all, wrong: Vec::new() };
    for damage in damages::every().filter(|damage| !damage.fires.is_empty()) {
        if demanded(damage.fires).any(|check| proof.open.contains(check)) {
            for (_, damaged) in stores::of(&damage) {
                damage.apply(&damaged).unwrap();
                proof.examine(damage.name, damaged.folder.path(), &stores::run(&damage, &damaged)).await;
            }
        }
    }
    assert_eq!(proof.wrong, Vec::<String>::new());
    assert_eq!(proof.open, BTreeSet::new(), "no damage fires these checks");
}

#[tokio::test]
async fn pollution_sees_rows_without_a_service_as_the_check_does() {
    let (name, schema) = planned::STORES[1];
    let damaged = Damaged::of(name, schema);
    damages::columns::rename_column(&damaged, "service_name").unwrap();
    let report = audit(damaged.folder.path(), "none").await;
    let found = report.checked.iter().find(|one| one.check.id == "polluted_service_name").unwrap();
    let engine = engine(find_store(Some(damaged.folder.path())).unwrap(), Path::new("nowhere"), "none");
    let answer = answers(&engine, &investigations::find("pollution").unwrap().text, &Params::new()).await;
    let rows: usize = rows(&answer).values().sum();
    assert_eq!(rows as u64, found.verdict.findings().map_or(0, |findings| findings.total), "{answer}");
}
