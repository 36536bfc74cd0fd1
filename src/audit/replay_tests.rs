//! Damage to what a replay left behind fires the checks that it would fire in generated traffic.

use std::{fs, sync::Arc, time::Duration};

use super::{
    Manner, examine,
    replay_proof::{self, tests::Replayed},
    report::AuditReport,
};
use crate::{
    checks::{catalog::built_in, runner::Verdict},
    contract::{row::Row, schema::Schema},
    judge::runs::Runs,
    ledger::runs::{self, Replay},
    store::find::find_store,
    testing::{fixture, parquet_rows, write_parquet},
};

async fn audited(replayed: &Replayed) -> AuditReport {
    let layout = find_store(Some(&replayed.folder.path().join(".dbdata"))).unwrap();
    let replay = Replay { manifest: replayed.manifest.clone(), folder: replayed.run.clone() };
    let mut runs = Runs { replays: vec![replay], ..Runs::default() };
    runs.replayed = Arc::new(replay_proof::left_behind(&runs).unwrap());
    let manner = Manner { settle: Duration::ZERO, wait: false, ..Manner::of(built_in().unwrap()) };
    examine(&layout, &Arc::new(runs), manner, |_| {}).await.unwrap()
}

/// The checks that found something, and how much.
fn fired(report: &AuditReport) -> String {
    let found = report.checked.iter().filter_map(|one| {
        let findings = one.verdict.findings()?;
        let open = if matches!(one.verdict, Verdict::Inconclusive(_)) { "inconclusive, " } else { "" };
        Some(format!("{}: {open}{}", one.check.id, findings.total))
    });
    found.collect::<Vec<_>>().join("; ")
}

/// A name, what is done to the rows of the cold file and to the ledger, and all that fires.
type Case = (&'static str, fn(&mut Vec<Row>), fn(String) -> String, &'static str);

/// What fires after the rows of the cold file and the ledger were changed.
async fn damaged(rows: fn(&mut Vec<Row>), ledger: fn(String) -> String) -> String {
    let replayed = Replayed::new(&fixture("getting-started/studio-0.82.1"), Schema::V2).await;
    let file = replayed.cold_file();
    let mut stored = parquet_rows(&file, Schema::V2);
    rows(&mut stored);
    write_parquet(&file, &stored, Schema::V2);
    let path = runs::ledger_path(&replayed.run);
    fs::write(&path, ledger(fs::read_to_string(&path).unwrap())).unwrap();
    fired(&audited(&replayed).await)
}

#[tokio::test]
async fn a_whole_replay_is_silent_and_is_a_run_of_the_report() {
    let replayed = Replayed::new(&fixture("profiles/studio-0.80.0"), Schema::V2).await;
    let report = audited(&replayed).await;
    assert_eq!(fired(&report), "");
    let [run] = &report.coverage.runs[..] else { panic!("one run") };
    assert_eq!((&run.run, run.acked, run.found), (&replayed.manifest.run_id, run.planned, run.planned));
    assert!(run.replay_of.is_some() && !run.unfinished);
}

#[tokio::test]
async fn damage_fires_what_it_fires_in_generated_traffic() {
    let keep: fn(String) -> String = |ledger| ledger;
    let still: fn(&mut Vec<Row>) = |_| {};
    let cases: [Case; 8] = [
        ("lost", |rows| drop(rows.drain(..2)), keep, "lost_spans: 2"),
        ("doubled", |rows| rows.extend_from_within(4..5), keep, "duplicate_spans: 1"),
        ("altered", |rows| rows[3].name.push('x'), keep, "altered_spans: 1"),
        ("of another form", |rows| rows[3].attributes.insert(0, ' '), keep, ""),
        (
            "of another service",
            |rows| rows[3].service_name = "other".to_owned(),
            keep,
            "polluted_service_name: 1",
        ),
        (
            "with another parent",
            |rows| rows[3].parent_span_id = Some("00000000000000aa".to_owned()),
            keep,
            "orphan_spans: 1",
        ),
        (
            "refused",
            still,
            |ledger| {
                ledger.replacen(r#""outcome":"acked""#, r#""outcome":"rejected","code":"UNAVAILABLE""#, 1)
            },
            "refused_but_stored: 40",
        ),
        (
            "taken in part",
            still,
            |ledger| ledger.replacen(r#""outcome":"acked""#, r#""outcome":"partial","rejected_spans":2"#, 1),
            "partial_success_broken: 1",
        ),
    ];
    let mut wrong = Vec::new();
    for (what, rows, ledger, expected) in cases {
        let fired = damaged(rows, ledger).await;
        if fired != expected {
            wrong.push(format!("{what}: {fired}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
