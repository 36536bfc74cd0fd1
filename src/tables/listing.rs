//! What the store holds at this moment, and what each file says of itself.
//!
//! Every statement lists anew, so that new files are seen; what was read of a file is kept as long as
//! its size and time stay. Footers and frames alone: damage inside a page shows when its rows are read.

use std::{
    collections::HashMap,
    ffi::OsString,
    sync::{Arc, Mutex, PoisonError},
};

use datafusion::{
    arrow::{array::AsArray, datatypes::TimestampNanosecondType},
    parquet::file::{metadata::RowGroupMetaData, statistics::Statistics},
};

use crate::{
    contract::schema::Schema,
    store::{
        columns,
        footer::Footer,
        health::Health,
        inventory::{self, FoundFile, Inventory, Kind, Unlisted},
        layout::{Layout, Tier},
        open::{OpenedFile, open},
        place::Place,
        problem::FileProblem,
        segment::Segment,
    },
};

/// All files of a store.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    files: Vec<Arc<Looked>>,
}

/// A file, and what it says of itself.
#[derive(Debug)]
pub(crate) struct Looked {
    pub(crate) file: FoundFile,
    pub(crate) health: Health,
    pub(crate) problem: Option<FileProblem>,
    pub(crate) contents: Contents,
}

#[derive(Debug)]
pub(crate) enum Contents {
    Parquet(ParquetFacts),
    Segment(SegmentFacts),
    /// Nothing, or nothing that could be read.
    None,
}

/// What the footer of a Parquet file says. A store may have a hundred thousand files: the footer itself, some twenty
/// kilobytes of it, is not kept.
#[derive(Debug)]
pub(crate) struct ParquetFacts {
    pub(crate) columns: ColumnFacts,
    pub(crate) groups: Vec<GroupFacts>,
}

/// A row group, by the footer.
#[derive(Debug)]
pub(crate) struct GroupFacts {
    pub(crate) rows: i64,
    pub(crate) stored_bytes: i64,
    pub(crate) plain_bytes: i64,
    /// The earliest and the latest start; none without statistics of nanoseconds.
    pub(crate) start_times: Option<(i64, i64)>,
}

/// Whose columns a file has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ColumnFacts {
    /// Whether any of them is one of a stored span.
    pub(crate) are_of_spans: bool,
    /// Which studio wrote them; none where they are not exactly one era's.
    pub(crate) era: Option<Schema>,
}

/// What a segment was found to hold.
#[derive(Debug)]
pub(crate) struct SegmentFacts {
    pub(crate) rows: u64,
    pub(crate) batches: u64,
    pub(crate) ended: bool,
    pub(crate) torn_at: Option<u64>,
    pub(crate) columns: ColumnFacts,
    pub(crate) times: Option<(i64, i64)>,
}

/// Which bytes these were.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Stamp {
    place: OsString,
    size: u64,
    modified: Option<i64>,
}

impl Stamp {
    fn of(file: &FoundFile) -> Self {
        Self { place: file.place.identity(), size: file.size, modified: file.modified_at }
    }
}

impl Looked {
    pub(crate) fn stamp(&self) -> Stamp {
        Stamp::of(&self.file)
    }

    /// Whether its rows can be read, as far as it says. Columns that it lacks are null; one of another type would
    /// have to be cast.
    pub(crate) fn has_rows(&self) -> bool {
        let is_readable = match &self.problem {
            None
            | Some(FileProblem::NoEndMarker | FileProblem::TrailingBytes { .. } | FileProblem::Torn { .. }) => {
                true
            }
            Some(FileProblem::Columns(faults)) => faults.wrong_types.is_empty(),
            Some(_) => false,
        };
        is_readable && self.columns().is_some_and(|columns| columns.are_of_spans)
    }

    pub(crate) fn schema_version(&self) -> Option<i64> {
        self.columns()?.era.map(Schema::version)
    }

    fn columns(&self) -> Option<ColumnFacts> {
        match &self.contents {
            Contents::Parquet(file) => Some(file.columns),
            Contents::Segment(segment) => Some(segment.columns),
            Contents::None => None,
        }
    }

    /// The earliest and the latest start.
    pub(crate) fn times(&self) -> Option<(i64, i64)> {
        match &self.contents {
            Contents::Parquet(file) => file.groups.iter().filter_map(|group| group.start_times).reduce(wider),
            Contents::Segment(segment) => segment.times,
            Contents::None => None,
        }
    }
}

impl Listing {
    pub(crate) fn files(&self) -> impl Iterator<Item = &Looked> + Clone {
        self.files.iter().map(Arc::as_ref)
    }

    /// The files of these tiers that rows can be read of.
    pub(crate) fn readable(&self, tiers: &[Tier]) -> Vec<FoundFile> {
        let readable = self.files().filter(|one| one.has_rows() && tiers.contains(&one.file.tier));
        readable.map(|one| one.file.clone()).collect()
    }

    pub(crate) fn stamps(&self) -> Vec<Stamp> {
        self.files().map(Looked::stamp).collect()
    }

    /// Files and folders that keep rows from an answer about these tiers.
    pub(crate) fn damaged(&self, tiers: &[Tier]) -> impl Iterator<Item = &Looked> {
        self.files().filter(move |one| one.health.hides_rows() && tiers.contains(&one.file.tier))
    }

    /// Segments that a flush has taken since they were listed.
    pub(crate) fn flushed(&self) -> usize {
        let segments = self.files().filter(|one| one.file.kind == Kind::Segment);
        segments.filter(|one| one.file.place.is_gone()).count()
    }
}

/// Lists a store again and again without reading again what has stayed.
#[derive(Debug)]
pub(crate) struct Lister {
    layout: Layout,
    /// Files that the user wants left out, by the ends of their names.
    without: Vec<String>,
    known: Mutex<HashMap<Stamp, Arc<Looked>>>,
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
            files.extend(unlisted.into_iter().map(|place| Arc::new(Looked::of_unlisted(place))));
        }
        files.sort_by(|a, b| (a.file.tier, &a.file.shown).cmp(&(b.file.tier, &b.file.shown)));
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        *known = files.iter().map(|one| (one.stamp(), Arc::clone(one))).collect();
        Arc::new(Listing { files })
    }

    /// Nothing for a file that a flush took away meanwhile.
    fn look(&self, file: FoundFile) -> Option<Arc<Looked>> {
        let stamp = Stamp::of(&file);
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&stamp).cloned();
        if known.is_some() {
            return known;
        }
        if self.is_left_out(&file) {
            let problem = FileProblem::LeftOut;
            let health = problem.health(file.tier);
            let contents = Contents::None;
            return Some(Arc::new(Looked { file, health, problem: Some(problem), contents }));
        }
        Looked::of(file).map(Arc::new)
    }

    fn is_left_out(&self, file: &FoundFile) -> bool {
        self.without.iter().any(|name| file.shown == *name || file.shown.ends_with(&format!("/{name}")))
    }
}

impl Looked {
    /// Nothing for a file that is gone.
    fn of(file: FoundFile) -> Option<Self> {
        let opened = open(&file);
        let contents = Contents::of(&opened);
        let OpenedFile { health, problem, .. } = opened;
        (health != Health::Gone).then_some(Self { file, health, problem, contents })
    }

    /// A folder or an entry that cannot be listed.
    fn of_unlisted(place: Unlisted) -> Self {
        let file = FoundFile {
            tier: place.tier,
            // Nobody opens it.
            place: Place::Local(place.path),
            shown: place.shown,
            size: 0,
            kind: Kind::Foreign,
            named_at: None,
            modified_at: None,
        };
        let problem = Some(FileProblem::of_listing(&place.source));
        Self { file, health: Health::NotRead, problem, contents: Contents::None }
    }
}

impl Contents {
    fn of(opened: &OpenedFile) -> Self {
        let footer = opened.footer().map(|footer| Self::Parquet(ParquetFacts::of(footer)));
        let segment = opened.segment().map(|segment| Self::Segment(SegmentFacts::of(segment)));
        footer.or(segment).unwrap_or(Self::None)
    }
}

impl ColumnFacts {
    fn of(columns: &[String]) -> Self {
        Self { are_of_spans: columns::are_of_spans(columns), era: columns::era(columns) }
    }
}

impl ParquetFacts {
    fn of(footer: &Footer) -> Self {
        let group = |group: &RowGroupMetaData| GroupFacts {
            rows: group.num_rows(),
            stored_bytes: group.compressed_size(),
            plain_bytes: group.total_byte_size(),
            start_times: start_times(footer, group),
        };
        let groups = footer.metadata.row_groups().iter().map(group).collect();
        Self { columns: ColumnFacts::of(&footer.columns), groups }
    }
}

impl SegmentFacts {
    fn of(segment: &Segment) -> Self {
        let starts = segment.batches.iter().filter_map(|batch| batch.column_by_name("start_time"));
        let starts =
            starts.flat_map(|column| column.as_primitive::<TimestampNanosecondType>().iter().flatten());
        Self {
            rows: segment.rows() as u64,
            batches: segment.batches.len() as u64,
            ended: segment.ended,
            torn_at: match segment.torn {
                Some(FileProblem::Torn { offset, .. } | FileProblem::TrailingBytes { offset, .. }) => {
                    Some(offset)
                }
                Some(FileProblem::Empty) => Some(0),
                _ => None,
            },
            columns: ColumnFacts::of(&segment.columns),
            times: starts.map(|start| (start, start)).reduce(wider),
        }
    }
}

/// The start times of a row group by its statistics; none where the column's numbers are not nanoseconds.
fn start_times(footer: &Footer, group: &RowGroupMetaData) -> Option<(i64, i64)> {
    if footer.wrong_types.iter().any(|wrong| wrong.column == "start_time") {
        return None;
    }
    let column = group.columns().iter().find(|column| column.column_path().string() == "start_time")?;
    match column.statistics()? {
        Statistics::Int64(times) => Some((*times.min_opt()?, *times.max_opt()?)),
        _ => None,
    }
}

fn wider(one: (i64, i64), other: (i64, i64)) -> (i64, i64) {
    (one.0.min(other.0), one.1.max(other.1))
}
