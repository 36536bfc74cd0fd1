//! Which spans of a source are copies of one that was met before.
//!
//! As long as they are few, the ids of all are held, and one walk tells. Of more, they are gone through in
//! shares of bounded size, chosen by a hash of the trace id, so that memory does not grow with the source:
//! only the places of the copies are kept.

use std::collections::HashSet;

use crate::ledger::expected::IdKey;

/// Spans whose ids are held at once: 48 MB at most.
pub(crate) const HELD: u64 = 1_800_000;

/// The ids that were met so far.
#[derive(Debug)]
pub(crate) struct Met {
    room: u64,
    ids: HashSet<IdKey>,
    /// Places of copies, in order.
    pub(crate) copies: Vec<u64>,
    /// Whether there were more than can be held: then nothing is known.
    pub(crate) overflowed: bool,
}

impl Met {
    pub(crate) fn new(room: u64) -> Self {
        Self { room, ids: HashSet::new(), copies: Vec::new(), overflowed: false }
    }

    /// Whether the span was met before. Places come in order.
    pub(crate) fn is_copy(&mut self, ids: IdKey, place: u64) -> bool {
        if self.overflowed {
            return false;
        }
        if self.ids.len() as u64 >= self.room && !self.ids.contains(&ids) {
            *self = Self { overflowed: true, ..Self::new(self.room) };
            return false;
        }
        let is_copy = !self.ids.insert(ids);
        if is_copy {
            self.copies.push(place);
        }
        is_copy
    }

    pub(crate) fn traces(&self) -> u64 {
        let mut traces: Vec<u64> = self.ids.iter().map(|ids| ids.trace).collect();
        traces.sort_unstable();
        traces.dedup();
        traces.len() as u64
    }
}

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
    pub(crate) copies: Vec<u64>,
}

/// How many shares so many spans need.
pub(crate) fn shares(spans: u64) -> u64 {
    spans.div_ceil(HELD).max(1)
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

        let mut met = Met::new(600);
        let copies: Vec<u64> = rows
            .iter()
            .zip(0..)
            .filter(|(ids, place)| met.is_copy(**ids, *place))
            .map(|(_, place)| place)
            .collect();
        assert_eq!((met.traces(), &met.copies), (30, &one.copies));
        assert_eq!(copies, one.copies);
        let mut cramped = Met::new(599);
        rows.iter().zip(0..).for_each(|(ids, place)| _ = cramped.is_copy(*ids, place));
        assert!(cramped.overflowed && !met.overflowed);
    }

    #[test]
    fn the_first_of_a_span_is_kept() {
        let mut share = Share::new(0, 1);
        let ids = |span| IdKey { trace: 1, span };
        for (span, place) in [(7, 0), (8, 1), (7, 2), (7, 5)] {
            share.add(ids(span), place);
        }
        assert_eq!(share.count(), Counted { traces: 1, copies: vec![2, 5] });
        assert_eq!((shares(0), shares(HELD), shares(HELD + 1)), (1, 1, 2));
    }
}
