//! Looks through a source before anything is sent: how much, of whom, how long.

use std::{collections::BTreeMap, time::Duration};

use super::{
    changes::Converter,
    chunk::SourceNotes,
    detect::Source,
    duplicates::{HELD, Met, Share, shares},
    pace::Timeline,
    produce::{ReplaySpec, is_copy},
    requests::{Received, Requests},
    rows::{RowReader, StoredFiles, every_column},
    select::{Admitted, COPIES, Refusal},
    window::Window,
};
use crate::{
    contract::{mapping::ResourceFacts, row::Cell, schema::column},
    ledger::expected::IdKey,
    store::rows::Rows,
};

/// What one loop will send.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    pub(crate) spans: u64,
    /// Recorded requests; none of stored rows.
    pub(crate) requests: Option<u64>,
    pub(crate) traces: u64,
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
    /// Places of spans that are copies.
    pub(crate) copies: Vec<u64>,
    pub(crate) notes: SourceNotes,
}

/// A span of a source that is wanted, copies included.
struct Wanted<'s> {
    /// Where it stands in the source.
    place: u64,
    ids: IdKey,
    service: &'s str,
    /// When it came in.
    at: i64,
    /// The number of its request; none of a stored row, which comes alone.
    request: Option<u64>,
}

pub(crate) async fn survey(recipe: &ReplaySpec, notes: SourceNotes) -> anyhow::Result<Survey> {
    let mut met = Met::new(HELD);
    let mut survey = pass(recipe, notes.clone(), |wanted| met.is_copy(wanted.ids, wanted.place)).await?;
    if met.overflowed {
        let (traces, copies) = in_shares(recipe, survey.spans).await?;
        let mut passed = 0;
        survey = pass(recipe, notes, |wanted| is_copy(&copies, &mut passed, wanted.place)).await?;
        (survey.traces, survey.copies) = (traces, copies);
    } else {
        survey.traces = met.traces();
        survey.copies = met.copies;
    }
    if recipe.options.keep_duplicates {
        survey.copies.clear();
    }
    Ok(survey)
}

/// Counts traces, and finds copies, of more spans than can be held.
async fn in_shares(recipe: &ReplaySpec, spans: u64) -> anyhow::Result<(u64, Vec<u64>)> {
    let (mut traces, mut copies) = (0, Vec::new());
    let shares = shares(spans);
    for number in 0..shares {
        let mut share = Share::new(number, shares);
        walk(recipe, &mut SourceNotes::default(), |wanted| share.add(wanted.ids, wanted.place)).await?;
        let counted = share.count();
        traces += counted.traces;
        copies.extend(counted.copies);
    }
    copies.sort_unstable();
    Ok((traces, copies))
}

/// Counts what is sent.
async fn pass(
    recipe: &ReplaySpec,
    mut notes: SourceNotes,
    mut is_copy: impl FnMut(&Wanted<'_>) -> bool,
) -> anyhow::Result<Survey> {
    let mut survey = Survey::default();
    let mut times = Times::new(recipe);
    let mut copies = 0;
    walk(recipe, &mut notes, |wanted| {
        if is_copy(&wanted) && !recipe.options.keep_duplicates {
            copies += 1;
            return;
        }
        survey.add(wanted.service, wanted.at);
        times.add(wanted.at, wanted.request);
    })
    .await?;
    if copies > 0 {
        notes.skip(COPIES, copies);
    }
    survey.requests = matches!(recipe.source, Source::Requests(_)).then_some(times.requests);
    survey.notes = notes;
    times.end(&mut survey);
    Ok(survey)
}

/// Hands over each span that is wanted, in the order of the source.
async fn walk(
    recipe: &ReplaySpec,
    notes: &mut SourceNotes,
    take: impl FnMut(Wanted<'_>),
) -> anyhow::Result<()> {
    match &recipe.source {
        Source::Store(stored) => rows(recipe, stored, notes, take).await,
        Source::Requests(files) => {
            requests(recipe, Requests::new(files.clone(), recipe.options.keep_duplicates), notes, take);
            Ok(())
        }
    }
}

async fn rows(
    recipe: &ReplaySpec,
    stored: &StoredFiles,
    notes: &mut SourceNotes,
    mut take: impl FnMut(Wanted<'_>),
) -> anyhow::Result<()> {
    let selection = &recipe.selection;
    // What cannot be sent is known before anything is.
    let mut converter = Converter::default();
    let mut reader = RowReader::new(stored.files.clone(), every_column())?;
    while let Some(read) = reader.next(notes).await {
        let rows = Rows::new(&read.batch, &read.present);
        let mask = selection.mask(&read.batch, notes);
        for row in 0..read.batch.num_rows() {
            let cells = rows.cells(row);
            let number = read.first_row + row as u64;
            match selection.admit(mask.as_ref(), row, &cells) {
                Err(Refusal::NotWanted(why)) => notes.skip(why, 1),
                Err(Refusal::Unsendable(why)) => notes.unsent.add(&read.file, number, why),
                Ok(Admitted { at, ids }) => {
                    if let Err(why) = converter.check_row(&cells) {
                        notes.unsent.add(&read.file, number, why);
                        continue;
                    }
                    let service = cells[column::SERVICE_NAME].and_then(Cell::text).unwrap_or_default();
                    take(Wanted { place: read.first_place + row as u64, ids, service, at, request: None });
                }
            }
        }
    }
    Ok(())
}

fn requests(
    recipe: &ReplaySpec,
    mut requests: Requests,
    notes: &mut SourceNotes,
    mut take: impl FnMut(Wanted<'_>),
) {
    let mut number = 0;
    while let Some(received) = requests.next(notes) {
        let Received { first_place, file, first_number, at, request } = received;
        let refusals = recipe.selection.refusals(&request, at, notes);
        let mut refusals = (0..).zip(refusals);
        for resource_spans in &request.resource_spans {
            let facts = ResourceFacts::of(resource_spans.resource.as_ref());
            let spans = resource_spans.scope_spans.iter().flat_map(|scope| &scope.spans);
            for (span, (place, refusal)) in spans.zip(&mut refusals) {
                match refusal {
                    Some(Refusal::NotWanted(why)) => notes.skip(why, 1),
                    Some(Refusal::Unsendable(why)) => notes.unsent.add(&file, first_number + place, why),
                    None => {}
                }
                if refusal.is_some() {
                    continue;
                }
                let (place, ids) = (first_place + place, IdKey::of(&span.trace_id, &span.span_id));
                take(Wanted { place, ids, service: facts.service_name(), at, request: Some(number) });
            }
        }
        number += 1;
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

/// The times of what is sent, in the order in which it is.
struct Times {
    window: Window<(i64, usize)>,
    timeline: Timeline,
    /// The request whose spans are being counted, with its time.
    open: Option<(u64, i64, usize)>,
    requests: u64,
}

impl Times {
    fn new(recipe: &ReplaySpec) -> Self {
        let window = Window::new(recipe.pace.keeps_time());
        Self { window, timeline: recipe.timeline(), open: None, requests: 0 }
    }

    fn add(&mut self, at: i64, request: Option<u64>) {
        match (&mut self.open, request) {
            (_, None) => self.push(at, 1),
            (Some((open, _, spans)), Some(request)) if *open == request => *spans += 1,
            (_, Some(request)) => {
                self.close();
                self.open = Some((request, at, 1));
                self.requests += 1;
            }
        }
    }

    fn close(&mut self) {
        if let Some((_, at, spans)) = self.open.take() {
            self.push(at, spans);
        }
    }

    fn push(&mut self, at: i64, spans: usize) {
        self.window.push(at, spans, (at, spans));
        while let Some((at, spans)) = self.window.pop() {
            self.timeline.due(at, spans);
        }
    }

    fn end(mut self, survey: &mut Survey) {
        self.close();
        while let Some((at, spans)) = self.window.drain() {
            self.timeline.due(at, spans);
        }
        survey.length = self.timeline.length();
        survey.disordered = self.window.disordered;
        survey.late = self.timeline.late;
    }
}
