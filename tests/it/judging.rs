//! How an audit is told to judge: baselines, severities, the users' own checks.

use std::{fs, path::Path};

use insta::assert_snapshot;
use serde_json::Value;

use super::{
    audit::{FIXTURE, SEGMENT, audit, clean, damaged},
    cli::{command, e2e_store, exit_status, folder, lines},
};

#[test]
fn a_baseline_accepts_what_it_holds_and_names_what_is_gone() {
    let folder = damaged();
    let whole = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(FIXTURE).join(&SEGMENT[8..])).unwrap();
    let only = ["--only", "altered_spans,polluted_attributes,polluted_resource,polluted_service_name"];
    let of = |args: &[&str]| audit(folder.path(), &[&only[..], args].concat());
    let written = of(&["--write-baseline", "known.json"]);
    assert!(
        written.contains("baseline `known.json`: 3 findings; `--baseline known.json` accepts them"),
        "{written}"
    );
    assert_eq!(exit_status(&written), "[exit status: 1]", "writing accepts nothing yet");
    assert_snapshot!(fs::read_to_string(folder.path().join("known.json")).unwrap(), @r#"
    {
      "version": 2,
      "findings": [
        {
          "id": "altered_spans:4f1da55b650e3f549b70e33338211e50",
          "check": "altered_spans",
          "finding": "trace_id=63062f503aa1b5530448974fbb19d347 span_id=e93c6b4b785e0fb4 column_name=attributes key=junjo.workflow.execution_graph_snapshot",
          "values": "bb6c2b8eaef46c1d9e7944b8cf1a49ae"
        },
        {
          "id": "altered_spans:d0d2efa4cc5284650f3f4b3cc729e6ca",
          "check": "altered_spans",
          "finding": "trace_id=63062f503aa1b5530448974fbb19d347 span_id=e659d5b0f4d43483 column_name=name",
          "values": "285401eedbaac854fad8be629fc0d745"
        },
        {
          "id": "polluted_service_name:87577dc1cec1593d1516174f385fca8e",
          "check": "polluted_service_name",
          "finding": "trace_id=63062f503aa1b5530448974fbb19d347 span_id=e659d5b0f4d43483",
          "values": "06180dc3f95e6626e0abafa37276dcc9"
        }
      ]
    }
    "#);

    let accepted = of(&["--baseline", "known.json"]);
    assert_snapshot!(lines(&accepted, &["PASS", "baseline", "accepted", "[exit"]).join("\n"), @"
    PASS, limited by --only altered_spans,polluted_attributes,polluted_resource,polluted_service_name
    baseline known.json: 3 findings accepted
    accepted altered_spans 2 findings in 40 planned rows in 2 files
    accepted polluted_service_name 1 of 40 rows with witnesses in 2 files
    [exit status: 0]
    ");

    let segment = folder.path().join(SEGMENT);
    let mut bytes = fs::read(&segment).unwrap();
    let other = bytes.windows(12).position(|window| window == b"OddItemsNode").unwrap();
    bytes[other] = b'X';
    fs::write(&segment, bytes).unwrap();
    let with_new = of(&["--baseline", "known.json"]);
    assert_snapshot!(lines(&with_new, &["FAIL", "baseline", "accepted", "- altered", "altered_spans:", "[exit"]).join("\n"), @"
    FAIL, limited by --only altered_spans,polluted_attributes,polluted_resource,polluted_service_name
    baseline known.json: 3 findings accepted
    FAIL altered_spans 1 finding in 40 planned rows in 2 files; 2 more accepted
    accepted polluted_service_name 1 of 40 rows with witnesses in 2 files
    altered_spans: A stored span has the values that it was sent with.
    - altered_spans:ed895649eb5a
    [exit status: 1]
    ");

    fs::write(&segment, whole).unwrap();
    let repaired = of(&["--baseline", "known.json"]);
    assert_snapshot!(lines(&repaired, &["PASS", "baseline", "altered_spans:", "polluted_", "[exit"]).join("\n"), @"
    PASS, limited by --only altered_spans,polluted_attributes,polluted_resource,polluted_service_name
    baseline known.json: 0 findings accepted, 3 stale: found no more
    altered_spans:4f1da55b650e trace_id=63062f503aa1b5530448974fbb19d347 span_id=e93c6b4b785e0fb4 column_name=attributes key=junjo.workflow.execution_graph_snapshot
    altered_spans:d0d2efa4cc52 trace_id=63062f503aa1b5530448974fbb19d347 span_id=e659d5b0f4d43483 column_name=name
    polluted_service_name:87577dc1cec1 trace_id=63062f503aa1b5530448974fbb19d347 span_id=e659d5b0f4d43483
    [exit status: 0]
    ");

    let elsewhere = audit(folder.path(), &["--only", "lost_spans", "--baseline", "known.json"]);
    assert_eq!(
        lines(&elsewhere, &["baseline"]),
        ["baseline known.json: 0 findings accepted, 3 not looked for"]
    );
    assert_snapshot!(of(&["--baseline", "nowhere.json"]), @"
    ------- stderr -------
    error: cannot read baseline `nowhere.json`
      caused by: No such file or directory (os error 2)
    hint: `e2e-store audit --write-baseline FILE` writes one
    [exit status: 2]
    ");
}

#[test]
fn severities_and_fail_on_decide_what_fails() {
    let folder = damaged();
    let of = |args: &[&str]| {
        let output =
            audit(folder.path(), &[&["--only", "altered_spans", "--allow-uncovered"][..], args].concat());
        let told = lines(&output, &["PASS", "FAIL", "INCONCLUSIVE", "warn", "info", "[exit"]);
        let unlimited = |line: String| line.split(", limited by").next().unwrap_or_default().to_owned();
        told.into_iter().map(unlimited).collect::<Vec<_>>()
    };
    assert_eq!(of(&[])[0], "FAIL");
    assert_eq!(
        of(&["--severity", "altered_spans=warn"]),
        ["PASS", "warn altered_spans 2 findings in 40 planned rows in 2 files", "[exit status: 0]"]
    );
    assert_eq!(
        of(&["--severity", "altered_spans=warn", "--fail-on", "warn"]),
        [
            "FAIL",
            "warnings fail this audit (--fail-on warn)",
            "warn altered_spans 2 findings in 40 planned rows in 2 files",
            "[exit status: 1]"
        ]
    );
    assert_eq!(
        of(&["--severity", "altered_spans=info", "--fail-on", "warn"]),
        ["PASS", "info altered_spans 2 findings in 40 planned rows in 2 files", "[exit status: 0]"]
    );

    fs::write(
        folder.path().join("e2e-store.yaml"),
        "audit:\n  severity: {altered_spans: warn}\n  fail_on: warn\n  skip: [pollution]\n",
    )
    .unwrap();
    assert_eq!(of(&[])[0], "FAIL");
    assert_eq!(of(&["--fail-on", "error"])[0], "PASS", "a flag outranks the file");
    let all = audit(folder.path(), &["--fail-on", "error", "--allow-uncovered"]);
    assert!(!all.contains("polluted_service_name"), "{all}");
    assert_eq!(exit_status(&audit(folder.path(), &["--skip", "fidelity"])), "[exit status: 1]");
    assert_snapshot!(audit(folder.path(), &["--severity", "altered_spans=dire"]), @"
    ------- stderr -------
    error: invalid value 'altered_spans=dire' for '--severity <CHECK=SEVERITY>': `dire` is none of `error`, `warn`, `info`

    For more information, try '--help'.
    [exit status: 2]
    ");
    fs::write(folder.path().join("e2e-store.yaml"), "audit: {severity: {luck: warn}}\n").unwrap();
    assert!(
        audit(folder.path(), &[])
            .contains("error: there is no check `luck`\nhint: `e2e-store checks` lists them")
    );
}

pub(super) fn own_check(severity: &str, sql: &str) -> String {
    format!(
        "-- No segment is left.\n-- severity: {severity}\n-- examines: segments\n--\n-- Ours are flushed at night.\n--\n\
         -- Usually: the night's job did not run. Call FlushWAL.\n--\n-- Not covered: cold files.\n{sql}\n"
    )
}

#[test]
fn the_users_own_checks_run_beside_ours() {
    let folder = clean();
    fs::create_dir_all(folder.path().join("checks/house")).unwrap();
    let write = |path: &str, text: &str| fs::write(folder.path().join("checks").join(path), text).unwrap();
    write(
        "house/left_segments.sql",
        &own_check("warn", "SELECT tier, file, rows FROM files WHERE tier = 'wal'"),
    );
    let args = ["--checks", "checks", "--only", "house"];
    assert_snapshot!(audit(folder.path(), &args), @"
    PASS, limited by --only house

    store    .dbdata/spans
             1 cold file: 20 rows, 12.8 kB
             1 WAL segment: 20 rows, 41.5 kB
             1 hot snapshot: 20 rows, 12.9 kB; a copy, not evidence
    run      be4853f43680   20 spans planned: 20 acked
    barrier  no flush after the last ack, but …
    also     run 75ab2a233443: its rows here were compared; another run is judged
    checked  40 rows: 40 match the plan, 0 differ, 0 unplanned
    found    all 20 spans of 4 workflows of 2 services
    checks   1 with warnings
    read     48.3 kB in …

    warn  left_segments  1 of 1 segment

    left_segments: No segment is left.
    finding                     tier  file                                    rows
    left_segments:a35af73a48b3  wal   wal/batch_1795466683733889754_0002.ipc    20
    first seen    2026-11-23T20:44Z
    inspect       e2e-store sql .dbdata/spans --run be48 --query finding --param id=left_segments:a35af73a48b3
    likely cause  the night's job did not run. Call FlushWAL.
    [exit status: 0]
    ");
    let listed = e2e_store(folder.path(), ["checks", "--checks", "checks"]);
    assert!(
        lines(&listed, &["house", "left_segments"]) == ["house", "left_segments warn No segment is left."],
        "{listed}"
    );
    let explained = e2e_store(folder.path(), ["checks", "left_segments", "--checks", "checks"]);
    assert!(
        explained.contains("\nLikely cause: the night's job did not run. Call FlushWAL.\n"),
        "{explained}"
    );

    for (name, sql) in [
        ("no_table", "SELECT * FROM nowhere"),
        ("no_sense", "SELEC"),
        ("no_limit", "SELECT file FROM files LIMIT 1"),
        ("no_writing", "COPY (SELECT file FROM files) TO 'stolen.csv'"),
        ("no_luck", "SELECT 1 / (size - size) FROM files"),
    ] {
        write(&format!("{name}.sql"), &own_check("warn", sql));
    }
    let broken = audit(folder.path(), &["--checks", "checks", "--only", "user"]);
    let reasons = ["INCONCLUSIVE", "BROKEN", "Error", "SQL", "Arrow", "[exit"];
    assert_snapshot!(lines(&broken, &reasons).join("\n"), @r#"
    INCONCLUSIVE, limited by --only user
    BROKEN no_limit Error during planning: a check has no LIMIT: all of its findings are counted, and --limit says how many are shown
    BROKEN no_luck Arrow error: Divide by zero error
    BROKEN no_sense SQL error: ParserError("Expected: an SQL statement, found: SELEC at Line: 1, Column: 1")
    BROKEN no_table Error during planning: table 'datafusion.public.nowhere' not found: the tables are: spans, stored_spans, traces, services, files, row_groups, segments, runs, expected_spans, findings, delivery, exports, calls, differences, planned_copies, run_results, unplannable_rows, duplicated_spans, losses, unplanned_rows, unplanned_traces, hidden_rows, resources, snapshot_rows, footer_statistics, executables, store_transitions, graph_nodes, graph_edges, agent_operations, evaluations, agent_plugin_spans, execution_differences, indexed_files, indexed_traces, indexed_services, failed_files, visible_files, index_differences, studio_index
    BROKEN no_writing Error during planning: DML not supported: COPY
    [exit status: 2]
    "#);
    assert!(!folder.path().join("stolen.csv").exists());
    write(
        "house/slow_nodes.sql",
        &own_check("error", "SELECT tier, file, row_number FROM stored_spans WHERE name = 'CountItemsNode'"),
    );
    let stored = audit(folder.path(), &["--checks", "checks", "--only", "slow_nodes"]);
    assert!(stored.contains("FAIL  slow_nodes  12 findings"), "{stored}");

    write("lost_spans.sql", &own_check("warn", "SELECT 1"));
    assert_snapshot!(audit(folder.path(), &["--checks", "checks"]), @"
    ------- stderr -------
    error: check `checks/lost_spans.sql` has the id of a built-in check
    hint: give its file another name
    [exit status: 2]
    ");
    write("lost_spans.sql", "SELECT 1");
    assert_snapshot!(audit(folder.path(), &["--checks", "checks"]), @"
    ------- stderr -------
    error: check `checks/lost_spans.sql`: does not begin with `-- ` and its rule
    hint: `e2e-store checks lost_spans` shows a whole one; the README has the grammar
    [exit status: 2]
    ");
}

#[test]
fn checks_are_listed_and_explained_for_machines_too() {
    let folder = folder();
    let run = |args: &[&str]| -> Value {
        let output = command(folder.path()).args(args).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let all = run(&["checks", "--format", "json"]);
    assert_eq!(all["version"], 1);
    let all = all["checks"].as_array().unwrap();
    let one = run(&["checks", "lost_spans", "--format", "json"]);
    assert!(all.contains(&one["checks"][0]));
    for check in all {
        for key in ["rule", "why", "usually", "not_covered", "sql"] {
            assert!(!check[key].as_str().unwrap().trim().is_empty(), "{key}: {check}");
        }
    }
    assert_eq!(
        (&one["checks"][0]["needs"], &one["checks"][0]["query"]),
        (&"run".into(), &"missing_spans".into())
    );
}

#[test]
fn cold_files_older_than_the_run_are_read_only_where_a_span_is_absent() {
    let folder = clean();
    let old = folder.path().join(".dbdata/spans/parquet/year=2026/month=11/day=22");
    fs::create_dir_all(&old).unwrap();
    let foreign = old.join("20261122_030405_00000000.parquet");
    fs::write(&foreign, "no Parquet").unwrap();
    let skipping = audit(folder.path(), &[]);
    assert_eq!(exit_status(&skipping), "[exit status: 0]", "{skipping}");
    let skipped = lines(&skipping, &["skipped"]);
    assert!(skipped[0].starts_with("skipped 1 cold file, 10 B"), "{skipped:?}");
    for flags in [["--all-files"].as_slice(), &["--clock-skew", "48h"], &["--run", "latest"]] {
        let all = audit(folder.path(), if flags[0] == "--run" { &["--no-wait"] } else { flags });
        let all = if flags[0] == "--run" { e2e_store(folder.path(), ["audit"]) } else { all };
        assert_eq!(
            lines(&all, &["FAIL "]),
            ["FAIL unreadable_files 1 of 4 files of any tier"],
            "{flags:?}: {all}"
        );
        assert_eq!(exit_status(&all), "[exit status: 1]");
    }

    // A clock that was stepped on purpose may have named any file so.
    let manifest = fs::read_dir(folder.path().join("runs")).unwrap().next().unwrap().unwrap().path();
    let manifest = manifest.join("manifest.json");
    let before = fs::read(&manifest).unwrap();
    for (nemesis, exit) in [("clock-back", "[exit status: 1]"), ("sigterm", "[exit status: 0]")] {
        let mut with_faults: Value = serde_json::from_slice(&before).unwrap();
        with_faults["chaos"] = serde_json::json!({
            "version": 1, "seed": 1, "rate": "1/s", "duration_ms": 1, "studio": "./ingestion",
            "steps": [{ "at_ms": 0, "nemesis": nemesis, "for_ms": 0 }],
        });
        fs::write(&manifest, with_faults.to_string()).unwrap();
        assert_eq!(exit_status(&audit(folder.path(), &[])), exit, "{nemesis}");
    }
    fs::write(&manifest, before).unwrap();

    // A studio whose clock is a day behind: the run's own spans lie in a file that is skipped at first.
    fs::remove_file(&foreign).unwrap();
    let own = "parquet/year=2026/month=11/day=23/20261123_204443_2326d5ab.parquet";
    let own = folder.path().join(".dbdata/spans").join(own);
    fs::rename(own, &foreign).unwrap();
    let behind = e2e_store(folder.path(), ["audit", "--run", "75ab"]);
    assert_eq!(exit_status(&behind), "[exit status: 0]", "{behind}");
    assert_eq!(lines(&behind, &["skipped"]), [""; 0]);
    assert_eq!(lines(&behind, &["found"]).len(), 1, "{behind}");
}
