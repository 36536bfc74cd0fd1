//! Cold files that need not be read, because an earlier audit did.

use std::sync::Arc;

use anyhow::Context;

use super::{
    Sweep,
    file::SweptFile,
    part::{self, Concluded},
};
use crate::{
    judge::{
        cache::{
            Cache,
            context::Fit,
            entry::{Entry, Identity},
            memory::FileMemory,
        },
        partial::{self, keys},
    },
    store::{
        inventory::{FoundFile, Kind},
        layout::Tier,
        problem::FileProblem,
    },
    traffic::ids::RunId,
};

/// What a cache makes of a file.
pub(super) enum Recalled {
    /// Its rows are noted, as if they had been read.
    Taken(Box<SweptFile>),
    /// It is to be read, and to be remembered where there is a cache.
    ToRead(Option<Arc<FileMemory>>),
}

/// Takes what is remembered of a file, if all of it holds.
pub(super) fn recall(file: &FoundFile, sweep: &Sweep) -> Recalled {
    let is_fit = file.tier == Tier::Cold && file.kind == Kind::Parquet && file.place.local().is_some();
    let Some(cache) = sweep.cache.as_ref().filter(|_| is_fit) else { return Recalled::ToRead(None) };
    let Some((entry, is_as_known)) = remembered(file, sweep, cache) else {
        return Recalled::ToRead(Some(FileMemory::new(cache, None)));
    };
    if cache.rechecks(&file.shown) {
        return Recalled::ToRead(Some(FileMemory::new(cache, Some(entry.clone()))));
    }
    let one = take(file, entry, sweep, cache);
    cache.take(&file.shown, is_as_known);
    Recalled::Taken(Box::new(one))
}

/// What is remembered of a file that is still the same, and holds in this audit; and whether that was known before its
/// rows were looked through.
fn remembered<'c>(file: &FoundFile, sweep: &Sweep, cache: &'c Cache) -> Option<(&'c Entry, bool)> {
    let (entry, then) = cache.entry(&file.shown)?;
    let is_same = (entry.identity.size, Some(entry.identity.modified_at)) == (file.size, file.modified_at);
    let has_records = entry.has_records || sweep.collected.records.is_none();
    let has_keys = entry.index_keys.is_some() || !sweep.is_indexed;
    if !(is_same && has_records && has_keys) {
        return None;
    }
    let new = match cache.context().fits(then, entry) {
        Fit::Same => Vec::new(),
        Fit::Unless(runs) => runs,
        Fit::No => return None,
    };
    if Identity::of(file.place.local()?).ok()? != Some(entry.identity) {
        return None;
    }
    is_whole(entry, &new, sweep, cache).then_some((entry, new.is_empty()))
}

/// Whether all of it can be read back, and none of its rows is a span that only its file can tell of.
fn is_whole(entry: &Entry, new: &[RunId], sweep: &Sweep, cache: &Cache) -> bool {
    let is_watching = sweep.flushed.is_watching();
    // Of rows that left nothing nobody knows whether the snapshot has them, too.
    if is_watching && entry.is_bound {
        return false;
    }
    let concerns = |span: u64| {
        is_watching && sweep.flushed.wants_span(span) || new.iter().any(|run| sweep.runs.has_span(*run, span))
    };
    let is_fit = |bytes: &[u8]| {
        let Some(mut spans) = partial::part::spans(bytes) else { return false };
        if (is_watching || !new.is_empty()) && spans.any(concerns) {
            return false;
        }
        if !is_watching || entry.runs.is_empty() {
            return true;
        }
        part::is_in_snapshot(bytes, sweep).is_ok_and(|is_in_snapshot| !is_in_snapshot)
    };
    let is_key = |block| cache.block(block).is_some_and(|bytes| keys::decode(&bytes).is_some());
    entry.parts.iter().all(|block| cache.block(block).is_some_and(|bytes| is_fit(&bytes)))
        && entry.index_keys.iter().all(is_key)
}

/// Notes what its rows said.
fn take(file: &FoundFile, entry: &Entry, sweep: &Sweep, cache: &Cache) -> SweptFile {
    let keys = entry.index_keys.as_ref().filter(|_| sweep.is_indexed);
    let concluded = Concluded {
        rows: entry.rows,
        schema: entry.schema,
        bytes_scanned: entry.bytes_scanned,
        index_keys: keys.and_then(|block| cache.block(block)),
    };
    let parts = entry.parts.iter();
    let parts = parts.map(|block| cache.block(block).context("the cache has changed meanwhile"));
    let (mut one, noted) = part::note_file(file, concluded, parts, sweep);
    if let Err(err) = noted {
        one.record.fail(FileProblem::Unkept(format!("{err:#}")));
    }
    one
}
