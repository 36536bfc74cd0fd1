//! One file, from its bytes to notes of its rows.

use std::sync::Arc;

use super::{Sweep, record, row::RowJudge};
use crate::{
    contract::schema::{self, COLUMN_COUNT},
    judge::{judgement::FileRecord, sweep_output::FileOutput, tally::Evidence},
    store::{
        health::Health, inventory::FoundFile, layout::Tier, open::open, problem::FileProblem,
        statistics::ClaimedStatistics,
    },
};

/// What one file said.
#[derive(Debug)]
pub(super) struct SweptFile {
    pub(super) record: FileRecord,
    /// Of a cold file, what has not been handed on yet; of a segment, all of it, since a flush may take it away.
    pub(super) notes: FileOutput,
    pub(super) bytes_scanned: u64,
    /// The planned spans of a segment.
    pub(super) claimed: Vec<(usize, u64)>,
    /// By row of a segment: its ids and the digest of its content.
    pub(super) digests: Vec<RowDigest>,
}

/// A row's ids as numbers, and a digest of all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RowDigest {
    pub(super) id: (u128, u64),
    pub(super) content: u64,
}

impl SweptFile {
    pub(super) fn new(record: FileRecord) -> Self {
        Self {
            record,
            notes: FileOutput::default(),
            bytes_scanned: 0,
            claimed: Vec::new(),
            digests: Vec::new(),
        }
    }

    /// Whether rows of this segment are in a cold file, too.
    pub(super) fn overlaps(&self, sweep: &Sweep) -> bool {
        let in_cold =
            |&(run, slot): &(usize, u64)| sweep.runs.runs[run].tally().get(slot).copies(Evidence::Cold) > 0;
        self.claimed.iter().any(in_cold) || sweep.collected.overlap(&self.notes.facts)
    }

    pub(super) fn forget(&self, sweep: &Sweep) {
        self.claimed.iter().for_each(|&(run, slot)| sweep.runs.runs[run].tally().forget_wal_copy(slot));
        if let Some(records) = &sweep.collected.records {
            records.forget(sweep.collected.names.name(&self.record.file));
        }
    }
}

/// Reads a file to its end and judges its rows. Nothing if a flush has taken it: then its rows are met in a
/// cold file.
pub(super) async fn sweep_file(file: &FoundFile, sweep: &Sweep) -> Option<SweptFile> {
    let opened = open(file);
    let mut one = SweptFile::new(record::of(file, &opened));
    if opened.health == Health::Gone {
        return None;
    }
    let mut judge = RowJudge::new(file, sweep, opened.known_columns());
    let mut statistics = opened.footer().map(|footer| ClaimedStatistics::of(&file.path, footer));
    let claimed = opened.footer().map(|footer| footer.rows);
    one.bytes_scanned = opened.segment().map_or(0, |_| file.size);
    let names: Vec<&str> = (0..COLUMN_COUNT).map(schema::column_name).collect();
    let mut rows = opened.into_rows(&names, Arc::clone(&sweep.context));
    while let Some(batch) = rows.next().await {
        let kept = batch.and_then(|batch| {
            judge.judge(&batch, &mut one);
            if let Some(statistics) = &mut statistics {
                statistics.add(&batch);
                sweep.progress.rows(batch.num_rows());
            }
            if let Some(records) = &sweep.collected.records {
                let kept = records.take(&mut judge.records);
                kept.map_err(|err| FileProblem::Unkept(err.to_string()))?;
            }
            // The snapshot is a copy, and a flush may take a segment: what they say is handed on later, if at all.
            if file.tier == Tier::Cold {
                let kept = sweep.collected.take(&mut one.notes);
                kept.map_err(|err| FileProblem::Unkept(err.to_string()))?;
            }
            Ok(())
        });
        if let Err(problem) = kept {
            one.record.fail(problem);
            break;
        }
    }
    one.bytes_scanned += rows.bytes_scanned();
    let keys = judge.index_keys();
    one.record.statistics = statistics.map(ClaimedStatistics::faults).unwrap_or_default();
    match claimed {
        Some(claimed) if one.record.health == Health::Ok && one.record.rows != claimed => {
            one.record.fail(FileProblem::RowsMissing { read: one.record.rows, claimed });
        }
        _ => {}
    }
    if one.record.health == Health::Ok {
        one.record.index_keys = keys;
    }
    Some(one)
}
