//! A ledger read back: every export with its outcome, every call.

use std::{
    collections::HashMap,
    io::{self, BufRead, BufReader},
    num::NonZeroU64,
    ops::Range,
    path::Path,
};

use anyhow::Context;

use super::entry::{Entry, Rpc};
use crate::{
    base::{problem::Problem, regular},
    wire::outcome::{ExportOutcome, GrpcCode},
};

/// What a run did, in the order in which it began.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) exports: Vec<Export>,
    pub(crate) calls: Vec<Call>,
    /// Whether the last line was cut off: its writer was killed.
    pub(crate) torn: bool,
}

/// One export in 48 bytes: a run may have millions. Times are Unix nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Export {
    /// Which of the run's folders tells of it.
    pub(crate) part: u16,
    pub(crate) stream: u32,
    pub(crate) first: u64,
    pub(crate) count: u32,
    pub(crate) started_at: u64,
    ended: Option<NonZeroU64>,
    /// All attempts together.
    pub(crate) outcome: ExportOutcome,
    pub(crate) attempts: u32,
    /// How many of the attempts kept no span, because they were refused; no more than 65 535 are counted.
    pub(crate) refusals: u16,
}

/// One call of the internal service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) part: u16,
    pub(crate) rpc: Rpc,
    pub(crate) began: u64,
    pub(crate) ended: u64,
    pub(crate) success: bool,
    pub(crate) error: String,
}

/// Bytes that an export takes in a ledger at least.
const LEAST_EXPORT: u64 = 80;

/// The outcome of an attempt whose end was never written.
const UNFINISHED: ExportOutcome = ExportOutcome::Indeterminate { code: GrpcCode::Unknown };

/// An export whose end was not met yet.
#[derive(Debug)]
struct Open {
    /// Its place in the history.
    index: usize,
    /// What the attempts before the one in flight came to, where there were any.
    before: Option<ExportOutcome>,
}

/// Why a ledger cannot be understood.
#[derive(Debug)]
enum Unparsed {
    Io(io::Error),
    /// The number of the first line that is not an entry, or cannot follow the others.
    Line(usize),
}

/// Numbers of exports, which are given out one after the other: a bit for each.
#[derive(Debug, Default)]
struct Numbers(Vec<u64>);

/// A number beyond is none that a generator gave.
const NUMBERS: u64 = 1 << 32;

impl Numbers {
    fn has(&self, number: u64) -> bool {
        self.0.get((number / 64) as usize).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    /// False where the number is not kept.
    fn add(&mut self, number: u64) -> bool {
        let word = (number / 64) as usize;
        // A damaged number must not ask for memory.
        if number >= NUMBERS || word > 2 * self.0.len() + 1_024 {
            return false;
        }
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (number % 64);
        true
    }
}

impl History {
    /// Adds what another place did of the same run.
    pub(crate) fn append(&mut self, part: u16, mut other: Self) {
        other.exports.iter_mut().for_each(|export| export.part = part);
        if self.exports.is_empty() {
            // Most runs have one part, and no room for a second copy of it.
            self.exports = other.exports;
        } else {
            self.exports.append(&mut other.exports);
        }
        self.calls.extend(other.calls.into_iter().map(|call| Call { part, ..call }));
        self.torn |= other.torn;
    }

    /// Adds that ranges of streams may have been sent, or not, from a moment on.
    pub(crate) fn assume(&mut self, ranges: impl Iterator<Item = (usize, Range<u64>)>, from: u64) {
        for (stream, ordinals) in ranges {
            let mut first = ordinals.start;
            while first < ordinals.end {
                let count = u32::try_from(ordinals.end - first).unwrap_or(u32::MAX);
                let begun = Export::begun(stream as u32, first, count, from);
                self.exports.push(Export { part: u16::MAX, ..begun });
                first += u64::from(count);
            }
        }
    }

    /// Reads a ledger as it stood when it was `known` bytes long, and of what came later only which
    /// exports and attempts had begun: a store that was read at that time cannot prove anything of their
    /// outcome, but may hold what they sent.
    pub(crate) fn read(path: &Path, known: u64) -> anyhow::Result<Self> {
        let cannot = || format!("cannot read ledger `{}`", path.display());
        let ledger = regular::open(path).with_context(cannot)?;
        let length = ledger.metadata().with_context(cannot)?.len();
        let mut history = Self::default();
        // Room that is not used costs no memory; a list that has to grow costs twice its own.
        history.exports.reserve((length / LEAST_EXPORT) as usize);
        match history.parse(BufReader::new(ledger), usize::try_from(known).unwrap_or(usize::MAX)) {
            Ok(history) => Ok(history),
            Err(Unparsed::Io(err)) => Err(err).with_context(cannot),
            Err(Unparsed::Line(line)) => {
                let what = format!("line {line} of ledger `{}` is not an entry", path.display());
                let hint = "restore the run's folder, or leave it out with --run ID of another run";
                Err(Problem::new(what, hint).into())
            }
        }
    }

    fn parse(mut self, mut ledger: impl BufRead, known: usize) -> Result<Self, Unparsed> {
        let mut offset = 0;
        let mut open: HashMap<u64, Open> = HashMap::new();
        let mut taken = Numbers::default();
        let mut text = Vec::new();
        for number in 1.. {
            text.clear();
            if ledger.read_until(b'\n', &mut text).map_err(Unparsed::Io)? == 0 {
                break;
            }
            if !text.ends_with(b"\n") {
                self.torn = true;
                break;
            }
            offset += text.len();
            let too_late = offset > known;
            let odd = Unparsed::Line(number);
            match Entry::parse(&text).map_err(|_| Unparsed::Line(number))? {
                Entry::ExportStarted { export, stream, first, count, at } => {
                    let begun = Open { index: self.exports.len(), before: None };
                    if taken.has(export) || open.insert(export, begun).is_some() {
                        return Err(odd);
                    }
                    self.exports.push(Export::begun(stream, first, count, at));
                }
                Entry::ExportRetried { export, attempt, outcome, .. } => {
                    let Some(begun) = open.get_mut(&export) else { return Err(odd) };
                    let export = &mut self.exports[begun.index];
                    let was_ended = export.begin_again(attempt, outcome).ok_or(odd)?;
                    if !too_late {
                        let together = if was_ended { export.outcome } else { export.add(begun, outcome) };
                        export.outcome = together.with_retry(UNFINISHED);
                    }
                }
                Entry::ExportEnded { export, at, outcome } => {
                    let Some(begun) = open.get_mut(&export) else { return Err(odd) };
                    if !too_late {
                        self.exports[begun.index].end(begun, at, outcome).ok_or(odd)?;
                    }
                    // What was taken is not sent again: nothing more is to be said of it.
                    if outcome == ExportOutcome::Acked && !too_late && taken.add(export) {
                        open.remove(&export);
                    }
                }
                Entry::Reconnected { .. }
                | Entry::Studio { .. }
                | Entry::FaultBegan { .. }
                | Entry::FaultEnded { .. } => {}
                Entry::Called { .. } if too_late => {}
                Entry::Called { rpc, began, ended, success, error } => {
                    self.calls.push(Call { part: 0, rpc, began, ended, success, error });
                }
            }
        }
        Ok(self)
    }
}

impl Export {
    /// An export of which nothing is known but that it began.
    pub(crate) fn begun(stream: u32, first: u64, count: u32, started_at: u64) -> Self {
        Self {
            part: 0,
            stream,
            first,
            count,
            started_at,
            ended: None,
            outcome: UNFINISHED,
            attempts: 1,
            refusals: 0,
        }
    }

    /// When the last attempt ended; none when the generator did not live to see it.
    pub(crate) fn ended_at(&self) -> Option<u64> {
        self.ended.map(NonZeroU64::get)
    }

    /// A further attempt began after one that ended so; none where that cannot follow from what is known.
    /// A replay that goes on begins exports again that had been given up: whether it was one is told.
    fn begin_again(&mut self, attempt: u32, ended: ExportOutcome) -> Option<bool> {
        // What was taken is not sent again.
        let is_retryable =
            |outcome| matches!(outcome, ExportOutcome::Rejected { .. } | ExportOutcome::Indeterminate { .. });
        let was_ended = self.ended.is_some();
        let may_begin = is_retryable(ended) && (!was_ended || is_retryable(self.outcome));
        if Some(attempt) != self.attempts.checked_add(1) || !may_begin {
            return None;
        }
        self.attempts = attempt;
        self.ended = None;
        Some(was_ended)
    }

    fn end(&mut self, begun: &mut Open, at: u64, ended: ExportOutcome) -> Option<()> {
        // No clock shows zero.
        if self.ended.replace(NonZeroU64::new(at).unwrap_or(NonZeroU64::MIN)).is_some() {
            return None;
        }
        self.outcome = self.add(begun, ended);
        Some(())
    }

    /// Adds the outcome of an attempt to those before it.
    fn add(&mut self, begun: &mut Open, ended: ExportOutcome) -> ExportOutcome {
        self.refusals = self.refusals.saturating_add(matches!(ended, ExportOutcome::Rejected { .. }).into());
        let together = begun.before.map_or(ended, |before| before.with_retry(ended));
        begun.before = Some(together);
        together
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(ledger: &[u8], known: usize) -> Result<History, Unparsed> {
        History::default().parse(ledger, known)
    }

    const START: &str = r#"{"event":"export_started","export":0,"stream":0,"first":0,"count":5,"at":10}"#;
    const END: &str = r#"{"event":"export_ended","export":0,"at":20,"outcome":"acked"}"#;

    #[test]
    fn a_start_without_an_end_is_indeterminate() {
        let history = parse(format!("{START}\n").as_bytes(), usize::MAX).expect("one whole line");
        assert_eq!(history.exports[0].outcome, UNFINISHED);
        assert_eq!(history.exports[0].ended_at(), None);
        assert!(!history.torn);
    }

    #[test]
    fn a_torn_tail_is_said_and_loses_only_itself() {
        let text = format!("{START}\n{END}\n{}", &START[..30]);
        let history = parse(text.as_bytes(), usize::MAX).expect("two whole lines");
        assert_eq!(history.exports[0].outcome, ExportOutcome::Acked);
        assert!(history.torn);
    }

    #[test]
    fn a_damaged_line_is_named() {
        for (text, line) in [
            (format!("{START}\nnonsense\n{END}\n"), 2),
            (format!("{END}\n"), 1),
            (format!("{START}\n{START}\n"), 2),
            (format!("{START}\n{END}\n{END}\n"), 3),
            (format!("{}\n", retried(2, "rejected")), 1),
            (format!("{START}\n{END}\n{}\n", retried(2, "rejected")), 3),
            (format!("{START}\n{}\n", retried(1, "rejected")), 2),
            (format!("{START}\n{}\n", retried(3, "rejected")), 2),
            (format!("{START}\n{0}\n{0}\n", retried(2, "rejected")), 3),
            (format!("{START}\n{}\n", retried(2, "acked")), 2),
        ] {
            let parsed = parse(text.as_bytes(), usize::MAX);
            assert!(matches!(parsed, Err(Unparsed::Line(found)) if found == line), "{text}");
        }
    }

    fn retried(attempt: u32, outcome: &str) -> String {
        let outcome = format!(r#""outcome":"{outcome}","code":"UNAVAILABLE""#);
        format!(r#"{{"event":"export_retried","export":0,"attempt":{attempt},"at":15,{outcome}}}"#)
    }

    #[test]
    fn attempts_come_to_one_outcome_that_ends_with_the_last() {
        let ended =
            |outcome: &str| format!(r#"{{"event":"export_ended","export":0,"at":20,"outcome":{outcome}}}"#);
        let refused = r#""rejected","code":"UNAUTHENTICATED""#;
        let unavailable = ExportOutcome::Indeterminate { code: GrpcCode::Unavailable };
        let unauthenticated = ExportOutcome::Rejected { code: GrpcCode::Unauthenticated };
        for (attempts, end, expected) in [
            (vec![], r#""acked""#, (ExportOutcome::Acked, 1, 0)),
            (vec!["rejected"], r#""acked""#, (ExportOutcome::Acked, 2, 1)),
            (vec!["indeterminate", "rejected"], r#""acked""#, (ExportOutcome::Acked, 3, 1)),
            (vec!["indeterminate"], refused, (unavailable, 2, 1)),
            (vec!["rejected"], refused, (unauthenticated, 2, 2)),
            (
                vec!["rejected"],
                r#""partial","rejected_spans":1"#,
                (ExportOutcome::Partial { rejected_spans: 1 }, 2, 1),
            ),
            (vec!["indeterminate"], r#""partial","rejected_spans":1"#, (unavailable, 2, 0)),
        ] {
            let retries = attempts.iter().zip(2..).map(|(outcome, attempt)| retried(attempt, outcome) + "\n");
            let text = format!("{START}\n{}{}\n", retries.collect::<String>(), ended(end));
            let history = parse(text.as_bytes(), usize::MAX).expect("whole lines");
            let Export { outcome, attempts, refusals, .. } = history.exports[0];
            assert_eq!((outcome, attempts, refusals), expected, "{text}");
            assert_eq!(history.exports[0].ended_at(), Some(20));
        }
    }

    #[test]
    fn an_export_that_was_given_up_may_be_begun_again() {
        for (code, after) in
            [("rejected", (ExportOutcome::Acked, 2, 1)), ("indeterminate", (ExportOutcome::Acked, 2, 0))]
        {
            let end = format!(
                r#"{{"event":"export_ended","export":0,"at":20,"outcome":"{code}","code":"UNAVAILABLE"}}"#
            );
            let begun = format!("{START}\n{end}\n{}\n", retried(2, code));
            let history = parse(begun.as_bytes(), usize::MAX).expect("whole lines");
            assert!(matches!(history.exports[0].outcome, ExportOutcome::Indeterminate { .. }));
            assert_eq!(history.exports[0].ended_at(), None);
            let history = parse(format!("{begun}{END}\n").as_bytes(), usize::MAX).expect("whole lines");
            let Export { outcome, attempts, refusals, .. } = history.exports[0];
            assert_eq!((outcome, attempts, refusals), after);
        }
    }

    #[test]
    fn an_attempt_in_flight_keeps_an_export_from_being_known() {
        let text = format!("{START}\n{}\n{END}\n", retried(2, "rejected"));
        for (known, refusals) in [(START.len() + 1, 0), (text.len() - END.len() - 1, 1)] {
            let history = parse(text.as_bytes(), known).expect("whole lines");
            assert_eq!((history.exports[0].outcome, history.exports[0].ended_at()), (UNFINISHED, None));
            assert_eq!((history.exports[0].attempts, history.exports[0].refusals), (2, refusals));
        }
        let torn = parse(&text.as_bytes()[..text.len() - 9], usize::MAX).expect("a torn tail");
        assert_eq!((torn.exports[0].outcome, torn.exports[0].attempts), (UNFINISHED, 2));
        assert!(torn.torn);
    }

    #[test]
    fn a_further_connection_changes_no_account() {
        let reconnected = r#"{"event":"reconnected","stream":0,"at":12}"#;
        let history = |text: String| parse(text.as_bytes(), usize::MAX).expect("whole lines").exports;
        assert_eq!(history(format!("{START}\n{reconnected}\n{END}\n")), history(format!("{START}\n{END}\n")));
    }

    #[test]
    fn what_came_after_the_store_was_read_has_begun_and_no_more() {
        let called = r#"{"event":"called","rpc":"FlushWAL","began":30,"ended":31,"success":true}"#;
        let text = format!("{START}\n{END}\n{called}\n");
        let history = |known| parse(text.as_bytes(), known).expect("three whole lines");
        let before_the_answer = history(START.len() + 1);
        assert_eq!(before_the_answer.exports[0].outcome, UNFINISHED);
        assert_eq!(before_the_answer.calls, []);
        let before_the_flush = history(START.len() + END.len() + 2);
        assert_eq!(before_the_flush.exports[0].outcome, ExportOutcome::Acked);
        assert_eq!(before_the_flush.calls, []);
        assert_eq!(history(text.len()).calls.len(), 1);
    }
}
