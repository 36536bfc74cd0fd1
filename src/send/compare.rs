//! Runs compared with the first of them.
//!
//! Worse by more than is tolerated is a finding; a figure that a run did not record is not known, and
//! never counts as unchanged.

use serde::Serialize;

use crate::ledger::results::{Results, Unit};

/// What runs reached, side by side.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Comparison {
    /// How much worse a figure may be than the first run's, as a part of one.
    pub(crate) tolerance: f64,
    pub(crate) figures: Vec<Figure>,
}

/// One figure of all runs, the first run's first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) unit: Unit,
    pub(crate) values: Vec<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Value {
    /// None where the run did not record it, or had nothing to measure.
    #[serde(rename = "value")]
    pub(crate) measured: Option<f64>,
    /// By how much it differs from the first run's, as a part of that; none where that is 0 or not known.
    pub(crate) change: Option<f64>,
    pub(crate) standing: Standing,
}

/// Where a value stands against the first run's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Standing {
    /// Nothing is asked of this figure, or it is the first run's.
    Shown,
    Tolerated,
    /// One of the two was not recorded.
    Unknown,
    Worse,
}

/// Which way a figure gets worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Worse {
    Lower,
    Higher,
}

type Read = fn(&Results) -> Option<f64>;

const FIGURES: [(&str, Unit, Option<Worse>, Read); 13] = [
    ("workflows/s", Unit::PerSecond, Some(Worse::Lower), |results| Some(results.throughput)),
    ("spans/s", Unit::PerSecond, None, |results| results.spans_per_s),
    ("p50", Unit::Microseconds, None, |results| Some(results.response_us?.p50 as f64)),
    ("p95", Unit::Microseconds, Some(Worse::Higher), |results| Some(results.response_us?.p95 as f64)),
    ("p99", Unit::Microseconds, Some(Worse::Higher), |results| Some(results.response_us?.p99 as f64)),
    ("max", Unit::Microseconds, None, |results| Some(results.response_us?.max as f64)),
    ("error rate", Unit::Share, Some(Worse::Higher), Results::error_rate),
    ("spans issued", Unit::Spans, None, |results| Some(results.issued as f64)),
    ("acked", Unit::Spans, None, |results| Some(results.acked as f64)),
    ("rejected", Unit::Spans, None, |results| Some(results.rejected as f64)),
    ("indeterminate", Unit::Spans, None, |results| Some(results.indeterminate as f64)),
    ("in part", Unit::Spans, None, |results| Some(results.partial as f64)),
    ("not started", Unit::Spans, None, |results| Some(results.not_started? as f64)),
];

impl Comparison {
    /// Compares `results` with the first of them.
    pub(crate) fn of(results: &[&Results], tolerance: f64) -> Self {
        let figures = FIGURES.map(|(name, unit, worse, read)| {
            let base = results.first().and_then(|first| read(first));
            let value = |(place, results): (usize, &&Results)| {
                let value = read(results);
                let asked = worse.filter(|_| place > 0);
                let standing = asked.map_or(Standing::Shown, |worse| worse.judge(base, value, tolerance));
                Value { measured: value, change: change(base, value).filter(|_| place > 0), standing }
            };
            Figure { name, unit, values: results.iter().enumerate().map(value).collect() }
        });
        Self { tolerance, figures: figures.into() }
    }

    /// The figures of a run, by its place, that stand so.
    pub(crate) fn standing(&self, place: usize, standing: Standing) -> Vec<&Figure> {
        self.figures.iter().filter(|figure| figure.values[place].standing == standing).collect()
    }

    /// The worst of all.
    pub(crate) fn worst(&self) -> Standing {
        let values = self.figures.iter().flat_map(|figure| &figure.values);
        values.map(|value| value.standing).max().unwrap_or(Standing::Shown)
    }
}

impl Worse {
    fn judge(self, base: Option<f64>, value: Option<f64>, tolerance: f64) -> Standing {
        let (Some(base), Some(value)) = (base, value) else { return Standing::Unknown };
        let worse = match self {
            Self::Lower => value < base * (1.0 - tolerance),
            Self::Higher => value > base * (1.0 + tolerance),
        };
        if worse { Standing::Worse } else { Standing::Tolerated }
    }
}

fn change(base: Option<f64>, value: Option<f64>) -> Option<f64> {
    let base = base.filter(|base| *base != 0.0)?;
    Some(value? / base - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::results::Quantiles;

    fn results(throughput: f64, p95: u64, rejected: u64) -> Results {
        let times =
            Quantiles { p50: p95 / 2, p90: p95, p95, p99: p95, p999: p95, max: p95, mean: p95 as f64 };
        Results {
            throughput,
            response_us: Some(times),
            issued: 100,
            acked: 100 - rejected,
            rejected,
            ..Results::default()
        }
    }

    fn worse(base: &Results, other: &Results) -> Vec<&'static str> {
        let comparison = Comparison::of(&[base, other], 0.1);
        let worse = comparison.standing(1, Standing::Worse);
        assert_eq!(worse.is_empty(), comparison.worst() != Standing::Worse);
        worse.into_iter().map(|figure| figure.name).collect()
    }

    #[test]
    fn worse_by_more_than_is_tolerated_is_worse() {
        let base = results(100.0, 1_000, 10);
        for (other, expected) in [
            (results(100.0, 1_000, 10), vec![]),
            (results(90.5, 1_099, 11), vec![]),
            (results(89.0, 1_000, 10), vec!["workflows/s"]),
            (results(900.0, 1_101, 10), vec!["p95", "p99"]),
            (results(100.0, 1, 12), vec!["error rate"]),
        ] {
            assert_eq!(worse(&base, &other), expected, "{other:?}");
        }
        assert_eq!(
            worse(&results(1.0, 1, 0), &results(1.0, 1, 1)),
            ["error rate"],
            "any error is worse than none"
        );
    }

    #[test]
    fn what_a_run_did_not_record_is_not_known() {
        let old = Results { response_us: None, ..results(100.0, 0, 0) };
        let comparison = Comparison::of(&[&old, &results(100.0, 1_000, 0)], 0.1);
        assert_eq!(comparison.worst(), Standing::Unknown);
        let unknown: Vec<_> =
            comparison.standing(1, Standing::Unknown).into_iter().map(|figure| figure.name).collect();
        assert_eq!(unknown, ["p95", "p99"]);
    }

    #[test]
    fn a_change_is_a_part_of_the_first_runs_value() {
        let comparison = Comparison::of(&[&results(100.0, 1_000, 0), &results(125.0, 750, 5)], 0.1);
        let change = |name: &str| {
            let figure = comparison.figures.iter().find(|figure| figure.name == name).unwrap();
            figure.values.iter().map(|value| value.change).collect::<Vec<_>>()
        };
        assert_eq!(change("workflows/s"), [None, Some(0.25)]);
        assert_eq!(change("p95"), [None, Some(-0.25)]);
        assert_eq!(change("rejected"), [None, None]);
    }
}
