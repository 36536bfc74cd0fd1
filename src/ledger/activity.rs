//! What a run did over time, summed up from its ledger: exports in steps, their latencies, calls, and how long acked
//! spans had to wait for a flush.
//!
//! Memory is bounded, however many exports there are: at most [`STEPS`] steps and [`CALLS`] calls are kept.

use hdrhistogram::Histogram;

use super::history::{Call, Export, History};
use crate::wire::outcome::ExportOutcome;

/// Steps that a run is divided into at most.
const STEPS: u64 = 60;
/// No step is shorter, in nanoseconds.
const SHORTEST_STEP: u64 = 5_000_000;
/// Calls that are kept.
const CALLS: usize = 200;
/// An hour in microseconds; longer times count as this.
const LONGEST: u64 = 3_600_000_000;

/// A run, or several, over time.
#[derive(Debug, Clone)]
pub(crate) struct Activity {
    /// When the first export began, in Unix nanoseconds.
    pub(crate) began: u64,
    /// How long each step is, in nanoseconds.
    pub(crate) step: u64,
    pub(crate) steps: Vec<Step>,
    /// From first call to last answer of acked exports, in microseconds.
    pub(crate) latency: Histogram<u64>,
    pub(crate) calls: Vec<CallMark>,
    /// Calls that are not kept.
    pub(crate) more_calls: u64,
    /// From an ack to the end of the first successful flush or snapshot that began after it, in microseconds; one
    /// value for each acked export.
    pub(crate) window: Histogram<u64>,
    /// Acked exports that no flush or snapshot came after.
    pub(crate) without_flush: u64,
}

/// Spans whose exports ended in a step, by outcome; exports without an end count where they began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) acked: u64,
    pub(crate) rejected: u64,
    pub(crate) indeterminate: u64,
    /// Spans of exports that were taken in part.
    pub(crate) partial: u64,
}

/// A call of the internal service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CallMark {
    pub(crate) rpc: String,
    /// Unix nanoseconds.
    pub(crate) began: u64,
    pub(crate) success: bool,
}

impl Activity {
    /// Nothing where no export began.
    pub(crate) fn of<'h>(histories: impl Iterator<Item = &'h History> + Clone) -> Option<Self> {
        let exports =
            || histories.clone().flat_map(|history| &history.exports).filter(|export| is_sent(export));
        let began = exports().map(|export| export.started_at).min()?;
        let ended = exports().map(moment).max().unwrap_or(began).max(began);
        let step = (ended - began).div_ceil(STEPS).max(SHORTEST_STEP);
        let mut activity = Self {
            began,
            step,
            steps: vec![Step::default(); ((ended - began) / step + 1) as usize],
            latency: histogram(),
            calls: Vec::new(),
            more_calls: 0,
            window: histogram(),
            without_flush: 0,
        };
        for history in histories {
            activity.add(history);
        }
        Some(activity)
    }

    fn add(&mut self, history: &History) {
        let mut flushes: Vec<&Call> = history.calls.iter().filter(|call| call.success).collect();
        flushes.sort_by_key(|call| call.began);
        for export in history.exports.iter().filter(|export| is_sent(export)) {
            let index = ((moment(export) - self.began) / self.step) as usize;
            self.steps[index].add(export);
            if let (ExportOutcome::Acked, Some(acked_at)) = (export.outcome, export.ended_at()) {
                self.latency.saturating_record(acked_at.saturating_sub(export.started_at) / 1_000);
                let later = &flushes[flushes.partition_point(|call| call.began < acked_at)..];
                match later.iter().find(|call| call.part == export.part) {
                    Some(call) => {
                        self.window.saturating_record((call.ended.max(acked_at) - acked_at) / 1_000);
                    }
                    None => self.without_flush += 1,
                }
            }
        }
        for call in &history.calls {
            if self.calls.len() < CALLS {
                let Call { rpc, began, success, .. } = call;
                self.calls.push(CallMark { rpc: rpc.to_string(), began: *began, success: *success });
            } else {
                self.more_calls += 1;
            }
        }
    }

    /// Where a moment lies, in seconds since the beginning.
    pub(crate) fn seconds(&self, unix_nanos: u64) -> f64 {
        (unix_nanos as f64 - self.began as f64) / 1e9
    }

    /// How long it all took, in seconds.
    pub(crate) fn length(&self) -> f64 {
        self.steps.len() as f64 * self.step as f64 / 1e9
    }
}

impl Step {
    fn add(&mut self, export: &Export) {
        let spans = u64::from(export.count);
        match export.outcome {
            ExportOutcome::Acked => self.acked += spans,
            ExportOutcome::Rejected { .. } => self.rejected += spans,
            ExportOutcome::Indeterminate { .. } => self.indeterminate += spans,
            ExportOutcome::Partial { .. } => self.partial += spans,
        }
    }
}

/// Exports that are only assumed have no times of their own.
fn is_sent(export: &Export) -> bool {
    export.part != u16::MAX
}

fn moment(export: &Export) -> u64 {
    export.ended_at().unwrap_or(export.started_at).max(export.started_at)
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST, 2).expect("the bounds are constants that it accepts")
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn history(lines: &[&str]) -> History {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all((lines.join("\n") + "\n").as_bytes()).unwrap();
        History::read(file.path(), u64::MAX).unwrap()
    }

    #[test]
    fn an_ack_waits_for_the_first_flush_that_began_after_it() {
        let history = history(&[
            r#"{"event":"export_started","export":0,"stream":0,"first":0,"count":5,"at":1000000000}"#,
            r#"{"event":"called","rpc":"FlushWAL","began":1001000000,"ended":1003000000,"success":true}"#,
            r#"{"event":"export_ended","export":0,"at":1002000000,"outcome":"acked"}"#,
            r#"{"event":"called","rpc":"FlushWAL","began":1004000000,"ended":1005000000,"success":false}"#,
            r#"{"event":"called","rpc":"FlushWAL","began":1006000000,"ended":1007000000,"success":true}"#,
            r#"{"event":"export_started","export":1,"stream":0,"first":5,"count":7,"at":2000000000}"#,
            r#"{"event":"export_ended","export":1,"at":2001000000,"outcome":"acked"}"#,
            r#"{"event":"export_started","export":2,"stream":0,"first":12,"count":1,"at":2000000000}"#,
        ]);
        let activity = Activity::of([&history].into_iter()).unwrap();
        assert_eq!(activity.window.len(), 1);
        assert!((4_900..=5_100).contains(&activity.window.max()), "{}", activity.window.max());
        assert_eq!((activity.without_flush, activity.calls.len()), (1, 3));
        let total = |of: fn(&Step) -> u64| activity.steps.iter().map(of).sum::<u64>();
        assert_eq!((total(|step| step.acked), total(|step| step.indeterminate)), (12, 1));
        assert_eq!(activity.latency.len(), 2);
    }

    #[test]
    fn steps_are_bounded_however_long_a_run_lasts() {
        let lines: Vec<String> = (0..50_u64)
            .flat_map(|export| {
                let at = 1 + export * 3_600_000_000_000;
                [
                    format!(r#"{{"event":"export_started","export":{export},"stream":0,"first":{export},"count":1,"at":{at}}}"#),
                    format!(r#"{{"event":"export_ended","export":{export},"at":{},"outcome":"acked"}}"#, at + 5),
                ]
            })
            .collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let history = history(&lines);
        let activity = Activity::of([&history].into_iter()).unwrap();
        assert!(activity.steps.len() as u64 <= STEPS + 1, "{}", activity.steps.len());
        assert_eq!(activity.steps.iter().map(|step| step.acked).sum::<u64>(), 50);
        assert!(Activity::of([&History::default()].into_iter()).is_none());
    }
}
