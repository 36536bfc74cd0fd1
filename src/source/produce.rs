//! From a source to exports, as often as it is sent.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::sync::mpsc;

use super::{
    changes::Converter,
    chunk::{Chunk, SourceNotes},
    detect::Source,
    gather::{Gatherer, PendingExport},
    pace::{Pace, Timeline},
    requests::{Received, Requests},
    rows::{RowBatch, RowReader, every_column},
    select::{Admitted, COPIES, Refusal, Selection},
    service_names::ServiceNames,
    window::Window,
};
use crate::{
    contract::{digest::DigestVersion, id_remap::IdRemap, otlp::Changes, scrub::Scrub},
    ledger::replay::Options,
    store::rows::Rows,
};

/// The largest request that a studio decodes (contract, section 5).
const MAX_REQUEST_BYTES: usize = 4 * 1024 * 1024;

/// What is sent of a source, and how it is changed: everything that the exports are a function of.
#[derive(Debug)]
pub(crate) struct ReplaySpec {
    pub(crate) source: Source,
    pub(crate) options: Options,
    pub(crate) selection: Selection,
    /// As the options have it.
    pub(crate) scrub: Scrub,
    pub(crate) pace: Pace,
    pub(crate) max_gap: Option<Duration>,
    /// Places of spans that are copies of another, in order.
    pub(crate) copies: Vec<u64>,
    pub(crate) remap: IdRemap,
    /// What each further loop's times are shifted by beyond the one before.
    pub(crate) loop_shift: i64,
    /// How rows are digested: as the records of the run have it.
    pub(crate) digests: DigestVersion,
    /// The services of what was made so far.
    pub(crate) services: Arc<ServiceNames>,
}

impl ReplaySpec {
    fn changes(&self, number: u64) -> Changes {
        let mut remap = self.remap.of_loop(number);
        let loops = i64::try_from(number).unwrap_or(i64::MAX);
        remap.shift = remap.shift.wrapping_add(self.loop_shift.wrapping_mul(loops));
        Changes { remap, scrub: self.scrub.clone() }
    }

    pub(crate) fn timeline(&self) -> Timeline {
        Timeline::new(self.pace, self.max_gap)
    }
}

/// Makes all exports of all loops, in order, until nobody takes them any more.
pub(crate) async fn produce(
    recipe: &ReplaySpec,
    drafts: &mpsc::Sender<PendingExport>,
) -> anyhow::Result<SourceNotes> {
    let mut notes = SourceNotes::default();
    let mut timeline = recipe.timeline();
    for number in 0..recipe.options.loops.max(1) {
        // The source is the same each time: what is to be said of it is said once.
        let mut again = SourceNotes::default();
        let told = if number == 0 { &mut notes } else { &mut again };
        if !one_loop(recipe, number, &mut timeline, drafts, told).await? {
            break;
        }
        timeline.begin_loop();
    }
    Ok(notes)
}

/// Whether all drafts were taken.
async fn one_loop(
    recipe: &ReplaySpec,
    number: u64,
    timeline: &mut Timeline,
    drafts: &mpsc::Sender<PendingExport>,
    notes: &mut SourceNotes,
) -> anyhow::Result<bool> {
    let mut walker = Walker::new(recipe, number)?;
    let mut window = Window::new(recipe.pace.keeps_time());
    let mut gatherer = Gatherer::default();
    let mut ready = VecDeque::new();
    loop {
        let more = walker.next(notes).await;
        let is_end = more.is_none();
        for piece in more.unwrap_or_default() {
            window.push(piece.at, piece.spans(), piece);
        }
        while let Some(piece) = if is_end { window.drain() } else { window.pop() } {
            let due = timeline.due(piece.at, piece.spans());
            ready.extend(gatherer.add(due, piece).into_iter().flatten());
        }
        if is_end {
            ready.extend(gatherer.finish());
        }
        for draft in ready.drain(..) {
            if drafts.send(draft).await.is_err() {
                return Ok(false);
            }
        }
        if is_end {
            return Ok(true);
        }
    }
}

/// Goes through a source once.
struct Walker<'r> {
    recipe: &'r ReplaySpec,
    converter: Converter,
    reading: Reading,
    /// Copies that lie before where we are.
    passed: usize,
}

enum Reading {
    Rows(RowReader),
    Requests(Requests),
}

impl<'r> Walker<'r> {
    fn new(recipe: &'r ReplaySpec, number: u64) -> anyhow::Result<Self> {
        let reading = match &recipe.source {
            Source::Store(stored) => Reading::Rows(RowReader::new(stored.files.clone(), every_column())?),
            Source::Requests(files) => {
                Reading::Requests(Requests::new(files.clone(), recipe.options.keep_duplicates))
            }
        };
        let converter = Converter::new(
            recipe.changes(number),
            recipe.options.rename.clone(),
            Arc::clone(&recipe.services),
            recipe.digests,
        );
        Ok(Self { recipe, converter, reading, passed: 0 })
    }

    async fn next(&mut self, notes: &mut SourceNotes) -> Option<Vec<Chunk>> {
        match &mut self.reading {
            Reading::Rows(reader) => {
                let rows = reader.next(notes).await?;
                Some(self.of_rows(&rows, notes))
            }
            Reading::Requests(requests) => {
                let received = requests.next(notes)?;
                Some(self.of_request(received, notes))
            }
        }
    }

    fn of_rows(
        &mut self,
        RowBatch { first_place, file, first_row, batch, present }: &RowBatch,
        notes: &mut SourceNotes,
    ) -> Vec<Chunk> {
        let rows = Rows::new(batch, present);
        let selection = &self.recipe.selection;
        let mask = selection.mask(batch, notes);
        let mut pieces = Vec::with_capacity(batch.num_rows());
        for row in 0..batch.num_rows() {
            if is_copy(&self.recipe.copies, &mut self.passed, first_place + row as u64) {
                notes.skip(COPIES, 1);
                continue;
            }
            let cells = rows.cells(row);
            let number = first_row + row as u64;
            match selection.admit(mask.as_ref(), row, &cells) {
                Err(Refusal::NotWanted(why)) => notes.skip(why, 1),
                Err(Refusal::Unsendable(why)) => notes.unsent.add(file, number, why),
                Ok(Admitted { at, .. }) => match self.converter.of_row(&cells, at, notes) {
                    Ok(piece) => pieces.push(piece),
                    Err(why) => notes.unsent.add(file, number, why),
                },
            }
        }
        pieces
    }

    fn of_request(&mut self, received: Received, notes: &mut SourceNotes) -> Vec<Chunk> {
        let Received { first_place, file, first_number, at, request } = received;
        let mut refusals = self.recipe.selection.refusals(&request, at, notes);
        for (number, refusal) in (0..).zip(&mut refusals) {
            if is_copy(&self.recipe.copies, &mut self.passed, first_place + number) {
                *refusal = Some(Refusal::NotWanted(COPIES));
            }
            match refusal {
                Some(Refusal::NotWanted(why)) => notes.skip(why, 1),
                Some(Refusal::Unsendable(why)) => notes.unsent.add(&file, first_number + number, why),
                None => {}
            }
        }
        self.converter.of_request(request, &refusals, at, MAX_REQUEST_BYTES, notes)
    }
}

/// Whether a place is among those of copies, of which so many lie before it; places are asked about in order.
pub(crate) fn is_copy(copies: &[u64], passed: &mut usize, place: u64) -> bool {
    while copies.get(*passed).is_some_and(|copy| *copy < place) {
        *passed += 1;
    }
    copies.get(*passed) == Some(&place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_known_by_their_places_though_rows_before_them_are_missing() {
        let (copies, mut passed) = ([1, 5, 9], 0);
        let found: Vec<u64> =
            [0, 1, 2, 7, 9, 10].into_iter().filter(|place| is_copy(&copies, &mut passed, *place)).collect();
        assert_eq!(found, [1, 9]);
    }
}
