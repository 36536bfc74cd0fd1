//! The cold files of a store, held against its index: which of them the studio's pages can find.
//!
//! The poller runs every 30 s and takes ten files a time, and for two minutes the studio finds a new file without the
//! index. So a file that is not indexed is young, waiting for its turn, or stuck; and stuck only where the studio has
//! shown a sign of life since the file was due. A copy of a store that was taken in between proves nothing of it.

use std::sync::Arc;

use super::{
    place::{self, Places},
    read::{FailedFile, Index, IndexedFile},
};
use crate::{
    judge::{
        index_keys::IndexKeys,
        judgement::{FileRecord, Judgement},
    },
    store::{
        health::Health,
        layout::{Layout, Tier},
    },
};

const SECOND: i64 = 1_000_000_000;
/// How long ingestion names a file that it has flushed to the backend.
pub(crate) const RECENT: i64 = 120 * SECOND;
/// How often the indexer looks for new files, and how many it takes each time.
pub(crate) const POLL: i64 = 30 * SECOND;
const BATCH: i64 = 10;

/// The cold files with a name that the index may know, and what it says of them.
#[derive(Debug)]
pub(crate) struct Visibility {
    pub(crate) index: Arc<Index>,
    /// In the order of their names.
    pub(crate) cold: Vec<ColdFile>,
    /// The folders of the backend that the paths of the index begin with.
    pub(crate) folders: Vec<String>,
}

/// A cold file, as the index has it.
#[derive(Debug)]
pub(crate) struct ColdFile {
    /// Its place in [`Judgement::files`].
    pub(crate) record: usize,
    /// Its places in [`Index::files`] and [`Index::failed`].
    pub(crate) indexed: Option<u32>,
    pub(crate) failed: Option<u32>,
    pub(crate) state: State,
    pub(crate) cause: Option<Cause>,
}

/// Whether the pages of the studio find the spans of a cold file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Indexed,
    /// Indexed with another size, other rows or other times than it has.
    Changed,
    /// Tried once and given up.
    Failed,
    /// New enough to be found without the index.
    Recent,
    /// Not found until its turn comes.
    Waiting,
    Stuck,
    /// Due, and nothing shows that the studio ran since.
    Undecided,
    /// Not indexed, as no file of this store is.
    Unread,
    /// The paths of the index are those of another store.
    Foreign,
    /// Not indexed, and it does not read.
    Damaged,
}

impl State {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Indexed => "indexed",
            Self::Changed => "changed",
            Self::Failed => "failed",
            Self::Recent => "recent",
            Self::Waiting => "waiting",
            Self::Stuck => "stuck",
            Self::Undecided => "undecided",
            Self::Unread => "unread",
            Self::Foreign => "foreign",
            Self::Damaged => "damaged",
        }
    }
}

/// Why a file is out of sight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The scanner leaves out whatever lies below a folder `tmp`.
    TmpFolder,
    PassedOver,
    IndexerStopped,
    /// The index was locked when it was the file's turn.
    DatabaseLocked,
    /// Attributes that are JSON and no object.
    AttributesNotAnObject,
    /// It was damaged or not whole then, and reads well now.
    NotWholeThen,
    /// A time that Python has no date for.
    TimeOutOfRange,
    Other,
}

impl Cause {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::TmpFolder => "tmp_folder",
            Self::PassedOver => "passed_over",
            Self::IndexerStopped => "indexer_stopped",
            Self::DatabaseLocked => "database_locked",
            Self::AttributesNotAnObject => "attributes_not_an_object",
            Self::NotWholeThen => "not_whole_then",
            Self::TimeOutOfRange => "time_out_of_range",
            Self::Other => "other",
        }
    }

    /// By the Python class of the error and its text.
    fn of_failure(failed: &FailedFile) -> Self {
        match failed.error_type.as_str() {
            "OperationalError" if failed.error_message.contains("locked") => Self::DatabaseLocked,
            "AttributeError" => Self::AttributesNotAnObject,
            "OverflowError" => Self::TimeOutOfRange,
            "ValueError" if failed.error_message.starts_with("year ") => Self::TimeOutOfRange,
            "ArrowInvalid" | "ArrowException" | "OSError" | "FileNotFoundError" | "ValueError" => {
                Self::NotWholeThen
            }
            _ => Self::Other,
        }
    }
}

impl Visibility {
    pub(crate) fn of(index: Arc<Index>, judgement: &Judgement, layout: &Layout) -> Self {
        let root = cold_root(layout);
        let below = |file: &'_ str| file.strip_prefix(root.as_str()).map_or(0, |_| root.len());
        let records: Vec<usize> = (0..judgement.files.len())
            .filter(|&place| {
                judgement.files[place].tier == Tier::Cold && judgement.files[place].health.is_data()
            })
            .collect();
        let names = records.iter().map(|&place| judgement.files[place].file.as_str());
        let places = Places::of(names.map(|name| &name[below(name)..]));

        let mut folders: Vec<String> = Vec::new();
        let mut note_folder = |folder: &str| {
            if !folders.iter().any(|known| folder.starts_with(known.as_str())) {
                folders.retain(|known| !known.starts_with(folder));
                folders.push(folder.to_owned());
            }
        };
        let mut indexed_as: Vec<Option<u32>> = vec![None; records.len()];
        let mut failed_as = indexed_as.clone();
        for (number, file) in (0..).zip(&index.files) {
            match places.find(&file.path) {
                Some((cold, folder)) => {
                    note_folder(folder);
                    indexed_as[cold as usize] = Some(number);
                }
                None => note_folder(place::folder(&file.path)),
            }
        }
        for (number, failed) in (0..).zip(&index.failed) {
            if let Some((cold, _)) = places.find(&failed.path) {
                failed_as[cold as usize] = Some(number);
            }
        }
        let is_waiting = |&cold: &usize| indexed_as[cold].is_none() && failed_as[cold].is_none();
        let waiting = (0..records.len()).filter(is_waiting).count() as u64;
        let clock = Clock::of(&index, judgement, waiting);
        let file = |(cold, record): (usize, usize)| {
            let (indexed, failed) = (indexed_as[cold], failed_as[cold]);
            let (state, cause) = state(&index, &judgement.files[record], indexed, failed, &clock);
            ColdFile { record, indexed, failed, state, cause }
        };
        let mut cold: Vec<ColdFile> = records.into_iter().enumerate().map(file).collect();
        let has_stuck = cold.iter().any(|file| file.state == State::Stuck);
        let none_here = indexed_as.iter().all(Option::is_none);
        let instead = match (index.files.is_empty(), index.failed.is_empty()) {
            (true, true) => Some(State::Unread),
            (false, _) if none_here => Some(State::Foreign),
            _ => None,
        };
        if let Some(instead) = instead.filter(|_| has_stuck) {
            for file in cold.iter_mut().filter(|file| file.state == State::Stuck) {
                (file.state, file.cause) = (instead, None);
            }
        }
        Self { index, cold, folders }
    }

    /// Whether the index is of another store.
    pub(crate) fn is_foreign(&self) -> bool {
        self.cold.iter().any(|file| file.state == State::Foreign)
    }
}

/// What the names of cold files begin with.
pub(crate) fn cold_root(layout: &Layout) -> String {
    let below = layout.cold.as_deref().and_then(|cold| cold.strip_prefix(&layout.spans).ok());
    match below {
        Some(below) => below.iter().map(|part| part.to_string_lossy() + "/").collect(),
        None => "parquet/".to_owned(),
    }
}

/// What the age of a file is measured by, in Unix nanoseconds.
struct Clock {
    now: i64,
    /// The last thing that any part of the studio wrote.
    last_life: i64,
    /// The last time that the indexer was at work.
    last_work: i64,
    /// How long a file may wait behind those that are here.
    patience: i64,
}

impl Clock {
    fn of(index: &Index, judgement: &Judgement, waiting: u64) -> Self {
        let life = |file: &FileRecord| file.modified_at.into_iter().chain(file.named_at).max();
        let files = judgement.files.iter().filter(|file| file.health.is_data()).filter_map(life);
        let waiting = i64::try_from(waiting).unwrap_or(i64::MAX / POLL / 2);
        Self {
            now: judgement.read_began.cast_signed(),
            last_life: files.chain(index.written_at).chain(index.last_work()).max().unwrap_or_default(),
            last_work: index.last_work().unwrap_or_default(),
            patience: RECENT + POLL + POLL * waiting.div_euclid(BATCH).saturating_add(1),
        }
    }
}

fn state(
    index: &Index,
    record: &FileRecord,
    indexed: Option<u32>,
    failed: Option<u32>,
    clock: &Clock,
) -> (State, Option<Cause>) {
    if let Some(indexed) = indexed.and_then(|place| index.files.get(place as usize)) {
        let is_changed = record.health == Health::Ok && !changes(indexed, record).is_empty();
        return (if is_changed { State::Changed } else { State::Indexed }, None);
    }
    if record.health != Health::Ok {
        return (State::Damaged, None);
    }
    if let Some(failed) = failed.and_then(|place| index.failed.get(place as usize)) {
        return (State::Failed, Some(Cause::of_failure(failed)));
    }
    let born = record.named_at.or(record.modified_at).unwrap_or_default();
    let is_older = |at: i64, than: i64| at.saturating_sub(born) > than;
    if !is_older(clock.now, RECENT + POLL) {
        return (State::Recent, None);
    }
    let is_left_out = record.file.split('/').rev().skip(1).any(|folder| folder == "tmp");
    if is_left_out {
        return (State::Stuck, Some(Cause::TmpFolder));
    }
    if !is_older(clock.now, clock.patience) {
        return (State::Waiting, None);
    }
    if !is_older(clock.last_life, clock.patience) {
        return (State::Undecided, None);
    }
    let passed = is_older(clock.last_work, RECENT + POLL);
    (State::Stuck, Some(if passed { Cause::PassedOver } else { Cause::IndexerStopped }))
}

/// In what a file is another one than was indexed: a name, what the index says, what it is.
pub(crate) fn changes(indexed: &IndexedFile, record: &FileRecord) -> Vec<(&'static str, String, String)> {
    let mut changes = Vec::new();
    let mut compare = |name: &'static str, said: i64, is: i64| {
        if said != is {
            changes.push((name, said.to_string(), is.to_string()));
        }
    };
    compare("bytes", indexed.size, record.size.cast_signed());
    if let Some(IndexKeys { times, .. }) = &record.index_keys {
        compare("rows", indexed.rows, record.rows.cast_signed());
        if let (Some((start, end)), Some(first), Some(last)) = (times, indexed.first_start, indexed.last_end)
        {
            // The index has microseconds.
            compare("earliest start", first, start.div_euclid(1_000).saturating_mul(1_000));
            compare("latest end", last, end.div_euclid(1_000).saturating_mul(1_000));
        }
    }
    changes
}
