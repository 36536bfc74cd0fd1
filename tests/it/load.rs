use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use super::cli::{Serving, command, e2e_store, exit_status, folder, lines};

/// Judges one way of sending by itself: everything planned is sent, acked and stored as planned.
fn verified(args: &[&str]) -> Vec<String> {
    let folder = folder();
    let output = command(folder.path()).arg("verify").args(args).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{args:?}\n{text}");
    lines(&text, &["PASS", "all ", "checked", "1 cold", "2 cold", "3 cold"])
}

#[test]
fn whatever_the_pace_and_the_batches_all_is_stored_as_planned() {
    for args in [
        &["--in-flight", "3", "--pause", "1ms"][..],
        &["--in-flight", "2", "--reconnect", "--num-services", "2"],
        &["--rate", "500/s"],
        &["--stages", "200ms:200,200ms:0"],
        &["--duration", "200ms", "--in-flight", "2"],
        &["--duration", "200ms", "--in-flight", "2", "--straddle", "50%", "--straddle-gap", "1ms"],
        &["--batching", "sdk", "--batch-size", "7"],
        &["--batching", "collector", "--collectors", "2", "--batch-size", "64"],
        &["--batching", "collector", "--straddle", "50%", "--straddle-gap", "1ms"],
        &["--scenario", "quick", "--connections", "2"],
        &["--profile", "minimal=2,getting-started=3", "--retry", "spec"],
    ] {
        verified(args);
    }
}

#[test]
fn a_straddling_trace_lies_in_several_files() {
    let shown = verified(&["--straddle", "100%", "--num-services", "1", "--workflows-per-service", "20"]);
    assert!(shown.iter().any(|line| line.starts_with("3 cold files: 100 rows")), "{shown:?}");
}

#[test]
fn an_export_that_no_studio_would_decode_is_split() {
    let shown = verified(&[
        "--num-services",
        "1",
        "--workflows-per-service",
        "1200",
        "--batching",
        "sdk",
        "--batch-size",
        "100000",
    ]);
    assert!(
        shown.iter().any(|line| line.starts_with("checked 6 000 rows: 6 000 match the plan")),
        "{shown:?}"
    );
}

#[test]
fn the_shards_of_a_plan_are_judged_as_one_run() {
    let folder = folder();
    let serving = Serving::start(folder.path(), ".dbdata");
    let endpoints = ["--endpoint", &serving.endpoint, "--internal-endpoint", &serving.internal_endpoint];
    let planned = e2e_store(folder.path(), ["generate", "--plan-only", "plan.json", "--num-services", "2"]);
    assert_eq!(exit_status(&planned), "[exit status: 0]", "{planned}");
    let send = |shard: &str| {
        let args = [&["generate", "--manifest", "plan.json", "--shard", shard], &endpoints[..]].concat();
        let output = command(folder.path()).args(args).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert_eq!(send("1/2"), (Some(0), String::new()));

    let half = e2e_store(folder.path(), ["audit"]);
    assert!(half.contains("the folders of shards 2/2 are absent"), "{half}");
    assert_eq!(exit_status(&half), "[exit status: 2]");

    assert_eq!(send("2/2"), (Some(0), String::new()));
    let again = send("2/2");
    assert!(again.0 == Some(2) && again.1.contains("this plan was sent before"), "{}", again.1);

    let whole = e2e_store(folder.path(), ["audit"]);
    assert_eq!(
        lines(&whole, &["PASS", "found", "[exit"]),
        ["PASS", "found all 100 spans of 20 workflows of 2 services", "[exit status: 0]"],
        "{whole}"
    );

    change_seed(&shard_folder(folder.path(), "2-of-2").join("manifest.json"));
    let differing = e2e_store(folder.path(), ["audit"]);
    assert!(differing.contains("have the same run id and different plans"), "{differing}");
    assert_eq!(exit_status(&differing), "[exit status: 2]");
}

fn shard_folder(folder: &Path, ending: &str) -> std::path::PathBuf {
    let runs = fs::read_dir(folder.join("runs")).unwrap().map(|entry| entry.unwrap().path());
    runs.into_iter().find(|path| path.to_string_lossy().ends_with(ending)).unwrap()
}

fn change_seed(manifest: &Path) {
    let mut json: serde_json::Value = serde_json::from_slice(&fs::read(manifest).unwrap()).unwrap();
    json["seed"] = 7.into();
    fs::write(manifest, json.to_string()).unwrap();
}

#[test]
fn ctrl_c_ends_a_run_with_a_whole_manifest() {
    let folder = folder();
    let serving = Serving::start(folder.path(), ".dbdata");
    let generating = command(folder.path())
        .args(["generate", "--duration", "10m", "--in-flight", "2", "--pause", "1ms"])
        .args(["--endpoint", &serving.endpoint, "--internal-endpoint", &serving.internal_endpoint])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while !ledger_has_lines(folder.path(), 20) {
        std::thread::yield_now();
    }
    Command::new("kill").args(["-INT", &generating.id().to_string()]).status().unwrap();
    let output = generating.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stdout));

    let shown = e2e_store(folder.path(), ["runs", "show", "latest", "--format", "json"]);
    assert!(shown.contains("\"interrupted\": true"), "{shown}");
    let audited = e2e_store(folder.path(), ["audit"]);
    assert_eq!(exit_status(&audited), "[exit status: 0]", "{audited}");
}

fn ledger_has_lines(folder: &Path, count: usize) -> bool {
    let Ok(mut runs) = fs::read_dir(folder.join("runs")) else { return false };
    let Some(Ok(run)) = runs.next() else { return false };
    fs::read_to_string(run.path().join("ledger.ndjson")).is_ok_and(|text| text.lines().count() >= count)
}

#[test]
fn a_missed_threshold_is_exit_1_and_results_tell_why() {
    let folder = folder();
    let args = [
        "verify",
        "--threshold",
        "workflows_per_s>1000000",
        "--threshold",
        "p(95)<1h",
        "--results",
        "r.json",
    ];
    let output = e2e_store(folder.path(), args);
    let shown = lines(&output, &["MISSED", "met", "[exit"]);
    assert!(shown[0].starts_with("MISSED workflows_per_s>1000000"), "{output}");
    assert!(shown[1].starts_with("met p(95)<1h"), "{output}");
    assert_eq!(shown[2], "[exit status: 1]");
    let results: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.path().join("r.json")).unwrap()).unwrap();
    assert_eq!(results["run"]["results"]["thresholds"][0]["verdict"], "missed");
    assert_eq!(results["summary"]["total"]["acked"], 150);
}

#[test]
fn flags_that_would_do_nothing_are_refused() {
    let folder = folder();
    for (args, message) in [
        (["generate", "--batch-size", "9"], "--batch-size has no meaning"),
        (["generate", "--collectors", "2"], "--collectors needs collectors"),
        (["generate", "--pause", "1s"], "--pause and --reconnect are a closed loop's"),
        (["generate", "--shard", "1/2"], "--manifest"),
        (["generate", "--profile", "maximal"], "unknown profile `maximal`"),
    ] {
        let output = e2e_store(folder.path(), args);
        assert!(output.contains(message), "{output}");
        assert_eq!(exit_status(&output), "[exit status: 2]");
    }
}
