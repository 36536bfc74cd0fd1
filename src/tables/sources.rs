//! What tables are made from: the files, runs and the sweep of one store.
//!
//! Within one statement every table is made from one listing and one reading of the runs; the next statement looks
//! anew. A sweep is made when the first statement needs it, and again when files or ledgers have changed. An audit
//! brings its own, and the runs that it judges.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use datafusion::{
    arrow::{array::RecordBatch, datatypes::SchemaRef},
    catalog::TableProvider,
    datasource::MemTable,
    error::{DataFusionError, Result},
    execution::TaskContext,
    prelude::SessionContext,
};

use super::{
    catalog, expected, findings,
    judged::Judged,
    listing::{Contents, Lister, Listing, Looked, Stamp},
    merged::{self, Hidden},
};
use crate::{
    base::memory::Limits,
    index::{
        copy::Stamps,
        place::{self, Places},
        read::{self, Index, IndexState},
        visibility::{Visibility, cold_root},
    },
    judge::runs::{Runs, choose_runs},
    ledger::any_run::AnyRun,
    store::{
        footer::Statistics,
        health::Health,
        inventory::{self, FoundFile},
        layout::{Layout, Tier},
        open::open_to_read,
        problem::FileProblem,
        scan,
        session::{self, Spilling},
    },
    text::{escape, numbers},
};

/// Damaged files that are named in a note; all are in the table `files`.
const NAMED: usize = 3;

/// Where runs are looked for.
#[derive(Debug, Clone)]
pub(crate) struct RunChoice {
    pub(crate) folder: PathBuf,
    /// As `audit` takes it.
    pub(crate) run: Option<String>,
}

/// Sweeps a store for the tables that need it.
#[async_trait::async_trait]
pub(crate) trait Sweep: Send + Sync {
    async fn sweep(&self, layout: &Layout, runs: &Runs) -> anyhow::Result<Judged>;
}

pub(crate) struct Sources {
    lister: Lister,
    limits: Limits,
    statistics: Statistics,
    reader: SessionContext,
    runs: RunSource,
    sweep: SweepSource,
    statement: Mutex<OneStatement>,
    hidden: tokio::sync::Mutex<Option<(Vec<Stamp>, Arc<Hidden>)>>,
    index: Mutex<Option<(Option<Stamps>, Arc<IndexState>)>>,
    /// Tables of the index, by name.
    index_tables: Mutex<HashMap<&'static str, Arc<dyn TableProvider>>>,
    cold_names: Mutex<Option<Arc<ColdNames>>>,
    visibility: tokio::sync::Mutex<Option<Held>>,
}

/// A sweep, an index, and what they say of each other.
type Held = (Arc<Judged>, Arc<IndexState>, Arc<Visibility>);

/// The cold files that paths of an index name, as tables call them.
#[derive(Debug)]
pub(super) struct ColdNames {
    /// The folder of the cold files.
    root: PathBuf,
    names: Vec<String>,
    /// Places of names, by place in [`Index::files`] and in [`Index::failed`].
    indexed: Vec<Option<u32>>,
    failed: Vec<Option<u32>>,
}

impl ColdNames {
    fn of(names: Vec<String>, index: &Index, layout: &Layout) -> Self {
        let root = cold_root(layout);
        let places = Places::of(names.iter().map(|name| name.strip_prefix(&root).unwrap_or(name)));
        let find = |path: &str| places.find(path).map(|(place, _)| place);
        let indexed = index.files.iter().map(|file| find(&file.path)).collect();
        let failed = index.failed.iter().map(|file| find(&file.path)).collect();
        Self { root: layout.spans.join(root), names, indexed, failed }
    }

    /// Of a file of the index.
    pub(super) fn indexed(&self, place: usize) -> Option<&str> {
        self.name(*self.indexed.get(place)?)
    }

    /// Of a file that the index gave up.
    pub(super) fn failed(&self, place: usize) -> Option<&str> {
        self.name(*self.failed.get(place)?)
    }

    /// Whether a file of the index that is not listed is gone: it may have come since.
    pub(super) fn is_gone(&self, path: &str) -> bool {
        matches!(self.root.join(place::below_cold(path)).try_exists(), Ok(false))
    }

    fn name(&self, place: Option<u32>) -> Option<&str> {
        self.names.get(place? as usize).map(String::as_str)
    }
}

enum RunSource {
    /// To be read by each statement.
    Choice(RunChoice),
    Given(Arc<Runs>),
}

enum SweepSource {
    /// Made when it is needed.
    OnDemand {
        sweeper: Box<dyn Sweep>,
        last: tokio::sync::Mutex<Option<(Fingerprint, Arc<Judged>)>>,
    },
    Given(Arc<Judged>),
}

/// What a sweep read: as long as all of it stays, its tables hold.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fingerprint {
    files: Vec<Stamp>,
    ledgers: Vec<Vec<u64>>,
}

/// What holds until the next statement.
#[derive(Default)]
struct OneStatement {
    listing: Option<Arc<Listing>>,
    runs: Option<Arc<Runs>>,
    notes: BTreeSet<String>,
    reads_segments: bool,
    trouble: Option<anyhow::Error>,
    missing: Option<String>,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sources")
    }
}

/// The table that `make` makes of a sweep.
pub(super) async fn swept(
    sources: &Sources,
    make: fn(&Judged) -> Result<Arc<dyn TableProvider>>,
) -> Result<Arc<dyn TableProvider>> {
    make(&*sources.judged().await?)
}

/// The same of tables that hold rows without a plan alone, which is said where there are others.
pub(super) async fn unplanned(
    sources: &Sources,
    make: fn(&Judged) -> Result<Arc<dyn TableProvider>>,
) -> Result<Arc<dyn TableProvider>> {
    let judged = sources.judged().await?;
    let planned = judged.judgement.rows.claimed();
    if planned > 0 {
        let rows = numbers::counted(planned, "row");
        sources.note(format!(
            "tables of Junjo's executions leave out {rows} of known runs: `--run none` shows them"
        ));
    }
    make(&judged)
}

impl Sources {
    /// For statements of a user: the store and its runs are read when they are needed, but for the files `without`.
    pub(crate) fn on_demand(
        layout: Layout,
        without: Vec<String>,
        choice: RunChoice,
        sweeper: Box<dyn Sweep>,
        limits: Limits,
    ) -> Result<Self> {
        let sweep = SweepSource::OnDemand { sweeper, last: tokio::sync::Mutex::default() };
        Self::new(Lister::new(layout, without), RunSource::Choice(choice), sweep, limits)
    }

    /// For the checks of an audit, which has swept the store.
    pub(crate) fn of_audit(
        layout: Layout,
        runs: Arc<Runs>,
        judged: Arc<Judged>,
        limits: Limits,
    ) -> Result<Self> {
        let lister = Lister::new(layout, Vec::new());
        Self::new(lister, RunSource::Given(runs), SweepSource::Given(judged), limits)
    }

    fn new(lister: Lister, runs: RunSource, sweep: SweepSource, limits: Limits) -> Result<Self> {
        Ok(Self {
            lister,
            limits,
            statistics: Statistics::default(),
            reader: session::asking(limits, Spilling::Never)?,
            runs,
            sweep,
            statement: Mutex::default(),
            hidden: tokio::sync::Mutex::default(),
            index: Mutex::default(),
            index_tables: Mutex::default(),
            cold_names: Mutex::default(),
            visibility: tokio::sync::Mutex::default(),
        })
    }

    /// With this trust in the statistics of footers, which decide what row groups are read.
    #[must_use]
    pub(crate) fn with_statistics(self, statistics: Statistics) -> Self {
        Self { statistics, ..self }
    }

    pub(crate) fn layout(&self) -> &Layout {
        self.lister.layout()
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    /// Forgets what the last statement saw.
    pub(crate) fn begin_statement(&self) {
        *self.statement() = OneStatement::default();
        if matches!(self.sweep, SweepSource::OnDemand { .. }) {
            self.index_tables().clear();
            *self.known_names() = None;
        }
    }

    /// Notes that came up since the last time.
    pub(crate) fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut self.statement().notes).into_iter().collect()
    }

    /// An error of ours that went through DataFusion as a text.
    pub(crate) fn take_trouble(&self) -> Option<anyhow::Error> {
        self.statement().trouble.take()
    }

    pub(super) fn note_missing(&self, name: &str) {
        self.statement().missing.get_or_insert_with(|| name.to_owned());
    }

    /// A name in the statement that no table has.
    pub(crate) fn take_missing(&self) -> Option<String> {
        self.statement().missing.take()
    }

    /// Notes segments that a flush has taken since the statement was planned.
    pub(crate) fn note_flushed_segments(&self) {
        let mut statement = self.statement();
        let flushed = statement.listing.as_ref().map_or(0, |listing| listing.flushed());
        if statement.reads_segments && flushed > 0 {
            statement.notes.insert(format!(
                "{} moved to a cold file during the statement, and their rows may be missing in the answer: run it again",
                numbers::counted(flushed as u64, "segment")
            ));
        }
    }

    fn statement(&self) -> MutexGuard<'_, OneStatement> {
        self.statement.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, note: String) {
        self.statement().notes.insert(note);
    }

    pub(super) fn listing(&self) -> Arc<Listing> {
        let mut statement = self.statement();
        Arc::clone(statement.listing.get_or_insert_with(|| self.lister.list()))
    }

    /// A table of what files say of themselves.
    pub(super) fn listed(
        &self,
        name: &str,
        rows: fn(&Listing, &SchemaRef) -> Result<RecordBatch>,
    ) -> Result<Arc<dyn TableProvider>> {
        let schema = schema_of(name)?;
        in_memory(rows(&self.listing(), &schema)?)
    }

    pub(super) fn runs(&self) -> Result<Arc<Runs>> {
        let choice = match &self.runs {
            RunSource::Given(runs) => return Ok(Arc::clone(runs)),
            RunSource::Choice(choice) => choice,
        };
        if let Some(runs) = &self.statement().runs {
            return Ok(Arc::clone(runs));
        }
        let runs = self.whole(choose_runs(&choice.folder, choice.run.as_deref(), self.layout()))?;
        for unreadable in &runs.unreadable {
            self.note(format!("run `{}` is left out: {:#}", unreadable.name, unreadable.error));
        }
        if runs.wanted.is_empty() && choice.run.as_deref() != Some("none") {
            self.note(format!("no run of this store in `{}`", choice.folder.display()));
        }
        self.statement().runs = Some(Arc::clone(&runs));
        Ok(runs)
    }

    /// Keeps an error of ours with its hint, while DataFusion carries a word for it.
    fn whole<T>(&self, result: anyhow::Result<T>) -> Result<T> {
        result.map_err(|err| {
            let text = err.to_string();
            self.statement().trouble = Some(err);
            DataFusionError::Execution(text)
        })
    }

    pub(super) fn stored_spans(&self) -> Arc<dyn TableProvider> {
        scan::stored_spans_by(self.readable(&Tier::ALL).1, self.statistics)
    }

    /// Of the runs that an audit judges.
    pub(super) async fn expected_spans(&self) -> Result<Arc<dyn TableProvider>> {
        let runs = self.runs()?;
        let met = match &self.sweep {
            SweepSource::Given(judged) => {
                let judgement = &judged.judgement;
                judgement.judged.iter().map(|run| judgement.known(run).run).collect()
            }
            SweepSource::OnDemand { .. } if runs.only_wanted || runs.known.is_empty() => BTreeSet::new(),
            SweepSource::OnDemand { .. } => {
                let (_, files) = self.readable(&[Tier::Cold, Tier::Wal]);
                expected::met(&self.reader, files).await?
            }
        };
        if self.layout().single_file && !runs.known.is_empty() {
            self.note("one file was named: what is not in it may be in another".to_owned());
        }
        self.whole(expected::expected_spans(&runs, &met))
    }

    pub(super) async fn spans(&self) -> Result<Arc<dyn TableProvider>> {
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

    /// The files of some tiers that can be read, after a note about those that cannot. An audit knows more of them
    /// than their listing: what did not decode is left out, so that one file does not break a check.
    fn readable(&self, tiers: &[Tier]) -> (Arc<Listing>, Vec<FoundFile>) {
        let listing = self.listing();
        let damaged: Vec<&Looked> = listing.damaged(tiers).collect();
        if !damaged.is_empty() {
            let mut named: Vec<String> = damaged.iter().take(NAMED).map(|one| in_words(one)).collect();
            if damaged.len() > NAMED {
                named.push(format!("{} more", damaged.len() - NAMED));
            }
            self.note(format!(
                "not in the answer: {} (see SELECT * FROM files WHERE health <> 'ok')",
                named.join("; ")
            ));
        }
        self.statement().reads_segments |= tiers.contains(&Tier::Wal);
        let mut files = listing.readable(tiers);
        if let SweepSource::Given(judged) = &self.sweep {
            let undecodable = judged.judgement.files.iter().filter(|file| file.health == Health::Unreadable);
            let undecodable: BTreeSet<&str> = undecodable.map(|file| file.file.as_str()).collect();
            files.retain(|file| !undecodable.contains(file.shown.as_str()));
        }
        (listing, files)
    }

    /// The cold files and snapshots that a footer calls healthy and whose pages do not decode, and why.
    pub(crate) async fn damaged_inside(&self) -> Vec<(String, String)> {
        let mut damaged = Vec::new();
        for one in self.listing().files() {
            if let Contents::Parquet(_) = &one.contents
                && let Err(problem) = self.read_to_its_end(&one.file).await
            {
                damaged.push((one.file.shown.clone(), problem.to_string()));
            }
        }
        damaged
    }

    async fn read_to_its_end(&self, file: &FoundFile) -> Result<(), FileProblem> {
        let schema = scan::schema();
        let columns: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        let mut rows = open_to_read(file).into_rows(&columns, self.reader.task_ctx());
        while let Some(batch) = rows.next().await {
            batch?;
        }
        Ok(())
    }

    /// The studio's index. One audit reads it once, after its sweep, so that no file that is met is newer.
    pub(crate) fn index(&self) -> Arc<IndexState> {
        let database = self.layout().index();
        let stamps = match &self.sweep {
            SweepSource::Given(_) => None,
            SweepSource::OnDemand { .. } => database.as_deref().and_then(|path| Stamps::of(path).ok()),
        };
        let mut known = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        match known.as_ref() {
            Some((of, index)) if *of == stamps => Arc::clone(index),
            _ => {
                let index = Arc::new(read::read(database.as_deref()));
                *known = Some((stamps, Arc::clone(&index)));
                index
            }
        }
    }

    /// The index, or a note that there is none to read.
    pub(super) fn read_index(&self) -> Option<Arc<Index>> {
        match &*self.index() {
            IndexState::Read(index) => return Some(Arc::clone(index)),
            IndexState::Absent(why) => self.note(why.clone()),
            IndexState::Unreadable(why) => self.note(format!("the studio's index cannot be read: {why}")),
        }
        None
    }

    /// The store held against its index; none where that is not read.
    pub(crate) async fn visibility(&self) -> Result<Option<Arc<Visibility>>> {
        // The store first: what is indexed meanwhile is then no file without an index.
        let judged = self.judged().await?;
        let state = self.index();
        let IndexState::Read(index) = &*state else {
            self.read_index();
            return Ok(None);
        };
        let mut known = self.visibility.lock().await;
        match known.as_ref() {
            Some((of, by, visibility)) if Arc::ptr_eq(of, &judged) && Arc::ptr_eq(by, &state) => {
                Ok(Some(Arc::clone(visibility)))
            }
            _ => {
                let visibility = Visibility::of(Arc::clone(index), &judged.judgement, self.layout());
                let visibility = Arc::new(visibility);
                *known = Some((judged, Arc::clone(&state), Arc::clone(&visibility)));
                Ok(Some(visibility))
            }
        }
    }

    /// Tables of the index that were made before: for this statement, or for the whole audit.
    pub(super) fn index_tables(&self) -> MutexGuard<'_, HashMap<&'static str, Arc<dyn TableProvider>>> {
        self.index_tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known_names(&self) -> MutexGuard<'_, Option<Arc<ColdNames>>> {
        self.cold_names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The cold files of this moment that paths of the index name, as tables call them.
    pub(super) fn cold_names(&self, index: &Index) -> Arc<ColdNames> {
        let mut known = self.known_names();
        if let Some(known) = &*known {
            return Arc::clone(known);
        }
        let names: Vec<String> = match &self.sweep {
            SweepSource::Given(judged) => {
                let cold = judged.judgement.files.iter().filter(|file| file.tier == Tier::Cold);
                cold.map(|file| file.file.clone()).collect()
            }
            SweepSource::OnDemand { .. } => {
                inventory::list(self.layout(), Tier::Cold).files.into_iter().map(|file| file.shown).collect()
            }
        };
        Arc::clone(known.insert(Arc::new(ColdNames::of(names, index, self.layout()))))
    }

    /// Files of a sweep by their names.
    pub(super) fn evidence(judged: &Judged) -> HashMap<&str, &FoundFile> {
        judged.judgement.evidence.iter().map(|file| (file.shown.as_str(), file)).collect()
    }

    pub(super) fn task(&self) -> Arc<TaskContext> {
        self.reader.task_ctx()
    }

    pub(super) fn findings(&self) -> Result<Arc<dyn TableProvider>> {
        let schema = schema_of("findings")?;
        let found = self.whole(findings::findings(&*self.runs()?, &schema))?;
        found.notes.into_iter().for_each(|note| self.note(note));
        in_memory(found.rows)
    }

    /// Whether these are the tables of a sweep that was done, which then says all that it can of files and runs.
    pub(super) fn has_sweep(&self) -> bool {
        matches!(self.sweep, SweepSource::Given(_))
    }

    pub(super) async fn judged(&self) -> Result<Arc<Judged>> {
        let (sweeper, last) = match &self.sweep {
            SweepSource::Given(judged) => return Ok(Arc::clone(judged)),
            SweepSource::OnDemand { sweeper, last } => (sweeper, last),
        };
        let runs = self.runs()?;
        let ledgers = runs.all().map(AnyRun::ledger_lens).collect();
        let now = Fingerprint { files: self.listing().stamps(), ledgers };
        let mut last = last.lock().await;
        if let Some((of, judged)) = last.as_ref()
            && *of == now
        {
            return Ok(Arc::clone(judged));
        }
        let began = Instant::now();
        let judged = Arc::new(self.whole(sweeper.sweep(self.layout(), &runs).await)?);
        self.note(swept_note(judged.judgement.rows.total(), began.elapsed()));
        *last = Some((now, Arc::clone(&judged)));
        Ok(judged)
    }
}

fn swept_note(rows: u64, took: Duration) -> String {
    format!("swept {} in {}", numbers::counted(rows, "row"), numbers::duration(took))
}

fn in_words(one: &Looked) -> String {
    let problem = one.problem.as_ref().map_or_else(|| one.health.name().to_owned(), ToString::to_string);
    format!("`{}`: {problem}", escape::plain(&one.file.shown))
}

fn schema_of(name: &str) -> Result<SchemaRef> {
    let table = catalog::table(name);
    table
        .map(catalog::Table::schema)
        .ok_or_else(|| DataFusionError::Internal(format!("no table is called `{name}`")))
}

fn in_memory(batch: RecordBatch) -> Result<Arc<dyn TableProvider>> {
    Ok(Arc::new(MemTable::try_new(batch.schema(), vec![vec![batch]])?))
}
