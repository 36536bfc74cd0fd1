//! Whatever a script asks of a store: `sql` ends with an exit code, and writes nothing.

#![no_main]

use std::{ffi::OsString, fs, sync::OnceLock};

use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

const STORE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/studio-0.82.1/spans");

fuzz_target!(|bytes: &[u8]| {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| tempfile::tempdir().expect("a folder of our own")).path();
    let script = folder.join("script.sql");
    fs::write(&script, bytes).expect("room for a file");
    let words =
        ["e2e-store", "sql", STORE, "--run", "none", "--memory-limit", "64MB", "-f"].map(OsString::from);
    let code = e2e_store::run_with(words.into_iter().chain([script.into_os_string()]));
    assert!(code <= 2, "exit code {code}");
    assert_eq!(fs::read_dir(folder).expect("it is there").count(), 1, "something was written");
});
