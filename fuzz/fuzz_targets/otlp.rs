//! Whatever a file says that is offered as traffic: `export` and the plan of a replay end with an exit code.

#![no_main]

use std::{fs, sync::OnceLock};

use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

fuzz_target!(|bytes: &[u8]| {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| tempfile::tempdir().expect("a folder of our own")).path();
    let [source, exported] = ["source", "exported.jsonl"].map(|name| folder.join(name));
    fs::write(&source, bytes).expect("room for a file");
    for words in [
        vec!["export".into(), source.clone().into_os_string(), "-o".into(), exported.into_os_string()],
        vec!["replay".into(), source.clone().into_os_string(), "--dry-run".into()],
    ] {
        let code = e2e_store::run_with(["e2e-store".into()].into_iter().chain(words));
        assert!(code <= 2, "exit code {code}");
    }
});
