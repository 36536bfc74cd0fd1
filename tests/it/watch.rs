//! For people who look, watch and automate: pages, trends, and a watch of a running studio.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::Stdio,
};

use super::cli::{Serving, command, e2e_store, exit_status, folder};

/// Whether a file is one page that loads nothing and runs nothing.
fn assert_is_a_page(path: &Path) -> String {
    let page = fs::read_to_string(path).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.trim_end().ends_with("</html>"), "{page}");
    for word in ["<script", "<link", "<img", "javascript:"] {
        assert!(!page.contains(word), "{word}");
    }
    page
}

#[test]
fn pages_tell_what_was_judged_and_obey_no_name() {
    let folder = folder();
    let hostile = "<script>alert(1)</script>";
    let verified = ["verify", "--data-dir", "store", "--service-name", hostile, "-o", "clean.html"];
    assert_eq!(exit_status(&e2e_store(folder.path(), verified)), "[exit status: 0]");
    let page = assert_is_a_page(&folder.path().join("clean.html"));
    for part in ["PASS", "&lt;script&gt;alert(1)", "Completeness", "Time line", "Durability window"] {
        assert!(page.contains(part), "{part}");
    }
    for file in files(&folder.path().join("store"), "parquet") {
        fs::remove_file(file).unwrap();
    }
    let audited = e2e_store(folder.path(), ["audit", "store", "-o", "lost.html", "--format", "html"]);
    assert_eq!(exit_status(&audited), "[exit status: 1]");
    let page = assert_is_a_page(&folder.path().join("lost.html"));
    assert!(
        page.contains("lost_spans") && page.contains("e2e-store sql store"),
        "each finding has its command"
    );
    assert!(audited.contains("<!DOCTYPE html>"), "{audited}");
    let shown = e2e_store(folder.path(), ["runs", "show", "latest", "-o", "run.html", "-o", "run.md"]);
    assert_eq!(exit_status(&shown), "[exit status: 0]");
    assert_is_a_page(&folder.path().join("run.html"));
    assert!(fs::read_to_string(folder.path().join("run.md")).unwrap().starts_with("## e2e-store run"));
    let refused = e2e_store(folder.path(), ["runs", "-o", "run.pdf"]);
    assert_eq!(exit_status(&refused), "[exit status: 2]", "{refused}");
}

fn files(folder: &Path, ending: &str) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                files(&path, ending)
            } else {
                Some(path)
                    .filter(|path| path.extension().is_some_and(|end| end == ending))
                    .into_iter()
                    .collect()
            }
        })
        .collect()
}

/// Sends the same load so often; the trend's exit code and its answer come back.
fn trend(folder: &Path, metric: &str) -> (String, serde_json::Value) {
    let args = ["runs", "trend", "--format", "json", "--metric", metric];
    let output = command(folder).args(args).output().unwrap();
    let json = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (format!("{:?}", output.status.code()), json)
}

#[test]
fn a_trend_needs_enough_runs_and_fails_only_when_most_of_the_last_are_worse() {
    let folder = folder();
    let serving = Serving::start(folder.path(), "store");
    let send = |label: &str| {
        let args = [
            "generate",
            "--no-flush",
            "--num-services",
            "1",
            "--workflows-per-service",
            "2",
            "--label",
            label,
        ];
        let output =
            command(folder.path()).args(args).args(["--endpoint", &serving.endpoint]).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
    };
    assert_eq!(exit_status(&e2e_store(folder.path(), ["runs", "trend"])), "[exit status: 2]");
    (0..5).for_each(|number| send(&format!("commit {number}")));
    let (code, json) = trend(folder.path(), "error_rate");
    assert_eq!(
        (code.as_str(), &json["trends"][0]["judgement"]["verdict"]),
        ("Some(2)", &"too_few_runs".into())
    );
    send("commit 5");
    let (code, json) = trend(folder.path(), "error_rate");
    assert_eq!((code.as_str(), &json["trends"][0]["judgement"]["verdict"]), ("Some(0)", &"steady".into()));
    assert_eq!((&json["runs"][5]["label"], json["runs"].as_array().unwrap().len()), (&"commit 5".into(), 6));

    // Latencies of which the last two of three are far worse than all before.
    let runs = json["runs"].as_array().unwrap();
    for (number, run) in runs.iter().enumerate() {
        let path = folder.path().join("runs").join(run["run"].as_str().unwrap()).join("manifest.json");
        let mut manifest: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        manifest["results"]["response_us"]["p95"] =
            if number >= 4 { 5_000.into() } else { (1_000 + number).into() };
        fs::write(&path, manifest.to_string()).unwrap();
    }
    let (code, json) = trend(folder.path(), "p95");
    assert_eq!((code.as_str(), &json["trends"][0]["judgement"]["verdict"]), ("Some(1)", &"regressed".into()));
    let page = e2e_store(folder.path(), ["runs", "trend", "-o", "trend.html"]);
    assert_eq!(exit_status(&page), "[exit status: 1]", "{page}");
    assert_is_a_page(&folder.path().join("trend.html"));
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_watch_passes_beside_a_healthy_studio_and_forgets_only_its_own_runs() {
    let folder = folder();
    let serving = Serving::start(folder.path(), "store");
    let endpoints = ["--endpoint", &serving.endpoint, "--internal-endpoint", &serving.internal_endpoint];
    let sent = command(folder.path()).args(["generate"]).args(endpoints).output().unwrap();
    assert_eq!(sent.status.code(), Some(0));
    let args = ["watch", "store", "--every", "10ms", "--cycles", "3", "--via", "flush", "--keep", "1us"];
    let watched = command(folder.path()).args(args).args(endpoints).output().unwrap();
    let text = String::from_utf8_lossy(&watched.stdout).into_owned();
    assert_eq!(watched.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&watched.stderr));
    assert_eq!(
        text.lines().filter(|line| line.contains("  PASS  20 spans acked, 20 found")).count(),
        3,
        "{text}"
    );
    assert_eq!(fs::read_dir(folder.path().join("runs")).unwrap().count(), 1, "the run of `generate` stays");
}

#[test]
fn a_watch_tells_of_a_studio_that_is_gone_and_of_spans_that_are() {
    let folder = folder();
    let serving = Serving::start(folder.path(), "store");
    let endpoints = [
        ("--endpoint", serving.endpoint.clone()),
        ("--internal-endpoint", serving.internal_endpoint.clone()),
    ];
    let endpoints: Vec<String> =
        endpoints.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect();
    // What is sent here never comes into the store that is looked at.
    fs::create_dir_all(folder.path().join("other/spans/wal")).unwrap();
    let args = ["watch", "other", "--every", "10ms", "--via", "flush", "--settle", "0", "--exit-on-finding"];
    let mut watching = command(folder.path())
        .args(args)
        .args(&endpoints)
        .args(["--metrics", "127.0.0.1:0", "--cycles", "20"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.next().unwrap().starts_with("metrics at http://127.0.0.1:"));
    let told = lines.next().unwrap();
    assert!(
        told.contains("FAIL") && told.contains("lost_spans 20") && told.contains("e2e-store audit other"),
        "{told}"
    );
    assert_eq!(watching.wait().unwrap().code(), Some(1));

    serving.kill();
    let args = ["watch", "store", "--every", "60s", "--metrics", "127.0.0.1:0"];
    let mut watching =
        command(folder.path()).args(args).args(&endpoints).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines().map(Result::unwrap);
    let line = lines.next().unwrap();
    let address = line.trim_start_matches("metrics at http://").trim_end_matches("/metrics").to_owned();
    assert!(lines.next().unwrap().contains("NOT SENT"));
    let metrics = get(&address, "/metrics");
    assert!(metrics.contains("e2e_store_studio_up 0") && metrics.contains("# EOF"), "{metrics}");
    assert!(get(&address, "/healthz").starts_with("HTTP/1.1 503"));
    assert!(get(&address, "/").starts_with("HTTP/1.1 404"));
    watching.kill().unwrap();
    watching.wait().unwrap();
}
