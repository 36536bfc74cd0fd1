//! The table `runs`: what the folder of runs holds.

use datafusion::arrow::{array::RecordBatch, error::ArrowError};

use super::files::{flag, number, table, text, time};
use crate::{judge::runs::Runs, ledger::runs::Run};

pub(crate) fn runs(runs: &Runs) -> Result<RecordBatch, ArrowError> {
    let all = || runs.known.iter();
    let asked_for = |run: &Run| runs.wanted.contains(&run.plan.outline.run);
    table(vec![
        ("run", text(all().map(|run| Some(run.plan.outline.run.to_string())))),
        ("created_at", time(all().map(|run| Some(run.manifest.created_at.0.cast_signed())))),
        ("profile", text(all().map(|run| Some(run.manifest.profile.to_string())))),
        ("services", number(all().map(|run| i64::try_from(run.plan.outline.services.len()).ok()))),
        ("workflows", number(all().map(|run| Some(run.plan.workflows().cast_signed())))),
        ("spans", number(all().map(|run| Some(run.plan.spans().cast_signed())))),
        ("finished", flag(all().map(Run::is_finished))),
        ("asked_for", flag(all().map(asked_for))),
        ("endpoint", text(all().map(|run| Some(&run.manifest.endpoint)))),
    ])
}
