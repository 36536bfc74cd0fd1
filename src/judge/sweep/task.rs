//! One cold file, judged for another process.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

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
            FileSummary, Message, MessageKind, Outcome,
            file::{Buckets, JobFile},
            receipt::Receipt,
            specification::Specification,
        },
        interner::Interner,
        judgement::{Depth, FileRecord},
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
    buckets: Buckets,
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
            layout: Layout::empty(PathBuf::new()),
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
        let buckets = Buckets::default();
        Ok(Self { sweep, keeps_records: specification.keeps_records, memory, buckets })
    }

    /// All messages of a file. It blocks while an object is fetched.
    pub(crate) async fn judge(&self, file: &JobFile) -> Vec<Message> {
        let sent = Arc::new(Sent::default());
        let outcome = match self.outcome(file, &sent).await {
            Ok(summary) => Outcome::Judged(summary),
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

    async fn outcome(&self, file: &JobFile, sent: &Arc<Sent>) -> Result<FileSummary, String> {
        let found = file.find(&self.buckets)?;
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
        let mut state = sent.state();
        if state.is_lacking {
            return Err("what its rows say depends on other files".to_owned());
        }
        let keys = record.index_keys.as_ref().map(|keys| (MessageKind::IndexKeys, keys::encode(keys)));
        state.bodies.extend(keys);
        let mut receipt = Receipt::default();
        state.bodies.iter().for_each(|(kind, body)| receipt.add(*kind, body));
        let FileRecord { rows, schema, .. } = record;
        Ok(FileSummary { rows, schema, bytes_scanned, is_bound: state.is_bound, receipt })
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
