//! A judgement as tables.
//!
//! Planned spans and rows without a plan are not copied: their tables make rows while they are read. Facts that do
//! not fit into memory at once are shown shard by shard; the tables of planned spans are then shown beside the
//! first only, so that asking shard by shard meets each row once.

use std::{
    io,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use datafusion::{
    arrow::{
        array::{ArrayRef, RecordBatch},
        error::ArrowError,
    },
    catalog::TableProvider,
    datasource::{MemTable, empty::EmptyTable},
    error::{DataFusionError, Result},
};

use super::{
    catalog,
    delivery::Delivery,
    exports::export_table,
    fact_table::{FactSource, FactTable, Grain},
    planned_copies,
};
use crate::{
    base::arrays::{flag, number, text, time},
    judge::{facts::Facts, judgement::Judgement, junjo::records::Records, sweep_output::SweepOutput},
    junjo::{
        analysis::{Analysis, Input, analyse},
        rows::{self, RowSource},
    },
    store::layout::Tier,
};

/// A sweep's judgement, ready to be asked.
pub(crate) struct Judged {
    pub(crate) judgement: Arc<Judgement>,
    pub(crate) facts: Arc<FactSource>,
    /// Spans that ended before this had the time to be stored. Unix nanoseconds.
    pub(crate) settled_before: i64,
    /// One row per planned span that was found more than once.
    planned_duplicates: Arc<dyn TableProvider>,
    junjo: Mutex<Option<Arc<Analysis>>>,
    budget: usize,
    shown: Mutex<Shown>,
}

/// The part of it that tables show.
#[derive(Debug, Clone)]
struct Shown {
    buckets: Range<usize>,
    planned: bool,
}

impl Judged {
    pub(crate) fn new(judgement: Arc<Judgement>, settle: Duration) -> Result<Self> {
        let settle = u64::try_from(settle.as_nanos()).unwrap_or(u64::MAX);
        let settled_before = judgement.read_began.saturating_sub(settle).cast_signed();
        let read_began = judgement.read_began.cast_signed();
        let SweepOutput { facts, names, odd, .. } = &*judgement.collected;
        let facts = FactSource::new(Arc::clone(facts), names, Arc::clone(odd), read_began, settled_before)?;
        let shown = Mutex::new(Shown { buckets: Facts::ALL, planned: true });
        let planned_duplicates = planned_copies::planned_duplicates(&judgement.sightings);
        let budget = judgement.sightings.budget();
        Ok(Self {
            judgement,
            facts: Arc::new(facts),
            settled_before,
            planned_duplicates,
            junjo: Mutex::default(),
            budget,
            shown,
        })
    }

    /// Shows one shard of the facts, and what was planned or not.
    pub(crate) fn show_shard(&self, buckets: Range<usize>, planned: bool) -> io::Result<()> {
        self.facts.facts.hold(buckets.clone())?;
        *self.shown() = Shown { buckets, planned };
        Ok(())
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What Junjo's executions say, worked out once. A scope may leave out what they name, and so does one file.
    pub(crate) fn junjo(&self) -> Result<Arc<Analysis>> {
        let mut known = self.junjo.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(analysis) = &*known {
            return Ok(Arc::clone(analysis));
        }
        let collected = &self.judgement.collected;
        let is_whole = self.judgement.whole_store && self.judgement.scope.is_all();
        let analysis = Arc::new(analyse(&Input {
            records: self.records()?,
            facts: &collected.facts,
            names: &collected.names,
            settled_before: if is_whole { self.settled_before } else { i64::MIN },
            budget: self.budget,
        })?);
        Ok(Arc::clone(known.insert(analysis)))
    }

    fn records(&self) -> Result<&Arc<Records>> {
        let none =
            || DataFusionError::Internal("an audit that kept no Junjo telemetry was asked for it".to_owned());
        self.judgement.collected.records.as_ref().ok_or_else(none)
    }

    /// A table of planned spans, or its columns alone beside a later shard.
    fn planned(&self, table: Arc<dyn TableProvider>) -> Arc<dyn TableProvider> {
        if self.shown().planned { table } else { Arc::new(EmptyTable::new(table.schema())) }
    }

    fn rows(&self, grain: Grain) -> Arc<dyn TableProvider> {
        Arc::new(FactTable::new(Arc::clone(&self.facts), self.shown().buckets.clone(), grain))
    }
}

pub(super) fn unplanned_rows(judged: &Judged) -> Arc<dyn TableProvider> {
    judged.rows(Grain::Row)
}

pub(super) fn unplanned_traces(judged: &Judged) -> Arc<dyn TableProvider> {
    judged.rows(Grain::Trace)
}

pub(super) fn execution_differences(judged: &Judged) -> Result<Arc<dyn TableProvider>> {
    Ok(judged.junjo()?.differences())
}

pub(super) fn junjo_rows(judged: &Judged, table: &str, grain: rows::Grain) -> Result<Arc<dyn TableProvider>> {
    let collected = &judged.judgement.collected;
    let source = RowSource {
        records: Arc::clone(judged.records()?),
        facts: Arc::clone(&collected.facts),
        names: Arc::clone(&collected.names),
        settled_before: judged.settled_before,
    };
    let schema = catalog::table(table).map(catalog::Table::schema);
    let schema = schema.ok_or_else(|| DataFusionError::Internal(format!("no table is called `{table}`")))?;
    Ok(rows::table(grain, schema, Arc::new(source)))
}

pub(super) fn delivery(judged: &Judged) -> Arc<dyn TableProvider> {
    let delivery = Arc::new(Delivery::new(Arc::clone(&judged.judgement)));
    judged.planned(delivery)
}

pub(super) fn exports(judged: &Judged) -> Arc<dyn TableProvider> {
    export_table(Arc::clone(&judged.judgement))
}

pub(super) fn differences(judged: &Judged) -> Arc<dyn TableProvider> {
    judged.planned(judged.judgement.collected.differences.table())
}

pub(super) fn unplannable_rows(judged: &Judged) -> Arc<dyn TableProvider> {
    judged.planned(judged.judgement.collected.strays.table())
}

pub(super) fn hidden_rows(judged: &Judged) -> Arc<dyn TableProvider> {
    judged.planned(judged.judgement.collected.hidden_rows.table())
}

pub(super) fn planned_copies(judged: &Judged) -> Arc<dyn TableProvider> {
    judged.planned(judged.judgement.sightings.table())
}

pub(super) fn planned_duplicates(judged: &Judged) -> Arc<dyn TableProvider> {
    judged.planned(Arc::clone(&judged.planned_duplicates))
}

pub(super) fn snapshot_rows(judged: &Judged) -> Result<Arc<dyn TableProvider>> {
    let judgement = &judged.judgement;
    let odd = &judgement.collected.odd;
    let hex = |key: u128, bytes: &[u8]| odd.text(key).unwrap_or_else(|| const_hex::encode(bytes));
    let snapshots = judgement.files.iter().filter_map(|file| Some((&file.file, file.snapshot.as_ref()?)));
    let rows: Vec<_> =
        snapshots.flat_map(|(file, record)| record.others.iter().map(move |row| (file, row))).collect();
    let ids = || rows.iter().map(|(_, row)| row.id);
    in_memory(vec![
        ("tier", text(rows.iter().map(|_| Some(Tier::Hot.name())))),
        ("file", text(rows.iter().map(|(file, _)| Some(file)))),
        ("row_number", number(rows.iter().map(|(_, row)| Some(row.row_number.cast_signed())))),
        ("trace_id", text(ids().map(|(trace, _)| Some(hex(trace, &trace.to_be_bytes()))))),
        ("span_id", text(ids().map(|(_, span)| Some(hex(span.into(), &span.to_be_bytes()))))),
        ("cause", text(rows.iter().map(|(_, row)| Some(row.fault.name())))),
    ])
}

/// What footers state of values and the values do not come to.
pub(super) fn footer_statistics(judged: &Judged) -> Result<Arc<dyn TableProvider>> {
    let files = judged.judgement.files.iter();
    let faults: Vec<_> =
        files.flat_map(|file| file.statistics.iter().map(move |fault| (file, fault))).collect();
    let all = || faults.iter();
    in_memory(vec![
        ("tier", text(all().map(|(file, _)| Some(file.tier.name())))),
        ("file", text(all().map(|(file, _)| Some(&file.file)))),
        ("row_group", number(all().map(|(_, fault)| i64::try_from(fault.row_group).ok()))),
        ("column_name", text(all().map(|(_, fault)| Some(fault.column)))),
        ("page", number(all().map(|(_, fault)| fault.page.and_then(|page| i64::try_from(page).ok())))),
        ("statistic", text(all().map(|(_, fault)| Some(fault.statistic.name())))),
        ("expected", text(all().map(|(_, fault)| fault.actual.as_ref()))),
        ("actual", text(all().map(|(_, fault)| Some(&fault.stated)))),
    ])
}

pub(super) fn resources(judged: &Judged) -> Result<Arc<dyn TableProvider>> {
    let rows = judged.judgement.collected.resources();
    let names = &judged.facts.names;
    let tier = |in_wal: bool| if in_wal { Tier::Wal.name() } else { Tier::Cold.name() };
    in_memory(vec![
        ("service_name", names.take(rows.iter().map(|(key, _)| key.service))),
        ("resource_service", names.take(rows.iter().map(|(key, _)| key.resource_service))),
        ("instance_id", names.take(rows.iter().map(|(key, _)| key.instance))),
        ("rows", number(rows.iter().map(|(_, seen)| Some(seen.rows.cast_signed())))),
        ("tier", text(rows.iter().map(|(_, seen)| Some(tier(seen.in_wal))))),
        ("file", names.take(rows.iter().map(|(_, seen)| seen.file))),
        ("row_number", number(rows.iter().map(|(_, seen)| Some(seen.row_number)))),
    ])
}

pub(super) fn losses(judged: &Judged) -> Result<Arc<dyn TableProvider>> {
    let losses = judged.judgement.collected.losses();
    in_memory(vec![
        ("code", text(losses.named().map(|(loss, _)| Some(loss.code)))),
        ("loss", text(losses.named().map(|(loss, _)| Some(loss.text)))),
        ("spans", number(losses.named().map(|(_, spans)| Some(spans.cast_signed())))),
    ])
}

pub(super) fn calls(judged: &Judged) -> Result<Arc<dyn TableProvider>> {
    let judgement = &judged.judgement;
    let rows: Vec<_> = judgement
        .judged
        .iter()
        .flat_map(|run| {
            let id = judgement.known(run).run;
            run.history.calls.iter().map(move |call| (id, call))
        })
        .collect();
    in_memory(vec![
        ("run", text(rows.iter().map(|(run, _)| Some(run.to_string())))),
        ("rpc", text(rows.iter().map(|(_, call)| Some(call.rpc.to_string())))),
        ("began", time(rows.iter().map(|(_, call)| Some(call.began.cast_signed())))),
        ("ended", time(rows.iter().map(|(_, call)| Some(call.ended.cast_signed())))),
        ("success", flag(rows.iter().map(|(_, call)| Some(call.success)))),
        ("error", text(rows.iter().map(|(_, call)| Some(&call.error)))),
    ])
}

pub(super) fn run_results(judged: &Judged) -> Result<Arc<dyn TableProvider>> {
    let judgement = &judged.judgement;
    let runs = judgement.judged.iter();
    let rows: Vec<_> =
        runs.filter_map(|run| Some((judgement.known(run).run, run.results.as_ref()?))).collect();
    in_memory(vec![
        ("run", text(rows.iter().map(|(run, _)| Some(run.to_string())))),
        ("expected", text(rows.iter().map(|(_, results)| Some(&results.manifest)))),
        ("actual", text(rows.iter().map(|(_, results)| Some(&results.ledger)))),
    ])
}

fn in_memory(columns: Vec<(&'static str, ArrayRef)>) -> Result<Arc<dyn TableProvider>> {
    let columns = columns.into_iter().map(|(name, column)| (name, column, true));
    let batch: Result<RecordBatch, ArrowError> = RecordBatch::try_from_iter_with_nullable(columns);
    let batch = batch?;
    Ok(Arc::new(MemTable::try_new(batch.schema(), vec![vec![batch]])?))
}
