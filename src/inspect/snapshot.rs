//! The hot snapshot beside the WAL that it is a copy of.

use serde::Serialize;

use super::{file::FileFacts, moment};
use crate::store::{health::Health, layout::Tier, problem::FileProblem};

/// How old a copy is, told by its rows and times.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Snapshot {
    pub(crate) rows: Option<u64>,
    pub(crate) wal_rows: u64,
    /// When the file was last written.
    #[serde(serialize_with = "moment")]
    pub(crate) written: Option<i64>,
    pub(crate) freshness: Freshness,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Freshness {
    /// It has as many rows as the WAL, and the last of them is as late.
    Current,
    /// The WAL has rows that it lacks: the next look of the studio makes a new one.
    Behind,
    /// It has rows that the WAL lost since: a flush does not remove it, so they are in a cold file, too.
    Flushed,
    /// Its rows or the WAL's cannot be told.
    Unknown,
}

impl Snapshot {
    pub(super) fn of(files: &[FileFacts], written: Option<i64>) -> Option<Self> {
        let snapshot = files.iter().find(|file| file.tier == Tier::Hot && file.health.is_data())?;
        let segments: Vec<&FileFacts> =
            files.iter().filter(|file| file.tier == Tier::Wal && file.health.is_data()).collect();
        let wal_rows: u64 = segments.iter().filter_map(|segment| segment.rows).sum();
        let freshness = match snapshot.rows {
            None => Freshness::Unknown,
            Some(_) if !segments.iter().all(|segment| is_whole(segment)) => Freshness::Unknown,
            Some(rows) if rows > wal_rows => Freshness::Flushed,
            Some(rows) if rows < wal_rows => Freshness::Behind,
            Some(_) if snapshot.last_end != segments.iter().filter_map(|segment| segment.last_end).max() => {
                Freshness::Behind
            }
            Some(_) => Freshness::Current,
        };
        Some(Self { rows: snapshot.rows, wal_rows, written, freshness })
    }
}

/// Whether all rows of a segment are known; one without its end marker is whole for every reader.
fn is_whole(segment: &FileFacts) -> bool {
    segment.health == Health::Ok || segment.problem == Some(FileProblem::NoEndMarker)
}
