//! What the store holds at this moment, and what each file says of itself.
//!
//! Every statement lists anew, so that new files are seen; what was read of a file is kept as long as
//! its size and time stay. Footers and frames alone: damage inside a page shows when its rows are read.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use datafusion::{
    arrow::{array::AsArray, datatypes::TimestampNanosecondType},
    parquet::file::{metadata::RowGroupMetaData, statistics::Statistics},
};

use crate::{
    contract::schema::Schema,
    judge::judgement::Health,
    store::{
        columns,
        footer::{Footer, Unreadable, footer},
        inventory::{self, FoundFile, Inventory, Kind},
        layout::{Layout, Tier},
        segment::{Segment, read_segment},
    },
};

/// All files of a store.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) files: Vec<Looked>,
}

/// A file, and what it says of itself.
#[derive(Debug, Clone)]
pub(crate) struct Looked {
    pub(crate) file: FoundFile,
    pub(crate) health: Health,
    pub(crate) problem: Option<String>,
    pub(crate) contents: Contents,
}

#[derive(Debug, Clone)]
pub(crate) enum Contents {
    Parquet(Footer),
    Segment(SegmentFacts),
    /// Nothing, or nothing that could be read.
    None,
}

/// What a segment was found to hold.
#[derive(Debug, Clone)]
pub(crate) struct SegmentFacts {
    pub(crate) rows: u64,
    pub(crate) batches: u64,
    pub(crate) ended: bool,
    pub(crate) torn_at: Option<u64>,
    pub(crate) schema_version: Option<i64>,
    pub(crate) times: Option<(i64, i64)>,
}

/// Which bytes these were.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Stamp {
    path: PathBuf,
    size: u64,
    modified: Option<i64>,
}

impl Looked {
    pub(crate) fn stamp(&self) -> Stamp {
        Stamp { path: self.file.path.clone(), size: self.file.size, modified: self.file.modified_at }
    }

    /// Whether its rows can be read, as far as it says.
    pub(crate) fn has_rows(&self) -> bool {
        self.file.kind.is_data() && matches!(self.health, Health::Ok | Health::Torn)
    }

    /// The earliest and the latest start.
    pub(crate) fn times(&self) -> Option<(i64, i64)> {
        match &self.contents {
            Contents::Parquet(footer) => {
                footer.metadata.row_groups().iter().filter_map(start_times).reduce(wider)
            }
            Contents::Segment(segment) => segment.times,
            Contents::None => None,
        }
    }
}

impl Listing {
    /// The files of these tiers that rows can be read of.
    pub(crate) fn readable(&self, tiers: &[Tier]) -> Vec<FoundFile> {
        let readable = self.files.iter().filter(|one| one.has_rows() && tiers.contains(&one.file.tier));
        readable.map(|one| one.file.clone()).collect()
    }

    pub(crate) fn stamps(&self) -> Vec<Stamp> {
        self.files.iter().map(Looked::stamp).collect()
    }

    /// Files and folders that keep rows from an answer about these tiers.
    pub(crate) fn damaged(&self, tiers: &[Tier]) -> impl Iterator<Item = &Looked> {
        self.files.iter().filter(move |one| one.health.hides_rows() && tiers.contains(&one.file.tier))
    }

    /// Segments that a flush has taken since they were listed.
    pub(crate) fn flushed(&self) -> usize {
        let segments = self.files.iter().filter(|one| one.file.kind == Kind::Segment);
        segments.filter(|one| matches!(one.file.path.try_exists(), Ok(false))).count()
    }
}

/// Lists a store again and again without reading again what has stayed.
#[derive(Debug)]
pub(crate) struct Lister {
    layout: Layout,
    /// Files that the user wants left out, by the ends of their names.
    without: Vec<String>,
    known: Mutex<HashMap<Stamp, Looked>>,
}

impl Lister {
    pub(crate) fn new(layout: Layout, without: Vec<String>) -> Self {
        Self { layout, without, known: Mutex::default() }
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Segments first: a flush in between can show a span twice but never hide it.
    pub(crate) fn list(&self) -> Arc<Listing> {
        let mut files = Vec::new();
        for tier in [Tier::Wal, Tier::Cold, Tier::Hot] {
            let Inventory { files: found, unlisted } = inventory::list(&self.layout, tier);
            files.extend(found.into_iter().filter_map(|file| self.look(file)));
            files.extend(unlisted.into_iter().map(|place| Looked {
                file: FoundFile {
                    tier: place.tier,
                    path: place.path,
                    shown: place.shown,
                    size: 0,
                    kind: Kind::Foreign,
                    named_at: None,
                    modified_at: None,
                },
                health: Health::Unreadable,
                problem: Some(format!("cannot be looked into: {}", place.source)),
                contents: Contents::None,
            }));
        }
        files.sort_by(|a, b| (a.file.tier, &a.file.shown).cmp(&(b.file.tier, &b.file.shown)));
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        *known = files.iter().map(|one| (one.stamp(), one.clone())).collect();
        Arc::new(Listing { files })
    }

    /// Nothing for a file that a flush took away meanwhile.
    fn look(&self, file: FoundFile) -> Option<Looked> {
        let stamp = Stamp { path: file.path.clone(), size: file.size, modified: file.modified_at };
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&stamp).cloned();
        if known.is_some() {
            return known;
        }
        let (health, problem, contents) = if self.is_left_out(&file) {
            (Health::Unreadable, Some("left out with --without".to_owned()), Contents::None)
        } else {
            read(&file)?
        };
        let health = if file.kind.is_data() && file.size == 0 { Health::Empty } else { health };
        Some(Looked { file, health, problem, contents })
    }

    fn is_left_out(&self, file: &FoundFile) -> bool {
        self.without.iter().any(|name| file.shown == *name || file.shown.ends_with(&format!("/{name}")))
    }
}

/// Nothing for a segment that is gone.
fn read(file: &FoundFile) -> Option<(Health, Option<String>, Contents)> {
    Some(match file.kind {
        Kind::Temp => (Health::Temporary, None, Contents::None),
        Kind::Foreign => (Health::Foreign, None, Contents::None),
        Kind::Parquet => match footer(&file.path) {
            Ok(footer) => (Health::Ok, None, Contents::Parquet(footer)),
            Err(Unreadable::Gone) if file.tier == Tier::Hot => return None,
            Err(unreadable) => (Health::Unreadable, Some(unreadable.to_string()), Contents::None),
        },
        Kind::Segment => match read_segment(&file.path) {
            Ok(segment) => {
                let problem = problem_of(&segment);
                let health = if problem.is_some() { Health::Torn } else { Health::Ok };
                (health, problem, Contents::Segment(facts(&segment)))
            }
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => return None,
            Err(err) => (Health::Unreadable, Some(format!("cannot be read: {err}")), Contents::None),
        },
    })
}

fn problem_of(segment: &Segment) -> Option<String> {
    let cut = || (!segment.ended).then(|| "no end-of-stream marker: the segment is cut short".to_owned());
    segment.torn.as_ref().map(ToString::to_string).or_else(cut)
}

fn facts(segment: &Segment) -> SegmentFacts {
    let starts = segment.batches.iter().filter_map(|batch| batch.column_by_name("start_time"));
    let starts = starts.flat_map(|column| column.as_primitive::<TimestampNanosecondType>().iter().flatten());
    SegmentFacts {
        rows: segment.batches.iter().map(|batch| batch.num_rows() as u64).sum(),
        batches: segment.batches.len() as u64,
        ended: segment.ended,
        torn_at: segment.torn.as_ref().map(|torn| torn.offset),
        schema_version: version(&segment.columns),
        times: starts.map(|start| (start, start)).reduce(wider),
    }
}

fn version(present: &[String]) -> Option<i64> {
    columns::era(present).map(|schema| match schema {
        Schema::V1 => 1,
        Schema::V2 => 2,
    })
}

/// The start times of a row group by its statistics.
pub(crate) fn start_times(group: &RowGroupMetaData) -> Option<(i64, i64)> {
    let column = group.columns().iter().find(|column| column.column_path().string() == "start_time")?;
    match column.statistics()? {
        Statistics::Int64(times) => Some((*times.min_opt()?, *times.max_opt()?)),
        _ => None,
    }
}

fn wider(one: (i64, i64), other: (i64, i64)) -> (i64, i64) {
    (one.0.min(other.0), one.1.max(other.1))
}
