//! `sql`: one-shot, from files and pipes, and the shell in a pseudo-terminal.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use insta::assert_snapshot;
use rexpect::{reader::Options, session::PtySession, spawn_with_options};
use tempfile::TempDir;

use crate::cli::{command, e2e_store, exit_status, folder};

/// A terminal's answer may be slow on a busy machine.
const PATIENCE: u64 = 60_000;

const COLD: &str = "spans/parquet/year=2026/month=11/day=23/20261123_204443_2326d5ab.parquet";

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let copy = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_tree(&path, &copy);
        } else {
            fs::copy(&path, copy).unwrap();
        }
    }
}

/// A folder with a store of the real service and its runs.
fn golden() -> TempDir {
    let folder = folder();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/getting-started/studio-0.82.1");
    copy_tree(&fixture, folder.path());
    folder
}

/// The same, with a cut cold file, a torn segment and a finding.
fn damaged() -> TempDir {
    let folder = golden();
    let cold = folder.path().join(COLD);
    let bytes = fs::read(&cold).unwrap();
    fs::write(&cold, &bytes[..bytes.len() / 2]).unwrap();
    let segment = segment(folder.path());
    let bytes = fs::read(&segment).unwrap();
    fs::write(&segment, &bytes[..bytes.len() - 8]).unwrap();
    folder
}

fn segment(folder: &Path) -> PathBuf {
    fs::read_dir(folder.join("spans/wal")).unwrap().next().unwrap().unwrap().path()
}

/// Starts the binary at a terminal of so many columns.
fn terminal(folder: &Path, columns: u16, arguments: &[&str]) -> PtySession {
    let mut shell = Command::new("sh");
    let prepared = command(folder);
    shell.current_dir(folder).env_clear().env("HOME", folder).env("PATH", std::env::var_os("PATH").unwrap());
    shell.env("TERM", "xterm").env("NO_COLOR", "1").env("PAGER", "cat");
    let script = format!("stty rows 30 cols {columns}; exec \"$0\" \"$@\"");
    shell.arg("-c").arg(script).arg(prepared.get_program()).args(arguments);
    let options = Options::new().timeout_ms(Some(PATIENCE)).strip_ansi_escape_codes(true);
    spawn_with_options(shell, options).unwrap()
}

/// What a one-shot command shows at a terminal of so many columns.
fn at_terminal(folder: &Path, columns: u16, arguments: &[&str]) -> String {
    let mut session = terminal(folder, columns, arguments);
    // Every byte comes as a character of its own.
    let bytes: Vec<u8> = session.exp_eof().unwrap().chars().map(|char| char as u8).collect();
    let shown = String::from_utf8(bytes).unwrap().replace("\r\n", "\n");
    // How long a sweep took is another thing each time.
    let shown: String =
        shown.split_inclusive('\n').filter(|line| !line.starts_with("note: swept ")).collect();
    assert!(
        shown.lines().all(|line| line.chars().count() <= usize::from(columns) || line.starts_with("note")),
        "{shown}"
    );
    shown
}

const FILES: &str = "SELECT tier, file, health, rows, problem FROM files";

#[test]
fn a_golden_store_at_80_and_200_columns() {
    let folder = golden();
    assert_snapshot!(at_terminal(folder.path(), 80, &["sql", ".", "-c", FILES]), @"
    tier  file                                                 health  rows  problem
    cold  parquet/year=2026/month=11/day=23/20261123_204443_…  ok        20  NULL
    wal   wal/batch_1795466683733889754_0002.ipc               ok        20  NULL
    hot   hot_snapshot.parquet                                 ok        20  NULL
    cells that end in … are cut: .mode vertical shows them whole
    ");
    assert_snapshot!(at_terminal(folder.path(), 200, &["sql", ".", "-c", FILES]), @"
    tier  file                                                                health  rows  problem
    cold  parquet/year=2026/month=11/day=23/20261123_204443_2326d5ab.parquet  ok        20  NULL
    wal   wal/batch_1795466683733889754_0002.ipc                              ok        20  NULL
    hot   hot_snapshot.parquet                                                ok        20  NULL
    ");
    let spans = "SELECT name, span_id, attributes FROM spans ORDER BY start_time, span_id LIMIT 2";
    assert_snapshot!(at_terminal(folder.path(), 80, &["sql", ".", "-c", spans]), @r#"
    name                              span_id           attributes
    Getting Started Example Workflow  2803a6096eabfe94  {"e2e.run":"75ab2a233443","…
    Getting Started Example Workflow  84962e5572b4f428  {"e2e.run":"75ab2a233443","…
    cells that end in … are cut: .mode vertical shows them whole
    "#);
    let traces = "SELECT * FROM traces ORDER BY trace_id LIMIT 2";
    assert_snapshot!(at_terminal(folder.path(), 200, &["sql", ".", "-c", traces]), @"
    - trace_id      2530b86b8e5ab764bc0b46c89846e818
      root_name     Getting Started Example Workflow
      root_service  starkly-vocal-skink
      spans         5
      services      1
      errors        0
      started_at    2026-11-23T20:44:43.570526856Z
      ended_at      2026-11-23T20:44:43.572063840Z
      duration_ns   1536984
      files         1

    - trace_id      63062f503aa1b5530448974fbb19d347
      root_name     Getting Started Example Workflow
      root_service  brazenly-engrossing-turkey
      spans         5
      services      1
      errors        0
      started_at    2026-11-23T20:44:43.714903143Z
      ended_at      2026-11-23T20:44:43.716658782Z
      duration_ns   1755639
      files         1
    ");
}

#[test]
fn a_damaged_store_at_80_and_200_columns() {
    let folder = damaged();
    assert_snapshot!(at_terminal(folder.path(), 80, &["sql", ".", "-c", FILES]), @"
    - tier     cold
      file     parquet/year=2026/month=11/day=23/20261123_204443_2326d5ab.parquet
      health   unreadable
      rows     0
      problem  the file does not end in `PAR1`: it was cut, or never finished

    - tier     wal
      file     wal/batch_1795466683733889754_0002.ipc
      health   torn
      rows     20
      problem  no end-of-stream marker: the segment is cut short

    - tier     hot
      file     hot_snapshot.parquet
      health   ok
      rows     20
      problem  NULL
    ");
    assert_snapshot!(at_terminal(folder.path(), 200, &["sql", ".", "-c", FILES]), @"
    tier  file                                                                health      rows  problem
    cold  parquet/year=2026/month=11/day=23/20261123_204443_2326d5ab.parquet  unreadable     0  the file does not end in `PAR1`: it was cut, or never finished
    wal   wal/batch_1795466683733889754_0002.ipc                              torn          20  no end-of-stream marker: the segment is cut short
    hot   hot_snapshot.parquet                                                ok            20  NULL
    ");
    let count = "SELECT tier, count(*) AS n FROM stored_spans GROUP BY tier ORDER BY tier";
    assert_snapshot!(e2e_store(folder.path(), ["sql", ".", "-c", count]), @"
    ------- stdout -------
    tier   n
    hot   20
    wal   20
    ------- stderr -------
    note: not in the answer: `parquet/year=2026/month=11/day=23/20261123_204443_2326d5ab.parquet`: the file does not end in `PAR1`: it was cut, or never finished; `wal/batch_1795466683733889754_0002.ipc`: no end-of-stream marker: the segment is cut short (see SELECT * FROM files WHERE health <> 'ok')
    [exit status: 0]
    ");
}

#[test]
fn what_would_change_anything_is_refused() {
    let folder = golden();
    let before = fs::read(folder.path().join(COLD)).unwrap();
    assert_snapshot!(e2e_store(folder.path(), ["sql", ".", "-c", "COPY spans TO 'out.csv'"]), @"
    ------- stderr -------
    error: COPY is refused: `sql` only reads
      -c, line 1, column 1:
        COPY spans TO 'out.csv'
        ^^^^
    hint: write a SELECT; WITH names parts of it, -o writes its rows to a file
    [exit status: 2]
    ");
    for text in [
        "DROP TABLE spans",
        "DELETE FROM spans",
        "INSERT INTO spans VALUES (1)",
        "CREATE TABLE a AS SELECT 1",
        "CREATE EXTERNAL TABLE a STORED AS CSV LOCATION '/etc/passwd'",
        "SET datafusion.execution.target_partitions = 9",
        "SELECT 1 INTO a",
    ] {
        let refused = e2e_store(folder.path(), ["sql", ".", "-c", text]);
        assert!(refused.contains("is refused: `sql` only reads"), "{text}: {refused}");
        assert_eq!(exit_status(&refused), "[exit status: 2]");
    }
    assert_eq!(fs::read(folder.path().join(COLD)).unwrap(), before);
    let names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

const SCRIPT: &str = "SELECT 1 AS a;\n.mode json\nSELECT 2 AS b; SELECT\n  nothing\nFROM spans;\nSELECT 3;\n";

#[test]
fn a_script_ends_at_the_statement_that_fails() {
    let folder = golden();
    fs::write(folder.path().join("s.sql"), SCRIPT).unwrap();
    let shown = e2e_store(folder.path(), ["sql", ".", "-f", "s.sql"]);
    let (shown, hint) = shown.split_once("hint: ").unwrap();
    assert_snapshot!(shown, @r#"
    ------- stdout -------
    a
    1
    [{"b":2}]
    ------- stderr -------
    error: column 'nothing' not found
      `s.sql`, line 4, column 3:
          nothing
          ^^^^^^^
    "#);
    assert_eq!(exit_status(hint), "[exit status: 2]");

    let mut piped = command(folder.path());
    piped.args(["sql", "."]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut piped = piped.spawn().unwrap();
    piped.stdin.take().unwrap().write_all(SCRIPT.as_bytes()).unwrap();
    let output = piped.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "a\n1\n[{\"b\":2}]\n");
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("standard input, line 4, column 3"),
        "{output:?}"
    );

    assert_snapshot!(e2e_store(folder.path(), ["sql", ".", "-c", "SELECT 1", "-c", ".fly"]), @"
    ------- stdout -------
    Int64(1)
           1
    ------- stderr -------
    error: in -c, line 1
      caused by: there is no command `.fly`
    hint: `.help` lists the commands
    [exit status: 2]
    ");
    assert_snapshot!(e2e_store(folder.path(), ["sql", ".", "-f", "none.sql"]), @"
    ------- stderr -------
    error: cannot read `none.sql`
      caused by: No such file or directory (os error 2)
    [exit status: 2]
    ");
    assert_snapshot!(e2e_store(folder.path(), ["sql", ".", "--query", "luck"]), @"
    ------- stderr -------
    error: unknown investigation `luck`
    hint: the investigations are: around_row, big_attributes, broken_parents, cut_lists, duplicates_by_file, export, failed_runs, file_contents, file_health, finding, hidden_spans, late_arrivals, missing_spans, orphan_families, pollution, rate_by_minute, service_spans, shared_traces, span, state_history, trace_spans, unindexed, why_not_shown
    [exit status: 2]
    ");
}

#[test]
fn answers_go_into_files_that_are_whole_or_absent() {
    let folder = golden();
    let ask = |file: &str, sql: &str| e2e_store(folder.path(), ["sql", ".", "-c", sql, "-o", file]);
    let read = |file: &str| fs::read_to_string(folder.path().join(file)).unwrap();
    assert_eq!(ask("a.csv", "SELECT 1 AS a, NULL AS b"), "[exit status: 0]");
    assert_eq!(read("a.csv"), "a,b\n1,\n");
    ask("a.json", "SELECT 1 AS a");
    assert_eq!(read("a.json"), "[{\"a\":1}]\n");
    ask("a.md", "SELECT 1 AS a");
    assert_eq!(read("a.md"), "| a |\n| ---: |\n| 1 |\n");
    let failed = ask("b.csv", "SELECT 1 AS a; SELECT nothing");
    assert_eq!(exit_status(&failed), "[exit status: 2]");
    ask("a.csv", "SELECT nothing");
    assert_eq!(read("a.csv"), "a,b\n1,\n");
    let left = fs::read_dir(folder.path()).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_file());
    assert_eq!(left.count(), 3);
}

#[test]
fn values_are_bound_and_files_left_out() {
    let folder = damaged();
    let sql = "SELECT count(*) AS n FROM spans WHERE service_name = $service";
    let bound = ["sql", ".", "-c", sql, "--param", "service=brazenly-engrossing-turkey"];
    let shown = e2e_store(folder.path(), bound);
    assert!(shown.contains("n\n10\n"), "{shown}");
    let without = [
        "sql",
        ".",
        "-c",
        "SELECT count(*) AS n FROM spans",
        "--without",
        "batch_1795466683733889754_0002.ipc",
    ];
    let shown = e2e_store(folder.path(), without);
    assert!(shown.contains("n\n0\n") && shown.contains("left out with --without"), "{shown}");
}

#[test]
fn a_sweep_is_told() {
    let folder = golden();
    let shown =
        e2e_store(folder.path(), ["sql", ".", "-c", "SELECT count(*) AS n FROM delivery", "--run", "all"]);
    assert!(shown.contains("n\n40\n") && shown.contains("note: swept 40 rows in "), "{shown}");
    let listed = e2e_store(folder.path(), ["sql", ".", "-c", "SHOW TABLES", "-c", "DESCRIBE unplanned_rows"]);
    assert!(!listed.contains("swept 40"), "{listed}");
}

/// Waits for the prompt and for what stands before it.
fn until_prompt(session: &mut PtySession) -> String {
    session.exp_string("sql> ").unwrap()
}

/// Types keys, of which the last need not end a line.
fn press(session: &mut PtySession, keys: &str) {
    session.send(keys).unwrap();
    session.flush().unwrap();
}

#[test]
fn a_conversation() {
    let folder = golden();
    let mut session = terminal(folder.path(), 100, &["sql", "."]);
    assert!(until_prompt(&mut session).contains(".tables lists what can be asked"));

    // Several lines are one statement.
    session.send_line("select 40 + 2 as").unwrap();
    session.send_line("answer;").unwrap();
    session.exp_regex("answer\r?\n *42\r?\n").unwrap();
    session.exp_string("1 row").unwrap();
    until_prompt(&mut session);

    // A table's name is completed, and so is a command's.
    press(&mut session, "select count(*) as n from segm\t;\r");
    session.exp_string("segments").unwrap();
    session.exp_regex("n\r?\n1\r?\n").unwrap();
    until_prompt(&mut session);
    press(&mut session, ".quer\ties\r");
    session.exp_string("missing_spans").unwrap();
    until_prompt(&mut session);

    // An error leaves the shell as it was.
    session.send_line("select nme from spans;").unwrap();
    session.exp_string("^^^").unwrap();
    until_prompt(&mut session);

    // Ctrl-C ends a long answer, not the shell.
    session.send_line("select count(*) as never from generate_series(1, 1000000000000);").unwrap();
    session.exp_string("1000000000000);").unwrap();
    // The terminal leaves raw mode when the line is read, so that Ctrl-C is a signal.
    while_raw(&session);
    session.send_control('c').unwrap();
    session.exp_string("cancelled").unwrap();
    until_prompt(&mut session);

    session.send_line(".limit 3").unwrap();
    until_prompt(&mut session);
    session.send_line("select name from spans;").unwrap();
    session.exp_string("only the first 3 rows are shown: .limit off shows all").unwrap();
    until_prompt(&mut session);
    session.send_line(".once three.csv").unwrap();
    until_prompt(&mut session);
    session.send_line("select 3 as three;").unwrap();
    until_prompt(&mut session);
    assert_eq!(fs::read_to_string(folder.path().join("three.csv")).unwrap(), "three\n3\n");
    session.send_control('d').unwrap();
    session.exp_eof().unwrap();

    // What was typed is remembered beside the user's data, and by the next shell.
    let history = folder.path().join(".local/share/e2e-store/sql_history");
    let kept = fs::read_to_string(&history).unwrap();
    assert!(kept.contains("answer;") && kept.contains(".once three.csv"), "{kept}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&history).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let mut again = terminal(folder.path(), 100, &["sql", "."]);
    until_prompt(&mut again);
    press(&mut again, "\u{1b}[A\r");
    again.exp_regex("three\r?\n *3\r?\n").unwrap();
    until_prompt(&mut again);
    again.send_line(".quit").unwrap();
    again.exp_eof().unwrap();
}

/// Waits until the terminal is out of raw mode.
fn while_raw(session: &PtySession) {
    let began = std::time::Instant::now();
    while began.elapsed() < std::time::Duration::from_millis(PATIENCE) {
        let shown = Command::new("stty")
            .args(["-a"])
            .stdin(session.process().get_file_handle().unwrap())
            .output()
            .unwrap();
        if !String::from_utf8_lossy(&shown.stdout).contains("-isig") {
            return;
        }
        std::thread::yield_now();
    }
    panic!("the terminal stays in raw mode");
}

#[test]
fn what_is_longer_than_the_screen_goes_through_the_pager() {
    let folder = golden();
    let pager = folder.path().join("pager");
    fs::write(&pager, "#!/bin/sh\necho \"[paged $(wc -l) lines]\"\n").unwrap();
    #[cfg(unix)]
    fs::set_permissions(&pager, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut shell = Command::new("sh");
    shell.current_dir(folder.path()).env("HOME", folder.path()).env("TERM", "xterm").env("NO_COLOR", "1");
    shell.env("PAGER", &pager).arg("-c").arg("stty rows 30 cols 100; exec \"$0\" sql .");
    shell.arg(command(folder.path()).get_program());
    let options = Options::new().timeout_ms(Some(PATIENCE)).strip_ansi_escape_codes(true);
    let mut session = spawn_with_options(shell, options).unwrap();
    until_prompt(&mut session);
    session.send_line("select name from stored_spans;").unwrap();
    session.exp_string("[paged 61 lines]").unwrap();
    session.exp_string("60 rows").unwrap();
    until_prompt(&mut session);
    session.send_line("select name from stored_spans limit 2;").unwrap();
    session.exp_regex("name\r?\n").unwrap();
    session.exp_string("2 rows").unwrap();
    until_prompt(&mut session);
    session.send_line(".quit").unwrap();
    session.exp_eof().unwrap();
}
