//! Whether a store holds what a replay sent, and what is different where it does not.
//!
//! Which columns of a row differ is found by making the replay's exports once more; that needs the source as it
//! was. Text that differs only in its JSON's form is no difference.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use anyhow::Context;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

use super::run::{self, Surveyed};
use crate::{
    judge::{
        replayed::{self, Altered, Reckoning, Replayed, Sent},
        runs::is_at,
        strict_json::StrictValue,
    },
    ledger::{
        expected,
        history::History,
        replay::ReplayManifest,
        runs::{self, Loaded, Replay},
    },
    problem::Problem,
    span::{
        mapping,
        row::Row,
        schema::{column, column_name, in_schema},
    },
    store::{
        layout::Layout,
        session::{Limits, session},
    },
};

/// A replay held against a store.
#[derive(Debug)]
pub(crate) struct Proof {
    pub(crate) run_id: String,
    pub(crate) reckoning: Reckoning,
    /// Of the rows that differ and were looked at again.
    pub(crate) differences: Vec<Difference>,
    /// Why it cannot be said which columns differ.
    pub(crate) unexplained: Option<String>,
}

/// One value that is not what was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) file: String,
    pub(crate) row_number: u64,
    pub(crate) column: &'static str,
    pub(crate) expected: Option<String>,
    pub(crate) actual: Option<String>,
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
        let Reckoning { lost, altered, duplicates, refused_but_stored, broken_partials, .. } =
            &self.reckoning;
        let bad =
            [lost.total, altered.total, duplicates.total, refused_but_stored.total, broken_partials.total];
        let Reckoning { pending, unproven, acked, indeterminate, .. } = &self.reckoning;
        if bad.iter().any(|total| *total > 0) {
            Verdict::Fail
        } else if *acked == 0 || pending.total + unproven.total + indeterminate > 0 {
            Verdict::Open
        } else {
            Verdict::Pass
        }
    }
}

/// The replays that a store is held against, by the word that names runs: the newest, if it was sent after every
/// generated run and may be of this store; all that may; the one that is named; or none.
pub(crate) fn chosen(loaded: Loaded, word: &str, layout: &Layout) -> Vec<Replay> {
    let may_be_here = |data_dir: Option<&Path>| is_at(data_dir, layout) != Some(false);
    let newest_run = loaded.runs.iter().filter(|run| may_be_here(run.manifest.data_dir.as_deref()));
    let newest_run = newest_run.map(|run| run.manifest.created_at).max();
    let mut replays = loaded.replays;
    match word {
        "none" | "" => replays.clear(),
        "all" => replays.retain(|replay| may_be_here(replay.manifest.data_dir.as_deref())),
        "latest" => {
            replays.retain(|replay| may_be_here(replay.manifest.data_dir.as_deref()));
            let newest = replays.pop();
            replays.clear();
            replays.extend(newest.filter(|replay| Some(replay.manifest.created_at) > newest_run));
        }
        id => replays.retain(|replay| replay.manifest.run_id.starts_with(id)),
    }
    replays
}

/// The rows that replays left behind.
pub(crate) fn left_behind(replays: &[Replay]) -> anyhow::Result<Replayed> {
    let mut all = Vec::new();
    for replay in replays {
        let path = runs::expected_path(&replay.folder);
        all.extend(expected::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?);
    }
    Ok(Replayed::new(all))
}

/// What a proof comes to in one sentence, where it is no pass.
pub(crate) fn complaint(proof: &Proof) -> Option<String> {
    let Reckoning { lost, altered, duplicates, refused_but_stored, broken_partials, .. } = &proof.reckoning;
    let Reckoning { pending, unproven, acked, indeterminate, .. } = &proof.reckoning;
    let parts: Vec<String> = [
        (lost.total, "lost"),
        (altered.total, "altered"),
        (duplicates.total, "duplicated"),
        (refused_but_stored.total, "stored though refused"),
        (broken_partials.total, "of another number than taken"),
        (pending.total, "pending"),
        (unproven.total, "unproven"),
        (*indeterminate, "sent with an unknown outcome"),
        (u64::from(*acked == 0), "that could be judged: none was acked"),
    ]
    .into_iter()
    .filter(|(total, _)| *total > 0)
    .map(|(total, what)| if what.starts_with("that") { what.to_owned() } else { format!("{total} {what}") })
    .collect();
    (proof.verdict() != Verdict::Pass).then(|| format!("replay {}: spans {}", proof.run_id, parts.join(", ")))
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
    let sent = Sent { expected: &expected, history: &history };
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
    let reckoning = replayed::reckon(layout, &sent, &context, settle, wait, waiting).await?;
    let mut proof =
        Proof { run_id: manifest.run_id.clone(), reckoning, differences: Vec::new(), unexplained: None };
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
    for altered in std::mem::take(&mut proof.reckoning.altered.samples) {
        wanted.entry(altered.ordinal).or_default().push(altered);
    }
    let mut first = 0;
    run::make(Arc::new(surveyed.recipe), |draft| {
        let end = first + draft.expectations.len() as u64;
        for (&ordinal, rows) in wanted.range(first..end) {
            let request = ExportTraceServiceRequest::decode(&*draft.request)?;
            for altered in rows {
                let made = mapping::rows(&request.resource_spans, altered.schema);
                let row = made.get(usize::try_from(ordinal - first)?).context("an export is too short")?;
                let differences = differences(row, altered);
                if differences.is_empty() {
                    proof.reckoning.altered.total -= 1;
                    proof.reckoning.as_sent += 1;
                } else {
                    proof.reckoning.altered.samples.push(altered.clone());
                    proof.differences.extend(differences);
                }
            }
        }
        first = end;
        Ok(())
    })
    .await?;
    Ok(())
}

fn differences(expected: &Row, altered: &Altered) -> Vec<Difference> {
    let expected = replayed::values(&expected.cells().map(Some));
    let columns = expected.into_iter().zip(&altered.values).enumerate();
    let differing = columns.filter(|(number, (expected, actual))| {
        in_schema(*number, altered.schema) && !is_equal(*number, expected.as_ref(), actual.as_ref())
    });
    differing
        .map(|(number, (expected, actual))| Difference {
            file: altered.file.clone(),
            row_number: altered.row_number,
            column: column_name(number),
            expected,
            actual: actual.clone(),
        })
        .collect()
}

fn is_equal(number: usize, expected: Option<&String>, actual: Option<&String>) -> bool {
    const JSON: [usize; 4] = [column::ATTRIBUTES, column::EVENTS, column::LINKS, column::RESOURCE_ATTRIBUTES];
    if expected == actual {
        return true;
    }
    let parsed = |text: Option<&String>| serde_json::from_str::<StrictValue>(text?).ok();
    JSON.contains(&number) && parsed(expected).is_some_and(|expected| Some(expected) == parsed(actual))
}

#[cfg(test)]
mod tests;
