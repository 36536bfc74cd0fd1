//! A judgement as tables: what the checks' SQL reads.

use std::{ops::Range, sync::Arc};

use datafusion::{
    arrow::{
        array::{ArrayRef, RecordBatch},
        error::ArrowError,
    },
    catalog::TableProvider,
    datasource::MemTable,
    error::Result,
    prelude::SessionContext,
};

use super::{
    delivery::Delivery,
    exports::export_table,
    fact_table::{FactSource, FactTable, Grain},
};
use crate::{
    base::arrays::{flag, number, text, time},
    judge::{
        encode,
        facts::Facts,
        judgement::{Depth, FileRecord, Judgement, SnapshotRecord},
        replayed::rows::ReplayRows,
        sweep_output::Collected,
    },
    store::layout::Tier,
};

/// Registers every table of a judgement, with what replays add to them; rows and traces that no plan calls for
/// are there by their facts.
pub(crate) async fn register(
    session: &SessionContext,
    judgement: &Arc<Judgement>,
    replays: Vec<ReplayRows>,
    settled_before: i64,
) -> Result<Arc<FactSource>> {
    let Collected { facts, names, odd, .. } = &*judgement.collected;
    let read_began = judgement.read_began.cast_signed();
    let source =
        Arc::new(FactSource::new(Arc::clone(facts), names, Arc::clone(odd), read_began, settled_before)?);
    let tables = [
        ("files", files(judgement, settled_before)?),
        ("runs", runs(judgement)?),
        ("calls", calls(judgement)?),
        ("losses", losses(judgement)?),
        ("resources", resources(judgement, &source)?),
        ("snapshot_rows", snapshot_rows(judgement)?),
        ("footer_statistics", footer_statistics(judgement)?),
    ];
    for (name, batch) in tables {
        let table = MemTable::try_new(batch.schema(), vec![vec![batch]])?;
        session.register_table(name, Arc::new(table))?;
    }
    for (name, spool) in [
        ("differences", &judgement.collected.differences),
        ("strays", &judgement.collected.strays),
        ("sightings", &judgement.sightings),
    ] {
        session.register_table(name, spool.table())?;
    }
    let (mut of_exports, mut of_delivery) = (Vec::new(), Vec::new());
    for rows in replays {
        judgement.sightings.push(rows.sightings)?;
        judgement.collected.differences.push(rows.differences)?;
        of_exports.push(rows.exports);
        of_delivery.push(rows.delivery);
    }
    let exports = export_table(Arc::clone(judgement));
    session.register_table("exports", with_more(session, exports, of_exports)?)?;
    let delivery = Arc::new(Delivery::new(Arc::clone(judgement)));
    session.register_table("delivery", with_more(session, delivery, of_delivery)?)?;
    register_facts(session, &source, Facts::ALL).await?;
    Ok(source)
}

/// A table and further rows of it.
fn with_more(
    session: &SessionContext,
    table: Arc<dyn TableProvider>,
    more: Vec<RecordBatch>,
) -> Result<Arc<dyn TableProvider>> {
    if more.is_empty() {
        return Ok(table);
    }
    Ok(session.read_table(table)?.union(session.read_batches(more)?)?.into_view())
}

const COPIES: &str = include_str!("../../sql/views/copies.sql");

/// Registers `facts` and `trace_facts` anew, with the rows of some buckets, and the views over them.
async fn register_facts(
    session: &SessionContext,
    source: &Arc<FactSource>,
    buckets: Range<usize>,
) -> Result<()> {
    for (name, grain) in [("facts", Grain::Row), ("trace_facts", Grain::Trace)] {
        session.deregister_table(name)?;
        let table = FactTable::new(Arc::clone(source), buckets.clone(), grain);
        session.register_table(name, Arc::new(table))?;
    }
    session.deregister_table("copies")?;
    session.register_table("copies", session.sql(COPIES).await?.into_view())?;
    Ok(())
}

/// Shows one shard of the facts. Rows of known runs are shown beside the first only, so that asking shard by
/// shard meets each row once.
pub(crate) async fn show_shard(
    session: &SessionContext,
    source: &Arc<FactSource>,
    buckets: Range<usize>,
    without_planned: bool,
) -> Result<()> {
    source.facts.hold(buckets.clone())?;
    if without_planned {
        let delivery = Delivery::columns();
        for (name, schema) in [
            ("differences", encode::differences_schema()),
            ("strays", crate::judge::unplannable::schema()),
            ("sightings", encode::sightings_schema()),
            ("delivery", delivery),
        ] {
            session.deregister_table(name)?;
            session.register_table(name, Arc::new(MemTable::try_new(schema, vec![vec![]])?))?;
        }
    }
    register_facts(session, source, buckets).await
}

type Columns = Vec<(&'static str, ArrayRef)>;

fn table(columns: Columns) -> Result<RecordBatch, ArrowError> {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
}

fn files(judgement: &Judgement, settled_before: i64) -> Result<RecordBatch, ArrowError> {
    let Judgement { files, read_began, depth, .. } = judgement;
    let counted = *depth > Depth::Files;
    let snapshot = |of: fn(&SnapshotRecord) -> u64| {
        number(files.iter().map(|file| file.snapshot.as_ref().map(|record| of(record).cast_signed())))
    };
    let age = |file: &FileRecord| {
        Some(read_began.cast_signed().saturating_sub(file.modified_at?).max(0) / 1_000_000_000)
    };
    let is_settled = |file: &FileRecord| Some(file.modified_at? < settled_before);
    table(vec![
        ("tier", text(files.iter().map(|file| Some(file.tier.name())))),
        ("file", text(files.iter().map(|file| Some(&file.file)))),
        ("size", number(files.iter().map(|file| Some(file.size.cast_signed())))),
        ("health", text(files.iter().map(|file| Some(file.health.name())))),
        ("problem", text(files.iter().map(|file| file.problem.as_ref().map(ToString::to_string)))),
        ("rows", number(files.iter().map(|file| counted.then(|| file.rows.cast_signed())))),
        ("schema_version", number(files.iter().map(|file| file.schema))),
        ("named_at", time(files.iter().map(|file| file.named_at))),
        ("modified_at", time(files.iter().map(|file| file.modified_at))),
        ("age_seconds", number(files.iter().map(age))),
        ("settled", flag(files.iter().map(is_settled))),
        ("decodes", flag(files.iter().map(|file| Some(file.decodes)))),
        ("expected_place", text(files.iter().map(|file| file.expected_place.as_ref()))),
        ("flushed_rows", snapshot(|record| record.flushed)),
        ("lacking_rows", snapshot(|record| record.lacking)),
    ])
}

fn snapshot_rows(judgement: &Judgement) -> Result<RecordBatch, ArrowError> {
    let odd = &judgement.collected.odd;
    let hex = |key: u128, bytes: &[u8]| {
        odd.text(key).map_or_else(|| const_hex::encode(bytes), |text| text.to_string())
    };
    let snapshots = judgement.files.iter().filter_map(|file| Some((&file.file, file.snapshot.as_ref()?)));
    let rows: Vec<_> =
        snapshots.flat_map(|(file, record)| record.others.iter().map(move |row| (file, row))).collect();
    let ids = || rows.iter().map(|(_, row)| row.id);
    table(vec![
        ("tier", text(rows.iter().map(|_| Some(Tier::Hot.name())))),
        ("file", text(rows.iter().map(|(file, _)| Some(file)))),
        ("row_number", number(rows.iter().map(|(_, row)| Some(row.row_number.cast_signed())))),
        ("trace_id", text(ids().map(|(trace, _)| Some(hex(trace, &trace.to_be_bytes()))))),
        ("span_id", text(ids().map(|(_, span)| Some(hex(span.into(), &span.to_be_bytes()))))),
        ("cause", text(rows.iter().map(|(_, row)| Some(row.fault.name())))),
    ])
}

/// What footers state of values and the values do not come to.
fn footer_statistics(judgement: &Judgement) -> Result<RecordBatch, ArrowError> {
    let files = judgement.files.iter();
    let faults: Vec<_> =
        files.flat_map(|file| file.statistics.iter().map(move |fault| (file, fault))).collect();
    let all = || faults.iter();
    table(vec![
        ("tier", text(all().map(|(file, _)| Some(file.tier.name())))),
        ("file", text(all().map(|(file, _)| Some(&file.file)))),
        ("row_group", number(all().map(|(_, fault)| i64::try_from(fault.row_group).ok()))),
        ("column_name", text(all().map(|(_, fault)| Some(fault.column)))),
        ("statistic", text(all().map(|(_, fault)| Some(fault.statistic.name())))),
        ("expected", text(all().map(|(_, fault)| fault.actual.as_ref()))),
        ("actual", text(all().map(|(_, fault)| Some(&fault.stated)))),
    ])
}

fn resources(judgement: &Judgement, source: &FactSource) -> Result<RecordBatch, ArrowError> {
    let rows = judgement.collected.resources();
    let tier = |in_wal: bool| if in_wal { Tier::Wal.name() } else { Tier::Cold.name() };
    table(vec![
        ("service_name", source.names.take(rows.iter().map(|(key, _)| key.service))),
        ("resource_service", source.names.take(rows.iter().map(|(key, _)| key.resource_service))),
        ("instance_id", source.names.take(rows.iter().map(|(key, _)| key.instance))),
        ("rows", number(rows.iter().map(|(_, seen)| Some(seen.rows.cast_signed())))),
        ("tier", text(rows.iter().map(|(_, seen)| Some(tier(seen.in_wal))))),
        ("file", source.names.take(rows.iter().map(|(_, seen)| seen.file))),
        ("row_number", number(rows.iter().map(|(_, seen)| Some(seen.row_number)))),
    ])
}

fn losses(judgement: &Judgement) -> Result<RecordBatch, ArrowError> {
    let losses = judgement.collected.losses();
    table(vec![
        ("loss", text(losses.named().map(|(name, _)| Some(name)))),
        ("spans", number(losses.named().map(|(_, spans)| Some(spans.cast_signed())))),
    ])
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
        ("success", flag(rows.iter().map(|(_, call)| Some(call.success)))),
        ("error", text(rows.iter().map(|(_, call)| Some(&call.error)))),
    ])
}
