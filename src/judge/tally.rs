//! A byte for each planned span: its fate, how often it was found where, and whether unchanged.
//!
//! Counts saturate at three. The sweep's workers count at the same time, so the bytes are atomic;
//! fates are set afterwards from the run's ledger.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::store::layout::Tier;

const COLD_SHIFT: u8 = 3;
const WAL_SHIFT: u8 = 5;
const ALTERED: u8 = 1 << 7;
const FATE: u8 = 0b111;

/// What the ledger says of a planned span, and what an absence of it would mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Fate {
    NotStarted = 0,
    /// Acked, and a barrier lies between the ack and the read.
    Durable = 1,
    /// Acked, but it may still have been in the studio's memory when the store was read.
    Pending = 2,
    /// As `Durable`, but a file that could not be read may hold it.
    Unread = 3,
    Rejected = 4,
    Indeterminate = 5,
    /// One of an export of which only so many were taken.
    Partial = 6,
    /// Of another service or another time than the audit is about.
    OutOfScope = 7,
}

/// The tiers that count as evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Evidence {
    Cold,
    Wal,
}

impl Evidence {
    /// What a row of a tier is evidence of: the hot snapshot is a copy.
    pub(crate) fn of(tier: Tier) -> Option<Self> {
        match tier {
            Tier::Cold => Some(Self::Cold),
            Tier::Wal => Some(Self::Wal),
            Tier::Hot => None,
        }
    }
}

/// One byte of a tally.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct State(pub(crate) u8);

impl State {
    pub(crate) fn fate(self) -> Fate {
        match self.0 & FATE {
            0 => Fate::NotStarted,
            1 => Fate::Durable,
            2 => Fate::Pending,
            3 => Fate::Unread,
            4 => Fate::Rejected,
            5 => Fate::Indeterminate,
            6 => Fate::Partial,
            _ => Fate::OutOfScope,
        }
    }

    pub(crate) fn copies(self, tier: Evidence) -> u8 {
        self.0 >> shift(tier) & 0b11
    }

    pub(crate) fn found(self) -> u8 {
        self.copies(Evidence::Cold) + self.copies(Evidence::Wal)
    }

    pub(crate) fn altered(self) -> bool {
        self.0 & ALTERED != 0
    }
}

/// The states of a run's planned spans by slot.
#[derive(Debug)]
pub(crate) struct Tally(Vec<AtomicU8>);

impl Tally {
    pub(crate) fn new(slots: u64) -> Self {
        let slots = usize::try_from(slots).expect("a plan fits into memory at a byte a span");
        Self((0..slots).map(|_| AtomicU8::new(0)).collect())
    }

    pub(crate) fn len(&self) -> u64 {
        self.0.len() as u64
    }

    pub(crate) fn get(&self, slot: u64) -> State {
        State(self.0[slot as usize].load(Ordering::Relaxed))
    }

    /// Counts one stored copy.
    pub(crate) fn count(&self, slot: u64, tier: Evidence, altered: bool) {
        self.change(slot, |byte| {
            let copies = (State(byte).copies(tier) + 1).min(3);
            byte & !(0b11 << shift(tier)) | copies << shift(tier) | if altered { ALTERED } else { 0 }
        });
    }

    /// Takes back one copy in the WAL whose segment has since been flushed.
    pub(crate) fn forget_wal_copy(&self, slot: u64) {
        self.change(slot, |byte| {
            let copies = State(byte).copies(Evidence::Wal).saturating_sub(1);
            byte & !(0b11 << WAL_SHIFT) | copies << WAL_SHIFT
        });
    }

    pub(crate) fn set_fate(&self, slot: u64, fate: Fate) {
        self.change(slot, |byte| byte & !FATE | fate as u8);
    }

    /// Takes back that a copy is not as it should be.
    pub(crate) fn clear_altered(&self, slot: u64) {
        self.change(slot, |byte| byte & !ALTERED);
    }

    fn change(&self, slot: u64, change: impl Fn(u8) -> u8) {
        self.0[slot as usize].update(Ordering::Relaxed, Ordering::Relaxed, change);
    }
}

fn shift(tier: Evidence) -> u8 {
    match tier {
        Evidence::Cold => COLD_SHIFT,
        Evidence::Wal => WAL_SHIFT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_keeps_standing_copies_and_alteration_apart() {
        let tally = Tally::new(2);
        tally.count(0, Evidence::Cold, false);
        tally.count(0, Evidence::Wal, true);
        tally.set_fate(0, Fate::Indeterminate);
        tally.set_fate(0, Fate::Durable);
        let state = tally.get(0);
        assert_eq!(state.fate(), Fate::Durable);
        assert_eq!(
            (state.copies(Evidence::Cold), state.copies(Evidence::Wal), state.altered()),
            (1, 1, true)
        );
        assert_eq!(tally.get(1), State(0));
    }

    #[test]
    fn copies_stop_at_three_and_a_flushed_one_is_taken_back() {
        let tally = Tally::new(1);
        for _ in 0..9 {
            tally.count(0, Evidence::Wal, false);
        }
        assert_eq!(tally.get(0).copies(Evidence::Wal), 3);
        assert_eq!(tally.get(0).copies(Evidence::Cold), 0);
        tally.forget_wal_copy(0);
        assert_eq!(tally.get(0).copies(Evidence::Wal), 2);
    }
}
