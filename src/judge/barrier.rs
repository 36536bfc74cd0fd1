//! Whether an ack's spans had to be in a file by the time the store was read.
//!
//! The studio answers OK when spans are in memory; a flush, a snapshot or its timer brings them to
//! disk (contract, section 4). An absence proves a loss only behind one of these. File names are
//! not used as barriers: they are the studio's clock against the generator's. The studio flushes in the loop that its
//! timer runs in: while it does, the timer waits, and time alone settles nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::judgement::FileRecord;
use crate::{
    ledger::{entry::Rpc, history::History},
    send::barrier::{BarrierOutcome, PAST_SNAPSHOT_CACHE},
    store::{
        health::Health,
        inventory::{self, Kind},
        layout::{Layout, Tier},
    },
    wire::{ingestion::RefusalKind, outcome::ExportOutcome},
};

/// How far the generator's clock and the auditor's may lie apart.
const CLOCK_SKEW: Duration = Duration::from_mins(5);

/// A temporary file that was not written to for so long was left by a crash.
const ABANDONED: Duration = Duration::from_mins(1);

/// No flush takes longer: a file that was named so long before it was written is a copy.
const LONGEST_FLUSH: Duration = Duration::from_mins(10);

/// A bucket tells times in whole seconds, rounded down.
const WHOLE_SECONDS: u64 = 1_000_000_000;

/// A flush or a snapshot that is under way, or ended so lately that the timer has not caught up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecentFlush {
    /// Unix nanoseconds, when it began at the earliest.
    began: u64,
}

/// Unfinished files that nobody writes any more, by name and by when they were written.
#[derive(Debug, Clone, Default)]
pub(crate) struct LeftBehind(BTreeSet<(String, Option<i64>)>);

impl LeftBehind {
    /// To be called at once after a barrier. The studio does one flush after the other, so when one has failed, no
    /// other is under way.
    pub(crate) fn after(raised: &BarrierOutcome, layout: &Layout) -> Self {
        let has_failed =
            matches!(raised, BarrierOutcome::Refused { refusal, .. } if refusal.kind == RefusalKind::Failed);
        let tiers = if has_failed { &[Tier::Cold, Tier::Hot][..] } else { &[] };
        let files = tiers.iter().flat_map(|tier| inventory::list(layout, *tier).files);
        let unfinished = files.filter(|file| file.kind == Kind::Temp);
        Self(unfinished.map(|file| (file.shown, file.modified_at)).collect())
    }

    fn has(&self, file: &FileRecord) -> bool {
        // Few or none, and asked once per file.
        self.0.iter().any(|(shown, written)| *shown == file.file && *written == file.modified_at)
    }
}

/// What the files of a store tell of flushes in the time before it was read.
pub(crate) fn recent_flushes(
    files: &[FileRecord],
    left_behind: &LeftBehind,
    read_began: u64,
    settle: Duration,
) -> Vec<RecentFlush> {
    let files = files.iter().filter(|file| !left_behind.has(file));
    files.filter_map(|file| recent_flush(file, read_began, settle)).collect()
}

fn recent_flush(file: &FileRecord, read_began: u64, settle: Duration) -> Option<RecentFlush> {
    let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let is_running = file.health == Health::Temporary && file.file.ends_with(".parquet.tmp");
    let counts_for = match file.tier {
        Tier::Cold | Tier::Hot if is_running => settle.max(ABANDONED),
        Tier::Cold | Tier::Hot if file.health.is_data() => settle,
        Tier::Cold | Tier::Hot | Tier::Wal => return None,
    };
    let written = u64::try_from(file.modified_at?).ok()?;
    if written.saturating_add(nanos(counts_for)) <= read_began {
        return None;
    }
    let began = match file.named_at {
        Some(named) => u64::try_from(named).ok()?,
        // A snapshot is not named after a time, and no studio gives a cold file another name.
        None if is_running || file.tier == Tier::Hot => written.saturating_sub(nanos(LONGEST_FLUSH)),
        None => return None,
    };
    let is_copy = written > began.saturating_add(nanos(LONGEST_FLUSH))
        || began > written.saturating_add(nanos(CLOCK_SKEW));
    (!is_copy).then_some(RecentFlush { began })
}

/// The barriers of one run. Times are Unix nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Barrier {
    /// By part of the run, whose clocks need not agree: when the last flush began, and the last snapshot.
    called: BTreeMap<u16, Called>,
    /// Acks up to here are older than the WAL timer can explain.
    settled_until: u64,
    /// Acks from here on may have come while a flush held the timer back.
    held_back_from: Option<u64>,
}

/// The last calls that succeeded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Called {
    flush: Option<u64>,
    snapshot: Option<u64>,
}

/// What stands between an ack and the read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    Flush { began: u64 },
    Snapshot { began: u64 },
    Settled,
}

impl Barrier {
    /// `read_began` is when the sweep began; `waited` is how long before that the ledger was read.
    pub(crate) fn new(
        history: &History,
        read_began: u64,
        waited: Duration,
        settle: Duration,
        flushes: &[RecentFlush],
    ) -> Self {
        let mut called: BTreeMap<u16, Called> = BTreeMap::new();
        for call in history.calls.iter().filter(|call| call.success) {
            let last = called.entry(call.part).or_default();
            let last = match call.rpc {
                Rpc::FlushWal => &mut last.flush,
                Rpc::PrepareHotSnapshot => &mut last.snapshot,
            };
            *last = (*last).max(Some(call.began));
        }
        // All acks of the ledger precede its reading, whatever the two clocks say. Without a wait the
        // generator's clock and ours are compared, and an age counts only beyond what they may differ.
        let old = u64::try_from(settle.saturating_add(CLOCK_SKEW).as_nanos()).unwrap_or(u64::MAX);
        let settled_until = if waited >= settle { u64::MAX } else { read_began.saturating_sub(old) };
        // A flush first writes what is in memory: only what came after that had to wait for it.
        let held_back_from = flushes.iter().map(|flush| flush.began.saturating_sub(old)).min();
        Self { called, settled_until, held_back_from }
    }

    /// Of a copy of a store, in a bucket: when it was made, nobody tells. A flush counts if something was put there after
    /// it had ended; neither time nor a snapshot says what has been copied.
    pub(crate) fn of_copy(history: &History, last_put: Option<u64>) -> Self {
        let flushes = history.calls.iter().filter(|call| call.success && call.rpc == Rpc::FlushWal);
        let copied = flushes
            .filter(|call| last_put.is_some_and(|put| put.saturating_add(WHOLE_SECONDS) >= call.ended));
        let mut called: BTreeMap<u16, Called> = BTreeMap::new();
        for call in copied {
            let last = called.entry(call.part).or_default();
            last.flush = last.flush.max(Some(call.began));
        }
        Self { called, settled_until: 0, held_back_from: None }
    }

    /// What proves that an ack to one part of the run had to be on disk.
    pub(crate) fn proof(&self, part: u16, acked_at: u64) -> Option<Proof> {
        let called = self.called.get(&part).copied().unwrap_or_default();
        let flush = called.flush.filter(|began| *began > acked_at).map(|began| Proof::Flush { began });
        let snapshot = called
            .snapshot
            .filter(|began| *began > acked_at.saturating_add(PAST_SNAPSHOT_CACHE.as_nanos() as u64));
        let is_settled =
            acked_at <= self.settled_until && self.held_back_from.is_none_or(|from| acked_at < from);
        flush.or(snapshot.map(|began| Proof::Snapshot { began })).or(is_settled.then_some(Proof::Settled))
    }
}

/// The last ack of a run, if it has any, and of which part it is.
pub(crate) fn last_ack(history: &History) -> Option<(u64, u16)> {
    let acked = |outcome| matches!(outcome, ExportOutcome::Acked | ExportOutcome::Partial { .. });
    let acks = history.exports.iter().filter(|export| acked(export.outcome));
    acks.filter_map(|export| Some((export.ended_at()?, export.part))).max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ledger::history::Call, wire::ingestion::Refusal};

    const SECOND: u64 = 1_000_000_000;
    const SETTLE: Duration = Duration::from_secs(10);

    fn proof(calls: &[(Rpc, u64, bool)], acked_at: u64, read_began: u64, waited: u64) -> Option<Proof> {
        let calls = calls.iter().map(|&(rpc, began, success)| Call {
            part: 0,
            rpc,
            began: began * SECOND,
            ended: began * SECOND + 1,
            success,
            error: String::new(),
        });
        let history = History { calls: calls.collect(), ..History::default() };
        Barrier::new(&history, read_began * SECOND, Duration::from_secs(waited), SETTLE, &[])
            .proof(0, acked_at * SECOND)
    }

    #[test]
    fn a_flush_counts_if_it_began_after_the_ack_and_succeeded() {
        let flush = |began, success| proof(&[(Rpc::FlushWal, began, success)], 100, 101, 0);
        assert_eq!(flush(101, true), Some(Proof::Flush { began: 101 * SECOND }));
        assert_eq!(flush(101, false), None);
        assert_eq!(flush(100, true), None);
    }

    #[test]
    fn a_flush_proves_nothing_of_what_was_sent_from_elsewhere() {
        let call =
            Call { part: 1, rpc: Rpc::FlushWal, began: 9, ended: 10, success: true, error: String::new() };
        let history = History { calls: vec![call], ..History::default() };
        let barrier = Barrier::new(&history, 20, Duration::ZERO, SETTLE, &[]);
        assert_eq!(barrier.proof(1, 5), Some(Proof::Flush { began: 9 }));
        assert_eq!(barrier.proof(0, 5), None);
    }

    #[test]
    fn of_a_copy_only_a_flush_counts_that_was_copied_afterwards() {
        let proof = |rpc, last_put: Option<u64>| {
            let call = Call {
                part: 0,
                rpc,
                began: 101 * SECOND,
                ended: 102 * SECOND,
                success: true,
                error: String::new(),
            };
            let history = History { calls: vec![call], ..History::default() };
            Barrier::of_copy(&history, last_put.map(|second| second * SECOND)).proof(0, 100 * SECOND)
        };
        let flush = Some(Proof::Flush { began: 101 * SECOND });
        assert_eq!(proof(Rpc::FlushWal, Some(102)), flush);
        assert_eq!(proof(Rpc::FlushWal, Some(101)), flush, "102.0 may be told as 101");
        assert_eq!(proof(Rpc::FlushWal, Some(100)), None);
        assert_eq!(proof(Rpc::FlushWal, None), None);
        assert_eq!(proof(Rpc::PrepareHotSnapshot, Some(999_999)), None);
    }

    #[test]
    fn a_snapshot_counts_if_it_cannot_have_come_from_the_cache() {
        let snapshot = |began| proof(&[(Rpc::PrepareHotSnapshot, began, true)], 100, 104, 0);
        assert_eq!(snapshot(102), None);
        assert_eq!(snapshot(103), Some(Proof::Snapshot { began: 103 * SECOND }));
    }

    #[test]
    fn time_settles_what_no_call_did() {
        assert_eq!(proof(&[], 100, 409, 0), None);
        assert_eq!(proof(&[], 100, 410, 0), Some(Proof::Settled));
    }

    #[test]
    fn waiting_settles_even_when_the_clocks_disagree() {
        assert_eq!(proof(&[], 5_000, 100, 9), None);
        assert_eq!(proof(&[], 5_000, 100, 10), Some(Proof::Settled));
    }

    fn file(tier: Tier, name: &str, health: Health, named: Option<i64>, written: i64) -> FileRecord {
        let nanos = |seconds: i64| seconds * 1_000_000_000;
        FileRecord {
            tier,
            file: name.to_owned(),
            size: 4,
            health,
            problem: None,
            rows: 0,
            schema: None,
            named_at: named.map(nanos),
            modified_at: Some(nanos(written)),
            expected_place: None,
            decodes: true,
            snapshot: None,
            statistics: Vec::new(),
            index_keys: None,
        }
    }

    #[test]
    fn a_flush_that_runs_or_has_just_ended_is_known_by_its_file() {
        let began = |tier, name: &str, health, named, written| {
            let file = file(tier, name, health, named, written);
            let found = recent_flushes(&[file], &LeftBehind::default(), 10_000 * SECOND, SETTLE);
            found.first().map(|flush| flush.began / SECOND)
        };
        let (cold, wal, hot) = (Tier::Cold, Tier::Wal, Tier::Hot);
        assert_eq!(began(cold, "a.parquet.tmp", Health::Temporary, Some(9_900), 9_950), Some(9_900));
        assert_eq!(began(cold, "a.parquet.tmp", Health::Temporary, Some(9_900), 9_939), None, "left");
        assert_eq!(began(cold, "a.parquet.tmp", Health::Temporary, Some(5_000), 9_999), None, "a copy");
        assert_eq!(began(cold, "a.parquet.tmp", Health::Temporary, None, 9_999), Some(9_399));
        assert_eq!(began(cold, "a.parquet", Health::Ok, Some(9_900), 9_991), Some(9_900));
        assert_eq!(began(cold, "a.parquet", Health::Ok, Some(9_900), 9_989), None, "long ago");
        assert_eq!(began(cold, "a.parquet", Health::Ok, Some(5_000), 9_999), None, "a copy");
        assert_eq!(began(cold, "copy.parquet", Health::Ok, None, 9_999), None);
        assert_eq!(began(hot, "hot_snapshot.parquet.tmp", Health::Temporary, None, 9_999), Some(9_399));
        assert_eq!(began(wal, "a.ipc.tmp", Health::Temporary, Some(9_999), 9_999), None);
        assert_eq!(began(cold, "notes.tmp", Health::Temporary, None, 9_999), None);
    }

    #[test]
    fn what_a_failed_flush_left_is_no_flush_that_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let day = folder.path().join("spans/parquet/year=2026/month=11/day=23");
        std::fs::create_dir_all(&day).unwrap();
        std::fs::write(day.join("20261123_204443_2326d5ab.parquet.tmp"), "half").unwrap();
        let layout = Layout::find(Some(folder.path())).unwrap();
        let refused = |kind| {
            let refusal = Refusal { message: String::new(), kind };
            LeftBehind::after(&BarrierOutcome::Refused { rpc: Rpc::FlushWal, refusal }, &layout)
        };
        let left = refused(RefusalKind::Failed);
        let (shown, written) = left.0.first().unwrap().clone();
        let mut unfinished = file(Tier::Cold, &shown, Health::Temporary, None, 0);
        unfinished.modified_at = written;
        let now = written.unwrap().cast_unsigned();
        let found = |file: &FileRecord, left: &LeftBehind| {
            recent_flushes(std::slice::from_ref(file), left, now, SETTLE).len()
        };
        assert_eq!(found(&unfinished, &left), 0);
        assert_eq!(found(&unfinished, &refused(RefusalKind::Unanswered)), 1, "it may go on");
        let flushed = BarrierOutcome::Flushed { took: Duration::ZERO };
        assert_eq!(found(&unfinished, &LeftBehind::after(&flushed, &layout)), 1);
        unfinished.modified_at = written.map(|written| written + 1);
        assert_eq!(found(&unfinished, &left), 1, "somebody writes");
    }

    #[test]
    fn time_settles_nothing_that_came_while_a_flush_held_the_timer_back() {
        let proof = |acked_at: u64| {
            let flush = RecentFlush { began: 10_000 * SECOND };
            let waited = SETTLE;
            let barrier = Barrier::new(&History::default(), 10_005 * SECOND, waited, SETTLE, &[flush]);
            barrier.proof(0, acked_at * SECOND)
        };
        assert_eq!(proof(10_001), None);
        assert_eq!(proof(9_700), None, "the clocks may differ so much");
        assert_eq!(proof(9_000), Some(Proof::Settled), "a flush brings what came before it");
    }
}
