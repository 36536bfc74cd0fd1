//! Which rows of a store are copies of one that was met before.
//!
//! The ids of all rows are gone through in shares of bounded size, chosen by a hash of the trace id, so
//! that memory does not grow with the store. Only the places of the copies are kept.

use crate::ledger::expected::IdKey;

/// Rows whose ids are held at once: 48 MB.
const SHARE: u64 = 2_000_000;

/// Collects the ids of one share of the traces.
#[derive(Debug)]
pub(crate) struct Share {
    number: u64,
    of: u64,
    ids: Vec<(IdKey, u64)>,
}

/// What a share came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) traces: u64,
    /// Places of copies, counted over all rows.
    pub(crate) copies: Vec<u64>,
}

/// How many shares so many rows need.
pub(crate) fn shares(rows: u64) -> u64 {
    rows.div_ceil(SHARE).max(1)
}

impl Share {
    pub(crate) fn new(number: u64, of: u64) -> Self {
        Self { number, of, ids: Vec::new() }
    }

    pub(crate) fn add(&mut self, ids: IdKey, place: u64) {
        if ids.trace % self.of == self.number {
            self.ids.push((ids, place));
        }
    }

    pub(crate) fn count(mut self) -> Counted {
        self.ids.sort_unstable();
        let mut counted = Counted::default();
        let mut last: Option<IdKey> = None;
        for (ids, place) in self.ids {
            counted.traces += u64::from(last.is_none_or(|last| last.trace != ids.trace));
            if last == Some(ids) {
                counted.copies.push(place);
            }
            last = Some(ids);
        }
        counted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_find_together_what_one_finds_alone() {
        let rows: Vec<IdKey> =
            (0..900_u64).map(|row| IdKey { trace: row % 30 * 7_919, span: row % 200 }).collect();
        let counted = |of: u64| {
            let mut all = Counted::default();
            for number in 0..of {
                let mut share = Share::new(number, of);
                rows.iter().zip(0..).for_each(|(ids, place)| share.add(*ids, place));
                let counted = share.count();
                all.traces += counted.traces;
                all.copies.extend(counted.copies);
            }
            all.copies.sort_unstable();
            all
        };
        let one = counted(1);
        // After 600 rows both ids repeat.
        assert_eq!((one.traces, one.copies.clone()), (30, (600..900).collect()));
        assert_eq!(counted(4), one);
    }

    #[test]
    fn the_first_of_a_span_is_kept() {
        let mut share = Share::new(0, 1);
        let ids = |span| IdKey { trace: 1, span };
        for (span, place) in [(7, 0), (8, 1), (7, 2), (7, 5)] {
            share.add(ids(span), place);
        }
        assert_eq!(share.count(), Counted { traces: 1, copies: vec![2, 5] });
        assert_eq!((shares(0), shares(2_000_000), shares(2_000_001)), (1, 1, 2));
    }
}
