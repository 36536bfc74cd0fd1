//! The next flush, an overdue one and the hot snapshot as sentences: for the inventory and for `doctor`.

use super::{
    age,
    snapshot::{Freshness, Snapshot},
    wal::{FLUSH_MAX_BYTES, NextFlush, Overdue},
};
use crate::text::numbers::{bytes, counted, grouped, long};

pub(crate) fn next_flush(next: &NextFlush) -> String {
    match next {
        NextFlush::Nothing => "the next would write nothing: the WAL is empty".to_owned(),
        NextFlush::Writes { segments, rows, bytes: size } => format!(
            "the next would write {} of {} ({}) into one cold file",
            counted(*rows, "row"),
            counted(*segments, "segment"),
            bytes(*size)
        ),
        NextFlush::Fails { segment, reason, segments } => {
            let waiting = if *segments == 1 {
                "1 segment waits".to_owned()
            } else {
                format!("{} segments wait", grouped(*segments))
            };
            format!("the next would FAIL at {segment}: {reason}; {waiting}")
        }
        NextFlush::Unknown { place, reason } => format!("unknown: {place} cannot be read: {reason}"),
    }
}

pub(crate) fn overdue(overdue: Overdue) -> String {
    let (what, cause) = match overdue {
        Overdue::Size => (
            format!("more than {} wait", bytes(FLUSH_MAX_BYTES)),
            "flushes fail, or FLUSH_MAX_MB is set higher",
        ),
        Overdue::Age(late) => (
            format!("overdue by {}", long(late)),
            "the ingestion service is not running, its flushes fail, or FLUSH_MAX_AGE_SECS is set higher",
        ),
    };
    format!("{what}: {cause}")
}

pub(crate) fn snapshot(snapshot: &Snapshot, now: u64) -> String {
    let rows =
        snapshot.rows.map_or_else(|| "an unknown number of rows".to_owned(), |rows| counted(rows, "row"));
    let freshness = match snapshot.freshness {
        Freshness::Current => "current: the WAL has as many".to_owned(),
        Freshness::Behind => format!("behind: the WAL has {}", counted(snapshot.wal_rows, "row")),
        Freshness::Flushed => {
            format!(
                "stale: the WAL has {} now, the others were flushed since",
                counted(snapshot.wal_rows, "row")
            )
        }
        Freshness::Unknown => "freshness unknown: it or the WAL is damaged".to_owned(),
    };
    let written = snapshot.written.and_then(|at| age(at, now));
    let written = written.map(|age| format!(", written {} ago", long(age))).unwrap_or_default();
    format!("{rows}, {freshness}{written}")
}
