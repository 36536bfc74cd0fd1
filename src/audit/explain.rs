//! In which columns rows of replays differ.
//!
//! A replay's records tell that a row differs, not in what. So the source is read once more, and what is made of it
//! is held against the rows in the order in which they were sent. Where that is not possible, such a row differs in
//! columns that nobody can name.

use std::sync::Arc;

use anyhow::Context;
use datafusion::{
    arrow::{array::AsArray, array::RecordBatch, datatypes::Int64Type},
    execution::SendableRecordBatchStream,
    prelude::{SessionContext, col},
};
use futures::StreamExt;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use tokio::sync::mpsc;

use crate::{
    contract::{digest::hash, mapping, row::Row, schema::Schema},
    judge::{
        compare,
        differing::{DifferingRow, RowPlace},
        evidence::StoredDifference,
        expectation::{Expectation, Recorded},
        judgement::Judgement,
        runs::Runs,
    },
    ledger::{any_run::AnyRun, replay::ReplayManifest},
    source::{gather::PendingExport, run},
};

/// Differences that are handed on together.
const TOGETHER: usize = 1_024;

/// Adds to a judgement in what its differing rows of replays differ; those that differ in form alone do not.
pub(super) async fn explain(
    judgement: &mut Judgement,
    runs: &Runs,
    session: &SessionContext,
) -> anyhow::Result<()> {
    if judgement.collected.differing.count() == 0 {
        return Ok(());
    }
    let mut explaining = Explaining::new(judgement, session).await?;
    let mut unexplained = Vec::new();
    while let Some(place) = explaining.next {
        let AnyRun::Replay(replay) = runs.at(place.run) else {
            anyhow::bail!("a row of a run with a plan is kept as one of a replay");
        };
        if let Err(why) = explaining.of_run(place.run, &replay.manifest).await? {
            unexplained.push((replay.id, format!("{why:#}")));
        }
    }
    explaining.end()?;
    judgement.unexplained = unexplained;
    judgement.rows = judgement.collected.rows();
    Ok(())
}

/// Rows that differ, in the order of their runs and slots.
struct Explaining<'j> {
    judgement: &'j Judgement,
    places: SendableRecordBatchStream,
    batch: Option<RecordBatch>,
    at: usize,
    next: Option<RowPlace>,
    found: Vec<StoredDifference>,
    /// The last span that was looked at, by run and slot, and whether a row of it differs.
    last: Option<(usize, u64, bool)>,
}

impl<'j> Explaining<'j> {
    async fn new(judgement: &'j Judgement, session: &SessionContext) -> anyhow::Result<Self> {
        let places = session.read_table(judgement.collected.differing.places())?;
        let order = ["run", "slot", "offset"].map(|name| col(name).sort(true, false));
        let places = places.sort(order.into())?.execute_stream().await?;
        let (batch, found) = (None, Vec::new());
        let mut explaining = Self { judgement, places, batch, at: 0, next: None, found, last: None };
        explaining.advance().await?;
        Ok(explaining)
    }

    async fn advance(&mut self) -> anyhow::Result<()> {
        while self.batch.as_ref().is_none_or(|batch| self.at >= batch.num_rows()) {
            self.batch = self.places.next().await.transpose()?;
            self.at = 0;
            if self.batch.is_none() {
                self.next = None;
                return Ok(());
            }
        }
        let number = |column: usize| {
            let batch = self.batch.as_ref()?;
            Some(batch.column(column).as_primitive::<Int64Type>().value(self.at).cast_unsigned())
        };
        let of = |column: usize| number(column).unwrap_or_default();
        self.next = Some(RowPlace { run: of(0) as usize, slot: of(1), offset: of(2), length: of(3) });
        self.at += 1;
        Ok(())
    }

    /// The next row, if it is of this run and of a slot before `end`.
    async fn take(&mut self, run: usize, end: u64) -> anyhow::Result<Option<DifferingRow>> {
        let Some(place) = self.next.filter(|place| place.run == run && place.slot < end) else {
            return Ok(None);
        };
        let row =
            self.judgement.collected.differing.read(place).context("cannot read what was kept of a row")?;
        self.advance().await?;
        Ok(Some(row))
    }

    /// All rows of a run. The inner error says why they, or some of them, remain without an explanation.
    async fn of_run(
        &mut self,
        run: usize,
        manifest: &ReplayManifest,
    ) -> anyhow::Result<Result<(), anyhow::Error>> {
        let explained = match open(manifest).await {
            Ok(drafts) => self.hold_against(run, drafts).await?,
            Err(err) => Err(err),
        };
        while let Some(row) = self.take(run, u64::MAX).await? {
            let known = &self.judgement.runs.runs[run];
            let of_row = Some(hash(row.values.bytes()));
            let unknown = StoredDifference::new(known, row.slot, &row.address, None);
            self.add(&row, vec![StoredDifference { of_row, ..unknown }])?;
        }
        Ok(explained)
    }

    /// Goes through what is made of the source until nothing more of the run differs.
    async fn hold_against(
        &mut self,
        run: usize,
        mut drafts: mpsc::Receiver<PendingExport>,
    ) -> anyhow::Result<Result<(), anyhow::Error>> {
        let mut first = 0;
        while let Some(place) = self.next.filter(|place| place.run == run) {
            let Some(draft) = drafts.recv().await else {
                return Ok(Err(anyhow::anyhow!("the source no longer gives all spans that were sent of it")));
            };
            let end = first + draft.expectations.len() as u64;
            if place.slot < end {
                if !self.is_what_was_sent(run, first, &draft) {
                    return Ok(Err(anyhow::anyhow!("the source no longer gives what was sent of it")));
                }
                let request = match ExportTraceServiceRequest::decode(&*draft.request) {
                    Ok(request) => request,
                    Err(err) => return Ok(Err(err.into())),
                };
                let sent = [Schema::V1, Schema::V2].map(|of| mapping::rows(&request.resource_spans, of));
                while let Some(row) = self.take(run, end).await? {
                    let [v1, v2] = &sent;
                    let sent = if row.schema == Schema::V2 { v2 } else { v1 };
                    let sent =
                        sent.get(usize::try_from(row.slot - first)?).context("an export is too short")?;
                    self.compare(&row, sent)?;
                }
            }
            first = end;
        }
        Ok(Ok(()))
    }

    /// Whether the records are those of a draft.
    fn is_what_was_sent(&self, run: usize, first: u64, draft: &PendingExport) -> bool {
        let Expectation::Recorded(Recorded { spans, .. }) = &*self.judgement.runs.runs[run].expectation
        else {
            return false;
        };
        (first..spans.len())
            .zip(&draft.expectations)
            .all(|(slot, made)| spans.get(slot).digests == made.digests)
    }

    fn compare(&mut self, row: &DifferingRow, sent: &Row) -> anyhow::Result<()> {
        let known = &self.judgement.runs.runs[row.run];
        let differences = compare::differences(sent, &row.values.cells()).into_iter();
        let found = differences
            .map(|difference| StoredDifference::new(known, row.slot, &row.address, Some(difference)))
            .collect();
        self.add(row, found)
    }

    fn add(&mut self, row: &DifferingRow, found: Vec<StoredDifference>) -> anyhow::Result<()> {
        let differs = !found.is_empty();
        if !differs {
            self.judgement.collected.acquit(1);
        }
        match &mut self.last {
            Some((run, slot, any)) if (*run, *slot) == (row.run, row.slot) => *any |= differs,
            _ => {
                self.clear_last();
                self.last = Some((row.run, row.slot, differs));
            }
        }
        self.found.extend(found);
        if self.found.len() >= TOGETHER {
            self.judgement.collected.explain(&std::mem::take(&mut self.found))?;
        }
        Ok(())
    }

    /// A span of which every copy is as it was sent has not been altered.
    fn clear_last(&mut self) {
        if let Some((run, slot, false)) = self.last.take() {
            self.judgement.runs.runs[run].tally().clear_altered(slot);
        }
    }

    fn end(mut self) -> anyhow::Result<()> {
        self.clear_last();
        self.judgement.collected.explain(&self.found)?;
        Ok(())
    }
}

/// What a replay's source gives, if it is as it was.
async fn open(manifest: &ReplayManifest) -> anyhow::Result<mpsc::Receiver<PendingExport>> {
    let options = manifest.options.clone();
    let mut surveyed = run::prepare(&manifest.source.path, options, !manifest.keeps_ids()).await?;
    run::restore(&mut surveyed, manifest)?;
    let (drafts, _) = run::drafts(Arc::new(surveyed.recipe));
    Ok(drafts)
}
