//! The names that a question may use, resolved when a statement is planned.
//!
//! Within one statement every table is made from one listing, and the next statement lists anew.

use std::{
    collections::BTreeSet,
    fmt,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use datafusion::{
    arrow::{array::RecordBatch, datatypes::SchemaRef, error::ArrowError},
    catalog::{SchemaProvider, TableProvider},
    datasource::{MemTable, TableType, ViewTable},
    error::{DataFusionError, Result},
    prelude::SessionContext,
};
use futures::StreamExt;

use super::{
    engine,
    judged::{Fingerprint, Judged},
};
use crate::{
    base::memory::Memory,
    judge::runs::{Runs, choose_runs},
    store::{
        footer::{Footer, Statistics},
        inventory::FoundFile,
        layout::{Layout, Tier},
        scan,
        session::{self, Spilling},
    },
    tables::{
        docs::{self, TABLES},
        expected, files, findings,
        listing::{Contents, Lister, Listing, Looked, Stamp},
        merged::{self, Hidden},
        runs,
    },
    text::numbers,
};

const TRACES: &str = include_str!("../../sql/views/traces.sql");
const SERVICES: &str = include_str!("../../sql/views/services.sql");

/// Damaged files that are named in a note; all are in the table `files`.
const NAMED: usize = 3;

/// Where runs are looked for.
#[derive(Debug, Clone)]
pub(crate) struct RunChoice {
    pub(crate) folder: PathBuf,
    /// As `audit` takes it.
    pub(crate) run: String,
}

/// All tables of one store.
pub(crate) struct Tables {
    lister: Lister,
    choice: RunChoice,
    memory: Memory,
    reader: SessionContext,
    statement: Mutex<OneStatement>,
    /// Whether only the shapes of tables are asked for.
    describing: AtomicBool,
    judged: tokio::sync::Mutex<Option<Arc<Judged>>>,
    hidden: tokio::sync::Mutex<Option<(Vec<Stamp>, Arc<Hidden>)>>,
    statistics: Statistics,
}

/// What holds until the next statement.
#[derive(Default)]
struct OneStatement {
    listing: Option<Arc<Listing>>,
    runs: Option<Arc<Runs>>,
    notes: BTreeSet<String>,
    reads_segments: bool,
    trouble: Option<anyhow::Error>,
}

impl fmt::Debug for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tables")
    }
}

impl Tables {
    pub(crate) fn new(
        layout: Layout,
        without: Vec<String>,
        choice: RunChoice,
        memory: Memory,
    ) -> Result<Self> {
        Ok(Self {
            lister: Lister::new(layout, without),
            choice,
            memory,
            reader: session::asking(engine::limits(memory), Spilling::Never)?,
            statement: Mutex::default(),
            describing: AtomicBool::new(false),
            judged: tokio::sync::Mutex::default(),
            hidden: tokio::sync::Mutex::default(),
            statistics: Statistics::default(),
        })
    }

    /// Lets the statistics of footers decide which row groups are read.
    pub(crate) fn trust_statistics(&mut self) {
        self.statistics = Statistics::Trusted;
    }

    /// The same tables over nothing.
    fn nowhere(memory: Memory) -> Result<Self> {
        let layout =
            Layout { spans: PathBuf::new(), cold: None, wal: None, hot_snapshot: None, single_file: true };
        let choice = RunChoice { folder: PathBuf::new(), run: "none".to_owned() };
        Self::new(layout, Vec::new(), choice, memory)
    }

    pub(crate) fn layout(&self) -> &Layout {
        self.lister.layout()
    }

    /// Forgets what the last statement saw.
    pub(super) fn begin_statement(&self) {
        *self.statement() = OneStatement::default();
    }

    /// Whether tables, from now on, only tell what they look like.
    pub(super) fn describe(&self, describing: bool) {
        self.describing.store(describing, Ordering::Relaxed);
    }

    /// Why a table could not be made, if that is why the statement failed.
    pub(super) fn take_trouble(&self) -> Option<anyhow::Error> {
        self.statement().trouble.take()
    }

    /// What the reader of an answer must know, and was not told yet.
    pub(super) fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut self.statement().notes).into_iter().collect()
    }

    /// Notes segments that a flush has taken since the statement was planned.
    pub(super) fn look_back(&self) {
        let mut statement = self.statement();
        let flushed = statement.listing.as_ref().map_or(0, |listing| listing.flushed());
        if statement.reads_segments && flushed > 0 {
            statement.notes.insert(format!(
                "{} went into a cold file meanwhile, and their rows may not be in the answer: ask again",
                numbers::counted(flushed as u64, "segment")
            ));
        }
    }

    /// The columns of a table, without looking at the store.
    pub(crate) async fn shape(&self, name: &str) -> Result<Option<SchemaRef>> {
        let table = Self::nowhere(self.memory)?.make(name).await?;
        Ok(table.map(|table| table.schema()))
    }

    fn statement(&self) -> MutexGuard<'_, OneStatement> {
        self.statement.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, note: String) {
        self.statement().notes.insert(note);
    }

    fn listing(&self) -> Arc<Listing> {
        let mut statement = self.statement();
        Arc::clone(statement.listing.get_or_insert_with(|| self.lister.list()))
    }

    fn runs(&self) -> anyhow::Result<Arc<Runs>> {
        if let Some(runs) = &self.statement().runs {
            return Ok(Arc::clone(runs));
        }
        let runs = Arc::new(choose_runs(&self.choice.folder, &self.choice.run, self.layout())?);
        for unreadable in &runs.unreadable {
            self.note(format!("run `{}` is left out: {:#}", unreadable.name, unreadable.error));
        }
        if runs.wanted.is_empty() && self.choice.run != "none" {
            self.note(format!("no run of this store in `{}`", self.choice.folder.display()));
        }
        self.statement().runs = Some(Arc::clone(&runs));
        Ok(runs)
    }

    async fn make(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let made = match name {
            "spans" => self.spans().await?,
            "stored_spans" => self.stored_spans(),
            "traces" => self.view(TRACES).await?,
            "services" => self.view(SERVICES).await?,
            "files" => in_memory(files::files(&self.listing()))?,
            "row_groups" => in_memory(files::row_groups(&self.listing()))?,
            "segments" => in_memory(files::segments(&self.listing()))?,
            "runs" => in_memory(runs::runs(&*self.known(self.runs())?))?,
            "expected_spans" => self.expected_spans().await?,
            "findings" => self.findings()?,
            judged if docs::table(judged).is_some() => {
                return self.judged().await?.table(judged).await;
            }
            _ => return Ok(None),
        };
        Ok(Some(made))
    }

    /// Keeps an error of ours whole, with its hint, while DataFusion carries a word for it.
    fn known<T>(&self, result: anyhow::Result<T>) -> Result<T> {
        result.map_err(|err| {
            let text = err.to_string();
            self.statement().trouble = Some(err);
            DataFusionError::Execution(text)
        })
    }

    fn stored_spans(&self) -> Arc<dyn TableProvider> {
        scan::stored_spans_by(self.readable(&Tier::ALL).1, self.statistics)
    }

    /// Of the runs that an audit would judge.
    async fn expected_spans(&self) -> Result<Arc<dyn TableProvider>> {
        let runs = self.known(self.runs())?;
        let met = if runs.only_wanted || runs.known.is_empty() {
            BTreeSet::new()
        } else {
            let (_, files) = self.readable(&[Tier::Cold, Tier::Wal]);
            expected::met(&self.reader, files).await?
        };
        if self.layout().single_file && !runs.known.is_empty() {
            self.note("one file was named: what is not in it may be in another".to_owned());
        }
        self.known(expected::expected_spans(&runs, &met))
    }

    async fn spans(&self) -> Result<Arc<dyn TableProvider>> {
        // Who names the snapshot alone wants to see it; beside the WAL it is a copy of that.
        let only_hot = self.layout().single_file && self.layout().hot_snapshot.is_some();
        let tiers: &[Tier] = if only_hot { &[Tier::Hot] } else { &[Tier::Cold, Tier::Wal] };
        let (listing, files) = self.readable(tiers);
        let mut known = self.hidden.lock().await;
        let stamps = listing.stamps();
        let hidden = match known.as_ref() {
            Some((of, hidden)) if *of == stamps => Arc::clone(hidden),
            _ => {
                let hidden = Arc::new(merged::hidden(&self.reader, &files).await?);
                *known = Some((stamps, Arc::clone(&hidden)));
                hidden
            }
        };
        merged::view(files, &hidden, self.statistics)
    }

    /// The files of some tiers that can be read, after a note about those that cannot.
    fn readable(&self, tiers: &[Tier]) -> (Arc<Listing>, Vec<FoundFile>) {
        let listing = self.listing();
        let damaged: Vec<&Looked> = listing.damaged(tiers).collect();
        if !damaged.is_empty() {
            let mut named: Vec<String> = damaged.iter().take(NAMED).map(|one| said_of(one)).collect();
            if damaged.len() > NAMED {
                named.push(format!("{} more", damaged.len() - NAMED));
            }
            self.note(format!(
                "not in the answer: {} (see SELECT * FROM files WHERE health <> 'ok')",
                named.join("; ")
            ));
        }
        self.statement().reads_segments |= tiers.contains(&Tier::Wal);
        let files = listing.readable(tiers);
        (listing, files)
    }

    /// The cold files and snapshots that a footer calls healthy and whose pages do not decode, and why.
    pub(super) async fn damaged_inside(&self) -> Vec<(String, String)> {
        let mut damaged = Vec::new();
        for one in &self.listing().files {
            if let Contents::Parquet(footer) = &one.contents
                && let Err(err) = self.read_to_its_end(&one.file, footer).await
            {
                damaged.push((one.file.shown.clone(), scan::reason(&err)));
            }
        }
        damaged
    }

    async fn read_to_its_end(&self, file: &FoundFile, footer: &Footer) -> Result<()> {
        let schema = scan::schema();
        let columns: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        let mut scan = scan::scan_parquet(file, footer, &columns, self.reader.task_ctx())?;
        while let Some(batch) = scan.stream.next().await {
            batch?;
        }
        Ok(())
    }

    async fn view(&self, sql: &str) -> Result<Arc<dyn TableProvider>> {
        let session = session::session(engine::limits(self.memory))?;
        session.register_table("spans", self.spans().await?)?;
        let plan = session.sql(sql).await?.into_unoptimized_plan();
        Ok(Arc::new(ViewTable::new(plan, Some(sql.to_owned()))))
    }

    fn findings(&self) -> Result<Arc<dyn TableProvider>> {
        let found = self.known(findings::findings(&*self.known(self.runs())?))?;
        found.notes.into_iter().for_each(|note| self.note(note));
        in_memory(Ok(found.rows))
    }

    async fn judged(&self) -> Result<Arc<Judged>> {
        let runs = self.known(self.runs())?;
        let now = Fingerprint::new(self.listing().stamps(), &runs);
        let mut known = self.judged.lock().await;
        if let Some(judged) = known.as_ref()
            && judged.holds_for(&now)
        {
            return Ok(Arc::clone(judged));
        }
        let judged = if self.layout().spans.as_os_str().is_empty() {
            Judged::shapes(self.memory).await
        } else {
            Judged::sweep(self.layout(), &runs, self.memory, now).await
        };
        let judged = Arc::new(self.known(judged)?);
        self.note(judged.note());
        *known = Some(Arc::clone(&judged));
        Ok(judged)
    }

    #[cfg(test)]
    pub(super) async fn judged_names(&self) -> Vec<String> {
        self.judged().await.unwrap().names()
    }
}

fn said_of(one: &Looked) -> String {
    let problem = one.problem.as_ref().map_or_else(|| one.health.name().to_owned(), ToString::to_string);
    format!("`{}`: {problem}", numbers::plain(&one.file.shown))
}

fn in_memory(batch: Result<RecordBatch, ArrowError>) -> Result<Arc<dyn TableProvider>> {
    let batch = batch?;
    Ok(Arc::new(MemTable::try_new(batch.schema(), vec![vec![batch]])?))
}

#[async_trait::async_trait]
impl SchemaProvider for Tables {
    fn table_names(&self) -> Vec<String> {
        TABLES.iter().map(|table| table.name.to_owned()).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if self.describing.load(Ordering::Relaxed) {
            return Self::nowhere(self.memory)?.make(name).await;
        }
        self.make(name).await
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        Ok(docs::table(name).map(|_| TableType::View))
    }

    fn table_exist(&self, name: &str) -> bool {
        docs::table(name).is_some()
    }
}
