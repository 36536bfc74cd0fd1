//! Reads every file of a store once and judges each row.
//!
//! Segments are read before cold files are listed: a flush in between can show a span twice, but
//! never hide it. One plan and one task per file, so that damage stays with its file.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use datafusion::{arrow::array::RecordBatch, execution::TaskContext};
use futures::{StreamExt, stream};

use super::{
    claim::{Claim, KnownRuns},
    compare::Comparer,
    facts::{Address, Fact, StoredDifference},
    judgement::{FileRecord, Health, RowCounts},
    rows::Rows,
    tally::Evidence,
};
use crate::{
    span::{
        row::Cell,
        schema::{self, COLUMN_COUNT, Schema, column},
    },
    store::{
        columns,
        footer::{self, Unreadable},
        inventory::{self, FoundFile, Inventory, Kind},
        layout::{Layout, Tier},
        scan,
        segment::read_segment,
    },
    traffic::ids,
};

/// Files that are read side by side.
const WORKERS: usize = 2;

/// How long a flush may take between its rename and its last delete before that is a finding.
const FLUSH_GRACE: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Everything that the files of a store say.
#[derive(Debug, Default)]
pub(crate) struct Swept {
    pub(crate) files: Vec<FileRecord>,
    pub(crate) facts: Vec<Fact>,
    pub(crate) differences: Vec<StoredDifference>,
    pub(crate) rows: RowCounts,
    pub(crate) bytes_scanned: u64,
    /// The planned spans that were found more than once, by run and slot.
    pub(crate) repeated: HashSet<(usize, u64)>,
    /// The files that a second look can read: healthy ones, and torn segments as far as they go.
    pub(crate) evidence: Vec<FoundFile>,
}

/// What one file said.
#[derive(Debug)]
struct SweptFile {
    record: FileRecord,
    facts: Vec<Fact>,
    differences: Vec<StoredDifference>,
    rows: RowCounts,
    bytes_scanned: u64,
    repeated: Vec<(usize, u64)>,
    /// The planned spans of a segment, which a flush may take away while we look.
    claimed: Vec<(usize, u64)>,
}

/// Sweeps all tiers. The hot snapshot is looked at but is never evidence.
pub(crate) async fn sweep(
    layout: &Layout,
    runs: &Arc<KnownRuns>,
    context: &Arc<TaskContext>,
) -> anyhow::Result<Swept> {
    let mut swept = Swept::default();
    let wal = inventory::list(layout, Tier::Wal);
    swept.note_others(&wal);
    let segments = sweep_files(wal.data().cloned().collect(), runs, context).await?;

    let mut cold = ColdTier::default();
    let listed = cold.catch_up(layout, runs, context).await?;
    swept.note_others(&listed);
    let segments = settle_flushes(segments, &mut cold, &mut swept, layout, runs, context).await?;
    for (file, one) in cold.files.into_iter().chain(segments) {
        swept.add(file, one);
    }
    let hot = inventory::list(layout, Tier::Hot);
    swept.note_others(&hot);
    swept.files.extend(hot.data().map(hot_record));
    swept.files.sort_by(|a, b| (a.tier, &a.file).cmp(&(b.tier, &b.file)));
    Ok(swept)
}

/// The cold files that were swept so far. A flush may add to them at any time.
#[derive(Debug, Default)]
struct ColdTier {
    seen: HashSet<PathBuf>,
    files: Vec<(FoundFile, SweptFile)>,
}

impl ColdTier {
    /// Sweeps what has come since the last time.
    async fn catch_up(
        &mut self,
        layout: &Layout,
        runs: &Arc<KnownRuns>,
        context: &Arc<TaskContext>,
    ) -> anyhow::Result<Inventory> {
        let listed = inventory::list(layout, Tier::Cold);
        let new = listed.data().filter(|file| self.seen.insert(file.path.clone())).cloned().collect();
        self.files.extend(sweep_files(new, runs, context).await?);
        Ok(listed)
    }

    /// The ids of rows that no known plan calls for.
    fn ids(&self) -> HashSet<(&str, &str)> {
        self.files.iter().flat_map(|(_, one)| one.ids()).collect()
    }
}

/// Lets flushes finish that happen while we look, and returns the segments that stay.
///
/// A flush writes a cold file, then deletes its segments. The rows of a segment that has gone are in a
/// cold file by now: that one is swept, and what the segment said is dropped. While rows are in both
/// and the segment stays, the deletes may still be under way.
async fn settle_flushes(
    mut segments: Vec<(FoundFile, SweptFile)>,
    cold: &mut ColdTier,
    swept: &mut Swept,
    layout: &Layout,
    runs: &Arc<KnownRuns>,
    context: &Arc<TaskContext>,
) -> anyhow::Result<Vec<(FoundFile, SweptFile)>> {
    let began = Instant::now();
    loop {
        let (gone, there): (Vec<_>, Vec<_>) = segments.into_iter().partition(|(file, _)| is_gone(&file.path));
        segments = there;
        if !gone.is_empty() {
            cold.catch_up(layout, runs, context).await?;
            for (_, one) in gone {
                one.forget(runs);
                swept.files.push(FileRecord { health: Health::Flushed, problem: None, ..one.record });
            }
            continue;
        }
        let unplanned = segments.iter().any(|(_, one)| !one.facts.is_empty());
        let ids = if unplanned { cold.ids() } else { HashSet::new() };
        let overlap = segments.iter().any(|(_, one)| one.overlaps(runs, &ids));
        if !overlap || began.elapsed() > FLUSH_GRACE {
            return Ok(segments);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

impl Swept {
    fn add(&mut self, file: FoundFile, one: SweptFile) {
        if matches!(one.record.health, Health::Ok | Health::Torn) {
            self.evidence.push(file);
        }
        self.files.push(one.record);
        self.facts.extend(one.facts);
        self.differences.extend(one.differences);
        self.rows.as_planned += one.rows.as_planned;
        self.rows.differing += one.rows.differing;
        self.rows.by_structure += one.rows.by_structure;
        self.bytes_scanned += one.bytes_scanned;
        self.repeated.extend(one.repeated);
    }

    /// Entries that hold no rows for us, and places that we could not look into.
    fn note_others(&mut self, inventory: &Inventory) {
        for file in inventory.files.iter().filter(|file| !file.kind.is_data()) {
            let health = if file.kind == Kind::Temp { Health::Temporary } else { Health::Foreign };
            self.files.push(record(file, health, None));
        }
        self.files.extend(inventory.unlisted.iter().map(|place| FileRecord {
            tier: place.tier,
            file: place.shown.clone(),
            size: 0,
            health: Health::Unreadable,
            problem: Some(format!("cannot be looked into: {}", place.source)),
            rows: 0,
            schema: None,
            named_at: None,
        }));
    }
}

async fn sweep_files(
    files: Vec<FoundFile>,
    runs: &Arc<KnownRuns>,
    context: &Arc<TaskContext>,
) -> anyhow::Result<Vec<(FoundFile, SweptFile)>> {
    let mut done = Vec::with_capacity(files.len());
    let mut tasks = stream::iter(files)
        .map(|file| {
            let (runs, context) = (Arc::clone(runs), Arc::clone(context));
            tokio::spawn(async move {
                let one = match file.tier {
                    Tier::Wal => sweep_segment(&file, &runs),
                    Tier::Cold | Tier::Hot => sweep_parquet(&file, &runs, context).await,
                };
                (file, one)
            })
        })
        .buffered(WORKERS);
    while let Some(joined) = tasks.next().await {
        let (file, one) = joined?;
        if let Some(one) = one {
            done.push((file, one));
        }
    }
    Ok(done)
}

/// Nothing if the file has gone: then a flush has taken it, and its rows are met in a cold file.
fn sweep_segment(file: &FoundFile, runs: &KnownRuns) -> Option<SweptFile> {
    let mut one = SweptFile::new(record(file, Health::Ok, None));
    match read_segment(&file.path) {
        Ok(segment) => {
            one.record.schema = schema_version(&segment.columns);
            one.bytes_scanned = file.size;
            let columns_wrong = column_problem(&segment.columns);
            let mut judge = RowJudge::new(file, runs, segment.columns);
            segment.batches.iter().for_each(|batch| judge.judge(batch, &mut one));
            let cut =
                (!segment.ended).then(|| "no end-of-stream marker: the segment is cut short".to_owned());
            if let Some(problem) = segment.torn.map(|torn| torn.to_string()).or(cut).or(columns_wrong) {
                one.record.health = Health::Torn;
                one.record.problem = Some(problem);
            }
        }
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => return None,
        Err(err) => one.fail(&format!("cannot be read: {err}")),
    }
    Some(one)
}

async fn sweep_parquet(file: &FoundFile, runs: &KnownRuns, context: Arc<TaskContext>) -> Option<SweptFile> {
    let mut one = SweptFile::new(record(file, Health::Ok, None));
    let footer = match footer::footer(&file.path) {
        Ok(footer) => footer,
        Err(Unreadable::Gone) => {
            one.fail("it was listed and then gone");
            return Some(one);
        }
        Err(unreadable) => {
            one.fail(&unreadable.to_string());
            return Some(one);
        }
    };
    one.record.schema = schema_version(&footer.columns);
    let names: Vec<&str> = (0..COLUMN_COUNT).map(schema::column_name).collect();
    let mut scan = match scan::scan_parquet(file, &names, context) {
        Ok(scan) => scan,
        Err(err) => {
            one.fail(&scan::reason(&err));
            return Some(one);
        }
    };
    let columns_wrong = column_problem(&footer.columns);
    let mut judge = RowJudge::new(file, runs, footer.columns);
    while let Some(batch) = scan.stream.next().await {
        match batch {
            Ok(batch) => judge.judge(&batch, &mut one),
            Err(err) => {
                one.fail(&scan::reason(&err));
                break;
            }
        }
    }
    one.bytes_scanned = scan.bytes_scanned() as u64;
    if let (Health::Ok, Some(wrong)) = (one.record.health, &columns_wrong) {
        one.fail(wrong);
    }
    if one.record.health == Health::Ok && one.record.rows != footer.rows {
        one.fail(&format!(
            "{} of the {} rows that its footer names could be read",
            one.record.rows, footer.rows
        ));
    }
    Some(one)
}

impl SweptFile {
    fn ids(&self) -> impl Iterator<Item = (&str, &str)> {
        self.facts.iter().filter_map(|fact| Some((fact.trace_id.as_deref()?, fact.span_id.as_deref()?)))
    }

    /// Whether rows of this segment are in a cold file, too.
    fn overlaps(&self, runs: &KnownRuns, cold_ids: &HashSet<(&str, &str)>) -> bool {
        let in_cold =
            |&(run, slot): &(usize, u64)| runs.runs[run].tally().get(slot).copies(Evidence::Cold) > 0;
        self.claimed.iter().any(in_cold) || self.ids().any(|id| cold_ids.contains(&id))
    }

    fn forget(&self, runs: &KnownRuns) {
        self.claimed.iter().for_each(|&(run, slot)| runs.runs[run].tally().forget_wal_copy(slot));
    }

    fn new(record: FileRecord) -> Self {
        Self {
            record,
            facts: Vec::new(),
            differences: Vec::new(),
            rows: RowCounts::default(),
            bytes_scanned: 0,
            repeated: Vec::new(),
            claimed: Vec::new(),
        }
    }

    fn fail(&mut self, problem: &str) {
        self.record.health = Health::Unreadable;
        self.record.problem = Some(problem.to_owned());
    }
}

/// Judges the rows of one file, batch by batch.
struct RowJudge<'r> {
    runs: &'r KnownRuns,
    comparer: Comparer<'r>,
    file: Arc<str>,
    tier: Tier,
    present: Vec<String>,
    schema: Schema,
}

impl<'r> RowJudge<'r> {
    fn new(file: &FoundFile, runs: &'r KnownRuns, present: Vec<String>) -> Self {
        let schema = Schema::of_columns(&present);
        let comparer = Comparer::new();
        Self { runs, comparer, file: file.shown.as_str().into(), tier: file.tier, present, schema }
    }

    fn judge(&mut self, batch: &RecordBatch, one: &mut SweptFile) {
        let rows = Rows::new(batch, &self.present);
        for row in 0..batch.num_rows() {
            let cells = rows.cells(row);
            let row_number = one.record.rows;
            one.record.rows += 1;
            let address = || Address { tier: self.tier, file: Arc::clone(&self.file), row_number };
            let id = |column: usize| cells[column].and_then(Cell::text).unwrap_or_default();
            let (run, slot, place) = match self.runs.claim(id(column::TRACE_ID), id(column::SPAN_ID)) {
                Claim::Planned { run, slot, place } => (run, slot, place),
                Claim::Unclaimed { run } => {
                    one.rows.by_structure += 1;
                    one.facts.push(Fact::of(address(), &cells, run, |run| self.runs.knows(run)));
                    continue;
                }
            };
            let known = &self.runs.runs[run];
            let differences = self.comparer.differences(run, known, place, self.schema, &cells);
            let evidence = if self.tier == Tier::Wal { Evidence::Wal } else { Evidence::Cold };
            if known.tally().count(slot, evidence, !differences.is_empty()) {
                one.repeated.push((run, slot));
            }
            if self.tier == Tier::Wal {
                one.claimed.push((run, slot));
            }
            if differences.is_empty() {
                one.rows.as_planned += 1;
                continue;
            }
            one.rows.differing += 1;
            one.differences.extend(differences.into_iter().map(|difference| StoredDifference {
                address: address(),
                run: known.plan.outline.run,
                service: known.plan.outline.services[place.service].clone(),
                workflow: place.workflow,
                position: place.position,
                trace_id: const_hex::encode(ids::trace_id(known.plan.outline.run, place.workflow)),
                span_id: const_hex::encode(ids::span_id(
                    known.plan.outline.run,
                    place.workflow,
                    place.position,
                )),
                difference,
            }));
        }
    }
}

fn is_gone(path: &Path) -> bool {
    matches!(path.try_exists(), Ok(false))
}

fn hot_record(file: &FoundFile) -> FileRecord {
    match footer::footer(&file.path) {
        Ok(footer) => FileRecord {
            rows: footer.rows,
            schema: schema_version(&footer.columns),
            ..record(file, Health::Ok, None)
        },
        Err(Unreadable::Gone) => {
            record(file, Health::Flushed, Some("it was listed and then gone".to_owned()))
        }
        Err(unreadable) => record(file, Health::Unreadable, Some(unreadable.to_string())),
    }
}

fn record(file: &FoundFile, health: Health, problem: Option<String>) -> FileRecord {
    FileRecord {
        tier: file.tier,
        file: file.shown.clone(),
        size: file.size,
        health,
        problem,
        rows: 0,
        schema: None,
        named_at: file.named_at,
    }
}

/// What is wrong with the columns of a file; more of them than its schema has is nothing wrong.
fn column_problem(present: &[String]) -> Option<String> {
    let schema = Schema::of_columns(present).stored();
    let count = |name: &str| present.iter().filter(|column| *column == name).count();
    let names = schema.fields().iter().map(|field| field.name().as_str());
    let (lacking, doubled): (Vec<&str>, Vec<&str>) =
        names.filter(|name| count(name) != 1).partition(|name| count(name) == 0);
    match (lacking.as_slice(), doubled.as_slice()) {
        ([], []) => None,
        ([], doubled) => Some(format!("has more than one column called {}", doubled.join(", "))),
        (lacking, _) => Some(format!("lacks the columns {}", lacking.join(", "))),
    }
}

fn schema_version(present: &[String]) -> Option<i64> {
    columns::era(present).map(|schema| match schema {
        Schema::V1 => 1,
        Schema::V2 => 2,
    })
}
