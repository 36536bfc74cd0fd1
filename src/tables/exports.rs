//! The table `exports`: one row for each export of a judged run, made when it is asked for.

use std::sync::{Arc, LazyLock};

use datafusion::{
    arrow::{array::RecordBatch, datatypes::SchemaRef},
    catalog::TableProvider,
    common::Result,
};

use crate::{
    base::arrays::{self, Kind, flag, number, text, time},
    judge::{
        judgement::{JudgedRun, Judgement},
        suspects::Suspect,
    },
    ledger::history::Export,
    store::lazy_table::lazy_table,
};

const CHUNK: usize = 8_192;

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    arrays::schema(&[
        ("run", Kind::Text),
        ("export", Kind::Number),
        ("service_name", Kind::Text),
        ("first_ordinal", Kind::Number),
        ("spans", Kind::Number),
        ("started_at", Kind::Time),
        ("ended_at", Kind::Time),
        ("outcome", Kind::Text),
        ("code", Kind::Text),
        ("rejected_spans", Kind::Number),
        ("attempts", Kind::Number),
        ("refusals", Kind::Number),
        ("n_found", Kind::Number),
        ("behind_barrier", Kind::Flag),
        ("maybe_unread", Kind::Flag),
    ])
});

pub(crate) fn columns() -> SchemaRef {
    SchemaRef::clone(&SCHEMA)
}

/// Exports beside what the store says of them.
pub(crate) fn export_table(judgement: Arc<Judgement>) -> Arc<dyn TableProvider> {
    let suspects = Arc::new(judgement.suspects());
    let exports = Exports { judgement, suspects };
    lazy_table(columns(), move || Ok(Box::new(exports.clone().batches())))
}

#[derive(Clone)]
struct Exports {
    judgement: Arc<Judgement>,
    suspects: Arc<Vec<Suspect>>,
}

impl Exports {
    fn batches(self) -> impl Iterator<Item = Result<RecordBatch>> {
        let (mut run, mut export) = (0, 0);
        std::iter::from_fn(move || {
            let batch;
            (batch, run, export) = self.next_batch(run, export)?;
            Some(batch)
        })
    }

    fn batch(&self, judged: &JudgedRun, first: usize, exports: &[Export]) -> Result<RecordBatch> {
        let known = self.judgement.known(judged);
        let rows = || exports.iter();
        let fates: Vec<_> =
            rows().map(|export| judged.export_fate(&self.judgement.runs, export, &self.suspects)).collect();
        let columns = vec![
            text(rows().map(|_| Some(known.run.to_string()))),
            number((first..first + exports.len()).map(|number| i64::try_from(number).ok())),
            text(rows().map(|export| known.expectation.service_of_export(export))),
            number(rows().map(|export| Some(export.first.cast_signed()))),
            number(rows().map(|export| Some(export.count))),
            time(rows().map(|export| Some(export.started_at.cast_signed()))),
            time(rows().map(|export| export.ended_at().map(u64::cast_signed))),
            text(rows().map(|export| Some(export.outcome.name()))),
            text(rows().map(|export| export.outcome.code().map(|code| code.to_string()))),
            number(rows().map(|export| export.outcome.rejected_spans())),
            number(rows().map(|export| Some(export.attempts))),
            number(rows().map(|export| Some(export.refusals))),
            number(fates.iter().map(|fate| Some(fate.found))),
            flag(fates.iter().map(|fate| Some(fate.behind_barrier))),
            flag(fates.iter().map(|fate| Some(fate.maybe_unread))),
        ];
        Ok(RecordBatch::try_new(SchemaRef::clone(&SCHEMA), columns)?)
    }

    /// The rows from an export of a judged run on, and where to go on.
    fn next_batch(&self, run: usize, export: usize) -> Option<(Result<RecordBatch>, usize, usize)> {
        let judged = self.judgement.judged.get(run)?;
        let exports = judged.history.exports.get(export..).unwrap_or_default();
        if exports.is_empty() {
            return self.next_batch(run + 1, 0);
        }
        let exports = &exports[..exports.len().min(CHUNK)];
        Some((self.batch(judged, export, exports), run, export + exports.len()))
    }
}
