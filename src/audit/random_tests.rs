//! Stores of random plans, written from the plan itself: clean ones are silent, changed ones never are.
//!
//! A few dozen seeds run with the suite; `E2E_STORE_RANDOM_STORES=1000` is the whole experiment.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use clap::ValueEnum;
use datafusion::arrow::ipc::writer::StreamWriter;
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};
use serde_json::Value;
use tempfile::TempDir;

use super::{AuditOptions, examine, report::AuditReport, verdict::Overall};
use crate::{
    base::memory::Memory,
    checks::catalog::built_in,
    contract::{columns, mapping::ResourceFacts, row::Row, schema::Schema},
    judge::{cache::CacheOptions, runs::choose_runs},
    ledger::{entry::Entry, manifest::Manifest, results::Results, runs},
    report::format::{self, ReportFormat, View},
    store::{bytes::FileBytes, find::find_store},
    testing::{self, files, write_parquet},
    traffic::{
        ids::{RunId, span_id},
        mix::Mix,
        plan::{Outline, Plan},
        profile::{Profile, Telemetry},
    },
    wire::outcome::{ExportOutcome, GrpcCode},
};

fn seeds(default: u64) -> u64 {
    std::env::var("E2E_STORE_RANDOM_STORES").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(default)
}

/// A store and its run, with what each file holds.
pub(crate) struct Written {
    pub(crate) folder: TempDir,
    schema: Schema,
    cold: Vec<(PathBuf, Vec<Row>)>,
    wal: Vec<(PathBuf, Vec<Row>)>,
    /// The folder of the run.
    run: PathBuf,
}

fn random_plan(since: u64, random: &mut StdRng) -> Plan {
    let profiles = Profile::value_variants();
    let mix: Vec<String> = (0..random.random_range(1..4))
        .map(|_| {
            format!(
                "{}={}",
                profiles[random.random_range(0..profiles.len())].name(),
                random.random_range(1..4)
            )
        })
        .collect();
    // A profile that was drawn twice is no mix.
    let mix: Mix = mix.join(",").parse().unwrap_or_else(|_| Mix::only(Profile::GettingStarted));
    let services = random.random_range(1..5);
    let collectors = random.random_bool(0.3).then(|| random.random_range(1..=services));
    let outline = Outline {
        run: RunId::from_bits(random.random()),
        seed: random.random(),
        services: (0..services).map(|service| format!("service-{service}")).collect(),
        workflows_per_service: random.random_range(1..6),
        base_time: since + random.random_range(0..1_000_000_000),
        mix,
        telemetry: Telemetry::Current,
        collectors,
    };
    Plan::new(outline).unwrap()
}

/// All rows of a plan, in the order of its slots.
pub(crate) fn rows(plan: &Plan, schema: Schema) -> Vec<Row> {
    let resources: Vec<_> = (0..plan.outline.services.len())
        .map(|service| ResourceFacts::of(Some(&plan.resource(service).message)))
        .collect();
    let row = |slot| {
        let place = plan.place(slot);
        let mut row = Row::default();
        resources[place.service].write(schema, &mut row);
        plan.workflow(place.workflow).write_row(place.position, schema, &mut row);
        row
    };
    (0..plan.spans()).map(row).collect()
}

pub(crate) fn write_segment(file: &Path, rows: &[Row], schema: Schema) {
    let batch = columns::batch(rows, schema).unwrap();
    let mut writer = StreamWriter::try_new(fs::File::create(file).unwrap(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
}

fn write(random: &mut StdRng) -> Written {
    write_since(1_795_346_058_000_000_000, random)
}

fn write_since(since: u64, random: &mut StdRng) -> Written {
    let plan = random_plan(since, random);
    let schema = if random.random_bool(0.5) { Schema::V1 } else { Schema::V2 };
    write_plan(&plan, schema, random)
}

/// A store that holds all of a plan, in files and segments of random sizes, and a ledger that says so.
fn write_plan(plan: &Plan, schema: Schema, random: &mut StdRng) -> Written {
    let folder = tempfile::tempdir().unwrap();
    let mut manifest = Manifest::new(plan, "localhost:1".to_owned(), None, 1_795_346_000_000_000_000);
    let spans = plan.spans();
    let all = Results { planned: Some(spans), issued: spans, acked: spans, ..Results::default() };
    manifest.results = Some(Results { not_started: Some(0), ..all });
    let (run, ledger) = runs::create(&folder.path().join("runs"), &manifest).unwrap();
    let mut export = 0;
    for stream in 0..plan.streams() {
        let mut first = 0;
        while first < plan.spans_of_stream(stream) {
            let count = random.random_range(1..60).min(plan.spans_of_stream(stream) - first) as u32;
            let at = 1_795_346_100_000_000_000;
            ledger.append(&Entry::ExportStarted { export, stream: stream as u32, first, count, at }).unwrap();
            ledger.append(&Entry::ExportEnded { export, at, outcome: ExportOutcome::Acked }).unwrap();
            (first, export) = (first + u64::from(count), export + 1);
        }
    }
    let mut rows = rows(plan, schema);
    rows.shuffle(random);
    let (day, wal) =
        (folder.path().join("spans/parquet/year=2026/month=11/day=22"), folder.path().join("spans/wal"));
    fs::create_dir_all(&day).unwrap();
    fs::create_dir_all(&wal).unwrap();
    let (mut cold, mut segments) = (Vec::new(), Vec::new());
    for (number, part) in rows.chunks(random.random_range(1..120)).enumerate() {
        if random.random_bool(0.3) {
            let file = wal.join(format!("batch_179534620000000000{number}_0001.ipc"));
            write_segment(&file, part, schema);
            segments.push((file, part.to_vec()));
        } else {
            let file = day.join(format!("20261122_120000_{number:08x}.parquet"));
            write_parquet(&file, part, schema);
            cold.push((file, part.to_vec()));
        }
    }
    Written { folder, schema, cold, wal: segments, run }
}

impl Written {
    pub(crate) async fn audit(&self, run: &str) -> AuditReport {
        self.audit_with(run, Memory::default(), 1_000).await
    }

    async fn audit_remembering(&self, run: &str, memory: Memory, cache: &Path) -> AuditReport {
        let layout = find_store(Some(self.folder.path())).unwrap();
        let runs = choose_runs(&self.folder.path().join("runs"), run, &layout).unwrap();
        let cache = Some(CacheOptions { file: cache.to_owned(), recheck: None });
        let built_in = built_in().unwrap();
        let options =
            AuditOptions { wait: false, samples: 1_000, memory, cache, ..AuditOptions::of(built_in) };
        examine(&layout, &runs, options, |_| {}).await.unwrap()
    }

    pub(super) async fn audit_with(&self, run: &str, memory: Memory, samples: usize) -> AuditReport {
        let layout = find_store(Some(self.folder.path())).unwrap();
        let runs = choose_runs(&self.folder.path().join("runs"), run, &layout).unwrap();
        let options = AuditOptions { wait: false, samples, memory, ..AuditOptions::of(built_in().unwrap()) };
        examine(&layout, &runs, options, |_| {}).await.unwrap()
    }
}

/// A run with values that are stored as null, as NaN is.
pub(crate) fn edge_values() -> Written {
    let plan = crate::testing::plan("adversarial", None, 2, 40);
    write_plan(&plan, Schema::V2, &mut StdRng::seed_from_u64(7))
}

fn findings(report: &AuditReport) -> Vec<String> {
    let loud = report.checked.iter().filter(|one| !matches!(one.verdict.name(), "pass" | "skipped" | "info"));
    loud.map(|one| format!("{}: {}", one.check.id, one.verdict.name())).collect()
}

#[tokio::test]
async fn clean_stores_of_random_plans_have_no_finding() {
    for seed in 0..seeds(24) {
        let written = write(&mut StdRng::seed_from_u64(seed));
        let report = written.audit("latest").await;
        assert_eq!((findings(&report), report.overall), (Vec::new(), Overall::Pass), "seed {seed}");
    }
}

#[tokio::test]
async fn a_cache_changes_nothing_but_what_is_read() {
    for seed in 0..seeds(3) {
        let mut random = StdRng::seed_from_u64(seed);
        let written = write(&mut random);
        for (file, _) in &written.cold {
            let file = fs::File::options().write(true).open(file).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_hours(1)).unwrap();
        }
        for (run, limit) in [("latest", "256MB"), ("none", "256MB"), ("none", "16MB")] {
            let cache = written.folder.path().join(format!("{run} {limit}"));
            for is_warm in [false, true, true] {
                let memory = limit.parse().unwrap();
                let plain = testing::findings_json(&written.audit_with(run, memory, 1_000).await);
                let report = written.audit_remembering(run, memory, &cache).await;
                let used = report.cache.as_ref().unwrap();
                assert_eq!(testing::findings_json(&report), plain, "seed {seed}, run {run}, warm: {is_warm}");
                let files = if is_warm { used.taken.files } else { used.read.files };
                assert_eq!(files, written.cold.len() as u64, "seed {seed}, run {run}, warm: {is_warm}");
                if is_warm && run == "latest" {
                    // The plan of another run, of which nothing is here, is known from now on.
                    let other =
                        Manifest::new(&random_plan(7, &mut random), "localhost:1".to_owned(), None, 1);
                    runs::create(&written.folder.path().join("runs"), &other).unwrap();
                }
            }
        }
    }
}

/// Where the checks say that copies of a span lie, by its id.
fn doubled(report: &AuditReport) -> BTreeSet<String> {
    let json: Value = serde_json::from_slice(
        &format::render(ReportFormat::Json, report, View { limit: Some(usize::MAX), ..View::FILE }).unwrap(),
    )
    .unwrap();
    let checks = json["checks"].as_array().unwrap();
    let of_family = checks.iter().filter(|check| check["family"] == "duplicates");
    let samples = of_family.flat_map(|check| check["samples"].as_array().unwrap());
    samples.map(|sample| sample["span_id"].as_str().unwrap().to_owned()).collect()
}

fn lost(report: &AuditReport) -> BTreeSet<String> {
    let json: Value = serde_json::from_slice(
        &format::render(ReportFormat::Json, report, View { limit: Some(usize::MAX), ..View::FILE }).unwrap(),
    )
    .unwrap();
    let check =
        json["checks"].as_array().unwrap().iter().find(|check| check["id"] == "lost_spans").unwrap().clone();
    check["samples"]
        .as_array()
        .unwrap()
        .iter()
        .map(|sample| sample["span_id"].as_str().unwrap().to_owned())
        .collect()
}

/// The same questions asked of the rows themselves, with nothing of the judge's.
#[tokio::test]
async fn lost_and_doubled_spans_are_those_that_a_count_finds() {
    for seed in 0..25 {
        let mut random = StdRng::seed_from_u64(seed);
        let mut written = write(&mut random);
        let mut gone = BTreeSet::new();
        let mut again: BTreeMap<String, u32> = BTreeMap::new();
        for (file, rows) in &mut written.cold {
            if random.random_bool(0.5) {
                gone.insert(rows.remove(random.random_range(0..rows.len())).span_id);
            }
            if !rows.is_empty() && random.random_bool(0.5) {
                let copy = rows[random.random_range(0..rows.len())].clone();
                *again.entry(copy.span_id.clone()).or_default() += 1;
                rows.push(copy);
            }
            write_parquet(file, rows, written.schema);
        }
        let again: BTreeSet<String> = again.into_keys().collect();
        let claimed = written.audit("latest").await;
        assert_eq!((lost(&claimed), doubled(&claimed)), (gone, again.clone()), "seed {seed}");
        assert_eq!(doubled(&written.audit("none").await), again, "seed {seed}, by structure");
    }
}

/// With a plan at hand no damage passes: a changed byte is found, or changed nothing that is stored.
#[tokio::test]
async fn damaged_bytes_never_pass_in_silence() {
    for seed in 0..seeds(60) {
        let mut random = StdRng::seed_from_u64(seed);
        let written = write(&mut random);
        let spans = written.folder.path().join("spans");
        let mut all = files(&spans, ".parquet");
        all.extend(files(&spans, ".ipc"));
        let file = &all[random.random_range(0..all.len())];
        let before = fs::read(file).unwrap();
        let mut bytes = before.clone();
        match random.random_range(0..3) {
            0 => bytes.truncate(random.random_range(0..bytes.len())),
            1 => {
                let at = random.random_range(0..bytes.len());
                bytes[at] ^= 1 << random.random_range(0..8);
            }
            _ => {
                let at = random.random_range(0..bytes.len());
                let until = (at + random.random_range(1..64)).min(bytes.len());
                random.fill(&mut bytes[at..until]);
            }
        }
        fs::write(file, &bytes).unwrap();
        let report = written.audit("latest").await;
        let same = || decoded(file) == decoded_bytes(file, &before);
        assert!(
            report.overall != Overall::Pass || same(),
            "seed {seed}: damage to `{}` passed",
            file.display()
        );
    }
}

fn decoded_bytes(file: &Path, bytes: &[u8]) -> Vec<String> {
    let copy = file.with_file_name("before").with_extension(file.extension().unwrap());
    fs::write(&copy, bytes).unwrap();
    let rows = decoded(&copy);
    fs::remove_file(copy).unwrap();
    rows
}

/// Every row of a file that reads, as text.
fn decoded(file: &Path) -> Vec<String> {
    let batches: Vec<_> = if file.extension().is_some_and(|extension| extension == "ipc") {
        crate::store::segment::read_segment(&FileBytes::of_path(file).unwrap()).unwrap().batches
    } else {
        let opened = fs::File::open(file).unwrap();
        let reader =
            datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReader::try_new(opened, 1_024)
                .unwrap();
        reader.map(Result::unwrap).collect()
    };
    batches.iter().map(|batch| format!("{:?}", batch.columns())).collect()
}

/// A share of a store's rows is damaged in one column, goes missing, or is there twice; or what the run says of them is.
#[derive(Debug, Clone, Copy)]
enum Damage {
    Column(usize),
    Lost,
    Twice,
    /// The outcomes of exports are others.
    Outcome,
    /// The lines of exports are gone.
    Forgotten,
    /// And the spans with them.
    Undone,
    /// Answers are gone.
    Unanswered,
    /// The counts of the manifest are others.
    Results,
}

/// Which files are damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    Cold,
    Wal,
    Both,
    OneFile,
}

const RATES: [f64; 4] = [0.0, 0.1, 0.5, 1.0];

pub(super) fn damages(default: u64) -> u64 {
    std::env::var("E2E_STORE_RANDOM_DAMAGES").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(default)
}

/// Another text than `text`, of one of the kinds in which damage comes.
fn other_text(kind: u32, text: &str, index: usize) -> String {
    let other = match kind % 6 {
        0 => String::new(),
        1 => "{}".to_owned(),
        2 => format!("{text}x"),
        3 => text.chars().rev().collect(),
        4 => format!("{index:016x}"),
        _ => format!("\u{1b}[31m{index}\u{0}\u{fffe}{}", "long ".repeat(60)),
    };
    if other == text { format!("{text}?") } else { other }
}

/// Changes one column; from 14 on, one that only the second schema has.
fn damage_column(column: usize, kind: u32, row: &mut Row, index: usize) {
    let number = |number: i64| match kind % 4 {
        0 => number.wrapping_add(1),
        1 => i64::from(number == 0),
        2 => number.wrapping_neg().wrapping_sub(1),
        _ => {
            if number == i64::MAX {
                0
            } else {
                i64::MAX
            }
        }
    };
    let optional = |text: &Option<String>| match text {
        Some(_) if kind.is_multiple_of(3) => None,
        text => Some(other_text(kind, text.as_deref().unwrap_or("none"), index)),
    };
    let count = |count: &mut u32| {
        *count = match kind % 3 {
            0 => count.wrapping_add(1),
            1 => u32::MAX - *count,
            _ => u32::from(*count == 0),
        };
    };
    let small = |value: i8| if value == 7 { 8 } else { 7 };
    let text = match column {
        0 => &mut row.span_id,
        1 => &mut row.trace_id,
        2 => &mut row.service_name,
        3 => &mut row.name,
        4 => &mut row.attributes,
        5 => &mut row.events,
        6 => &mut row.resource_attributes,
        7 => return row.parent_span_id = optional(&row.parent_span_id),
        8 => return row.status_message = optional(&row.status_message),
        9 => return row.start_time = number(row.start_time),
        10 => return row.end_time = number(row.end_time),
        11 => return row.duration_ns = number(row.duration_ns),
        12 => return row.span_kind = small(row.span_kind),
        13 => return row.status_code = small(row.status_code),
        14 => &mut row.links,
        15 => return row.trace_state = optional(&row.trace_state),
        16 => return count(&mut row.trace_flags),
        17 => return count(&mut row.dropped_attributes_count),
        18 => return count(&mut row.dropped_events_count),
        19 => return count(&mut row.dropped_links_count),
        _ => return count(&mut row.resource_dropped_attributes_count),
    };
    *text = other_text(kind, text, index);
}

fn columns(schema: Schema) -> usize {
    match schema {
        Schema::V1 => 14,
        Schema::V2 => 21,
    }
}

/// One of at least one, and others at a rate.
fn hits(count: usize, rate: f64, random: &mut StdRng) -> Vec<bool> {
    // A ledger of which all lines were forgotten.
    if count == 0 {
        return Vec::new();
    }
    let always = random.random_range(0..count);
    (0..count).map(|one| one == always || random.random_bool(rate)).collect()
}

fn write_rows(file: &Path, rows: &[Row], schema: Schema) {
    if file.extension().is_some_and(|extension| extension == "ipc") {
        write_segment(file, rows, schema);
    } else {
        write_parquet(file, rows, schema);
    }
}

/// Damages one file, a tier or all of them, or what the run says, at a rate from one row or line to all.
fn damage(written: &mut Written, random: &mut StdRng) -> (Damage, Extent) {
    let columns = columns(written.schema);
    let damage = match random.random_range(0..columns + 8) {
        column if column < columns => Damage::Column(column),
        other => match other - columns {
            0 => Damage::Lost,
            1 => Damage::Twice,
            2 => Damage::Outcome,
            3 => Damage::Forgotten,
            4 => Damage::Undone,
            5 => Damage::Unanswered,
            _ => Damage::Results,
        },
    };
    let rate = RATES[random.random_range(0..RATES.len())];
    let kind: u32 = random.random();
    let mut extent = [Extent::Cold, Extent::Wal, Extent::Both, Extent::OneFile][random.random_range(0..4)];
    match damage {
        Damage::Column(_) | Damage::Lost | Damage::Twice => {}
        Damage::Outcome | Damage::Forgotten | Damage::Undone | Damage::Unanswered | Damage::Results => {
            damage_run(written, damage, rate, kind, random);
            return (damage, extent);
        }
    }
    let Written { cold, wal, schema, .. } = written;
    if (extent == Extent::Cold && cold.is_empty()) || (extent == Extent::Wal && wal.is_empty()) {
        extent = Extent::Both;
    }
    let only = random.random_range(0..cold.len() + wal.len());
    let in_cold = cold.len();
    for (number, (file, rows)) in cold.iter_mut().chain(wal).enumerate() {
        let is_damaged = match extent {
            Extent::Cold => number < in_cold,
            Extent::Wal => number >= in_cold,
            Extent::Both => true,
            Extent::OneFile => number == only,
        };
        if !is_damaged {
            continue;
        }
        let hit = hits(rows.len(), rate, random);
        let chosen = |row: usize| hit[row];
        match damage {
            Damage::Column(column) => {
                let rows = rows.iter_mut().enumerate().filter(|(row, _)| chosen(*row));
                rows.for_each(|(index, row)| damage_column(column, kind, row, index));
            }
            Damage::Lost => {
                let mut row = 0;
                rows.retain(|_| {
                    row += 1;
                    !chosen(row - 1)
                });
            }
            _ => {
                let copies: Vec<Row> =
                    (0..rows.len()).filter(|row| chosen(*row)).map(|row| rows[row].clone()).collect();
                rows.extend(copies);
            }
        }
        write_rows(file, rows, *schema);
    }
    (damage, extent)
}

/// Damages the ledger or the manifest.
fn damage_run(written: &mut Written, damage: Damage, rate: f64, kind: u32, random: &mut StdRng) {
    if let Damage::Results = damage {
        let path = runs::manifest_path(&written.run);
        let mut manifest = Manifest::read(&path).unwrap();
        let results = manifest.results.as_mut().unwrap();
        match kind % 4 {
            0 => results.acked += 1,
            1 => results.acked -= 1,
            2 => results.acked = 0,
            _ => (results.acked, results.rejected) = (results.acked - 1, 1),
        }
        manifest.write(&path).unwrap();
        return;
    }
    let path = runs::ledger_path(&written.run);
    let text = fs::read_to_string(&path).unwrap();
    let entries: Vec<Entry> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // Two lines are of one export, where an earlier damage has not taken one of them.
    let hit = hits(entries.len().div_ceil(2), rate, random);
    let mut kept = Vec::new();
    let mut undone = BTreeSet::new();
    let plan = Manifest::read(&runs::manifest_path(&written.run)).unwrap().plan().unwrap();
    for (number, entry) in entries.into_iter().enumerate() {
        match (hit[number / 2], damage, entry) {
            (true, Damage::Outcome, Entry::ExportEnded { export, at, .. }) => {
                let code = GrpcCode::Unavailable;
                let outcome = match kind % 3 {
                    0 => ExportOutcome::Rejected { code },
                    1 => ExportOutcome::Indeterminate { code },
                    _ => ExportOutcome::Partial { rejected_spans: 1 },
                };
                kept.push(Entry::ExportEnded { export, at, outcome });
            }
            (true, Damage::Undone, Entry::ExportStarted { stream, first, count, .. }) => {
                undone.extend(plan.slots(stream as usize, first, count));
            }
            (true, Damage::Forgotten | Damage::Undone, _)
            | (true, Damage::Unanswered, Entry::ExportEnded { .. }) => {}
            (_, _, entry) => kept.push(entry),
        }
    }
    let lines: String = kept.iter().map(|entry| serde_json::to_string(entry).unwrap() + "\n").collect();
    fs::write(&path, lines).unwrap();
    let ids: BTreeSet<String> = undone
        .into_iter()
        .map(|slot| {
            let place = plan.place(slot);
            const_hex::encode(span_id(plan.outline.run, place.workflow, place.position))
        })
        .collect();
    if !ids.is_empty() {
        for (file, rows) in written.cold.iter_mut().chain(&mut written.wal) {
            rows.retain(|row| !ids.contains(&row.span_id));
            write_rows(file, rows, written.schema);
        }
    }
}

/// Whatever is damaged in however many rows, an audit with the least memory finds it, and no check breaks on it.
#[tokio::test]
async fn random_damage_never_passes_and_breaks_no_check() {
    for seed in 0..damages(40) {
        let mut random = StdRng::seed_from_u64(seed ^ 0xda3a_9e00);
        let mut written = write(&mut random);
        let damage = damage(&mut written, &mut random);
        for run in ["all", "none"] {
            let report = written.audit_with(run, "16MB".parse().unwrap(), 1_000).await;
            let found = findings(&report);
            let broken: Vec<_> = found.iter().filter(|check| check.ends_with("broken")).collect();
            assert_eq!(broken, Vec::<&String>::new(), "seed {seed}: {damage:?}, run {run}");
            assert_eq!(report.summary.problems, Vec::<String>::new(), "seed {seed}: {damage:?}, run {run}");
            let silent = found.is_empty() || report.overall == Overall::Pass;
            assert!(run == "none" || !silent, "seed {seed}: {damage:?}: {:?} {found:?}", report.overall);
        }
    }
}

/// Some rows take one column of another row: what is there is as it should be, and not where it belongs.
fn exchange(written: &mut Written, random: &mut StdRng) {
    let all: Vec<Row> = written.cold.iter().chain(&written.wal).flat_map(|(_, rows)| rows.clone()).collect();
    let column = random.random_range(0..8);
    let rate = [0.02, 0.1, 0.5][random.random_range(0..3)];
    for (file, rows) in written.cold.iter_mut().chain(&mut written.wal) {
        for row in rows.iter_mut() {
            if !random.random_bool(rate) {
                continue;
            }
            let other = all[random.random_range(0..all.len())].clone();
            match column {
                0 => row.trace_id = other.trace_id,
                1 => row.span_id = other.span_id,
                2 => row.parent_span_id = other.parent_span_id,
                3 => row.parent_span_id = Some(other.span_id),
                4 => row.service_name = other.service_name,
                5 => row.resource_attributes = other.resource_attributes,
                6 => row.attributes = other.attributes,
                _ => {
                    row.service_name = other.service_name;
                    row.resource_attributes = other.resource_attributes;
                }
            }
        }
        write_rows(file, rows, written.schema);
    }
}

fn take_instance(row: &mut Row, of: &Row) {
    const KEY: &str = "service.instance.id";
    let resource = |row: &Row| serde_json::from_str::<Value>(&row.resource_attributes).unwrap_or_default();
    let mut mine = resource(row);
    if let Some(members) = mine.as_object_mut() {
        members.insert(KEY.to_owned(), resource(of)[KEY].clone());
        row.resource_attributes = mine.to_string();
    }
}

/// Rows are in another file, too; roots are gone; or rows are of a service without a name, or of another's instance.
fn displace(written: &mut Written, random: &mut StdRng) {
    let rate = [0.02, 0.1, 0.5][random.random_range(0..3)];
    let kind = random.random_range(0..4);
    let Written { cold, wal, schema, .. } = written;
    let all: Vec<Row> = cold.iter().chain(wal.iter()).flat_map(|(_, rows)| rows.clone()).collect();
    let mut copies = Vec::new();
    for (file, rows) in cold.iter_mut().chain(wal.iter_mut()) {
        match kind {
            0 => {
                let chosen = rows.iter().filter(|_| random.random_bool(rate));
                copies.extend(chosen.cloned());
            }
            1 => rows.retain(|row| row.parent_span_id.is_some() || !random.random_bool(rate)),
            _ => {
                for row in rows.iter_mut() {
                    if !random.random_bool(rate) {
                        continue;
                    }
                    if kind == 2 {
                        (row.service_name, row.resource_attributes) = (String::new(), "{}".to_owned());
                    } else {
                        take_instance(row, &all[random.random_range(0..all.len())]);
                    }
                }
            }
        }
        write_rows(file, rows, *schema);
    }
    let number = random.random_range(0..cold.len() + wal.len());
    let (file, rows) = cold.iter_mut().chain(wal.iter_mut()).nth(number).expect("a store of a file");
    rows.append(&mut copies);
    write_rows(file, rows, *schema);
}

/// Minutes, hours and days: links are judged by how long a trace has been silent.
const AGES: [Duration; 3] = [Duration::from_mins(5), Duration::from_hours(3), Duration::from_hours(7 * 24)];

/// A store with its run that was damaged up to three times.
pub(super) fn write_damaged(since: u64, random: &mut StdRng) -> Written {
    let mut written = write_since(since, random);
    for _ in 0..random.random_range(0..4) {
        if written.cold.iter().chain(&written.wal).any(|(_, rows)| rows.is_empty()) {
            break;
        }
        match random.random_range(0..3) {
            0 => exchange(&mut written, random),
            1 => displace(&mut written, random),
            _ => drop(damage(&mut written, random)),
        }
    }
    written
}

/// Damaged stores, each with what an audit by structure finds, for another engine to judge.
#[tokio::test]
#[ignore = "writes stores: `scripts/second_opinion` and `scripts/same_report` run it"]
async fn damaged_stores_are_written_for_a_second_opinion() {
    let folder = PathBuf::from(std::env::var("E2E_STORE_SECOND_OPINION").unwrap());
    for seed in 0..damages(100) {
        let mut random = StdRng::seed_from_u64(seed ^ 0x5ec0_4d00);
        let age = AGES[random.random_range(0..AGES.len())].as_nanos() as u64;
        let written = write_damaged(crate::base::clock::unix_nanos() - age, &mut random);
        let report = written.audit_with("none", Memory::default(), 1_000_000).await;
        let store = folder.join(format!("{seed:06}"));
        for part in ["spans", "runs"] {
            crate::testing::copy_tree(&written.folder.path().join(part), &store.join(part));
        }
        let report =
            format::render(ReportFormat::Json, &report, View { limit: Some(usize::MAX), ..View::FILE });
        fs::write(store.join("report.json"), report.unwrap()).unwrap();
        fs::write(store.join("now"), crate::base::clock::unix_nanos().to_string()).unwrap();
    }
}
