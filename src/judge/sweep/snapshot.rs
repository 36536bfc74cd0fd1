//! The hot snapshot beside the WAL that it is a copy of.
//!
//! The snapshot was made of all segments that there were, and a flush takes all segments that there are (contract,
//! section 4). So each of its rows lies as often in the WAL as it does in the snapshot, or, once a flush has come,
//! in cold files. Rows are compared as a multiset: a copy too many was made up, as a changed row was.

use std::collections::HashMap;

use super::{
    Sweep,
    batches::SharedBatches,
    file::{RowDigest, SweptFile, sweep_file},
    record,
};
use crate::{
    judge::judgement::{Depth, FileRecord, SnapshotFault, SnapshotRecord, SnapshotRow},
    store::{
        health::Health,
        inventory::{self, FoundFile},
        layout::{Layout, Tier},
        problem::FileProblem,
    },
};

/// A snapshot that was read before any cold file was listed.
pub(super) struct Snapshot {
    file: FoundFile,
    swept: SweptFile,
}

pub(super) async fn read(file: &FoundFile, sweep: &Sweep) -> Snapshot {
    let swept = match sweep.depth {
        Depth::Content => sweep_file(file, sweep, &SharedBatches::of(1).reader()).await,
        shallow => super::depth::look(file, shallow),
    };
    let gone = || SweptFile::new(record::of_ends(file, Some(FileProblem::Gone)));
    let swept = swept.unwrap_or_else(gone);
    sweep.flushed.watch(&swept.rows.digests);
    Snapshot { file: file.clone(), swept }
}

/// The snapshot's record, with what became of its rows.
pub(super) fn compare(snapshot: Snapshot, segments: &[(FoundFile, SweptFile)], sweep: &Sweep) -> FileRecord {
    let Snapshot { file, swept } = snapshot;
    let mut record = swept.record;
    // What a segment does not know of its rows cannot be compared, and is said of the segment.
    let lacks_columns =
        |(_, one): &(FoundFile, SweptFile)| matches!(one.record.problem, Some(FileProblem::Columns(_)));
    if record.health != Health::Ok || sweep.depth != Depth::Content || segments.iter().any(lacks_columns) {
        return record;
    }
    let mut in_wal = Copies::default();
    segments.iter().flat_map(|(_, one)| &one.rows.digests).for_each(|row| _ = in_wal.add(*row));
    let in_cold = sweep.flushed.met();
    let mut in_snapshot = Copies::default();
    let mut facts = SnapshotRecord::default();
    let mut matched = 0;
    for (row_number, row) in (0..).zip(&swept.rows.digests) {
        let copy = in_snapshot.add(*row);
        let (wal, cold) = (in_wal.of(row), in_cold.of(row));
        if copy <= wal {
            matched += 1;
        } else if copy <= cold {
            facts.flushed += 1;
        } else {
            let fault = match (wal.max(cold), in_wal.has(row.id), in_cold.has(row.id)) {
                (1.., ..) => SnapshotFault::ExtraCopy,
                (0, true, _) => SnapshotFault::ChangedInWal,
                (0, false, true) => SnapshotFault::ChangedInCold,
                (0, false, false) => SnapshotFault::Nowhere,
            };
            facts.others.push(SnapshotRow { row_number, id: row.id, fault });
        }
    }
    facts.lacking = in_wal.rows.saturating_sub(matched);
    // A snapshot that was made after we had read the WAL, and segments that came since, explain themselves.
    if !facts.others.is_empty() && has_moved(&file, segments, &sweep.layout) {
        facts.others.clear();
        record.problem = Some(FileProblem::Replaced);
    }
    record.snapshot = Some(facts);
    record
}

/// Rows by their ids, and how often each of their contents is there.
#[derive(Debug, Default)]
pub(super) struct Copies {
    by_id: HashMap<(u128, u64), Vec<(u64, u64)>>,
    rows: u64,
}

impl Copies {
    /// How many such rows there are now.
    pub(super) fn add(&mut self, RowDigest { id, content }: RowDigest) -> u64 {
        self.rows += 1;
        let contents = self.by_id.entry(id).or_default();
        let known = contents.iter_mut().find(|(known, _)| *known == content);
        if let Some((_, copies)) = known {
            *copies += 1;
            return *copies;
        }
        contents.push((content, 1));
        1
    }

    fn of(&self, row: &RowDigest) -> u64 {
        let contents = self.by_id.get(&row.id).into_iter().flatten();
        contents.filter(|(content, _)| *content == row.content).map(|(_, copies)| *copies).sum()
    }

    fn has(&self, id: (u128, u64)) -> bool {
        self.by_id.contains_key(&id)
    }
}

/// Whether the snapshot is another file by now, or the WAL holds other segments.
fn has_moved(file: &FoundFile, segments: &[(FoundFile, SweptFile)], layout: &Layout) -> bool {
    let is_known = |found: &FoundFile| segments.iter().any(|(segment, _)| segment.place == found.place);
    let hot = inventory::list(layout, Tier::Hot);
    let wal = inventory::list(layout, Tier::Wal);
    !hot.data().any(|found| found == file)
        || wal.data().count() != segments.len()
        || !wal.data().all(is_known)
}
