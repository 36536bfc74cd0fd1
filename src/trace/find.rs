//! Which traces an id, or the beginning of one, names, and which rows of which files are theirs.
//!
//! Decodes the id column only, and of files whose statistics leave the id out not even that. A file that
//! cannot be read hides its rows: it is told, and does not end the search.

use std::{collections::BTreeMap, io, sync::Arc};

use datafusion::{
    arrow::array::{AsArray, RecordBatch},
    execution::TaskContext,
    parquet::file::{metadata::RowGroupMetaData, statistics::Statistics},
};
use futures::{StreamExt, stream};

use crate::store::{
    footer::{self, Footer, Unreadable},
    inventory::{self, FoundFile},
    layout::{Layout, Tier},
    scan,
    segment::read_segment,
};

/// Files that are read side by side.
const WORKERS: usize = 2;

/// The rows of one trace in one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) file: FoundFile,
    /// How many rows the file has.
    pub(crate) total: u64,
    /// Ascending.
    pub(crate) rows: Vec<u64>,
}

/// A file that could not be searched to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unread {
    pub(crate) file: String,
    pub(crate) why: String,
}

/// What a search found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// By trace id.
    pub(crate) traces: BTreeMap<String, Vec<Hit>>,
    pub(crate) unread: Vec<Unread>,
    pub(crate) files: usize,
}

/// Rows of one file by trace id.
struct Searched {
    file: FoundFile,
    total: u64,
    rows: BTreeMap<String, Vec<u64>>,
    unread: Option<String>,
}

/// Searches all tiers for trace ids that begin so; WAL first, so that a flush meanwhile hides nothing.
pub(crate) async fn find(
    layout: &Layout,
    beginning: &str,
    context: &Arc<TaskContext>,
) -> anyhow::Result<Found> {
    let mut found = Found::default();
    for tier in [Tier::Wal, Tier::Cold, Tier::Hot] {
        let listed = inventory::list(layout, tier);
        let unlisted = listed.unlisted.iter();
        found.unread.extend(
            unlisted.map(|place| Unread { file: place.shown.clone(), why: place.source.to_string() }),
        );
        found.search(listed.data().cloned().collect(), beginning, context).await?;
    }
    Ok(found)
}

/// Searches these files only.
pub(crate) async fn find_in(
    files: Vec<FoundFile>,
    beginning: &str,
    context: &Arc<TaskContext>,
) -> anyhow::Result<Found> {
    let mut found = Found::default();
    found.search(files, beginning, context).await?;
    Ok(found)
}

impl Found {
    async fn search(
        &mut self,
        files: Vec<FoundFile>,
        beginning: &str,
        context: &Arc<TaskContext>,
    ) -> anyhow::Result<()> {
        let beginning: Arc<str> = beginning.into();
        let mut tasks = stream::iter(files)
            .map(|file| tokio::spawn(search(file, Arc::clone(&beginning), Arc::clone(context))))
            .buffered(WORKERS);
        while let Some(searched) = tasks.next().await {
            self.add(searched?);
        }
        Ok(())
    }

    fn add(&mut self, Searched { file, total, rows, unread }: Searched) {
        self.files += 1;
        if let Some(why) = unread {
            self.unread.push(Unread { file: file.shown.clone(), why });
        }
        for (trace, rows) in rows {
            self.traces.entry(trace).or_default().push(Hit { file: file.clone(), total, rows });
        }
    }
}

async fn search(file: FoundFile, beginning: Arc<str>, context: Arc<TaskContext>) -> Searched {
    let mut searched = Searched { file, total: 0, rows: BTreeMap::new(), unread: None };
    let result = match searched.file.tier {
        Tier::Wal => searched.segment(&beginning),
        Tier::Cold | Tier::Hot => searched.parquet(&beginning, context).await,
    };
    searched.unread = result.err();
    searched
}

impl Searched {
    fn segment(&mut self, beginning: &str) -> Result<(), String> {
        let segment = match read_segment(&self.file.path) {
            Ok(segment) => segment,
            // A flush took it: the cold tier is searched next.
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(err) => return Err(err.to_string()),
        };
        for batch in &segment.batches {
            self.add(batch, beginning);
        }
        segment.torn.map_or(Ok(()), |torn| Err(torn.to_string()))
    }

    async fn parquet(&mut self, beginning: &str, context: Arc<TaskContext>) -> Result<(), String> {
        let footer = match footer::footer(&self.file.path) {
            Ok(footer) => footer,
            Err(Unreadable::Gone) => return Ok(()),
            Err(unreadable) => return Err(unreadable.to_string()),
        };
        self.total = footer.rows;
        if !may_hold(&footer, beginning) {
            return Ok(());
        }
        let mut scan = scan::scan_parquet(&self.file, &footer, &["trace_id"], context)
            .map_err(|err| scan::reason(&err))?;
        let mut read = 0;
        while let Some(batch) = scan.stream.next().await {
            let batch = batch.map_err(|err| scan::reason(&err))?;
            self.note(&batch, read, beginning);
            read += batch.num_rows() as u64;
        }
        Ok(())
    }

    fn add(&mut self, batch: &RecordBatch, beginning: &str) {
        self.note(batch, self.total, beginning);
        self.total += batch.num_rows() as u64;
    }

    fn note(&mut self, batch: &RecordBatch, first: u64, beginning: &str) {
        let ids = batch.column_by_name("trace_id").and_then(|column| column.as_string_view_opt());
        for (row, id) in ids.into_iter().flatten().enumerate() {
            if let Some(id) = id.filter(|id| id.starts_with(beginning)) {
                self.rows.entry(id.to_owned()).or_default().push(first + row as u64);
            }
        }
    }
}

/// Whether the statistics of a file leave room for an id that begins so.
fn may_hold(footer: &Footer, beginning: &str) -> bool {
    footer.metadata.row_groups().iter().any(|group| group_may_hold(group, beginning.as_bytes()))
}

fn group_may_hold(group: &RowGroupMetaData, beginning: &[u8]) -> bool {
    let column = group.columns().iter().find(|column| column.column_path().string() == "trace_id");
    let Some(Statistics::ByteArray(values)) = column.and_then(|column| column.statistics()) else {
        return true;
    };
    match (values.min_opt(), values.max_opt()) {
        (Some(least), Some(most)) if values.min_is_exact() && values.max_is_exact() => {
            let least = least.data();
            least[..least.len().min(beginning.len())] <= *beginning && most.data() >= beginning
        }
        _ => true,
    }
}
