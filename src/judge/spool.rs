//! Rows of a table that can outgrow memory: held up to a budget, beyond it in a file without a name.

use std::{
    fmt,
    io::{self, BufReader, BufWriter, Read},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use datafusion::{
    arrow::{
        array::RecordBatch,
        datatypes::SchemaRef,
        ipc::{reader::StreamReader, writer::StreamWriter},
    },
    catalog::TableProvider,
    common::Result,
    error::DataFusionError,
};

use super::grouping::Grouping;
use crate::{
    base::temporary::{self, Temporary},
    store::{
        bytes::read_at,
        lazy_table::{Batches, lazy_table},
    },
};

/// Batches of one schema, in the order in which they were added.
pub(crate) struct Spool {
    schema: SchemaRef,
    /// Bytes to hold before batches go to disk.
    budget: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: Vec<RecordBatch>,
    bytes: usize,
    /// Of all rows, those on disk among them.
    all_bytes: usize,
    rows: u64,
    file: Option<Arc<Temporary>>,
    writer: Option<StreamWriter<BufWriter<Temporary>>>,
}

impl fmt::Debug for Spool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Spool({} rows)", self.rows())
    }
}

impl Spool {
    pub(crate) fn new(schema: SchemaRef, budget: usize) -> Self {
        Self { schema, budget, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn rows(&self) -> u64 {
        self.state().rows
    }

    /// Adds rows; fails only where the disk takes no more.
    pub(crate) fn push(&self, batch: RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let mut state = self.state();
        state.rows += batch.num_rows() as u64;
        let bytes = batch.get_array_memory_size();
        state.bytes += bytes;
        state.all_bytes += bytes;
        state.held.push(batch);
        if state.bytes > self.budget { self.spill(&mut state) } else { Ok(()) }
    }

    fn spill(&self, state: &mut State) -> Result<()> {
        if state.writer.is_none() {
            let file = temporary::file()?;
            let writer = StreamWriter::try_new(BufWriter::new(file.try_clone()?), &self.schema)?;
            (state.file, state.writer) = (Some(Arc::new(file)), Some(writer));
        }
        if let Some(writer) = &mut state.writer {
            for batch in std::mem::take(&mut state.held) {
                writer.write(&batch)?;
            }
            writer.flush()?;
        }
        state.bytes = 0;
        Ok(())
    }

    /// The rows so far, whenever they are asked for.
    pub(crate) fn table(self: &Arc<Self>) -> Arc<dyn TableProvider> {
        let spool = Arc::clone(self);
        lazy_table(Arc::clone(&self.schema), move || spool.batches())
    }

    /// All rows so far, in parts of whole groups: `order` names all columns, the first `group_columns` of which
    /// make a group.
    pub(crate) fn grouped(
        &self,
        order: Vec<usize>,
        group_columns: usize,
    ) -> Result<impl Iterator<Item = Result<RecordBatch>> + use<>> {
        let bytes = self.state().all_bytes;
        let mut grouping = Grouping::new(&self.schema, order, group_columns, bytes, self.budget)?;
        for batch in self.batches()? {
            grouping.push(&batch?)?;
        }
        Ok(grouping.parts())
    }

    pub(crate) fn budget(&self) -> usize {
        self.budget
    }

    /// All batches so far: first those on disk.
    pub(crate) fn batches(&self) -> Result<Batches> {
        let state = self.state();
        let held = state.held.clone().into_iter().map(Ok);
        let Some(file) = &state.file else { return Ok(Box::new(held)) };
        let length = file.length()?;
        let from_start = FromStart { file: Arc::clone(file), at: 0, length };
        let reader = StreamReader::try_new(BufReader::new(from_start), None)?;
        let spilled = reader.map(|batch| batch.map_err(DataFusionError::from));
        Ok(Box::new(spilled.chain(held)))
    }
}

/// A file from its beginning on, wherever others are in it.
struct FromStart {
    file: Arc<Temporary>,
    at: u64,
    length: u64,
}

impl Read for FromStart {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length - self.at).unwrap_or(usize::MAX);
        let count = bytes.len().min(left);
        read_at(self.file.as_file(), self.at, &mut bytes[..count])?;
        self.at += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use datafusion::{
        arrow::array::{AsArray, Int64Array},
        arrow::datatypes::Int64Type,
        prelude::SessionContext,
    };

    use super::*;

    #[tokio::test]
    async fn what_outgrows_the_budget_is_read_back_in_order() {
        let batch = |from: i64| {
            let numbers: Arc<Int64Array> = Arc::new(Int64Array::from_iter_values(from..from + 100));
            RecordBatch::try_from_iter([("n", numbers as _)]).unwrap()
        };
        let spool = Arc::new(Spool::new(batch(0).schema(), 2_000));
        (0..20).for_each(|chunk| spool.push(batch(chunk * 100)).unwrap());
        assert!(spool.state().file.is_some() && !spool.state().held.is_empty());

        let session = SessionContext::new();
        session.register_table("t", spool.table()).unwrap();
        for _ in 0..2 {
            let found = session.sql("SELECT n FROM t").await.unwrap().collect().await.unwrap();
            let numbers: Vec<i64> = found
                .iter()
                .flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec())
                .collect();
            assert_eq!(numbers, (0..2_000).collect::<Vec<_>>());
        }
    }
}
