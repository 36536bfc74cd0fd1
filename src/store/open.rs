//! The one road from a directory entry to its health, its columns and its rows.
//!
//! `open` reads the footer of a Parquet file, and a segment whole. What is wrong then is a [`FileProblem`]; what is
//! wrong inside a page shows while [`RowStream`] decodes it. A column of another type than a studio's is never cast:
//! it is unknown, as one that the file lacks.

use std::{sync::Arc, vec};

use datafusion::{arrow::array::RecordBatch, execution::TaskContext};
use futures::StreamExt;

use super::{
    bytes::{Extent, FileBytes},
    columns::{self, WrongType},
    expansion::Expansion,
    footer::{self, Footer},
    health::Health,
    inventory::{FoundFile, Kind},
    pages::Measured,
    problem::FileProblem,
    read_digest::ReadDigest,
    scan::{self, FileScan},
    segment::{Segment, read_segment},
};
use crate::{base::memory::decode_budget, contract::schema::Schema};

/// A file after its first reading.
#[derive(Debug)]
pub(crate) struct OpenedFile {
    file: FoundFile,
    pub(crate) health: Health,
    pub(crate) problem: Option<FileProblem>,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Parquet(Footer),
    Segment(Segment),
    /// No rows, or none that can be read.
    None,
}

/// Opens a file of any kind, to see what it says of itself. An entry that holds no data is not read.
pub(crate) fn open(file: &FoundFile) -> OpenedFile {
    open_as(file, Extent::Footer)
}

/// As [`open`], where its rows are read next.
pub(crate) fn open_to_read(file: &FoundFile) -> OpenedFile {
    open_as(file, Extent::Whole)
}

fn open_as(file: &FoundFile, extent: Extent) -> OpenedFile {
    let bytes = |extent| FileBytes::open(&file.place, extent).map_err(FileProblem::from);
    let closed = |health| OpenedFile { file: file.clone(), health, problem: None, content: Content::None };
    let content = match file.kind {
        Kind::Temp => return closed(Health::Temporary),
        Kind::Foreign => return closed(Health::Foreign),
        Kind::Parquet => {
            bytes(extent).and_then(|bytes| footer::footer(&Arc::new(bytes))).map(Content::Parquet)
        }
        // A segment is not compressed, and read whole.
        Kind::Segment if file.size > decode_budget() => {
            Err(FileProblem::OverBudget { mb: decode_budget() >> 20 })
        }
        Kind::Segment => {
            bytes(Extent::Whole).and_then(|bytes| Ok(read_segment(&bytes)?)).map(Content::Segment)
        }
    };
    let (content, problem) = match content {
        Ok(content) => {
            let problem = content.problem();
            (content, problem)
        }
        Err(problem) => (Content::None, Some(problem)),
    };
    let health = problem.as_ref().map_or(Health::Ok, |problem| problem.health(file.tier));
    OpenedFile { file: file.clone(), health, problem, content }
}

impl Content {
    fn problem(&self) -> Option<FileProblem> {
        match self {
            Self::Parquet(footer) => {
                columns::ColumnFaults::of(&footer.columns, &footer.wrong_types).map(FileProblem::Columns)
            }
            Self::Segment(segment) => segment.problem(),
            Self::None => None,
        }
    }

    fn columns(&self) -> (&[String], &[WrongType]) {
        match self {
            Self::Parquet(footer) => (&footer.columns, &footer.wrong_types),
            Self::Segment(segment) => (&segment.columns, &segment.wrong_types),
            Self::None => (&[], &[]),
        }
    }
}

impl OpenedFile {
    pub(crate) fn footer(&self) -> Option<&Footer> {
        match &self.content {
            Content::Parquet(footer) => Some(footer),
            Content::Segment(_) | Content::None => None,
        }
    }

    pub(crate) fn segment(&self) -> Option<&Segment> {
        match &self.content {
            Content::Segment(segment) => Some(segment),
            Content::Parquet(_) | Content::None => None,
        }
    }

    /// Which studio wrote it; none where its columns are not exactly one era's.
    pub(crate) fn era(&self) -> Option<Schema> {
        columns::era(self.content.columns().0)
    }

    /// The columns that it has in the type that a studio gives them.
    pub(crate) fn known_columns(&self) -> Vec<String> {
        let (present, wrong_types) = self.content.columns();
        columns::known(present, wrong_types)
    }

    /// Rows by the footer, or those of a segment that decode; none where neither could be read, or they are no spans.
    pub(crate) fn rows(&self) -> Option<u64> {
        match &self.content {
            Content::Parquet(footer) => self.holds_spans().then_some(footer.rows),
            Content::Segment(segment) => Some(segment.rows() as u64),
            Content::None => None,
        }
    }

    /// Whether it has any column of a stored span.
    pub(crate) fn holds_spans(&self) -> bool {
        columns::are_of_spans(&self.known_columns())
    }

    /// Its rows in their order, with these columns of [`scan::schema`] as far as it has them.
    pub(crate) fn into_rows(self, columns: &[&str], context: Arc<TaskContext>) -> RowStream {
        self.into_digested_rows(columns, None, context)
    }

    /// The same, with a digest of what is read where one is given.
    pub(crate) fn into_digested_rows(
        self,
        columns: &[&str],
        digest: Option<Arc<ReadDigest>>,
        context: Arc<TaskContext>,
    ) -> RowStream {
        self.into_stream(columns, |file, footer, columns| {
            scan::scan_parquet(file, footer, columns, digest, context)
        })
    }

    /// Some rows only, which ascend; of a segment all.
    pub(crate) fn into_some_rows(
        self,
        columns: &[&str],
        rows: &[u64],
        context: Arc<TaskContext>,
    ) -> RowStream {
        self.into_stream(columns, |file, footer, columns| {
            scan::scan_parquet_rows(file, footer, columns, rows, context)
        })
    }

    fn into_stream(
        self,
        columns: &[&str],
        scan: impl FnOnce(&FoundFile, &Footer, &[&str]) -> datafusion::error::Result<FileScan>,
    ) -> RowStream {
        let holds_spans = self.holds_spans();
        let source = match self.content {
            _ if !holds_spans => Source::Ended,
            Content::Parquet(footer) => {
                let is_right = |name: &&&str| footer.wrong_types.iter().all(|wrong| wrong.column != **name);
                let columns: Vec<&str> = columns.iter().filter(is_right).copied().collect();
                match scan(&self.file, &footer, &columns) {
                    Ok(scan) => Source::Parquet(scan),
                    Err(err) => Source::Failed(scan::problem_of(&err)),
                }
            }
            Content::Segment(segment) => Source::Segment(segment.batches.into_iter()),
            Content::None => Source::Ended,
        };
        RowStream { source, expansion: Expansion::of(self.file.size) }
    }

    /// Measures every page of every column of a Parquet file, and tells how many bytes that took.
    pub(crate) fn check_pages(&self) -> Result<u64, FileProblem> {
        let Some(footer) = self.footer() else { return Ok(0) };
        let mut read = 0;
        let mut measured = Measured::default();
        for group in footer.metadata.row_groups() {
            for column in group.columns() {
                let (start, length) = column.byte_range();
                measured.begin(group, length)?;
                let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
                footer.bytes.read_at(start, &mut bytes)?;
                read += length;
                measured.check_chunk(column, &bytes)?;
            }
        }
        Ok(read)
    }
}

/// Rows of one file, batch by batch, until its end or its first problem.
pub(crate) struct RowStream {
    source: Source,
    expansion: Expansion,
}

enum Source {
    Parquet(FileScan),
    Segment(vec::IntoIter<RecordBatch>),
    Failed(FileProblem),
    Ended,
}

impl RowStream {
    /// The rows before a problem are good.
    pub(crate) async fn next(&mut self) -> Option<Result<RecordBatch, FileProblem>> {
        let next = match &mut self.source {
            Source::Parquet(scan) => match scan.stream.next().await? {
                Ok(batch) => return Some(self.expansion.add(&batch).map(|()| batch)),
                // What was read so far stays countable.
                Err(err) => return Some(Err(scan::problem_of(&err))),
            },
            Source::Segment(batches) => return batches.next().map(Ok),
            Source::Failed(problem) => Some(Err(problem.clone())),
            Source::Ended => None,
        };
        self.source = Source::Ended;
        next
    }

    /// Bytes of column chunks that were read so far; segments were read when they were opened.
    pub(crate) fn bytes_scanned(&self) -> u64 {
        match &self.source {
            Source::Parquet(scan) => scan.bytes_scanned() as u64,
            Source::Segment(_) | Source::Failed(_) | Source::Ended => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, File},
        path::Path,
    };

    use datafusion::arrow::{
        array::{ArrayRef, Float64Array, RecordBatch},
        ipc::writer::StreamWriter,
    };

    use super::*;
    use crate::{
        base::memory::Limits,
        contract::{columns as contract_columns, row::Row, schema::column},
        store::{
            inventory::list,
            layout::{Layout, Tier},
            place::Place,
            rows::Rows,
            session::session,
        },
        testing::{files, fixture, write_batch},
    };

    fn opened(path: &Path, tier: Tier) -> OpenedFile {
        open(&list(&Layout::find(Some(path)).unwrap(), tier).files.remove(0))
    }

    #[test]
    fn each_damage_has_its_health_and_its_problem() {
        let dir = tempfile::tempdir().unwrap();
        let golden = fixture("studio-0.82.1/spans");
        let parquet = fs::read(&files(&golden.join("parquet"), ".parquet")[0]).unwrap();
        let segment = fs::read(&files(&golden.join("wal"), ".ipc")[0]).unwrap();
        let check = |name: &str, bytes: &[u8], health: Health, is_it: fn(&FileProblem) -> bool| {
            let path = dir.path().join(name);
            fs::write(&path, bytes).unwrap();
            let tier = if path.extension().unwrap() == "ipc" { Tier::Wal } else { Tier::Cold };
            let opened = opened(&path, tier);
            assert_eq!(opened.health, health, "{name}: {:?}", opened.problem);
            assert!(is_it(opened.problem.as_ref().unwrap()), "{name}: {:?}", opened.problem);
        };
        check("empty.parquet", &[], Health::Empty, |problem| *problem == FileProblem::Empty);
        check("empty.ipc", &[], Health::Empty, |problem| *problem == FileProblem::Empty);
        check("short.parquet", b"PAR1", Health::Unreadable, |problem| {
            matches!(problem, FileProblem::TooShort { size: 4, .. })
        });
        check("cut.parquet", &parquet[..9_000], Health::Unreadable, |problem| {
            *problem == FileProblem::BadMagic { head: true, tail: false }
        });
        check("foreign.parquet", &[7; 100], Health::Unreadable, |problem| {
            *problem == FileProblem::BadMagic { head: false, tail: false }
        });
        check("cut.ipc", &segment[..segment.len() / 2], Health::Torn, |problem| {
            matches!(problem, FileProblem::Torn { .. }) && problem.stops_readers()
        });
        check("unended.ipc", &segment[..segment.len() - 8], Health::Torn, |problem| {
            *problem == FileProblem::NoEndMarker && !problem.stops_readers()
        });
    }

    #[test]
    fn a_file_that_is_gone_is_damage_of_the_cold_tier_only() {
        let file = |tier, name: &str, kind| FoundFile {
            tier,
            place: Place::Local(Path::new("nowhere").join(name)),
            shown: name.to_owned(),
            size: 7,
            kind,
            named_at: None,
            modified_at: None,
        };
        assert_eq!(open(&file(Tier::Wal, "a.ipc", Kind::Segment)).health, Health::Gone);
        assert_eq!(open(&file(Tier::Hot, "a.parquet", Kind::Parquet)).health, Health::Gone);
        assert_eq!(open(&file(Tier::Cold, "a.parquet", Kind::Parquet)).health, Health::Unreadable);
    }

    /// Three durations with a fraction: as a Parquet file and as a segment.
    fn fractions(dir: &Path) -> [std::path::PathBuf; 2] {
        let rows = [Row::default(), Row::default(), Row::default()];
        let batch = contract_columns::batch(&rows, Schema::V2).unwrap();
        let schema = batch.schema();
        let columns = schema.fields().iter().zip(batch.columns()).map(|(field, array)| {
            let fraction: ArrayRef = Arc::new(Float64Array::from(vec![0.4, 1.5, 2.6]));
            let array = if field.name() == "duration_ns" { fraction } else { Arc::clone(array) };
            (field.name().clone(), array)
        });
        let batch = RecordBatch::try_from_iter(columns.collect::<Vec<_>>()).unwrap();
        let [parquet, segment] = ["a.parquet", "a.ipc"].map(|name| dir.join(name));
        write_batch(&parquet, &batch);
        let mut writer = StreamWriter::try_new(File::create(&segment).unwrap(), &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
        [parquet, segment]
    }

    #[tokio::test]
    async fn a_column_of_another_type_is_named_and_unknown() {
        let dir = tempfile::tempdir().unwrap();
        let context = session(Limits { memory: 64 << 20, partitions: 1, batch_rows: 16 }).unwrap().task_ctx();
        for (path, tier) in fractions(dir.path()).into_iter().zip([Tier::Cold, Tier::Wal]) {
            let opened = opened(&path, tier);
            let Some(FileProblem::Columns(faults)) = &opened.problem else { panic!("{:?}", opened.problem) };
            assert_eq!(faults.wrong_types.len(), 1, "{faults}");
            assert_eq!(faults.wrong_types[0].column, "duration_ns");
            assert!(opened.health.hides_rows());
            let known = opened.known_columns();
            let mut rows = opened.into_rows(&["name", "duration_ns"], Arc::clone(&context));
            let batch = rows.next().await.unwrap().unwrap();
            let cells = Rows::new(&batch, &known).cells(1);
            assert_eq!((batch.num_rows(), cells[column::DURATION_NS]), (3, None));
            assert!(rows.next().await.is_none());
        }
    }
}
