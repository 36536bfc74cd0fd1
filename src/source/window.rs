//! Puts pieces into the order of their times, as far as a bounded memory allows.
//!
//! Stored and captured traffic is nearly in order: spans of one export are not, and exports of several
//! services overlap. A window of the earliest pieces seen so far mends that; one that comes later than the
//! window is long is sent as soon as it is met, and counted.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

/// Spans that are held back: some tens of megabytes of real ones.
const CAPACITY: usize = 32_768;

#[derive(Debug)]
pub(crate) struct Window<T> {
    /// Whether times matter; else pieces keep their order.
    sorts: bool,
    held: BinaryHeap<Held<T>>,
    in_order: VecDeque<T>,
    spans: usize,
    arrived: u64,
    last_in: Option<i64>,
    /// Pieces that came before one with an earlier time.
    pub(crate) disordered: u64,
}

#[derive(Debug)]
struct Held<T> {
    at: i64,
    number: u64,
    spans: usize,
    piece: T,
}

impl<T> Window<T> {
    pub(crate) fn new(sorts: bool) -> Self {
        Self {
            sorts,
            held: BinaryHeap::new(),
            in_order: VecDeque::new(),
            spans: 0,
            arrived: 0,
            last_in: None,
            disordered: 0,
        }
    }

    pub(crate) fn push(&mut self, at: i64, spans: usize, piece: T) {
        self.disordered += u64::from(self.last_in.is_some_and(|last| at < last));
        self.last_in = self.last_in.max(Some(at));
        if self.sorts {
            self.held.push(Held { at, number: self.arrived, spans, piece });
            self.arrived += 1;
            self.spans += spans;
        } else {
            self.in_order.push_back(piece);
        }
    }

    /// The next piece, once nothing that comes can be expected to be earlier.
    pub(crate) fn pop(&mut self) -> Option<T> {
        if !self.sorts {
            return self.in_order.pop_front();
        }
        if self.spans > CAPACITY { self.earliest() } else { None }
    }

    /// The next piece, when no more come.
    pub(crate) fn drain(&mut self) -> Option<T> {
        if self.sorts { self.earliest() } else { self.in_order.pop_front() }
    }

    fn earliest(&mut self) -> Option<T> {
        let held = self.held.pop()?;
        self.spans -= held.spans;
        Some(held.piece)
    }
}

impl<T> Ord for Held<T> {
    /// The earliest is the greatest; of equals, the first that came.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

impl<T> PartialOrd for Held<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Held<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Held<T> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn out(sorts: bool, times: &[i64]) -> (Vec<i64>, u64) {
        let mut window = Window::new(sorts);
        let mut out = Vec::new();
        for &at in times {
            window.push(at, 1, at);
            out.extend(std::iter::from_fn(|| window.pop()));
        }
        out.extend(std::iter::from_fn(|| window.drain()));
        (out, window.disordered)
    }

    #[test]
    fn what_is_nearly_in_order_comes_out_in_order() {
        assert_eq!(out(true, &[1, 5, 3, 4, 9, 2]), (vec![1, 2, 3, 4, 5, 9], 3));
        assert_eq!(out(false, &[1, 5, 3]), (vec![1, 5, 3], 1));
    }

    #[test]
    fn memory_is_bounded_and_what_comes_too_late_is_passed_on() {
        let mut times: Vec<i64> = (100..).take(CAPACITY + 10).collect();
        times.push(0);
        let (out, disordered) = out(true, &times);
        assert_eq!((out.len(), disordered), (times.len(), 1));
        assert_eq!(out.iter().position(|at| *at == 0), Some(10));
    }
}
