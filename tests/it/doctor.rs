use std::{fs, os::unix::fs::symlink, path::Path};

use super::cli::{Serving, command, e2e_store, exit_status, folder};

/// What doctor says of a stand-in, with more flags.
fn doctor(folder: &Path, serving: &Serving, more: &[&str]) -> String {
    let here = ["--endpoint", &serving.endpoint];
    let endpoint = if more.contains(&"--endpoint") { &[][..] } else { &here };
    let args = ["doctor", "--internal-endpoint", &serving.internal_endpoint];
    let output = command(folder).args(args).args(endpoint).args(more).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&*folder.to_string_lossy(), "FOLDER");
    format!(
        "{}{}[exit status: {}]",
        text(&output.stdout),
        text(&output.stderr),
        output.status.code().unwrap()
    )
}

/// The steps of a result, with the first lines of what they say.
fn steps(output: &str, result: &str) -> Vec<String> {
    let of_result = output.lines().filter(|line| line.starts_with(result));
    of_result.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// Whether the only steps that fail begin so, in this order.
fn assert_fails(output: &str, beginnings: &[&str]) {
    let failed = steps(output, "FAIL");
    let as_expected = failed.len() == beginnings.len()
        && failed.iter().zip(beginnings).all(|(step, beginning)| step.starts_with(beginning));
    assert!(as_expected, "{failed:#?}\n{output}");
    assert_eq!(exit_status(output), "[exit status: 1]");
}

#[test]
fn a_healthy_stand_in_has_nothing_wrong() {
    let folder = folder();
    let serving = Serving::start(folder.path(), ".dbdata");
    let output = doctor(folder.path(), &serving, &["--flush"]);
    assert_eq!(exit_status(&output), "[exit status: 0]", "{output}");
    assert!(steps(&output, "FAIL").is_empty() && steps(&output, "warn").is_empty(), "{output}");
    for step in
        ["ok key", "ok written here", "ok stored as sent", "ok snapshot call", "ok flush call", "ok wal"]
    {
        assert!(steps(&output, "ok").iter().any(|line| line.starts_with(step)), "{step}: {output}");
    }
    // The flush has taken the probe into a cold file, where it is one more trace.
    let json = doctor(folder.path(), &serving, &["--no-send", "--format", "json"]);
    let json = json.split_once("[exit status: 0]").unwrap().0;
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!((&json["version"], &json["settings"][0]["from"]), (&1.into(), &"flag --endpoint".into()));
    let skipped = json["steps"].as_array().unwrap().iter().filter(|step| step["outcome"] == "skipped");
    assert!(skipped.clone().any(|step| step["text"] == "--no-send: no span was sent"), "{json:#}");
}

#[test]
fn nothing_listens() {
    let folder = folder();
    fs::create_dir_all(folder.path().join(".dbdata/spans/wal")).unwrap();
    let output = e2e_store(
        folder.path(),
        ["doctor", "--endpoint", "localhost:1", "--internal-endpoint", "localhost:1"],
    );
    assert_fails(&output, &["FAIL endpoint nothing answers at `http://localhost:1`"]);
    for typed in ["docker compose up -d junjo-ai-studio-ingestion", "> docker-compose.override.yml"] {
        assert!(output.contains(typed), "{typed}: {output}");
    }
    assert_eq!(steps(&output, "warn").len(), 1, "{output}");
}

#[test]
fn the_key_is_wrong() {
    let folder = folder();
    let serving = Serving::start(folder.path(), ".dbdata");
    let output = doctor(folder.path(), &serving, &["--api-key", "not-the-k3y"]);
    assert_fails(&output, &["FAIL key the key is refused"]);
    assert!(output.contains("export JUNJO_API_KEY=") && !output.contains("not-the-k3y"), "{output}");
}

#[test]
fn the_token_is_wrong() {
    let folder = folder();
    let serving =
        Serving::start_with(folder.path(), &["--data-dir", ".dbdata", "--internal-token", "the-right-t0ken"]);
    for (given, said) in [
        (&["--internal-token", "a-wrong-t0ken"][..], "FAIL token the token is wrong"),
        (&[], "FAIL token a token is needed, none is set"),
    ] {
        let output = doctor(folder.path(), &serving, given);
        assert_fails(&output, &[said]);
        assert!(
            output.contains("export JUNJO_INTERNAL_GRPC_TOKEN=") && !output.contains("t0ken"),
            "{output}"
        );
    }
}

#[test]
fn the_endpoint_writes_another_data_directory() {
    let folder = folder();
    fs::create_dir_all(folder.path().join("other/spans/wal")).unwrap();
    let serving = Serving::start(folder.path(), ".dbdata");
    let output = doctor(folder.path(), &serving, &["--data-dir", "other", "--settle", "1"]);
    assert_fails(&output, &["FAIL written here the probe was acked"]);
    assert!(output.contains("docker inspect") && output.contains("another data directory"), "{output}");
}

#[test]
fn the_wal_is_wedged() {
    let folder = folder();
    let serving = Serving::start(folder.path(), ".dbdata");
    fs::write(folder.path().join(".dbdata/spans/wal/batch_1795346061456921668_0001.ipc"), "").unwrap();
    let output = doctor(folder.path(), &serving, &[]);
    assert_fails(
        &output,
        &["FAIL snapshot call PrepareHotSnapshot fails", "FAIL wal wedged: the next would FAIL at"],
    );
    let typed = "mv .dbdata/spans/wal/batch_1795346061456921668_0001.ipc set-aside/";
    assert!(output.contains(typed) && output.contains("the file is empty"), "{output}");
    assert!(steps(&output, "ok").iter().any(|step| step.starts_with("ok written here")), "{output}");
}

/// A link to itself cannot be followed by anybody, where a missing right stops root from nothing.
#[test]
fn a_folder_cannot_be_read() {
    let folder = folder();
    let serving = Serving::start(folder.path(), ".dbdata");
    symlink("day=1", folder.path().join(".dbdata/spans/parquet/day=1")).unwrap();
    let output = doctor(folder.path(), &serving, &[]);
    assert_fails(&output, &["FAIL permissions 1 place cannot be read: parquet/day=1"]);
    assert!(output.contains("ls -ld .dbdata/spans/parquet/day=1") && !output.contains("chmod"), "{output}");
}

#[test]
fn there_is_no_data_directory() {
    let folder = folder();
    let output = e2e_store(
        folder.path(),
        ["doctor", "--data-dir", "nowhere", "--no-send", "--endpoint", "localhost:1"],
    );
    assert_fails(&output, &["FAIL data directory no such path: `nowhere`", "FAIL endpoint"]);
}

#[test]
fn plain_text_where_tls_is_wanted_is_told_apart() {
    let folder = folder();
    let serving = Serving::start(folder.path(), ".dbdata");
    let https = format!("https://{}", serving.endpoint);
    let output = doctor(folder.path(), &serving, &["--endpoint", &https]);
    assert_fails(&output, &["FAIL tls cannot reach the OTLP endpoint"]);
}

#[test]
fn every_setting_says_where_it_came_from() {
    let folder = folder();
    fs::write(
        folder.path().join("e2e-store.yaml"),
        "exporter: {endpoint: 'localhost:1', api_key: s3cret, ca_cert: a.pem}\n",
    )
    .unwrap();
    let output = command(folder.path())
        .args(["doctor", "--no-send", "--internal-endpoint", "localhost:1"])
        .env("E2E_STORE_TIMEOUT", "3")
        .env("JUNJO_INTERNAL_GRPC_TOKEN", "s3cret")
        .output()
        .unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    let settings = shown.lines().skip(1).take_while(|line| !line.is_empty());
    let settings: Vec<_> =
        settings.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        settings,
        [
            "endpoint http://localhost:1 file e2e-store.yaml",
            "api key set file e2e-store.yaml",
            "timeout 3 s environment E2E_STORE_TIMEOUT",
            "internal endpoint http://localhost:1 flag --internal-endpoint",
            "internal token set environment JUNJO_INTERNAL_GRPC_TOKEN",
            "data directory .dbdata, then ~/.junjo default",
            "ca certificate a.pem file e2e-store.yaml",
        ]
    );
    assert!(!shown.contains("s3cret"), "{shown}");
}
