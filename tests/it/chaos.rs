//! `chaos`: which promises the stand-in keeps under which faults, and what is left when `chaos` itself is killed.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use super::cli::{command, e2e_store, exit_status, folder, lines};

fn chaos(folder: &Path, args: &[&str]) -> String {
    let all = [&["chaos", "--seed", "7"], args].concat();
    let output = command(folder).args(all).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!(
        "{}{}[exit status: {}]",
        text(&output.stdout),
        text(&output.stderr),
        output.status.code().unwrap()
    )
}

/// What is not kept under a few kinds of faults, and the whole output, without looking for a smaller schedule.
fn broken_by(nemesis: &str, seconds: &str, options: &[&str]) -> (Vec<String>, String) {
    let args = ["--no-shrink", "--duration", seconds, "--nemesis", nemesis];
    let output = chaos(folder().path(), &[&args, options].concat());
    (not_kept(&output), output)
}

/// The promises that were not kept, and the exit code.
fn not_kept(output: &str) -> Vec<String> {
    let mut told = lines(output, &["BROKEN", "not tried", "[exit"]);
    // Whether an export comes while the studio is away is a matter of milliseconds.
    told.retain(|line| !line.starts_with("not tried a refused export"));
    let promise = |line: &String| {
        let words =
            ["BROKEN ", "not tried "].iter().find(|words| line.starts_with(**words)).copied().unwrap_or("");
        let known = PROMISES.iter().find(|promise| line[words.len()..].starts_with(**promise));
        known.map_or_else(|| line.clone(), |promise| format!("{words}{promise}"))
    };
    told.iter().map(promise).collect()
}

const PROMISES: [&str; 17] = [
    "acked spans survive SIGTERM",
    "acked spans survive SIGKILL",
    "acked spans survive a power loss",
    "acked spans survive a flush cut short",
    "acked spans survive a freeze",
    "acked spans survive a step of the clock",
    "acked spans survive a bad network",
    "a full disk refuses rather than loses",
    "a read-only store refuses rather than loses",
    "nothing is stored twice",
    "one bad file does not stop the others",
    "an upgrade keeps what was in the WAL",
    "a refused export leaves nothing",
    "the studio runs until it is stopped",
    "a running studio answers every export",
    "after recovery the studio catches up by itself",
    "all else that is stored is as it was sent",
];

#[test]
fn sigterm_costs_what_is_pending_and_the_smallest_schedule_says_so_again() {
    let folder = folder();
    let faithful = chaos(folder.path(), &["--nemesis", "sigterm", "--duration", "4s", "-o", "story.md"]);
    assert_eq!(not_kept(&faithful), ["BROKEN acked spans survive SIGTERM", "[exit status: 1]"], "{faithful}");
    assert!(faithful.contains("kept: "), "{faithful}");
    let story = fs::read_to_string(folder.path().join("story.md")).unwrap();
    assert!(story.starts_with("## e2e-store chaos: chaos: 1 promise broken"), "{story}");
    let again = story.lines().find(|line| line.starts_with("e2e-store chaos --plan ")).unwrap();
    let plan = again.split(' ').nth(3).unwrap();
    let again = chaos_plan(folder.path(), plan, &[]);
    assert_eq!(not_kept(&again), ["BROKEN acked spans survive SIGTERM", "[exit status: 1]"], "{again}");
    let durable = chaos_plan(folder.path(), plan, &["--durable"]);
    assert_eq!(not_kept(&durable), ["[exit status: 0]"], "{durable}");
}

fn chaos_plan(folder: &Path, plan: &str, options: &[&str]) -> String {
    let output = command(folder).args(["chaos", "--plan", plan]).args(options).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    format!("{text}[exit status: {}]", output.status.code().unwrap())
}

#[test]
fn a_kill_costs_what_is_pending_and_a_freeze_nothing() {
    let expected = ["BROKEN acked spans survive SIGKILL", "[exit status: 1]"];
    let (told, output) = broken_by("sigkill,freeze", "6s", &[]);
    assert_eq!(told, expected, "{output}");
}

#[test]
fn a_bad_segment_stops_the_others_unless_the_stand_in_is_durable() {
    let expected = ["BROKEN one bad file does not stop the others", "[exit status: 1]"];
    let (told, output) = broken_by("torn-segment,empty-segment", "10s", &[]);
    assert_eq!(told, expected, "{output}");
    let (told, output) = broken_by("torn-segment,empty-segment", "10s", &["--durable"]);
    assert_eq!(told, ["[exit status: 0]"], "{output}");
}

#[test]
fn a_full_disk_and_a_bad_network_cost_nothing() {
    let kinds = "disk-full,delay,drop,reset-before,reset-after,half-open,slow";
    let (told, output) = broken_by(kinds, "10s", &[]);
    assert_eq!(told, ["[exit status: 0]"], "{output}");
}

#[test]
fn a_crash_between_rename_and_deletes_stores_spans_twice_unless_the_stand_in_is_durable() {
    let (told, output) = broken_by("kill-in-deletes", "12s", &[]);
    assert!(told.contains(&"BROKEN nothing is stored twice".to_owned()), "{output}");
    let (told, output) = broken_by("kill-in-deletes", "6s", &["--durable"]);
    assert!(!told.contains(&"BROKEN nothing is stored twice".to_owned()), "{output}");
}

/// Whether libfaketime is where Debian puts it.
fn has_libfaketime() -> bool {
    let folders = fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path().join("faketime"));
    folders.into_iter().any(|folder| folder.join("libfaketimeMT.so.1").exists())
}

#[test]
fn a_step_of_the_clock_costs_nothing_and_is_not_called_tried_where_it_cannot_be() {
    let expected: &[&str] = if has_libfaketime() {
        &["[exit status: 0]"]
    } else {
        &["not tried acked spans survive a step of the clock", "[exit status: 2]"]
    };
    let folder = folder();
    let args = ["--no-shrink", "--duration", "12s", "--nemesis", "clock-back,clock-forward"];
    let output = chaos(folder.path(), &[&args[..], &["--data-dir", "data", "--runs", "runs"]].concat());
    let told = not_kept(&output).into_iter().filter(|line| !line.ends_with("catches up by itself"));
    assert_eq!(told.collect::<Vec<_>>(), expected, "{output}");
    let again = e2e_store(folder.path(), ["audit", "data", "--run", "latest"]);
    assert_eq!(exit_status(&again), "[exit status: 0]", "{again}");
    let clock_left =
        fs::read_dir("/dev/shm").unwrap().map(|entry| entry.unwrap().file_name()).filter(|name| {
            let pid = name.to_str().and_then(|name| name.strip_prefix("faketime_shm_")?.parse::<u32>().ok());
            pid.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists())
        });
    assert_eq!(clock_left.count(), 0, "shared memory of dead processes");
}

/// Two ports that nobody had a moment ago.
fn ports() -> [u16; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

#[test]
fn a_crowd_finds_an_answer_that_does_not_come_unless_all_come() {
    let crowd = |fault: &str| {
        let [port, internal] = ports();
        let serve = format!("serve --data-dir data --port {port} --internal-port {internal}");
        let studio = format!("{} {serve} {fault}", env!("CARGO_BIN_EXE_e2e-store"));
        let (endpoint, internal) = (format!("127.0.0.1:{port}"), format!("127.0.0.1:{internal}"));
        let args = ["--studio", &studio, "--data-dir", "data", "--endpoint", &endpoint];
        let internal = ["--internal-endpoint", &internal, "--timeout", "2", "--crowd", "2", "--rate", "5/s"];
        broken_by("crowd", "4s", &[args.as_slice(), internal.as_slice()].concat())
    };
    let expected = ["BROKEN a running studio answers every export", "[exit status: 1]"];
    let (told, output) = crowd("--fault hang@2s");
    assert_eq!(told, expected, "{output}");
    let (told, output) = crowd("");
    assert_eq!(told, ["[exit status: 0]"], "{output}");
}

#[test]
fn a_flush_whose_call_goes_astray_does_no_harm() {
    let kinds = "internal-delay,internal-drop,internal-reset,internal-half-open";
    let (told, output) = broken_by(kinds, "8s", &[]);
    assert_eq!(told, ["[exit status: 0]"], "{output}");
}

#[test]
fn data_that_is_there_already_is_left_alone() {
    let folder = folder();
    fs::create_dir_all(folder.path().join("data/spans/wal")).unwrap();
    fs::write(folder.path().join("data/spans/wal/batch_1_0001.ipc"), "precious").unwrap();
    insta::assert_snapshot!(e2e_store(folder.path(), ["chaos", "--data-dir", "data"]), @r"
    ------- stderr -------
    error: `data` holds data already, which a fault may destroy
    hint: name an empty or absent folder, or add --use-existing-data
    [exit status: 2]
    ");
    assert!(!folder.path().join("runs").exists());
}

#[test]
fn a_studio_that_does_not_start_is_said() {
    let folder = folder();
    let args =
        ["chaos", "--studio", "echo no licence; false", "--endpoint", "127.0.0.1:1", "--data-dir", "data"];
    insta::assert_snapshot!(e2e_store(folder.path(), args), @r"
    ------- stderr -------
    error: the studio ended before it answered: exit status: 1
    hint: `runs/studio.log` has what it printed
    [exit status: 2]
    ");
    assert_eq!(fs::read_to_string(folder.path().join("runs/studio.log")).unwrap(), "no licence\n");
}

#[test]
fn an_upgrade_with_segments_in_the_wal_flushes_no_more() {
    let (told, output) = broken_by("upgrade", "5s", &[]);
    assert!(told.contains(&"BROKEN an upgrade keeps what was in the WAL".to_owned()), "{output}");
}

/// `docker`, whose `compose` knows one service: `up -d` returns at once and the service goes on elsewhere.
fn docker(folder: &Path) -> (Vec<String>, String) {
    let [port, internal] = ports();
    let script = format!(
        r#"#!/bin/sh
case "$2" in
up) setsid '{}' serve --data-dir '{}/data' --port {port} --internal-port {internal} >service.log 2>&1 & echo $! >pid ;;
kill) kill -s "$4" -- "-$(cat pid)" ;;
esac
"#,
        env!("CARGO_BIN_EXE_e2e-store"),
        folder.display()
    );
    fs::write(folder.join("docker"), script).unwrap();
    fs::set_permissions(folder.join("docker"), fs::Permissions::from_mode(0o755)).unwrap();
    let options = [
        ("--studio", "docker compose up -d ingestion".to_owned()),
        ("--stop", "docker compose kill -s $SIGNAL ingestion".to_owned()),
        ("--data-dir", "data".to_owned()),
        ("--endpoint", format!("127.0.0.1:{port}")),
        ("--internal-endpoint", format!("127.0.0.1:{internal}")),
    ];
    let options = options.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    (options, path)
}

#[test]
fn a_studio_in_a_container_is_started_signalled_and_left_stopped() {
    let folder = folder();
    let (options, path) = docker(folder.path());
    let chaos = |nemesis: &str, seconds: &str| {
        let args = ["chaos", "--seed", "7", "--no-shrink", "--duration", seconds, "--nemesis", nemesis];
        let output = command(folder.path()).args(args).args(&options).env("PATH", &path).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        format!("{}[exit status: {}]", String::from_utf8_lossy(&text), output.status.code().unwrap())
    };
    let stopped = chaos("sigterm,freeze,delay", "9s");
    let unwatched = "not tried the studio runs until it is stopped";
    let expected = ["BROKEN acked spans survive SIGTERM", unwatched, "[exit status: 1]"];
    assert_eq!(not_kept(&stopped), expected, "{stopped}");
    assert!(TcpStream::connect(&options[7]).is_err(), "it runs on");
    fs::remove_dir_all(folder.path().join("data")).unwrap();

    let out_of_reach = chaos("kill-in-flush,disk-full,clock-back", "9s");
    let expected = [
        "not tried acked spans survive SIGKILL",
        "not tried acked spans survive a flush cut short",
        "not tried acked spans survive a step of the clock",
        "not tried a full disk refuses rather than loses",
        unwatched,
        "not tried after recovery the studio catches up by itself",
        "[exit status: 2]",
    ];
    assert_eq!(not_kept(&out_of_reach), expected, "{out_of_reach}");
}

#[test]
fn a_container_that_outlives_a_killed_experiment_is_ended_by_what_the_ledger_says() {
    let folder = folder();
    let (options, path) = docker(folder.path());
    let args = ["chaos", "--duration", "10m", "--nemesis", "freeze"];
    let mut chaos = command(folder.path());
    let mut chaos = chaos.args(args).args(&options).env("PATH", &path).stderr(Stdio::null()).spawn().unwrap();
    let acked = r#""outcome":"acked""#;
    while !ledger(folder.path()).contains(acked) {
        std::thread::yield_now();
    }
    chaos.kill().unwrap();
    chaos.wait().unwrap();
    assert!(TcpStream::connect(&options[7]).is_ok());
    let ledger = ledger(folder.path());
    let started: Value = serde_json::from_str(ledger.lines().next().unwrap()).unwrap();
    let ends_it = started["note"].as_str().unwrap().split('`').nth(1).unwrap();
    let ended =
        Command::new("sh").args(["-c", ends_it]).current_dir(folder.path()).env("PATH", &path).status();
    assert!(ended.unwrap().success(), "{ends_it}");
    while TcpStream::connect(&options[7]).is_ok() {
        std::thread::yield_now();
    }
}

/// The ledger of the only run, as far as there is one.
fn ledger(folder: &Path) -> String {
    let runs = fs::read_dir(folder.join("runs")).into_iter().flatten().map(|entry| entry.unwrap().path());
    let ledger = runs.map(|run| run.join("ledger.ndjson")).find(|ledger| ledger.is_file());
    ledger.and_then(|ledger| fs::read_to_string(ledger).ok()).unwrap_or_default()
}

#[test]
fn a_secret_in_a_command_is_written_nowhere() {
    let folder = folder();
    let [port, internal] = ports();
    let serve = format!("serve --data-dir data --port {port} --internal-port {internal}");
    let studio = format!("A_TOKEN=s3cret E2E_STORE_API_KEY=k3y {} {serve}", env!("CARGO_BIN_EXE_e2e-store"));
    let (endpoint, internal) = (format!("127.0.0.1:{port}"), format!("127.0.0.1:{internal}"));
    let args = ["--studio", &studio, "--data-dir", "data", "--endpoint", &endpoint, "--api-key", "k3y"];
    let options =
        ["--internal-endpoint", &internal, "--nemesis", "sigterm", "--duration", "3s", "-o", "story.md"];
    let output = chaos(folder.path(), &[args.as_slice(), &options].concat());
    assert_eq!(not_kept(&output), ["BROKEN acked spans survive SIGTERM", "[exit status: 1]"], "{output}");
    let runs = fs::read_dir(folder.path().join("runs")).unwrap().map(|entry| entry.unwrap().path());
    let written = runs.filter(|run| run.is_dir()).flat_map(|run| fs::read_dir(run).unwrap());
    let mut written: Vec<PathBuf> = written.map(|entry| entry.unwrap().path()).collect();
    written.retain(|path| path.is_file());
    assert!(written.iter().any(|path| path.ends_with("manifest.json")), "{written:?}");
    written.push(folder.path().join("story.md"));
    let texts = written.iter().map(|path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned());
    for text in texts.chain([output]) {
        assert!(!text.contains("s3cret") && !text.contains("k3y"), "{text}");
    }
}

/// An experiment that goes on, and the process of its studio.
fn begin(folder: &Path) -> (Child, PathBuf) {
    let args = ["chaos", "--duration", "10m", "--nemesis", "freeze", "--data-dir", "data", "--runs", "runs"];
    let mut chaos = command(folder).args(args).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(chaos.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let studio = line.split_whitespace().find(|word| word.bytes().all(|byte| byte.is_ascii_digit()));
    let studio = PathBuf::from("/proc").join(studio.unwrap_or_else(|| panic!("{line}")));
    assert!(studio.exists());
    (chaos, studio)
}

#[test]
fn a_killed_experiment_leaves_a_readable_ledger_and_no_studio() {
    let folder = folder();
    let (mut chaos, studio) = begin(folder.path());
    while !ledger(folder.path()).contains(r#""outcome":"acked""#) {
        std::thread::yield_now();
    }
    chaos.kill().unwrap();
    chaos.wait().unwrap();
    while studio.exists() {
        std::thread::yield_now();
    }
    let ledger = ledger(folder.path());
    let first = ledger.lines().next().unwrap();
    assert!(first.contains(r#"{"event":"studio","generation":1,"state":"started""#), "{first}");
    let audited = e2e_store(folder.path(), ["audit", "data", "--no-wait", "--only", "fidelity"]);
    assert!(["[exit status: 0]", "[exit status: 2]"].contains(&exit_status(&audited)), "{audited}");
    assert!(audited.contains("its end is not recorded"), "{audited}");
}
