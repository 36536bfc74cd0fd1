//! Batches of cold files for workers that have no file of their own left, so that one large file keeps all cores busy.
//!
//! Whoever reads a file hands its batches on as long as somebody waits for one, and judges the others itself. What a
//! row says does not depend on who judges it.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use datafusion::arrow::array::RecordBatch;

use crate::{
    judge::partial::RowSink,
    store::{inventory::FoundFile, problem::FileProblem},
};

/// A cold file of which batches are handed on.
#[derive(Debug)]
pub(super) struct SharedFile {
    pub(super) file: FoundFile,
    /// The columns that it has in the type that a studio gives them.
    pub(super) present: Vec<String>,
    /// Who else is told what its rows say.
    pub(super) sink: Option<Arc<dyn RowSink>>,
    open: Mutex<Open>,
    is_done: Condvar,
}

/// The batches that others have.
#[derive(Debug, Default)]
struct Open {
    batches: usize,
    problem: Option<FileProblem>,
}

/// A batch that somebody else judges.
#[derive(Debug)]
pub(super) struct HandedOn {
    pub(super) of: Arc<SharedFile>,
    pub(super) batch: RecordBatch,
    pub(super) first_row: u64,
}

/// The batches that wait, and who waits for them.
#[derive(Debug, Default)]
pub(super) struct SharedBatches {
    state: Mutex<State>,
    has_changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<HandedOn>,
    idle: usize,
    /// Workers that may still hand on a batch.
    readers: usize,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SharedFile {
    pub(super) fn new(file: &FoundFile, present: Vec<String>, sink: Option<Arc<dyn RowSink>>) -> Arc<Self> {
        let (open, is_done) = (Mutex::default(), Condvar::new());
        Arc::new(Self { file: file.clone(), present, sink, open, is_done })
    }

    /// Waits for the batches that others have, and tells what kept one of them from being judged.
    pub(super) fn wait(&self) -> Option<FileProblem> {
        let is_open = |open: &mut Open| open.batches > 0;
        let open = self.is_done.wait_while(locked(&self.open), is_open);
        open.unwrap_or_else(PoisonError::into_inner).problem.take()
    }
}

impl HandedOn {
    fn new(of: &Arc<SharedFile>, batch: RecordBatch, first_row: u64) -> Self {
        locked(&of.open).batches += 1;
        Self { of: Arc::clone(of), batch, first_row }
    }

    /// Says what kept it from being judged.
    pub(super) fn fail(&self, problem: FileProblem) {
        locked(&self.of.open).problem.get_or_insert(problem);
    }
}

impl Drop for HandedOn {
    fn drop(&mut self) {
        locked(&self.of.open).batches -= 1;
        self.of.is_done.notify_all();
    }
}

/// A worker that reads files; the last one to end sends the idle ones home.
#[derive(Debug)]
pub(super) struct Reader<'s>(&'s SharedBatches);

impl SharedBatches {
    /// Of so many workers, which all begin as readers.
    pub(super) fn of(readers: usize) -> Self {
        Self { state: Mutex::new(State { readers, ..State::default() }), has_changed: Condvar::new() }
    }

    pub(super) fn reader(&self) -> Reader<'_> {
        Reader(self)
    }

    /// A batch of somebody else's; none once nobody reads any more.
    pub(super) fn next(&self) -> Option<HandedOn> {
        let mut state = locked(&self.state);
        state.idle += 1;
        let has_none = |state: &mut State| state.waiting.is_empty() && state.readers > 0;
        let waited = self.has_changed.wait_while(state, has_none);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        state.idle -= 1;
        state.waiting.pop_front()
    }
}

impl Reader<'_> {
    /// Hands a batch on, or gives it back where nobody waits for it.
    pub(super) fn hand_on(
        &self,
        of: &Arc<SharedFile>,
        batch: RecordBatch,
        first_row: u64,
    ) -> Result<(), RecordBatch> {
        let mut state = locked(&self.0.state);
        if state.idle <= state.waiting.len() {
            return Err(batch);
        }
        state.waiting.push_back(HandedOn::new(of, batch, first_row));
        self.0.has_changed.notify_one();
        Ok(())
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        locked(&self.0.state).readers -= 1;
        self.0.has_changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::{path::PathBuf, thread};

    use datafusion::arrow::datatypes::Schema;

    use super::*;
    use crate::store::{inventory::Kind, layout::Tier, place::Place};

    #[test]
    fn a_batch_goes_to_whoever_waits_and_its_reader_waits_for_it() {
        let file = FoundFile {
            tier: Tier::Cold,
            place: Place::Local(PathBuf::from("a.parquet")),
            shown: "a.parquet".to_owned(),
            size: 7,
            kind: Kind::Parquet,
            named_at: None,
            modified_at: None,
        };
        let file = SharedFile::new(&file, Vec::new(), None);
        let batches = SharedBatches::of(2);
        let (reader, other) = (batches.reader(), batches.reader());
        let batch = || RecordBatch::new_empty(Arc::new(Schema::empty()));
        assert!(reader.hand_on(&file, batch(), 0).is_err());
        thread::scope(|scope| {
            let helper = scope.spawn(|| {
                drop(other);
                let mut first_rows = Vec::new();
                while let Some(one) = batches.next() {
                    one.fail(FileProblem::Empty);
                    first_rows.push(one.first_row);
                }
                first_rows
            });
            for first_row in 1..4 {
                while reader.hand_on(&file, batch(), first_row).is_err() {
                    thread::yield_now();
                }
            }
            assert_eq!(file.wait(), Some(FileProblem::Empty));
            assert_eq!(file.wait(), None);
            drop(reader);
            assert_eq!(helper.join().unwrap(), [1, 2, 3]);
        });
    }
}
