//! Seeded damage over golden files: nothing panics, hangs or aborts.
//!
//! A few hundred rounds run with the suite. The whole experiment is the same two tests with
//! `E2E_STORE_DAMAGE_ROUNDS=10000` under `ulimit -v 4000000` and `--nocapture`: each round's file is
//! written anew, read as an audit reads it, and counted by what came of it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use datafusion::execution::TaskContext;
use futures::StreamExt;
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{
    bytes::FileBytes,
    footer::footer,
    inventory::{FoundFile, list},
    layout::{Layout, Tier},
    scan::{problem_of, scan_parquet, schema},
    segment::read_segment,
    session::session,
};
use crate::base::memory::Limits;

/// What became of one damaged file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    /// A panic was caught.
    GaveUp,
    Unreadable,
    /// Some rows, then an error.
    Torn,
    /// All rows are there, whether or not their bytes are.
    Whole,
    /// Read without an error, with a row count of its own.
    OtherRows,
}

fn rounds() -> u64 {
    std::env::var("E2E_STORE_DAMAGE_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(300)
}

fn fixture(place: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/studio-0.82.1/spans").join(place);
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries.remove(0)
}

/// One to four flipped bits or overwritten bytes, or a cut, or a hole of zeros.
fn damaged(golden: &[u8], seed: u64) -> Vec<u8> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut bytes = golden.to_vec();
    // Half of the damage goes where structure is: the ends of a file.
    let near_ends = random.random_bool(0.5);
    let place = |random: &mut StdRng| {
        let reach = if near_ends { golden.len().min(6000) } else { golden.len() };
        let at = random.random_range(0..reach);
        if random.random_bool(0.5) { at } else { golden.len() - 1 - at }
    };
    let at = place(&mut random);
    match random.random_range(0..10) {
        0 => bytes.truncate(at),
        1 => {
            let end = (at + random.random_range(1..4096)).min(bytes.len());
            bytes[at..end].fill(0);
        }
        2..=4 => bytes[at] = random.random(),
        _ => {
            for _ in 0..random.random_range(1..=4) {
                let at = place(&mut random);
                bytes[at] ^= 1 << random.random_range(0..8);
            }
        }
    }
    bytes
}

/// Runs `read` on every round's damage; no round may take longer than a slow machine needs.
#[expect(clippy::print_stderr, reason = "the experiment's figures")]
async fn endure(
    tier: Tier,
    golden: &Path,
    rows: usize,
    read: impl AsyncFn(&FoundFile) -> (usize, Option<String>),
) {
    let name = golden.file_name().unwrap();
    let golden = fs::read(golden).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    let mut fates: BTreeMap<Fate, u64> = BTreeMap::new();
    let mut slowest = Duration::ZERO;
    for seed in 0..rounds() {
        fs::write(&path, damaged(&golden, seed)).unwrap();
        let layout = Layout::find(Some(&path)).unwrap();
        let file = list(&layout, tier).files.remove(0);
        let start = Instant::now();
        let (found, reason) = read(&file).await;
        slowest = slowest.max(start.elapsed());
        assert!(start.elapsed() < Duration::from_secs(20), "seed {seed} took {:?}", start.elapsed());
        let fate = match (found, reason) {
            (_, Some(reason)) if reason.contains("gave up") => Fate::GaveUp,
            (0, Some(_)) => Fate::Unreadable,
            (_, Some(_)) => Fate::Torn,
            (found, None) if found == rows => Fate::Whole,
            (_, None) => Fate::OtherRows,
        };
        *fates.entry(fate).or_default() += 1;
    }
    eprintln!("{tier:?}: {} rounds, {fates:?}, slowest {slowest:?}", rounds());
    assert!(fates.contains_key(&Fate::Unreadable) && fates.contains_key(&Fate::Whole));
}

fn bytes(file: &FoundFile) -> Arc<FileBytes> {
    FileBytes::of_path(file.place.local().unwrap()).unwrap()
}

async fn sweep(file: &FoundFile, context: Arc<TaskContext>) -> (usize, Option<String>) {
    let schema = schema();
    let columns: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let footer = match footer(&bytes(file)) {
        Ok(footer) => footer,
        Err(err) => return (0, Some(err.to_string())),
    };
    let mut scan = scan_parquet(file, &footer, &columns, None, context).unwrap();
    let mut rows = 0;
    while let Some(batch) = scan.stream.next().await {
        match batch {
            Ok(batch) => rows += batch.num_rows(),
            Err(err) => return (rows, Some(problem_of(&err).to_string())),
        }
    }
    (rows, None)
}

#[tokio::test]
async fn a_damaged_cold_file_stays_data() {
    let session = session(Limits { memory: 64 << 20, partitions: 1, batch_rows: 16 }).unwrap();
    endure(Tier::Cold, &fixture("parquet/year=2026/month=11/day=22"), 84, async |file| {
        let swept = sweep(file, session.task_ctx()).await;
        if let Err(unreadable) = footer(&bytes(file)) {
            assert_eq!(swept, (0, Some(unreadable.to_string())));
        }
        swept
    })
    .await;
}

#[tokio::test]
async fn a_damaged_segment_stays_data() {
    endure(Tier::Wal, &fixture("wal"), 42, async |file| {
        let segment = read_segment(&bytes(file)).unwrap();
        let unended = (!segment.ended).then(|| "no end".to_owned());
        (segment.rows(), segment.torn.map(|torn| torn.to_string()).or(unended))
    })
    .await;
}
