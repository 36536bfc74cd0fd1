//! When pieces are due: an absolute plan in time, made of the times that were recorded.

use std::{fmt, str::FromStr, time::Duration};

use crate::send::schedule::{InvalidSchedule, Rate};

/// How fast a source is sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pace {
    /// As fast as the endpoint answers.
    Max,
    /// So many times as fast as it was recorded.
    Speed(f64),
    /// So many spans in a time, whatever was recorded.
    Rate(Rate),
}

/// Beyond this nothing that was recorded has any gap left.
const FASTEST: f64 = 1e6;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidPace {
    #[error("invalid speed `{0}`: expected `max`, `1x` or `10x`")]
    Speed(String),
    #[error(transparent)]
    Rate(#[from] InvalidSchedule),
}

impl FromStr for Pace {
    type Err = InvalidPace;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "max" {
            return Ok(Self::Max);
        }
        if text.contains('/') {
            return Ok(Self::Rate(text.parse()?));
        }
        let factor = text.strip_suffix(['x', '×']).and_then(|factor| factor.parse().ok());
        match factor {
            Some(factor) if factor > 0.0 && factor <= FASTEST => Ok(Self::Speed(factor)),
            _ => Err(InvalidPace::Speed(text.to_owned())),
        }
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Max => f.write_str("max"),
            Self::Speed(factor) => write!(f, "{factor}x"),
            Self::Rate(rate) => rate.fmt(f),
        }
    }
}

impl Pace {
    /// Whether the recorded times decide when something is sent.
    pub(crate) fn keeps_time(self) -> bool {
        matches!(self, Self::Speed(_))
    }
}

/// Tells of each piece, in the order in which they are sent, when it is due.
#[derive(Debug, Clone)]
pub(crate) struct Timeline {
    pace: Pace,
    max_gap: Option<u64>,
    last: Option<i64>,
    /// Recorded time up to the last piece, without what is too long of the gaps. Sums of whole nanoseconds.
    recorded: u64,
    spans: u64,
    /// Pieces that are earlier than one before them: they are due with it.
    pub(crate) late: u64,
}

impl Timeline {
    pub(crate) fn new(pace: Pace, max_gap: Option<Duration>) -> Self {
        let max_gap = max_gap.map(|gap| u64::try_from(gap.as_nanos()).unwrap_or(u64::MAX));
        Self { pace, max_gap, last: None, recorded: 0, spans: 0, late: 0 }
    }

    /// The source begins again, where it ended.
    pub(crate) fn begin_loop(&mut self) {
        self.last = None;
    }

    /// Since the first piece; none where it is sent when its turn comes.
    pub(crate) fn due(&mut self, at: i64, spans: usize) -> Option<Duration> {
        let gap = i128::from(at) - i128::from(self.last.unwrap_or(at));
        self.late += u64::from(gap < 0);
        let gap = u64::try_from(gap.max(0)).unwrap_or(u64::MAX);
        self.recorded = self.recorded.saturating_add(gap.min(self.max_gap.unwrap_or(u64::MAX)));
        self.last = Some(self.last.unwrap_or(at).max(at));
        let before = self.spans;
        self.spans += spans as u64;
        match self.pace {
            Pace::Max => None,
            Pace::Speed(factor) => Some(Duration::from_nanos((self.recorded as f64 / factor) as u64)),
            Pace::Rate(rate) => Duration::try_from_secs_f64(before as f64 / rate.per_second()).ok(),
        }
    }

    /// When the last piece so far is due, or would be followed by another.
    pub(crate) fn length(&self) -> Duration {
        match self.pace {
            Pace::Max => Duration::ZERO,
            Pace::Speed(factor) => Duration::from_nanos((self.recorded as f64 / factor) as u64),
            Pace::Rate(rate) => {
                Duration::try_from_secs_f64(self.spans as f64 / rate.per_second()).unwrap_or_default()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(pace: &str, max_gap: Option<u64>, times: &[i64]) -> Vec<Option<u64>> {
        let mut timeline = Timeline::new(pace.parse().unwrap(), max_gap.map(Duration::from_nanos));
        times.iter().map(|at| timeline.due(*at, 2).map(|due| due.as_nanos() as u64)).collect()
    }

    #[test]
    fn gaps_are_kept_divided_or_cut() {
        let times = [1_000, 1_500, 1_400, 9_000];
        assert_eq!(due("1x", None, &times), [0, 500, 500, 8_000].map(Some));
        assert_eq!(due("10x", None, &times), [0, 50, 50, 800].map(Some));
        assert_eq!(due("0.5x", None, &times), [0, 1_000, 1_000, 16_000].map(Some));
        assert_eq!(due("1x", Some(1_000), &times), [0, 500, 500, 1_500].map(Some));
        assert_eq!(due("max", None, &times), [None; 4]);
        assert_eq!(due("4/s", None, &times), [0, 500_000_000, 1_000_000_000, 1_500_000_000].map(Some));
    }

    #[test]
    fn any_times_have_a_plan() {
        assert_eq!(due("1x", None, &[i64::MIN, i64::MAX, 0]).len(), 3);
    }

    #[test]
    fn a_pace_is_read_as_it_is_shown() {
        for text in ["max", "1x", "10x", "0.5x", "200/s"] {
            assert_eq!(text.parse::<Pace>().unwrap().to_string(), text);
        }
        for text in ["", "fast", "0x", "-1x", "NaNx", "10", "1e7x"] {
            let refused = text.parse::<Pace>().unwrap_err().to_string();
            assert_eq!(refused, format!("invalid speed `{text}`: expected `max`, `1x` or `10x`"));
        }
    }
}
