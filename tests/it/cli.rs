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
pub(super) fn e2e_store<const N: usize>(folder: &Path, args: [&str; N]) -> String {
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

pub(super) fn command(folder: &Path) -> Command {
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
pub(super) fn lines(text: &str, beginnings: &[&str]) -> Vec<String> {
    let squeezed = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    squeezed.filter(|line| beginnings.iter().any(|beginning| line.starts_with(beginning))).collect()
}

pub(super) fn exit_status(rendered: &str) -> &str {
    rendered.lines().last().unwrap()
}

pub(super) fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// A stand-in in a process of its own, ended by its id.
pub(super) struct Serving {
    process: Child,
    pub(super) endpoint: String,
    pub(super) internal_endpoint: String,
}

impl Serving {
    pub(super) fn start(folder: &Path, data_dir: &str) -> Self {
        Self::start_with(folder, &["--data-dir", data_dir])
    }

    pub(super) fn start_with(folder: &Path, args: &[&str]) -> Self {
        let mut process = command(folder)
            .args(["serve", "--port", "0", "--internal-port", "0"])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let mut words =
            line.split([' ', ',', '\n']).filter(|word| word.contains(':') && !word.ends_with(':'));
        let mut address = || words.next().unwrap().to_owned();
        Self { endpoint: address(), internal_endpoint: address(), process }
    }

    /// Tells the process to stop as services are told; what it says comes back.
    #[cfg(unix)]
    pub(super) fn terminate(mut self) -> String {
        use std::io::Read;

        let id = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        assert!(self.process.wait().unwrap().success());
        let mut said = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        said
    }

    pub(super) fn kill(mut self) {
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
            lines(&output, &["PASS", "FAIL", "inconclusive", "checked", "found", "[exit"]),
            [
                "PASS stand-in",
                "checked 150 rows: 150 match the plan, 0 differ, 0 unplanned",
                "found all 150 spans of 30 workflows of 3 services",
                "[exit status: 0]",
            ]
        );
        let report = output.lines().skip_while(|line| !line.starts_with("PASS"));
        assert!(schema == "1" || report.count() <= 22, "a first run's report fits on a screen: {output}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn odd_traffic_of_odd_services_is_stored_as_it_was_sent() {
    let folder = folder();
    for schema in ["1", "2"] {
        // More than the 149 workflows that have every two odd values between them.
        let output = e2e_store(
            folder.path(),
            [
                "verify",
                "--profile",
                "adversarial",
                "--num-services",
                "5",
                "--workflows-per-service",
                "30",
                "--seed",
                schema,
                "--schema",
                schema,
                "--data-dir",
                schema,
            ],
        );
        assert_eq!(
            lines(&output, &["PASS", "FAIL", "inconclusive", "BROKEN", "found", "[exit"]),
            ["PASS stand-in", "found all 900 spans of 150 workflows of 5 services", "[exit status: 0]"]
        );
        // Its times are odd by design, which without the run nobody knows.
        let by_structure = e2e_store(folder.path(), ["audit", schema, "--run", "none", "--skip", "time"]);
        assert_eq!(lines(&by_structure, &["FAIL", "inconclusive", "BROKEN", "[exit"]), ["[exit status: 0]"]);
        for shown in [output, by_structure] {
            assert!(!shown.chars().any(|char| char.is_control() && char != '\n'), "{shown:?}");
        }
    }
}

#[test]
fn profiles_are_listed_with_what_a_workflow_comes_to() {
    let folder = folder();
    let output = e2e_store(folder.path(), ["profiles"]);
    assert_eq!(
        lines(&output, &["minimal", "one workflow", "[exit"]),
        [
            "minimal one small root span, for raw throughput",
            "one workflow spans bytes events variants legacy",
            "minimal 1 409 B 0 1 yes",
            "[exit status: 0]",
        ]
    );
    let json = command(folder.path()).args(["profiles", "--format", "json"]).output().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&json["version"], &json["profiles"][0]["profile"]), (&1.into(), &"getting-started".into()));
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
    assert!(audited.contains("150 rows: 150 match the plan, 0 differ, 0 unplanned"), "{audited}");
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
    assert_eq!(lines(&audited, &["FAIL ", "inconclusive "]), ["FAIL lost_spans 100 of 100 settled spans"]);
    assert_eq!(exit_status(&audited), "[exit status: 1]");
}

#[cfg(unix)]
#[test]
fn a_stopped_stand_in_loses_what_was_in_memory_unless_it_is_durable() {
    for (args, losses) in [
        (&[][..], &["FAIL lost_spans 100 of 100 settled spans", "[exit status: 1]"][..]),
        (&["--durable"], &["found all 100 spans of 20 workflows of 2 services", "[exit status: 0]"]),
    ] {
        let folder = folder();
        let serving = Serving::start_with(folder.path(), args);
        let generated = e2e_store(
            folder.path(),
            ["generate", "--no-flush", "--num-services", "2", "--endpoint", &serving.endpoint],
        );
        assert_eq!(exit_status(&generated), "[exit status: 0]", "{generated}");
        let said = serving.terminate();
        assert_eq!(said.contains("stopped: 100 acked spans lost with the memory"), args.is_empty(), "{said}");
        let audited = e2e_store(folder.path(), ["audit", "--settle", "1"]);
        assert_eq!(
            lines(&audited, &["FAIL lost", "inconclusive ", "found all", "[exit"]),
            losses,
            "{audited}"
        );
        let figure = lines(&audited, &["lost 100 acked spans, acked within "]);
        assert_eq!(figure.len(), usize::from(args.is_empty()), "{audited}");
    }
}

#[cfg(unix)]
#[test]
fn a_stand_in_stopped_under_load_loses_what_it_had_acked_and_not_written() {
    let folder = folder();
    let serving = Serving::start(folder.path(), ".dbdata");
    let mut load = command(folder.path())
        .args(["generate", "--no-flush", "--workflows-per-service", "4000", "--endpoint", &serving.endpoint])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let wal = folder.path().join(".dbdata/spans/wal");
    let has_segment = || {
        let names = fs::read_dir(&wal).unwrap().map(|entry| entry.unwrap().file_name());
        names.into_iter().any(|name| name.to_string_lossy().ends_with(".ipc"))
    };
    while !has_segment() {
        assert_eq!(load.try_wait().unwrap(), None, "the generator ended by itself");
        std::thread::yield_now();
    }
    let said = serving.terminate();
    load.wait().unwrap();
    let in_memory = said.split("stopped: ").nth(1).and_then(|rest| rest.split(" acked span").next());
    let in_memory: String = in_memory.unwrap_or("0").chars().filter(char::is_ascii_digit).collect();
    let in_memory: u64 = in_memory.parse().unwrap();

    let _again = Serving::start(folder.path(), ".dbdata");
    let audited =
        command(folder.path()).args(["audit", "--settle", "1", "--format", "json"]).output().unwrap();
    let audited: serde_json::Value = serde_json::from_slice(&audited.stdout).unwrap();
    let run = &audited["coverage"]["runs"][0];
    let lost = run["lost"]["spans"].as_u64().unwrap_or(0);
    let check = audited["checks"].as_array().unwrap().iter().find(|check| check["id"] == "lost_spans");
    assert_eq!(check.unwrap()["findings"].as_u64().unwrap_or(0), lost);
    // Of what was in memory, the last acks may not have reached the generator any more.
    let unanswered = run["indeterminate"].as_u64().unwrap();
    assert!(lost <= in_memory && in_memory <= lost + unanswered, "{lost} lost of {in_memory}: {run}");
    assert!(run["lost"]["seconds"].as_f64().unwrap_or(0.0) < 10.0, "{run}");
}

#[cfg(unix)]
#[test]
fn a_planted_fault_is_found_and_counted() {
    let folder = folder();
    let serving = Serving::start_with(folder.path(), &["--fault", "drop-export@2", "--fault", "drop-span"]);
    let generated = e2e_store(
        folder.path(),
        ["generate", "--endpoint", &serving.endpoint, "--internal-endpoint", &serving.internal_endpoint],
    );
    assert_eq!(exit_status(&generated), "[exit status: 0]", "{generated}");
    let said = serving.terminate();
    let dropped: usize =
        said.split("fault drop-span: struck ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert_eq!(
        lines(&said, &["fault"]),
        [
            "fault drop-export: struck 1 of 30 exports".to_owned(),
            format!("fault drop-span: struck {dropped} of 145 spans")
        ]
    );
    let audited = e2e_store(folder.path(), ["audit"]);
    assert_eq!(
        lines(&audited, &["FAIL lost"]),
        [format!("FAIL lost_spans {} of 150 settled spans", 5 + dropped)],
        "{audited}"
    );
}

#[test]
fn faults_are_listed_with_the_checks_that_find_them() {
    let folder = folder();
    let output = e2e_store(folder.path(), ["faults"]);
    assert_eq!(
        lines(&output, &["fault ", "drop-span", "attributes-nan"]),
        [
            "fault per default found by effect",
            "drop-span span =0.01 lost_spans an acked span is not stored",
            "attributes-nan span =0.01 altered_spans or polluted_attributes a number in `attributes` is the word NaN",
        ]
    );
    let json = command(folder.path()).args(["faults", "--format", "json"]).output().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&json["version"], &json["faults"][0]["fault"]), (&1.into(), &"store-and-refuse".into()));
    let refused = e2e_store(folder.path(), ["serve", "--fault", "drop-spam"]);
    assert!(refused.contains("unknown fault `drop-spam`: `e2e-store faults` lists them"), "{refused}");
    assert_eq!(exit_status(&refused), "[exit status: 2]");
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
        lines(&damaged, &["FAIL ", "inconclusive "]),
        ["inconclusive unproven_spans 50 of 50 acked spans", "FAIL unreadable_files 1 of 1 file of any tier"]
    );

    fs::remove_file(&cold).unwrap();
    let lost = e2e_store(folder.path(), ["audit"]);
    assert_eq!(lines(&lost, &["FAIL ", "inconclusive "]), ["FAIL lost_spans 50 of 50 settled spans"]);
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
    assert!(
        unknown.contains("error: there is no check `luck`\nhint: `e2e-store checks` lists them"),
        "{unknown}"
    );
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
fn a_transport_that_cannot_work_is_said_and_writes_nothing() {
    let folder = folder();
    let serving = Serving::start(folder.path(), ".dbdata");
    let generate = |options: &[&str]| {
        let mut command = command(folder.path());
        command.args(["generate", "--endpoint", &serving.endpoint]).args(options);
        let output =
            command.env("E2E_STORE_HEADERS", "x-a=s3cret\nx-junjo-api-key=s3cret\n").output().unwrap();
        assert_eq!((output.stdout.len(), output.status.code()), (0, Some(2)));
        String::from_utf8_lossy(&output.stderr).replace(&serving.endpoint, "ENDPOINT")
    };
    assert_snapshot!(generate(&[]), @"
    error: header 2 is `x-junjo-api-key`, which carries the API key
    hint: pass the key with --api-key or JUNJO_API_KEY
    ");
    assert_snapshot!(generate(&["--header", "x-b=1", "--compression", "zstd"]), @"
    error: `http://ENDPOINT` refuses every export: Unimplemented: Content is compressed with `zstd` which isn't supported
    hint: the studio accepts no compressed requests; leave --compression out
    ");
    assert_snapshot!(generate(&["--header", "x-b=1", "--ca-cert", "ca.pem"]), @"
    error: `http://ENDPOINT` speaks plain text, so certificates are of no use
    hint: write the endpoint with `https://`, or leave the certificates out
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
    assert!(audited.contains("its end is not recorded"), "{audited}");
    assert_eq!(lines(&audited, &["FAIL ", "inconclusive "]), Vec::<String>::new());
}

/// Copies the golden runs, and changes the manifest of each as told.
fn golden_runs(folder: &Path, mut change: impl FnMut(&str, &mut serde_json::Value)) {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/getting-started/studio-0.82.1/runs");
    for run in fs::read_dir(golden).unwrap().map(|run| run.unwrap().path()) {
        let name = run.file_name().unwrap().to_str().unwrap();
        let copy = folder.join("runs").join(name);
        fs::create_dir_all(&copy).unwrap();
        fs::copy(run.join("ledger.ndjson"), copy.join("ledger.ndjson")).unwrap();
        let mut manifest: serde_json::Value =
            serde_json::from_slice(&fs::read(run.join("manifest.json")).unwrap()).unwrap();
        change(name, &mut manifest);
        fs::write(copy.join("manifest.json"), manifest.to_string()).unwrap();
    }
}

/// Results as a run of today records them: its throughput and p95, and how many of 20 spans were rejected.
fn results(throughput: f64, p95_us: u64, rejected: u64) -> serde_json::Value {
    let times = serde_json::json!({
        "p50": 900, "p90": p95_us, "p95": p95_us, "p99": p95_us, "p999": p95_us, "max": p95_us, "mean": 950.5,
    });
    serde_json::json!({
        "total_workflows": 4, "duration_seconds": 0.04, "throughput": throughput, "spans_per_s": throughput * 5.0,
        "planned": 20, "issued": 20, "not_started": 0,
        "acked": 20 - rejected, "rejected": rejected, "indeterminate": 0, "interrupted": false,
        "response_us": times, "service_us": times,
        "thresholds": [{
            "threshold": "p(95)<5ms",
            "verdict": if p95_us < 5_000 { "met" } else { "missed" },
            "measured": p95_us,
            "unit": "microseconds",
        }],
    })
}

#[test]
fn runs_lists_what_was_sent_and_names_what_it_cannot_read() {
    let folder = folder();
    assert_snapshot!(e2e_store(folder.path(), ["runs"]), @"
    ------- stdout -------
    no run in `runs`
    [exit status: 0]
    ");
    golden_runs(folder.path(), |name, manifest| {
        if name == "be4853f43680" {
            manifest.as_object_mut().unwrap().remove("results");
        }
    });
    fs::create_dir_all(folder.path().join("runs/0badc0ffee00")).unwrap();
    fs::write(folder.path().join("runs/0badc0ffee00/manifest.json"), "{").unwrap();
    assert_snapshot!(e2e_store(folder.path(), ["runs"]), @"
    ------- stdout -------
    run           made                      profile           plan  sent to                 acked  of spans  workflows/s  outcome
    75ab2a233443  2026-11-23T20:44:43.575Z  getting-started  2 × 2  http://localhost:36150     20        20          329  all acked
    be4853f43680  2026-11-23T20:44:43.722Z  getting-started  2 × 2  http://localhost:36150               20               unfinished

    not read: 1 run
      0badc0ffee00  `runs/0badc0ffee00/manifest.json` is not a run's manifest: EOF while parsing an object at line 1 column 1
    [exit status: 0]
    ");

    let json = command(folder.path()).args(["runs", "--format", "json"]).output().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&json["version"], &json["runs"][0]["run"]), (&1.into(), &"75ab2a233443".into()));
    assert_eq!(json["runs"][1]["outcome"], "unfinished");
    assert_eq!(json["unreadable"][0]["run"], "0badc0ffee00");
}

#[test]
fn runs_show_tells_a_run_from_its_manifest_and_its_ledger() {
    let folder = folder();
    golden_runs(folder.path(), |name, manifest| {
        if name == "be4853f43680" {
            manifest["results"] = results(100.0, 9_000, 5);
        }
    });
    assert_snapshot!(e2e_store(folder.path(), ["runs", "show", "75"]), @"
    ------- stdout -------
    run 75ab2a233443: all acked
    made     2026-11-23T20:44:43.575Z, in runs/75ab2a233443
    sent to  http://localhost:36150
    profile  getting-started
    plan     2 services of 2 workflows, 20 spans, seed 1
    services starkly-vocal-skink
             racily-crack-jaybird
    pace     up to 10 workflows at once

    spans    20 planned: 20 issued, 0 not started
             20 acked, 0 rejected, 0 indeterminate
    took     12.1 ms: 329 workflows/s
    ledger   acked: 4 exports, 20 spans
    call     FlushWAL at 2026-11-23T20:44:43.589Z, took 17.6 ms
    [exit status: 0]
    ");
    assert_snapshot!(e2e_store(folder.path(), ["runs", "show", "latest"]), @"
    ------- stdout -------
    run be4853f43680: threshold not met
    made     2026-11-23T20:44:43.722Z, in runs/be4853f43680
    sent to  http://localhost:36150
    profile  getting-started
    plan     2 services of 2 workflows, 20 spans, seed 2
    services brazenly-engrossing-turkey
             admittedly-effectual-kookaburra
    pace     up to 10 workflows at once

    spans      20 planned: 20 issued, 0 not started
               15 acked, 5 rejected, 0 indeterminate
    took       40.0 ms: 100 workflows/s, 500 spans/s
    latency    p50 900 µs  p90 9.0 ms  p95 9.0 ms  p99 9.0 ms  p99.9 9.0 ms  max 9.0 ms
    threshold  MISSED  p(95)<5ms  9.0 ms
    ledger     acked: 4 exports, 20 spans
    [exit status: 0]
    ");
    let json = command(folder.path()).args(["runs", "show", "be", "--format", "json"]).output().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["manifest"]["results"]["rejected"], 5);
    assert_eq!(json["ledger"]["exports"][0]["spans"], 20);
}

#[test]
fn runs_compare_says_which_figure_is_worse() {
    let folder = folder();
    let compare = |args: &[&str]| {
        let output = command(folder.path()).args(["runs", "compare", "75ab", "be48"]).args(args).output();
        let output = output.unwrap();
        let text = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
        format!("{text}\n[exit status: {}]", output.status.code().unwrap())
    };
    let sent = |first: serde_json::Value, second: serde_json::Value| {
        golden_runs(folder.path(), |name, manifest| {
            manifest["results"] = if name == "75ab2a233443" { first.clone() } else { second.clone() };
        });
    };
    sent(results(100.0, 2_000, 0), results(95.0, 6_000, 5));
    assert_snapshot!(compare(&[]), @"
    run                         75ab2a233443                be4853f43680
    profile                  getting-started             getting-started
    plan                               2 × 2                       2 × 2
    pace          up to 10 workflows at once  up to 10 workflows at once
    sent to           http://localhost:36150      http://localhost:36150
    workflows/s                        100/s               95.0/s (-5 %)
    spans/s                            500/s                475/s (-5 %)
    p50                               900 µs                      900 µs
    p95                               2.0 ms             6.0 ms (+200 %)
    p99                               2.0 ms             6.0 ms (+200 %)
    max                               2.0 ms             6.0 ms (+200 %)
    error rate                        0.00 %                     25.00 %
    spans issued                          20                          20
    acked                                 20                  15 (-25 %)
    rejected                               0                           5
    p(95)<5ms                            met                      missed

    be4853f43680 is worse than 75ab2a233443 by more than 10 %: p95 +200 %, p99 +200 %, error rate from 0.00 % to 25.00 %
    [exit status: 1]
    ");
    let json: serde_json::Value =
        serde_json::from_str(compare(&["--format", "json"]).rsplit_once("\n[").unwrap().0).unwrap();
    assert_eq!(json["verdict"], "worse");
    assert_eq!(json["figures"][3]["values"][1]["change"], 2.0);

    sent(results(100.0, 2_000, 0), results(95.0, 2_100, 0));
    assert_eq!(exit_status(&compare(&[])), "[exit status: 0]");
    assert_eq!(exit_status(&compare(&["--tolerance", "4%"])), "[exit status: 1]");

    golden_runs(folder.path(), |_, _| {});
    let old = compare(&["--tolerance", "0%"]);
    assert_eq!(exit_status(&old), "[exit status: 2]", "{old}");
    assert!(old.contains("be4853f43680: not known, since not both runs recorded it: p95, p99"), "{old}");
}

#[test]
fn a_run_that_is_not_there_is_said_with_what_to_type() {
    let folder = folder();
    assert_snapshot!(e2e_store(folder.path(), ["runs", "show", "latest"]), @"
    ------- stderr -------
    error: there is no run in `runs`
    hint: `e2e-store generate` makes one; --runs names another place
    [exit status: 2]
    ");
    golden_runs(folder.path(), |_, manifest| {
        manifest.as_object_mut().unwrap().remove("results");
    });
    assert_snapshot!(e2e_store(folder.path(), ["runs", "show", "none"]), @"
    ------- stderr -------
    error: there is no run `none` in `runs`
    hint: `e2e-store runs` lists them; --runs names another place
    [exit status: 2]
    ");
    assert_snapshot!(e2e_store(folder.path(), ["runs", "compare", "75", "be"]), @"
    ------- stderr -------
    error: run `75ab2a233443` did not end by itself, so it has no figures
    hint: `e2e-store runs show 75ab2a233443` tells what its ledger says
    [exit status: 2]
    ");
    assert_snapshot!(e2e_store(folder.path(), ["runs", "--runs", "nowhere"]), @"
    ------- stderr -------
    error: there is no runs folder `nowhere`
    hint: name the folder that `e2e-store generate` wrote
    [exit status: 2]
    ");
    fs::write(folder.path().join("runs/75ab2a233443/ledger.ndjson"), "nonsense\n").unwrap();
    assert_snapshot!(e2e_store(folder.path(), ["runs", "show", "75ab"]), @"
    ------- stderr -------
    error: line 1 of ledger `runs/75ab2a233443/ledger.ndjson` is not an entry
    hint: restore the run's folder, or leave it out with --run ID of another run
    [exit status: 2]
    ");
    fs::write(folder.path().join("runs/75ab2a233443/manifest.json"), "{").unwrap();
    assert_snapshot!(e2e_store(folder.path(), ["runs", "show", "75ab"]), @"
    ------- stderr -------
    error: run `75ab2a233443` cannot be read
      caused by: `runs/75ab2a233443/manifest.json` is not a run's manifest: EOF while parsing an object at line 1 column 1
    hint: restore the run's folder, or remove it
    [exit status: 2]
    ");
}
