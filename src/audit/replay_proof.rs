//! Whether a store holds what a replay sent, and what is different where it does not.
//!
//! Which columns of a row differ is found by making the replay's exports once more; that needs the source as it
//! was. Text that differs only in its JSON's form is no difference.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use anyhow::Context;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

use crate::{
    base::{memory::Limits, problem::Problem},
    contract::{
        canonical_json::canonical,
        mapping,
        row::Row,
        schema::{Schema, column, column_name, in_schema},
    },
    judge::{
        barrier::{self, last_ack},
        replayed::{
            self, Altered, KEPT, PartialExport, Reckoning, Sent,
            left_behind::Replayed,
            rows::{Difference, ReplayRows},
        },
        runs::Runs,
    },
    ledger::{expected, history::History, replay::ReplayManifest, runs},
    source::run::{self, Surveyed},
    store::{layout::Layout, session::session},
    traffic::ids::RunId,
};

/// A replay held against a store.
#[derive(Debug)]
pub(crate) struct Proof {
    pub(crate) run_id: RunId,
    /// The last ack, in Unix nanoseconds, and what lies between it and the read.
    pub(crate) last_ack: Option<(u64, u16)>,
    pub(crate) barrier: Option<barrier::Proof>,
    pub(crate) reckoning: Reckoning,
    /// Of the rows that differ and were looked at again.
    pub(crate) differences: Vec<Difference>,
    /// Why it cannot be said which columns differ.
    pub(crate) unexplained: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    Pass,
    Open,
    Fail,
}

impl Proof {
    /// Nothing that was acked is no pass.
    pub(crate) fn verdict(&self) -> Verdict {
        let Reckoning { lost, altered, duplicates, refused_but_stored, .. } = &self.reckoning;
        let bad = [lost.total, altered.total, duplicates.total, refused_but_stored.total];
        let Reckoning { pending, unproven, account, .. } = &self.reckoning;
        if bad.iter().any(|total| *total > 0) || self.broken_partials().next().is_some() {
            Verdict::Fail
        } else if account.acked == 0 || pending.total + unproven.total + account.indeterminate > 0 {
            Verdict::Open
        } else {
            Verdict::Pass
        }
    }

    /// Exports taken in part of which another number of spans is stored.
    pub(crate) fn broken_partials(&self) -> impl Iterator<Item = &PartialExport> {
        let hides = self.reckoning.hides();
        self.reckoning.partial.iter().filter(move |partial| partial.is_broken(hides))
    }

    /// What an audit must say of it beyond the checks.
    pub(crate) fn remarks(&self) -> Vec<String> {
        let Reckoning { lost, pending, unproven, altered, duplicates, .. } = &self.reckoning;
        let most =
            [lost.total, pending.total, unproven.total, altered.total, duplicates.total].into_iter().max();
        let mut remarks = Vec::new();
        if most.is_some_and(|most| most > KEPT as u64) {
            remarks.push(format!(
                "replay {}: of each kind of finding only the first {KEPT} are counted",
                self.run_id
            ));
        }
        if let Some(why) = &self.unexplained {
            remarks.push(format!(
                "replay {}: which columns differ cannot be said of all rows: {why}",
                self.run_id
            ));
        }
        remarks
    }

    /// What it adds to the tables of an audit.
    pub(crate) fn rows(&self) -> anyhow::Result<ReplayRows> {
        let mut differences = self.differences.clone();
        differences.extend(self.reckoning.altered.kept.iter().filter(|row| !row.explained).map(|row| {
            Difference {
                address: row.address.clone(),
                ordinal: row.ordinal,
                trace_id: row.values.get(column::TRACE_ID).cloned().flatten(),
                span_id: format!("{:016x}", row.span),
                service: None,
                column: "unknown",
                expected: None,
                actual: None,
            }
        }));
        Ok(ReplayRows::new(self.run_id, &self.reckoning, &differences)?)
    }
}

/// The rows that replays left behind: those that are judged, and others.
pub(crate) fn left_behind(runs: &Runs) -> anyhow::Result<Replayed> {
    let mut judged = Vec::new();
    for replay in &runs.replays {
        let path = runs::expected_path(&replay.folder);
        judged.extend(expected::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?);
    }
    // A row of one that cannot be read is judged by its structure, as any row that nobody knows.
    let others = runs
        .other_replays
        .iter()
        .filter_map(|replay| expected::read(&runs::expected_path(&replay.folder)).ok());
    Ok(Replayed::new(judged, others.flatten().collect()))
}

/// Reads what was sent, and the store.
pub(crate) async fn prove(
    folder: &Path,
    manifest: &ReplayManifest,
    layout: &Layout,
    settle: Duration,
    wait: bool,
    waiting: impl FnMut(Duration),
) -> anyhow::Result<Proof> {
    if layout.single_file {
        let what = "one file alone cannot show what a store lacks";
        return Err(Problem::new(what, "name the data directory").into());
    }
    let history = History::read(&runs::ledger_path(folder), u64::MAX)?;
    let path = runs::expected_path(folder);
    let expected = expected::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let run = manifest.run_id.parse().context("a replay's run id")?;
    let sent = Sent { run, expected: &expected, history: &history };
    if sent.issued() > expected.len() as u64 {
        let what = format!(
            "`{}` tells of {} spans, and {} were sent",
            path.display(),
            expected.len(),
            sent.issued()
        );
        return Err(Problem::new(what, "restore the run's folder; without it nothing can be proved").into());
    }
    let limits = Limits { memory: 64 << 20, partitions: 1, batch_rows: 1_024 };
    let context = session(limits)?.task_ctx();
    let (reckoning, barrier) = replayed::reckon(layout, &sent, &context, settle, wait, waiting).await?;
    let last_ack = last_ack(&history);
    let mut proof = Proof {
        run_id: run,
        last_ack,
        barrier: last_ack.and_then(|(acked_at, part)| barrier.proof(part, acked_at)),
        reckoning,
        differences: Vec::new(),
        unexplained: None,
    };
    if proof.reckoning.altered.total > 0
        && let Err(err) = explain(&mut proof, manifest).await
    {
        proof.unexplained = Some(format!("{err:#}"));
    }
    Ok(proof)
}

/// Makes the exports again, for the rows that differ.
async fn explain(proof: &mut Proof, manifest: &ReplayManifest) -> anyhow::Result<()> {
    let fresh_ids = manifest.id_key.is_some();
    let mut surveyed: Surveyed =
        run::prepare(&manifest.source.path, manifest.options.clone(), fresh_ids).await?;
    run::restore(&mut surveyed, manifest)?;
    let mut wanted: BTreeMap<u64, Vec<Altered>> = BTreeMap::new();
    let (known, unknown): (Vec<_>, Vec<_>) =
        std::mem::take(&mut proof.reckoning.altered.kept).into_iter().partition(|row| !row.values.is_empty());
    if !unknown.is_empty() {
        proof.unexplained = Some(format!("{} more than were kept differ", unknown.len()));
    }
    for altered in known {
        wanted.entry(altered.ordinal).or_default().push(altered);
    }
    let mut explained = Vec::new();
    let mut first = 0;
    let made = run::make(Arc::new(surveyed.recipe), |draft| {
        let end = first + draft.expectations.len() as u64;
        let reached: Vec<u64> = wanted.range(first..end).map(|(ordinal, _)| *ordinal).collect();
        for ordinal in reached {
            let request = ExportTraceServiceRequest::decode(&*draft.request)?;
            let [v1, v2] =
                [Schema::V1, Schema::V2].map(|schema| mapping::rows(&request.resource_spans, schema));
            let place = usize::try_from(ordinal - first)?;
            let sent = [v1.get(place), v2.get(place)];
            for altered in wanted.remove(&ordinal).into_iter().flatten() {
                let sent =
                    sent[usize::from(altered.schema == Schema::V2)].context("an export is too short")?;
                let differences = differences(sent, &altered);
                if differences.is_empty() {
                    proof.reckoning.altered.total -= 1;
                    proof.reckoning.as_sent += 1;
                } else {
                    explained.push(Altered { explained: true, ..altered });
                    proof.differences.extend(differences);
                }
            }
        }
        first = end;
        Ok(())
    })
    .await;
    let kept = &mut proof.reckoning.altered.kept;
    // What was not reached differs all the same.
    kept.extend(unknown.into_iter().chain(explained).chain(wanted.into_values().flatten()));
    kept.sort_by_key(|altered| altered.ordinal);
    made.map(drop)
}

fn differences(sent: &Row, altered: &Altered) -> Vec<Difference> {
    let expected = replayed::values(&sent.cells().map(Some));
    let columns = expected.into_iter().zip(&altered.values).enumerate();
    let differing = columns.filter(|(number, (expected, actual))| {
        in_schema(*number, altered.schema) && !is_equal(*number, expected.as_ref(), actual.as_ref())
    });
    differing
        .map(|(number, (expected, actual))| Difference {
            address: altered.address.clone(),
            ordinal: altered.ordinal,
            trace_id: Some(sent.trace_id.clone()),
            span_id: sent.span_id.clone(),
            service: Some(sent.service_name.clone()),
            column: column_name(number),
            expected,
            actual: actual.clone(),
        })
        .collect()
}

fn is_equal(number: usize, expected: Option<&String>, actual: Option<&String>) -> bool {
    if expected == actual {
        return true;
    }
    let parsed = |text: Option<&String>| canonical(text?).ok().map(std::borrow::Cow::into_owned);
    column::JSON.contains(&number)
        && parsed(expected).is_some_and(|expected| Some(expected) == parsed(actual))
}

#[cfg(test)]
pub(crate) mod tests;
