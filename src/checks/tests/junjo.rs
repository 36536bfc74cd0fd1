//! Damage to Junjo traces of three stores, at one execution and at all: which checks of the family fire.

use std::{collections::BTreeSet, fs};

use super::bench::Bench;
use crate::{
    audit::report::AuditReport,
    contract::{row::Row, schema::Schema},
    proof::{
        damages::{
            agents,
            executions::{self, Case, set},
            families, workflows,
        },
        expectation::demanded,
    },
    testing::{files, parquet_rows},
};

const STORES: [&str; 3] = ["studio-0.82.1", "getting-started/studio-0.82.1", "profiles/studio-0.82.1"];

/// The rows of a store's cold files, in one of them, that lie in traces of Junjo's, and no other.
pub(crate) fn bench(store: &str) -> (Bench, Vec<Row>) {
    let bench = Bench::of(store, Schema::V2);
    for part in ["wal", "hot_snapshot.parquet"] {
        let part = bench.folder.path().join("spans").join(part);
        if part.is_dir() {
            fs::remove_dir_all(part).unwrap();
        } else if part.exists() {
            fs::remove_file(part).unwrap();
        }
    }
    let cold = files(&bench.folder.path().join("spans/parquet"), ".parquet");
    let mut rows: Vec<Row> = cold.iter().flat_map(|file| parquet_rows(file, Schema::V2)).collect();
    cold[1..].iter().for_each(|file| fs::remove_file(file).unwrap());
    let traces: BTreeSet<String> = rows
        .iter()
        .filter(|row| row.attributes.contains("junjo.span_type"))
        .map(|row| row.trace_id.clone())
        .collect();
    rows.retain(|row| traces.contains(&row.trace_id));
    (bench, rows)
}

/// The checks that found something: those of the family, and the others.
fn found(report: &AuditReport) -> (String, String) {
    let found = report
        .checked
        .iter()
        .filter(|one| one.verdict.findings().is_some() || one.verdict.name() == "broken");
    let (family, others): (Vec<_>, Vec<_>) = found.partition(|one| one.check.family == "junjo");
    let names = |checks: Vec<&crate::checks::runner::Checked>| {
        checks.into_iter().map(|one| one.check.id.as_str()).collect::<Vec<_>>().join(" ")
    };
    (names(family), names(others))
}

async fn wrong(cases: &[Case], stores: &[&str], fit: fn(&[Row]) -> Vec<Row>) -> Vec<String> {
    let mut wrong = Vec::new();
    for store in stores {
        let (bench, rows) = bench(store);
        let fit = fit(&rows);
        assert!(!fit.is_empty(), "{store}");
        // What adversarial traffic looks like without its run, and traces that went on in the WAL.
        bench.change_cold(|cold| cold.clone_from(&rows));
        let (_, usual) = found(&bench.audit("none").await);
        for (name, damage, expected) in cases {
            let beside = expected.split("; ").filter_map(|one| one.strip_prefix("may "));
            let beside: Vec<&str> = beside.chain(usual.split(' ')).collect();
            for extent in [1, fit.len()] {
                let mut damaged = rows.clone();
                fit.iter().take(extent).for_each(|flow| damage(&mut damaged, flow).unwrap());
                bench.change_cold(|rows| *rows = damaged);
                let (family, others) = found(&bench.audit("none").await);
                let others_fit = others.split(' ').all(|id| id.is_empty() || beside.contains(&id));
                if family != demanded(expected).collect::<Vec<_>>().join(" ") || !others_fit {
                    wrong.push(format!("{name} at {extent} of {store}: {family} beside {others}"));
                }
            }
        }
    }
    wrong
}

#[tokio::test]
async fn damage_to_junjo_traces_fires_its_checks_and_no_others() {
    let mut wrong_all = wrong(workflows::DAMAGES, &STORES, executions::workflows).await;
    wrong_all.extend(wrong(agents::DAMAGES, &STORES[2..], executions::agents).await);
    assert_eq!(wrong_all, Vec::<String>::new());
}

#[tokio::test]
async fn a_plugin_span_is_what_its_source_says() {
    type Change = fn(&mut Row);
    let key = |name: &str| format!("junjo.openai_agents.{name}");
    let cases: [(Change, String); 7] = [
        (|_| {}, String::new()),
        (|row| row.start_time -= 2_000, "start_time".to_owned()),
        (|row| row.end_time += 2_000, "end_time".to_owned()),
        (|row| set(row, "junjo.openai_agents.source.trace_id", "trace_c").unwrap(), key("source.trace_id")),
        (|row| set(row, "junjo.openai_agents.span.type", "mcp_tools").unwrap(), key("span.type")),
        (|row| set(row, "junjo.openai_agents.span.data", "{").unwrap(), key("span.data")),
        (|row| row.status_code = 1, "status_code".to_owned()),
    ];
    for (change, subject) in cases {
        let (bench, rows) = bench(STORES[0]);
        bench.change_cold(|cold| *cold = rows);
        families::with_a_source(&bench, change).unwrap();
        let found = bench.samples("none", "junjo_plugin_rows").await;
        let subjects: Vec<&str> = found.iter().filter_map(|one| one["subject"].as_str()).collect();
        assert_eq!(subjects, Vec::from_iter((!subject.is_empty()).then_some(&*subject)));
    }
}
