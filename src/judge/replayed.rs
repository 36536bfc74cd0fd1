//! Holds a store against a replay.
//!
//! What a replay sent is known by the ids and digests that were kept as it was sent. They are gone through in
//! shares of bounded size, with one look at the store for each: memory does not grow with the replay. A row of
//! other ids is none of its business. Which columns of a row differ is for others to find out, who can read
//! the source again.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use datafusion::execution::TaskContext;

use self::share::Share;
use super::barrier::Barrier;
use crate::{
    clock::unix_nanos,
    ledger::{
        expected::{Expectation, IdKey},
        history::{Export, History},
    },
    span::{
        digest::Digester,
        otlp::Cells,
        row::Cell,
        schema::{Schema, column},
    },
    store::layout::Layout,
    wire::outcome::Outcome,
};

mod share;

/// Expectations that are held at once.
const SHARE: u64 = 2_000_000;

/// Findings of a kind that are kept.
const SAMPLES: usize = 100;

/// How long a flush may take between its rename and its last delete.
const FLUSH_GRACE: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Rows that replays are to have left behind: 32 bytes for each span that was sent.
#[derive(Debug, Default)]
pub(crate) struct Replayed(Vec<Expectation>);

impl Replayed {
    pub(crate) fn new(mut expected: Vec<Expectation>) -> Self {
        expected.sort_unstable();
        Self(expected)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a row is one of them, with all of its values.
    pub(crate) fn holds(&self, digester: &mut Digester, cells: &Cells<'_>, schema: Schema) -> bool {
        let id = |column: usize| cells[column].and_then(Cell::text).unwrap_or_default();
        let Some(ids) = IdKey::of_hex(id(column::TRACE_ID), id(column::SPAN_ID)) else { return false };
        let first = self.0.partition_point(|expected| expected.ids < ids);
        let mut same = self.0[first..].iter().take_while(|expected| expected.ids == ids).peekable();
        if same.peek().is_none() {
            return false;
        }
        let digest = digester.stored(cells, schema);
        same.any(|expected| expected.digests[usize::from(schema == Schema::V2)] == digest)
    }
}

/// What to hold a store against.
#[derive(Debug)]
pub(crate) struct Sent<'a> {
    pub(crate) expected: &'a [Expectation],
    pub(crate) history: &'a History,
}

/// What became of a replay's spans.
#[derive(Debug, Default)]
pub(crate) struct Reckoning {
    pub(crate) sent: u64,
    pub(crate) acked: u64,
    pub(crate) rejected: u64,
    pub(crate) indeterminate: u64,
    pub(crate) found: u64,
    /// Copies in files, and those that are as they were sent.
    pub(crate) rows: u64,
    pub(crate) as_sent: u64,
    pub(crate) lost: Findings<Span>,
    pub(crate) pending: Findings<Span>,
    /// Absent, and a file that could not be read may hold them.
    pub(crate) unproven: Findings<Span>,
    pub(crate) altered: Findings<Altered>,
    pub(crate) duplicates: Findings<Span>,
    /// Copies that a further attempt explains.
    pub(crate) retried: Findings<Span>,
    pub(crate) refused_but_stored: Findings<Span>,
    /// Exports taken in part of which another number of spans is there.
    pub(crate) broken_partials: Findings<Span>,
    /// Files that could not be read to their end, and why.
    pub(crate) unread: Vec<(String, String)>,
}

/// How many, and the first of them.
#[derive(Debug)]
pub(crate) struct Findings<T> {
    pub(crate) total: u64,
    pub(crate) samples: Vec<T>,
}

impl<T> Default for Findings<T> {
    fn default() -> Self {
        Self { total: 0, samples: Vec::new() }
    }
}

impl<T> Findings<T> {
    fn add(&mut self, finding: impl FnOnce() -> T) {
        self.total += 1;
        if self.samples.len() < SAMPLES {
            self.samples.push(finding());
        }
    }
}

/// A span of a replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    /// Its number in the replay.
    pub(crate) ordinal: u64,
    /// 16 hexadecimal digits.
    pub(crate) id: String,
    pub(crate) copies: u32,
}

/// A stored row that is not what was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Altered {
    pub(crate) ordinal: u64,
    pub(crate) file: String,
    pub(crate) row_number: u64,
    pub(crate) schema: Schema,
    /// By column of schema 2: text, or a number as text; none for null and for what the file lacks.
    pub(crate) values: Vec<Option<String>>,
}

/// One expectation in a share, and what was found of it.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    cold: u32,
    wal: u32,
}

/// Looks at a store as often as is needed until every absence means something, or `settle` has passed.
pub(crate) async fn reckon(
    layout: &Layout,
    sent: &Sent<'_>,
    context: &Arc<TaskContext>,
    settle: Duration,
    wait: bool,
    mut waiting: impl FnMut(Duration),
) -> anyhow::Result<Reckoning> {
    let began = Instant::now();
    let mut waited = Duration::ZERO;
    loop {
        let read_began = unix_nanos();
        let barrier = Barrier::new(sent.history, read_began, waited, settle);
        let reckoning = look(layout, sent, &barrier, context).await?;
        let left = settle.saturating_sub(began.elapsed());
        if !wait || reckoning.pending.total == 0 || waited >= settle {
            return Ok(reckoning);
        }
        waiting(left);
        tokio::time::sleep(left).await;
        waited = began.elapsed().max(settle);
    }
}

async fn look(
    layout: &Layout,
    sent: &Sent<'_>,
    barrier: &Barrier,
    context: &Arc<TaskContext>,
) -> anyhow::Result<Reckoning> {
    let mut reckoning = Reckoning::default();
    let issued = sent.issued().min(sent.expected.len() as u64);
    reckoning.sent = issued;
    let shares = issued.div_ceil(SHARE).max(1);
    for number in 0..shares {
        let began = Instant::now();
        let mut share = loop {
            let mut share = Share::new(&sent.expected[..usize::try_from(issued)?], number, shares);
            share.scan(layout, context).await;
            // A flush deletes its segments after it has named its cold file.
            let overlaps = share.seen.iter().any(|seen| seen.cold > 0 && seen.wal > 0);
            if !(overlaps || share.vanished) || began.elapsed() > FLUSH_GRACE {
                break share;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        };
        reckoning.rows += share.rows;
        reckoning.as_sent += share.as_sent;
        reckoning.altered.total += share.altered.total;
        reckoning.altered.samples.append(&mut share.altered.samples);
        for unread in std::mem::take(&mut share.unread) {
            if !reckoning.unread.contains(&unread) {
                reckoning.unread.push(unread);
            }
        }
        let hides = !reckoning.unread.is_empty();
        reckoning.judge(sent, barrier, &share, hides);
    }
    Ok(reckoning)
}

impl Sent<'_> {
    /// The number after the last ordinal that was sent.
    pub(crate) fn issued(&self) -> u64 {
        let ends = self.history.exports.iter().map(|export| export.first + u64::from(export.count));
        ends.max().unwrap_or_default()
    }
}

/// A row's values as text.
pub(crate) fn values(cells: &Cells<'_>) -> Vec<Option<String>> {
    let value = |cell: &Option<Cell<'_>>| match cell {
        Some(Cell::Text(text)) => Some((*text).to_owned()),
        Some(Cell::Number(number)) => Some(number.to_string()),
        Some(Cell::Null) | None => None,
    };
    cells.iter().map(value).collect()
}

impl Reckoning {
    fn judge(&mut self, sent: &Sent<'_>, barrier: &Barrier, share: &Share<'_>, hides: bool) {
        let mut members = share.members.iter().zip(&share.seen).peekable();
        let mut exports: Vec<&Export> = sent.history.exports.iter().collect();
        exports.sort_by_key(|export| export.first);
        for export in exports {
            let end = export.first + u64::from(export.count);
            let mut found = 0;
            let first = members.peek().map(|(ordinal, _)| **ordinal);
            while let Some((ordinal, seen)) = members.next_if(|(ordinal, _)| **ordinal < end) {
                let copies = seen.cold + seen.wal;
                found += u64::from(copies > 0);
                let span = || Span {
                    ordinal: *ordinal,
                    id: format!("{:016x}", sent.expected[*ordinal as usize].ids.span),
                    copies,
                };
                self.span(export, barrier, copies, hides, span);
            }
            // What was taken of an export in part can be counted only where all of it is in this share.
            if let (Outcome::Partial { rejected_spans }, Some(ordinal)) = (export.outcome, first)
                && share.members.len() as u64 == self.sent
                && found != u64::from(export.count).saturating_sub(rejected_spans.into())
                && !hides
                && export.ended_at().is_some_and(|ended| barrier.proof(export.part, ended).is_some())
            {
                self.broken_partials.add(|| Span {
                    ordinal,
                    id: format!("{:016x}", sent.expected[ordinal as usize].ids.span),
                    copies: found as u32,
                });
            }
        }
    }

    fn span(
        &mut self,
        export: &Export,
        barrier: &Barrier,
        copies: u32,
        hides: bool,
        span: impl Fn() -> Span,
    ) {
        self.found += u64::from(copies > 0);
        match export.outcome {
            Outcome::Acked => {
                self.acked += 1;
                let settled =
                    export.ended_at().is_some_and(|ended| barrier.proof(export.part, ended).is_some());
                match (copies, settled) {
                    (0, _) if hides => self.unproven.add(&span),
                    (0, true) => self.lost.add(&span),
                    (0, false) => self.pending.add(&span),
                    _ => {}
                }
            }
            Outcome::Rejected { .. } => {
                self.rejected += 1;
                if copies > 0 {
                    self.refused_but_stored.add(&span);
                }
            }
            Outcome::Indeterminate { .. } | Outcome::Partial { .. } => self.indeterminate += 1,
        }
        if copies > 1 {
            if export.attempts > 1 && copies <= export.attempts {
                self.retried.add(&span);
            } else {
                self.duplicates.add(&span);
            }
        }
    }
}
