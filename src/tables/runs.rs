//! The table `runs`.

use datafusion::{
    arrow::{
        array::{ArrayRef, RecordBatch},
        datatypes::SchemaRef,
    },
    common::Result,
};

use super::{judged::Judged, sources::Sources, unknown_column};
use crate::{
    base::arrays::{flag, number, text, time},
    judge::runs::Runs,
    ledger::runs::Run,
};

pub(super) fn rows(sources: &Sources, judged: Option<&Judged>, schema: &SchemaRef) -> Result<RecordBatch> {
    let runs = sources.runs()?;
    super::batch(schema, runs.known.len(), |name| column(&runs, judged, name))
}

fn column(runs: &Runs, judged: Option<&Judged>, name: &str) -> Result<ArrayRef> {
    let all = || runs.known.iter();
    let is_judged = |run: &Run| {
        let judgement = &judged?.judgement;
        let id = run.plan.outline.run;
        Some(judgement.judged.iter().any(|judged| judgement.known(judged).plan.outline.run == id))
    };
    Ok(match name {
        "run" => text(all().map(|run| Some(run.plan.outline.run.to_string()))),
        "created_at" => time(all().map(|run| Some(run.manifest.created_at.0.cast_signed()))),
        "profile" => text(all().map(|run| Some(run.manifest.profile.to_string()))),
        "services" => number(all().map(|run| i64::try_from(run.plan.outline.services.len()).ok())),
        "workflows" => number(all().map(|run| Some(run.plan.workflows().cast_signed()))),
        "spans" => number(all().map(|run| Some(run.plan.spans().cast_signed()))),
        "finished" => flag(all().map(|run| Some(run.is_finished()))),
        "asked_for" => flag(all().map(|run| Some(runs.wanted.contains(&run.plan.outline.run)))),
        "endpoint" => text(all().map(|run| Some(&run.manifest.endpoint))),
        "judged" => flag(all().map(is_judged)),
        other => return unknown_column("runs", other),
    })
}
