use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use super::cli::{Serving, command, exit_status, folder, lines};

/// Runs the binary and renders what came of it.
fn run(folder: &Path, args: &[&str]) -> String {
    let output = command(folder).args(args).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&*folder.to_string_lossy(), "FOLDER");
    let status = output.status.code().unwrap();
    format!("{}{}[exit status: {status}]", text(&output.stdout), text(&output.stderr))
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// Sends a source to a stand-in of its own and gives its internal endpoint along, so that all is flushed.
fn replay(folder: &Path, serving: &Serving, source: &str, args: &[&str]) -> String {
    let route = ["--endpoint", &serving.endpoint, "--internal-endpoint", &serving.internal_endpoint];
    run(folder, &[&["replay", source], &route[..], args].concat())
}

/// Stores, replays what is stored into another store, and replays that into a third: the exports of the last
/// two are equal, because what can be lost was lost the first time.
fn fixpoint(source: &Path, schema: &str) {
    let folder = folder();
    let store = |name: &str| Serving::start_with(folder.path(), &["--data-dir", name, "--schema", schema]);
    let kept = ["--keep-ids", "--shift-time", "none"];
    let mut from = source.to_string_lossy().into_owned();
    let mut exported = Vec::new();
    for name in ["one", "two"] {
        let serving = store(name);
        let sent = replay(folder.path(), &serving, &from, &kept);
        assert_eq!(exit_status(&sent), "[exit status: 0]", "{sent}");
        let file = format!("{name}.jsonl");
        let written = run(folder.path(), &["export", name, "-o", &file]);
        assert_eq!(exit_status(&written), "[exit status: 0]", "{written}");
        let mut spans = spans(&folder.path().join(file));
        spans.sort();
        exported.push(spans);
        name.clone_into(&mut from);
    }
    assert!(!exported[0].is_empty());
    assert_eq!(exported[0], exported[1]);
}

/// Each span of a file of JSON lines as a text of its own, with its resource.
fn spans(file: &Path) -> Vec<String> {
    let mut spans = Vec::new();
    for line in fs::read_to_string(file).unwrap().lines() {
        let request: serde_json::Value = serde_json::from_str(line).unwrap();
        for resource in request["resourceSpans"].as_array().unwrap() {
            for scope in resource["scopeSpans"].as_array().unwrap() {
                for span in scope["spans"].as_array().unwrap() {
                    spans.push(format!("{} {span}", resource["resource"]));
                }
            }
        }
    }
    spans
}

#[test]
fn what_is_stored_comes_back_from_a_replay_as_it_was() {
    for studio in ["studio-0.80.0", "studio-0.82.1"] {
        for source in [fixture(studio), fixture("profiles").join(studio)] {
            for schema in ["1", "2"] {
                fixpoint(&source, schema);
            }
        }
    }
}

#[test]
fn every_loop_has_ids_of_its_own_and_the_store_is_whole() {
    let folder = folder();
    let serving = Serving::start(folder.path(), ".dbdata");
    let source = fixture("getting-started/studio-0.82.1");
    let sent = replay(folder.path(), &serving, &source.to_string_lossy(), &["--loop", "3"]);
    assert_eq!(exit_status(&sent), "[exit status: 0]", "{sent}");
    let audit = run(folder.path(), &["audit", "--run", "none"]);
    assert_eq!(exit_status(&audit), "[exit status: 0]", "{audit}");
    let once = run(folder.path(), &["replay", &source.to_string_lossy(), "--dry-run"]);
    let thrice = run(folder.path(), &["replay", ".dbdata", "--dry-run"]);
    let counts = |text: &str| -> Vec<u64> {
        let line = lines(text, &["spans "]).remove(0);
        line.split(' ').filter_map(|word| word.parse().ok()).collect()
    };
    let (once, thrice) = (counts(&once), counts(&thrice));
    assert_eq!(thrice, once.iter().map(|count| 3 * count).collect::<Vec<_>>());
}

#[test]
fn nothing_is_sent_without_a_named_endpoint() {
    let folder = folder();
    let source = fixture("studio-0.82.1");
    fs::write(folder.path().join("e2e-store.yaml"), "exporter: {endpoint: 'localhost:1'}").unwrap();
    let output = command(folder.path())
        .env("E2E_STORE_ENDPOINT", "localhost:1")
        .args(["replay", &source.to_string_lossy()])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!(String::from_utf8_lossy(&output.stderr), @"
    error: a replay is sent nowhere by default
    hint: say where to with --endpoint HOST:PORT, or look first with --dry-run
    ");
}

#[test]
fn wrong_files_are_named_with_what_is_wrong() {
    let folder = folder();
    let write = |name: &str, text: &[u8]| fs::write(folder.path().join(name), text).unwrap();
    write("empty.jsonl", b"");
    write("notes.txt", b"these are notes");
    write("logs.jsonl", br#"{"resourceLogs":[]}"#);
    let mut said = String::new();
    for source in ["nowhere", "empty.jsonl", "notes.txt", "logs.jsonl"] {
        said.push_str(&run(folder.path(), &["replay", source, "--dry-run"]));
        said.push('\n');
    }
    insta::assert_snapshot!(said, @"
    error: no such path: `nowhere`
    hint: name the studio's data directory; in the shipped compose files it is `.dbdata`
    [exit status: 2]
    error: `empty.jsonl` is nothing that can be sent again
      caused by: is an empty file
    hint: name a data directory or a file of one, OTLP JSON, length-prefixed protobuf, or what `e2e-store capture` wrote
    [exit status: 2]
    error: `notes.txt` is nothing that can be sent again
      caused by: line 1 is no JSON: it looks like plain text
    hint: name a data directory or a file of one, OTLP JSON, length-prefixed protobuf, or what `e2e-store capture` wrote
    [exit status: 2]
    error: `logs.jsonl` is nothing that can be sent again
      caused by: holds no spans, but 1 of: request of logs
    hint: name a data directory or a file of one, OTLP JSON, length-prefixed protobuf, or what `e2e-store capture` wrote
    [exit status: 2]
    ");
}

/// Written by hand, in the form of the Collector's file exporter; the last line is half.
const COLLECTED: &str = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"checkout"}}]},"scopeSpans":[{"scope":{"name":"by hand"},"spans":[{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708","name":"first","kind":2,"startTimeUnixNano":"1795346058000000000","endTimeUnixNano":"1795346058500000000","attributes":[{"key":"n","value":{"intValue":"7"}},{"key":"empty","value":{"arrayValue":{}}}],"status":{}}]}]}]}
{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"cart"}}]},"scopeSpans":[{"spans":[{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"1102030405060708","parentSpanId":"0102030405060708","name":"second","startTimeUnixNano":"1795346058100000000","endTimeUnixNano":"1795346058400000000","status":{"code":2,"message":"no"}}]}]}]}
{"resourceSpans":[{"resource":{"attr"#;

#[test]
fn a_collectors_file_is_sent_as_far_as_it_reads() {
    let folder = folder();
    fs::write(folder.path().join("traces.jsonl"), COLLECTED).unwrap();
    let serving = Serving::start(folder.path(), ".dbdata");
    let sent = replay(folder.path(), &serving, "traces.jsonl", &[]);
    assert_eq!(
        lines(&sent, &["source", "spans 2", "unread", "cart", "checkout", "[exit"]),
        [
            "source FOLDER/traces.jsonl OTLP JSON, 1 file",
            "spans 2 spans of 1 trace in 2 requests",
            "unread traces.jsonl: line 3 is half a request: its writer did not finish",
            "cart 1",
            "checkout 1",
            "[exit status: 1]",
        ],
        "{sent}"
    );
    let audit = run(folder.path(), &["audit", "--run", "none"]);
    assert!(audit.contains("2 unplanned") && audit.ends_with("[exit status: 0]"), "{audit}");
}

/// A proxy in a process of its own, ended with Ctrl-C.
struct Capturing {
    process: Child,
    endpoint: String,
    out: BufReader<std::process::ChildStdout>,
}

impl Capturing {
    fn start(folder: &Path, target: &str, args: &[&str]) -> Self {
        let mut process = command(folder)
            .args(["capture", "--listen", "127.0.0.1:0", "--endpoint", target])
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let endpoint = line.split([' ', ',']).nth(2).unwrap().to_owned();
        Self { process, endpoint, out }
    }

    fn end(mut self) -> (String, Option<i32>) {
        let interrupted = Command::new("kill").args(["-INT", &self.process.id().to_string()]).status();
        assert!(interrupted.unwrap().success());
        let mut said = String::new();
        self.out.read_line(&mut said).unwrap();
        (said, self.process.wait().unwrap().code())
    }
}

impl Drop for Capturing {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

#[test]
fn what_a_proxy_records_is_sent_again_and_nothing_secret_is_written() {
    let folder = folder();
    let serving = Serving::start(folder.path(), "one");
    let capturing = Capturing::start(folder.path(), &serving.endpoint, &["-o", "captured", "--rotate", "1"]);
    let sent = run(
        folder.path(),
        &["generate", "--endpoint", &capturing.endpoint, "--internal-endpoint", &serving.internal_endpoint],
    );
    assert_eq!(exit_status(&sent), "[exit status: 0]", "{sent}");
    // A wrong key is the target's to refuse, through the proxy as without it.
    let refused = run(
        folder.path(),
        &["generate", "--endpoint", &capturing.endpoint, "--api-key", "secret-key", "--num-services", "1"],
    );
    assert!(refused.contains("refuses every export: Unauthenticated"), "{refused}");
    let (said, code) = capturing.end();
    // Three connections prove the key before 30 exports are sent.
    assert!(said.contains("34 requests") && said.contains("33 acked, 1 refused"), "{said}");
    assert_eq!(code, Some(0));
    for entry in fs::read_dir(folder.path().join("captured")).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        for secret in ["secret-key", "e2e-store\n", "x-junjo-api-key"] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
        }
    }
    // The traffic arrived as it was sent.
    let audit = run(folder.path(), &["audit", "one"]);
    assert_eq!(exit_status(&audit), "[exit status: 0]", "{audit}");

    // What was captured is the run that was sent: with its ids and times it is judged as that run.
    let other = Serving::start(folder.path(), "two");
    let again = replay(
        folder.path(),
        &other,
        "captured",
        &["--keep-ids", "--shift-time", "none", "--runs", "replays"],
    );
    assert_eq!(lines(&again, &["spans 150", "[exit"]).len(), 2, "{again}");
    let audit = run(folder.path(), &["audit", "two"]);
    assert_eq!(exit_status(&audit), "[exit status: 0]", "{audit}");
}

#[test]
fn a_wedged_wal_is_rescued_as_far_as_it_reads() {
    let folder = folder();
    let wal = folder.path().join("wedged/spans/wal");
    fs::create_dir_all(&wal).unwrap();
    let segments = fixture("profiles/studio-0.82.1/spans/wal");
    let segment = fs::read_dir(segments).unwrap().next().unwrap().unwrap().path();
    fs::copy(&segment, wal.join("batch_1_0001.ipc")).unwrap();
    fs::write(wal.join("batch_2_0002.ipc"), b"").unwrap();
    let serving = Serving::start(folder.path(), ".dbdata");
    let sent = replay(folder.path(), &serving, "wedged", &["--keep-ids", "--shift-time", "none"]);
    assert_eq!(
        lines(&sent, &["unread", "[exit"]),
        ["unread wal/batch_2_0002.ipc: the file is empty", "[exit status: 1]"],
        "{sent}"
    );
    let rescued = run(folder.path(), &["replay", ".dbdata", "--dry-run"]);
    assert_eq!(lines(&rescued, &["spans "]), lines(&sent, &["spans "])[..1], "{rescued}");
}

#[test]
fn a_replay_that_was_broken_off_goes_on() {
    let folder = folder();
    let source = fixture("profiles/studio-0.82.1").to_string_lossy().into_owned();
    let serving = Serving::start(folder.path(), "one");
    let mut process = command(folder.path())
        .args(["replay", &source, "--endpoint", &serving.endpoint, "--retry", "none", "--rate", "400/s"])
        .args(["--no-flush"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Once its ledger tells of an export, the endpoint goes away.
    let runs = folder.path().join("runs");
    let ledger = || {
        let run = fs::read_dir(&runs).ok()?.next()?.ok()?.path();
        fs::read_to_string(run.join("ledger.ndjson")).ok().filter(|text| text.contains("acked"))
    };
    while ledger().is_none() {
        std::thread::yield_now();
    }
    serving.kill();
    let code = process.wait().unwrap().code();
    assert_eq!(code, Some(2));
    let run_id = fs::read_dir(&runs).unwrap().next().unwrap().unwrap().file_name().into_string().unwrap();

    let healthy = Serving::start(folder.path(), "two");
    let resumed = replay(folder.path(), &healthy, &source, &["--resume", &run_id]);
    assert_eq!(exit_status(&resumed), "[exit status: 0]", "{resumed}");
    let text = ledger().unwrap();
    assert!(text.contains("export_retried"), "{text}");
    assert_eq!(text.matches("export_started").count(), text.matches("\"outcome\":\"acked\"").count());

    let other = run(
        folder.path(),
        &["replay", &source, "--endpoint", "localhost:1", "--resume", &run_id, "--loop", "2"],
    );
    assert!(other.contains("goes on as it was begun"), "{other}");
}

#[test]
fn spans_are_selected_renamed_and_scrubbed() {
    let folder = folder();
    let source = fixture("getting-started/studio-0.82.1").to_string_lossy().into_owned();
    let export = |args: &[&str]| {
        let output = run(folder.path(), &[&["export", &source, "-o", "out.jsonl"], args].concat());
        assert_eq!(exit_status(&output), "[exit status: 0]", "{args:?} {output}");
        spans(&folder.path().join("out.jsonl"))
    };
    let all = export(&[]);
    let services: Vec<String> = {
        let name = |span: &String| {
            let resource: serde_json::Value = serde_json::from_str(span.split_once(" {").unwrap().0).unwrap();
            let attributes = resource["attributes"].as_array().unwrap().clone();
            let of = attributes.into_iter().find(|pair| pair["key"] == "service.name").unwrap();
            of["value"]["stringValue"].as_str().unwrap().to_owned()
        };
        all.iter().map(name).collect()
    };
    let of_first = services.iter().filter(|service| **service == services[0]).count();
    assert!(of_first < all.len());
    assert_eq!(export(&["--service", &services[0]]).len(), of_first);
    assert_eq!(export(&["--where", &format!("service_name = '{}'", services[0])]).len(), of_first);
    assert_eq!(export(&["--sample", "100%"]).len(), all.len());

    // The same of a file of requests, which holds everything twice.
    export(&[]);
    let once = fs::read(folder.path().join("out.jsonl")).unwrap();
    fs::write(folder.path().join("twice.jsonl"), [once.as_slice(), &once].concat()).unwrap();
    let again = |args: &[&str]| {
        let output = run(folder.path(), &[&["export", "twice.jsonl", "-o", "out.jsonl"], args].concat());
        assert_eq!(exit_status(&output), "[exit status: 0]", "{args:?} {output}");
        (spans(&folder.path().join("out.jsonl")).len(), output)
    };
    let (exported, output) = again(&[]);
    assert_eq!(exported, all.len());
    assert!(output.contains("that were found before"), "{output}");
    assert_eq!(again(&["--keep-duplicates"]).0, 2 * all.len());
    assert_eq!(again(&["--where", &format!("service_name = '{}'", services[0])]).0, of_first);
    assert_eq!(
        again(&["--where", "resource_attributes ->> 'service.name' = 'nobody' OR span_kind = 1"]).0,
        all.len()
    );
    let late = run(folder.path(), &["export", &source, "-o", "out.jsonl", "--from", "2100-01-01T00:00:00Z"]);
    assert!(late.contains("no span of") && late.ends_with("[exit status: 2]"), "{late}");

    let serving = Serving::start(folder.path(), ".dbdata");
    let renamed = format!("{}=renamed", services[0]);
    let sent = replay(
        folder.path(),
        &serving,
        &source,
        &["--rename-service", &renamed, "--scrub", "service.instance.id", "--speed", "1000x"],
    );
    assert_eq!(exit_status(&sent), "[exit status: 0]", "{sent}");
    let listed = run(folder.path(), &["runs"]);
    assert!(listed.contains("(replay)") && listed.contains("all acked"), "{listed}");
    let shown = run(folder.path(), &["runs", "show", "latest"]);
    for said in ["replay ", "1000x", "ids fresh", " as renamed, without `service.instance.id`", "acked: "] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    let stored = run(folder.path(), &["export", ".dbdata", "-o", "renamed.jsonl"]);
    assert!(lines(&stored, &["renamed "]).len() == 1, "{stored}");
    assert!(
        !fs::read_to_string(folder.path().join("renamed.jsonl")).unwrap().contains("service.instance.id")
    );
}

#[test]
fn exports_are_compressed_by_their_names_and_read_again() {
    let folder = folder();
    let source = fixture("studio-0.82.1").to_string_lossy().into_owned();
    let mut dry = Vec::new();
    for name in ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst"] {
        let written = run(folder.path(), &["export", &source, "-o", name]);
        assert_eq!(exit_status(&written), "[exit status: 0]", "{written}");
        dry.push(lines(&run(folder.path(), &["replay", name, "--dry-run"]), &["spans", "nothing"]));
    }
    assert_eq!(dry[0], dry[1]);
    assert_eq!(dry[0], dry[2]);
    let mut half = fs::OpenOptions::new().append(true).open(folder.path().join("a.jsonl.gz")).unwrap();
    half.write_all(b"\x1f\x8b\x08 half").unwrap();
    let torn = run(folder.path(), &["replay", "a.jsonl.gz", "--dry-run"]);
    assert!(torn.contains("unread   a.jsonl.gz: line "), "{torn}");
}

#[test]
fn replays_into_one_store_know_each_other() {
    let folder = folder();
    let serving = Serving::start(folder.path(), ".dbdata");
    let source = fixture("getting-started/studio-0.82.1").to_string_lossy().into_owned();
    for _ in 0..2 {
        let sent = replay(folder.path(), &serving, &source, &["--data-dir", ".dbdata"]);
        assert_eq!(exit_status(&sent), "[exit status: 0]", "{sent}");
    }
    for word in ["latest", "all", "none"] {
        let audited = run(folder.path(), &["audit", ".dbdata", "--run", word]);
        assert_eq!(exit_status(&audited), "[exit status: 0]", "{word}: {audited}");
        // Of both there are rows, so both are judged, whichever must be there.
        let judged = if word == "none" { 0 } else { 2 };
        assert_eq!(audited.matches("a replay of ").count(), judged, "{word}: {audited}");
    }
    fs::rename(folder.path().join(".dbdata"), folder.path().join("moved")).unwrap();
    fs::create_dir_all(folder.path().join(".dbdata/spans/wal")).unwrap();
    let elsewhere = run(folder.path(), &["audit", "moved", "--run", "all"]);
    assert_eq!(elsewhere.matches("a replay of ").count(), 2, "{elsewhere}");
    assert_eq!(exit_status(&elsewhere), "[exit status: 0]", "{elsewhere}");
    let other = run(folder.path(), &["audit", &source, "--run", "all"]);
    assert_eq!(other.matches("names another store").count(), 2, "{other}");
    let emptied = run(folder.path(), &["audit", ".dbdata"]);
    assert!(emptied.contains("FAIL  lost_spans"), "{emptied}");
}

#[test]
fn a_replay_is_judged_like_any_run() {
    let folder = folder();
    let source = fixture("profiles/studio-0.82.1").to_string_lossy().into_owned();
    for schema in ["1", "2"] {
        let store = format!("store-{schema}");
        let runs = format!("runs-{schema}");
        let serving = Serving::start_with(folder.path(), &["--data-dir", &store, "--schema", schema]);
        let args = ["--loop", "2", "--verify", "--data-dir", &store, "--runs", &runs];
        let sent = replay(folder.path(), &serving, &source, &args);
        assert_eq!(exit_status(&sent), "[exit status: 0]", "{sent}");
        assert!(sent.contains("\nPASS   http://"), "{sent}");
        assert!(sent.contains("checked  1 030 rows: 1 030 match the plan, 0 differ"), "{sent}");

        let audit = |args: &[&str]| run(folder.path(), &[&["audit", &store, "--runs", &runs], args].concat());
        let whole = audit(&[]);
        assert_eq!(exit_status(&whole), "[exit status: 0]", "{whole}");
        assert!(whole.contains("1 030 match the plan") && whole.contains("a replay of "), "{whole}");

        let mut cold = Vec::new();
        let mut folders = vec![folder.path().join(&store).join("spans/parquet")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { cold.push(path) }
            }
        }
        let again = cold[0].with_file_name("20261125_000000_00000001.parquet");
        fs::copy(&cold[0], &again).unwrap();
        let doubled = audit(&["--format", "json"]);
        let report: serde_json::Value =
            serde_json::from_str(&doubled[doubled.find('{').unwrap()..=doubled.rfind('}').unwrap()]).unwrap();
        let found = |report: &serde_json::Value, id: &str| {
            let checks = report["checks"].as_array().unwrap();
            checks.iter().find(|check| check["id"] == id).unwrap()["findings"].clone()
        };
        assert_eq!(found(&report, "duplicate_spans"), 1_030);
        assert_eq!(exit_status(&doubled), "[exit status: 1]", "{doubled}");
        fs::remove_file(&cold[0]).unwrap();
        fs::remove_file(&again).unwrap();
        let run_id = fs::read_dir(folder.path().join(&runs)).unwrap().next().unwrap().unwrap().file_name();
        let emptied = audit(&["--run", &run_id.to_string_lossy()[..8]]);
        assert!(emptied.contains("FAIL  lost_spans") && emptied.contains("1 030"), "{emptied}");
        assert_eq!(exit_status(&emptied), "[exit status: 1]", "{emptied}");
    }
}

/// The text of a span's attributes in a segment is cut off from its beginning.
fn without_a_brace(folder: &Path) {
    let path = folder.join(super::audit::SEGMENT);
    let mut bytes = fs::read(&path).unwrap();
    let key = b"{\"e2e.";
    let at = bytes.windows(key.len()).position(|window| window == key).unwrap();
    bytes[at] = b'!';
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_row_that_is_no_span_is_named_and_fails_what_sends_it() {
    let folder = super::audit::clean();
    let whole = run(folder.path(), &["export", ".dbdata", "-o", "whole.jsonl"]);
    assert_eq!(exit_status(&whole), "[exit status: 0]", "{whole}");
    without_a_brace(folder.path());
    let named = |text: &str| {
        assert_eq!(exit_status(text), "[exit status: 1]", "{text}");
        assert!(text.contains("1 span that cannot be sent") && text.contains("wal/batch_"), "{text}");
        assert!(text.contains(" row ") && text.contains("`attributes`"), "{text}");
    };
    named(&run(folder.path(), &["export", ".dbdata", "-o", "spans.jsonl"]));
    assert_eq!(spans(&folder.path().join("spans.jsonl")).len(), 39);
    named(&run(folder.path(), &["replay", ".dbdata", "--dry-run"]));
    let serving = Serving::start_with(folder.path(), &["--data-dir", "other"]);
    let json = ["--verify", "--data-dir", "other", "--runs", "replays", "--format", "json"];
    let sent = replay(folder.path(), &serving, ".dbdata", &json);
    named(&sent);
    assert!(sent.contains("\"verdict\": \"fail\"") && sent.contains("cannot be sent"), "{sent}");
    // What was sent is there: the run by itself is judged by that.
    let audited = run(folder.path(), &["audit", "other", "--runs", "replays", "--run", "latest"]);
    assert_eq!(exit_status(&audited), "[exit status: 0]", "{audited}");
}
