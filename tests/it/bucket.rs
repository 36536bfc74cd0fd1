//! Stores in a bucket: what is said of them is what is said of the same files in a folder.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use super::{
    audit::{clean, copy_tree},
    cli::{command, folder},
    object_server::{BUCKET, Faults, ObjectServer},
};

/// Must be in no output.
const SECRETS: [&str; 3] = ["the-key-id", "the-secret-key", "secret-of-the-answer"];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

fn s3(key: &str) -> String {
    format!("s3://{BUCKET}/{key}")
}

/// The binary with the environment that leads to a server.
fn with(server: &ObjectServer, folder: &Path) -> Command {
    let mut command = alone(folder);
    command
        .env("AWS_ENDPOINT_URL", server.endpoint())
        .env("AWS_ALLOW_HTTP", "true")
        .env("AWS_ACCESS_KEY_ID", SECRETS[0])
        .env("AWS_SECRET_ACCESS_KEY", SECRETS[1]);
    command
}

/// The binary with nothing of the clouds in its environment.
fn alone(folder: &Path) -> Command {
    let mut command = command(folder);
    let of_clouds = |name: &str| ["AWS_", "AZURE_", "GOOGLE_"].iter().any(|cloud| name.starts_with(cloud));
    std::env::vars().filter(|(name, _)| of_clouds(name)).for_each(|(name, _)| _ = command.env_remove(name));
    command
}

/// Output and errors, which hold no secret, and the exit code.
fn told(command: &mut Command) -> (String, String, i32) {
    let Output { stdout, stderr, status } = command.output().unwrap();
    let [stdout, stderr] = [stdout, stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    for secret in SECRETS {
        assert!(!stdout.contains(secret) && !stderr.contains(secret), "{secret}: {stdout}{stderr}");
    }
    (stdout, stderr, status.code().unwrap())
}

/// A report without what differs each time, and with one name for the store.
fn report(command: &mut Command, store: &str) -> (Value, i32) {
    let (stdout, stderr, code) = told(command);
    let named = stdout.replace(store, "STORE");
    let mut report: Value = serde_json::from_str(&named).unwrap_or_else(|err| panic!("{err}: {stderr}"));
    forget_times(&mut report);
    (report, code)
}

fn forget_times(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for name in ["took", "written"] {
                fields.remove(name);
            }
            // Of family `index`: the index beside a bucket is not read.
            if fields.get("reason").and_then(Value::as_str).is_some_and(|reason| reason.contains("index")) {
                fields.remove("reason");
            }
            fields.values_mut().for_each(forget_times);
        }
        Value::Array(values) => values.iter_mut().for_each(forget_times),
        _ => {}
    }
}

fn audit_json(command: &mut Command, store: &str) -> (Value, i32) {
    report(command.args(["audit", store, "--run", "none", "--no-wait", "--format", "json"]), store)
}

fn gets(server: &ObjectServer) -> Vec<String> {
    let mut gets: Vec<String> =
        server.asked().into_iter().filter(|asked| asked.starts_with("GET ")).collect();
    gets.sort();
    gets
}

/// A copy of a store in a folder, without its WAL and its snapshot.
fn cold_only(name: &str) -> TempDir {
    let folder = folder();
    copy_tree(&fixture(name).join("spans/parquet"), &folder.path().join("spans/parquet"));
    folder
}

#[test]
fn an_audit_says_of_a_bucket_what_it_says_of_a_folder() {
    let folder = folder();
    for name in ["studio-0.82.1", "studio-0.80.0"] {
        let local = fixture(name);
        let expected = audit_json(&mut alone(folder.path()), local.to_str().unwrap());
        let server = ObjectServer::with(&local, "a b/100%#");
        assert_eq!(audit_json(&mut with(&server, folder.path()), &s3("a b/100%#")), expected, "{name}");
        let url = format!("{}/{BUCKET}/a%20b/100%25%23", server.endpoint());
        let (mut of_http, code) = audit_json(&mut alone(folder.path()), &url);
        let shown = format!("{}/{BUCKET}/a b/100%#", server.endpoint());
        of_http = serde_json::from_str(&of_http.to_string().replace(&shown, "STORE")).unwrap();
        assert_eq!((of_http, code), expected, "{name}");
    }
}

#[test]
fn each_file_is_asked_for_once_and_its_folders_lead_to_the_whole() {
    let folder = folder();
    let server = ObjectServer::with(&fixture("studio-0.82.1"), "data");
    let files: Vec<String> = server.keys().into_iter().map(|key| format!("GET {key}")).collect();
    for below in ["", "/spans", "/spans/parquet", "/spans/parquet/year=2026/month=11", "/spans/wal"] {
        let before = gets(&server).len();
        let store = s3(&format!("data{below}"));
        let (report, _) = audit_json(&mut with(&server, folder.path()), &store);
        assert_eq!(report["coverage"]["tiers"][0]["files"], 2, "{below}: {report}");
        assert_eq!(gets(&server).len() - before, files.len(), "{below}");
    }
}

#[test]
fn a_service_that_fails_at_times_changes_nothing() {
    let folder = folder();
    let local = fixture("studio-0.82.1");
    let (expected, code) = audit_json(&mut alone(folder.path()), local.to_str().unwrap());
    let check = |set: fn(&ObjectServer)| {
        let server = ObjectServer::with(&local, "data");
        set(&server);
        assert_eq!(audit_json(&mut with(&server, folder.path()), &s3("data")), (expected.clone(), code));
    };
    check(|server| server.fail(|faults| faults.listing.extend([503, 500])));
    check(|server| server.fail(|faults| faults.get.extend([500, 503])));
    check(|server| server.fail(|faults| faults.cut = 2));
    check(|server| server.list_in_pages_of(1));
}

#[test]
fn a_file_that_changes_or_goes_between_listing_and_reading_is_said_and_not_mixed() {
    let folder = folder();
    let check = |set: fn(&mut Faults, String), said: &str, code: i32| {
        let server = ObjectServer::with(cold_only("studio-0.82.1").path(), "data");
        let file = server.keys().remove(0);
        server.fail(|faults| set(faults, file.clone()));
        let (report, exit) = audit_json(&mut with(&server, folder.path()), &s3("data"));
        let not_read = &report["coverage"]["not_read"][0];
        assert!(file.ends_with(not_read["file"].as_str().unwrap()), "{report}");
        assert!(not_read.to_string().contains(said), "{not_read}");
        assert_eq!((&report["coverage"]["tiers"][0]["rows"], exit), (&Value::from(33), code), "{report}");
    };
    check(|faults, file| _ = faults.replaced.insert(file), "it changed while it was read", 2);
    // A cold file never goes away, wherever it lies.
    check(|faults, file| _ = faults.gone.insert(file), "gone", 1);
}

#[test]
fn keys_that_no_listing_can_hold_are_named_and_hide_nothing_else() {
    let folder = folder();
    let local = cold_only("studio-0.82.1");
    let server = ObjectServer::with(local.path(), "data");
    let day = "data/spans/parquet/year=2026/month=11/day=22";
    let bad = [
        "data/spans//x".to_owned(),
        format!("{day}//20261122_000000_00000000.parquet"),
        format!("{day}/a\u{1}b"),
        "data/spans/parquet/../x".to_owned(),
        format!("{day}/z/./y"),
    ];
    for key in &bad {
        server.put(key, b"x");
    }
    let (report, code) = audit_json(&mut with(&server, folder.path()), &s3("data"));
    assert_eq!((&report["coverage"]["tiers"][0]["files"], code), (&Value::from(2), 2), "{report}");
    let not_read = report["coverage"]["not_read"].to_string();
    for named in ["day=22//", "a\\u0001b", "parquet/../", "day=22/z/./"] {
        assert!(not_read.contains(named), "{named}: {not_read}");
    }
}

#[test]
fn a_bucket_without_wal_holds_what_its_barrier_covers_and_the_rest_is_pending() {
    let folder = folder();
    let local = clean();
    let cold = local.path().join(".dbdata/spans/parquet");
    let server = ObjectServer::with(&cold, "spans/parquet");
    let runs = local.path().join("runs");
    let audit = |store: &str| {
        let mut command = with(&server, folder.path());
        command.args(["audit", store, "--runs", runs.to_str().unwrap(), "--run", "be48", "--format", "json"]);
        report(&mut command, store)
    };
    let began = Instant::now();
    let (report, code) = audit(&s3("spans"));
    assert!(began.elapsed() < Duration::from_secs(9), "a copy is not waited for");
    let findings = |report: &Value, id: &str| {
        let checks = report["checks"].as_array().unwrap();
        checks.iter().find(|check| check["id"] == id).unwrap()["findings"].as_u64().unwrap()
    };
    let (lost, pending) = (findings(&report, "lost_spans"), findings(&report, "pending_spans"));
    assert_eq!((lost, code), (0, 2), "{report}");
    // The same files in a folder, long after: there time has settled it.
    let copy = folder.path().join("spans/parquet");
    copy_tree(&cold, &copy);
    let (report, code) = audit(copy.to_str().unwrap());
    assert_eq!((findings(&report, "lost_spans"), code), (pending, 1), "{report}");
}

#[test]
fn what_cannot_be_listed_is_an_error_with_what_to_do() {
    let folder = folder();
    let server = ObjectServer::with(cold_only("studio-0.82.1").path(), "data");
    let check = |command: &mut Command, said: &[&str]| {
        let (stdout, stderr, code) = told(command);
        assert_eq!((stdout.as_str(), code), ("", 2), "{stderr}");
        assert!(
            stderr.contains("hint: ") && said.iter().all(|said| stderr.contains(said)),
            "{said:?}: {stderr}"
        );
    };
    let audit = |store: &str| {
        let mut command = with(&server, folder.path());
        command.args(["audit", store, "--run", "none"]);
        command
    };
    check(&mut audit("s3://another/data"), &["s3://another"]);
    check(&mut audit(&s3("nowhere")), &["s3://store/nowhere"]);
    server.fail(|faults| faults.listing.push_back(403));
    check(&mut audit(&s3("data")), &["403"]);
    check(audit(&s3("data")).env("AWS_ENDPOINT_URL", "http://127.0.0.1:1"), &["s3://store"]);
    check(audit(&s3("data")).env_remove("AWS_ALLOW_HTTP"), &["AWS_ALLOW_HTTP"]);
    check(&mut audit("ftp://host/data"), &["ftp://", "s3://"]);
    let began = Instant::now();
    let profile = audit(&s3("data"))
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY")
        .env("AWS_PROFILE", "work")
        .output()
        .unwrap();
    assert!(
        String::from_utf8(profile.stderr).unwrap().contains("aws configure export-credentials --format env")
    );
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn other_readers_say_of_a_bucket_what_they_say_of_a_folder() {
    let folder = folder();
    let local = fixture("studio-0.82.1");
    let server = ObjectServer::with(&local, "data");
    let sql = "SELECT tier, file, count(*) AS n, sum(octet_length(attributes)) FROM stored_spans GROUP BY tier, file ORDER BY tier, file";
    let exported = |name: &str| fs::read(folder.path().join(name)).unwrap();
    for (number, args) in [
        &[
            "sql",
            "PATH",
            "-c",
            "SELECT tier, file, rows, health FROM files ORDER BY tier, file",
            "--format",
            "csv",
        ][..],
        &["sql", "PATH", "-c", "SELECT count(*), count(DISTINCT trace_id) FROM spans", "--format", "csv"],
        &["sql", "PATH", "-c", sql, "--format", "csv"],
        &["inspect", "PATH", "--format", "json"],
        &["trace", "e0f7", "PATH", "--format", "json"],
        &["trace", "e0f7", "PATH", "--format", "otlp", "--trust-statistics"],
        &["export", "PATH", "-o", "EXPORT"],
        &["replay", "PATH", "--endpoint", "127.0.0.1:1", "--dry-run"],
    ]
    .into_iter()
    .enumerate()
    {
        let told_of = |mut command: Command, path: &str, file: &str| {
            let args = args.iter().map(|arg| arg.replace("PATH", path).replace("EXPORT", file));
            let (stdout, stderr, code) = told(command.args(args));
            let steady = |text: &str| {
                let lines = text
                    .lines()
                    .filter(|line| !line.contains("\"written\": ") && !line.starts_with("note: swept"));
                lines.collect::<Vec<_>>().join("\n").replace(path, "PATH").replace(file, "EXPORT")
            };
            (steady(&stdout), steady(&stderr), code)
        };
        let [local_file, file] = ["local", "bucket"].map(|name| format!("{name}{number}.jsonl"));
        let expected = told_of(alone(folder.path()), local.to_str().unwrap(), &local_file);
        assert_eq!(told_of(with(&server, folder.path()), &s3("data"), &file), expected, "{args:?}");
        if args[0] == "export" {
            assert_eq!(exported(&file), exported(&local_file));
        }
    }
}

#[test]
fn where_only_a_folder_will_do_a_url_is_refused() {
    let folder = folder();
    for args in [
        &["generate", "--data-dir", "s3://b/a"][..],
        &["verify", "--endpoint", "127.0.0.1:1", "--data-dir", "s3://b/a"],
        &["serve", "--data-dir", "s3://b/a"],
        &["watch", "s3://b/a"],
        &["ui", "s3://b/a"],
        &["doctor", "--data-dir", "s3://b/a"],
        &["snapshot", "--data-dir", "s3://b/a"],
        &["export", &fixture("studio-0.82.1").display().to_string(), "-o", "s3://b/a"],
    ] {
        let (_, stderr, code) = told(alone(folder.path()).args(args));
        assert_eq!(code, 2, "{args:?}: {stderr}");
        assert!(stderr.contains("s3://b/a") && stderr.contains("URL"), "{args:?}: {stderr}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[cfg(unix)]
#[test]
fn a_service_that_does_not_answer_can_be_left() {
    let folder = folder();
    let server = ObjectServer::with(cold_only("studio-0.82.1").path(), "data");
    server.fail(|faults| faults.hangs = true);
    let mut command = with(&server, folder.path());
    command.args(["audit", &s3("data"), "--run", "none"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let process = command.spawn().unwrap();
    while server.asked().is_empty() {
        thread::yield_now();
    }
    let began = Instant::now();
    let id = rustix::process::Pid::from_child(&process);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    let output = process.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(began.elapsed() < Duration::from_secs(20));
}
