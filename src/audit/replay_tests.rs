//! A replay is a run: what its records say is judged as what a plan says.

use std::{fs, path::Path, time::Duration};

use serde_json::{Value, json};

use super::{
    AuditOptions,
    coverage::NotJudged,
    examine,
    report::AuditReport,
    verdict::{Overall, Reason},
};
use crate::{
    base::clock::unix_nanos,
    checks::{catalog::built_in, runner::Verdict},
    contract::{row::Row, schema::Schema},
    judge::runs::choose_runs,
    ledger::{replay::ReplayManifest, runs},
    store::find::find_store,
    testing::{
        copy_tree, fixture, parquet_rows,
        replayed::{Replayed, make_replays},
        write_parquet,
    },
};

async fn audited(replayed: &Replayed) -> AuditReport {
    audit(&replayed.data_dir(), &replayed.runs(), "latest").await
}

async fn audit(data_dir: &Path, runs: &Path, run: &str) -> AuditReport {
    let layout = find_store(Some(data_dir)).unwrap();
    let runs = choose_runs(runs, run, &layout).unwrap();
    let options =
        AuditOptions { settle: Duration::ZERO, wait: false, ..AuditOptions::of(built_in().unwrap()) };
    examine(&layout, &runs, options, |_| {}).await.unwrap()
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

/// The kept findings of a check.
fn samples(report: &AuditReport, check: &str) -> Vec<Value> {
    let samples = report.evidence.get(check).into_iter().flat_map(|evidence| &evidence.samples);
    samples.map(|sample| sample.values.clone().into()).collect()
}

fn change_rows(replayed: &Replayed, schema: Schema, change: impl FnOnce(&mut Vec<Row>)) {
    let file = replayed.cold_file();
    let mut rows = parquet_rows(&file, schema);
    change(&mut rows);
    write_parquet(&file, &rows, schema);
}

#[tokio::test]
async fn what_was_sent_is_found_as_it_was_sent_under_either_schema() {
    for studio in ["profiles/studio-0.80.0", "profiles/studio-0.82.1", "studio-0.80.0", "studio-0.82.1"] {
        for schema in [Schema::V1, Schema::V2] {
            let replayed = Replayed::new(&fixture(studio), schema).await;
            let report = audited(&replayed).await;
            assert_eq!((fired(&report).as_str(), report.overall), ("", Overall::Pass), "{studio} {schema:?}");
            let [run] = &report.coverage.runs[..] else { panic!("one run") };
            assert_eq!(
                (&run.run, run.acked, run.found),
                (&replayed.manifest.run_id, run.planned, run.planned)
            );
            assert!(run.replay_of.is_some() && !run.unfinished);
            assert_eq!(report.coverage.rows.as_planned, run.planned);
            let services: Vec<_> =
                report.completeness.iter().map(|of| (&of.service, of.spans, of.found)).collect();
            assert_eq!(services.len(), replayed.manifest.services.len());
            assert_eq!(services.iter().map(|(_, spans, _)| spans).sum::<u64>(), run.planned);
        }
    }
}

#[tokio::test]
async fn a_changed_value_is_named_with_its_column_and_key() {
    for schema in [Schema::V1, Schema::V2] {
        let replayed = Replayed::new(&fixture("profiles/studio-0.82.1"), schema).await;
        let mut sent = Value::Null;
        change_rows(&replayed, schema, |rows| {
            sent = rows[3].name.clone().into();
            rows[3].name.push('x');
            rows[4].attributes.insert_str(1, "\"added\":1,");
            // The same values in another form are the same.
            rows[5].attributes = format!(" {}", rows[5].attributes);
        });
        let report = audited(&replayed).await;
        assert_eq!(fired(&report), "altered_spans: 2", "{schema:?}");
        let found = samples(&report, "altered_spans");
        let shown = |of: &Value| {
            json!([of["row_number"], of["column_name"], of["key"], of["expected"], of["actual"]])
        };
        assert_eq!(shown(&found[0]), json!([3, "name", null, sent, format!("{}x", sent.as_str().unwrap())]));
        assert_eq!(shown(&found[1]), json!([4, "attributes", "added", null, "1"]));
        assert_eq!(report.coverage.rows.differing, 2);
    }
}

#[tokio::test]
async fn a_source_that_is_gone_or_changed_leaves_the_columns_unnamed() {
    for gone in [true, false] {
        let source = tempfile::tempdir().unwrap();
        copy_tree(&fixture("studio-0.82.1"), source.path());
        let replayed = Replayed::new(source.path(), Schema::V2).await;
        change_rows(&replayed, Schema::V2, |rows| rows[0].name.push('x'));
        if gone {
            drop(source);
        } else {
            fs::write(
                crate::testing::files(&source.path().join("spans/parquet"), ".parquet").remove(0),
                "other",
            )
            .unwrap();
        }
        let report = audited(&replayed).await;
        assert_eq!((fired(&report).as_str(), report.overall), ("altered_spans: 1", Overall::Fail));
        let found = samples(&report, "altered_spans");
        assert_eq!(
            (&found[0]["cause"], &found[0]["column_name"]),
            (&"source_unavailable".into(), &Value::Null)
        );
        assert!(
            report.because.iter().any(
                |why| matches!(why, Reason::SourceUnavailable { run, .. } if *run == replayed.manifest.run_id)
            ),
            "{:?}",
            report.because
        );
    }
}

#[tokio::test]
async fn records_that_cannot_be_read_leave_the_answer_open() {
    for judged in [true, false] {
        let replayed = Replayed::new(&fixture("getting-started/studio-0.82.1"), Schema::V2).await;
        let path = runs::expected_path(&replayed.run);
        let bytes = fs::read(&path).unwrap();
        let mut other = replayed.manifest.clone();
        other.run_id = "0123456789ab".to_owned();
        if !judged {
            // Beside one that is whole.
            let folder = replayed.runs().join(&other.run_id);
            copy_tree(&replayed.run, &folder);
            other.write(&runs::manifest_path(&folder)).unwrap();
        }
        let run = if judged { "latest" } else { other.run_id.as_str() };
        for broken in [&bytes[16..], &bytes[..bytes.len() / 2], b""] {
            fs::write(&path, broken).unwrap();
            let report = audit(&replayed.data_dir(), &replayed.runs(), run).await;
            assert_eq!(report.overall, Overall::Inconclusive, "{}", fired(&report));
            let said =
                report.coverage.other_runs.iter().find(|of| of.run == replayed.manifest.run_id).unwrap();
            let NotJudged::Unreadable(why) = &said.why else { panic!("{:?}", said.why) };
            assert!(why.contains("expected.bin"), "{why}");
        }
    }
}

#[tokio::test]
async fn the_records_of_an_older_version_are_judged_by_what_they_hold() {
    let replayed = Replayed::new(&fixture("getting-started/studio-0.82.1"), Schema::V2).await;
    crate::testing::replayed::as_version_2(&replayed);
    let report = audited(&replayed).await;
    assert_eq!((fired(&report).as_str(), report.overall), ("", Overall::Pass));
    change_rows(&replayed, Schema::V2, |rows| {
        rows.remove(0);
        rows[3].name.push('x');
    });
    let report = audited(&replayed).await;
    assert_eq!(fired(&report), "lost_spans: 1; altered_spans: 1");
    assert_eq!(samples(&report, "altered_spans")[0]["column_name"], "name");
}

#[tokio::test]
async fn of_a_span_that_was_sent_twice_each_copy_counts_for_one() {
    let folder = tempfile::tempdir().unwrap();
    copy_tree(&fixture("getting-started/studio-0.82.1"), folder.path());
    make_replays(&folder.path().join("runs")).await;
    // The replay in the cold file sent everything twice, and all is stored twice.
    let run = runs::load_all(&folder.path().join("runs")).unwrap().replays.remove(0);
    let path = runs::expected_path(&run.folder);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, [&bytes[..], &bytes[16..]].concat()).unwrap();
    let ledger = runs::ledger_path(&run.folder);
    let text = fs::read_to_string(&ledger).unwrap();
    let again = text.lines().filter(|line| !line.contains("called")).map(|line| {
        let mut entry: Value = serde_json::from_str(line).unwrap();
        entry["export"] = (entry["export"].as_u64().unwrap() + 100).into();
        if let Some(first) = entry["first"].as_u64() {
            entry["first"] = (first + run.manifest.spans).into();
        }
        format!("{entry}\n")
    });
    fs::write(&ledger, again.collect::<String>() + &text).unwrap();
    // Its results would tell of half of that.
    let manifest = ReplayManifest { results: None, ..run.manifest.clone() };
    manifest.write(&runs::manifest_path(&run.folder)).unwrap();
    let cold = crate::testing::files(&folder.path().join("spans/parquet"), ".parquet").remove(0);
    let mut rows = parquet_rows(&cold, Schema::V2);
    rows.extend_from_within(..);
    write_parquet(&cold, &rows, Schema::V2);
    let report = audit(folder.path(), &folder.path().join("runs"), &run.manifest.run_id).await;
    assert_eq!((fired(&report).as_str(), report.overall), ("", Overall::Pass));
    let mut uneven = rows.clone();
    uneven.remove(0);
    uneven.push(uneven[3].clone());
    write_parquet(&cold, &uneven, Schema::V2);
    let report = audit(folder.path(), &folder.path().join("runs"), &run.manifest.run_id).await;
    assert_eq!(fired(&report), "lost_spans: 1; duplicate_spans: 1");

    // Of the first span the second copy was sent with values that nobody stored.
    let mut bytes = fs::read(&path).unwrap();
    let (first, again) = (16, 16 + 56 * run.manifest.spans as usize);
    bytes[again + 32..again + 48].fill(0);
    fs::write(&path, &bytes).unwrap();
    let span = u64::from_le_bytes(bytes[first + 16..first + 24].try_into().unwrap());
    let copies: Vec<usize> =
        (0..rows.len()).filter(|row| rows[*row].span_id == format!("{span:016x}")).collect();
    for changed in &copies {
        let mut rows = rows.clone();
        rows[*changed].name.push('x');
        write_parquet(&cold, &rows, Schema::V2);
        let report = audit(folder.path(), &folder.path().join("runs"), &run.manifest.run_id).await;
        assert_eq!(fired(&report), "altered_spans: 1", "{changed} of {copies:?}");
    }
}

#[tokio::test]
async fn replays_with_pending_spans_wait_together() {
    let folder = tempfile::tempdir().unwrap();
    copy_tree(&fixture("getting-started/studio-0.82.1"), folder.path());
    let runs_folder = folder.path().join("runs");
    make_replays(&runs_folder).await;
    let mut loaded = runs::load_all(&runs_folder).unwrap().replays;
    let third = runs_folder.join("0123456789ab");
    copy_tree(&loaded[0].folder, &third);
    let manifest = ReplayManifest { run_id: "0123456789ab".to_owned(), ..loaded[0].manifest.clone() };
    manifest.write(&runs::manifest_path(&third)).unwrap();
    loaded.push(runs::Replay::load(third).unwrap());
    for replay in &loaded {
        let now = unix_nanos();
        let started = json!({ "event": "export_started", "export": 0, "stream": 0, "first": 0, "count": 20, "at": now });
        let ended = json!({ "event": "export_ended", "export": 0, "at": now, "outcome": "acked" });
        fs::write(runs::ledger_path(&replay.folder), format!("{started}\n{ended}\n")).unwrap();
    }
    for file in [".parquet", ".ipc"]
        .iter()
        .flat_map(|ending| crate::testing::files(&folder.path().join("spans"), ending))
    {
        fs::remove_file(file).unwrap();
    }
    let layout = find_store(Some(folder.path())).unwrap();
    let chosen = choose_runs(&runs_folder, "all", &layout).unwrap();
    let settle = Duration::from_millis(200);
    let options = AuditOptions { settle, ..AuditOptions::of(built_in().unwrap()) };
    let mut waits = Vec::new();
    let report = examine(&layout, &chosen, options, |left| waits.push(left)).await.unwrap();
    assert_eq!(waits.len(), 1, "{waits:?}");
    assert!(waits[0] <= settle);
    assert_eq!(fired(&report), "lost_spans: 60");
}
