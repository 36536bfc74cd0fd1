//! `inspect`, `trace`, `completions` and `man` as a user meets them; what they show of a store is tested beside them.

use std::{fs, path::Path};

use insta::assert_snapshot;

use super::cli::{command, e2e_store, exit_status, folder};

fn golden() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/studio-0.82.1").display().to_string()
}

/// The output with the repository's own path left out.
fn told<const N: usize>(args: [&str; N]) -> String {
    e2e_store(folder().path(), args).replace(env!("CARGO_MANIFEST_DIR"), "REPO")
}

#[test]
fn a_trace_is_named_by_the_beginning_of_its_id() {
    let shown = told(["trace", "e0f7", &golden()]);
    assert_eq!(exit_status(&shown), "[exit status: 0]");
    assert!(shown.contains("trace    e0f70f0e1bb87700f3fa96815a03c7ba"), "{shown}");
    let upper = told(["trace", "E0F70F0E1BB87700F3FA96815A03C7BA", &golden(), "--format", "json"]);
    assert!(upper.contains(r#""name": "Cancel WF""#), "{upper}");
}

#[test]
fn a_trace_as_otlp_is_a_source() {
    let folder = folder();
    let printed =
        command(folder.path()).args(["trace", "e4a8", &golden(), "--format", "otlp"]).output().unwrap();
    assert!(printed.status.success() && printed.stderr.is_empty());
    fs::write(folder.path().join("trace.jsonl"), &printed.stdout).unwrap();
    let plan = e2e_store(folder.path(), ["replay", "trace.jsonl", "--dry-run"]);
    assert!(plan.contains("OTLP JSON") && plan.contains("5 spans of 1 trace in 1 request"), "{plan}");
    assert_eq!(exit_status(&plan), "[exit status: 0]");
}

#[test]
fn a_beginning_that_several_traces_have_lists_them() {
    assert_snapshot!(told(["trace", "f", &golden()]), @r"
    ------- stderr -------
    error: 2 traces begin with `f`
      f6c25871bb29139b8d153f97877a55a2  4 rows
      faf8dff8605bc5bd5d74ff9345837962  7 rows
    hint: write more of the id
    [exit status: 2]
    ");
}

#[test]
fn a_trace_that_is_not_there_is_said_with_where_it_was_looked_for() {
    assert_snapshot!(told(["trace", "00", &golden()]), @r"
    ------- stderr -------
    error: no trace begins with `00` in the 4 files of `REPO/fixtures/studio-0.82.1/spans`
    hint: `e2e-store inspect` lists the files; a span may be in memory for some seconds yet
    [exit status: 2]
    ");
    assert!(told(["trace", "", &golden()]).contains("`` names no trace"));
}

#[test]
fn an_inventory_ends_well_on_a_sound_store_only() {
    let folder = folder();
    assert_eq!(exit_status(&told(["inspect", &golden()])), "[exit status: 0]");
    fs::create_dir_all(folder.path().join("spans/wal")).unwrap();
    fs::write(folder.path().join("spans/wal/batch_1_0001.ipc"), "").unwrap();
    let shown = e2e_store(folder.path(), ["inspect", "spans", "--growth", "10ms"]);
    assert_eq!(exit_status(&shown), "[exit status: 1]", "{shown}");
    assert!(shown.contains("growth   +0 segments, +0 B within 10.0 ms"), "{shown}");
    let json = e2e_store(folder.path(), ["inspect", "spans", "--format", "json"]);
    assert!(json.contains(r#""outcome": "fails""#), "{json}");
}

#[test]
fn completions_and_the_manual_name_every_command() {
    let help = told(["--help"]);
    let groups = help.lines().skip_while(|line| !line.starts_with("Prove:"));
    let groups =
        groups.take_while(|line| !line.starts_with("Options:")).filter(|line| line.starts_with("  "));
    let commands: Vec<&str> = groups.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(commands.contains(&"inspect") && commands.len() > 15, "{help}");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = told(["completions", shell]);
        let absent: Vec<_> = commands.iter().filter(|command| !script.contains(**command)).collect();
        assert!(absent.is_empty() && script.ends_with("[exit status: 0]"), "{shell}: {absent:?}");
    }
    let folder = folder();
    let said = e2e_store(folder.path(), ["man", "--dir", "man1"]);
    assert_eq!(exit_status(&said), "[exit status: 0]", "{said}");
    for command in commands.iter().filter(|command| **command != "help") {
        let page = fs::read_to_string(folder.path().join(format!("man1/e2e-store-{command}.1"))).unwrap();
        assert!(page.contains("NAME"), "{command}");
    }
    assert!(told(["man"]).contains(r"e2e\-store"));
}
