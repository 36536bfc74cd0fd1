//! What a run has to reach: `p(95)<500ms`, `error_rate<1%`, `workflows_per_s>100`.
//!
//! A threshold that had nothing to measure is not met. One that our own side kept from being reached is
//! still missed, and says so: the figure stands, its cause is another question.

use std::{str::FromStr, time::Duration};

use hdrhistogram::Histogram;

use super::summary::{Summary, per_second};
use crate::{
    base::duration::{self, InvalidDuration},
    ledger::results::{Judged, Unit, Verdict},
};

/// With fewer exports, or in less time, a rate or a percentile is chance.
const ENOUGH_EXPORTS: u64 = 100;
const ENOUGH_TIME: Duration = Duration::from_secs(5);

/// An expression of `--threshold`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Threshold {
    /// As it was typed, without spaces.
    text: String,
    metric: Metric,
    operator: Operator,
    /// In the metric's unit.
    limit: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Metric {
    Response(Statistic),
    Service(Statistic),
    ErrorRate,
    WorkflowsPerSecond,
    SpansPerSecond,
    NotStarted,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Statistic {
    /// Above 0 and at most 100.
    Percentile(f64),
    Mean,
    Median,
    Max,
    Min,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Less,
    AtMost,
    More,
    AtLeast,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidThreshold {
    #[error("invalid threshold `{0}`: expected e.g. `p(95)<500ms`, with <, <=, > or >=")]
    NoOperator(String),
    #[error(
        "unknown metric `{0}`: expected p(N), avg, med, max or min, each also as `service.p(N)` etc., \
         error_rate, workflows_per_s, spans_per_s or not_started, e.g. `p(95)<500ms`"
    )]
    Metric(String),
    #[error("invalid percentile `{0}`: expected a number above 0 and at most 100, e.g. `p(99.9)<1s`")]
    Percentile(String),
    #[error("{0}, as in `p(95)<500ms`")]
    Time(InvalidDuration),
    #[error("invalid share `{0}`: expected e.g. `error_rate<1%` or `error_rate<0.01`")]
    Share(String),
    #[error("invalid number `{0}`: expected e.g. `workflows_per_s>100`")]
    Number(String),
}

impl Threshold {
    /// The result for a run that has ended, or as far as it got.
    pub(crate) fn judge(&self, summary: &Summary, elapsed: Duration) -> Judged {
        let measured = self.metric.measure(summary, elapsed);
        let verdict = match measured {
            None => Verdict::NothingToMeasure,
            Some(value) if self.operator.holds(value, self.limit) => Verdict::Met,
            Some(_) => Verdict::Missed,
        };
        let throughput = matches!(self.metric, Metric::WorkflowsPerSecond | Metric::SpansPerSecond);
        let ours = throughput && verdict == Verdict::Missed;
        Judged {
            threshold: self.text.clone(),
            verdict,
            measured,
            unit: self.metric.unit(),
            our_side: if ours { summary.health.bottleneck() } else { None },
        }
    }

    /// Whether it limits the share of spans that were not taken.
    pub(crate) fn is_of_errors(&self) -> bool {
        self.metric == Metric::ErrorRate
    }

    /// Whether a run may stop here: it has missed what no later export can mend or, of a rate or a
    /// percentile, misses it after enough exports and time.
    pub(crate) fn is_lost(&self, summary: &Summary, elapsed: Duration) -> bool {
        if self.judge(summary, elapsed).verdict != Verdict::Missed {
            return false;
        }
        match self.metric {
            Metric::Response(Statistic::Max) | Metric::Service(Statistic::Max) | Metric::NotStarted => {
                self.operator.is_upper_bound()
            }
            Metric::Response(Statistic::Min) | Metric::Service(Statistic::Min) => {
                !self.operator.is_upper_bound()
            }
            _ => summary.total().exports >= ENOUGH_EXPORTS && elapsed >= ENOUGH_TIME,
        }
    }
}

impl Metric {
    fn unit(self) -> Unit {
        match self {
            Self::Response(_) | Self::Service(_) => Unit::Microseconds,
            Self::ErrorRate => Unit::Share,
            Self::WorkflowsPerSecond | Self::SpansPerSecond => Unit::PerSecond,
            Self::NotStarted => Unit::Workflows,
        }
    }

    fn measure(self, summary: &Summary, elapsed: Duration) -> Option<f64> {
        let total = summary.total();
        let rate = |number| (total.taken() > 0).then(|| per_second(number, elapsed));
        match self {
            Self::Response(statistic) => statistic.of(&summary.response),
            Self::Service(statistic) => statistic.of(&summary.service),
            Self::ErrorRate => total.error_rate(),
            Self::WorkflowsPerSecond => rate(total.acked_workflows),
            Self::SpansPerSecond => rate(total.taken()),
            Self::NotStarted => Some(total.not_started.workflows as f64),
        }
    }
}

impl Statistic {
    fn of(self, histogram: &Histogram<u64>) -> Option<f64> {
        let quantile = |at: f64| histogram.value_at_quantile(at) as f64;
        (!histogram.is_empty()).then(|| match self {
            Self::Percentile(percent) => quantile(percent / 100.0),
            Self::Median => quantile(0.5),
            Self::Mean => histogram.mean(),
            Self::Max => histogram.max() as f64,
            Self::Min => histogram.min() as f64,
        })
    }
}

impl Operator {
    fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Self::Less => value < limit,
            Self::AtMost => value <= limit,
            Self::More => value > limit,
            Self::AtLeast => value >= limit,
        }
    }

    fn is_upper_bound(self) -> bool {
        matches!(self, Self::Less | Self::AtMost)
    }
}

impl FromStr for Threshold {
    type Err = InvalidThreshold;

    fn from_str(typed: &str) -> Result<Self, Self::Err> {
        let text: String = typed.split_whitespace().collect();
        let no_operator = || InvalidThreshold::NoOperator(typed.to_owned());
        let (name, comparison) = text.split_at(text.find(['<', '>']).ok_or_else(no_operator)?);
        let operators = [
            ("<=", Operator::AtMost),
            (">=", Operator::AtLeast),
            ("<", Operator::Less),
            (">", Operator::More),
        ];
        let (operator, limit) = operators
            .into_iter()
            .find_map(|(sign, operator)| Some((operator, comparison.strip_prefix(sign)?)))
            .ok_or_else(no_operator)?;
        let metric: Metric = name.parse()?;
        let limit = parse_limit(metric.unit(), limit)?;
        Ok(Self { text, metric, operator, limit })
    }
}

impl std::fmt::Display for Threshold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Metric {
    type Err = InvalidThreshold;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let (of_service, statistic) = match name.strip_prefix("service.") {
            Some(statistic) => (true, statistic),
            None => (false, name),
        };
        let statistic = match statistic {
            "avg" => Some(Statistic::Mean),
            "med" => Some(Statistic::Median),
            "max" => Some(Statistic::Max),
            "min" => Some(Statistic::Min),
            other => other
                .strip_prefix("p(")
                .and_then(|percent| percent.strip_suffix(')'))
                .map(percentile)
                .transpose()?,
        };
        match (statistic, name) {
            (Some(statistic), _) if of_service => Ok(Self::Service(statistic)),
            (Some(statistic), _) => Ok(Self::Response(statistic)),
            (None, "error_rate") => Ok(Self::ErrorRate),
            (None, "workflows_per_s") => Ok(Self::WorkflowsPerSecond),
            (None, "spans_per_s") => Ok(Self::SpansPerSecond),
            (None, "not_started") => Ok(Self::NotStarted),
            (None, _) => Err(InvalidThreshold::Metric(name.to_owned())),
        }
    }
}

fn percentile(text: &str) -> Result<Statistic, InvalidThreshold> {
    let percent = text.parse().ok().filter(|percent| *percent > 0.0 && *percent <= 100.0);
    percent.map(Statistic::Percentile).ok_or_else(|| InvalidThreshold::Percentile(text.to_owned()))
}

fn parse_limit(unit: Unit, text: &str) -> Result<f64, InvalidThreshold> {
    let number = |text: &str| text.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0);
    match unit {
        Unit::Microseconds => {
            duration::parse(text).map(|limit| limit.as_secs_f64() * 1e6).map_err(InvalidThreshold::Time)
        }
        Unit::Share => {
            let share = match text.strip_suffix('%') {
                Some(percent) => number(percent).map(|percent| percent / 100.0),
                None => number(text),
            };
            share.filter(|share| *share < 1.0).ok_or_else(|| InvalidThreshold::Share(text.to_owned()))
        }
        Unit::PerSecond | Unit::Workflows | Unit::Spans => {
            number(text).ok_or_else(|| InvalidThreshold::Number(text.to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ledger::results::Bottleneck,
        send::{
            sample::{NotStarted, Sample},
            summary::Amount,
        },
        wire::{
            exporter::Reply,
            outcome::{ExportOutcome, GrpcCode},
        },
    };

    const ACKED: ExportOutcome = ExportOutcome::Acked;
    const REJECTED: ExportOutcome = ExportOutcome::Rejected { code: GrpcCode::ResourceExhausted };

    fn sample(outcome: ExportOutcome, millis: u64) -> Sample {
        Sample {
            stream: 0,
            workflows: 1,
            spans: 5,
            reply: Reply { outcome, message: String::new(), retry_after: None },
            attempts: 1,
            planned: Some(Duration::ZERO),
            punctual: true,
            started: Duration::ZERO,
            ended: Duration::from_millis(millis),
            making: Duration::ZERO,
        }
    }

    fn summary(samples: impl IntoIterator<Item = Sample>) -> Summary {
        let mut summary = Summary::new(&[Amount { workflows: 1_000, spans: 5_000 }]);
        samples.into_iter().for_each(|sample| summary.record(&sample));
        summary
    }

    fn threshold(text: &str) -> Threshold {
        text.parse().unwrap()
    }

    #[test]
    fn a_threshold_is_met_or_missed_by_what_was_measured() {
        let mut summary = summary((1..=98).map(|millis| sample(ACKED, millis)));
        summary.record(&sample(REJECTED, 900));
        summary.record(&sample(ExportOutcome::Partial { rejected_spans: 3 }, 900));
        for (text, verdict, measured) in [
            ("p(50) < 50ms", Verdict::Met, 49_000.0),
            ("p(95)<=90ms", Verdict::Missed, 94_000.0),
            ("p(99.9)<1s", Verdict::Met, 98_000.0),
            ("service.max<98.5ms", Verdict::Met, 98_000.0),
            ("min>2ms", Verdict::Missed, 1_000.0),
            ("avg<1m", Verdict::Met, 49_500.0),
            ("med<49000us", Verdict::Missed, 49_000.0),
            ("error_rate<1%", Verdict::Missed, 0.016),
            ("error_rate<=0.02", Verdict::Met, 0.016),
            ("workflows_per_s>9.7", Verdict::Met, 9.8),
            ("spans_per_s>=50", Verdict::Missed, 49.2),
            ("not_started<1", Verdict::Met, 0.0),
        ] {
            let judged = threshold(text).judge(&summary, Duration::from_secs(10));
            assert_eq!(judged.verdict, verdict, "{judged:?}");
            let measured_now = judged.measured.unwrap();
            assert!((measured_now - measured).abs() <= measured * 0.001 + 1e-9, "{judged:?}");
        }
    }

    #[test]
    fn a_run_without_acks_meets_nothing() {
        let refused = summary([sample(REJECTED, 1)]);
        let verdict = |text| threshold(text).judge(&refused, Duration::from_secs(1)).verdict;
        for text in ["p(95)<1s", "service.min>1ms", "workflows_per_s>1", "spans_per_s<1"] {
            assert_eq!(verdict(text), Verdict::NothingToMeasure, "{text}");
        }
        assert_eq!(verdict("error_rate<1%"), Verdict::Missed);
        let nothing = summary([]);
        let judged = threshold("error_rate<1%").judge(&nothing, Duration::from_secs(1));
        assert_eq!(judged.verdict, Verdict::NothingToMeasure);
    }

    #[test]
    fn a_throughput_missed_by_our_own_slowness_is_missed_and_says_so() {
        let slow = summary([Sample { making: Duration::from_secs(1), ..sample(ACKED, 1) }]);
        let judge = |text| threshold(text).judge(&slow, Duration::from_secs(1));
        let missed = judge("workflows_per_s>100");
        assert_eq!((missed.verdict, missed.our_side), (Verdict::Missed, Some(Bottleneck::Making)));
        assert_eq!(judge("workflows_per_s>0.5").our_side, None);
        assert_eq!(judge("p(95)<1us").our_side, None);
    }

    #[test]
    fn a_run_stops_for_what_no_later_export_can_mend() {
        let slow_once = {
            let mut summary = summary([sample(ACKED, 600)]);
            summary.not_started(&NotStarted { stream: 0, workflows: 3, spans: 15, at: Duration::ZERO });
            summary
        };
        let lost = |text| threshold(text).is_lost(&slow_once, Duration::from_millis(700));
        assert!(
            lost("max<500ms") && lost("service.max<=500ms") && lost("min>700ms") && lost("not_started<3")
        );
        assert!(!lost("max>700ms") && !lost("min<500ms") && !lost("not_started>3"));
        assert!(!lost("p(95)<500ms") && !lost("workflows_per_s>100"), "one export is chance");

        let slow = summary((0..100).map(|_| sample(ACKED, 600)));
        for (seconds, expected) in [(4, false), (5, true)] {
            for text in ["p(95)<500ms", "avg<500ms", "workflows_per_s>100"] {
                assert_eq!(threshold(text).is_lost(&slow, Duration::from_secs(seconds)), expected, "{text}");
            }
        }
        assert!(!threshold("p(95)<1s").is_lost(&slow, Duration::from_secs(5)));
    }

    #[test]
    fn what_is_no_threshold_is_said_with_an_example() {
        for (text, expected) in [
            ("p(95)", "invalid threshold `p(95)`: expected e.g. `p(95)<500ms`, with <, <=, > or >="),
            (
                "p(0)<1s",
                "invalid percentile `0`: expected a number above 0 and at most 100, e.g. `p(99.9)<1s`",
            ),
            (
                "p(95)<500",
                "invalid duration `500`: no unit, expected e.g. `500s` or `500ms`, as in `p(95)<500ms`",
            ),
            ("error_rate<1", "invalid share `1`: expected e.g. `error_rate<1%` or `error_rate<0.01`"),
            ("workflows_per_s>many", "invalid number `many`: expected e.g. `workflows_per_s>100`"),
        ] {
            assert_eq!(text.parse::<Threshold>().unwrap_err().to_string(), expected);
        }
        for text in ["p95<1s", "service.error_rate<1%", "latency<1s", "<1s", "p(95<1s"] {
            let refused = text.parse::<Threshold>().unwrap_err();
            assert!(matches!(refused, InvalidThreshold::Metric(_)), "{text}: {refused}");
        }
    }
}
