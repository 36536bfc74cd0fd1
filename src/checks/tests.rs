//! The check matrix: named damage to stores of the real services, and all checks that it fires.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use datafusion::arrow::{
    array::RecordBatch,
    datatypes::{FieldRef, Schema as ArrowSchema},
};
use tempfile::TempDir;

use super::catalog::built_in;
use crate::{
    audit::{Manner, examine, find_store},
    judge::runs::choose_runs,
    ledger::{runs, writer::LedgerWriter},
    report::{
        audit::{AuditReport, Overall},
        audit_text::{self, Page},
        paint::Paint,
    },
    span::{row::Row, schema::Schema},
    standin::columns,
    testing::{copy_tree, files, fixture, parquet_rows, segment_rows, write_batch, write_parquet},
};

/// A copy of a store, to be damaged. Run A lies in its cold file, run B in its segment.
struct Bench {
    folder: TempDir,
    schema: Schema,
}

impl Bench {
    fn of(name: &str, schema: Schema) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy_tree(&fixture(name), folder.path());
        Self { folder, schema }
    }

    fn cold(&self) -> PathBuf {
        files(&self.folder.path().join("spans/parquet"), ".parquet").remove(0)
    }

    fn segment(&self) -> PathBuf {
        files(&self.folder.path().join("spans/wal"), ".ipc").remove(0)
    }

    fn ledger(&self, run: usize) -> PathBuf {
        let runs = runs::load_all(&self.runs()).unwrap().runs;
        runs[run].parts[0].folder.join("ledger.ndjson")
    }

    fn runs(&self) -> PathBuf {
        self.folder.path().join("runs")
    }

    fn change_cold(&self, change: impl FnOnce(&mut Vec<Row>)) {
        let file = self.cold();
        let mut rows = parquet_rows(&file, self.schema);
        change(&mut rows);
        write_parquet(&file, &rows, self.schema);
    }

    fn edit_ledger(&self, run: usize, edit: impl Fn(&str) -> String) {
        let file = self.ledger(run);
        let text = fs::read_to_string(&file).unwrap();
        fs::write(file, edit(&text)).unwrap();
    }

    async fn audit(&self, run: &str) -> AuditReport {
        let layout = find_store(Some(self.folder.path())).unwrap();
        let runs = choose_runs(&self.runs(), run, &layout).unwrap();
        examine(&layout, &runs, without_waiting(), |_| {}).await.unwrap()
    }
}

fn without_waiting() -> Manner {
    Manner { wait: false, samples: 10, ..Manner::of(built_in().unwrap()) }
}

/// Every check that did not pass or was not skipped, with the number of its findings.
fn fired(report: &AuditReport) -> String {
    let mut text = String::new();
    for one in &report.checked {
        let findings = one.verdict.findings().map_or(0, |findings| findings.total);
        match one.verdict.name() {
            "pass" | "skipped" => {}
            "fail" => write!(text, "{}: {findings}; ", one.check.id).unwrap(),
            other => write!(text, "{}: {other}, {findings}; ", one.check.id).unwrap(),
        }
    }
    text.trim_end_matches("; ").to_owned()
}

/// A name, the run to hold against (`first` is the one in the cold file, `latest` the one in the segment
/// and every other that the store has rows of), what is done to the store, and all that fires.
type Case = (&'static str, &'static str, fn(&Bench), &'static str);

const CASES: &[Case] = &[
    ("nothing", "latest", |_| {}, ""),
    ("nothing, without runs", "none", |_| {}, ""),
    ("delete_cold_file", "first", |bench| fs::remove_file(bench.cold()).unwrap(), "lost_spans: 20"),
    ("truncate_cold_file", "latest", |bench| truncate(&bench.cold()), "unreadable_files: 1"),
    (
        "truncate_cold_file_of_the_run",
        "first",
        |bench| truncate(&bench.cold()),
        "unproven_spans: inconclusive, 20; unreadable_files: 1",
    ),
    (
        "empty_cold_file",
        "first",
        |bench| fs::write(bench.cold(), "").unwrap(),
        "unproven_spans: inconclusive, 20; unreadable_files: 1",
    ),
    (
        "truncate_segment",
        "latest",
        |bench| truncate(&bench.segment()),
        "unproven_spans: inconclusive, 20; torn_segments: 1",
    ),
    ("cut_end_marker", "latest", |bench| cut(&bench.segment(), 8), "torn_segments: 1"),
    (
        "empty_segment",
        "latest",
        |bench| fs::write(bench.segment(), "").unwrap(),
        "unproven_spans: inconclusive, 20; torn_segments: 1",
    ),
    ("delete_segment", "latest", |bench| fs::remove_file(bench.segment()).unwrap(), "lost_spans: 20"),
    (
        "delete_everything",
        "latest",
        |bench| {
            fs::remove_file(bench.segment()).unwrap();
            fs::remove_file(bench.cold()).unwrap();
        },
        "lost_spans: 20",
    ),
    ("drop_a_leaf", "latest", |bench| bench.change_cold(|rows| drop(rows.remove(0))), "lost_spans: 1"),
    (
        "drop_a_root",
        "latest",
        |bench| bench.change_cold(|rows| drop(rows.remove(4))),
        "lost_spans: 1; orphan_spans: 4",
    ),
    (
        "move_a_row_to_another_service",
        "latest",
        |bench| bench.change_cold(|rows| swap_service_name(rows)),
        "polluted_service_name: 1",
    ),
    (
        "move_a_row_to_another_resource",
        "latest",
        |bench| bench.change_cold(|rows| swap_resource(rows)),
        "polluted_resource: 1",
    ),
    (
        "give_a_row_other_tags",
        "latest",
        |bench| bench.change_cold(|rows| swap_tags(rows)),
        "polluted_attributes: 1",
    ),
    (
        "without_runs_move_a_row_to_another_service",
        "none",
        |bench| bench.change_cold(|rows| swap_service_name(rows)),
        "polluted_service_name: 1",
    ),
    (
        "without_runs_move_a_row_to_another_resource",
        "none",
        |bench| bench.change_cold(|rows| swap_resource(rows)),
        "polluted_resource: 1",
    ),
    (
        "without_runs_give_a_row_other_tags",
        "none",
        |bench| bench.change_cold(|rows| swap_tags(rows)),
        "polluted_attributes: 1",
    ),
    ("double_a_key", "latest", |bench| bench.change_cold(|rows| double_a_key(rows)), "altered_spans: 1"),
    ("rename_a_column", "latest", |bench| rename_column(bench, "attributes"), "unreadable_files: 1"),
    (
        "rename_a_tag_column",
        "none",
        |bench| rename_column(bench, "service_name"),
        "unreadable_files: 1; polluted_service_name: 20",
    ),
    ("rename_a_span", "latest", |bench| bench.change_cold(|rows| rows[1].name.push('x')), "altered_spans: 1"),
    (
        "shift_a_start_by_a_nanosecond",
        "latest",
        |bench| bench.change_cold(|rows| rows[1].start_time += 1),
        "altered_spans: 1",
    ),
    (
        "change_a_parent",
        "latest",
        |bench| bench.change_cold(|rows| rows[1].parent_span_id = None),
        "altered_spans: 1",
    ),
    (
        "drop_an_event",
        "latest",
        |bench| bench.change_cold(|rows| rows[1].events = "[]".to_owned()),
        "altered_spans: 1",
    ),
    (
        "break_json",
        "latest",
        |bench| bench.change_cold(|rows| rows[2].attributes.truncate(9)),
        "altered_spans: 1",
    ),
    (
        "turn_an_int_into_a_float",
        "latest",
        |bench| {
            bench.change_cold(|rows| {
                rows[2].attributes =
                    rows[2].attributes.replace("contract_version\":2", "contract_version\":2.0");
            });
        },
        "altered_spans: 1",
    ),
    (
        "space_json_out",
        "latest",
        |bench| bench.change_cold(|rows| rows[2].attributes = rows[2].attributes.replace(',', ", ")),
        "",
    ),
    (
        "damage_a_trace_id",
        "latest",
        |bench| bench.change_cold(|rows| flip(&mut rows[0].trace_id)),
        "altered_spans: 1",
    ),
    (
        "damage_a_span_id",
        "latest",
        |bench| bench.change_cold(|rows| flip(&mut rows[0].span_id)),
        "lost_spans: 1; unexpected_spans: 1",
    ),
    (
        "store_a_row_twice",
        "latest",
        |bench| bench.change_cold(|rows| rows.push(rows[3].clone())),
        "duplicate_spans: 1",
    ),
    (
        "without_runs_store_a_row_twice",
        "none",
        |bench| bench.change_cold(|rows| rows.push(rows[3].clone())),
        "duplicate_spans: 1",
    ),
    (
        "copy_cold_file",
        "latest",
        |bench| {
            let copy = bench.cold().with_file_name("20261124_000000_00000001.parquet");
            fs::copy(bench.cold(), copy).unwrap();
        },
        "duplicate_spans: 20",
    ),
    ("upgrade_with_segments_left", "latest", mix_eras, "wedged_wal: 1"),
    ("flush_without_deleting", "latest", flush_without_deleting, "duplicate_spans: 20"),
    (
        "refuse_what_is_stored",
        "latest",
        |bench| {
            bench.edit_ledger(1, |text| {
                text.replacen("\"outcome\":\"acked\"", "\"outcome\":\"rejected\",\"code\":\"UNAVAILABLE\"", 1)
            });
        },
        "refused_but_stored: 5",
    ),
    (
        "take_more_than_was_said",
        "latest",
        |bench| {
            bench.edit_ledger(1, |text| {
                text.replacen("\"outcome\":\"acked\"", "\"outcome\":\"partial\",\"rejected_spans\":2", 1)
            });
        },
        "partial_success_broken: 1",
    ),
    (
        "reject_more_than_was_sent",
        "latest",
        |bench| {
            bench.edit_ledger(1, |text| {
                text.replacen("\"outcome\":\"acked\"", "\"outcome\":\"partial\",\"rejected_spans\":9", 1)
            });
        },
        "partial_success_broken: 1",
    ),
    (
        "store_both_attempts",
        "latest",
        |bench| {
            retry_exports(bench, &["indeterminate"]);
            bench.change_cold(|rows| store_five_again(rows, 1));
        },
        "retry_duplicates: info, 5",
    ),
    ("store_the_second_of_two_attempts", "latest", |bench| retry_exports(bench, &["indeterminate"]), ""),
    (
        "store_both_attempts_in_two_files",
        "latest",
        |bench| {
            retry_exports(bench, &["indeterminate"]);
            let first = parquet_rows(&bench.cold(), bench.schema)[..5].to_vec();
            let copy = bench.cold().with_file_name("20261124_000000_00000001.parquet");
            write_parquet(&copy, &first, bench.schema);
        },
        "retry_duplicates: info, 5",
    ),
    (
        "store_a_refused_attempt",
        "latest",
        |bench| {
            retry_exports(bench, &["rejected"]);
            bench.change_cold(|rows| store_five_again(rows, 1));
        },
        "duplicate_spans: 5",
    ),
    (
        "store_more_copies_than_attempts",
        "latest",
        |bench| {
            retry_exports(bench, &["indeterminate", "rejected"]);
            bench.change_cold(|rows| store_five_again(rows, 2));
        },
        "duplicate_spans: 5",
    ),
    (
        "store_both_attempts_unequally",
        "latest",
        |bench| {
            retry_exports(bench, &["indeterminate"]);
            bench.change_cold(|rows| {
                store_five_again(rows, 1);
                rows.last_mut().unwrap().name.push('x');
            });
        },
        "duplicate_spans: 1; retry_duplicates: info, 4; altered_spans: 1",
    ),
    (
        "store_both_attempts_with_the_same_change",
        "latest",
        |bench| {
            retry_exports(bench, &["indeterminate"]);
            bench.change_cold(|rows| {
                rows[0].name.push('x');
                store_five_again(rows, 1);
            });
        },
        "retry_duplicates: info, 5; altered_spans: 2",
    ),
    (
        "forget_an_export",
        "latest",
        |bench| bench.edit_ledger(1, |text| without_lines(text, "\"export\":2,")),
        "unexpected_spans: 5",
    ),
    (
        "kill_the_generator_before_an_answer",
        "latest",
        |bench| {
            bench.edit_ledger(1, |text| without_lines(text, "export_ended"));
        },
        "",
    ),
    ("lose_what_was_just_acked", "latest", lose_what_was_just_acked, "pending_spans: inconclusive, 20"),
];

fn truncate(file: &Path) {
    let size = fs::metadata(file).unwrap().len();
    cut(file, size / 2);
}

fn cut(file: &Path, bytes: u64) {
    let handle = fs::OpenOptions::new().write(true).open(file).unwrap();
    handle.set_len(handle.metadata().unwrap().len() - bytes).unwrap();
}

fn other_row(rows: &[Row]) -> Row {
    rows.iter().find(|row| row.service_name != rows[0].service_name).unwrap().clone()
}

fn swap_service_name(rows: &mut [Row]) {
    rows[0].service_name = other_row(rows).service_name;
}

fn swap_resource(rows: &mut [Row]) {
    // Run, instance and name differ in one column: a row has one finding for each key.
    let (mine, other) = (rows[0].service_name.clone(), other_row(rows).service_name);
    rows[0].resource_attributes = rows[0].resource_attributes.replace(&mine, &other);
}

fn swap_tags(rows: &mut [Row]) {
    let (mine, other) = (rows[0].service_name.clone(), other_row(rows).service_name);
    rows[0].attributes = rows[0].attributes.replace(&mine, &other);
}

fn double_a_key(rows: &mut [Row]) {
    rows[2].attributes = rows[2].attributes.replacen('{', "{\"e2e.run\":\"0\",", 1);
}

fn rename_column(bench: &Bench, name: &str) {
    let rows = parquet_rows(&bench.cold(), bench.schema);
    let batch = columns::batch(&rows, bench.schema).unwrap();
    let renamed = |field: &FieldRef| {
        let field = field.as_ref().clone();
        if field.name() == name { field.with_name(format!("{name}x")) } else { field }
    };
    let schema = Arc::new(ArrowSchema::new(batch.schema().fields().iter().map(renamed).collect::<Vec<_>>()));
    write_batch(&bench.cold(), &RecordBatch::try_new(schema, batch.columns().to_vec()).unwrap());
}

/// Changes a hex id by one bit.
fn flip(id: &mut String) {
    let first = u8::from_str_radix(&id[..1], 16).unwrap() ^ 1;
    id.replace_range(..1, &format!("{first:x}"));
}

/// The WAL of a studio that was upgraded: an older segment before a newer one.
fn mix_eras(bench: &Bench) {
    let (other, name) = match bench.schema {
        Schema::V1 => (STORES[1].0, "batch_1895466683733889754_0009.ipc"),
        Schema::V2 => (STORES[0].0, "batch_1695466683733889754_0009.ipc"),
    };
    let segment = files(&fixture(other).join("spans/wal"), ".ipc").remove(0);
    fs::copy(segment, bench.segment().with_file_name(name)).unwrap();
}

fn flush_without_deleting(bench: &Bench) {
    let rows = segment_rows(&bench.segment(), bench.schema);
    write_parquet(&bench.cold().with_file_name("20261124_000000_00000001.parquet"), &rows, bench.schema);
}

fn without_lines(text: &str, about: &str) -> String {
    text.split_inclusive('\n').filter(|line| !line.contains(about)).collect()
}

/// Writes into the ledger of the run in the cold file that every export was tried again, after attempts that
/// ended so.
fn retry_exports(bench: &Bench, ended: &[&str]) {
    let retries = |export: &str| {
        let line = |(outcome, attempt): (&&str, u32)| {
            let ended = format!(r#""outcome":"{outcome}","code":"UNAVAILABLE""#);
            format!(r#"{{"event":"export_retried","export":{export},"attempt":{attempt},"at":1,{ended}}}"#)
                + "\n"
        };
        ended.iter().zip(2..).map(line).collect::<String>()
    };
    bench.edit_ledger(0, |text| {
        let with_retries = |line: &str| match line.strip_prefix(r#"{"event":"export_started","export":"#) {
            Some(rest) => format!("{line}{}", retries(rest.split(',').next().unwrap())),
            None => line.to_owned(),
        };
        text.split_inclusive('\n').map(with_retries).collect()
    });
}

/// So many further copies of the first five rows.
fn store_five_again(rows: &mut Vec<Row>, copies: usize) {
    for _ in 0..copies {
        rows.extend_from_within(..5);
    }
}

fn lose_what_was_just_acked(bench: &Bench) {
    fs::remove_file(bench.segment()).unwrap();
    let ledger = bench.ledger(1);
    fs::remove_file(&ledger).unwrap();
    let writer = LedgerWriter::create(&ledger).unwrap();
    let now = crate::clock::unix_nanos();
    for export in 0..4 {
        let (stream, first) = ((export % 2) as u32, export / 2 * 5);
        let acked = crate::wire::outcome::Outcome::Acked;
        writer
            .append(&crate::ledger::entry::Entry::ExportStarted { export, stream, first, count: 5, at: now })
            .unwrap();
        writer.append(&crate::ledger::entry::Entry::ExportEnded { export, at: now, outcome: acked }).unwrap();
    }
}

const STORES: [(&str, Schema); 2] =
    [("getting-started/studio-0.80.0", Schema::V1), ("getting-started/studio-0.82.1", Schema::V2)];

#[tokio::test]
async fn each_damage_fires_exactly_its_checks() {
    let mut ever_fired = BTreeSet::new();
    for (name, schema) in STORES {
        for (damage, run, apply, expected) in CASES {
            let bench = Bench::of(name, schema);
            let run = if *run == "first" { first_run(&bench) } else { (*run).to_owned() };
            apply(&bench);
            let report = bench.audit(&run).await;
            assert_eq!(fired(&report), *expected, "{damage} on {name}");
            let found = report.checked.iter().filter(|one| one.verdict.findings().is_some());
            ever_fired.extend(found.map(|one| one.check.id.clone()));
        }
    }
    let all: BTreeSet<String> = built_in().unwrap().into_iter().map(|check| check.id).collect();
    assert_eq!(ever_fired, all, "a check that no damage fires proves nothing");
}

/// The run whose spans are in the cold file.
fn first_run(bench: &Bench) -> String {
    runs::load_all(&bench.runs()).unwrap().runs.remove(0).manifest.run_id
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
        assert_eq!(fired(&bench.audit("none").await), "", "{name}, without runs");
    }
}

#[tokio::test]
async fn a_remark_is_shown_and_lets_an_audit_pass() {
    let bench = Bench::of("getting-started/studio-0.82.1", Schema::V2);
    retry_exports(&bench, &["indeterminate"]);
    bench.change_cold(|rows| store_five_again(rows, 1));
    let report = bench.audit("latest").await;
    assert_eq!(report.overall, Overall::Pass);

    let json: serde_json::Value = serde_json::from_slice(&report.to_json().unwrap()).unwrap();
    let check =
        json["checks"].as_array().unwrap().iter().find(|check| check["id"] == "retry_duplicates").unwrap();
    assert_eq!([&check["severity"], &check["verdict"], &json["verdict"]], ["info", "info", "pass"]);
    assert_eq!(check["findings"], 5);
    assert_eq!((&check["samples"][0]["copies"], &check["samples"][0]["attempts"]), (&2.into(), &2.into()));

    let mut text = Vec::new();
    audit_text::print(&mut text, Page { paint: Paint::NONE, width: None }, 10, &report).unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(text.starts_with("PASS\n"), "{text}");
    for part in [
        "\ninfo  retry_duplicates        5 findings in 20 retried spans\n",
        "\nretry_duplicates: A span whose export was tried again is stored once, too.\n",
        " with remarks, ",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test]
async fn a_finding_has_the_address_of_its_row() {
    let bench = Bench::of("getting-started/studio-0.82.1", Schema::V2);
    bench.change_cold(|rows| rows[7].name.push('x'));
    let report = bench.audit("latest").await.to_json().unwrap();
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
    assert_eq!(fired(&bench.audit("none").await), "orphan_spans: 6");
}

#[tokio::test]
async fn a_run_that_is_wholly_gone_is_lost_when_all_are_judged_and_named_when_not() {
    let bench = Bench::of("getting-started/studio-0.82.1", Schema::V2);
    fs::remove_file(bench.cold()).unwrap();
    let latest = bench.audit("latest").await;
    assert_eq!(fired(&latest), "");
    assert_eq!(latest.coverage.other_runs[0].why, "no span of it is in this store");
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
    assert!(report.because[0].contains("manifest cannot be read"), "{:?}", report.because);
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
        assert_eq!(fired(&bench.audit(&run.manifest.run_id).await), "lost_spans: 20");
    }
}

#[test]
fn every_check_is_listed_in_the_readme() {
    let readme = include_str!("../../README.md");
    let checks = built_in().unwrap();
    let listed = readme
        .lines()
        .filter(|line| ["| error |", "| warn |", "| info |"].iter().any(|part| line.contains(part)));
    assert_eq!(listed.count(), checks.len(), "the README lists a check that is not there");
    for check in checks {
        let line = format!("| `{}` | {} | {} |", check.id, check.severity.name(), check.rule);
        assert!(readme.contains(&line), "the README lacks: {line}");
    }
}
