//! What the studio's pages would show, predicted from the files and the index by the rules of its backend.
//!
//! Lists of workflows read the 20 indexed files with the latest ends, those of agents all; a trace the files that the
//! index names. Each adds what ingestion flushed in the last two minutes and what is in the WAL, and shows 100 rows.
//! The prediction calls nothing: a studio that is asked writes a hot snapshot. [`compare`] asks it.

use std::collections::BTreeMap;

use datafusion::{error::DataFusionError, prelude::SessionContext};
use serde::Serialize;

use self::known::Known;
use crate::{
    index::read::Index,
    store::{
        inventory::FoundFile,
        layout::{Layout, Tier},
        scan,
    },
    tables::listing::Lister,
};

pub(crate) mod compare;
mod executions;
mod known;
mod services;
#[cfg(test)]
mod tests;
mod traces;

/// Readings of a store whose files go away while they are read.
const ATTEMPTS: usize = 3;

/// The pages of a studio.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Prediction {
    pub(crate) services: Vec<ServicePage>,
    pub(crate) traces: Vec<TracePage>,
    /// Files with rows that some page does not show, each with its reason.
    pub(crate) hidden_files: BTreeMap<String, Hidden>,
}

/// A service, and its lists.
#[derive(Debug, Default, Serialize)]
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
    /// Why the page fails.
    #[serde(skip)]
    pub(crate) failure: Option<Hidden>,
    /// Not shown, and as new as the last that is: which of them are is chance.
    #[serde(skip)]
    ties: Vec<Execution>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Execution {
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    pub(crate) name: String,
    #[serde(skip)]
    start: i64,
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct TracePage {
    pub(crate) trace_id: String,
    pub(crate) stored: u64,
    pub(crate) shown: u64,
    /// Spans that are shown more than once.
    pub(crate) repeated: u64,
    pub(crate) hidden: BTreeMap<Hidden, u64>,
    #[serde(skip)]
    failure: Option<Hidden>,
    /// How often each span is shown.
    #[serde(skip)]
    spans: BTreeMap<String, u64>,
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
    /// Its attributes are not in the form that the list searches for.
    Unsearchable,
    /// The page fails: it reads a file of the older schema.
    OlderSchema,
    /// The page fails: it reads a file with a damaged page.
    DamagedFile,
    /// The page fails: the durations of what it reads fill the whole range of their type.
    WholeRange,
    /// The page fails: the service's name has a line break, which no path of the backend takes.
    LineBreak,
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
            Self::Unsearchable => "its attributes are not the compact JSON that the list searches",
            Self::WedgedWal => "the WAL cannot be flushed",
            Self::OlderSchema => "the page fails (500): it reads a file of the older schema",
            Self::DamagedFile => "the page fails (500): it reads a damaged file",
            Self::WholeRange => {
                "the page fails (500): its durations hold the least and the greatest number, on which DataFusion stops"
            }
            Self::LineBreak => "the page is not found (404): the name has a line break",
        }
    }

    /// What the studio answers where this makes the page fail.
    fn status(self) -> u16 {
        if self == Self::LineBreak { 404 } else { 500 }
    }
}

impl Prediction {
    /// Whether anything that is stored is not shown.
    pub(crate) fn hides(&self) -> bool {
        let of_service = |page: &ServicePage| {
            !page.is_listed || !page.workflows.hidden.is_empty() || !page.agents.hidden.is_empty()
        };
        self.services.iter().any(of_service) || self.traces.iter().any(|page| !page.hidden.is_empty())
    }
}

/// Which pages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) pages: Pages<'a>,
    /// Unix nanoseconds.
    pub(crate) now: i64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Pages<'a> {
    /// Those of some services, or of all where none is named.
    Services(&'a [String]),
    Trace(&'a str),
    /// Those of services as above, and of some traces: of each file in turn, [`SAMPLED`] at most.
    Sampled(&'a [String]),
}

/// Traces of a sample.
pub(crate) const SAMPLED: usize = 20;

pub(crate) async fn predict(
    layout: &Layout,
    index: &Index,
    wanted: Wanted<'_>,
    session: &SessionContext,
) -> anyhow::Result<Prediction> {
    let mut damaged = Vec::new();
    for _ in 1..ATTEMPTS {
        match predict_once(layout, index, wanted, session, &damaged).await {
            Ok(prediction) => return Ok(prediction),
            Err(_) => damaged = damaged_files(layout, session).await?,
        }
    }
    predict_once(layout, index, wanted, session, &damaged).await
}

async fn predict_once(
    layout: &Layout,
    index: &Index,
    wanted: Wanted<'_>,
    session: &SessionContext,
    damaged: &[String],
) -> anyhow::Result<Prediction> {
    let listing = Lister::new(layout.clone(), Vec::new()).list();
    let mut known = Known::of(layout, index, &listing, wanted.now, damaged);
    let mut files = listing.readable(&[Tier::Cold, Tier::Wal]);
    files.retain(|file| !damaged.contains(&file.shown));
    session.deregister_table("stored")?;
    session.register_table("stored", scan::stored_spans(files))?;
    known.note_durations(session).await?;
    let mut prediction = Prediction::default();
    match wanted.pages {
        Pages::Trace(trace) => {
            prediction.traces = traces::pages(&[trace.to_owned()], &known, session).await?;
        }
        Pages::Services(only) => prediction.services = services::pages(only, &known, session).await?,
        Pages::Sampled(only) => {
            prediction.services = services::pages(only, &known, session).await?;
            let sample = traces::sample(only, session).await?;
            prediction.traces = traces::pages(&sample, &known, session).await?;
        }
    }
    for name in known.cold.keys() {
        if let Some(why) = known.out_of_sight(name) {
            prediction.hidden_files.insert(name.clone(), why);
        }
    }
    Ok(prediction)
}

/// Files that are there and do not decode, although their ends say nothing of it.
async fn damaged_files(layout: &Layout, session: &SessionContext) -> anyhow::Result<Vec<String>> {
    let listing = Lister::new(layout.clone(), Vec::new()).list();
    let mut damaged = Vec::new();
    for file in listing.readable(&[Tier::Cold, Tier::Wal]) {
        if decodes(&file, session).await.is_err() && !file.place.is_gone() {
            damaged.push(file.shown);
        }
    }
    Ok(damaged)
}

async fn decodes(file: &FoundFile, session: &SessionContext) -> Result<(), DataFusionError> {
    let rows = session.read_table(scan::stored_spans(vec![file.clone()]))?;
    let mut batches = rows.execute_stream().await?;
    while let Some(batch) = futures::StreamExt::next(&mut batches).await {
        batch?;
    }
    Ok(())
}
