//! What a cache remembers of a store before a damage: the audit after it is the one without a cache.
//!
//! A share of the damages runs with the suite; `E2E_STORE_CACHE_DAMAGES=all` is all of them (`scripts/remembered`).

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use super::{
    bench::{Bench, without_waiting},
    stores,
};
use crate::{
    audit::{AuditOptions, report::AuditReport, verdict::Overall},
    contract::schema::Schema,
    judge::cache::{CacheOptions, recheck::Recheck},
    proof::damages,
    testing::findings_json as json,
};

/// So many damages are left out between two that run with the suite.
const STEP: usize = 41;

/// Every so many bytes of a file one is changed.
const STRIDE: usize = 4_099;

impl Bench {
    fn cache(&self) -> PathBuf {
        self.folder.path().join("audit.cache")
    }

    /// The options of an audit with a cache, which reads so much of what it remembers again.
    fn remembering(&self, percent: Option<&str>) -> AuditOptions {
        let recheck = percent.map(|percent| Recheck { share: percent.parse().unwrap(), seed: 7 });
        AuditOptions { cache: Some(CacheOptions { file: self.cache(), recheck }), ..without_waiting() }
    }

    pub(super) async fn audit_by(&self, run: &str, options: AuditOptions) -> AuditReport {
        self.try_audit_by(run, options).await.unwrap()
    }

    /// As if all cold files had been written an hour ago.
    fn age(&self) {
        for file in self.cold_files().unwrap() {
            set_modified(&file, SystemTime::now() - Duration::from_hours(1));
        }
    }

    /// Cold files with their bytes and their times of modification.
    fn cold_state(&self) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
        let state = |file: PathBuf| {
            let modified = fs::metadata(&file).unwrap().modified().unwrap();
            let bytes = fs::read(&file).unwrap();
            (file, (bytes, modified))
        };
        self.cold_files().unwrap().into_iter().map(state).collect()
    }
}

fn set_modified(file: &Path, at: SystemTime) {
    File::options().write(true).open(file).unwrap().set_modified(at).unwrap();
}

fn taken(report: &AuditReport) -> (u64, u64) {
    let used = report.cache.as_ref().unwrap();
    (used.taken.files, used.read.files)
}

fn damages() -> impl Iterator<Item = damages::Planting> {
    let step =
        if std::env::var("E2E_STORE_CACHE_DAMAGES").is_ok_and(|which| which == "all") { 1 } else { STEP };
    damages::every().step_by(step)
}

#[tokio::test]
async fn an_audit_after_a_damage_is_the_one_without_a_cache() {
    let (mut wrong, mut all_taken) = (Vec::new(), 0);
    for damage in damages() {
        for (store, bench) in stores::of(&damage) {
            bench.age();
            let run = stores::run(&damage, &bench);
            let cold = bench.audit_by(&run, bench.remembering(None)).await;
            let warm = bench.audit_by(&run, bench.remembering(None)).await;
            let plain = bench.audit_by(&run, without_waiting()).await;
            if [json(&cold), json(&warm)] != [json(&plain), json(&plain)] {
                wrong.push(format!("before {} on {store}", damage.name));
            }
            all_taken += taken(&warm).0;

            let (before, remembered) = (bench.cold_state(), fs::read(bench.cache()).unwrap());
            damage.apply(&bench).unwrap();
            let run = stores::run(&damage, &bench);
            // The damage is done to the disk: no time of modification tells of it, as long as the size stays.
            for (file, (bytes, modified)) in &before {
                if fs::metadata(file).is_ok_and(|now| now.len() == bytes.len() as u64) {
                    set_modified(file, *modified);
                }
            }
            let rechecked = bench.audit_by(&run, bench.remembering(Some("100%"))).await;
            let plain = bench.audit_by(&run, without_waiting()).await;
            let mut found = json(&rechecked);
            let differing = &rechecked.cache.as_ref().unwrap().differing;
            if !differing.is_empty() {
                assert_eq!(rechecked.overall, Overall::Fail);
                // What comes beside it is the same.
                let mut because = found["because"].as_array().unwrap().clone();
                because.retain(|why| !why.as_str().unwrap().contains(&differing[0]));
                found["because"] = because.into();
                found["verdict"] = json(&plain)["verdict"].clone();
            }
            if found != json(&plain) {
                wrong.push(format!("read again after {} on {store}", damage.name));
            }

            // A damage that a system tells of.
            for (file, (bytes, _)) in &before {
                if fs::read(file).is_ok_and(|now| now != *bytes) {
                    set_modified(file, SystemTime::now());
                }
            }
            fs::write(bench.cache(), remembered).unwrap();
            let warm = bench.audit_by(&run, bench.remembering(None)).await;
            if json(&warm) != json(&plain) {
                wrong.push(format!("after {} on {store}", damage.name));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(all_taken > 0);
}

#[tokio::test]
async fn a_changed_byte_that_no_time_tells_of_is_found_by_reading_again() {
    let bench = Bench::of("studio-0.82.1", Schema::V2);
    bench.age();
    bench.audit_by("none", bench.remembering(None)).await;
    let remembered = fs::read(bench.cache()).unwrap();
    let file = bench.cold();
    let (bytes, modified) = bench.cold_state().remove(&file).unwrap();
    let footer = bytes.len() - 8;
    let footer = footer - u32::from_le_bytes(bytes[footer..footer + 4].try_into().unwrap()) as usize;
    for at in (4..footer).step_by(STRIDE) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        fs::write(&file, &damaged).unwrap();
        set_modified(&file, modified);
        fs::write(bench.cache(), &remembered).unwrap();
        let warm = bench.audit_by("none", bench.remembering(None)).await;
        assert_eq!((taken(&warm).1, warm.overall), (0, Overall::Pass), "byte {at}");

        let rechecked = bench.audit_by("none", bench.remembering(Some("100%"))).await;
        let differing = &rechecked.cache.as_ref().unwrap().differing;
        assert_eq!((differing.len(), rechecked.overall), (1, Overall::Fail), "byte {at}");
        let next = bench.audit_by("none", bench.remembering(None)).await;
        let plain = bench.audit_by("none", without_waiting()).await;
        assert_eq!(json(&next), json(&plain), "byte {at}");
    }
}

#[tokio::test]
async fn only_what_is_new_is_read() {
    let bench = Bench::of("studio-0.82.1", Schema::V2);
    bench.age();
    let files = bench.cold_files().unwrap();
    let cold = bench.audit_by("none", bench.remembering(None)).await;
    assert_eq!(taken(&cold), (0, files.len() as u64));
    let copy = bench.beside(1).unwrap();
    fs::copy(&files[0], &copy).unwrap();
    bench.age();
    let warm = bench.audit_by("none", bench.remembering(Some("0%"))).await;
    let plain = bench.audit_by("none", without_waiting()).await;
    // The other files' times were set, too.
    assert_eq!((taken(&warm), json(&warm)), ((0, files.len() as u64 + 1), json(&plain)));
    fs::remove_file(copy).unwrap();
    let warm = bench.audit_by("none", bench.remembering(None)).await;
    assert_eq!(taken(&warm), (files.len() as u64, 0));
    let used = warm.cache.unwrap();
    let conclusions: Vec<_> = used.conclusions.iter().map(|of| of.files.len()).collect();
    assert_eq!((conclusions, used.remembered), (vec![files.len()], used.taken.rows));
}

#[tokio::test]
async fn what_was_concluded_for_another_audit_is_not_taken() {
    let bench = Bench::of("getting-started/studio-0.82.1", Schema::V2);
    bench.age();
    let one = |report: &AuditReport| taken(report) == (1, 0);
    let without_junjo = || {
        let mut options = bench.remembering(None);
        options.checks.retain(|check| check.family != "junjo");
        options
    };
    for (run, options, is_taken) in [
        ("all", bench.remembering(None), false),
        ("all", bench.remembering(None), true),
        // Of the runs that rows were compared with, one was to be judged.
        ("latest", bench.remembering(None), true),
        ("none", bench.remembering(None), false),
        ("none", bench.remembering(None), true),
        ("none", without_junjo(), true),
        ("none", bench.remembering(None), true),
        ("all", without_junjo(), false),
        ("all", without_junjo(), true),
        ("all", bench.remembering(None), false),
        ("all", bench.remembering(None), true),
    ] {
        let report = bench.audit_by(run, options).await;
        assert_eq!(one(&report), is_taken, "{run}: {:?}", report.cache);
    }
    // Whether a snapshot has rows that are out of scope, too, is not remembered.
    fs::remove_file(bench.snapshot()).unwrap();
    let of_service = || {
        let mut options = bench.remembering(None);
        options.scope.services = vec!["another".to_owned()];
        options
    };
    assert!(!one(&bench.audit_by("all", of_service()).await));
    assert!(one(&bench.audit_by("all", of_service()).await));
}

#[tokio::test]
async fn a_cache_that_is_damaged_costs_time_and_nothing_else() {
    let bench = Bench::of("studio-0.82.1", Schema::V2);
    bench.age();
    bench.audit_by("none", bench.remembering(None)).await;
    let plain = json(&bench.audit_by("none", without_waiting()).await);
    let whole = fs::read(bench.cache()).unwrap();
    for at in (8..whole.len()).step_by(whole.len() / 7) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(bench.cache(), bytes).unwrap();
        let report = bench.audit_by("none", bench.remembering(None)).await;
        assert_eq!(json(&report), plain, "byte {at}");
        assert!(taken(&report).1 > 0, "byte {at}");
        let next = bench.audit_by("none", bench.remembering(None)).await;
        assert_eq!(taken(&next).1, 0, "byte {at}");
    }
}
