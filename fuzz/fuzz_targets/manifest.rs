//! Whatever the manifest and the ledger of a run say: an audit ends with an exit code.
//!
//! An input is the manifest up to the first byte of zero, and the ledger behind it.

#![no_main]

use std::{ffi::OsString, fs, sync::OnceLock};

use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

const STORE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/getting-started/studio-0.80.0/spans");

fuzz_target!(|bytes: &[u8]| {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| tempfile::tempdir().expect("a folder of our own")).path();
    let run = folder.join("runs/6800bd3393f0");
    fs::create_dir_all(&run).expect("room for a folder");
    let (manifest, ledger) = match bytes.iter().position(|byte| *byte == 0) {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, &[][..]),
    };
    fs::write(run.join("manifest.json"), manifest).expect("room for a file");
    fs::write(run.join("ledger.ndjson"), ledger).expect("room for a file");
    let words = ["e2e-store", "audit", STORE, "--no-wait", "--run", "all", "--color", "never", "--runs"];
    let code = e2e_store::run_with(words.map(OsString::from).into_iter().chain([folder.join("runs").into()]));
    assert!(code <= 2, "exit code {code}");
});
