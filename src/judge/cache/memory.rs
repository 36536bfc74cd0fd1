//! What is to be remembered of a cold file while it is read, by whichever workers.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    Cache,
    entry::{Block, Entry, Identity},
};
use crate::{
    base::clock::unix_nanos,
    judge::{
        claim::KnownRuns,
        interner::Interner,
        judgement::FileRecord,
        partial::{
            RowSink, keys,
            part::{self, Kept, Sum},
        },
        sweep_output::FileOutput,
    },
    store::{health::Health, inventory::FoundFile},
};

#[derive(Debug)]
pub(crate) struct FileMemory {
    cache: Arc<Cache>,
    /// What is remembered of it, where it is read all the same.
    recheck: Option<Entry>,
    state: Mutex<State>,
}

/// A file that was read to its end, or to its first problem.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FileRead<'f> {
    pub(crate) record: &'f FileRecord,
    /// A digest of the column chunks that were read, and of all bytes beside them.
    pub(crate) content: Option<u64>,
    pub(crate) bytes_scanned: u64,
    /// Whether what rows say of Junjo's executions was kept.
    pub(crate) has_records: bool,
}

#[derive(Debug, Default)]
struct State {
    /// Something of it is not to be remembered.
    is_passing: bool,
    /// A part of it could not be written.
    is_lost: bool,
    parts: Vec<Block>,
    runs: BTreeSet<u64>,
    named_runs: BTreeSet<u64>,
    is_bound: bool,
    sum: Sum,
}

impl RowSink for FileMemory {
    fn note(&self, output: &FileOutput, kept: &Kept, runs: &KnownRuns, names: &Interner) {
        let is_faultless = output.differences.is_empty()
            && output.strays.is_empty()
            && output.differing.is_empty()
            && output.hidden_rows.is_empty()
            && kept.altered.is_empty();
        if kept.depends_on_others || !is_faultless {
            self.state().is_passing = true;
        }
        if self.state().is_passing {
            return;
        }
        let part = part::encode(output, kept, runs, names);
        let block = part.and_then(|part| self.cache.write(&part));
        let mut state = self.state();
        state.is_lost |= block.is_none();
        state.parts.extend(block);
        state.runs.extend(kept.counted.iter().map(|(run, _)| runs.runs[*run].run.bits()));
        state.named_runs.extend(kept.named_runs.iter().map(|run| run.bits()));
        state.is_bound |= kept.is_bound(output);
        if self.recheck.is_some() {
            state.sum.add(output, &kept.records);
            for (run, slot) in &kept.counted {
                state.sum.count(runs.runs[*run].run, *slot);
            }
        }
    }
}

impl FileMemory {
    pub(crate) fn new(cache: &Arc<Cache>, recheck: Option<Entry>) -> Arc<Self> {
        Arc::new(Self { cache: Arc::clone(cache), recheck, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers a file that was read to its end, if it is as it should be and has not changed meanwhile.
    pub(crate) fn conclude(&self, file: &FoundFile, read: &FileRead<'_>, names: &Interner) {
        self.cache.note_read(read.record.rows, read.bytes_scanned);
        let identity = file.place.local().and_then(|path| Identity::of(path).ok().flatten());
        let Some(identity) = identity else { return };
        if let Some(old) = self.recheck.as_ref().filter(|old| old.identity == identity) {
            self.cache.note_recheck(&file.shown, self.is_as_remembered(old, file, read, names));
        }
        let is_still = (identity.size, Some(identity.modified_at)) == (file.size, file.modified_at);
        if is_still
            && !identity.is_fresh(unix_nanos().cast_signed())
            && let Some(entry) = self.entry(identity, read)
        {
            self.cache.learn(&file.shown, entry);
        }
    }

    fn is_faultless(&self, record: &FileRecord) -> bool {
        let is_faultless = record.health == Health::Ok && record.problem.is_none();
        is_faultless && record.statistics.is_empty() && !self.state().is_passing
    }

    fn entry(&self, identity: Identity, read: &FileRead<'_>) -> Option<Entry> {
        let FileRead { record, content, bytes_scanned, has_records } = *read;
        if !self.is_faultless(record) || self.state().is_lost {
            return None;
        }
        let index_keys = match &record.index_keys {
            Some(keys) => Some(self.cache.write(&keys::encode(keys))?),
            None => None,
        };
        let state = std::mem::take(&mut *self.state());
        Some(Entry {
            identity,
            content: content?,
            rows: record.rows,
            schema: record.schema,
            bytes_scanned,
            is_bound: state.is_bound,
            runs: state.runs.into_iter().collect(),
            named_runs: state.named_runs.into_iter().collect(),
            has_records,
            index_keys,
            parts: state.parts,
            ..Entry::default()
        })
    }

    fn is_as_remembered(&self, old: &Entry, file: &FoundFile, read: &FileRead<'_>, names: &Interner) -> bool {
        let name = names.name(&file.shown);
        let sum_of = || -> Option<Sum> {
            let mut sum = Sum::default();
            for block in &old.parts {
                sum += &part::decode(&self.cache.block(block)?, names, name)?;
            }
            Some(sum)
        };
        let has_records = old.has_records && read.has_records;
        let of = |sum: Sum| if has_records { sum } else { sum.without_records() };
        self.is_faultless(read.record)
            && read.content == Some(old.content)
            && sum_of().is_some_and(|sum| of(sum) == of(self.state().sum))
    }
}
