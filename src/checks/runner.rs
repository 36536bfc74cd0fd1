//! Runs checks to the end; one that cannot run becomes a verdict, not a return.

use datafusion::{
    arrow::{array::RecordBatch, datatypes::SchemaRef},
    error::DataFusionError,
    prelude::SessionContext,
};
use futures::StreamExt;

use super::catalog::{Check, Examines, Finding};
use crate::judge::{
    judgement::{Health, Judgement},
    tally::Standing,
};
use crate::{ledger::history::Export, store::layout::Tier, wire::outcome::Outcome};

/// What a check told us.
#[derive(Debug)]
pub(crate) enum Verdict {
    Pass,
    Fail(Findings),
    /// It does not apply here.
    Skipped(String),
    /// It applies, but was not settled for these rows.
    Inconclusive(Findings),
    /// The check itself failed.
    Broken(String),
}

/// All findings counted, the first few kept.
#[derive(Debug, Clone)]
pub(crate) struct Findings {
    pub(crate) total: u64,
    pub(crate) schema: SchemaRef,
    pub(crate) samples: Vec<RecordBatch>,
}

/// A check, how much it looked at, and what it told us.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) check: Check,
    pub(crate) examined: u64,
    pub(crate) verdict: Verdict,
}

impl Verdict {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail(_) => "fail",
            Self::Skipped(_) => "skipped",
            Self::Inconclusive(_) => "inconclusive",
            Self::Broken(_) => "broken",
        }
    }

    pub(crate) fn findings(&self) -> Option<&Findings> {
        match self {
            Self::Fail(findings) | Self::Inconclusive(findings) => Some(findings),
            Self::Pass | Self::Skipped(_) | Self::Broken(_) => None,
        }
    }
}

/// How much there is to look at, by kind.
#[derive(Debug, Clone, Copy, Default)]
struct Extent {
    acked: u64,
    rejected: u64,
    partial_exports: u64,
    rows: u64,
    planned_rows: u64,
    witnessed_rows: u64,
    files: u64,
    segments: u64,
}

/// Runs `checks` over the tables of a judgement, keeping up to `samples` findings of each.
pub(crate) async fn run_checks(
    session: &SessionContext,
    judgement: &Judgement,
    checks: Vec<Check>,
    samples: usize,
) -> Vec<Checked> {
    let extent = Extent::of(judgement);
    let mut checked = Vec::with_capacity(checks.len());
    for check in checks {
        let examined = extent.of_kind(check.examines);
        let verdict = match extent.reason_to_skip(&check, judgement) {
            Some(reason) => Verdict::Skipped(reason),
            None => verdict(session, &check, samples).await,
        };
        checked.push(Checked { check, examined, verdict });
    }
    checked
}

async fn verdict(session: &SessionContext, check: &Check, samples: usize) -> Verdict {
    match find(session, check, samples).await {
        Ok(findings) if findings.total == 0 => Verdict::Pass,
        Ok(findings) => match check.finding {
            Finding::Broken => Verdict::Fail(findings),
            Finding::Undecided => Verdict::Inconclusive(findings),
        },
        Err(err) => Verdict::Broken(err.strip_backtrace()),
    }
}

async fn find(session: &SessionContext, check: &Check, samples: usize) -> Result<Findings, DataFusionError> {
    let mut batches = session.sql(&check.sql).await?.execute_stream().await?;
    let mut findings = Findings { total: 0, schema: batches.schema(), samples: Vec::new() };
    let mut kept = 0;
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        findings.total += batch.num_rows() as u64;
        let keep = batch.num_rows().min(samples - kept);
        if keep > 0 {
            findings.samples.push(batch.slice(0, keep));
            kept += keep;
        }
    }
    Ok(findings)
}

impl Extent {
    fn of(judgement: &Judgement) -> Self {
        let mut extent =
            Self { rows: judgement.rows.total(), planned_rows: judgement.rows.claimed(), ..Self::default() };
        let tagged = judgement.facts.iter().filter(|fact| !fact.run_known && fact.tagged_service.is_some());
        extent.witnessed_rows = extent.planned_rows + tagged.count() as u64;
        for judged in &judgement.judged {
            let partial = |export: &&Export| matches!(export.outcome, Outcome::Partial { .. });
            extent.partial_exports += judged.history.exports.iter().filter(partial).count() as u64;
            let tally = judgement.runs.runs[judged.index].tally();
            for slot in 0..tally.len() {
                match tally.get(slot).standing() {
                    Some(Standing::Durable | Standing::Pending | Standing::Unread) => extent.acked += 1,
                    Some(Standing::Rejected) => extent.rejected += 1,
                    _ => {}
                }
            }
        }
        let read = |health| !matches!(health, Health::Temporary | Health::Foreign);
        for file in judgement.files.iter().filter(|file| read(file.health)) {
            extent.files += 1;
            extent.segments += u64::from(file.tier == Tier::Wal);
        }
        extent
    }

    fn reason_to_skip(self, check: &Check, judgement: &Judgement) -> Option<String> {
        if check.needs_run && judgement.judged.is_empty() && self.planned_rows == 0 {
            return Some("no run to hold the store against".to_owned());
        }
        (self.of_kind(check.examines) == 0).then(|| format!("no {} here", check.examines.nouns().1))
    }

    fn of_kind(self, kind: Examines) -> u64 {
        match kind {
            Examines::AckedSpans => self.acked,
            Examines::RejectedSpans => self.rejected,
            Examines::PartialSuccesses => self.partial_exports,
            Examines::StoredRows => self.rows,
            Examines::PlannedRows => self.planned_rows,
            Examines::RowsWithWitnesses => self.witnessed_rows,
            Examines::Files => self.files,
            Examines::Segments => self.segments,
        }
    }
}
