//! The WAL as the next flush meets it.
//!
//! A flush streams all segments, in the order of their names, into one cold file. The first that does not
//! decode, or that an older studio wrote, makes it fail, and every later one: nothing leaves the WAL any more.

use std::time::Duration;

use serde::Serialize;

use super::{Place, file::FileFacts, moment};
use crate::store::{layout::Tier, problem::FileProblem};

/// The studio's defaults (`FLUSH_MAX_MB`, `FLUSH_MAX_AGE_SECS`): whichever is reached first starts a flush.
pub(crate) const FLUSH_MAX_BYTES: u64 = 25 * 1024 * 1024;
pub(crate) const FLUSH_MAX_AGE: Duration = Duration::from_hours(1);

/// The segments together.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Wal {
    pub(crate) segments: u64,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    #[serde(serialize_with = "moment")]
    pub(crate) oldest: Option<i64>,
    #[serde(serialize_with = "moment")]
    pub(crate) newest: Option<i64>,
    /// The newest cold file's name.
    #[serde(serialize_with = "moment")]
    pub(crate) last_flush: Option<i64>,
    pub(crate) next_flush: NextFlush,
    /// How the WAL changed while it was watched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) growth: Option<Growth>,
}

/// What a flush would come to now.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub(crate) enum NextFlush {
    /// No segment: it would answer success and write nothing.
    Nothing,
    Writes {
        segments: u64,
        rows: u64,
        bytes: u64,
    },
    /// The first segment in its way, and how many wait behind or before it.
    Fails {
        segment: String,
        reason: String,
        segments: u64,
    },
    /// A part of the WAL could not be looked at.
    Unknown {
        place: String,
        reason: String,
    },
}

/// Two looks at the WAL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Growth {
    pub(crate) milliseconds: u64,
    pub(crate) segments: i64,
    pub(crate) bytes: i64,
}

/// What keeps the WAL full although a flush should have emptied it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overdue {
    Size,
    /// So long after the flush was due.
    Age(Duration),
}

impl Wal {
    pub(super) fn of(files: &[FileFacts], unlisted: &[Place]) -> Self {
        let segments: Vec<&FileFacts> =
            files.iter().filter(|file| file.tier == Tier::Wal && file.health.is_data()).collect();
        let named = || segments.iter().filter_map(|segment| segment.named_at);
        let cold = files.iter().filter(|file| file.tier == Tier::Cold && file.health.is_data());
        Self {
            segments: segments.len() as u64,
            rows: segments.iter().filter_map(|segment| segment.rows).sum(),
            bytes: segments.iter().map(|segment| segment.size).sum(),
            oldest: named().min(),
            newest: named().max(),
            last_flush: cold.filter_map(|file| file.named_at).max(),
            next_flush: next_flush(&segments, files, unlisted),
            growth: None,
        }
    }

    /// Whether a flush is late by more than the studio's timers explain.
    pub(crate) fn overdue(&self, now: u64) -> Option<Overdue> {
        const PATIENCE: Duration = Duration::from_mins(1);
        if self.bytes > FLUSH_MAX_BYTES + FLUSH_MAX_BYTES / 10 {
            return Some(Overdue::Size);
        }
        // The service may have started after the last flush, but not after it wrote its oldest segment.
        let counted_from = self.oldest.max(self.last_flush.filter(|_| self.oldest.is_some()))?;
        let late = super::age(counted_from, now)?.checked_sub(FLUSH_MAX_AGE)?;
        (late > PATIENCE).then_some(Overdue::Age(late))
    }
}

fn next_flush(segments: &[&FileFacts], files: &[FileFacts], unlisted: &[Place]) -> NextFlush {
    if let Some(place) = unlisted.iter().find(|place| place.tier == Tier::Wal) {
        return NextFlush::Unknown { place: place.file.clone(), reason: place.problem.to_string() };
    }
    let newer = files.iter().filter(|file| file.schema == Some(2)).filter_map(|file| file.named_at).max();
    for segment in segments {
        if let Some(problem) = segment.problem.as_ref().filter(|problem| problem.is_of_access()) {
            return NextFlush::Unknown { place: segment.file.clone(), reason: problem.to_string() };
        }
        if let Some(reason) = blocks(segment, newer) {
            return NextFlush::Fails {
                segment: segment.file.clone(),
                reason,
                segments: segments.len() as u64,
            };
        }
    }
    if segments.is_empty() {
        return NextFlush::Nothing;
    }
    NextFlush::Writes {
        segments: segments.len() as u64,
        rows: segments.iter().filter_map(|segment| segment.rows).sum(),
        bytes: segments.iter().map(|segment| segment.size).sum(),
    }
}

/// Why a flush cannot get past a segment; `newer` is when the last file of schema 2 was made.
fn blocks(segment: &FileFacts, newer: Option<i64>) -> Option<String> {
    match (segment.schema, segment.named_at) {
        _ if segment.stops_a_flush() => segment.problem.as_ref().map(FileProblem::to_string),
        (Some(1), Some(made)) if newer.is_some_and(|newer| newer > made) => Some(
            "it is of schema 1, left by studio 0.80 or 0.81, and the studio that runs now writes schema 2"
                .to_owned(),
        ),
        _ => None,
    }
}
