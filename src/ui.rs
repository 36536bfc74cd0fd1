//! What the studio's pages would show, predicted from the files and the index by the rules of its backend.
//!
//! Lists of workflows read the 20 indexed files with the latest ends, those of agents all; a trace the files that the
//! index names. Each adds what ingestion flushed in the last two minutes and what is in the WAL, and shows 100 rows.
//! Nothing is called: a studio that was asked would write a hot snapshot.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use datafusion::{
    arrow::{
        array::{Array, AsArray, RecordBatch},
        compute::cast,
        datatypes::{DataType, TimestampNanosecondType},
    },
    common::ScalarValue,
    prelude::SessionContext,
};
use futures::StreamExt;
use serde::Serialize;

use crate::{
    index::{
        place::Places,
        read::{Index, IndexedService},
        visibility::{RECENT, cold_root},
    },
    store::{
        inventory::{FoundFile, Kind},
        layout::{Layout, Tier},
        problem::FileProblem,
        scan,
    },
    tables::{
        index::ranks,
        listing::{Contents, Lister, Listing, Looked},
    },
};

/// Files that a list reads, and recent ones that it reads beside these.
const LISTED: u32 = 20;
const RECENT_FILES: usize = 20;
const RECENT_FILES_OF_SERVICES: usize = 5;
/// Rows that a page asks for.
const PAGE: usize = 100;

/// The pages of a studio.
#[derive(Debug, Serialize)]
pub(crate) struct Prediction {
    pub(crate) services: Vec<ServicePage>,
    pub(crate) trace: Option<TracePage>,
    /// Files with rows that some page does not show, each with its reason.
    pub(crate) hidden_files: BTreeMap<String, Hidden>,
}

/// A service, and its lists.
#[derive(Debug, Serialize)]
pub(crate) struct ServicePage {
    pub(crate) name: String,
    pub(crate) spans: u64,
    pub(crate) is_listed: bool,
    pub(crate) workflows: List,
    pub(crate) agents: List,
}

/// What is stored of a list, what it shows, and why not the rest.
#[derive(Debug, Default, Serialize)]
pub(crate) struct List {
    pub(crate) stored: u64,
    /// The newest first.
    pub(crate) shown: Vec<Execution>,
    /// Why rows are not shown, and how many.
    pub(crate) hidden: BTreeMap<Hidden, u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Execution {
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    pub(crate) name: String,
    #[serde(skip)]
    start: i64,
    #[serde(skip)]
    service: String,
    #[serde(skip)]
    file: String,
    #[serde(skip)]
    is_agent: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct TracePage {
    pub(crate) trace_id: String,
    pub(crate) stored: u64,
    pub(crate) shown: u64,
    pub(crate) hidden: BTreeMap<Hidden, u64>,
}

/// Why a page does not show a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Hidden {
    /// The index has not the file yet, or never will: `audit` tells which.
    NotIndexed,
    /// The indexer gave the file up.
    GivenUp,
    /// The index has the file, and not this entry of it.
    EntryMissing,
    /// 20 other files of the list end later.
    BehindTwentyFiles,
    /// 100 other rows of the list are newer.
    BehindHundredRows,
    /// The page fails: it reads a file of the older schema.
    OlderSchema,
    /// It is in the WAL, of which no snapshot can be made.
    WedgedWal,
}

impl Hidden {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::NotIndexed => "its file is not indexed",
            Self::GivenUp => "its file was given up by the indexer",
            Self::EntryMissing => "its entry is missing in the index",
            Self::BehindTwentyFiles => "20 other files end later",
            Self::BehindHundredRows => "100 other rows are newer",
            Self::WedgedWal => "the WAL cannot be flushed",
            Self::OlderSchema => "the page fails (500): it reads a file of the older schema",
        }
    }
}

impl Prediction {
    /// Whether anything that is stored is not shown.
    pub(crate) fn hides(&self) -> bool {
        let of_service = |page: &ServicePage| {
            !page.is_listed || !page.workflows.hidden.is_empty() || !page.agents.hidden.is_empty()
        };
        self.services.iter().any(of_service)
            || self.trace.as_ref().is_some_and(|page| !page.hidden.is_empty())
    }
}

/// Which pages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) service: Option<&'a str>,
    pub(crate) trace: Option<&'a str>,
    /// Unix nanoseconds.
    pub(crate) now: i64,
}

pub(crate) async fn predict(
    layout: &Layout,
    index: &Index,
    wanted: Wanted<'_>,
    session: &SessionContext,
) -> anyhow::Result<Prediction> {
    let listing = Lister::new(layout.clone(), Vec::new()).list();
    let known = Known::of(layout, index, &listing, wanted.now);
    let files = listing.readable(&[Tier::Cold, Tier::Wal]);
    session.register_table("stored", scan::stored_spans(files))?;
    let mut prediction = Prediction { services: Vec::new(), trace: None, hidden_files: BTreeMap::new() };
    match wanted.trace {
        Some(trace) => prediction.trace = Some(trace_page(trace, &known, session).await?),
        None => prediction.services = service_pages(wanted.service, &known, session).await?,
    }
    for name in known.cold.keys() {
        if let Some(why) = known.out_of_sight(name) {
            prediction.hidden_files.insert(name.clone(), why);
        }
    }
    Ok(prediction)
}

/// What the backend knows of the files here.
struct Known<'i> {
    index: &'i Index,
    /// By name: the place in the index.
    cold: BTreeMap<String, Option<u32>>,
    failed: HashSet<String>,
    /// The newest first.
    recent: Vec<String>,
    /// Whether no snapshot can be made of the WAL, so that its rows are on no page.
    is_wedged: bool,
    /// Cold files that fail each read, where such a backend is at work.
    failing: HashSet<String>,
    workflow_ranks: Vec<Option<u32>>,
}

impl<'i> Known<'i> {
    fn of(layout: &Layout, index: &'i Index, listing: &Listing, now: i64) -> Self {
        let of_tier = |tier: Tier| listing.files.iter().filter(move |one| one.file.tier == tier);
        let holds_rows = |one: &&Looked| matches!(one.contents, Contents::Parquet(_));
        let files: Vec<&FoundFile> = of_tier(Tier::Cold).filter(holds_rows).map(|one| &one.file).collect();
        let root = cold_root(layout);
        let places =
            Places::of(files.iter().map(|file| file.shown.strip_prefix(&root).unwrap_or(&file.shown)));
        let mut cold: BTreeMap<String, Option<u32>> =
            files.iter().map(|file| (file.shown.clone(), None)).collect();
        for (number, file) in (0..).zip(&index.files) {
            if let Some((place, _)) = places.find(&file.path) {
                cold.insert(files[place as usize].shown.clone(), Some(number));
            }
        }
        let failed = index.failed.iter().filter_map(|file| places.find(&file.path));
        let failed = failed.map(|(place, _)| files[place as usize].shown.clone()).collect();
        let is_recent =
            |file: &&&FoundFile| file.named_at.is_some_and(|at| (0..=RECENT).contains(&(now - at)));
        let mut recent: Vec<&&FoundFile> = files.iter().filter(is_recent).collect();
        recent.sort_by_key(|file| std::cmp::Reverse(file.named_at));
        let recent = recent.into_iter().take(RECENT_FILES).map(|file| file.shown.clone()).collect();
        let is_newer = index.has_agents || listing.files.iter().any(|one| one.schema_version() == Some(2));
        let stops = |one: &Looked| {
            one.problem.as_ref().is_some_and(FileProblem::stops_readers)
                || is_newer && one.schema_version() == Some(1)
        };
        let is_wedged = of_tier(Tier::Wal).any(|one| one.file.kind == Kind::Segment && stops(one));
        let older = of_tier(Tier::Cold).filter(|one| is_newer && one.schema_version() == Some(1));
        let end = |file: u32| index.files.get(file as usize).and_then(|file| file.last_end);
        Self {
            index,
            cold,
            failed,
            recent,
            is_wedged,
            failing: older.map(|one| one.file.shown.clone()).collect(),
            workflow_ranks: ranks(index, |service| service.has_workflows, end),
        }
    }

    fn entry(&self, file: &str, service: &str) -> Option<(usize, &IndexedService)> {
        let number = self.cold.get(file).copied().flatten()?;
        let of_file = self.index.services_of(number);
        let from = self.index.services.partition_point(|service| service.file < number);
        of_file.iter().enumerate().find(|(_, one)| *one.name == *service).map(|(at, one)| (from + at, one))
    }

    /// A file that no page finds.
    fn out_of_sight(&self, file: &str) -> Option<Hidden> {
        let indexed = self.cold.get(file)?;
        if indexed.is_some() || self.recent.iter().any(|recent| recent == file) {
            return None;
        }
        Some(if self.failed.contains(file) { Hidden::GivenUp } else { Hidden::NotIndexed })
    }

    /// Why a list of a service does not read a file.
    fn hidden_from_list(&self, row: &Execution) -> Option<Hidden> {
        // Rows of the WAL are in the snapshot that each read asks for, where one can be made.
        if !self.cold.contains_key(&row.file) {
            return self.is_wedged.then_some(Hidden::WedgedWal);
        }
        if self.recent.contains(&row.file) {
            return None;
        }
        if let Some(why) = self.out_of_sight(&row.file) {
            return Some(why);
        }
        let Some((place, entry)) = self.entry(&row.file, &row.service) else {
            return Some(Hidden::EntryMissing);
        };
        if row.is_agent {
            return (!entry.has_agents).then_some(Hidden::EntryMissing);
        }
        match self.workflow_ranks[place] {
            None => Some(Hidden::EntryMissing),
            Some(rank) if rank > LISTED => Some(Hidden::BehindTwentyFiles),
            Some(_) => None,
        }
    }

    /// Whether the list of a service reads a file that makes it fail.
    fn fails(&self, service: &str, of_agents: bool) -> bool {
        let reads = |file: &String| {
            let indexed = self.entry(file, service).is_some_and(|(place, entry)| {
                let listed = self.workflow_ranks[place].is_some_and(|rank| rank <= LISTED);
                if of_agents { entry.has_agents } else { listed }
            });
            indexed || self.recent.contains(file)
        };
        self.failing.iter().any(reads)
    }
}

async fn service_pages(
    only: Option<&str>,
    known: &Known<'_>,
    session: &SessionContext,
) -> anyhow::Result<Vec<ServicePage>> {
    let mut pages: BTreeMap<String, ServicePage> = BTreeMap::new();
    let mut files_of: HashMap<String, BTreeSet<String>> = HashMap::new();
    let sql = "SELECT service_name, file, count(*) FROM stored WHERE service_name IS NOT NULL GROUP BY service_name, file";
    for batch in session.sql(sql).await?.collect().await? {
        let (services, files) = (texts(&batch, 0)?, texts(&batch, 1)?);
        let counts = cast(batch.column(2), &DataType::UInt64)?;
        let counts = counts.as_primitive::<datafusion::arrow::datatypes::UInt64Type>();
        for (row, (service, file)) in services.into_iter().zip(files).enumerate() {
            page_of(&mut pages, &service).spans += counts.value(row);
            files_of.entry(service).or_default().insert(file);
        }
    }
    // What the index lists is listed, whether or not it is stored.
    let listed = known.index.services.iter().filter(|service| service.spans.is_some());
    for service in listed {
        page_of(&mut pages, &service.name).is_listed = true;
    }
    for (service, files) in &files_of {
        let in_wal = |file: &String| !known.cold.contains_key(file) && !known.is_wedged;
        let is_recent =
            |file: &String| known.recent.iter().take(RECENT_FILES_OF_SERVICES).any(|recent| recent == file);
        page_of(&mut pages, service).is_listed |= files.iter().any(|file| in_wal(file) || is_recent(file));
    }
    let mut rows = executions(session).await?;
    rows.sort_by(|a, b| b.start.cmp(&a.start).then_with(|| a.span_id.cmp(&b.span_id)));
    let mut seen = HashSet::new();
    rows.retain(|row| seen.insert((row.trace_id.clone(), row.span_id.clone())));
    for row in rows {
        let page = page_of(&mut pages, &row.service);
        let fails = known.fails(&row.service, row.is_agent);
        let list = if row.is_agent { &mut page.agents } else { &mut page.workflows };
        list.stored += 1;
        let why = known.hidden_from_list(&row).or(fails.then_some(Hidden::OlderSchema));
        match why {
            None if list.shown.len() < PAGE => list.shown.push(row),
            why => *list.hidden.entry(why.unwrap_or(Hidden::BehindHundredRows)).or_default() += 1,
        }
    }
    Ok(pages.into_values().filter(|page| only.is_none_or(|only| page.name == only)).collect())
}

fn page_of<'p>(pages: &'p mut BTreeMap<String, ServicePage>, name: &str) -> &'p mut ServicePage {
    pages.entry(name.to_owned()).or_insert_with(|| ServicePage {
        name: name.to_owned(),
        spans: 0,
        is_listed: false,
        workflows: List::default(),
        agents: List::default(),
    })
}

/// The rows that the lists of workflows and agents search for.
async fn executions(session: &SessionContext) -> anyhow::Result<Vec<Execution>> {
    let mut rows = Vec::new();
    for (kind, is_agent) in [("workflow", false), ("agent", true)] {
        let sql = format!(
            "SELECT trace_id, span_id, name, service_name, file, start_time FROM stored \
             WHERE attributes LIKE '%\"junjo.span_type\":\"{kind}\"%'"
        );
        let mut batches = session.sql(&sql).await?.execute_stream().await?;
        while let Some(batch) = batches.next().await {
            let batch = batch?;
            let [traces, spans, names, services, files] =
                [0, 1, 2, 3, 4].map(|column| texts(&batch, column).unwrap_or_default());
            let starts = batch.column(5).as_primitive::<TimestampNanosecondType>();
            for row in 0..batch.num_rows() {
                rows.push(Execution {
                    trace_id: traces[row].clone(),
                    span_id: spans[row].clone(),
                    name: names[row].clone(),
                    service: services[row].clone(),
                    file: files[row].clone(),
                    start: if starts.is_valid(row) { starts.value(row) } else { 0 },
                    is_agent,
                });
            }
        }
    }
    Ok(rows)
}

async fn trace_page(trace: &str, known: &Known<'_>, session: &SessionContext) -> anyhow::Result<TracePage> {
    let named: HashSet<u32> = known.index.files_of(trace)?.into_iter().collect();
    let reads = |file: &str| {
        known.cold.get(file).is_none_or(|place| {
            place.is_some_and(|place| named.contains(&place))
                || known.recent.iter().any(|recent| recent == file)
        })
    };
    let mut page = TracePage { trace_id: trace.to_owned(), stored: 0, shown: 0, hidden: BTreeMap::new() };
    let fails = known.failing.iter().any(|file| reads(file));
    let sql = "SELECT DISTINCT span_id, file FROM stored WHERE trace_id = $trace";
    let frame = session.sql(sql).await?;
    let frame = frame.with_param_values(vec![("trace", ScalarValue::from(trace))])?;
    let mut spans: BTreeMap<String, Option<Hidden>> = BTreeMap::new();
    for batch in frame.collect().await? {
        for (span, file) in texts(&batch, 0)?.into_iter().zip(texts(&batch, 1)?) {
            let why = match (fails, reads(&file)) {
                (true, _) => Some(Hidden::OlderSchema),
                (false, true) if known.is_wedged && !known.cold.contains_key(&file) => {
                    Some(Hidden::WedgedWal)
                }
                (false, true) => None,
                (false, false) => Some(known.out_of_sight(&file).unwrap_or(Hidden::EntryMissing)),
            };
            let before = spans.entry(span).or_insert(why);
            *before = before.and(why);
        }
    }
    page.stored = spans.len() as u64;
    for why in spans.into_values() {
        match why {
            None => page.shown += 1,
            Some(why) => *page.hidden.entry(why).or_default() += 1,
        }
    }
    Ok(page)
}

fn texts(batch: &RecordBatch, column: usize) -> anyhow::Result<Vec<String>> {
    let column = cast(batch.column(column), &DataType::Utf8)?;
    Ok(column.as_string::<i32>().iter().map(|text| text.unwrap_or_default().to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::clock::unix_nanos,
        checks::tests::{
            bench::Bench,
            indexed::{self, edit, index},
        },
        index::read::{IndexState, read},
        store::{find::find_store, session},
    };

    async fn predicted(bench: &Bench, trace: Option<&str>) -> Prediction {
        let layout = find_store(Some(bench.folder.path())).unwrap();
        let IndexState::Read(index) = read(layout.index().as_deref()) else { panic!("no index") };
        let limits = crate::base::memory::Memory::default().session();
        let wanted = Wanted { service: None, trace, now: unix_nanos().cast_signed() };
        predict(&layout, &index, wanted, &session::session(limits).unwrap()).await.unwrap()
    }

    fn counts(prediction: &Prediction) -> (u64, usize, u64, usize) {
        let services = || prediction.services.iter();
        (
            services().map(|page| page.workflows.stored).sum(),
            services().map(|page| page.workflows.shown.len()).sum(),
            services().map(|page| page.agents.stored).sum(),
            services().map(|page| page.agents.shown.len()).sum(),
        )
    }

    #[tokio::test]
    async fn a_healthy_store_is_shown_and_a_file_without_index_is_not() {
        let bench = Bench::of(indexed::STORE.0, indexed::STORE.1);
        index(&bench);
        let healthy = predicted(&bench, None).await;
        let (workflows, shown, agents, shown_agents) = counts(&healthy);
        assert!(!healthy.hides() && workflows > 0 && agents > 0, "{healthy:?}");
        assert_eq!((workflows, agents), (shown as u64, shown_agents as u64));

        edit(&bench, "DELETE FROM parquet_files WHERE file_path LIKE '%30f27668%'");
        let without = predicted(&bench, None).await;
        assert!(without.hides() && counts(&without).1 < shown);
        let reasons: BTreeSet<Hidden> =
            without.services.iter().flat_map(|page| page.workflows.hidden.keys().copied()).collect();
        assert_eq!(reasons, BTreeSet::from([Hidden::NotIndexed]));
        assert_eq!(without.hidden_files.len(), 1);
    }

    #[tokio::test]
    async fn a_trace_opens_by_its_own_entry() {
        let bench = Bench::of(indexed::STORE.0, indexed::STORE.1);
        index(&bench);
        let rows = crate::testing::parquet_rows(&bench.cold(), indexed::STORE.1);
        let trace = rows[0].trace_id.clone();
        let page = predicted(&bench, Some(&trace)).await.trace.unwrap();
        assert!(page.stored > 0 && page.shown == page.stored, "{page:?}");
        edit(&bench, &format!("DELETE FROM trace_files WHERE trace_id = '{trace}'"));
        let page = predicted(&bench, Some(&trace)).await.trace.unwrap();
        assert_eq!(page.hidden, BTreeMap::from([(Hidden::EntryMissing, page.stored)]));
    }

    #[tokio::test]
    async fn rows_of_a_wedged_wal_are_on_no_page() {
        let bench = Bench::of(indexed::STORE.0, indexed::STORE.1);
        index(&bench);
        let before = counts(&predicted(&bench, None).await);
        crate::checks::tests::planned::truncate(&bench.segment());
        let wedged = predicted(&bench, None).await;
        assert!(counts(&wedged).1 < before.1, "{wedged:?}");
        let reasons: BTreeSet<Hidden> =
            wedged.services.iter().flat_map(|page| page.workflows.hidden.keys().copied()).collect();
        assert!(reasons.is_subset(&BTreeSet::from([Hidden::WedgedWal])), "{reasons:?}");
    }

    #[tokio::test]
    async fn older_files_fail_the_lists_of_a_newer_backend() {
        let bench = Bench::of("studio-0.80.0", crate::contract::schema::Schema::V1);
        index(&bench);
        assert!(!predicted(&bench, None).await.hides());
        drop(
            crate::standin::indexer::Indexer::open(bench.folder.path(), crate::contract::schema::Schema::V2)
                .unwrap(),
        );
        let prediction = predicted(&bench, None).await;
        let reasons: BTreeSet<Hidden> =
            prediction.services.iter().flat_map(|page| page.workflows.hidden.keys().copied()).collect();
        // What is in the WAL is of the older schema, too, and stops each snapshot.
        assert_eq!(reasons, BTreeSet::from([Hidden::OlderSchema, Hidden::WedgedWal]));
    }
}
