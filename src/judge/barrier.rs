//! Whether an ack's spans had to be in a file by the time the store was read.
//!
//! The studio answers OK when spans are in memory; a flush, a snapshot or its timer brings them to
//! disk (contract, section 4). An absence proves a loss only behind one of these. File names are
//! not used as barriers: they are the studio's clock against the generator's.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    ledger::{entry::Rpc, history::History},
    send::barrier::PAST_SNAPSHOT_CACHE,
    wire::outcome::ExportOutcome,
};

/// How far the generator's clock and the auditor's may lie apart.
const CLOCK_SKEW: Duration = Duration::from_mins(5);

/// The barriers of one run. Times are Unix nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Barrier {
    /// By part of the run, whose clocks need not agree: when the last flush began, and the last snapshot.
    called: BTreeMap<u16, Called>,
    /// Acks up to here are older than the WAL timer can explain.
    settled_until: u64,
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
    pub(crate) fn new(history: &History, read_began: u64, waited: Duration, settle: Duration) -> Self {
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
        Self { called, settled_until }
    }

    /// What proves that an ack to one part of the run had to be on disk.
    pub(crate) fn proof(&self, part: u16, acked_at: u64) -> Option<Proof> {
        let called = self.called.get(&part).copied().unwrap_or_default();
        let flush = called.flush.filter(|began| *began > acked_at).map(|began| Proof::Flush { began });
        let snapshot = called
            .snapshot
            .filter(|began| *began > acked_at.saturating_add(PAST_SNAPSHOT_CACHE.as_nanos() as u64));
        flush
            .or(snapshot.map(|began| Proof::Snapshot { began }))
            .or((acked_at <= self.settled_until).then_some(Proof::Settled))
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
    use crate::ledger::history::Call;

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
        Barrier::new(&history, read_began * SECOND, Duration::from_secs(waited), SETTLE)
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
        let barrier = Barrier::new(&history, 20, Duration::ZERO, SETTLE);
        assert_eq!(barrier.proof(1, 5), Some(Proof::Flush { began: 9 }));
        assert_eq!(barrier.proof(0, 5), None);
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
}
