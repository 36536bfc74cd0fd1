//! What the backend knows of the files here, and so which of them each page reads.

use std::collections::{BTreeMap, HashSet};

use datafusion::{arrow::array::AsArray, prelude::SessionContext};

use super::{Hidden, services::texts};
use crate::{
    index::{
        place::Places,
        read::{Index, IndexedService},
        visibility::{RECENT, cold_root},
    },
    store::{
        inventory::{FoundFile, Kind},
        layout::{Layout, Tier},
        problem::FileProblem,
    },
    tables::{
        index::ranks,
        listing::{Contents, Listing, Looked},
    },
};

/// Files that a list of workflows reads, and recent ones that each page reads beside its own.
const LISTED: u32 = 20;
const RECENT_FILES: usize = 20;
const RECENT_FILES_OF_SERVICES: usize = 5;

/// A list of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum ListKind {
    Workflows,
    Agents,
}

pub(super) struct Known<'i> {
    pub(super) index: &'i Index,
    /// By name: the place in the index.
    pub(super) cold: BTreeMap<String, Option<u32>>,
    failed: HashSet<String>,
    /// The newest first.
    recent: Vec<String>,
    /// Whether no snapshot can be made of the WAL, so that its rows are on no page.
    pub(super) is_wedged: bool,
    /// Whether a snapshot has rows.
    has_snapshot: bool,
    /// Cold files that fail each read.
    failing: BTreeMap<String, Hidden>,
    workflow_ranks: Vec<Option<u32>>,
    /// Files with the least and with the greatest duration that there is.
    least: HashSet<String>,
    greatest: HashSet<String>,
}

impl<'i> Known<'i> {
    /// `damaged`: files with pages that do not decode.
    pub(super) fn of(
        layout: &Layout,
        index: &'i Index,
        listing: &Listing,
        now: i64,
        damaged: &[String],
    ) -> Self {
        let of_tier = |tier: Tier| listing.files().filter(move |one| one.file.tier == tier);
        let holds_rows = |one: &&Looked| matches!(one.contents, Contents::Parquet(_));
        let files: Vec<&FoundFile> = of_tier(Tier::Cold).filter(holds_rows).map(|one| &one.file).collect();
        let root = cold_root(layout);
        let places =
            Places::of(files.iter().map(|file| file.shown.strip_prefix(&root).unwrap_or(&file.shown)));
        let mut cold: BTreeMap<String, Option<u32>> =
            files.iter().map(|file| (file.shown.clone(), None)).collect();
        for (number, file) in (0..).zip(&index.files) {
            if let Some((place, _)) = places.find(&file.path) {
                cold.insert(files[place as usize].shown.clone(), Some(number));
            }
        }
        let failed = index.failed.iter().filter_map(|file| places.find(&file.path));
        let failed = failed.map(|(place, _)| files[place as usize].shown.clone()).collect();
        let is_recent =
            |file: &&&FoundFile| file.named_at.is_some_and(|at| (0..=RECENT).contains(&(now - at)));
        let mut recent: Vec<&&FoundFile> = files.iter().filter(is_recent).collect();
        recent.sort_by_key(|file| std::cmp::Reverse(file.named_at));
        let recent = recent.into_iter().take(RECENT_FILES).map(|file| file.shown.clone()).collect();
        let is_newer = index.has_agents || listing.files().any(|one| one.schema_version() == Some(2));
        let stops = |one: &Looked| {
            one.problem.as_ref().is_some_and(FileProblem::stops_readers)
                || is_newer && one.schema_version() == Some(1)
        };
        let mut segments = of_tier(Tier::Wal).filter(|one| one.file.kind == Kind::Segment);
        let is_wedged = segments.clone().any(|one| stops(one) || damaged.contains(&one.file.shown));
        let has_rows = |one: &Looked| matches!(&one.contents, Contents::Segment(segment) if segment.rows > 0);
        let older = of_tier(Tier::Cold).filter(|one| is_newer && one.schema_version() == Some(1));
        let mut failing: BTreeMap<String, Hidden> =
            older.map(|one| (one.file.shown.clone(), Hidden::OlderSchema)).collect();
        failing.extend(damaged.iter().map(|file| (file.clone(), Hidden::DamagedFile)));
        let end = |file: u32| index.files.get(file as usize).and_then(|file| file.last_end);
        Self {
            index,
            cold,
            failed,
            recent,
            is_wedged,
            has_snapshot: !is_wedged && segments.any(has_rows),
            failing,
            workflow_ranks: ranks(index, |service| service.has_workflows, end),
            least: HashSet::new(),
            greatest: HashSet::new(),
        }
    }

    /// The backend's DataFusion counts the numbers between the least and the greatest of a column, and stops where
    /// these are all that a duration can be.
    pub(super) async fn note_durations(&mut self, session: &SessionContext) -> anyhow::Result<()> {
        let sql = format!(
            "SELECT file, bool_or(duration_ns < 0), bool_or(duration_ns > 0) FROM stored \
             WHERE duration_ns IN ({}, {}) GROUP BY file",
            i64::MIN,
            i64::MAX
        );
        for batch in session.sql(&sql).await?.collect().await? {
            let (least, greatest) = (batch.column(1).as_boolean(), batch.column(2).as_boolean());
            for (row, file) in texts(&batch, 0)?.into_iter().enumerate() {
                if least.value(row) {
                    self.least.insert(file.clone());
                }
                if greatest.value(row) {
                    self.greatest.insert(file);
                }
            }
        }
        Ok(())
    }

    /// What the index says of a service in a file, and where.
    fn entry(&self, file: &str, service: &str) -> Option<(usize, &IndexedService)> {
        let number = self.cold.get(file).copied().flatten()?;
        let of_file = self.index.services_of(number);
        let from = self.index.services.partition_point(|service| service.file < number);
        of_file.iter().enumerate().find(|(_, one)| *one.name == *service).map(|(at, one)| (from + at, one))
    }

    pub(super) fn is_recent(&self, file: &str) -> bool {
        self.recent.iter().any(|recent| recent == file)
    }

    /// Whether the list of services reads a file by itself: the WAL, and the newest of the recent ones.
    pub(super) fn tells_services(&self, file: &str) -> bool {
        if self.cold.contains_key(file) {
            self.recent.iter().take(RECENT_FILES_OF_SERVICES).any(|recent| recent == file)
        } else {
            !self.is_wedged
        }
    }

    /// A file that no page finds.
    pub(super) fn out_of_sight(&self, file: &str) -> Option<Hidden> {
        let indexed = self.cold.get(file)?;
        if indexed.is_some() || self.is_recent(file) {
            return None;
        }
        Some(if self.failed.contains(file) { Hidden::GivenUp } else { Hidden::NotIndexed })
    }

    /// Why a list of a service does not read a file.
    pub(super) fn hidden_from_list(&self, file: &str, service: &str, list: ListKind) -> Option<Hidden> {
        // Rows of the WAL are in the snapshot that each read asks for, where one can be made.
        if !self.cold.contains_key(file) {
            return self.is_wedged.then_some(Hidden::WedgedWal);
        }
        if self.is_recent(file) {
            return None;
        }
        if let Some(why) = self.out_of_sight(file) {
            return Some(why);
        }
        let Some((place, entry)) = self.entry(file, service) else { return Some(Hidden::EntryMissing) };
        match (list, self.workflow_ranks[place]) {
            (ListKind::Agents, _) => (!entry.has_agents).then_some(Hidden::EntryMissing),
            (ListKind::Workflows, None) => Some(Hidden::EntryMissing),
            (ListKind::Workflows, Some(rank)) => (rank > LISTED).then_some(Hidden::BehindTwentyFiles),
        }
    }

    /// Whether the index leads the trace's page to a file, `named` being the files that it names for the trace.
    pub(super) fn hidden_from_trace(&self, file: &str, named: &HashSet<u32>) -> Option<Hidden> {
        let Some(place) = self.cold.get(file) else { return self.is_wedged.then_some(Hidden::WedgedWal) };
        let is_read = place.is_some_and(|place| named.contains(&place)) || self.is_recent(file);
        (!is_read).then(|| self.out_of_sight(file).unwrap_or(Hidden::EntryMissing))
    }

    /// Why a page fails that reads the files for which `reads` holds.
    pub(super) fn failure(&self, reads: impl Fn(&str) -> bool) -> Option<Hidden> {
        let failing = self.failing.iter().find(|(file, _)| reads(file)).map(|(_, why)| *why);
        let read = |files: &HashSet<String>| files.iter().any(|file| reads(file));
        let fills_range = || self.removes_copies(&reads) && read(&self.least) && read(&self.greatest);
        failing.or_else(|| fills_range().then_some(Hidden::WholeRange))
    }

    /// Whether copies of a span are shown once: only where a page reads cold files and a snapshot.
    pub(super) fn removes_copies(&self, reads: impl Fn(&str) -> bool) -> bool {
        self.has_snapshot && self.cold.keys().any(|file| reads(file))
    }
}
