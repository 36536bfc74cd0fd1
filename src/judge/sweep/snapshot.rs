//! The hot snapshot beside the WAL that it is a copy of.
//!
//! Every row of a snapshot lies in a segment with the same content, or in a cold file once a flush has taken
//! that segment (contract, section 4). A row that lies in neither was changed, or made up.

use std::collections::{HashMap, HashSet};

use super::{
    Sweep,
    file::{RowDigest, SweptFile, sweep_parquet},
    record,
};
use crate::{
    judge::{
        judgement::{Depth, FileRecord, Health, SnapshotRecord},
        tally::Evidence,
    },
    store::{
        inventory::{self, FoundFile},
        layout::{Layout, Tier},
    },
};

/// A snapshot that was read before any cold file was listed.
pub(super) struct Snapshot {
    file: FoundFile,
    swept: SweptFile,
}

pub(super) async fn read(file: &FoundFile, sweep: &Sweep) -> Snapshot {
    let swept = match sweep.depth {
        Depth::Content => sweep_parquet(file, sweep).await,
        shallow => super::depth::look(file, shallow),
    };
    let swept = swept.unwrap_or_else(|| SweptFile::new(record::of(file, Health::Flushed, None)));
    sweep.collected.watch(&swept.notes.facts);
    Snapshot { file: file.clone(), swept }
}

/// The snapshot's record, with what became of its rows.
pub(super) fn compare(snapshot: Snapshot, segments: &[(FoundFile, SweptFile)], sweep: &Sweep) -> FileRecord {
    let Snapshot { file, swept } = snapshot;
    let mut record = swept.record.clone();
    if record.problem.as_deref() == Some("it was listed and then gone") {
        record.health = Health::Flushed;
        return record;
    }
    if record.health != Health::Ok || sweep.depth != Depth::Content {
        return record;
    }
    let mut in_wal: HashMap<(u128, u64), Vec<u64>> = HashMap::new();
    let mut rows_in_wal = 0;
    for RowDigest { id, content } in segments.iter().flat_map(|(_, one)| &one.digests) {
        in_wal.entry(*id).or_default().push(*content);
        rows_in_wal += 1;
    }
    let flushed = flushed(&swept, sweep);
    let mut facts = SnapshotRecord::default();
    let mut matched = 0;
    for (row_number, row) in (0..).zip(&swept.digests) {
        match in_wal.get(&row.id) {
            Some(contents) if contents.contains(&row.content) => matched += 1,
            _ if flushed.contains(&row.id) => facts.flushed += 1,
            found => facts.others.push((row_number, row.id, found.is_some())),
        }
    }
    facts.lacking = u64::saturating_sub(rows_in_wal, matched);
    // A snapshot that was made after we had read the WAL, and segments that came since, explain themselves.
    if !facts.others.is_empty() && has_moved(&file, segments, &sweep.layout) {
        facts.others.clear();
        record.problem = Some("it was made anew, or its WAL moved, while the store was read".to_owned());
    }
    record.snapshot = Some(facts);
    record
}

/// The snapshot's rows that lie in a cold file.
fn flushed(swept: &SweptFile, sweep: &Sweep) -> HashSet<(u128, u64)> {
    let planned = swept
        .claimed
        .iter()
        .filter(|&&(run, slot)| sweep.runs.runs[run].tally().get(slot).copies(Evidence::Cold) > 0);
    let planned = planned.filter_map(|&(run, slot)| sweep.runs.runs[run].ids_of(slot));
    let facts = swept.notes.facts.iter().map(|fact| (fact.trace, fact.span));
    planned.chain(facts.filter(|id| sweep.collected.is_in_both(*id))).collect()
}

/// Whether the snapshot is another file by now, or the WAL holds other segments.
fn has_moved(file: &FoundFile, segments: &[(FoundFile, SweptFile)], layout: &Layout) -> bool {
    let is_known = |found: &FoundFile| segments.iter().any(|(segment, _)| segment.path == found.path);
    let hot = inventory::list(layout, Tier::Hot);
    let wal = inventory::list(layout, Tier::Wal);
    !hot.data().any(|found| found == file)
        || wal.data().count() != segments.len()
        || !wal.data().all(is_known)
}
