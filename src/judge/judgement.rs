//! All that one reading of a store established.

use std::{ops::AddAssign, sync::Arc};

use super::{
    account::{self, Account},
    barrier::{Barrier, Proof, last_ack},
    cache::usage::CacheUse,
    claim::{KnownRun, KnownRuns},
    expectation::Expectation,
    index_keys::IndexKeys,
    scope::Scope,
    spool::Spool,
    suspects::{Suspect, suspect_of},
    sweep_output::SweepOutput,
    tally::{Fate, State},
};
use crate::{
    ledger::{
        export_index::ExportIndex,
        history::{Export, History},
        outcome_counts::RunResults,
    },
    store::{
        health::Health, inventory::FoundFile, layout::Tier, problem::FileProblem, statistics::StatisticsFault,
    },
    traffic::ids::RunId,
    wire::outcome::ExportOutcome,
};

/// A store, read once and held against the runs that it was judged by.
#[derive(Debug)]
pub(crate) struct Judgement {
    pub(crate) runs: Arc<KnownRuns>,
    /// The runs that are judged, with what their ledgers say. Others were only recognised.
    pub(crate) judged: Vec<JudgedRun>,
    pub(crate) files: Vec<FileRecord>,
    pub(crate) collected: Arc<SweepOutput>,
    /// Every copy of a planned span that was found more than once.
    pub(crate) sightings: Arc<Spool>,
    /// The files that a second look can read.
    pub(crate) evidence: Vec<FoundFile>,
    /// Runs whose record of what was sent cannot be used, and why.
    pub(crate) unreadable: Vec<(RunId, String)>,
    /// Runs of whose differing rows nobody can say in which columns they differ, and why.
    pub(crate) unexplained: Vec<(RunId, String)>,
    pub(crate) rows: RowCounts,
    pub(crate) depth: Depth,
    pub(crate) scope: Arc<Scope>,
    /// All judged runs together.
    pub(crate) account: Account,
    /// Whether absences mean anything: not where one file was read alone.
    pub(crate) whole_store: bool,
    /// Bytes of column chunks and segments that were read.
    pub(crate) bytes_scanned: u64,
    /// Cold files named before this were not read, in Unix nanoseconds; none where all were.
    pub(crate) skipped_before: Option<i64>,
    /// Unix nanoseconds, when the first file was opened.
    pub(crate) read_began: u64,
    /// Where it used a cache.
    pub(crate) cache: Option<CacheUse>,
}

/// A run together with its ledger.
#[derive(Debug)]
pub(crate) struct JudgedRun {
    /// Its place in [`KnownRuns`].
    pub(crate) index: usize,
    pub(crate) history: History,
    pub(crate) exports: ExportIndex,
    pub(crate) barrier: Barrier,
    /// Whether the run must be in the store, and is not only met in it.
    pub(crate) wanted: bool,
    /// What its manifest and its ledger count; none while it has no results.
    pub(crate) results: Option<RunResults>,
    /// By service; made when the fates are set.
    pub(crate) services: Vec<Account>,
}

/// How the rows of cold files and segments were judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RowCounts {
    pub(crate) as_planned: u64,
    pub(crate) differing: u64,
    pub(crate) by_structure: u64,
    /// Rows that claim to be of a known run without having a place in its plan.
    pub(crate) strays: u64,
    /// Rows that were passed over, because they are of another service or another time.
    pub(crate) out_of_scope: u64,
}

impl AddAssign for RowCounts {
    fn add_assign(&mut self, other: Self) {
        self.as_planned += other.as_planned;
        self.differing += other.differing;
        self.by_structure += other.by_structure;
        self.strays += other.strays;
        self.out_of_scope += other.out_of_scope;
    }
}

impl RowCounts {
    pub(crate) fn total(&self) -> u64 {
        self.as_planned + self.differing + self.by_structure + self.strays
    }

    pub(crate) fn claimed(&self) -> u64 {
        self.as_planned + self.differing
    }
}

/// What became of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileRecord {
    pub(crate) tier: Tier,
    pub(crate) file: String,
    pub(crate) size: u64,
    pub(crate) health: Health,
    /// What is wrong with it, where something is.
    pub(crate) problem: Option<FileProblem>,
    pub(crate) rows: u64,
    /// 1 or 2; none where it cannot be told.
    pub(crate) schema: Option<i64>,
    pub(crate) named_at: Option<i64>,
    pub(crate) modified_at: Option<i64>,
    /// Where the studio puts a cold file of this name, below the cold folder.
    pub(crate) expected_place: Option<String>,
    /// Whether a reader that trusts the file gets to its end, as the studio's flush does.
    pub(crate) decodes: bool,
    /// What became of a hot snapshot's rows.
    pub(crate) snapshot: Option<SnapshotRecord>,
    /// What its footer states of its values and they do not come to.
    pub(crate) statistics: Vec<StatisticsFault>,
    /// Of a cold file that was read to its end, where the studio has an index.
    pub(crate) index_keys: Option<IndexKeys>,
}

/// A hot snapshot beside the WAL that it is a copy of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SnapshotRecord {
    /// Rows that a flush has moved to a cold file since.
    pub(crate) flushed: u64,
    /// Rows of the WAL that came after it.
    pub(crate) lacking: u64,
    /// Rows that are no copy of a row of the WAL, now or before a flush.
    pub(crate) others: Vec<SnapshotRow>,
}

/// A row that a snapshot should not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SnapshotRow {
    pub(crate) row_number: u64,
    pub(crate) id: (u128, u64),
    pub(crate) fault: SnapshotFault,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SnapshotFault {
    /// The WAL has the span with another content.
    ChangedInWal,
    /// A cold file has the span with another content.
    ChangedInCold,
    /// The other tiers have the row less often.
    ExtraCopy,
    Nowhere,
}

impl SnapshotFault {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ChangedInWal => "changed_in_wal",
            Self::ChangedInCold => "changed_in_cold",
            Self::ExtraCopy => "extra_copy",
            Self::Nowhere => "nowhere",
        }
    }
}

/// How much of each file is looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Depth {
    /// Names, sizes, first and last bytes. Does not see damage inside a file, nor what its rows say
    Files,
    /// Every footer, page header and IPC message decodes. Does not see damage inside a page, nor what rows say
    Structure,
    /// Every value is decoded and judged. Does not see a changed value that still reads well, in a row that no
    /// known run sent
    #[default]
    Content,
}

impl Depth {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Structure => "structure",
            Self::Content => "content",
        }
    }
}

/// What the store says of one export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ExportFate {
    /// Spans that were found at all.
    pub(crate) found: i64,
    pub(crate) behind_barrier: bool,
    /// Whether a file that could not be read may hold some of it.
    pub(crate) maybe_unread: bool,
}

/// Acked spans that had to be stored and are not. Times are Unix nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Losses {
    pub(crate) spans: u64,
    pub(crate) first_acked: u64,
    pub(crate) last_acked: u64,
}

impl JudgedRun {
    /// The export that carried a span, if it was sent.
    pub(crate) fn export_of(&self, expectation: &Expectation, slot: u64) -> Option<&Export> {
        let (stream, ordinal) = expectation.ordinal(slot);
        self.exports.find(&self.history.exports, stream, ordinal)
    }

    /// The number of that export in the run's ledgers, from 0.
    pub(crate) fn export_number(&self, expectation: &Expectation, slot: u64) -> Option<u32> {
        let (stream, ordinal) = expectation.ordinal(slot);
        self.exports.number(&self.history.exports, stream, ordinal)
    }

    /// What proves that the run's last ack had to be on disk.
    pub(crate) fn proof(&self) -> Option<Proof> {
        let (acked_at, part) = last_ack(&self.history)?;
        self.barrier.proof(part, acked_at)
    }

    /// Writes into the tally what the ledger says of each span.
    pub(crate) fn set_fates(&mut self, runs: &KnownRuns, suspects: &[Suspect], scope: &Scope) {
        let run = &runs.runs[self.index];
        let tally = run.tally();
        for export in &self.history.exports {
            let fate = if scope.has_time(Some(export.started_at.cast_signed())) {
                self.span_fate(export, suspects)
            } else {
                Fate::OutOfScope
            };
            run.expectation.slots_of(export).for_each(|slot| tally.set_fate(slot, fate));
        }
        if !scope.services.is_empty() {
            let outside = |slot: &u64| !scope.has_service(&[run.expectation.service_name(*slot)]);
            (0..tally.len()).filter(outside).for_each(|slot| tally.set_fate(slot, Fate::OutOfScope));
        }
        self.services = account::of_services(run, &self.history);
    }

    /// What became of an export as a whole.
    pub(crate) fn export_fate(&self, runs: &KnownRuns, export: &Export, suspects: &[Suspect]) -> ExportFate {
        let run = &runs.runs[self.index];
        let found = run.expectation.slots_of(export).filter(|slot| run.tally().get(*slot).found() > 0);
        ExportFate {
            found: i64::try_from(found.count()).unwrap_or(i64::MAX),
            behind_barrier: export
                .ended_at()
                .is_some_and(|ended| self.barrier.proof(export.part, ended).is_some()),
            maybe_unread: suspect_of(suspects, export.started_at).is_some(),
        }
    }

    /// Whether an acked span is absent that may still be on its way to a file.
    pub(crate) fn has_pending(&self, runs: &KnownRuns) -> bool {
        let tally = runs.runs[self.index].tally();
        let absent = |state: State| state.found() == 0 && state.fate() == Fate::Pending;
        let short = |export: &Export| {
            // Counting what was found of an export takes a look at each of its spans.
            if !matches!(export.outcome, ExportOutcome::Partial { .. }) {
                return false;
            }
            let fate = self.export_fate(runs, export, &[]);
            fate.found < taken(export) && !fate.behind_barrier
        };
        (0..tally.len()).any(|slot| absent(tally.get(slot))) || self.history.exports.iter().any(short)
    }

    /// The acked spans that are lost, and between which acks.
    pub(crate) fn losses(&self, runs: &KnownRuns) -> Option<Losses> {
        let run = &runs.runs[self.index];
        let is_lost = |slot: &u64| {
            let state = run.tally().get(*slot);
            state.found() == 0 && state.fate() == Fate::Durable
        };
        let mut losses: Option<Losses> = None;
        for export in self.history.exports.iter().filter(|export| export.outcome == ExportOutcome::Acked) {
            let spans = run.expectation.slots_of(export).filter(is_lost).count() as u64;
            let Some(acked) = export.ended_at().filter(|_| spans > 0) else { continue };
            let before = losses.unwrap_or(Losses { spans: 0, first_acked: acked, last_acked: acked });
            losses = Some(Losses {
                spans: before.spans + spans,
                first_acked: before.first_acked.min(acked),
                last_acked: before.last_acked.max(acked),
            });
        }
        losses
    }

    /// Whether an acked span was found nowhere, whatever that proves.
    pub(crate) fn lacks_acked(&self, runs: &KnownRuns) -> bool {
        let run = &runs.runs[self.index];
        let found = |slot: &u64| run.tally().get(*slot).found() > 0;
        self.history.exports.iter().any(|export| {
            let found = run.expectation.slots_of(export).filter(found).count();
            (found as i64) < taken(export)
        })
    }

    fn span_fate(&self, export: &Export, suspects: &[Suspect]) -> Fate {
        match (export.outcome, export.ended_at()) {
            (ExportOutcome::Acked, Some(acked_at)) if self.barrier.proof(export.part, acked_at).is_none() => {
                Fate::Pending
            }
            (ExportOutcome::Acked, Some(_)) if suspect_of(suspects, export.started_at).is_some() => {
                Fate::Unread
            }
            (ExportOutcome::Acked, Some(_)) => Fate::Durable,
            (ExportOutcome::Rejected { .. }, _) => Fate::Rejected,
            (ExportOutcome::Partial { .. }, _) => Fate::Partial,
            (ExportOutcome::Acked, None) | (ExportOutcome::Indeterminate { .. }, _) => Fate::Indeterminate,
        }
    }
}

/// Spans of an export that the studio says it has.
fn taken(export: &Export) -> i64 {
    match export.outcome {
        ExportOutcome::Acked => export.count.into(),
        ExportOutcome::Partial { .. } => {
            i64::from(export.count) - export.outcome.rejected_spans().unwrap_or_default()
        }
        ExportOutcome::Rejected { .. } | ExportOutcome::Indeterminate { .. } => 0,
    }
}

impl Judgement {
    /// What a judged run should have left, and what was found of it.
    pub(crate) fn known(&self, judged: &JudgedRun) -> &KnownRun {
        &self.runs.runs[judged.index]
    }

    /// Files of a tier that were opened, whatever became of them.
    pub(crate) fn files_read(&self, tier: Tier) -> u64 {
        self.files.iter().filter(|file| file.tier == tier && file.health.is_read()).count() as u64
    }

    /// Entries of a tier that were met, whatever they are.
    pub(crate) fn entries(&self, tier: Tier) -> u64 {
        self.files.iter().filter(|file| file.tier == tier && file.health != Health::Gone).count() as u64
    }

    /// What this user may not look into.
    pub(crate) fn not_read(&self) -> impl Iterator<Item = &FileRecord> {
        self.files.iter().filter(|file| file.health == Health::NotRead)
    }

    /// The files that may hold spans which were found nowhere else.
    pub(crate) fn suspects(&self) -> Vec<Suspect> {
        let hiding = self.files.iter().filter(|file| file.health.hides_rows() && file.tier != Tier::Hot);
        hiding.map(|file| Suspect { shown: file.file.clone(), named_at: file.named_at }).collect()
    }
}
