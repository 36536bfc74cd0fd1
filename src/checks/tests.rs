//! The check matrix: named damage to stores of the real services, and all checks that it fires.

use std::{collections::BTreeSet, fs};

use self::bench::{Bench, fired, first_run, without_waiting};
use super::{catalog::built_in, selection};
use crate::{
    audit::{
        AuditOptions,
        coverage::NotJudged,
        examine, random_tests,
        report::AuditReport,
        verdict::{Overall, Reason},
    },
    contract::{row::Row, schema::Schema},
    judge::{judgement::Depth, runs::choose_runs, scope::Scope},
    ledger::runs,
    proof::{
        damages::{self, Ground},
        expectation::differences,
        fired::fired_of,
    },
    report::format::{self, ReportFormat, View},
    store::find::find_store,
    testing::{files, parquet_rows, replayed::make_replays, segment_rows, write_parquet},
};

pub(crate) mod bench;
mod dropped;
mod elsewhere;
mod files;
mod healthy;
pub(crate) mod indexed;
pub(crate) mod junjo;
pub(crate) mod planned;
mod remembered;
pub(crate) mod stores;
mod told;
mod wholesale;

#[tokio::test]
async fn each_damage_fires_exactly_its_checks() {
    let mut matrix = Matrix::default();
    for damage in damages::every() {
        for (store, bench) in stores::of(&damage) {
            damage.apply(&bench).unwrap();
            let report = bench.audit(&stores::run(&damage, &bench)).await;
            matrix.enter(&format!("{} on {store}", damage.name), &report, damage.fires);
        }
    }

    assert_eq!(matrix.wrong, Vec::<String>::new());
    let all: BTreeSet<String> = built_in().unwrap().into_iter().map(|check| check.id).collect();
    assert_eq!(matrix.ever_fired, all, "a check that no damage fires proves nothing");
}

/// Cases in which a replay fires other checks than the generated run with the same spans.
const OF_REPLAYS: [(&str, Schema, &str); 2] = [
    // A planned id names its run, so that a row under one that the plan lacks was made up. A recorded one does not:
    // the row is one that nobody sent, and is judged by its structure.
    // Of its trace nothing else is without a run.
    ("damage_a_span_id", Schema::V1, "lost_spans: 1; rootless_traces: 1"),
    ("damage_a_span_id", Schema::V2, "lost_spans: 1; rootless_traces: 1"),
];

#[tokio::test]
async fn a_replay_with_the_same_damage_fires_the_same_checks() {
    let mut wrong = Vec::new();
    for damage in damages::every().filter(|damage| damage.ground == Ground::Runs) {
        for ((name, generated), (_, replayed)) in stores::of(&damage).zip(stores::of(&damage)) {
            let run = stores::run(&damage, &generated);
            for bench in [&generated, &replayed] {
                damage.apply(bench).unwrap();
            }
            make_replays(&replayed.runs()).await;
            let schema = generated.schema;
            let [generated, replayed] = [generated.audit(&run).await, replayed.audit(&run).await];
            let exception = OF_REPLAYS
                .iter()
                .find(|(of, era, _)| (*of, *era) == (damage.name, schema))
                .map(|(.., expected)| *expected);
            let expected = exception.map_or_else(|| fired(&generated), str::to_owned);
            if (fired(&replayed), replayed.overall) != (expected.clone(), generated.overall) {
                let found = (fired(&replayed), replayed.overall, &replayed.because);
                wrong.push(format!(
                    "{} on {name}: {found:?}, not {:?}",
                    damage.name,
                    (expected, generated.overall)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What fired so far, and where that was not what was expected.
#[derive(Default)]
struct Matrix {
    ever_fired: BTreeSet<String>,
    wrong: Vec<String>,
}

impl Matrix {
    fn enter(&mut self, damage: &str, report: &AuditReport, expected: &str) {
        let fired = fired_of(report, expected);
        if !differences(expected, &fired).is_empty() {
            self.wrong.push(format!("{damage}: {fired}, not {expected}"));
        }
        let found = report.checked.iter().filter(|one| one.verdict.findings().is_some());
        self.ever_fired.extend(found.map(|one| one.check.id.clone()));
    }
}

#[tokio::test]
async fn golden_stores_of_real_apps_are_clean() {
    for (name, schema) in [("studio-0.80.0", Schema::V1), ("studio-0.82.1", Schema::V2)] {
        let report = Bench::of(name, schema).audit("latest").await;
        assert_eq!(fired(&report), "", "{name}");
        assert_eq!(report.overall, Overall::Pass, "{name}");
    }
}

#[tokio::test]
async fn every_profile_is_stored_as_planned_by_the_services_of_both_eras() {
    for (name, schema, rows) in
        [("profiles/studio-0.80.0", Schema::V1, 518), ("profiles/studio-0.82.1", Schema::V2, 515)]
    {
        let bench = Bench::of(name, schema);
        let report = bench.audit("all").await;
        assert_eq!(fired(&report), "", "{name}");
        assert_eq!((report.overall, report.coverage.rows.as_planned), (Overall::Pass, rows), "{name}");
        // What the adversarial profile sends is odd by design, and without its run nobody knows that.
        let odd = "events_outside_spans: warn, 16; inverted_intervals: 24; times_out_of_range: warn, 64; \
                   page_breaking_rows: warn, 29";
        assert_eq!(fired(&bench.audit("none").await), odd, "{name}, without runs");
    }
}

#[tokio::test]
async fn a_remark_is_shown_and_lets_an_audit_pass() {
    let bench = Bench::of("getting-started/studio-0.82.1", Schema::V2);
    damages::ledger::retry_exports(&bench, &["indeterminate"]).unwrap();
    bench.change_cold(|rows| damages::ledger::store_five_again(rows, 1));
    let report = bench.audit("latest").await;
    assert_eq!(report.overall, Overall::Pass);

    let json: serde_json::Value =
        serde_json::from_slice(&format::render(ReportFormat::Json, &report, View::FILE).unwrap()).unwrap();
    let check =
        json["checks"].as_array().unwrap().iter().find(|check| check["id"] == "retry_duplicates").unwrap();
    assert_eq!([&check["severity"], &check["verdict"], &json["verdict"]], ["info", "info", "pass"]);
    assert_eq!(check["findings"], 5);
    assert_eq!((&check["samples"][0]["copies"], &check["samples"][0]["attempts"]), (&2.into(), &2.into()));

    let text = String::from_utf8(format::render(ReportFormat::Table, &report, View::FILE).unwrap()).unwrap();
    assert!(text.starts_with("PASS\n"), "{text}");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        " info retry_duplicates 5 of 20 retried spans ",
        " retry_duplicates: A span whose export was tried again is stored once, too. ",
        " with remarks, ",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test]
async fn a_finding_has_the_address_of_its_row() {
    let bench = Bench::of("getting-started/studio-0.82.1", Schema::V2);
    bench.change_cold(|rows| rows[7].name.push('x'));
    let report = bench.audit("latest").await;
    let report = format::render(ReportFormat::Json, &report, View::FILE).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    let sample =
        report["checks"].as_array().unwrap().iter().find(|check| check["id"] == "altered_spans").unwrap();
    let sample = &sample["samples"][0];
    assert_eq!((&sample["tier"], &sample["row_number"]), (&"cold".into(), &7.into()));
    assert_eq!(sample["file"], "parquet/year=2026/month=11/day=23/20261123_204443_2326d5ab.parquet");
    assert_eq!((&sample["expected"], &sample["actual"]), (&"OddItemsNode".into(), &"OddItemsNodex".into()));
}

#[tokio::test]
async fn an_orphan_of_foreign_traffic_is_found_by_structure() {
    let bench = Bench::of("studio-0.82.1", Schema::V2);
    bench.change_cold(|rows| {
        let root = rows.iter().position(|row| row.parent_span_id.is_none()).unwrap();
        rows.remove(root);
    });
    assert_eq!(fired(&bench.audit("none").await), "rootless_traces: 1");
}

#[tokio::test]
async fn a_run_that_is_wholly_gone_is_lost_when_all_are_judged_and_named_when_not() {
    let bench = Bench::of("getting-started/studio-0.82.1", Schema::V2);
    fs::remove_file(bench.cold()).unwrap();
    let latest = bench.audit("latest").await;
    assert_eq!(fired(&latest), "");
    assert_eq!(latest.coverage.other_runs[0].why, NotJudged::NotOfThisStore);
    assert_eq!(fired(&bench.audit("all").await), "lost_spans: 20");
}

#[tokio::test]
async fn a_manifest_that_cannot_be_read_keeps_an_audit_from_passing() {
    let bench = Bench::of("getting-started/studio-0.82.1", Schema::V2);
    let manifests = files(&bench.runs(), "manifest.json");
    for manifest in &manifests {
        fs::write(manifest, "{}").unwrap();
    }
    let report = bench.audit("latest").await;
    assert_eq!((fired(&report).as_str(), report.overall), ("", Overall::Inconclusive));
    assert_eq!(report.because[0], Reason::NewestRunUnreadable);
}

#[cfg(unix)]
#[tokio::test]
async fn a_place_that_cannot_be_looked_into_leaves_an_audit_open() {
    let bench = Bench::of("getting-started/studio-0.82.1", Schema::V2);
    std::os::unix::fs::symlink(bench.folder.path(), bench.cold().with_file_name("elsewhere")).unwrap();
    let report = bench.audit("latest").await;
    assert_eq!((fired(&report).as_str(), report.overall), ("", Overall::Inconclusive));
    let Reason::NotRead { file, problem, .. } = &report.because[0] else { panic!("{:?}", report.because) };
    assert!(file.ends_with("day=23/elsewhere") && problem.starts_with("cannot be looked into"), "{problem}");
}

#[tokio::test]
async fn less_than_all_of_a_file_is_judged_by_what_was_looked_at() {
    for (depth, damage, expected) in [
        (Depth::Files, Damage::None, ""),
        (Depth::Structure, Damage::None, ""),
        (Depth::Files, Damage::Cut, "unreadable_files: 1"),
        (Depth::Structure, Damage::Cut, "unreadable_files: 1"),
        (Depth::Files, Damage::Header, ""),
        (Depth::Structure, Damage::Header, "unreadable_files: 1"),
    ] {
        let bench = Bench::of("getting-started/studio-0.82.1", Schema::V2);
        let mut bytes = fs::read(bench.cold()).unwrap();
        match damage {
            Damage::None => {}
            Damage::Cut => bytes.truncate(bytes.len() / 2),
            // The first page header follows the magic.
            Damage::Header => bytes[4] ^= 0xff,
        }
        fs::write(bench.cold(), bytes).unwrap();
        let layout = find_store(Some(bench.folder.path())).unwrap();
        let runs = choose_runs(&bench.runs(), "latest", &layout).unwrap();
        let report =
            examine(&layout, &runs, AuditOptions { depth, ..without_waiting() }, |_| {}).await.unwrap();
        assert_eq!(fired(&report), expected, "{depth:?}, {damage:?}");
        assert_eq!(report.because[0], Reason::NoRowJudged { depth });
    }
}

/// What is done to a cold file.
#[derive(Debug)]
enum Damage {
    None,
    Cut,
    Header,
}

#[tokio::test]
async fn a_scope_judges_its_services_and_misses_nothing_of_others() {
    let bench = Bench::of("getting-started/studio-0.82.1", Schema::V2);
    let layout = find_store(Some(bench.folder.path())).unwrap();
    let mut rows = parquet_rows(&bench.cold(), Schema::V2);
    let (mine, other) =
        (rows[0].service_name.clone(), rows.iter().find(|row| row.service_name != rows[0].service_name));
    let other = other.unwrap().service_name.clone();
    rows.remove(0);
    write_parquet(&bench.cold(), &rows, Schema::V2);
    let run = first_run(&bench);
    let runs = choose_runs(&bench.runs(), run.as_str(), &layout).unwrap();
    for (service, expected) in [(mine, "lost_spans: 1"), (other, "")] {
        let scope = Scope { services: vec![service], ..Scope::default() };
        let report =
            examine(&layout, &runs, AuditOptions { scope, ..without_waiting() }, |_| {}).await.unwrap();
        assert_eq!(fired(&report), expected);
        assert!(report.coverage.rows.out_of_scope > 0);
    }
    let scope = Scope { to: Some(1), ..Scope::default() };
    let report = examine(&layout, &runs, AuditOptions { scope, ..without_waiting() }, |_| {}).await.unwrap();
    assert_eq!((fired(&report).as_str(), report.overall), ("", Overall::Inconclusive));
}

/// Damage must not move a planned row out of the scope that its plan puts it in.
#[tokio::test]
async fn a_planned_row_is_in_scope_by_its_plan_and_by_every_witness() {
    let bench = Bench::of("getting-started/studio-0.82.1", Schema::V2);
    let layout = find_store(Some(bench.folder.path())).unwrap();
    let run = first_run(&bench);
    let runs = choose_runs(&bench.runs(), run.as_str(), &layout).unwrap();
    let healthy = parquet_rows(&bench.cold(), Schema::V2);
    let (from, other) = (healthy[0].start_time - 1, damages::rows::other_row(&healthy).unwrap().service_name);
    let mine = healthy[0].service_name.clone();
    let in_time = Scope { from: Some(from - 60_000_000_000), ..Scope::default() };
    let of_other = Scope { services: vec![other.clone()], ..Scope::default() };

    bench.change_cold(|rows| rows.iter_mut().for_each(|row| row.start_time = 0));
    let report =
        examine(&layout, &runs, AuditOptions { scope: in_time, ..without_waiting() }, |_| {}).await.unwrap();
    assert_eq!((fired(&report).as_str(), report.overall), ("altered_spans: 20", Overall::Fail));

    let moved: [fn(&mut Row, &str, &str); 3] = [
        |row, mine, other| row.attributes = row.attributes.replace(mine, other),
        |row, mine, other| row.resource_attributes = row.resource_attributes.replace(mine, other),
        |row, _, other| row.service_name = other.to_owned(),
    ];
    for change in moved {
        bench.change_cold(|rows| {
            rows.clone_from(&healthy);
            change(&mut rows[0], &mine, &other);
        });
        let options = AuditOptions { scope: of_other.clone(), ..without_waiting() };
        let report = examine(&layout, &runs, options, |_| {}).await.unwrap();
        assert_eq!(report.overall, Overall::Fail, "{}", fired(&report));
    }
}

/// What no chosen check looks at keeps an audit from passing, unless that is allowed.
#[tokio::test]
async fn what_differs_and_is_not_judged_leaves_an_audit_open() {
    let bench = Bench::of("getting-started/studio-0.82.1", Schema::V2);
    bench.change_cold(|rows| rows.iter_mut().for_each(|row| row.parent_span_id = None));
    let layout = find_store(Some(bench.folder.path())).unwrap();
    let runs = choose_runs(&bench.runs(), "latest", &layout).unwrap();
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    for (only, skip) in [(&["fidelity"][..], &[][..]), (&[], &["links"])] {
        for (allow_uncovered, expected) in [(false, Overall::Inconclusive), (true, Overall::Pass)] {
            let checks = selection::select(built_in().unwrap(), &names(only), &names(skip)).unwrap();
            let options = AuditOptions { checks, allow_uncovered, ..without_waiting() };
            let report = examine(&layout, &runs, options, |_| {}).await.unwrap();
            assert_eq!(report.overall, expected, "{only:?} {skip:?}: {:?}", report.because);
        }
    }
    let cold = find_store(Some(&bench.cold())).unwrap();
    let report = examine(&cold, &runs, without_waiting(), |_| {}).await.unwrap();
    assert_eq!(report.overall, Overall::Inconclusive, "one file alone: {}", fired(&report));
}

/// Every row contradicts its own resource, whatever became of its service: in all tiers, without a run.
#[tokio::test]
async fn wholesale_pollution_is_found_without_a_run() {
    let names: [fn(&str) -> String; 4] = [
        |_| String::new(),
        |_| "nobody".to_owned(),
        |name| format!("{name} of another house"),
        |name| name.chars().rev().collect(),
    ];
    for name in names {
        let bench = Bench::of("studio-0.82.1", Schema::V2);
        for file in files(bench.folder.path(), ".parquet") {
            let mut rows = parquet_rows(&file, Schema::V2);
            for row in &mut rows {
                row.service_name = name(&row.service_name);
            }
            write_parquet(&file, &rows, Schema::V2);
        }
        let mut rows = segment_rows(&bench.segment(), Schema::V2);
        for row in &mut rows {
            row.service_name = name(&row.service_name);
        }
        random_tests::write_segment(&bench.segment(), &rows, Schema::V2);
        let report = bench.audit("none").await;
        assert_eq!((fired(&report).as_str(), report.overall), ("service_mismatch: 159", Overall::Fail));
    }
}

#[tokio::test]
async fn one_file_tells_of_its_rows_and_not_of_what_is_absent() {
    let bench = Bench::of("getting-started/studio-0.82.1", Schema::V2);
    bench.change_cold(|rows| drop(rows.remove(4)));
    let layout = find_store(Some(&bench.cold())).unwrap();
    let runs = choose_runs(&bench.runs(), "latest", &layout).unwrap();
    let report = examine(&layout, &runs, without_waiting(), |_| {}).await.unwrap();
    assert_eq!((fired(&report).as_str(), report.overall), ("", Overall::Pass));
    let skipped = report.checked.iter().filter(|one| one.verdict.name() == "skipped");
    let skipped: Vec<&str> = skipped.map(|one| one.check.id.as_str()).collect();
    assert!(skipped.contains(&"lost_spans") && skipped.contains(&"orphan_spans"), "{skipped:?}");
}

#[tokio::test]
async fn a_hot_snapshot_alone_is_no_evidence() {
    let bench = Bench::of("getting-started/studio-0.82.1", Schema::V2);
    let snapshot = bench.folder.path().join("spans/hot_snapshot.parquet");
    let layout = find_store(Some(&snapshot)).unwrap();
    let runs = choose_runs(&bench.runs(), "latest", &layout).unwrap();
    let report = examine(&layout, &runs, without_waiting(), |_| {}).await.unwrap();
    assert_eq!(report.overall, Overall::Inconclusive);
}

#[tokio::test]
async fn a_store_with_nothing_in_it_is_all_lost() {
    let bench = Bench::of("getting-started/studio-0.82.1", Schema::V2);
    fs::remove_file(bench.segment()).unwrap();
    fs::remove_file(bench.cold()).unwrap();
    for run in runs::load_all(&bench.runs()).unwrap().runs {
        assert_eq!(
            fired(&bench.audit(&run.manifest.run_id).await),
            "lost_spans: 20; snapshot_differs_from_wal: 20"
        );
    }
}

/// The causes that a check names, each once.
fn causes(report: &AuditReport, check: &str) -> BTreeSet<String> {
    let samples = report.evidence.get(check).map(|evidence| &evidence.samples);
    samples.into_iter().flatten().filter_map(|sample| sample.text("cause")).collect()
}

#[tokio::test]
async fn a_duplicate_has_the_cause_that_its_copies_prove() {
    for (name, schema) in planned::STORES {
        for (cause, run, apply, count) in planned::DUPLICATES {
            let bench = Bench::of(name, schema);
            apply(&bench).unwrap();
            let report = bench.audit(run).await;
            let found = report.checked.iter().find(|one| one.check.id == "duplicate_spans").unwrap();
            let total = found.verdict.findings().map_or(0, |findings| findings.total);
            assert_eq!(total, *count, "{cause} on {name}, run {run}: {}", fired(&report));
            let named = causes(&report, "duplicate_spans");
            assert_eq!(named, BTreeSet::from([(*cause).to_owned()]), "{name}, run {run}");
        }
    }
}
