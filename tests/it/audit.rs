use std::{fs, path::Path};

use insta::assert_snapshot;
use serde_json::Value;
use tempfile::TempDir;

use super::{
    cli::{command, e2e_store, exit_status, folder, lines},
    judging::own_check,
};

pub(super) const FIXTURE: &str = "fixtures/getting-started/studio-0.82.1";
/// The run in the segment.
const RUN: &str = "be48";
pub(super) const SEGMENT: &str = ".dbdata/spans/wal/batch_1795466683733889754_0002.ipc";

/// A store that the real service wrote, with the runs that it was sent.
pub(super) fn clean() -> TempDir {
    let folder = folder();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join(FIXTURE);
    copy_tree(&fixture.join("spans"), &folder.path().join(".dbdata/spans"));
    copy_tree(&fixture.join("runs"), &folder.path().join("runs"));
    folder
}

/// The same with a name, an attribute and a service's name in its segment changed by a byte each.
pub(super) fn damaged() -> TempDir {
    let folder = clean();
    let path = folder.path().join(SEGMENT);
    let mut bytes = fs::read(&path).unwrap();
    for (value, occurrence) in
        [("CountItemsNode", 0), ("CountItemsNode", 4), ("brazenly-engrossing-turkey", 1)]
    {
        let value = value.as_bytes();
        let found = bytes.windows(value.len()).enumerate().filter(|(_, window)| *window == value);
        let start = found.map(|(at, _)| at).nth(occurrence).unwrap();
        bytes[start + value.len() - 1] = b'X';
    }
    fs::write(path, bytes).unwrap();
    folder
}

pub(super) fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
        let copy = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &copy);
        } else {
            fs::copy(entry.path(), copy).unwrap();
        }
    }
}

/// Audits the run in the segment, and renders what came of it without what differs each time.
pub(super) fn audit(folder: &Path, args: &[&str]) -> String {
    let output = command(folder).args(["audit", "--run", RUN]).args(args).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&*folder.to_string_lossy(), "FOLDER");
    let errors = text(&output.stderr);
    let errors = if errors.is_empty() { errors } else { format!("------- stderr -------\n{errors}") };
    steady(&format!("{}{errors}[exit status: {}]", text(&output.stdout), output.status.code().unwrap()))
}

/// Times of this audit are cut off.
fn steady(text: &str) -> String {
    let mut lines = Vec::new();
    for line in text.lines() {
        let cut = [" kB in ", "the last ack, but ", "time=\"", "\"took\": "];
        let cut = cut.iter().find_map(|before| line.find(before).map(|at| at + before.len()));
        lines.push(cut.map_or(line.to_owned(), |end| format!("{}…", &line[..end])));
    }
    lines.join("\n")
}

fn json(folder: &Path, args: &[&str]) -> Value {
    let output =
        command(folder).args(["audit", "--run", RUN, "--format", "json"]).args(args).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|err| {
        panic!("{err}: {}", String::from_utf8_lossy(&output.stderr));
    })
}

fn check<'j>(report: &'j Value, id: &str) -> &'j Value {
    report["checks"].as_array().unwrap().iter().find(|check| check["id"] == id).unwrap()
}

#[test]
fn a_clean_store_passes() {
    let folder = clean();
    assert_snapshot!(audit(folder.path(), &["--only", "altered_spans,lost_spans,retry_duplicates"]), @"
    PASS, limited by --only altered_spans,lost_spans,retry_duplicates

    store    .dbdata/spans
             1 cold file: 20 rows, 12.8 kB
             1 WAL segment: 20 rows, 41.5 kB
             1 hot snapshot: 20 rows, 12.9 kB; a copy, not evidence
    run      be4853f43680   20 spans planned: 20 acked
    barrier  no flush after the last ack, but …
    also     run 75ab2a233443: its rows here were compared; another run is judged
    checked  40 rows: 40 match the plan, 0 differ, 0 unplanned
    found    all 20 spans of 4 workflows of 2 services
    checks   2 passed, 1 skipped
    read     48.3 kB in …

    delivery 1 passed
    fidelity 1 passed
    others   skipped: 1 of duplicates
    [exit status: 0]
    ");
}

#[test]
fn a_damaged_store_is_told_from_top_to_bottom() {
    let folder = damaged();
    assert_snapshot!(audit(folder.path(), &["--only", "altered_spans,polluted_attributes,polluted_resource,polluted_service_name"]), @r#"
    FAIL, limited by --only altered_spans,polluted_attributes,polluted_resource,polluted_service_name

    store    .dbdata/spans
             1 cold file: 20 rows, 12.8 kB
             1 WAL segment: 20 rows, 41.5 kB
             1 hot snapshot: 20 rows, 12.9 kB; a copy, not evidence
    run      be4853f43680   20 spans planned: 20 acked
    barrier  no flush after the last ack, but …
    also     run 75ab2a233443: its rows here were compared; another run is judged
    checked  40 rows: 38 match the plan, 2 differ, 0 unplanned
    found    all 20 spans of 4 workflows of 2 services
    checks   2 failed, 2 passed
    read     48.3 kB in …

    FAIL  altered_spans          2 findings in 40 planned rows in 2 files
    FAIL  polluted_service_name  1 of 40 rows with witnesses in 2 files

    pollution  2 passed

    1 row stored under another service than sent them:
    sent by \ stored as         brazenly-engrossing-turkeX  brazenly-engrossing-turkey
    brazenly-engrossing-turkey                           1                           9

    2 values not as sent, in 2 columns; of each the first:
    - attributes
      wal/batch_1795466683733889754_0002.ipc row 4
      differing 1  key junjo.workflow.execution_graph_snapshot
      expected "…b226100d5\",\"nodeType\":\"CountItemsNode\"},{\"nodeLabel\":\"EvenItemsNode\",\"nodeRuntimeId\":\"o08nC8XyyFlPr4AAqbKmr\",\"nodeStructuralId\":\"node_a026e4e3ac348e9c66453b91d45ab131\",\"nodeType\":\"EvenItemsNode\"},{\"nodeLabel\":\"OddIte… #3d8cef6d8855cca2
      actual   "…b226100d5\",\"nodeType\":\"CountItemsNodX\"},{\"nodeLabel\":\"EvenItemsNode\",\"nodeRuntimeId\":\"o08nC8XyyFlPr4AAqbKmr\",\"nodeStructuralId\":\"node_a026e4e3ac348e9c66453b91d45ab131\",\"nodeType\":\"EvenItemsNode\"},{\"nodeLabel\":\"OddIte… #b3b10057565624f8
    - name
      wal/batch_1795466683733889754_0002.ipc row 1
      differing 1
      expected CountItemsNode
      actual   CountItemsNodX

    altered_spans: A stored span has the values that it was sent with.
    - altered_spans:d0d2efa4cc52
      wal/batch_1795466683733889754_0002.ipc row 1
      trace_id 63062f503aa1b5530448974fbb19d347  span_id e659d5b0f4d43483
      sent_by brazenly-engrossing-turkey  column_name name
      expected CountItemsNode
      actual   CountItemsNodX
    - altered_spans:4f1da55b650e
      wal/batch_1795466683733889754_0002.ipc row 4
      trace_id 63062f503aa1b5530448974fbb19d347  span_id e93c6b4b785e0fb4
      sent_by brazenly-engrossing-turkey  column_name attributes
      key junjo.workflow.execution_graph_snapshot
      expected "…b226100d5\",\"nodeType\":\"CountItemsNode\"},{\"nodeLabel\":\"EvenItemsNode\",\"nodeRuntimeId\":\"o08nC8XyyFlPr4AAqbKmr\",\"nodeStructuralId\":\"node_a026e4e3ac348e9c66453b91d45ab131\",\"nodeType\":\"EvenItemsNode\"},{\"nodeLabel\":\"OddIte… #3d8cef6d8855cca2
      actual   "…b226100d5\",\"nodeType\":\"CountItemsNodX\"},{\"nodeLabel\":\"EvenItemsNode\",\"nodeRuntimeId\":\"o08nC8XyyFlPr4AAqbKmr\",\"nodeStructuralId\":\"node_a026e4e3ac348e9c66453b91d45ab131\",\"nodeType\":\"EvenItemsNode\"},{\"nodeLabel\":\"OddIte… #b3b10057565624f8
    first seen    2026-11-23T20:44:43.723Z, the export of brazenly-engrossing-turkey with its spans 0 to
                  4 (run be4853f43680, acked)
    inspect       e2e-store sql .dbdata/spans --run be48 --query around_row --param file=wal/batch_1795466683733889754_0002.ipc --param row=1
    likely cause  A single value in a single file is damage on disk or in memory. The same column in
                  every row is a change of the studio's mapping: compare its version with the schema of
                  the file.

    polluted_service_name: A span is stored under the service that sent it.
    finding                             tier  file                                    row_number  trace_id                          span_id           sent_by                     stored_as
    polluted_service_name:87577dc1cec1  wal   wal/batch_1795466683733889754_0002.ipc           1  63062f503aa1b5530448974fbb19d347  e659d5b0f4d43483  brazenly-engrossing-turkey  brazenly-engrossing-turkeX
    first seen    2026-11-23T20:44:43.723Z, the export of brazenly-engrossing-turkey with its spans 0 to
                  4 (run be4853f43680, acked)
    inspect       e2e-store sql .dbdata/spans --run be48 --query around_row --param file=wal/batch_1795466683733889754_0002.ipc --param row=1
    likely cause  A batch with spans of several services was stored under the name of one of them, or
                  two processes took each other's name from a shared environment. The matrix shows which
                  service's spans went where: one cell is one mix-up, a whole row a service that lost
                  its name.
    [exit status: 1]
    "#);
}

#[test]
fn markdown_is_for_a_summary() {
    let folder = damaged();
    assert_snapshot!(
        audit(folder.path(), &["--only", "altered_spans,lost_spans", "--limit", "1", "--format", "markdown"]),
        @r#"
    ## e2e-store: FAIL, limited by --only altered\_spans,lost\_spans

    - 1 difference from the plan in `service\_name` not judged: polluted\_service\_name did not run (--allow-uncovered accepts that)

    - store: `.dbdata/spans`; 1 cold file: 20 rows, 12.8 kB; 1 WAL segment: 20 rows, 41.5 kB; 1 hot snapshot: 20 rows, 12.9 kB; a copy, not evidence
    - run: `be4853f43680`   20 spans planned: 20 acked
    - barrier: no flush after the last ack, but …
    - also: run `75ab2a233443`: its rows here were compared; another run is judged
    - checked: 40 rows: 38 match the plan, 2 differ, 0 unplanned
    - found: all 20 spans of 4 workflows of 2 services
    - checks: 1 failed, 1 passed
    - read: 48.3 kB in …

    | verdict | check | what |
    | --- | --- | --- |
    | **FAIL** | `altered_spans` | 2 findings in 40 planned rows in 2 files |

    - delivery: 1 passed

    1 row stored under another service than sent them:

    | sent by \\ stored as | brazenly-engrossing-turkeX | brazenly-engrossing-turkey |
    | --- | ---: | ---: |
    | brazenly-engrossing-turkey | 1 | 9 |

    2 values not as sent, in 2 columns; of each the first:

    | column | differing | file | row\_number | key | expected | actual |
    | --- | ---: | --- | ---: | --- | --- | --- |
    | `attributes` | `1` | `wal/batch_1795466683733889754_0002.ipc` | `4` | `junjo.workflow.execution_graph_snapshot` | `"…b226100d5\",\"nodeType\":\"CountItemsNode\"},{\"nodeLabel\":\"EvenItemsNode\",\"nodeRuntimeId\":\"o08nC8XyyFlPr4AAqbKmr\",\"nodeStructuralId\":\"node_a026e4e3ac348e9c66453b91d45ab131\",\"nodeType\":\"EvenItemsNode\"},{\"nodeLabel\":\"OddIte… #3d8cef6d8855cca2` | `"…b226100d5\",\"nodeType\":\"CountItemsNodX\"},{\"nodeLabel\":\"EvenItemsNode\",\"nodeRuntimeId\":\"o08nC8XyyFlPr4AAqbKmr\",\"nodeStructuralId\":\"node_a026e4e3ac348e9c66453b91d45ab131\",\"nodeType\":\"EvenItemsNode\"},{\"nodeLabel\":\"OddIte… #b3b10057565624f8` |
    | `name` | `1` | `wal/batch_1795466683733889754_0002.ipc` | `1` |  | `CountItemsNode` | `CountItemsNodX` |

    ### altered\_spans: A stored span has the values that it was sent with.

    | finding | tier | file | row\_number | trace\_id | span\_id | sent\_by | column\_name | expected | actual |
    | --- | --- | --- | ---: | --- | --- | --- | --- | --- | --- |
    | `altered_spans:d0d2efa4cc52` | `wal` | `wal/batch_1795466683733889754_0002.ipc` | `1` | `63062f503aa1b5530448974fbb19d347` | `e659d5b0f4d43483` | `brazenly-engrossing-turkey` | `name` | `CountItemsNode` | `CountItemsNodX` |

    … and 1 more (--limit shows more)

    - first seen: 2026-11-23T20:44:43.723Z, the export of brazenly-engrossing-turkey with its spans 0 to 4 (run be4853f43680, acked)
    - likely cause: A single value in a single file is damage on disk or in memory. The same column in every row is a change of the studio's mapping: compare its version with the schema of the file.

    ```sh
    e2e-store sql .dbdata/spans --run be48 --query around_row --param file=wal/batch_1795466683733889754_0002.ipc --param row=1
    ```
    [exit status: 1]
    "#
    );
}

#[test]
fn junit_has_a_case_for_each_check_and_one_for_the_audit() {
    let folder = damaged();
    let args = ["--only", "polluted_service_name,lost_spans,retry_duplicates", "--format", "junit"];
    assert_snapshot!(audit(folder.path(), &args), @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="e2e-store audit" tests="4" skipped="1" failures="2" errors="0" time="…
        <testsuite name="audit" tests="1" skipped="0" errors="0" failures="1">
            <properties>
                <property name="limited-by --only" value="polluted_service_name,lost_spans,retry_duplicates"/>
            </properties>
            <testcase name="verdict" classname="audit">
                <failure message="1 difference from the plan in `attributes` not judged: altered_spans did not run (--allow-uncovered accepts that)
    1 difference from the plan in `name` not judged: altered_spans did not run (--allow-uncovered accepts that)" type="fail"/>
            </testcase>
        </testsuite>
        <testsuite name="delivery" tests="1" skipped="0" errors="0" failures="0">
            <testcase name="lost_spans" classname="delivery"/>
        </testsuite>
        <testsuite name="duplicates" tests="1" skipped="1" errors="0" failures="0">
            <testcase name="retry_duplicates" classname="duplicates">
                <skipped message="no retried spans here"/>
            </testcase>
        </testsuite>
        <testsuite name="pollution" tests="1" skipped="0" errors="0" failures="1">
            <testcase name="polluted_service_name" classname="pollution">
                <failure message="1 of 40 rows with witnesses in 2 files" type="fail">A span is stored under the service that sent it.
    finding                             tier  file                                    row_number  trace_id                          span_id           sent_by                     stored_as
    polluted_service_name:87577dc1cec1  wal   wal/batch_1795466683733889754_0002.ipc           1  63062f503aa1b5530448974fbb19d347  e659d5b0f4d43483  brazenly-engrossing-turkey  brazenly-engrossing-turkeX
    inspect: e2e-store sql .dbdata/spans --run be48 --query around_row --param file=wal/batch_1795466683733889754_0002.ipc --param row=1
    likely cause: A batch with spans of several services was stored under the name of one of them, or two processes took each other&apos;s name from a shared environment. The matrix shows which service&apos;s spans went where: one cell is one mix-up, a whole row a service that lost its name.
    </failure>
            </testcase>
        </testsuite>
    </testsuites>
    [exit status: 1]
    "#);
}

#[test]
fn csv_has_a_line_for_each_finding_and_each_check_without() {
    let folder = damaged();
    let args = ["--only", "polluted_service_name,altered_spans,lost_spans", "--format", "csv"];
    assert_snapshot!(audit(folder.path(), &args), @r#"
    audit,limited_by,check,family,severity,verdict,examined,findings,accepted,id,tier,file,row_number,service_name,sent_by,trace_id,span_id,column_name,key,expected,actual,other
    fail,"'--only polluted_service_name,altered_spans,lost_spans",lost_spans,delivery,error,pass,20,0,0,,,,,,,,,,,,,
    fail,"'--only polluted_service_name,altered_spans,lost_spans",altered_spans,fidelity,error,fail,40,2,0,altered_spans:d0d2efa4cc5284650f3f4b3cc729e6ca,wal,wal/batch_1795466683733889754_0002.ipc,1,,brazenly-engrossing-turkey,63062f503aa1b5530448974fbb19d347,e659d5b0f4d43483,name,,CountItemsNode,CountItemsNodX,
    fail,"'--only polluted_service_name,altered_spans,lost_spans",altered_spans,fidelity,error,fail,40,2,0,altered_spans:4f1da55b650e3f549b70e33338211e50,wal,wal/batch_1795466683733889754_0002.ipc,4,,brazenly-engrossing-turkey,63062f503aa1b5530448974fbb19d347,e93c6b4b785e0fb4,attributes,junjo.workflow.execution_graph_snapshot,"""…b226100d5\"",\""nodeType\"":\""CountItemsNode\""},{\""nodeLabel\"":\""EvenItemsNode\"",\""nodeRuntimeId\"":\""o08nC8XyyFlPr4AAqbKmr\"",\""nodeStructuralId\"":\""node_a026e4e3ac348e9c66453b91d45ab131\"",\""nodeType\"":\""EvenItemsNode\""},{\""nodeLabel\"":\""OddIte… #3d8cef6d8855cca2","""…b226100d5\"",\""nodeType\"":\""CountItemsNodX\""},{\""nodeLabel\"":\""EvenItemsNode\"",\""nodeRuntimeId\"":\""o08nC8XyyFlPr4AAqbKmr\"",\""nodeStructuralId\"":\""node_a026e4e3ac348e9c66453b91d45ab131\"",\""nodeType\"":\""EvenItemsNode\""},{\""nodeLabel\"":\""OddIte… #b3b10057565624f8",
    fail,"'--only polluted_service_name,altered_spans,lost_spans",polluted_service_name,pollution,error,fail,40,1,0,polluted_service_name:87577dc1cec1593d1516174f385fca8e,wal,wal/batch_1795466683733889754_0002.ipc,1,,brazenly-engrossing-turkey,63062f503aa1b5530448974fbb19d347,e659d5b0f4d43483,,,,,"{""stored_as"":""brazenly-engrossing-turkeX""}"
    [exit status: 1]
    "#);
}

#[test]
fn github_gets_an_annotation_for_each_check_that_found_something() {
    let folder = damaged();
    let args = ["--only", "polluted_service_name,lost_spans", "--format", "github"];
    assert_snapshot!(audit(folder.path(), &args), @"
    ::error title=e2e-store%3A fail::limited by --only polluted_service_name,lost_spans%0A1 difference from the plan in `attributes` not judged: altered_spans did not run (--allow-uncovered accepts that)%0A1 difference from the plan in `name` not judged: altered_spans did not run (--allow-uncovered accepts that)%0Achecked 40 rows: 38 match the plan, 2 differ, 0 unplanned
    ::error title=fail%3A polluted_service_name::A span is stored under the service that sent it.%0A1 of 40 rows with witnesses in 2 files%0Afirst: polluted_service_name:87577dc1cec1, tier wal, file wal/batch_1795466683733889754_0002.ipc, row_number 1, trace_id 63062f503aa1b5530448974fbb19d347, span_id e659d5b0f4d43483, sent_by brazenly-engrossing-turkey, stored_as brazenly-engrossing-turkeX%0Ainspect: e2e-store sql .dbdata/spans --run be48 --query around_row --param file=wal/batch_1795466683733889754_0002.ipc --param row=1%0Alikely cause: A batch with spans of several services was stored under the name of one of them, or two processes took each other's name from a shared environment. The matrix shows which service's spans went where: one cell is one mix-up, a whole row a service that lost its name.
    [exit status: 1]
    ");
}

#[test]
fn ndjson_has_an_object_a_line() {
    let folder = damaged();
    let args = ["audit", "--run", RUN, "--only", "polluted_service_name,lost_spans", "--format", "ndjson"];
    let output = command(folder.path()).args(args).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let objects: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let about = |object: &Value| format!("{} {} {}", object["type"], object["id"], object["verdict"]);
    assert_snapshot!(objects.iter().map(about).collect::<Vec<_>>().join("\n"), @r#"
    "audit" null "fail"
    "check" "lost_spans" "pass"
    "check" "polluted_service_name" "fail"
    "finding" "polluted_service_name:87577dc1cec1593d1516174f385fca8e" "fail"
    "#);
    assert_eq!(objects[0]["version"], 1);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn sarif_has_a_rule_for_each_check_and_a_result_for_each_finding() {
    let folder = damaged();
    let output = audit(folder.path(), &["--only", "polluted_service_name,lost_spans", "--format", "sarif"]);
    let sarif: Value = serde_json::from_str(output.rsplit_once('\n').unwrap().0).unwrap();
    let run = &sarif["runs"][0];
    assert_eq!((&sarif["version"], &run["properties"]["verdict"]), (&"2.1.0".into(), &"fail".into()));
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    assert_eq!(
        rules.iter().map(|rule| &rule["id"]).collect::<Vec<_>>(),
        ["lost_spans", "polluted_service_name"]
    );
    let [result] = &run["results"].as_array().unwrap()[..] else { panic!("one result: {run}") };
    assert_eq!((&result["ruleId"], &result["ruleIndex"]), (&"polluted_service_name".into(), &1.into()));
    assert_eq!((&result["kind"], &result["level"]), (&"fail".into(), &"error".into()));
    let place = &result["locations"][0]["physicalLocation"]["artifactLocation"];
    assert_eq!(place["uri"], "wal/batch_1795466683733889754_0002.ipc");
    let base = run["originalUriBaseIds"][place["uriBaseId"].as_str().unwrap()]["uri"].as_str().unwrap();
    assert!(base.starts_with("file://") && base.ends_with("/.dbdata/spans/"), "{base}");
    assert_eq!(run["invocations"][0]["executionSuccessful"], true);

    // Some findings are about no file; viewers refuse a result without a location.
    fs::remove_file(folder.path().join(SEGMENT)).unwrap();
    let output = audit(folder.path(), &["--only", "lost_spans", "--settle", "0", "--format", "sarif"]);
    let sarif: Value = serde_json::from_str(output.rsplit_once('\n').unwrap().0).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let is_placed =
        |result: &Value| result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].is_string();
    assert!(!results.is_empty() && results.iter().all(is_placed), "{results:?}");
}

#[test]
fn what_is_open_is_no_pass_for_any_machine() {
    let folder = clean();
    fs::write(folder.path().join(SEGMENT), "").unwrap();
    let only = ["--only", "unproven_spans"];
    let of = |format: &str| audit(folder.path(), &[&only[..], &["--format", format]].concat());
    let table = of("table");
    assert_eq!(
        lines(&table, &["INCONCLUSIVE", "inconclusive", "[exit"]),
        [
            "INCONCLUSIVE, limited by --only unproven_spans",
            "inconclusive unproven_spans 20 of 20 acked spans",
            "[exit status: 2]"
        ]
    );
    let junit = of("junit");
    assert!(junit.contains("tests=\"2\" skipped=\"0\" failures=\"0\" errors=\"2\""), "{junit}");
    assert!(junit.contains("type=\"inconclusive\""), "{junit}");
    let sarif: Value = serde_json::from_str(of("sarif").rsplit_once('\n').unwrap().0).unwrap();
    let run = &sarif["runs"][0];
    assert_eq!(run["invocations"][0]["executionSuccessful"], false);
    assert_eq!((&run["results"][0]["kind"], &run["results"][0]["level"]), (&"open".into(), &"none".into()));
    assert!(of("github").contains("::error title=inconclusive%3A unproven_spans::"));
    assert!(of("markdown").starts_with("## e2e-store: INCONCLUSIVE, limited by --only unproven"));
    assert!(of("csv").contains(
        "\ninconclusive,'--only unproven_spans,unproven_spans,delivery,inconclusive,inconclusive,20,20,0,"
    ));
}

#[test]
fn what_is_only_unproven_is_no_pass_for_a_check_that_does_not_say_so() {
    let folder = clean();
    fs::write(folder.path().join(SEGMENT), "").unwrap();
    for choice in [["--only", "lost_spans"], ["--only", "altered_spans"], ["--skip", "unproven_spans,files"]]
    {
        let report = json(folder.path(), &choice);
        assert_eq!((&report["verdict"], choice), (&"inconclusive".into(), choice));
        assert!(report["because"].to_string().contains("20 acked spans"), "{}", report["because"]);
    }
}

#[test]
fn what_was_left_out_is_said_in_every_format() {
    let folder = clean();
    fs::write(folder.path().join("e2e-store.yaml"), "audit: {severity: {lost_spans: warn}, skip: [links]}\n")
        .unwrap();
    let of = |args: &[&str], format: &str| {
        let mut command = command(folder.path());
        let output = command.args(["audit", "--run", RUN, "--format", format]).args(args).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let scoped = ["--service", "brazenly-engrossing-turkey", "--from", "2026-11-01"];
    for format in ["table", "json", "ndjson", "csv", "markdown", "junit", "sarif", "github"] {
        let report = of(&scoped, format);
        for said in
            ["service", "from", "audit.severity", "audit.skip", "lost_spans=warn", "links", "e2e-store.yaml"]
        {
            assert!(report.replace("\\_", "_").contains(said), "{format} does not say {said}: {report}");
        }
        let chosen = of(&["--only", "lost_spans", "--severity", "lost_spans=info"], format);
        assert!(chosen.contains("--only") && chosen.contains("--severity"), "{format}: {chosen}");
        assert!(
            !chosen.contains("audit.skip") && !chosen.contains("audit.severity"),
            "a flag outranks the file: {chosen}"
        );
    }
    let table = of(&[], "table");
    assert_eq!(
        lines(&table, &["PASS"]),
        [
            "PASS, limited by audit.skip links (`e2e-store.yaml`), audit.severity lost_spans=warn (`e2e-store.yaml`)"
        ]
    );
}

#[test]
fn passing_and_skipped_checks_are_counted_by_family_unless_all_are_asked_for() {
    let folder = clean();
    let counted_up = audit(folder.path(), &["--only", "delivery,lost_spans"]);
    assert_eq!(lines(&counted_up, &["delivery"]), ["delivery 5 passed, 3 skipped"]);
    assert!(
        !counted_up.lines().any(|line| line.starts_with("pass") || line.starts_with("skip")),
        "{counted_up}"
    );
    let listed = audit(folder.path(), &["--only", "delivery", "--verbose"]);
    assert_eq!(lines(&listed, &["pass", "skip"]).len(), 8, "{listed}");
    assert!(lines(&listed, &["all 2 services"]).len() == 1, "{listed}");
}

#[test]
fn names_from_outside_command_neither_a_terminal_nor_a_runner() {
    let folder = clean();
    let odd = "\u{1b}[31m\u{9b}\u{fffe}::error::x";
    fs::write(folder.path().join(format!(".dbdata/spans/wal/{odd}")), "").unwrap();
    fs::write(folder.path().join(".dbdata/spans/wal/::error::y"), "").unwrap();
    for format in ["table", "json", "ndjson", "csv", "markdown", "junit", "sarif", "github"] {
        let report = audit(folder.path(), &["--format", format]);
        assert!(!report.contains(['\u{1b}', '\u{9b}', '\u{fffe}']), "{format}: {report}");
        let commands = report.lines().filter(|line| line.trim_start().starts_with("::"));
        assert!(format == "github" || commands.count() == 0, "{format}: {report}");
    }
    let unknown = audit(folder.path(), &["--only", "a\n::error::b\u{1b}"]);
    assert!(!unknown.contains('\u{1b}') && !unknown.lines().any(|line| line.starts_with("::")), "{unknown}");
}

#[test]
fn json_has_the_form_that_its_schema_says() {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/audit.schema.json");
    let schema: Value = serde_json::from_slice(&fs::read(schema).unwrap()).unwrap();
    let folder = damaged();
    let baseline = folder.path().join("known.json");
    fs::write(
        &baseline,
        r#"{"version":2,"findings":[{"id":"lost_spans:0","check":"lost_spans","finding":"x","values":"0"}]}"#,
    )
    .unwrap();
    fs::create_dir(folder.path().join("checks")).unwrap();
    fs::write(folder.path().join("checks/mine.sql"), own_check("info", "SELECT 1 FROM nowhere")).unwrap();
    fs::write(folder.path().join(".dbdata/spans/wal/notes.txt"), "").unwrap();
    fs::write(folder.path().join("e2e-store.yaml"), "audit: {severity: {remote_parents: warn}}\n").unwrap();
    let args = ["--baseline", "known.json", "--checks", "checks", "--skip", "time"];
    let report = json(folder.path(), &args);
    let mut met = std::collections::BTreeSet::new();
    conforms(&schema, &report, "", &mut met);
    for key in [
        "/baseline/stale/id",
        "/checks/points_to/export/run",
        "/checks/reason",
        "/checks/sql",
        "/fidelity/key",
        "/limited_by/file",
    ] {
        assert!(met.contains(key), "{key} is not in this report, so its form was not looked at: {met:#?}");
    }
}

/// Holds a value against the part of JSON Schema that our schema uses, and notes the keys that it met.
pub(super) fn conforms(
    schema: &Value,
    value: &Value,
    at: &str,
    met: &mut std::collections::BTreeSet<String>,
) {
    met.insert(at.to_owned());
    if let Some(of) = schema.get("type") {
        let name = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(number) if number.is_f64() => "number",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let allows = |of: &Value| of == name || of == "number" && name == "integer";
        let allowed = of.as_array().map_or_else(|| allows(of), |several| several.iter().any(allows));
        assert!(allowed, "{at} is {name}, and should be {of}");
    }
    if let Some(value_of) = schema.get("const") {
        assert_eq!(value, value_of, "{at}");
    }
    if let Some(Value::Array(values)) = schema.get("enum") {
        assert!(values.contains(value), "{at} is {value}, and should be one of {values:?}");
    }
    for item in value.as_array().into_iter().flatten() {
        conforms(&schema["items"], item, at, met);
    }
    for (key, inner) in value.as_object().into_iter().flatten() {
        match schema["properties"].get(key) {
            Some(schema) => conforms(schema, inner, &format!("{at}/{key}"), met),
            None => assert_eq!(schema["additionalProperties"], true, "{at} has an unknown key `{key}`"),
        }
    }
    for key in schema["required"].as_array().into_iter().flatten() {
        assert!(value.get(key.as_str().unwrap()).is_some(), "{at} lacks {key}");
    }
}

#[test]
fn a_report_goes_to_several_files_at_once() {
    let folder = damaged();
    let names = ["a.txt", "a.json", "a.ndjson", "a.csv", "a.md", "a.xml", "a.sarif", "github:a.gh"];
    let mut args =
        vec!["--only", "altered_spans,polluted_attributes,polluted_resource,polluted_service_name"];
    for name in names {
        args.extend(["-o", name]);
    }
    let printed = audit(folder.path(), &args);
    for (format, file) in [
        ("table", "a.txt"),
        ("ndjson", "a.ndjson"),
        ("csv", "a.csv"),
        ("markdown", "a.md"),
        ("junit", "a.xml"),
        ("sarif", "a.sarif"),
        ("github", "a.gh"),
    ] {
        let written = fs::read_to_string(folder.path().join(file)).unwrap();
        let written = written.replace(&*folder.path().to_string_lossy(), "FOLDER");
        let alone = audit(
            folder.path(),
            &[
                "--only",
                "altered_spans,polluted_attributes,polluted_resource,polluted_service_name",
                "--format",
                format,
            ],
        );
        let (alone, _) = alone.rsplit_once('\n').unwrap();
        let untimed = |text: &str| text.split("\"took\":").next().unwrap().to_owned();
        assert_eq!(untimed(&steady(&written)), untimed(alone), "{file}");
        if format == "table" {
            assert_eq!(printed.rsplit_once('\n').unwrap().0, alone);
        }
    }
    let left: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with(".e2e"))
        .collect();
    assert_eq!(left, Vec::<String>::new(), "nothing is left beside the files");
}

#[test]
fn a_file_that_cannot_be_written_ends_it_before_it_begins() {
    let folder = damaged();
    fs::create_dir(folder.path().join("report.md")).unwrap();
    assert_snapshot!(audit(folder.path(), &["-o", "nowhere/report.json"]), @r#"
    ------- stderr -------
    error: cannot write `nowhere/report.json`
      caused by: entity not found
    hint: name a file in a folder that is there and that this user may write to
    [exit status: 2]
    "#);
    assert_snapshot!(audit(folder.path(), &["-o", "report.md"]), @"
    ------- stderr -------
    error: cannot write `report.md`
      caused by: is a directory
    hint: name a file in it
    [exit status: 2]
    ");
    assert_snapshot!(audit(folder.path(), &["-o", "report"]), @"
    ------- stderr -------
    error: invalid value 'report' for '--output <FILE>': unknown extension; expected e.g. `report.md`, or FORMAT:FILE as in `markdown:report`

    For more information, try '--help'.
    [exit status: 2]
    ");
    assert!(!folder.path().join("runs/be4853f43680/audit.json").exists());
}

#[test]
fn an_audit_is_saved_with_its_run() {
    let folder = damaged();
    let saved = folder.path().join("runs/be4853f43680/audit.json");
    fs::create_dir(&saved).unwrap();
    let output = audit(folder.path(), &["--only", "lost_spans", "--allow-uncovered"]);
    assert!(
        output.contains("the audit is not saved with its run: ")
            && output.contains("`runs/be4853f43680/audit.json`"),
        "{output}"
    );
    assert_eq!(exit_status(&output), "[exit status: 0]");
    fs::remove_dir(&saved).unwrap();

    audit(folder.path(), &["--limit", "1"]);
    let report: Value = serde_json::from_slice(&fs::read(&saved).unwrap()).unwrap();
    assert_eq!(report["verdict"], "fail");
    assert_eq!(
        check(&report, "altered_spans")["samples"].as_array().unwrap().len(),
        2,
        "--limit is the table's"
    );
    assert!(!folder.path().join("runs/75ab2a233443/audit.json").exists(), "only a judged run has one");

    let verified = e2e_store(folder.path(), ["verify", "--data-dir", "stand-in", "--runs", "mine"]);
    assert_eq!(exit_status(&verified), "[exit status: 0]", "{verified}");
    let run = fs::read_dir(folder.path().join("mine")).unwrap().next().unwrap().unwrap().path();
    let report: Value = serde_json::from_slice(&fs::read(run.join("audit.json")).unwrap()).unwrap();
    assert_eq!((&report["verdict"], &report["coverage"]["of"]), (&"pass".into(), &"stand-in".into()));
}

#[test]
fn a_file_beside_the_runs_is_no_run() {
    let folder = clean();
    fs::write(folder.path().join("runs/.gitignore"), "*").unwrap();
    fs::write(folder.path().join("runs/report.json"), "{}").unwrap();
    let report = e2e_store(folder.path(), ["audit"]);
    assert_eq!(exit_status(&report), "[exit status: 0]", "{report}");
}

/// A store may be copied from where its run was sent: a run that is named is judged against the store that is given.
#[test]
fn a_run_that_is_named_is_judged_against_a_copy_of_its_store() {
    let folder = folder();
    let verified = ["verify", "--num-services", "1", "--data-dir", "sent", "--runs", "of-it"];
    assert!(command(folder.path()).args(verified).output().unwrap().status.success());
    let copied = folder.path().join("copy");
    let audit = |args: &[&str]| {
        let output = command(folder.path())
            .args(["audit", "copy", "--runs", "of-it", "--no-wait"])
            .args(args)
            .output()
            .unwrap();
        (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code().unwrap())
    };
    copy_tree(&folder.path().join("sent/spans"), &copied.join("spans"));
    let (whole, code) = audit(&["--run", "latest"]);
    assert!(code == 0 && whole.contains(" match the plan, 0 differ"), "{whole}");
    for tier in ["parquet", "wal"] {
        fs::remove_dir_all(copied.join("spans").join(tier)).unwrap();
        fs::create_dir(copied.join("spans").join(tier)).unwrap();
    }
    let (emptied, code) = audit(&["--run", "latest"]);
    assert!(code == 1 && emptied.contains("FAIL  lost_spans"), "{emptied}");
    // Nobody named a run, and this one was sent elsewhere: nothing to audit is no pass.
    assert_eq!(audit(&[]).1, 2);
}

/// A settings file that cannot be read ends a command where it was named, and only there.
#[test]
fn a_settings_file_that_nobody_named_ends_no_command() {
    let folder = clean();
    fs::create_dir(folder.path().join("e2e-store.yaml")).unwrap();
    let audit = |args: &[&str]| {
        let output = command(folder.path()).args(["audit"]).args(args).output().unwrap();
        (String::from_utf8_lossy(&output.stderr).into_owned(), output.status.code().unwrap())
    };
    let (noted, code) = audit(&[]);
    assert_eq!(code, 0, "{noted}");
    assert_eq!(noted.matches("e2e-store.yaml").count(), 1, "{noted}");
    let (named, code) = audit(&["--config", "e2e-store.yaml"]);
    assert!(code == 2 && named.contains("error: "), "{named}");
    fs::remove_dir(folder.path().join("e2e-store.yaml")).unwrap();
    fs::write(folder.path().join("e2e-store.yaml"), [0xff, 0xfe, 0x00]).unwrap();
    assert_eq!(audit(&[]).1, 0, "no text");
}
