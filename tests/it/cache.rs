//! `audit --cache`.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde_json::Value;
use tempfile::TempDir;

use super::{
    audit::{clean, conforms},
    cli::{command, lines},
};

fn cold_file(folder: &Path) -> PathBuf {
    let mut place = folder.join(".dbdata/spans/parquet");
    while place.is_dir() {
        place = fs::read_dir(&place).unwrap().next().unwrap().unwrap().path();
    }
    place
}

/// As if it had been written an hour ago.
fn age(file: &Path) {
    let then = SystemTime::now() - Duration::from_hours(1);
    File::options().write(true).open(file).unwrap().set_modified(then).unwrap();
}

fn store() -> TempDir {
    let folder = clean();
    age(&cold_file(folder.path()));
    folder
}

/// The exit code, the report, and what was said beside it.
fn audit(folder: &Path, args: &[&str]) -> (i32, Value, String) {
    let output =
        command(folder).args(["audit", "--run", "all", "--format", "json"]).args(args).output().unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code().unwrap(), report, String::from_utf8(output.stderr).unwrap())
}

fn files(report: &Value, what: &str) -> u64 {
    report["cache"][what]["files"].as_u64().unwrap()
}

#[test]
fn a_remembered_file_is_not_read_and_nothing_else_changes() {
    let folder = store();
    let with_cache = ["--cache", "known", "--cache-recheck", "0%"];
    let (_, plain, _) = audit(folder.path(), &[]);
    let (code, cold, said) = audit(folder.path(), &with_cache);
    assert_eq!((code, files(&cold, "taken"), files(&cold, "read"), said.as_str()), (0, 0, 1, ""));
    let (code, warm, said) = audit(folder.path(), &with_cache);
    assert_eq!((code, files(&warm, "taken"), files(&warm, "read"), said.as_str()), (0, 1, 0, ""));
    assert_eq!(warm["cache"]["conclusions"][0]["files"].as_array().unwrap().len(), 1);
    for mut report in [cold, warm.clone()] {
        report.as_object_mut().unwrap().remove("cache");
        report["coverage"]["took"] = plain["coverage"]["took"].clone();
        report["coverage"]["runs"] = plain["coverage"]["runs"].clone();
        assert_eq!(report, plain);
    }

    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/audit.schema.json");
    let schema = serde_json::from_slice(&fs::read(schema).unwrap()).unwrap();
    let mut met = std::collections::BTreeSet::new();
    conforms(&schema, &warm, "", &mut met);
    assert!(met.contains("/cache/conclusions/read_at") && met.contains("/cache/recheck/seed"), "{met:?}");

    let text = command(folder.path()).args(["audit", "--cache", "known"]).output().unwrap();
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(lines(&text, &["cache"]).len() == 1, "{text}");
}

#[test]
fn damage_that_no_time_tells_of_fails_a_recheck() {
    let folder = store();
    let file = cold_file(folder.path());
    audit(folder.path(), &["--cache", "known"]);
    let mut bytes = fs::read(&file).unwrap();
    bytes[200] ^= 0x10;
    fs::write(&file, bytes).unwrap();
    age(&file);
    // Another hour is another time.
    let (_, changed, _) = audit(folder.path(), &["--cache", "known"]);
    assert_eq!(files(&changed, "read"), 1);

    let folder = store();
    let file = cold_file(folder.path());
    let modified = fs::metadata(&file).unwrap().modified().unwrap();
    audit(folder.path(), &["--cache", "known"]);
    let mut bytes = fs::read(&file).unwrap();
    bytes[200] ^= 0x10;
    fs::write(&file, bytes).unwrap();
    File::options().write(true).open(&file).unwrap().set_modified(modified).unwrap();
    let (code, unseen, _) = audit(folder.path(), &["--cache", "known"]);
    assert_eq!((code, files(&unseen, "taken")), (0, 1));
    let (code, report, _) =
        audit(folder.path(), &["--cache", "known", "--cache-recheck", "100%", "--cache-seed", "7"]);
    let name = report["cache"]["differing"][0].as_str().unwrap();
    assert_eq!((code, report["verdict"].as_str()), (1, Some("fail")));
    assert!(file.ends_with(name.strip_prefix("parquet/").unwrap()), "{name}");
    assert!(report["because"].as_array().unwrap().iter().any(|why| why.as_str().unwrap().contains(name)));
    assert_eq!(report["cache"]["recheck"]["seed"], 7);
}

#[test]
fn a_cache_that_cannot_be_used_is_said_and_made_anew_and_no_other_file_is_replaced() {
    let folder = store();
    audit(folder.path(), &["--cache", "known"]);
    let known = folder.path().join("known");
    let whole = fs::read(&known).unwrap();
    fs::write(&known, &whole[..whole.len() / 2]).unwrap();
    let (code, report, said) = audit(folder.path(), &["--cache", "known"]);
    assert_eq!((code, files(&report, "read")), (0, 1));
    assert!(said.contains("known") && report["cache"]["unusable"].is_string(), "{said}");
    let (_, report, said) = audit(folder.path(), &["--cache", "known"]);
    assert_eq!((files(&report, "taken"), said.as_str()), (1, ""));

    fs::write(folder.path().join("report.json"), "{}").unwrap();
    let inside = ".dbdata/spans/known";
    for args in [
        &["--cache", "report.json"][..],
        &["--cache", inside],
        &["--cache", "-"],
        &["--cache", "."],
        &["--cache", "absent/known"],
        &["--cache", "known", "--depth", "structure"],
        &["--cache", "known", "--cache-recheck", "101%"],
        &["--cache-recheck", "5%"],
    ] {
        let (code, _, said) = audit(folder.path(), args);
        assert!(code == 2 && said.starts_with("error: "), "{args:?}: {code}, {said}");
    }
    assert_eq!(fs::read(folder.path().join("report.json")).unwrap(), b"{}");
    assert!(!folder.path().join(inside).exists());
    let left = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().starts_with(".e2e-store-")).collect();
    assert!(left.is_empty(), "{left:?}");
}
