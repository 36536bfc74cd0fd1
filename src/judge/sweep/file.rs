//! One file, from its bytes to notes of its rows.

use std::io;

use futures::StreamExt;

use super::{
    Sweep,
    record::{self, column_problem, schema_version},
    row::RowJudge,
};
use crate::{
    contract::schema::{self, COLUMN_COUNT},
    judge::{
        claim::KnownRuns,
        judgement::{FileRecord, Health},
        sweep_output::Notes,
        tally::Evidence,
    },
    store::{
        footer::{self, Unreadable},
        inventory::FoundFile,
        layout::Tier,
        scan,
        segment::read_segment,
    },
};

/// What one file said.
#[derive(Debug)]
pub(super) struct SweptFile {
    pub(super) record: FileRecord,
    /// Of a cold file, what has not been handed on yet; of a segment, all of it, since a flush may take it away.
    pub(super) notes: Notes,
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
        Self { record, notes: Notes::default(), bytes_scanned: 0, claimed: Vec::new(), digests: Vec::new() }
    }

    /// Whether rows of this segment are in a cold file, too.
    pub(super) fn overlaps(&self, sweep: &Sweep) -> bool {
        let in_cold =
            |&(run, slot): &(usize, u64)| sweep.runs.runs[run].tally().get(slot).copies(Evidence::Cold) > 0;
        self.claimed.iter().any(in_cold) || sweep.collected.overlap(&self.notes.facts)
    }

    pub(super) fn forget(&self, runs: &KnownRuns) {
        self.claimed.iter().for_each(|&(run, slot)| runs.runs[run].tally().forget_wal_copy(slot));
    }
}

/// Nothing if the file has gone: then a flush has taken it, and its rows are met in a cold file.
pub(super) fn sweep_segment(file: &FoundFile, sweep: &Sweep) -> Option<SweptFile> {
    let mut one = SweptFile::new(record::of(file, Health::Ok, None));
    match read_segment(&file.path) {
        Ok(segment) => {
            one.record.schema = schema_version(&segment.columns);
            one.record.decodes = segment.torn.is_none();
            one.bytes_scanned = file.size;
            let columns_wrong = column_problem(&segment.columns);
            let mut judge = RowJudge::new(file, sweep, segment.columns);
            segment.batches.iter().for_each(|batch| judge.judge(batch, &mut one));
            let cut =
                (!segment.ended).then(|| "no end-of-stream marker: the segment is cut short".to_owned());
            if file.size == 0 {
                one.record.fail("the file is empty");
            } else if let Some(problem) = segment.torn.map(|torn| torn.to_string()).or(cut).or(columns_wrong)
            {
                one.record.health = Health::Torn;
                one.record.problem = Some(problem);
            }
        }
        Err(err) if err.kind() == io::ErrorKind::NotFound => return None,
        Err(err) if err.kind() == io::ErrorKind::PermissionDenied => one.record.deny(denied(&err)),
        Err(err) => one.record.fail(format!("cannot be read: {err}")),
    }
    Some(one)
}

fn denied(err: &io::Error) -> String {
    format!("cannot be opened: {err}")
}

pub(super) async fn sweep_parquet(file: &FoundFile, sweep: &Sweep) -> Option<SweptFile> {
    let mut one = SweptFile::new(record::of(file, Health::Ok, None));
    let footer = match footer::footer(&file.path) {
        Ok(footer) => footer,
        Err(Unreadable::Gone) => {
            one.record.fail("it was listed and then gone");
            return Some(one);
        }
        Err(Unreadable::Io(err)) if err.kind() == io::ErrorKind::PermissionDenied => {
            one.record.deny(denied(&err));
            return Some(one);
        }
        Err(unreadable) => {
            one.record.fail(unreadable.to_string());
            return Some(one);
        }
    };
    one.record.schema = schema_version(&footer.columns);
    let names: Vec<&str> = (0..COLUMN_COUNT).map(schema::column_name).collect();
    let mut scan = match scan::scan_parquet(file, &footer, &names, sweep.context.clone()) {
        Ok(scan) => scan,
        Err(err) => {
            one.record.fail(scan::reason(&err));
            return Some(one);
        }
    };
    let columns_wrong = column_problem(&footer.columns);
    let mut judge = RowJudge::new(file, sweep, footer.columns);
    while let Some(batch) = scan.stream.next().await {
        match batch {
            Ok(batch) => {
                judge.judge(&batch, &mut one);
                sweep.progress.rows(batch.num_rows());
                // The snapshot is a copy: what it says is compared, never counted.
                if file.tier == Tier::Cold
                    && let Err(err) = sweep.collected.take(&mut one.notes)
                {
                    one.record.deny(format!("what it says cannot be kept: {err}"));
                    break;
                }
            }
            Err(err) => {
                one.record.fail(scan::reason(&err));
                break;
            }
        }
    }
    one.bytes_scanned = scan.bytes_scanned() as u64;
    if let (Health::Ok, Some(wrong)) = (one.record.health, columns_wrong) {
        one.record.fail(wrong);
    }
    if one.record.health == Health::Ok && one.record.rows != footer.rows {
        let problem =
            format!("{} of the {} rows that its footer names could be read", one.record.rows, footer.rows);
        one.record.fail(problem);
    }
    Some(one)
}
