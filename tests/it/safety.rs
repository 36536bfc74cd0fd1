//! Beside strangers: what a foreign file, folder or script must not bring about.

use std::{
    fs,
    io::Read,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::{Output, Stdio},
};

use crate::cli::{Serving, command, folder};

fn run(folder: &Path, args: &[&str]) -> Output {
    command(folder).args(args).stdin(Stdio::null()).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn fixture(name: &str) -> String {
    format!("{}/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// A copy of a store, with room beside it.
fn with_store(folder: &Path) {
    let copied = std::process::Command::new("cp")
        .args(["-r", &fixture("studio-0.82.1/spans"), &folder.join("spans").to_string_lossy()])
        .status();
    assert!(copied.unwrap().success());
}

#[test]
fn a_statement_of_thousands_of_links_is_an_error() {
    let folder = folder();
    with_store(folder.path());
    for (first, link) in [
        ("select 1", " + 1"),
        ("select 1", " union all select 1"),
        ("select true", " or true"),
        ("select 'a'", "||'a'"),
    ] {
        for links in [900, 8_000] {
            let script = folder.path().join("long.sql");
            fs::write(&script, format!("{first}{};", link.repeat(links))).unwrap();
            let output = run(folder.path(), &["sql", "spans", "-f", "long.sql"]);
            assert_eq!(
                code(&output),
                if links > 1_000 { 2 } else { 0 },
                "{link} {links}: {}",
                stderr(&output)
            );
        }
    }
}

/// Audits a store with a check of the user's own, and gives back the report.
fn with_own_check(id: &str, sql: &str) -> String {
    let folder = folder();
    with_store(folder.path());
    let own = folder.path().join("own");
    fs::create_dir(&own).unwrap();
    fs::write(own.join(format!("{id}.sql")), format!("-- Nothing.\n-- severity: error\n--\n-- It is a test.\n--\n-- Usually: Nothing.\n--\n-- Not covered: all.\n{sql}\n")).unwrap();
    let output =
        run(folder.path(), &["audit", "spans", "--run", "none", "--checks", "own", "--format", "json"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(code(&output), 2, "{text}\n{}", stderr(&output));
    text
}

#[test]
fn a_check_of_thousands_of_links_is_broken_and_the_audit_goes_on() {
    let sql = format!("SELECT file FROM stored_spans WHERE 1 {} = 0", "+ 1 ".repeat(8_000));
    let text = with_own_check("too_deep", &sql);
    assert!(text.contains("too_deep") && text.contains("broken"), "{text}");
}

#[test]
fn an_expression_takes_no_more_memory_than_it_may() {
    let folder = folder();
    with_store(folder.path());
    for sql in [
        "select length(repeat('x', 1000000000))",
        "select length(rpad(name, 1000000000)) from stored_spans",
        "select array_length(array_repeat(attributes, 10000000)) from stored_spans",
        "select length(attributes || repeat('x', 300000000)) from stored_spans",
        "select length(string_agg(repeat(attributes, 10000), ',')) from stored_spans",
    ] {
        let output = run(folder.path(), &["sql", "spans", "--run", "none", "-c", sql]);
        let stderr = stderr(&output);
        assert_eq!(code(&output), 2, "{sql}: {stderr}");
        assert!(stderr.starts_with("error: ") && stderr.contains("--memory-limit"), "{sql}: {stderr}");
    }
    let text = with_own_check("too_much", "SELECT repeat(name, 1000000000) AS name FROM stored_spans");
    assert!(text.contains("`repeat` would make"), "{text}");
}

#[test]
fn a_script_of_many_lines_is_read_at_once() {
    let folder = folder();
    with_store(folder.path());
    let rows: Vec<String> = (0..8_000).map(|row| format!("({row})")).collect();
    let script = format!("select count(*) as n from (values\n{}\n) as t;\n", rows.join(",\n"));
    fs::write(folder.path().join("rows.sql"), script + &"select 1;\n".repeat(200)).unwrap();
    let output = run(folder.path(), &["sql", "spans", "-f", "rows.sql", "--format", "csv"]);
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("n\n8000\n"), "{}", stderr(&output));
}

#[test]
fn a_statement_may_begin_with_a_comment() {
    let folder = folder();
    with_store(folder.path());
    let output =
        run(folder.path(), &["sql", "spans", "-c", "-- all that there is", "-c", "-- x\nselect 1 as a"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains('a'));
}

#[test]
fn a_script_writes_only_where_it_may() {
    let folder = folder();
    with_store(folder.path());
    fs::write(folder.path().join("kept.csv"), "precious").unwrap();
    for dot in [".output kept.csv", ".once kept.csv"] {
        fs::write(folder.path().join("script.sql"), format!("{dot}\nselect 1 as a;\n")).unwrap();
        let refused = run(folder.path(), &["sql", "spans", "-f", "script.sql"]);
        assert_eq!(code(&refused), 2);
        assert!(stderr(&refused).contains("--allow-output"), "{}", stderr(&refused));
        assert_eq!(fs::read_to_string(folder.path().join("kept.csv")).unwrap(), "precious");
    }
    let allowed = run(folder.path(), &["sql", "spans", "-f", "script.sql", "--allow-output"]);
    assert_eq!(code(&allowed), 0, "{}", stderr(&allowed));
    assert_eq!(fs::read_to_string(folder.path().join("kept.csv")).unwrap(), "a\n1\n");
    let typed = run(folder.path(), &["sql", "spans", "-c", ".once other.csv", "-c", "select 2 as b"]);
    assert_eq!(code(&typed), 0, "{}", stderr(&typed));
    assert_eq!(fs::read_to_string(folder.path().join("other.csv")).unwrap(), "b\n2\n");
}

#[test]
fn no_command_writes_into_the_store_or_over_what_is_no_file() {
    let folder = folder();
    with_store(folder.path());
    let cold = walk(&folder.path().join("spans/parquet"));
    let before = fs::read(&cold).unwrap();
    symlink(&cold, folder.path().join("link.json")).unwrap();
    let cold = cold.to_string_lossy().into_owned();
    for args in [
        &["sql", "spans", "-c", "select 1", "-o", &cold][..],
        &["sql", "spans", "-c", "select 1", "-o", "link.json"],
        &["sql", "spans", "-c", &format!(".once {cold}"), "-c", "select 1"],
        &["audit", "spans", "--run", "none", "-o", &format!("json:{cold}")],
        &["audit", "spans", "--run", "none", "-o", "spans/report.json"],
        &["audit", "spans", "--run", "none", "--write-baseline", "link.json"],
        &["export", "spans", "-o", &cold],
        &["export", "spans", "-o", "spans/wal/new.jsonl"],
    ] {
        let output = run(folder.path(), args);
        assert_eq!(code(&output), 2, "{args:?}");
        assert!(stderr(&output).contains("the store that is being read"), "{args:?}: {}", stderr(&output));
    }
    assert_eq!(fs::read(&cold).unwrap(), before);
    assert!(!folder.path().join("spans/report.json").exists());

    for args in [
        &["sql", "spans", "-c", "select 1", "-o", "/dev/null"][..],
        &["audit", "spans", "--run", "none", "-o", "json:/dev/null", "--write-baseline", "/dev/null"],
        &["export", "spans", "-o", "/dev/null"],
    ] {
        assert_eq!(code(&run(folder.path(), args)), 0, "{args:?}");
    }
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
    for stdout in ["-", "/dev/stdout"] {
        let exported = run(folder.path(), &["export", "spans", "-o", stdout]);
        let text = String::from_utf8(exported.stdout).unwrap();
        assert!(text.lines().all(|line| line.starts_with("{\"resourceSpans\"")), "{stdout}");
        assert!(!text.is_empty() && !folder.path().join("-").exists());
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left beside the store");
}

#[test]
fn a_report_goes_through_a_pipe_whole() {
    let folder = folder();
    with_store(folder.path());
    let fifo = folder.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        fs::File::open(fifo).unwrap().read_to_string(&mut text).unwrap();
        text
    });
    assert_eq!(code(&run(folder.path(), &["audit", "spans", "--run", "none", "-o", "json:fifo"])), 0);
    let report: serde_json::Value = serde_json::from_str(&reader.join().unwrap()).unwrap();
    assert!(report["checks"].is_array());
}

#[test]
fn a_fifo_in_a_files_place_is_refused() {
    let folder = folder();
    with_store(folder.path());
    let run_folder = folder.path().join("runs/0123456789ab");
    fs::create_dir_all(&run_folder).unwrap();
    for fifo in
        ["fifo", "e2e-store.yaml", "runs/0123456789ab/manifest.json", "runs/0123456789ab/ledger.ndjson"]
    {
        let path = folder.path().join(fifo);
        assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    }
    for args in [
        &["audit", "spans", "--config", "fifo"][..],
        &["audit", "spans"],
        &["audit", "spans", "--config", "/dev/null", "--baseline", "fifo"],
        &["audit", "spans", "--config", "/dev/null", "--run", "0123456789ab"],
        &["generate", "--config", "/dev/null", "--manifest", "fifo"],
    ] {
        let output = run(folder.path(), args);
        assert_eq!(code(&output), 2, "{args:?}: {}", stderr(&output));
    }
}

#[test]
fn a_strangers_settings_send_no_secret() {
    let folder = folder();
    fs::write(
        folder.path().join("e2e-store.yaml"),
        "exporter: {endpoint: 'http://192.0.2.1:1', internal_endpoint: 'http://192.0.2.1:2'}",
    )
    .unwrap();
    let refused = |args: &[&str], name: &str| {
        let output = command(folder.path()).args(args).env(name, "s3cret").output().unwrap();
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(said.contains("--trust-config") && !said.contains("s3cret"), "{args:?}: {said}");
    };
    for name in ["E2E_STORE_API_KEY", "JUNJO_API_KEY"] {
        refused(&["generate"], name);
        refused(&["doctor", "--no-send"], name);
    }
    for name in ["E2E_STORE_INTERNAL_TOKEN", "JUNJO_INTERNAL_GRPC_TOKEN"] {
        refused(&["flush"], name);
        refused(&["snapshot"], name);
    }
}

#[test]
fn an_endpoints_password_is_never_repeated() {
    let folder = folder();
    for args in [
        &["generate", "--endpoint", "http://me:s3cret@localhost:1"][..],
        &["flush", "--internal-endpoint", "me:s3cret@localhost:1"],
        &["capture", "--endpoint", "https://s3cret@localhost:1", "-o", "out"],
    ] {
        let output = run(folder.path(), args);
        assert_eq!(code(&output), 2);
        assert!(!stderr(&output).contains("s3cret"), "{}", stderr(&output));
    }
    let mut of_environment = command(folder.path());
    of_environment.env("E2E_STORE_ENDPOINT", "http://me:s3cret@localhost:1");
    for args in [&["generate"][..], &["generate", "--help"]] {
        let output = of_environment.args(args).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        assert!(!String::from_utf8_lossy(&text).contains("s3cret"));
    }
    fs::write(folder.path().join("bad.yaml"), "exporter: {endpoint: 'me:s3cret@localhost:1'}").unwrap();
    assert!(!stderr(&run(folder.path(), &["generate", "--config", "bad.yaml"])).contains("s3cret"));
}

#[test]
fn an_empty_variable_is_none() {
    let folder = folder();
    with_store(folder.path());
    let mut audit = command(folder.path());
    audit.args(["audit", "spans", "--run", "none"]);
    for name in ["MEMORY_LIMIT", "CONFIG", "BASELINE", "CHECKS", "DATA_DIR", "RUNS"] {
        audit.env(format!("E2E_STORE_{name}"), "");
    }
    let output = audit.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn two_stand_ins_do_not_share_a_folder_and_what_they_keep_is_private() {
    let folder = folder();
    let serving = Serving::start(folder.path(), ".dbdata");
    let second =
        run(folder.path(), &["serve", "--data-dir", ".dbdata", "--port", "0", "--internal-port", "0"]);
    assert_eq!(code(&second), 2);
    assert!(stderr(&second).contains("in use"), "{}", stderr(&second));
    let sent = run(
        folder.path(),
        &["generate", "--endpoint", &serving.endpoint, "--internal-endpoint", &serving.internal_endpoint],
    );
    assert_eq!(code(&sent), 0, "{}", stderr(&sent));
    for private in ["runs", ".dbdata", ".dbdata/spans/parquet"] {
        assert_eq!(mode(&folder.path().join(private)), 0o700, "{private}");
    }
    for file in [walk(&folder.path().join("runs")), walk(&folder.path().join(".dbdata/spans/parquet"))] {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

/// The first file below a folder.
fn walk(folder: &Path) -> std::path::PathBuf {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let first = entries.remove(0);
    if first.is_dir() { walk(&first) } else { first }
}

#[test]
fn an_open_loop_keeps_its_plan_whatever_the_number_of_services() {
    let folder = folder();
    let output = run(
        folder.path(),
        &[
            "verify",
            "--rate",
            "5/s",
            "--duration",
            "600ms",
            "--num-services",
            "20",
            "--keep",
            "--format",
            "json",
        ],
    );
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(stderr(&output).contains("3 workflows in"), "{}", stderr(&output));
}
