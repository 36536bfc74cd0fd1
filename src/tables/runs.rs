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
    ledger::any_run::AnyRun,
};

pub(super) fn rows(sources: &Sources, judged: Option<&Judged>, schema: &SchemaRef) -> Result<RecordBatch> {
    let runs = sources.runs()?;
    super::batch(schema, runs.all().count(), |name| column(&runs, judged, name))
}

fn column(runs: &Runs, judged: Option<&Judged>, name: &str) -> Result<ArrayRef> {
    let all = || runs.all();
    let is_judged = |run: AnyRun<'_>| {
        let judgement = &judged?.judgement;
        Some(judgement.judged.iter().any(|judged| judgement.known(judged).run == run.id()))
    };
    Ok(match name {
        "run" => text(all().map(|run| Some(run.id().to_string()))),
        "created_at" => time(all().map(|run| Some(run.created_at().0.cast_signed()))),
        "profile" => text(all().map(|run| run.manifest().map(|manifest| manifest.profile.to_string()))),
        "services" => number(all().map(|run| i64::try_from(run.services().len()).ok())),
        "workflows" => number(all().map(|run| run.plan().map(|plan| plan.workflows().cast_signed()))),
        "spans" => number(all().map(|run| Some(run.spans().cast_signed()))),
        "finished" => flag(all().map(|run| Some(run.is_finished()))),
        "asked_for" => flag(all().map(|run| Some(runs.wanted.contains(&run.id())))),
        "endpoint" => text(all().map(|run| Some(run.endpoint()))),
        "judged" => flag(all().map(is_judged)),
        other => return unknown_column("runs", other),
    })
}
