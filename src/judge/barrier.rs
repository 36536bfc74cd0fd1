//! Whether an ack's spans had to be in a file by the time the store was read.
//!
//! The studio answers OK when spans are in memory; a flush, a snapshot or its timer brings them to
//! disk (contract, section 4). An absence proves a loss only behind one of these. File names are
//! not used as barriers: they are the studio's clock against the generator's.

use std::time::Duration;

use crate::{
    ledger::{entry::Rpc, history::History},
    load::barrier::PAST_SNAPSHOT_CACHE,
    wire::outcome::Outcome,
};

/// How far the generator's clock and the auditor's may lie apart.
const CLOCK_SKEW: Duration = Duration::from_mins(5);

/// The barriers of one run. Times are Unix nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Barrier {
    flush_began: Option<u64>,
    snapshot_began: Option<u64>,
    /// Acks up to here are older than the WAL timer can explain.
    settled_until: u64,
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
        let latest = |rpc| {
            let successes = history.calls.iter().filter(|call| call.rpc == rpc && call.success);
            successes.map(|call| call.began).max()
        };
        // All acks of the ledger precede its reading, whatever the two clocks say. Without a wait the
        // generator's clock and ours are compared, and an age counts only beyond what they may differ.
        let old = u64::try_from(settle.saturating_add(CLOCK_SKEW).as_nanos()).unwrap_or(u64::MAX);
        let settled_until = if waited >= settle { u64::MAX } else { read_began.saturating_sub(old) };
        Self {
            flush_began: latest(Rpc::FlushWal),
            snapshot_began: latest(Rpc::PrepareHotSnapshot),
            settled_until,
        }
    }

    pub(crate) fn proof(&self, acked_at: u64) -> Option<Proof> {
        let flush = self.flush_began.filter(|began| *began > acked_at).map(|began| Proof::Flush { began });
        let snapshot = self
            .snapshot_began
            .filter(|began| *began > acked_at.saturating_add(PAST_SNAPSHOT_CACHE.as_nanos() as u64));
        flush
            .or(snapshot.map(|began| Proof::Snapshot { began }))
            .or((acked_at <= self.settled_until).then_some(Proof::Settled))
    }
}

/// The last ack of a run, if it has any.
pub(crate) fn last_ack(history: &History) -> Option<u64> {
    let acked = |outcome| matches!(outcome, Outcome::Acked | Outcome::Partial { .. });
    history.exports.iter().filter(|export| acked(export.outcome)).filter_map(|export| export.ended_at).max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::history::Call;

    const SECOND: u64 = 1_000_000_000;
    const SETTLE: Duration = Duration::from_secs(10);

    fn proof(calls: &[(Rpc, u64, bool)], acked_at: u64, read_began: u64, waited: u64) -> Option<Proof> {
        let calls = calls.iter().map(|&(rpc, began, success)| Call {
            rpc,
            began: began * SECOND,
            ended: began * SECOND + 1,
            success,
            error: String::new(),
        });
        let history = History { calls: calls.collect(), ..History::default() };
        Barrier::new(&history, read_began * SECOND, Duration::from_secs(waited), SETTLE)
            .proof(acked_at * SECOND)
    }

    #[test]
    fn a_flush_counts_if_it_began_after_the_ack_and_succeeded() {
        let flush = |began, success| proof(&[(Rpc::FlushWal, began, success)], 100, 101, 0);
        assert_eq!(flush(101, true), Some(Proof::Flush { began: 101 * SECOND }));
        assert_eq!(flush(101, false), None);
        assert_eq!(flush(100, true), None);
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
