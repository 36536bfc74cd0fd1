//! One file, from its bytes to notes of its rows.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;

use super::{
    Sweep,
    batches::{Reader, SharedBatches, SharedFile},
    record,
    remembered::{Recalled, recall},
    row::RowJudge,
};
use crate::{
    contract::schema::{self, COLUMN_COUNT},
    judge::{
        cache::memory::FileRead,
        index_keys::KeyNotes,
        judgement::FileRecord,
        partial::{RowSink, part::Kept},
        sweep_output::FileOutput,
        tally::Evidence,
    },
    store::{
        footer, health::Health, inventory::FoundFile, layout::Tier, open::open_to_read, problem::FileProblem,
        read_digest::ReadDigest, rows::Rows, statistics::ClaimedStatistics,
    },
};

/// What one file said.
#[derive(Debug)]
pub(super) struct SweptFile {
    pub(super) record: FileRecord,
    pub(super) rows: RowNotes,
    pub(super) bytes_scanned: u64,
}

/// What rows of a file said.
#[derive(Debug, Default)]
pub(super) struct RowNotes {
    /// Of a cold file, what has not been handed on yet; of a segment, all of it, since a flush may take it away.
    pub(super) output: FileOutput,
    /// The planned spans of a segment.
    pub(super) claimed: Vec<(usize, u64)>,
    /// By row of a segment: its ids and the digest of its content.
    pub(super) digests: Vec<RowDigest>,
    /// Beside it, what is to be remembered of the rows of a cold file.
    pub(super) kept: Option<Kept>,
}

/// A row's ids as numbers, and a digest of all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RowDigest {
    pub(super) id: (u128, u64),
    pub(super) content: u64,
}

impl SweptFile {
    pub(super) fn new(record: FileRecord) -> Self {
        Self { record, rows: RowNotes::default(), bytes_scanned: 0 }
    }

    /// Whether rows of this segment are in a cold file, too.
    pub(super) fn overlaps(&self, sweep: &Sweep) -> bool {
        let in_cold =
            |&(run, slot): &(usize, u64)| sweep.runs.runs[run].tally().get(slot).copies(Evidence::Cold) > 0;
        self.rows.claimed.iter().any(in_cold) || sweep.collected.overlap(&self.rows.output.facts)
    }

    pub(super) fn forget(&self, sweep: &Sweep) {
        self.rows.claimed.iter().for_each(|&(run, slot)| sweep.runs.runs[run].tally().forget_wal_copy(slot));
        if let Some(records) = &sweep.collected.records {
            records.forget(sweep.collected.names.name(&self.record.file));
        }
    }
}

/// Reads a file to its end and judges its rows; those of a cold file with the help of whoever has no file. Nothing if a
/// flush has taken it: then its rows are met in a cold file.
pub(super) async fn sweep_file(file: &FoundFile, sweep: &Sweep, reader: &Reader<'_>) -> Option<SweptFile> {
    let memory = match recall(file, sweep) {
        Recalled::Taken(one) => return Some(*one),
        Recalled::ToRead(memory) => memory,
    };
    let opened = open_to_read(file);
    let mut one = SweptFile::new(record::of(file, &opened));
    if opened.health == Health::Gone {
        return None;
    }
    let sink = sweep.task.clone().or_else(|| memory.clone().map(|memory| memory as Arc<dyn RowSink>));
    one.rows.kept = sink.is_some().then(Kept::default);
    let read = memory.is_some().then(Arc::<ReadDigest>::default);
    let shared = SharedFile::new(file, opened.known_columns(), sink);
    let mut judge = RowJudge::new(file, sweep, &shared.present);
    let mut keys = (sweep.is_indexed && file.tier == Tier::Cold).then(KeyNotes::default);
    let mut statistics = opened.footer().map(ClaimedStatistics::of);
    let claimed = opened.footer().map(|footer| footer.rows);
    let metadata = opened.footer().map(|footer| Arc::clone(&footer.metadata));
    one.bytes_scanned = opened.segment().map_or(0, |_| file.size);
    let names: Vec<&str> = (0..COLUMN_COUNT).map(schema::column_name).collect();
    let mut rows = opened.into_digested_rows(&names, read.clone(), Arc::clone(&sweep.context));
    while let Some(batch) = rows.next().await {
        let kept = batch.and_then(|batch| {
            let first_row = one.record.rows;
            one.record.rows += batch.num_rows() as u64;
            if let Some(keys) = &mut keys {
                keys.note_batch(&Rows::new(&batch, &shared.present));
            }
            if let Some(statistics) = &mut statistics {
                statistics.add(&batch);
                sweep.progress.rows(batch.num_rows());
            }
            let mine = match file.tier {
                Tier::Cold => reader.hand_on(&shared, batch, first_row).err(),
                // A flush may take a segment, and its rows are compared with the snapshot's in their order.
                Tier::Wal | Tier::Hot => Some(batch),
            };
            let sink = shared.sink.as_deref();
            mine.map_or(Ok(()), |batch| {
                judge_batch(&mut judge, &batch, first_row, &mut one.rows, sink, sweep)
            })
        });
        if let Err(problem) = kept {
            one.record.fail(problem);
            break;
        }
    }
    one.bytes_scanned += rows.bytes_scanned();
    if let Some(problem) = shared.wait() {
        one.record.fail(problem);
    }
    one.record.statistics = statistics.map(ClaimedStatistics::faults).unwrap_or_default();
    match claimed {
        Some(claimed) if one.record.health == Health::Ok && one.record.rows != claimed => {
            one.record.fail(FileProblem::RowsMissing { read: one.record.rows, claimed });
        }
        _ => {}
    }
    if one.record.health == Health::Ok {
        one.record.index_keys = keys.map(KeyNotes::finish);
    }
    if let Some(memory) = memory {
        let read = FileRead {
            record: &one.record,
            content: read.zip(metadata).and_then(|(read, metadata)| {
                footer::digest_beside_chunks(file.place.local()?, &metadata, &read).ok()?;
                Some(read.get())
            }),
            bytes_scanned: one.bytes_scanned,
            has_records: sweep.collected.records.is_some(),
        };
        memory.conclude(file, &read, &sweep.collected.names);
    }
    Some(one)
}

/// Of a file of which nothing came. Nothing if a flush has taken it.
pub(super) fn of_unread(file: &FoundFile, problem: FileProblem) -> Option<SweptFile> {
    let one = SweptFile::new(record::of_ends(file, Some(problem)));
    (one.record.health != Health::Gone).then_some(one)
}

/// Judges batches of others' files until nobody reads any more.
pub(super) fn help(batches: &SharedBatches, sweep: &Sweep) {
    let mut known: Option<(Arc<SharedFile>, RowJudge<'_>)> = None;
    while let Some(one) = batches.next() {
        let judge = match &mut known {
            Some((of, judge)) if Arc::ptr_eq(of, &one.of) => judge,
            other => {
                let judge = RowJudge::new(&one.of.file, sweep, &one.of.present);
                &mut other.insert((Arc::clone(&one.of), judge)).1
            }
        };
        let sink = one.of.sink.as_deref();
        let mut notes = RowNotes { kept: sink.is_some().then(Kept::default), ..RowNotes::default() };
        let judged = judge_batch(judge, &one.batch, one.first_row, &mut notes, sink, sweep);
        if let Err(problem) = judged {
            one.fail(problem);
        }
    }
}

fn judge_batch(
    judge: &mut RowJudge<'_>,
    batch: &RecordBatch,
    first_row: u64,
    notes: &mut RowNotes,
    sink: Option<&dyn RowSink>,
    sweep: &Sweep,
) -> Result<(), FileProblem> {
    judge.judge(batch, first_row, notes).map_err(|err| FileProblem::Unkept(err.to_string()))?;
    if let (Some(sink), Some(kept)) = (sink, &mut notes.kept) {
        sink.note(&notes.output, &std::mem::take(kept), &sweep.runs, &sweep.collected.names);
    }
    if sweep.task.is_some() {
        notes.output = FileOutput::default();
    }
    // The snapshot is a copy, and a flush may take a segment: what they say is handed on later, if at all.
    if judge.tier() == Tier::Cold {
        sweep.collected.take(&mut notes.output).map_err(|err| FileProblem::Unkept(err.to_string()))?;
    }
    Ok(())
}
