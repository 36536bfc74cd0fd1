//! A judgement as tables: what the checks' SQL reads.

use std::{collections::HashMap, fmt::Write as _, sync::Arc};

use datafusion::{
    arrow::{
        array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray},
        error::ArrowError,
    },
    datasource::MemTable,
    error::Result,
    prelude::SessionContext,
};

use super::{
    compare::DifferenceKind,
    delivery::Delivery,
    facts::{Address, Attempts, Fact, Sighting, StoredDifference},
    judgement::{FileRecord, Judgement},
};
use crate::{ledger::history::Export, span::schema, traffic::plan::Plan};

/// Registers `files`, `facts`, `differences`, `sightings`, `exports`, `calls`, `runs` and `delivery`.
pub(crate) fn register(
    session: &SessionContext,
    judgement: &Arc<Judgement>,
    settled_before: i64,
) -> Result<()> {
    let tables = [
        ("files", files(&judgement.files)?),
        ("facts", facts(&judgement.facts, judgement.read_began.cast_signed(), settled_before)?),
        ("differences", differences(&judgement.differences)?),
        ("runs", runs(judgement)?),
        ("exports", exports(judgement)?),
        ("calls", calls(judgement)?),
        ("sightings", sightings(judgement)?),
    ];
    for (name, batch) in tables {
        let table = MemTable::try_new(batch.schema(), vec![vec![batch]])?;
        session.register_table(name, Arc::new(table))?;
    }
    session.register_table("delivery", Arc::new(Delivery::new(Arc::clone(judgement))))?;
    Ok(())
}

type Columns = Vec<(&'static str, ArrayRef)>;

fn text<T: AsRef<str>>(values: impl Iterator<Item = Option<T>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

fn number(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.collect::<Int64Array>())
}

fn flag(values: impl Iterator<Item = bool>) -> ArrayRef {
    Arc::new(values.map(Some).collect::<BooleanArray>())
}

fn time(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.collect::<TimestampNanosecondArray>().with_timezone("UTC"))
}

fn table(columns: Columns) -> Result<RecordBatch, ArrowError> {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
}

fn address<'a>(of: impl Iterator<Item = &'a Address> + Clone) -> Columns {
    vec![
        ("tier", text(of.clone().map(|at| Some(at.tier.name())))),
        ("file", text(of.clone().map(|at| Some(&*at.file)))),
        ("row_number", number(of.map(|at| Some(at.row_number.cast_signed())))),
    ]
}

fn files(files: &[FileRecord]) -> Result<RecordBatch, ArrowError> {
    table(vec![
        ("tier", text(files.iter().map(|file| Some(file.tier.name())))),
        ("file", text(files.iter().map(|file| Some(&file.file)))),
        ("size", number(files.iter().map(|file| Some(file.size.cast_signed())))),
        ("health", text(files.iter().map(|file| Some(file.health.name())))),
        ("problem", text(files.iter().map(|file| file.problem.as_ref()))),
        ("rows", number(files.iter().map(|file| Some(file.rows.cast_signed())))),
        ("schema_version", number(files.iter().map(|file| file.schema))),
        ("named_at", time(files.iter().map(|file| file.named_at))),
    ])
}

fn facts(facts: &[Fact], read_began: i64, settled_before: i64) -> Result<RecordBatch, ArrowError> {
    let mut columns = address(facts.iter().map(|fact| &fact.address));
    let ended_before = |fact: &Fact, moment: i64| fact.end_time.is_some_and(|end| end < moment);
    let hour_before = read_began.saturating_sub(3_600_000_000_000);
    let remote = |fact: &Fact| fact.trace_flags.map(|flags| flags & 0x200 != 0);
    columns.extend([
        ("trace_id", text(facts.iter().map(|fact| fact.trace_id.as_ref()))),
        ("span_id", text(facts.iter().map(|fact| fact.span_id.as_ref()))),
        ("parent_span_id", text(facts.iter().map(|fact| fact.parent_span_id.as_ref()))),
        ("service_name", text(facts.iter().map(|fact| fact.service_name.as_ref()))),
        ("name", text(facts.iter().map(|fact| fact.name.as_ref()))),
        ("end_time", time(facts.iter().map(|fact| fact.end_time))),
        ("settled", flag(facts.iter().map(|fact| ended_before(fact, settled_before)))),
        ("an_hour_old", flag(facts.iter().map(|fact| ended_before(fact, hour_before)))),
        ("parent_is_remote", Arc::new(facts.iter().map(remote).collect::<BooleanArray>())),
        ("run", text(facts.iter().map(|fact| fact.run.map(|run| run.to_string())))),
        ("run_known", flag(facts.iter().map(|fact| fact.run_known))),
        ("tagged_service", text(facts.iter().map(|fact| fact.tagged_service.as_ref()))),
        ("resource_service", text(facts.iter().map(|fact| fact.resource_service.as_ref()))),
    ]);
    table(columns)
}

fn differences(differences: &[StoredDifference]) -> Result<RecordBatch, ArrowError> {
    let kind = |found: &StoredDifference| match found.difference.kind {
        DifferenceKind::Witness => "witness",
        DifferenceKind::Content => "content",
    };
    let mut columns = address(differences.iter().map(|found| &found.address));
    columns.extend([
        ("run", text(differences.iter().map(|found| Some(found.run.to_string())))),
        ("sent_by", text(differences.iter().map(|found| Some(&found.service)))),
        ("workflow", number(differences.iter().map(|found| Some(found.workflow.cast_signed())))),
        ("span", number(differences.iter().map(|found| Some(found.position.into())))),
        ("trace_id", text(differences.iter().map(|found| Some(&found.trace_id)))),
        ("span_id", text(differences.iter().map(|found| Some(&found.span_id)))),
        (
            "column_name",
            text(differences.iter().map(|found| Some(schema::column_name(found.difference.column)))),
        ),
        ("key", text(differences.iter().map(|found| found.difference.key.as_ref()))),
        ("kind", text(differences.iter().map(|found| Some(kind(found))))),
        ("expected", text(differences.iter().map(|found| found.difference.expected.as_ref()))),
        ("actual", text(differences.iter().map(|found| found.difference.actual.as_ref()))),
    ]);
    table(columns)
}

fn sightings(judgement: &Judgement) -> Result<RecordBatch, ArrowError> {
    let seen = &judgement.sightings;
    let contents = contents(&judgement.differences);
    let attempts = |of: fn(Attempts) -> u32| {
        number(seen.iter().map(|sighting| sighting.attempts.map(|attempts| of(attempts).into())))
    };
    let mut columns = address(seen.iter().map(|sighting| &sighting.address));
    columns.extend([
        ("run", text(seen.iter().map(|sighting| Some(sighting.run.to_string())))),
        ("trace_id", text(seen.iter().map(|sighting| Some(&sighting.trace_id)))),
        ("span_id", text(seen.iter().map(|sighting| Some(&sighting.span_id)))),
        ("attempts", attempts(|attempts| attempts.made)),
        ("refusals", attempts(|attempts| attempts.refused)),
        (
            "differing",
            text(seen.iter().map(|Sighting { address: at, .. }| contents.get(&(&*at.file, at.row_number)))),
        ),
    ]);
    table(columns)
}

/// What is not as planned in each row that differs, as one text: rows of a span with the same text are equal.
fn contents(differences: &[StoredDifference]) -> HashMap<(&str, u64), String> {
    let mut contents: HashMap<_, String> = HashMap::new();
    for StoredDifference { address, difference, .. } in differences {
        let content = contents.entry((&*address.file, address.row_number)).or_default();
        let column = schema::column_name(difference.column);
        let key = difference.key.as_deref().unwrap_or_default();
        let separator = if content.is_empty() { "" } else { "; " };
        write!(content, "{separator}{column} {key}: {:?}", difference.actual).ok();
    }
    contents
}

fn runs(judgement: &Judgement) -> Result<RecordBatch, ArrowError> {
    let plans: Vec<_> = judgement.judged.iter().map(|run| &judgement.known(run).plan).collect();
    table(vec![
        ("run", text(plans.iter().map(|plan| Some(plan.outline.run.to_string())))),
        ("services", number(plans.iter().map(|plan| i64::try_from(plan.outline.services.len()).ok()))),
        ("workflows", number(plans.iter().map(|plan| Some(plan.workflows().cast_signed())))),
        ("spans", number(plans.iter().map(|plan| Some(plan.spans().cast_signed())))),
    ])
}

fn exports(judgement: &Judgement) -> Result<RecordBatch, ArrowError> {
    let suspects = judgement.suspects();
    let rows: Vec<_> = judgement
        .judged
        .iter()
        .flat_map(|run| {
            let plan = &judgement.known(run).plan;
            run.history.exports.iter().map(move |export| (plan, export))
        })
        .collect();
    let fates: Vec<_> = judgement
        .judged
        .iter()
        .flat_map(|run| run.history.exports.iter().map(|export| run.fate(&judgement.runs, export, &suspects)))
        .collect();
    table(vec![
        ("run", text(rows.iter().map(|(plan, _)| Some(plan.outline.run.to_string())))),
        ("service_name", text(rows.iter().map(|(plan, export)| service_of(plan, export)))),
        ("first_ordinal", number(rows.iter().map(|(_, export)| Some(export.first.cast_signed())))),
        ("spans", number(rows.iter().map(|(_, export)| Some(export.count.into())))),
        ("started_at", time(rows.iter().map(|(_, export)| Some(export.started_at.cast_signed())))),
        ("ended_at", time(rows.iter().map(|(_, export)| export.ended_at.map(u64::cast_signed)))),
        ("outcome", text(rows.iter().map(|(_, export)| Some(export.outcome.name())))),
        ("code", text(rows.iter().map(|(_, export)| export.outcome.code().map(|code| code.to_string())))),
        ("rejected_spans", number(rows.iter().map(|(_, export)| export.outcome.rejected_spans()))),
        ("attempts", number(rows.iter().map(|(_, export)| Some(export.attempts.into())))),
        ("refusals", number(rows.iter().map(|(_, export)| Some(export.refusals.into())))),
        ("n_found", number(fates.iter().map(|fate| Some(fate.found)))),
        ("behind_barrier", flag(fates.iter().map(|fate| fate.behind_barrier))),
        ("maybe_unread", flag(fates.iter().map(|fate| fate.maybe_unread))),
    ])
}

/// The service that an export is from; none where a collector sent it, for several.
fn service_of<'p>(plan: &'p Plan, export: &Export) -> Option<&'p String> {
    let own = plan.outline.collectors.is_none();
    own.then(|| plan.outline.services.get(export.stream as usize))?
}

fn calls(judgement: &Judgement) -> Result<RecordBatch, ArrowError> {
    let rows: Vec<_> = judgement
        .judged
        .iter()
        .flat_map(|run| {
            let plan = &judgement.known(run).plan;
            run.history.calls.iter().map(move |call| (plan, call))
        })
        .collect();
    table(vec![
        ("run", text(rows.iter().map(|(plan, _)| Some(plan.outline.run.to_string())))),
        ("rpc", text(rows.iter().map(|(_, call)| Some(call.rpc.to_string())))),
        ("began", time(rows.iter().map(|(_, call)| Some(call.began.cast_signed())))),
        ("ended", time(rows.iter().map(|(_, call)| Some(call.ended.cast_signed())))),
        ("success", flag(rows.iter().map(|(_, call)| call.success))),
        ("error", text(rows.iter().map(|(_, call)| Some(&call.error)))),
    ])
}
