//! Runs checks to the end; one that cannot run becomes a verdict, not a return.

use datafusion::{
    arrow::{array::RecordBatch, datatypes::SchemaRef},
    error::DataFusionError,
    prelude::SessionContext,
};
use futures::StreamExt;

use super::catalog::{Check, Examines, Finding, Needs, Severity};
use crate::{
    judge::{account::Account, judgement::Judgement},
    store::layout::Tier,
};

/// What a check told us.
#[derive(Debug)]
pub(crate) enum Verdict {
    Pass,
    Fail(Findings),
    /// The rule is broken, and its severity, less than an error, lets an audit pass.
    Noted(Severity, Findings),
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
            Self::Noted(severity, _) => severity.name(),
            Self::Skipped(_) => "skipped",
            Self::Inconclusive(_) => "inconclusive",
            Self::Broken(_) => "broken",
        }
    }

    pub(crate) fn findings(&self) -> Option<&Findings> {
        match self {
            Self::Fail(findings) | Self::Noted(_, findings) | Self::Inconclusive(findings) => Some(findings),
            Self::Pass | Self::Skipped(_) | Self::Broken(_) => None,
        }
    }
}

/// Runs `checks` over the tables of a judgement, keeping up to `samples` findings of each.
pub(crate) async fn run_checks(
    session: &SessionContext,
    judgement: &Judgement,
    checks: Vec<Check>,
    samples: usize,
) -> Vec<Checked> {
    let mut checked = Vec::with_capacity(checks.len());
    for check in checks {
        let examined = examined(check.examines, judgement);
        let verdict = match reason_to_skip(&check, judgement, examined) {
            Some(reason) => Verdict::Skipped(reason),
            None => verdict(session, &check, samples).await,
        };
        checked.push(Checked { check, examined, verdict });
    }
    checked
}

fn examined(kind: Examines, judgement: &Judgement) -> u64 {
    let Account { acked, settled, rejected, partial_exports, retried, .. } = judgement.account;
    match kind {
        Examines::AckedSpans => acked,
        Examines::SettledSpans => settled,
        Examines::RejectedSpans => rejected,
        Examines::PartialSuccesses => partial_exports,
        Examines::RetriedSpans => retried,
        Examines::StoredRows => judgement.rows.total(),
        Examines::PlannedRows => judgement.rows.claimed(),
        Examines::RowsWithWitnesses => judgement.rows.claimed() + judgement.collected.tagged_facts(),
        Examines::Files => judgement.files_read(Tier::Cold),
        Examines::Segments => judgement.files_read(Tier::Wal),
    }
}

fn reason_to_skip(check: &Check, judgement: &Judgement, examined: u64) -> Option<String> {
    match check.needs {
        Needs::Run if judgement.judged.is_empty() && judgement.rows.claimed() == 0 => {
            Some("no run to hold the store against".to_owned())
        }
        Needs::WholeStore if !judgement.whole_store => Some("one file alone cannot tell".to_owned()),
        _ => (examined == 0).then(|| format!("no {} here", check.examines.nouns().1)),
    }
}

async fn verdict(session: &SessionContext, check: &Check, samples: usize) -> Verdict {
    match find(session, check, samples).await {
        Ok(findings) if findings.total == 0 => Verdict::Pass,
        Ok(findings) => match (check.finding, check.severity) {
            (Finding::Undecided, _) => Verdict::Inconclusive(findings),
            (Finding::Broken, Severity::Error) => Verdict::Fail(findings),
            (Finding::Broken, lesser) => Verdict::Noted(lesser, findings),
        },
        Err(err) => Verdict::Broken(err.strip_backtrace().replace('\n', " ")),
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
