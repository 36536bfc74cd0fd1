use std::{
    fmt::Write as _,
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use insta::assert_snapshot;
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_e2e-store");

/// Runs the binary in a folder and renders what came of it.
fn e2e_store<const N: usize>(folder: &Path, args: [&str; N]) -> String {
    let output = command(folder).args(args).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&*folder.to_string_lossy(), "FOLDER");
    let mut rendered = String::new();
    for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
        if !bytes.is_empty() {
            writeln!(rendered, "------- {name} -------\n{}", text(bytes).trim_end()).unwrap();
        }
    }
    rendered + &format!("[exit status: {}]", output.status.code().unwrap())
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(BINARY);
    command.current_dir(folder).env("HOME", folder);
    for (name, _) in
        std::env::vars().filter(|(name, _)| name.starts_with("E2E_STORE_") || name.starts_with("JUNJO_"))
    {
        command.env_remove(name);
    }
    command
}

/// The lines of a text that begin so, with single spaces.
fn lines(text: &str, beginnings: &[&str]) -> Vec<String> {
    let squeezed = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    squeezed.filter(|line| beginnings.iter().any(|beginning| line.starts_with(beginning))).collect()
}

fn exit_status(rendered: &str) -> &str {
    rendered.lines().last().unwrap()
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// A stand-in in a process of its own, ended by its id.
struct Serving {
    process: Child,
    endpoint: String,
    internal_endpoint: String,
}

impl Serving {
    fn start(folder: &Path, data_dir: &str) -> Self {
        let mut process = command(folder)
            .args(["serve", "--data-dir", data_dir, "--port", "0", "--internal-port", "0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let mut words =
            line.split([' ', ',', '\n']).filter(|word| word.contains(':') && !word.ends_with(':'));
        let mut address = || words.next().unwrap().to_owned();
        Self { endpoint: address(), internal_endpoint: address(), process }
    }

    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

#[test]
fn verify_passes_on_the_stand_in_and_leaves_nothing_behind() {
    let folder = folder();
    for schema in ["1", "2"] {
        let output = e2e_store(folder.path(), ["verify", "--schema", schema]);
        assert_eq!(
            lines(&output, &["PASS", "FAIL", "OPEN", "all 3 services", "[exit"]),
            [
                "all 3 services 30 150 150 0 0",
                "PASS stand-in",
                "all 3 services 30 30 150 150 150 0",
                "[exit status: 0]",
            ]
        );
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn verify_by_snapshot_judges_the_segments() {
    let folder = folder();
    let output = e2e_store(folder.path(), ["verify", "--via", "snapshot", "--num-services", "1"]);
    assert_eq!(exit_status(&output), "[exit status: 0]", "{output}");
    assert!(output.contains("1 WAL segment: 50 rows"), "{output}");
}

#[test]
fn serve_generate_audit_passes_with_no_other_flags() {
    let folder = folder();
    let serving = Serving::start(folder.path(), ".dbdata");
    let generated = e2e_store(
        folder.path(),
        ["generate", "--endpoint", &serving.endpoint, "--internal-endpoint", &serving.internal_endpoint],
    );
    assert_eq!(exit_status(&generated), "[exit status: 0]", "{generated}");
    let audited = e2e_store(folder.path(), ["audit", ".dbdata/spans/parquet"]);
    assert_eq!(exit_status(&audited), "[exit status: 0]", "{audited}");
    assert!(audited.contains("150 rows: 150 as planned, 0 differing, 0 by structure"), "{audited}");
}

#[test]
fn an_audit_waits_for_what_no_flush_brought_to_disk() {
    let folder = folder();
    let serving = Serving::start(folder.path(), ".dbdata");
    let generated = e2e_store(
        folder.path(),
        ["generate", "--endpoint", &serving.endpoint, "--internal-endpoint", "localhost:1"],
    );
    assert!(
        generated.contains("not flushed: cannot reach the internal service at `http://localhost:1`"),
        "{generated}"
    );
    let audited = e2e_store(folder.path(), ["audit"]);
    assert!(audited.contains("waiting up to"), "{audited}");
    assert_eq!(exit_status(&audited), "[exit status: 0]", "{audited}");
}

#[test]
fn what_a_killed_stand_in_had_in_memory_is_lost() {
    let folder = folder();
    let serving = Serving::start(folder.path(), ".dbdata");
    let generated = e2e_store(
        folder.path(),
        ["generate", "--no-flush", "--num-services", "2", "--endpoint", &serving.endpoint],
    );
    assert_eq!(exit_status(&generated), "[exit status: 0]", "{generated}");
    serving.kill();
    let audited = e2e_store(folder.path(), ["audit", "--settle", "1"]);
    assert_eq!(lines(&audited, &["FAIL ", "OPEN "]), ["FAIL lost_spans 100 findings in 100 settled spans"]);
    assert_eq!(exit_status(&audited), "[exit status: 1]");
}

#[test]
fn a_lost_file_and_a_damaged_one_are_told_apart() {
    let folder = folder();
    let output = e2e_store(folder.path(), ["verify", "--data-dir", ".dbdata", "--num-services", "1"]);
    assert_eq!(exit_status(&output), "[exit status: 0]", "{output}");
    let day = folder.path().join(".dbdata/spans/parquet");
    let cold = find(&day, "parquet");

    let whole = fs::read(&cold).unwrap();
    fs::write(&cold, &whole[..whole.len() / 2]).unwrap();
    let damaged = e2e_store(folder.path(), ["audit"]);
    assert_eq!(exit_status(&damaged), "[exit status: 1]");
    assert_eq!(
        lines(&damaged, &["FAIL ", "OPEN "]),
        ["OPEN unproven_spans 50 undecided of 50 acked spans", "FAIL unreadable_files 1 finding in 1 file",]
    );

    fs::remove_file(&cold).unwrap();
    let lost = e2e_store(folder.path(), ["audit"]);
    assert_eq!(lines(&lost, &["FAIL ", "OPEN "]), ["FAIL lost_spans 50 findings in 50 settled spans"]);
    assert_eq!(exit_status(&lost), "[exit status: 1]");
}

fn find(folder: &Path, extension: &str) -> std::path::PathBuf {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
        .into_iter()
        .find_map(|path| {
            if path.is_dir() {
                Some(find(&path, extension))
            } else {
                path.extension().is_some_and(|found| found == extension).then_some(path)
            }
        })
        .unwrap()
}

#[test]
fn json_is_all_that_standard_output_carries() {
    let folder = folder();
    let output = command(folder.path()).args(["verify", "--format", "json"]).output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["version"], &report["verdict"]), (&1.into(), &"pass".into()));
    let check = &report["checks"][0];
    for key in ["id", "severity", "verdict", "examined", "findings", "samples"] {
        assert!(!check[key].is_null(), "{key}: {check}");
    }
    assert_eq!(report["coverage"]["of"], "stand-in");
}

#[test]
fn a_check_explains_itself() {
    let folder = folder();
    let explained = e2e_store(folder.path(), ["checks", "torn_segments"]);
    for part in
        ["Every segment of the WAL is whole.", "severity error", "Not covered:", "WHERE health = 'torn'"]
    {
        assert!(
            explained.split_whitespace().collect::<Vec<_>>().join(" ").contains(part),
            "{part}: {explained}"
        );
    }
    let unknown = e2e_store(folder.path(), ["checks", "luck"]);
    assert!(unknown.contains("error: there is no check `luck`\nhint: the checks are: "), "{unknown}");
    assert_eq!(exit_status(&unknown), "[exit status: 2]");
}

#[test]
fn trouble_names_the_place_and_the_next_command() {
    let folder = folder();
    let run = |args: &[&str]| {
        let output = command(folder.path()).args(args).output().unwrap();
        let text =
            String::from_utf8_lossy(&output.stderr).replace(&*folder.path().to_string_lossy(), "FOLDER");
        assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
        format!("{text}[exit status: {}]", output.status.code().unwrap())
    };
    assert_snapshot!(run(&["audit"]), @"
    error: no data directory at `.dbdata` or `FOLDER/.junjo`
    hint: name the studio's data directory; in the shipped compose files it is `.dbdata`
    [exit status: 2]
    ");
    assert_snapshot!(run(&["audit", "nowhere"]), @"
    error: no such path: `nowhere`
    hint: name the studio's data directory; in the shipped compose files it is `.dbdata`
    [exit status: 2]
    ");
    assert_snapshot!(run(&["audit", "."]), @"
    error: `.` is not a data directory, nor a part of one
    hint: a data directory holds `spans/wal` or `spans/parquet`
    [exit status: 2]
    ");
    assert_snapshot!(run(&["generate", "--endpoint", "127.0.0.1:1"]), @"
    error: cannot reach the OTLP endpoint at `http://127.0.0.1:1`
      caused by: transport error
      caused by: tcp connect error
      caused by: Connection refused (os error 111)
    hint: start the studio (or `e2e-store serve`), or point --endpoint at it
    [exit status: 2]
    ");
    assert_snapshot!(run(&["flush", "--internal-endpoint", "127.0.0.1:1"]), @"
    error: cannot reach the internal service at `http://127.0.0.1:1`
      caused by: transport error
      caused by: tcp connect error
      caused by: Connection refused (os error 111)
    hint: publish port 50052 of the ingestion service to the host, or point --internal-endpoint at it
    [exit status: 2]
    ");
    assert_snapshot!(run(&["generate", "--num-services", "0"]), @"
    error: invalid value '0' for '--num-services <N>': at least 1 is needed

    For more information, try '--help'.
    [exit status: 2]
    ");
    assert_snapshot!(run(&["generate", "--config", "nowhere.yaml"]), @"
    error: cannot read config `nowhere.yaml`
      caused by: No such file or directory (os error 2)
    hint: copy `e2e-store.example.yaml`, or leave --config out
    [exit status: 2]
    ");
    fs::write(folder.path().join("e2e-store.yaml"), "exporter: {port: http}\n").unwrap();
    assert_snapshot!(run(&["generate"]), @"
    error: `exporter.port` in config `e2e-store.yaml`: `http` is not a port number
    hint: compare it with `e2e-store.example.yaml`
    [exit status: 2]
    ");
    fs::remove_file(folder.path().join("e2e-store.yaml")).unwrap();
    assert_snapshot!(run(&["verify", "--endpoint", "127.0.0.1:1"]), @"
    error: where does the studio at `http://127.0.0.1:1` keep its data?
    hint: name its data directory with --data-dir
    [exit status: 2]
    ");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is half written");
}

#[test]
fn a_wrong_key_is_said_once_and_writes_nothing() {
    let folder = folder();
    let serving = Serving::start(folder.path(), ".dbdata");
    let output =
        e2e_store(folder.path(), ["generate", "--endpoint", &serving.endpoint, "--api-key", "wrong"]);
    assert_snapshot!(output.replace(&serving.endpoint, "ENDPOINT"), @"
    ------- stderr -------
    error: `http://ENDPOINT` refuses every export: Unauthenticated: unknown API key
    hint: pass the studio's API key with --api-key or JUNJO_API_KEY
    [exit status: 2]
    ");
    assert!(!folder.path().join("runs").exists());
}

#[test]
fn a_killed_generator_leaves_nothing_that_counts_as_lost() {
    let folder = folder();
    let serving = Serving::start(folder.path(), ".dbdata");
    let mut generator = command(folder.path())
        .args([
            "generate",
            "--num-services",
            "2",
            "--workflows-per-service",
            "1000000",
            "--endpoint",
            &serving.endpoint,
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let runs = folder.path().join("runs");
    let sent = || {
        let run = fs::read_dir(&runs).ok()?.next()?.ok()?.path();
        let ledger = fs::read_to_string(run.join("ledger.ndjson")).ok()?;
        (ledger.matches("acked").count() > 50).then_some(())
    };
    while sent().is_none() {
        assert_eq!(generator.try_wait().unwrap(), None, "the generator ended by itself");
        std::thread::yield_now();
    }
    generator.kill().unwrap();
    generator.wait().unwrap();
    let flushed = e2e_store(folder.path(), ["flush", "--internal-endpoint", &serving.internal_endpoint]);
    assert_eq!(exit_status(&flushed), "[exit status: 0]", "{flushed}");
    let audited = e2e_store(folder.path(), ["audit", "--settle", "1"]);
    assert_eq!(exit_status(&audited), "[exit status: 0]", "{audited}");
    assert!(audited.contains("no end of it is recorded"), "{audited}");
    assert_eq!(lines(&audited, &["FAIL ", "OPEN "]), Vec::<String>::new());
}
