//! What audits concluded of immutable cold files, in one file beside the store, so that the next audit need not read
//! them again.
//!
//! A file is taken from there only where nothing that its conclusion follows from has changed: its size, its time of
//! modification and its footer, this program, the runs that its rows were compared with, what the audit is about.
//! Only files are remembered of which nothing was wrong; what was wrong is looked at each time. What is taken is what
//! the sweep would note, so that all that follows is the same. It is no evidence that a file has stayed as it was.

use std::{
    collections::{BTreeMap, BTreeSet},
    io, mem,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use self::{
    context::Context,
    entry::{Block, Entry},
    recheck::Recheck,
    stored::{Found, Index, Stored, Writer},
    usage::{Amount, CacheUse, ReadAt},
};
use super::{claim::KnownRuns, scope::Scope};
use crate::base::problem::Problem;

pub(super) mod context;
pub(super) mod entry;
pub(super) mod memory;
pub(crate) mod recheck;
mod stored;
pub(crate) mod usage;

/// Which cache an audit uses, and how.
#[derive(Debug, Clone)]
pub(crate) struct CacheOptions {
    pub(crate) file: PathBuf,
    pub(crate) recheck: Option<Recheck>,
}

/// The cache of one audit. When this is dropped, a file that was begun and not finished is removed.
#[derive(Debug)]
pub(crate) struct OpenCache(Arc<Cache>);

/// What an earlier audit left, and what this one will leave.
#[derive(Debug)]
pub(crate) struct Cache {
    options: CacheOptions,
    /// Places that nothing is written to.
    protected: Vec<PathBuf>,
    stored: Option<Stored>,
    /// Why the file that is there is not believed.
    unusable: Option<String>,
    /// Nothing is taken from it: it told of a file what is not so.
    is_distrusted: AtomicBool,
    state: Mutex<State>,
}

/// What one sweep did so far.
#[derive(Debug, Default)]
struct State {
    /// None before the first sweep, and where it cannot be written any more.
    writer: Option<Writer>,
    not_written: Option<String>,
    context: Arc<Context>,
    /// What this sweep concluded; their context is the present one.
    new: BTreeMap<String, Entry>,
    /// Of files that were taken, whether nothing had to be found out for that.
    taken: BTreeMap<String, bool>,
    /// Of files that were not looked at.
    passed_over: BTreeSet<String>,
    read: Amount,
    rechecked: u64,
    differing: BTreeSet<String>,
    /// Unix nanoseconds.
    began: u64,
}

impl OpenCache {
    pub(crate) fn open(options: CacheOptions, protected: Vec<PathBuf>) -> Result<Self, Problem> {
        let (stored, unusable) = match stored::find(&options.file)? {
            Found::Nothing => (None, None),
            Found::Unusable(why) => (None, Some(why)),
            Found::Stored(stored) => (Some(stored), None),
        };
        let is_distrusted = AtomicBool::new(false);
        let cache = Cache { options, protected, stored, unusable, is_distrusted, state: Mutex::default() };
        // A place that cannot be written to is told before anything is read.
        cache.state().writer = Some(Writer::create(&cache.options.file, &cache.protected)?);
        Ok(Self(Arc::new(cache)))
    }

    pub(super) fn share(&self) -> Arc<Cache> {
        Arc::clone(&self.0)
    }
}

impl Drop for OpenCache {
    fn drop(&mut self) {
        // Threads of a sweep that was interrupted may hold the cache for as long as the process lives.
        self.0.state().writer = None;
    }
}

impl Cache {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Before a sweep: nothing has been taken or concluded.
    pub(super) fn begin(&self, runs: &KnownRuns, scope: &Scope, began: u64) -> Result<(), Problem> {
        let mut state = self.state();
        let context = Arc::new(Context::of(runs, scope));
        // What made it distrusted is told all the same.
        let differing = mem::take(&mut state.differing);
        let rechecked = if differing.is_empty() { 0 } else { state.rechecked };
        // The one that is there may have what an earlier sweep concluded.
        state.writer = None;
        let writer = Some(Writer::create(&self.options.file, &self.protected)?);
        *state = State { writer, context, rechecked, differing, began, ..State::default() };
        Ok(())
    }

    pub(super) fn context(&self) -> Arc<Context> {
        Arc::clone(&self.state().context)
    }

    /// What is remembered of a file, and the context that it was concluded in.
    pub(super) fn entry(&self, file: &str) -> Option<(&Entry, &Context)> {
        if self.is_distrusted.load(Ordering::Relaxed) {
            return None;
        }
        let index = &self.stored.as_ref()?.index;
        let entry = index.files.get(file)?;
        Some((entry, index.contexts.get(entry.context)?))
    }

    pub(super) fn block(&self, block: &Block) -> Option<Vec<u8>> {
        self.stored.as_ref()?.block(block)
    }

    /// Whether a file that need not be read is to be read all the same.
    pub(super) fn rechecks(&self, file: &str) -> bool {
        self.options.recheck.is_some_and(|recheck| recheck.takes(file))
    }

    /// A file was taken; what had to be found out anew for that is remembered, too.
    pub(super) fn take(&self, file: &str, is_as_known: bool) {
        self.state().taken.insert(file.to_owned(), is_as_known);
    }

    /// Files that this audit leaves out stay as they are.
    pub(super) fn pass_over<'f>(&self, files: impl Iterator<Item = &'f str>) {
        self.state().passed_over.extend(files.map(str::to_owned));
    }

    /// A file was read.
    pub(super) fn note_read(&self, rows: u64, bytes: u64) {
        self.state().read.add(rows, bytes);
    }

    pub(super) fn note_recheck(&self, file: &str, is_as_remembered: bool) {
        let mut state = self.state();
        state.rechecked += 1;
        if !is_as_remembered {
            state.differing.insert(file.to_owned());
        }
    }

    /// Writes a block, as long as the file takes more.
    pub(super) fn write(&self, bytes: &[u8]) -> Option<Block> {
        let mut state = self.state();
        let written = state.writer.as_mut()?.block(bytes);
        written.map_err(|err| state.give_up(&err)).ok()
    }

    pub(super) fn learn(&self, file: &str, entry: Entry) {
        let mut state = self.state();
        let entry = Entry { read_at: state.began, ..entry };
        state.new.insert(file.to_owned(), entry);
    }

    /// After a sweep: whether it has to be done again without what is remembered, of which something is not so.
    pub(super) fn is_to_be_distrusted(&self) -> bool {
        !self.state().differing.is_empty() && !self.is_distrusted.swap(true, Ordering::Relaxed)
    }

    /// Leaves what was concluded for the next audit, and tells what came of it.
    pub(super) fn finish(&self) -> CacheUse {
        let mut state = mem::take(&mut *self.state());
        let taken: BTreeMap<_, _> = state.taken.keys().filter_map(|file| self.remembered(file)).collect();
        let passed_over = state.passed_over.iter().filter_map(|file| self.remembered(file));
        let mut kept: BTreeMap<_, _> = passed_over.collect();
        kept.extend(taken.iter().map(|(file, entry)| (*file, *entry)));
        let remembered = kept.values().copied().chain(state.new.values()).map(|entry| entry.rows).sum();
        let is_same = state.new.is_empty()
            && state.taken.values().all(|is_as_known| *is_as_known)
            && self.stored.as_ref().is_some_and(|stored| stored.index.files.len() == kept.len());
        let size = if is_same {
            self.stored.as_ref().map(|stored| stored.size)
        } else {
            let written = state.writer.take().map(|writer| self.write_all(writer, &state, &kept));
            written
                .and_then(|written| written.map_err(|err| state.not_written = Some(format!("{err:#}"))).ok())
        };
        let mut read_at: BTreeMap<u64, Vec<String>> = BTreeMap::new();
        let mut files = Amount::default();
        for (file, entry) in &taken {
            files.add(entry.rows, entry.bytes_scanned);
            read_at.entry(entry.read_at).or_default().push((*file).clone());
        }
        CacheUse {
            file: self.options.file.clone(),
            unusable: self.unusable.clone(),
            not_written: state.not_written,
            taken: files,
            read: state.read,
            rechecked: state.rechecked,
            recheck: self.options.recheck,
            differing: state.differing.into_iter().collect(),
            conclusions: read_at.into_iter().map(|(at, files)| ReadAt { at, files }).collect(),
            size,
            remembered,
        }
    }

    fn remembered<'f>(&'f self, file: &'f String) -> Option<(&'f String, &'f Entry)> {
        let (entry, _) = self.entry(file)?;
        Some((file, entry))
    }

    /// Behind what this sweep concluded comes what is kept of the file that is there.
    fn write_all(
        &self,
        mut writer: Writer,
        state: &State,
        kept: &BTreeMap<&String, &Entry>,
    ) -> anyhow::Result<u64> {
        let mut contexts = vec![Context::clone(&state.context)];
        let mut files = state.new.clone();
        for (file, entry) in kept {
            let is_taken = state.taken.contains_key(*file);
            let copied = self.copied(entry, &mut writer)?;
            // What was damaged meanwhile is read next time.
            let (Some(mut copied), Some((_, context))) = (copied, self.entry(file)) else { continue };
            copied.context = if is_taken {
                0
            } else if let Some(known) = contexts.iter().position(|known| known == context) {
                known
            } else {
                contexts.push(context.clone());
                contexts.len() - 1
            };
            files.insert((*file).clone(), copied);
        }
        writer.finish(&Index::new(contexts, files))
    }

    fn copied(&self, entry: &Entry, writer: &mut Writer) -> io::Result<Option<Entry>> {
        let mut copied = Entry { parts: Vec::with_capacity(entry.parts.len()), ..entry.clone() };
        for block in &entry.parts {
            let Some(bytes) = self.block(block) else { return Ok(None) };
            copied.parts.push(writer.block(&bytes)?);
        }
        if let Some(block) = &entry.index_keys {
            let Some(bytes) = self.block(block) else { return Ok(None) };
            copied.index_keys = Some(writer.block(&bytes)?);
        }
        Ok(Some(copied))
    }
}

impl State {
    fn give_up(&mut self, err: &io::Error) {
        self.writer = None;
        self.not_written = Some(err.to_string());
    }
}
