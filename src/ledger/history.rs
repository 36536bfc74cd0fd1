//! A ledger read back: every export with its outcome, every call.

use std::{collections::HashMap, fs, path::Path};

use anyhow::Context;

use super::entry::{Entry, Rpc};
use crate::{
    problem::Problem,
    wire::outcome::{GrpcCode, Outcome},
};

/// What a run did, in the order in which it began.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) exports: Vec<Export>,
    pub(crate) calls: Vec<Call>,
    /// Whether the last line was cut off: its writer was killed.
    pub(crate) torn: bool,
}

/// One export. Times are Unix nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Export {
    pub(crate) stream: u32,
    pub(crate) first: u64,
    pub(crate) count: u32,
    pub(crate) started_at: u64,
    /// None when the generator did not live to see it.
    pub(crate) ended_at: Option<u64>,
    pub(crate) outcome: Outcome,
}

/// One call of the internal service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) rpc: Rpc,
    pub(crate) began: u64,
    pub(crate) ended: u64,
    pub(crate) success: bool,
    pub(crate) error: String,
}

/// The outcome of an export whose end was never written.
const UNFINISHED: Outcome = Outcome::Indeterminate { code: GrpcCode::Unknown };

impl History {
    /// Reads a ledger as it stood when it was `known` bytes long, and of what came later only which
    /// exports had begun: a store that was read at that time cannot prove anything of their outcome.
    pub(crate) fn read(path: &Path, known: u64) -> anyhow::Result<Self> {
        let text = fs::read(path).with_context(|| format!("cannot read ledger `{}`", path.display()))?;
        Self::parse(&text, usize::try_from(known).unwrap_or(usize::MAX)).map_err(|line| {
            let what = format!("line {line} of ledger `{}` is not an entry", path.display());
            Problem::new(what, "restore the run's folder, or leave it out with --run ID of another run")
                .into()
        })
    }

    /// `Err` is the number of the first line that cannot be understood.
    fn parse(text: &[u8], known: usize) -> Result<Self, usize> {
        let mut history = Self::default();
        let mut offset = 0;
        let mut open: HashMap<u64, usize> = HashMap::new();
        for (number, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
            if !line.ends_with(b"\n") {
                history.torn = true;
                break;
            }
            offset += line.len();
            let too_late = offset > known;
            match serde_json::from_slice(line).map_err(|_| number + 1)? {
                Entry::ExportStarted { export, stream, first, count, at } => {
                    if open.insert(export, history.exports.len()).is_some() {
                        return Err(number + 1);
                    }
                    history.exports.push(Export {
                        stream,
                        first,
                        count,
                        started_at: at,
                        ended_at: None,
                        outcome: UNFINISHED,
                    });
                }
                Entry::ExportEnded { export, at, outcome } => {
                    let started = open.get(&export).ok_or(number + 1)?;
                    if too_late {
                        continue;
                    }
                    let export = &mut history.exports[*started];
                    if export.ended_at.is_some() {
                        return Err(number + 1);
                    }
                    export.ended_at = Some(at);
                    export.outcome = outcome;
                }
                Entry::Called { .. } if too_late => {}
                Entry::Called { rpc, began, ended, success, error } => {
                    history.calls.push(Call { rpc, began, ended, success, error });
                }
            }
        }
        Ok(history)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &str = r#"{"event":"export_started","export":0,"stream":0,"first":0,"count":5,"at":10}"#;
    const END: &str = r#"{"event":"export_ended","export":0,"at":20,"outcome":"acked"}"#;

    #[test]
    fn a_start_without_an_end_is_indeterminate() {
        let history = History::parse(format!("{START}\n").as_bytes(), usize::MAX).expect("one whole line");
        assert_eq!(history.exports[0].outcome, UNFINISHED);
        assert_eq!(history.exports[0].ended_at, None);
        assert!(!history.torn);
    }

    #[test]
    fn a_torn_tail_is_said_and_loses_only_itself() {
        let text = format!("{START}\n{END}\n{}", &START[..30]);
        let history = History::parse(text.as_bytes(), usize::MAX).expect("two whole lines");
        assert_eq!(history.exports[0].outcome, Outcome::Acked);
        assert!(history.torn);
    }

    #[test]
    fn a_damaged_line_is_named() {
        for (text, line) in [
            (format!("{START}\nnonsense\n{END}\n"), 2),
            (format!("{END}\n"), 1),
            (format!("{START}\n{START}\n"), 2),
            (format!("{START}\n{END}\n{END}\n"), 3),
        ] {
            assert_eq!(History::parse(text.as_bytes(), usize::MAX).err(), Some(line), "{text}");
        }
    }

    #[test]
    fn what_came_after_the_store_was_read_has_begun_and_no_more() {
        let called = r#"{"event":"called","rpc":"FlushWAL","began":30,"ended":31,"success":true}"#;
        let text = format!("{START}\n{END}\n{called}\n");
        let history = |known| History::parse(text.as_bytes(), known).expect("three whole lines");
        let before_the_answer = history(START.len() + 1);
        assert_eq!(before_the_answer.exports[0].outcome, UNFINISHED);
        assert_eq!(before_the_answer.calls, []);
        let before_the_flush = history(START.len() + END.len() + 2);
        assert_eq!(before_the_flush.exports[0].outcome, Outcome::Acked);
        assert_eq!(before_the_flush.calls, []);
        assert_eq!(history(text.len()).calls.len(), 1);
    }
}
