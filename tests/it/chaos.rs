//! `chaos`: which promises the stand-in keeps under which faults, and what is left when `chaos` itself is killed.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

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

const PROMISES: [&str; 16] = [
    "acked spans survive SIGTERM",
    "acked spans survive SIGKILL",
    "acked spans survive a power loss",
    "acked spans survive a flush cut short",
    "acked spans survive a freeze",
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
    let ledger = || {
        let runs = fs::read_dir(folder.path().join("runs")).unwrap().map(|entry| entry.unwrap().path());
        let ledger = runs.map(|run| run.join("ledger.ndjson")).find(|ledger| ledger.is_file());
        ledger.and_then(|ledger| fs::read_to_string(ledger).ok()).unwrap_or_default()
    };
    while !ledger().contains(r#""outcome":"acked""#) {
        std::thread::yield_now();
    }
    chaos.kill().unwrap();
    chaos.wait().unwrap();
    while studio.exists() {
        std::thread::yield_now();
    }
    let ledger = ledger();
    let first = ledger.lines().next().unwrap();
    assert!(first.contains(r#"{"event":"studio","generation":1,"state":"started""#), "{first}");
    let audited = e2e_store(folder.path(), ["audit", "data", "--no-wait", "--only", "fidelity"]);
    assert!(["[exit status: 0]", "[exit status: 2]"].contains(&exit_status(&audited)), "{audited}");
    assert!(audited.contains("its end is not recorded"), "{audited}");
}
