//! Which traces an id, or the beginning of one, names, and which rows of which files are theirs.
//!
//! Decodes the id column only; where statistics are trusted, not even that of files whose statistics leave the id
//! out. A file that cannot be read hides its rows: it is told, and does not end the search.

use std::{collections::BTreeMap, sync::Arc};

use datafusion::{
    arrow::array::{AsArray, RecordBatch},
    execution::TaskContext,
    parquet::file::{metadata::RowGroupMetaData, statistics},
};
use futures::{StreamExt, stream};

use crate::{
    base::jobs::Jobs,
    store::{
        footer::{Footer, Statistics},
        health::Health,
        inventory::{self, FoundFile},
        layout::{Layout, Tier},
        open::{open, open_to_read},
        problem::FileProblem,
    },
};

/// What to look for, and how.
#[derive(Debug, Clone)]
pub(crate) struct Search {
    /// Of a trace id.
    pub(crate) beginning: Arc<str>,
    pub(crate) context: Arc<TaskContext>,
    /// Whether files are passed over whose footer says that they hold no such id.
    pub(crate) statistics: Statistics,
}

impl Search {
    /// Reads the ids of all rows.
    pub(crate) fn of(beginning: &str, context: &Arc<TaskContext>) -> Self {
        let statistics = Statistics::Ignored;
        Self { beginning: beginning.into(), context: Arc::clone(context), statistics }
    }
}

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
    pub(crate) why: FileProblem,
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
    unread: Option<FileProblem>,
}

/// Searches all tiers for trace ids that begin so; WAL first, so that a flush meanwhile hides nothing.
pub(crate) async fn find(layout: &Layout, search: &Search) -> anyhow::Result<Found> {
    let mut found = Found::default();
    for tier in [Tier::Wal, Tier::Cold, Tier::Hot] {
        let listed = inventory::list(layout, tier);
        found.unread.extend(
            listed.unlisted.iter().map(|place| Unread {
                file: place.shown.clone(),
                why: FileProblem::of_listing(&place.source),
            }),
        );
        found.search(listed.data().cloned().collect(), search).await?;
    }
    Ok(found)
}

/// Searches these files only.
pub(crate) async fn find_in(files: Vec<FoundFile>, search: &Search) -> anyhow::Result<Found> {
    let mut found = Found::default();
    found.search(files, search).await?;
    Ok(found)
}

impl Found {
    async fn search(&mut self, files: Vec<FoundFile>, of: &Search) -> anyhow::Result<()> {
        let mut tasks = stream::iter(files)
            .map(|file| tokio::spawn(search(file, of.clone())))
            .buffered(Jobs::default().get());
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

async fn search(file: FoundFile, search: Search) -> Searched {
    let mut searched = Searched { file, total: 0, rows: BTreeMap::new(), unread: None };
    searched.unread = searched.read(&search).await;
    searched
}

impl Searched {
    /// What keeps rows of the file from being found.
    async fn read(&mut self, search: &Search) -> Option<FileProblem> {
        let opened = match search.statistics {
            Statistics::Trusted => open(&self.file),
            Statistics::Ignored => open_to_read(&self.file),
        };
        let problem = opened.problem.clone();
        // A flush took it: the cold tier is searched next.
        if opened.health == Health::Gone {
            return None;
        }
        self.total = opened.rows().unwrap_or_default();
        let footer = opened.footer().filter(|_| search.statistics == Statistics::Trusted);
        if footer.is_some_and(|footer| !may_hold(footer, &search.beginning)) {
            return problem;
        }
        let mut rows = opened.into_rows(&["trace_id"], Arc::clone(&search.context));
        let mut read = 0;
        while let Some(batch) = rows.next().await {
            match batch {
                Ok(batch) => {
                    self.note(&batch, read, &search.beginning);
                    read += batch.num_rows() as u64;
                }
                Err(problem) => return Some(problem),
            }
        }
        problem
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
    let Some(statistics::Statistics::ByteArray(values)) = column.and_then(|column| column.statistics())
    else {
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
