//! One cold file, judged for another process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use datafusion::execution::TaskContext;

use super::{
    Sweep,
    batches::SharedBatches,
    file::{SweptFile, sweep_file},
    flushed::Flushed,
};
use crate::{
    base::memory::Memory,
    judge::{
        claim::KnownRuns,
        engine::{
            FileSummary, Message, MessageKind, Outcome, file::JobFile, receipt::Receipt,
            specification::Specification,
        },
        interner::Interner,
        judgement::Depth,
        partial::{
            RowSink, keys,
            part::{self, Kept},
        },
        progress::Progress,
        sweep_output::{FileOutput, SweepOutput},
    },
    store::{health::Health, layout::Layout},
};

/// Judges the files of jobs with one specification.
#[derive(Debug)]
pub(crate) struct Judge {
    sweep: Sweep,
    keeps_records: bool,
    memory: Memory,
}

impl Judge {
    /// Refuses what another program specified, and runs that cannot be had here.
    pub(crate) fn new(
        specification: &[u8],
        memory: Memory,
        context: Arc<TaskContext>,
    ) -> anyhow::Result<Self> {
        let specification = Specification::decode(specification)?;
        let sweep = Sweep {
            layout: Layout::empty(std::path::PathBuf::new()),
            runs: Arc::new(specification.known_runs()?),
            context,
            collected: Arc::new(SweepOutput::new(memory.budget(), false)),
            scope: Arc::new(specification.scope),
            depth: Depth::Content,
            progress: Progress::default(),
            skip_before: None,
            flushed: Arc::<Flushed>::default(),
            is_indexed: specification.is_indexed,
            cache: None,
            engine: None,
            task: None,
        };
        Ok(Self { sweep, keeps_records: specification.keeps_records, memory })
    }

    /// All messages of a file. It blocks while an object is fetched.
    pub(crate) async fn judge(&self, file: &JobFile) -> Vec<Message> {
        let sent = Arc::new(Sent::default());
        let outcome = match self.outcome(file, &sent).await {
            Ok((summary, index_keys)) => sent.sum_up(summary, index_keys),
            Err(reason) => {
                *sent.state() = State::default();
                Outcome::Declined(reason)
            }
        };
        let end = serde_json::to_vec(&outcome).expect("numbers and texts are JSON");
        let state = std::mem::take(&mut *sent.state());
        let bodies = state.bodies.into_iter().chain([(MessageKind::End, end)]);
        bodies.map(|(kind, body)| Message { file: file.number, kind, body }).collect()
    }

    async fn outcome(
        &self,
        file: &JobFile,
        sent: &Arc<Sent>,
    ) -> Result<(FileSummary, Option<Vec<u8>>), String> {
        let found = file.find()?;
        let _held = found.place.fetch().map_err(|problem| problem.to_string())?;
        let collected = Arc::new(SweepOutput::new(self.memory.budget(), self.keeps_records));
        let task: Arc<dyn RowSink> = Arc::<Sent>::clone(sent);
        let sweep = Sweep { collected, task: Some(task), ..self.sweep.clone() };
        let batches = SharedBatches::of(1);
        let swept = sweep_file(&found, &sweep, &batches.reader()).await;
        let Some(SweptFile { record, bytes_scanned, .. }) = swept else {
            return Err("it was listed and then gone".to_owned());
        };
        if let Some(problem) = &record.problem {
            return Err(problem.to_string());
        }
        if record.health != Health::Ok || !record.statistics.is_empty() {
            return Err("something is wrong with it".to_owned());
        }
        if sent.state().is_lacking {
            return Err("what its rows say depends on other files".to_owned());
        }
        let summary = FileSummary {
            rows: record.rows,
            schema: record.schema,
            bytes_scanned,
            is_bound: sent.state().is_bound,
            receipt: Receipt::default(),
        };
        Ok((summary, record.index_keys.as_ref().map(keys::encode)))
    }
}

/// What is to be sent of a file.
#[derive(Debug, Default)]
struct Sent(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    bodies: Vec<(MessageKind, Vec<u8>)>,
    is_bound: bool,
    /// Some rows are in none of them.
    is_lacking: bool,
}

impl Sent {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sum_up(&self, mut summary: FileSummary, index_keys: Option<Vec<u8>>) -> Outcome {
        let mut state = self.state();
        state.bodies.extend(index_keys.map(|keys| (MessageKind::IndexKeys, keys)));
        state.bodies.iter().for_each(|(kind, body)| summary.receipt.add(*kind, body));
        Outcome::Judged(summary)
    }
}

impl RowSink for Sent {
    fn note(&self, output: &FileOutput, kept: &Kept, runs: &KnownRuns, names: &Interner) {
        let part = part::encode(output, kept, runs, names);
        let mut state = self.state();
        state.is_lacking |= part.is_none();
        state.bodies.extend(part.map(|part| (MessageKind::Part, part)));
        state.is_bound |= kept.is_bound(output);
    }
}
