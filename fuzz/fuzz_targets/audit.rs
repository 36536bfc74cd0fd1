//! Whatever bytes lie in a store: an audit ends with an exit code; it does not panic, abort or hang.
//!
//! An input is one file: Parquet by its first bytes, else a segment. Panics of the decoders are findings of the
//! audit and stay inside it. What a damage must be found as is tested in `src/audit/random_tests.rs`.

#![no_main]

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

fuzz_target!(|bytes: &[u8]| {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let spans = FOLDER.get_or_init(|| tempfile::tempdir().expect("a folder of our own")).path().join("spans");
    let [cold, segment] = files(&spans);
    for file in [&cold, &segment] {
        fs::remove_file(file).ok();
        fs::create_dir_all(file.parent().expect("it lies in a folder")).expect("room for a folder");
    }
    let file = if bytes.starts_with(b"PAR1") { cold } else { segment };
    fs::write(file, bytes).expect("room for a file");

    let report = spans.with_file_name("report.json");
    let words = ["e2e-store", "audit", "--run", "none", "--color", "never", "-o"].map(OsString::from);
    let code = e2e_store::run_with(words.into_iter().chain([report.into(), spans.into()]));
    assert!(code <= 2, "exit code {code}");
});

fn files(spans: &Path) -> [PathBuf; 2] {
    let cold = spans.join("parquet/year=2026/month=11/day=22/20261122_111421_00a45fa4.parquet");
    [cold, spans.join("wal/batch_1795346061456921668_0003.ipc")]
}
