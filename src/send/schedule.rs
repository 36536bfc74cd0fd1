//! When arrivals are due: an absolute plan in time.
//!
//! The time of the n-th arrival is a function of n alone, in closed form. No differences are slept, so
//! a late start delays no other, and after a day the plan is as exact as after a second.

use std::{str::FromStr, time::Duration};

use crate::base::duration::{self, InvalidDuration};

/// No generator is faster, and the sums below stay exact.
const FASTEST: f64 = 1e6;

/// A constant rate: `200/s`, `5/m`, `0.5/s`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rate {
    number: f64,
    unit: TimeUnit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TimeUnit {
    Second,
    Minute,
    Hour,
}

/// Successive stages, `30s:100,2m:500,10s:0`: during each the rate goes from the one before it (0 at
/// first) to its own, in a straight line. A stage of `0s` jumps.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stages {
    text: String,
    stages: Vec<Stage>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Stage {
    length: Duration,
    /// Arrivals per second at its end.
    target: f64,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidSchedule {
    #[error("invalid rate `{0}`: expected e.g. `200/s`, `5/m` or `0.5/s`")]
    Rate(String),
    #[error("rate `{0}` out of range: expected more than 0 and at most {FASTEST} per second")]
    OutOfRange(String),
    #[error(
        "invalid stage `{0}`: expected a time and the rate per second at its end, e.g. `30s:100,2m:500,10s:0`"
    )]
    Stage(String),
    #[error("{0}, as in `30s:100,2m:500,10s:0`")]
    Length(InvalidDuration),
    #[error("invalid stage rate `{0}`: expected a number per second from 0 to {FASTEST}, e.g. `30s:100`")]
    Target(String),
    #[error("empty stages `{0}`: at least one needs a length and a rate above 0")]
    Nothing(String),
}

/// The times at which arrivals are due, counted from 0.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Schedule {
    segments: Vec<Segment>,
}

/// A stretch in which the rate goes in a straight line. Seconds, and arrivals per second.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Segment {
    begin: f64,
    length: f64,
    from: f64,
    to: f64,
    /// Arrivals due before it.
    before: f64,
}

impl Rate {
    pub(crate) fn per_second(self) -> f64 {
        match self.unit {
            TimeUnit::Second => self.number,
            TimeUnit::Minute => self.number / 60.0,
            TimeUnit::Hour => self.number / 3600.0,
        }
    }
}

impl Schedule {
    /// A constant rate, for a time or for ever.
    pub(crate) fn constant(rate: Rate, length: Option<Duration>) -> Self {
        let rate = rate.per_second();
        let length = length.map_or(f64::INFINITY, |length| length.as_secs_f64());
        Self { segments: vec![Segment { begin: 0.0, length, from: rate, to: rate, before: 0.0 }] }
    }

    pub(crate) fn staged(stages: &Stages) -> Self {
        let mut segments = Vec::with_capacity(stages.stages.len());
        let mut next = Segment { begin: 0.0, length: 0.0, from: 0.0, to: 0.0, before: 0.0 };
        for stage in &stages.stages {
            let segment = Segment { length: stage.length.as_secs_f64(), to: stage.target, ..next };
            next.begin = segment.end();
            next.before = segment.after();
            next.from = segment.to;
            segments.push(segment);
        }
        Self { segments }
    }

    /// How many arrivals there are; none if they never end.
    pub(crate) fn arrivals(&self) -> Option<u64> {
        let due = self.segments.last().map_or(0.0, Segment::after);
        // An arrival due at the very end is not one: rounding must not make it one.
        due.is_finite().then(|| (due * (1.0 - 1e-12)).ceil() as u64)
    }

    /// How long it is; none if it never ends.
    #[cfg(test)]
    pub(crate) fn duration(&self) -> Option<Duration> {
        Duration::try_from_secs_f64(self.segments.last().map_or(0.0, Segment::end)).ok()
    }

    /// When arrival `n` is due; none if there is no such arrival.
    pub(crate) fn at(&self, n: u64) -> Option<Duration> {
        if self.arrivals().is_some_and(|arrivals| n >= arrivals) {
            return None;
        }
        let due = n as f64;
        let index = self.segments.partition_point(|segment| segment.after() <= due);
        Duration::try_from_secs_f64(self.segments.get(index)?.time_of(due)).ok()
    }
}

impl Segment {
    fn end(&self) -> f64 {
        self.begin + self.length
    }

    /// Arrivals due by its end.
    fn after(&self) -> f64 {
        self.before + f64::midpoint(self.from, self.to) * self.length
    }

    /// Solves `from·t + slope·t²/2 = due − before` in the form that stays exact as the slope nears 0.
    fn time_of(&self, due: f64) -> f64 {
        let due = due - self.before;
        if due <= 0.0 {
            return self.begin;
        }
        let slope = (self.to - self.from) / self.length;
        let rate_then = (self.from * self.from + 2.0 * slope * due).max(0.0).sqrt();
        self.begin + (2.0 * due / (self.from + rate_then)).min(self.length)
    }
}

impl FromStr for Rate {
    type Err = InvalidSchedule;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidSchedule::Rate(text.to_owned());
        let (number, unit) = text.split_once('/').ok_or_else(invalid)?;
        let unit = match unit.trim() {
            "s" => TimeUnit::Second,
            "m" => TimeUnit::Minute,
            "h" => TimeUnit::Hour,
            _ => return Err(invalid()),
        };
        let rate = Self { number: number.trim().parse().map_err(|_| invalid())?, unit };
        let in_range = rate.per_second() > 0.0 && rate.per_second() <= FASTEST;
        if in_range { Ok(rate) } else { Err(InvalidSchedule::OutOfRange(text.to_owned())) }
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let unit = match self.unit {
            TimeUnit::Second => "s",
            TimeUnit::Minute => "m",
            TimeUnit::Hour => "h",
        };
        write!(f, "{}/{unit}", self.number)
    }
}

impl FromStr for Stages {
    type Err = InvalidSchedule;

    fn from_str(typed: &str) -> Result<Self, Self::Err> {
        let text: String = typed.split_whitespace().collect();
        let stages: Vec<Stage> = text.split(',').map(str::parse).collect::<Result<_, _>>()?;
        let stages = Self { text, stages };
        if Schedule::staged(&stages).arrivals() == Some(0) {
            return Err(InvalidSchedule::Nothing(stages.text));
        }
        Ok(stages)
    }
}

impl FromStr for Stage {
    type Err = InvalidSchedule;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidSchedule::Stage(text.to_owned());
        let (length, target) = text.split_once(':').ok_or_else(invalid)?;
        let length = duration::parse(length).map_err(InvalidSchedule::Length)?;
        let number = target.parse().ok().filter(|number| (0.0..=FASTEST).contains(number));
        let target = number.ok_or_else(|| InvalidSchedule::Target(target.to_owned()))?;
        Ok(Self { length, target })
    }
}

impl std::fmt::Display for Stages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn rate(text: &str) -> Rate {
        text.parse().unwrap()
    }

    fn staged(text: &str) -> Schedule {
        Schedule::staged(&text.parse().unwrap())
    }

    fn millis(schedule: &Schedule) -> Vec<u128> {
        (0..).map_while(|n| schedule.at(n)).map(|at| at.as_millis()).collect()
    }

    #[test]
    fn a_constant_rate_has_even_steps() {
        let half = Some(Duration::from_millis(500));
        assert_eq!(millis(&Schedule::constant(rate("10/s"), half)), [0, 100, 200, 300, 400]);
        let minute = Schedule::constant(rate("3/m"), Some(Duration::from_mins(1)));
        assert_eq!(millis(&minute), [0, 20_000, 40_000]);
        let endless = Schedule::constant(rate("1000/s"), None);
        assert_eq!((endless.arrivals(), endless.duration()), (None, None));
        assert_eq!(endless.at(86_400_007), Some(Duration::from_millis(86_400_007)));
    }

    #[test]
    fn stages_ramp_jump_and_rest() {
        // Up to 10 per second: the n-th arrival is due where the triangle's area is n.
        assert_eq!(millis(&staged("1s:10")), [0, 447, 632, 774, 894]);
        // Down again: the mirror image, counted from the other end.
        assert_eq!(millis(&staged("0s:10,1s:0")), [0, 105, 225, 367, 552]);
        assert_eq!(millis(&staged("0s:2,1s:2,0s:0,1s:0,0s:4,1s:4")), [0, 500, 2000, 2250, 2500, 2750]);
        assert_eq!(millis(&staged("5s:0,0s:1,2s:1")), [5_000, 6_000]);
        assert_eq!(staged("30s:100,2m:500,10s:0").duration(), Some(Duration::from_secs(160)));
        assert_eq!(staged("30s:100,2m:500,10s:0").arrivals(), Some(1_500 + 36_000 + 2_500));
    }

    #[test]
    fn an_arrival_due_at_the_very_end_is_none() {
        let third = Schedule::constant(rate("0.1/s"), Some(Duration::from_secs(30)));
        assert_eq!(third.arrivals(), Some(3));
    }

    proptest! {
        /// Whatever the stages: times rise, and at each time as many are due as the integral of the rate.
        #[test]
        fn arrivals_follow_the_rate(stages in vec((0_u64..20_000, 0_u32..500), 1..6)) {
            let stages: Vec<_> = stages
                .into_iter()
                .map(|(millis, rate)| Stage { length: Duration::from_millis(millis), target: rate.into() })
                .collect();
            let schedule = Schedule::staged(&Stages { text: String::new(), stages: stages.clone() });
            let (end, arrivals) = (schedule.duration().unwrap(), schedule.arrivals().unwrap());
            let mut last = Duration::ZERO;
            for n in 0..arrivals {
                let at = schedule.at(n).unwrap();
                prop_assert!(at >= last && at <= end, "{} is due at {:?} after {:?}", n, at, last);
                prop_assert!((integral(&stages, at) - n as f64).abs() < 1e-3);
                last = at;
            }
            prop_assert_eq!(schedule.at(arrivals), None);
            prop_assert!((integral(&stages, end) - arrivals as f64).abs() <= 1.0);
        }

        /// The millionth arrival is as exact as the first.
        #[test]
        fn a_constant_rate_does_not_drift(per_second in 1_u32..100_000, n in 0_u64..1_000_000_000) {
            let schedule = Schedule::constant(rate(&format!("{per_second}/s")), None);
            let exact = u128::from(n) * 1_000_000_000 / u128::from(per_second);
            let at = schedule.at(n).unwrap().as_nanos();
            prop_assert!(at.abs_diff(exact) <= 1 + exact / 1_000_000_000_000_000, "{} and {}", at, exact);
        }
    }

    /// Arrivals due by a time, summed in small steps: another way than the one under test.
    fn integral(stages: &[Stage], until: Duration) -> f64 {
        let (mut begin, mut from, mut sum) = (Duration::ZERO, 0.0, 0.0);
        for stage in stages {
            let within = until.saturating_sub(begin).min(stage.length);
            if !within.is_zero() {
                let share = within.as_secs_f64() / stage.length.as_secs_f64();
                let rate_then = from + (stage.target - from) * share;
                sum += f64::midpoint(from, rate_then) * within.as_secs_f64();
            }
            begin += stage.length;
            from = stage.target;
        }
        sum
    }

    #[test]
    fn rates_and_stages_read_back_as_they_are_shown() {
        for text in ["200/s", "5/m", "0.5/s", "90/h"] {
            assert_eq!(rate(text).to_string(), text);
        }
        assert!((rate("90/h").per_second() - 0.025).abs() < 1e-12);
        let stages: Stages = "30s:100, 2m:500, 10s:0".parse().unwrap();
        assert_eq!(stages.to_string(), "30s:100,2m:500,10s:0");
    }

    #[test]
    fn what_is_no_schedule_is_said_with_an_example() {
        let refused_rate = |text: &str| text.parse::<Rate>().unwrap_err().to_string();
        for text in ["200", "fast/s", "1/d", "/s", ""] {
            let expected = format!("invalid rate `{text}`: expected e.g. `200/s`, `5/m` or `0.5/s`");
            assert_eq!(refused_rate(text), expected);
        }
        for text in ["0/s", "-1/s", "2e6/s", "NaN/s", "inf/s"] {
            let expected =
                format!("rate `{text}` out of range: expected more than 0 and at most 1000000 per second");
            assert_eq!(refused_rate(text), expected);
        }
        let refused = |text: &str| text.parse::<Stages>().unwrap_err().to_string();
        insta::assert_snapshot!(refused("30s:100,2m"), @"invalid stage `2m`: expected a time and the rate per second at its end, e.g. `30s:100,2m:500,10s:0`");
        insta::assert_snapshot!(refused("30:100"), @"invalid duration `30`: no unit, expected e.g. `30s` or `30ms`, as in `30s:100,2m:500,10s:0`");
        insta::assert_snapshot!(refused("30s:-1"), @"invalid stage rate `-1`: expected a number per second from 0 to 1000000, e.g. `30s:100`");
        insta::assert_snapshot!(refused("30s:0,0s:100"), @"empty stages `30s:0,0s:100`: at least one needs a length and a rate above 0");
    }
}
