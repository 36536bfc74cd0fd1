//! Covering arrays: few rows in which every two levels of any two factors meet.
//!
//! Greedy and without randomness. A row begins with the first pair that no row has yet; each other
//! factor then takes the level that adds most pairs, of several the one that was used least.

use std::cmp::Reverse;

/// One thing that varies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Factor {
    /// How many forms it has.
    pub(super) levels: usize,
    /// An earlier factor without which it means nothing: one that is not at its level 0.
    pub(super) within: Option<usize>,
}

/// A level of each factor.
pub(super) type Row = Vec<usize>;

/// A factor and one of its levels.
pub(super) type Choice = (usize, usize);

/// The rows that cover every pair of levels which can mean something together.
pub(super) fn cover(factors: &[Factor]) -> Vec<Row> {
    let mut cover = Cover::new(factors);
    let pairs = pairs(factors);
    let mut rows = Vec::new();
    for (one, other) in pairs {
        if cover.is_open(one, other) {
            rows.push(cover.row(one, other));
        }
    }
    rows
}

/// All pairs of levels that can mean something together, the first of an earlier factor.
pub(super) fn pairs(factors: &[Factor]) -> Vec<(Choice, Choice)> {
    let choices = |factor: usize| (0..factors[factor].levels).map(move |level| (factor, level));
    let mut pairs = Vec::new();
    for (later, factor) in factors.iter().enumerate() {
        for earlier in 0..later {
            for one in choices(earlier) {
                let apart = factor.within == Some(earlier) && one.1 == 0;
                pairs.extend(choices(later).filter(|_| !apart).map(|other| (one, other)));
            }
        }
    }
    pairs
}

/// Whether a factor's level means something in a row.
pub(super) fn means(factors: &[Factor], row: &[usize], factor: usize) -> bool {
    factors[factor].within.is_none_or(|within| row[within] != 0)
}

struct Cover<'f> {
    factors: &'f [Factor],
    /// By factor: where its levels begin among all levels.
    begins: Vec<usize>,
    /// By two levels, the earlier factor's first: whether a row has to bring them together yet.
    open: Vec<bool>,
    /// By level: the rows that have it.
    used: Vec<usize>,
}

impl<'f> Cover<'f> {
    fn new(factors: &'f [Factor]) -> Self {
        let mut begins = vec![0];
        begins.extend(factors.iter().scan(0, |sum, factor| {
            *sum += factor.levels;
            Some(*sum)
        }));
        let levels = begins[factors.len()];
        let mut cover = Self { factors, begins, open: vec![false; levels * levels], used: vec![0; levels] };
        for (one, other) in pairs(factors) {
            let index = cover.index(one, other);
            cover.open[index] = true;
        }
        cover
    }

    /// The row that begins with a pair.
    fn row(&mut self, one: Choice, other: Choice) -> Row {
        let mut row = vec![None; self.factors.len()];
        for (factor, level) in [one, other] {
            row[factor] = Some(level);
        }
        for factor in 0..row.len() {
            if row[factor].is_none() {
                let needed = [one.0, other.0].iter().any(|begun| self.factors[*begun].within == Some(factor));
                row[factor] = Some(self.best(factor, usize::from(needed), &row));
            }
        }
        let row: Row = row.into_iter().flatten().collect();
        for (later, level) in row.iter().enumerate().filter(|(factor, _)| means(self.factors, &row, *factor))
        {
            self.used[self.begins[later] + level] += 1;
            for (earlier, other) in row[..later].iter().enumerate() {
                let index = self.index((earlier, *other), (later, *level));
                self.open[index] &= !means(self.factors, &row, earlier);
            }
        }
        row
    }

    /// The level, of those from `least` on, that adds most pairs to what is chosen so far.
    fn best(&self, factor: usize, least: usize, row: &[Option<usize>]) -> usize {
        if self.factors[factor].within.is_some_and(|within| row[within] == Some(0)) {
            return 0;
        }
        let gain = |level: usize| {
            let chosen = row.iter().enumerate().filter_map(|(other, chosen)| Some((other, (*chosen)?)));
            chosen.filter(|other| self.is_open((factor, level), *other)).count()
        };
        let rank =
            |level: &usize| (gain(*level), Reverse(self.used[self.begins[factor] + level]), Reverse(*level));
        (least..self.factors[factor].levels).max_by_key(rank).unwrap_or_default()
    }

    fn is_open(&self, one: Choice, other: Choice) -> bool {
        self.open[self.index(one.min(other), one.max(other))]
    }

    fn index(&self, (earlier, one): Choice, (later, other): Choice) -> usize {
        (self.begins[earlier] + one) * self.used.len() + self.begins[later] + other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_that_means_something_is_in_some_row() {
        let free = |levels| Factor { levels, within: None };
        let within = |levels, factor| Factor { levels, within: Some(factor) };
        for factors in [
            vec![free(2), free(2)],
            vec![free(3), free(1), free(4), free(2)],
            vec![free(5), free(3), within(4, 1), within(6, 1), free(2)],
        ] {
            let rows = cover(&factors);
            for ((one, level), (other, other_level)) in pairs(&factors) {
                let together = |row: &Row| {
                    (row[one], row[other]) == (level, other_level)
                        && means(&factors, row, one)
                        && means(&factors, row, other)
                };
                assert!(rows.iter().any(together), "{factors:?}: {level} of {one}, {other_level} of {other}");
            }
        }
    }

    #[test]
    fn rows_are_few() {
        let factors = [Factor { levels: 4, within: None }; 10];
        assert!(cover(&factors).len() < 40, "{}", cover(&factors).len());
    }
}
