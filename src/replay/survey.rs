//! Looks through a source before anything is sent: how much, of whom, how long.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use super::{
    detect::Source,
    duplicates::{Share, shares},
    pace::Timeline,
    piece::Notes,
    produce::{COPIES, Recipe, admit, condition, is_copy},
    requests::Requests,
    rows::{RowReader, StoredFiles, every_column},
    window::Window,
};
use crate::{
    judge::rows::Rows,
    ledger::expected::IdKey,
    span::{
        mapping::ResourceFacts,
        row::Cell,
        schema::{column, column_name},
    },
};

/// What one loop will send.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    pub(crate) spans: u64,
    /// Recorded requests; none of stored rows.
    pub(crate) requests: Option<u64>,
    pub(crate) traces: u64,
    /// Whether there are more traces than were counted.
    pub(crate) more_traces: bool,
    /// Spans by service.
    pub(crate) services: BTreeMap<String, u64>,
    /// The times of the first and the last, in Unix nanoseconds.
    pub(crate) times: Option<(i64, i64)>,
    /// How long a loop takes at least.
    pub(crate) length: Duration,
    /// Pieces that lie before one with an earlier time.
    pub(crate) disordered: u64,
    /// Of those, how many are so late that they are sent after their time.
    pub(crate) late: u64,
    /// Places of rows that are copies.
    pub(crate) copies: Vec<u64>,
    pub(crate) notes: Notes,
}

/// Traces of recorded requests that are counted one by one.
const TRACES: usize = 1_000_000;

/// The times of what is sent, in the order in which it is.
struct Times {
    window: Window<(i64, usize)>,
    timeline: Timeline,
}

impl Times {
    fn new(recipe: &Recipe) -> Self {
        Self { window: Window::new(recipe.pace.keeps_time()), timeline: recipe.timeline() }
    }

    fn add(&mut self, at: i64, spans: usize) {
        self.window.push(at, spans, (at, spans));
        while let Some((at, spans)) = self.window.pop() {
            self.timeline.due(at, spans);
        }
    }

    fn end(mut self, survey: &mut Survey) {
        while let Some((at, spans)) = self.window.drain() {
            self.timeline.due(at, spans);
        }
        survey.length = self.timeline.length();
        survey.disordered = self.window.disordered;
        survey.late = self.timeline.late;
    }
}

impl Survey {
    fn add(&mut self, service: &str, at: i64) {
        self.spans += 1;
        match self.services.get_mut(service) {
            Some(spans) => *spans += 1,
            None => {
                self.services.insert(service.to_owned(), 1);
            }
        }
        let (first, last) = self.times.unwrap_or((at, at));
        self.times = Some((first.min(at), last.max(at)));
    }
}

pub(crate) async fn survey(recipe: &Recipe, notes: Notes) -> anyhow::Result<Survey> {
    let mut survey = Survey { notes, ..Survey::default() };
    match &recipe.source {
        Source::Store(stored) => of_store(recipe, stored, &mut survey).await?,
        Source::Requests(files) => {
            let requests = Requests::new(files.clone(), recipe.options.keep_duplicates);
            of_requests(recipe, requests, &mut survey);
        }
    }
    Ok(survey)
}

/// Copies first, because they count for nothing.
async fn of_store(recipe: &Recipe, stored: &StoredFiles, survey: &mut Survey) -> anyhow::Result<()> {
    let columns = || -> Vec<&'static str> {
        if recipe.selection.condition.is_some() {
            return every_column();
        }
        [column::TRACE_ID, column::SPAN_ID, column::SERVICE_NAME, column::END_TIME].map(column_name).to_vec()
    };
    let shares = shares(stored.about_rows);
    for number in 0..shares {
        let mut share = Share::new(number, shares);
        let mut reader = RowReader::new(stored.files.clone(), columns())?;
        while let Some(read) = reader.next(&mut survey.notes).await {
            let rows = Rows::new(&read.batch, &read.present);
            let mask = condition(&recipe.selection, &read.batch, &mut survey.notes);
            for row in 0..read.batch.num_rows() {
                if let Ok(admitted) = admit(&recipe.selection, mask.as_ref(), row, &rows.cells(row)) {
                    share
                        .add(IdKey::of(&admitted.trace_id, &admitted.span_id), read.first_place + row as u64);
                }
            }
        }
        let counted = share.count();
        survey.traces += counted.traces;
        survey.copies.extend(counted.copies);
    }
    survey.copies.sort_unstable();
    if recipe.options.keep_duplicates {
        survey.copies.clear();
    }
    let mut times = Times::new(recipe);
    let mut reader = RowReader::new(stored.files.clone(), columns())?;
    let mut passed = 0;
    while let Some(read) = reader.next(&mut survey.notes).await {
        let rows = Rows::new(&read.batch, &read.present);
        let mask = condition(&recipe.selection, &read.batch, &mut survey.notes);
        for row in 0..read.batch.num_rows() {
            let cells = rows.cells(row);
            let is_copy = is_copy(&survey.copies, &mut passed, read.first_place + row as u64);
            match admit(&recipe.selection, mask.as_ref(), row, &cells) {
                _ if is_copy => survey.notes.skip(COPIES, 1),
                Err(why) => survey.notes.skip(why, 1),
                Ok(admitted) => {
                    let service = cells[column::SERVICE_NAME].and_then(Cell::text).unwrap_or_default();
                    survey.add(service, admitted.at);
                    times.add(admitted.at, 1);
                }
            }
        }
    }
    times.end(survey);
    Ok(())
}

fn of_requests(recipe: &Recipe, mut requests: Requests, survey: &mut Survey) {
    let mut times = Times::new(recipe);
    let mut traces = HashSet::new();
    let mut count = 0;
    while let Some((at, request)) = requests.next(&mut survey.notes) {
        let before = survey.spans;
        for resource_spans in &request.resource_spans {
            let facts = ResourceFacts::of(resource_spans.resource.as_ref());
            for span in resource_spans.scope_spans.iter().flat_map(|scope| &scope.spans) {
                let refused =
                    recipe.selection.refuses(facts.service_name(), &span.trace_id, &span.span_id, at);
                if let Some(why) = refused {
                    survey.notes.skip(why, 1);
                    continue;
                }
                survey.add(facts.service_name(), at);
                if traces.len() < TRACES {
                    traces.insert(crate::span::digest::hash(&span.trace_id));
                }
            }
        }
        let spans = usize::try_from(survey.spans - before).unwrap_or(usize::MAX);
        if spans > 0 {
            count += 1;
            times.add(at, spans);
        }
    }
    survey.requests = Some(count);
    survey.traces = traces.len() as u64;
    survey.more_traces = traces.len() >= TRACES;
    times.end(survey);
}
