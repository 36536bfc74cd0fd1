//! The inventory of a store: what every file says of itself, and what becomes of it next.
//!
//! Reads the segments of the WAL whole, and of Parquet files the footer and, where that does not name the
//! only service, the column `service_name`. Judges no row: what lies in the other pages is `audit`'s to
//! read. Segments come before cold files, so that a flush in between can show rows twice but never hide them.

use std::{path::PathBuf, sync::Arc, time::Duration};

use datafusion::execution::TaskContext;
use futures::{StreamExt, stream};
use serde::Serialize;

use self::{
    file::FileFacts,
    snapshot::Snapshot,
    wal::{Growth, NextFlush, Wal},
};
use crate::{
    base::jobs::Jobs,
    store::{
        health::Health,
        inventory::{self, FoundFile, Inventory},
        layout::{Layout, Tier},
        problem::FileProblem,
    },
};

pub(crate) mod file;
pub(crate) mod snapshot;
pub(crate) mod wal;
pub(crate) mod words;

/// A store as it was found.
#[derive(Debug, Serialize)]
pub(crate) struct Inspection {
    pub(crate) store: PathBuf,
    /// By tier, then by name.
    pub(crate) files: Vec<FileFacts>,
    /// Places that could not be looked into.
    pub(crate) unlisted: Vec<Place>,
    pub(crate) totals: Vec<Total>,
    pub(crate) wal: Wal,
    /// None where there is no hot snapshot.
    pub(crate) hot_snapshot: Option<Snapshot>,
}

/// A place and what kept us from it.
#[derive(Debug, Serialize)]
pub(crate) struct Place {
    #[serde(serialize_with = "tier_name")]
    pub(crate) tier: Tier,
    pub(crate) file: String,
    pub(crate) problem: FileProblem,
}

/// The files of one tier together; leftovers and foreign files are counted apart.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Total {
    #[serde(serialize_with = "tier_name")]
    pub(crate) tier: Tier,
    pub(crate) files: u64,
    /// Of files whose rows are known.
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) damaged: u64,
    pub(crate) others: u64,
    pub(crate) other_bytes: u64,
}

/// Looks at every file of a store.
pub(crate) async fn inspect(layout: &Layout, context: &Arc<TaskContext>) -> anyhow::Result<Inspection> {
    let mut files = Vec::new();
    let mut unlisted = Vec::new();
    let mut snapshot_written = None;
    for tier in [Tier::Wal, Tier::Cold, Tier::Hot] {
        let listed = inventory::list(layout, tier);
        files.extend(facts(&listed, context).await?);
        if let (Tier::Hot, Some(snapshot)) = (tier, listed.data().next()) {
            snapshot_written = snapshot.modified_at;
        }
        unlisted.extend(listed.unlisted.into_iter().map(Place::from));
    }
    // What a flush took away meanwhile is in a cold file by now, or will be with the next look.
    files.retain(|file| file.health != Health::Gone);
    files.sort_by(|a, b| (a.tier, &a.file).cmp(&(b.tier, &b.file)));
    Ok(Inspection {
        store: layout.spans.clone(),
        totals: Tier::ALL.iter().map(|tier| Total::of(*tier, &files)).collect(),
        wal: Wal::of(&files, &unlisted),
        hot_snapshot: Snapshot::of(&files, snapshot_written),
        files,
        unlisted,
    })
}

async fn facts(listed: &Inventory, context: &Arc<TaskContext>) -> anyhow::Result<Vec<FileFacts>> {
    let mut done = Vec::with_capacity(listed.files.len());
    let mut tasks = stream::iter(listed.files.clone())
        .map(|found: FoundFile| {
            let context = Arc::clone(context);
            tokio::spawn(async move { FileFacts::of(&found, context).await })
        })
        .buffered(Jobs::default().get());
    while let Some(one) = tasks.next().await {
        done.push(one?);
    }
    Ok(done)
}

impl Inspection {
    /// Whether every file says what it should, and a flush would get through.
    pub(crate) fn is_sound(&self) -> bool {
        let flushes = matches!(self.wal.next_flush, NextFlush::Nothing | NextFlush::Writes { .. });
        flushes && self.unlisted.is_empty() && self.damaged().next().is_none()
    }

    /// Files that do not say what they should.
    pub(crate) fn damaged(&self) -> impl Iterator<Item = &FileFacts> {
        self.files.iter().filter(|file| file.health.hides_rows())
    }

    pub(crate) fn of_tier(&self, tier: Tier) -> impl Iterator<Item = &FileFacts> {
        self.files.iter().filter(move |file| file.tier == tier)
    }
}

impl Total {
    fn of(tier: Tier, files: &[FileFacts]) -> Self {
        let mut total = Self { tier, files: 0, rows: 0, bytes: 0, damaged: 0, others: 0, other_bytes: 0 };
        for file in files.iter().filter(|file| file.tier == tier) {
            if file.health.is_data() {
                total.files += 1;
                total.rows += file.rows.unwrap_or_default();
                total.bytes += file.size;
                total.damaged += u64::from(file.health.hides_rows());
            } else {
                total.others += 1;
                total.other_bytes += file.size;
            }
        }
        total
    }
}

impl From<inventory::Unlisted> for Place {
    fn from(place: inventory::Unlisted) -> Self {
        Self { tier: place.tier, file: place.shown, problem: FileProblem::of_listing(&place.source) }
    }
}

/// How long ago a Unix time in nanoseconds was; none for one that is yet to come.
pub(crate) fn age(since: i64, now: u64) -> Option<Duration> {
    let nanos = i128::from(now) - i128::from(since);
    u64::try_from(nanos).ok().map(Duration::from_nanos)
}

/// The WAL once more, `after` so long: what it grew or shrank by.
pub(crate) async fn growth(layout: &Layout, after: Duration) -> Growth {
    let sizes = || {
        let listed = inventory::list(layout, Tier::Wal);
        let segments: Vec<u64> = listed.data().map(|segment| segment.size).collect();
        ((segments.len() as u64).cast_signed(), segments.iter().sum::<u64>().cast_signed())
    };
    let (segments, bytes) = sizes();
    tokio::time::sleep(after).await;
    let (later_segments, later_bytes) = sizes();
    Growth {
        milliseconds: u64::try_from(after.as_millis()).unwrap_or(u64::MAX),
        segments: later_segments - segments,
        bytes: later_bytes - bytes,
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
pub(crate) fn tier_name<S: serde::Serializer>(tier: &Tier, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(tier.name())
}

/// Unix nanoseconds as text with all digits, as a store's own times go.
#[expect(clippy::ref_option, reason = "the form that serde calls")]
pub(crate) fn moment<S: serde::Serializer>(nanos: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
    let text = |nanos: i64| {
        chrono::DateTime::<chrono::Utc>::from_timestamp_nanos(nanos)
            .to_rfc3339_opts(chrono::SecondsFormat::Nanos, true)
    };
    nanos.map(text).serialize(serializer)
}

#[cfg(test)]
mod tests;
