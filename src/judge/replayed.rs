//! Holds a store against a replay.
//!
//! What a replay sent is known by the ids and digests that were kept as it was sent. They are gone through in
//! shares of bounded size, with one look at the store for each: memory does not grow with the replay. A row of
//! other ids is none of its business. Which columns of a row differ is for others to find out, who can read
//! the source again.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use datafusion::execution::TaskContext;

use self::share::Share;
use super::{
    account::Account,
    barrier::Barrier,
    evidence::{Address, Attempts, Sighting},
};
use crate::{
    base::clock::unix_nanos,
    contract::{otlp::Cells, row::Cell, schema::Schema},
    ledger::{
        expected::Expectation,
        history::{Export, History},
    },
    store::layout::Layout,
    traffic::ids::RunId,
    wire::outcome::Outcome,
};

pub(crate) mod left_behind;
pub(crate) mod rows;
mod share;

/// Expectations that are held at once.
const SHARE: u64 = 2_000_000;

/// Findings of a kind that are kept.
pub(crate) const KEPT: usize = 1 << 20;

/// Bytes of rows that differ and are kept whole, so that it can be said in what.
const KEPT_BYTES: usize = 64 << 20;

/// How long a flush may take between its rename and its last delete.
const FLUSH_GRACE: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What to hold a store against.
#[derive(Debug)]
pub(crate) struct Sent<'a> {
    pub(crate) run: RunId,
    pub(crate) expected: &'a [Expectation],
    pub(crate) history: &'a History,
}

/// What became of a replay's spans.
#[derive(Debug, Default)]
pub(crate) struct Reckoning {
    pub(crate) account: Account,
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
    /// Stored, though nobody answered that they were.
    pub(crate) recovered: Findings<Span>,
    /// Exports that were taken in part.
    pub(crate) partial: Vec<PartialExport>,
    /// Every copy of a span that has several.
    pub(crate) copies: Vec<Sighting>,
    /// Files that could not be read to their end, and why.
    pub(crate) unread: Vec<(String, String)>,
}

/// How many, and the first of them.
#[derive(Debug)]
pub(crate) struct Findings<T> {
    pub(crate) total: u64,
    pub(crate) kept: Vec<T>,
}

impl<T> Default for Findings<T> {
    fn default() -> Self {
        Self { total: 0, kept: Vec::new() }
    }
}

impl<T> Findings<T> {
    fn add(&mut self, finding: impl FnOnce() -> T) {
        self.total += 1;
        if self.kept.len() < KEPT {
            self.kept.push(finding());
        }
    }

    fn append(&mut self, mut other: Self) {
        self.total += other.total;
        other.kept.truncate(KEPT.saturating_sub(self.kept.len()));
        self.kept.append(&mut other.kept);
    }
}

/// A span of a replay, and where its copies lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    /// Its number in the replay.
    pub(crate) ordinal: u64,
    pub(crate) id: u64,
    pub(crate) cold: u32,
    pub(crate) wal: u32,
    /// When its export was answered, in Unix nanoseconds.
    pub(crate) answered_at: Option<u64>,
    /// Whether a barrier lies behind that.
    pub(crate) settled: bool,
}

impl Span {
    /// 16 hexadecimal digits.
    pub(crate) fn id(&self) -> String {
        format!("{:016x}", self.id)
    }

    pub(crate) fn copies(&self) -> u32 {
        self.cold + self.wal
    }
}

/// An export of which nobody says which spans were taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartialExport {
    pub(crate) export: Export,
    /// How many of its spans are stored.
    pub(crate) found: u64,
    pub(crate) settled: bool,
}

impl PartialExport {
    /// Whether another number is stored than was taken, and that means something.
    pub(crate) fn is_broken(&self, hides: bool) -> bool {
        let taken = i64::from(self.export.count) - self.export.outcome.rejected_spans().unwrap_or_default();
        let taken = u64::try_from(taken).unwrap_or_default();
        self.found > taken || (self.found < taken && self.settled && !hides)
    }
}

/// A stored row that is not what was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Altered {
    pub(crate) ordinal: u64,
    pub(crate) span: u64,
    pub(crate) address: Address,
    pub(crate) schema: Schema,
    /// By column of schema 2: text, or a number as text; none for null and for what the file lacks. Empty where
    /// too many rows differ to keep this one's values.
    pub(crate) values: Vec<Option<String>>,
    /// Whether it was said in which columns it differs.
    pub(crate) explained: bool,
}

/// What was found of one expectation of a share.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    cold: u32,
    wal: u32,
}

/// Looks at a store as often as is needed until every absence means something, or `settle` has passed. What the
/// barrier of the last look was comes back, too.
pub(crate) async fn reckon(
    layout: &Layout,
    sent: &Sent<'_>,
    context: &Arc<TaskContext>,
    settle: Duration,
    wait: bool,
    mut waiting: impl FnMut(Duration),
) -> anyhow::Result<(Reckoning, Barrier)> {
    let began = Instant::now();
    let mut waited = Duration::ZERO;
    loop {
        let read_began = unix_nanos();
        let barrier = Barrier::new(sent.history, read_began, waited, settle);
        let reckoning = look(layout, sent, &barrier, context).await?;
        let left = settle.saturating_sub(began.elapsed());
        if !wait || reckoning.pending.total == 0 || waited >= settle {
            return Ok((reckoning, barrier));
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
    let issued = sent.issued().min(sent.expected.len() as u64);
    let mut reckoning = Reckoning { account: sent.account(), ..Reckoning::default() };
    let mut exports: Vec<&Export> = sent.history.exports.iter().collect();
    exports.sort_by_key(|export| export.first);
    let mut found_of_partial = BTreeMap::new();
    let shares = issued.div_ceil(SHARE).max(1);
    for number in 0..shares {
        let began = Instant::now();
        let mut share = loop {
            let mut share = Share::new(sent.run, &sent.expected[..usize::try_from(issued)?], number, shares);
            share.scan(layout, context).await;
            // A flush deletes its segments after it has named its cold file.
            let overlaps = share.seen.iter().any(|seen| seen.cold > 0 && seen.wal > 0);
            if !(overlaps || share.vanished) || began.elapsed() > FLUSH_GRACE {
                break share;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        };
        if share.seen.iter().any(|seen| seen.cold + seen.wal > 1) {
            share.look_at_copies(layout, context).await;
        }
        reckoning.rows += share.rows;
        reckoning.as_sent += share.as_sent;
        reckoning.altered.append(std::mem::take(&mut share.altered));
        for unread in std::mem::take(&mut share.unread) {
            if !reckoning.unread.contains(&unread) {
                reckoning.unread.push(unread);
            }
        }
        reckoning.judge(sent, &exports, barrier, &share, &mut found_of_partial);
    }
    reckoning.end(&exports, barrier, &found_of_partial);
    Ok(reckoning)
}

fn is_settled(export: &Export, barrier: &Barrier) -> bool {
    export.ended_at().is_some_and(|ended| barrier.proof(export.part, ended).is_some())
}

impl Sent<'_> {
    /// The number after the last ordinal that was sent.
    pub(crate) fn issued(&self) -> u64 {
        let ends = self.history.exports.iter().map(|export| export.first + u64::from(export.count));
        ends.max().unwrap_or_default()
    }

    /// What the ledger says, before a store was looked at.
    fn account(&self) -> Account {
        let mut account = Account { planned: self.issued(), ..Account::default() };
        for export in &self.history.exports {
            account.add_export(export);
            let spans = u64::from(export.count);
            match export.outcome {
                Outcome::Acked => account.acked += spans,
                Outcome::Rejected { .. } => account.rejected += spans,
                Outcome::Indeterminate { .. } => account.indeterminate += spans,
                Outcome::Partial { .. } => {}
            }
        }
        account
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
    /// Whether something of the store could not be read.
    pub(crate) fn hides(&self) -> bool {
        !self.unread.is_empty()
    }

    /// Adds what a look found of a share of the spans.
    fn judge(
        &mut self,
        sent: &Sent<'_>,
        exports: &[&Export],
        barrier: &Barrier,
        share: &Share<'_>,
        found_of_partial: &mut BTreeMap<u64, u64>,
    ) {
        let hides = self.hides();
        let mut members = share.members.iter().zip(&share.seen).enumerate().peekable();
        let mut copied = share.copies.iter().peekable();
        for export in exports {
            let end = export.first + u64::from(export.count);
            let settled = is_settled(export, barrier);
            let attempts = Attempts { made: export.attempts, refused: export.refusals.into() };
            while let Some((place, (ordinal, seen))) = members.next_if(|(_, (ordinal, _))| **ordinal < end) {
                let span = Span {
                    ordinal: *ordinal,
                    id: sent.expected[*ordinal as usize].ids.span,
                    cold: seen.cold,
                    wal: seen.wal,
                    answered_at: export.ended_at(),
                    settled,
                };
                if let Outcome::Partial { .. } = export.outcome {
                    *found_of_partial.entry(export.first).or_default() += u64::from(span.copies() > 0);
                }
                self.span(export.outcome, attempts, hides, span);
                while let Some(copy) = copied.next_if(|(of, _)| *of as usize <= place) {
                    self.copies.push(Sighting { attempts: Some(attempts), ..copy.1.clone() });
                }
            }
        }
    }

    fn span(&mut self, outcome: Outcome, attempts: Attempts, hides: bool, span: Span) {
        let copies = span.copies();
        self.account.found += u64::from(copies > 0);
        match outcome {
            Outcome::Acked => {
                self.account.missing += u64::from(copies == 0);
                self.account.settled += u64::from(copies > 0 || (span.settled && !hides));
                match (copies, span.settled) {
                    (0, _) if hides => self.unproven.add(|| span.clone()),
                    (0, true) => self.lost.add(|| span.clone()),
                    (0, false) => self.pending.add(|| span.clone()),
                    _ => {}
                }
            }
            Outcome::Rejected { .. } if copies > 0 => self.refused_but_stored.add(|| span.clone()),
            Outcome::Indeterminate { .. } if copies > 0 => self.recovered.add(|| span.clone()),
            Outcome::Rejected { .. } | Outcome::Indeterminate { .. } | Outcome::Partial { .. } => {}
        }
        if copies > attempts.made.saturating_sub(attempts.refused).max(1) {
            self.duplicates.add(|| span);
        } else if copies > 1 {
            self.retried.add(|| span);
        }
    }

    /// What can be said when all shares have been looked at.
    fn end(&mut self, exports: &[&Export], barrier: &Barrier, found: &BTreeMap<u64, u64>) {
        for export in exports.iter().filter(|export| matches!(export.outcome, Outcome::Partial { .. })) {
            self.partial.push(PartialExport {
                export: (*export).clone(),
                found: found.get(&export.first).copied().unwrap_or_default(),
                settled: is_settled(export, barrier),
            });
        }
    }
}
