//! From a source to exports, as often as it is sent.

use std::{collections::VecDeque, time::Duration};

use datafusion::arrow::array::BooleanArray;
use tokio::sync::mpsc;

use super::{
    changes::Converter,
    detect::Source,
    gather::{Draft, Gatherer},
    pace::{Pace, Timeline},
    piece::{Notes, Piece},
    requests::Requests,
    rows::{RowBatch, RowReader, every_column},
    select::Selection,
    window::Window,
};
use crate::{
    judge::rows::Rows,
    ledger::replay::Options,
    span::{
        otlp::{Cells, Changes},
        renewal::Renewal,
        row::Cell,
        schema::column,
    },
};

/// The largest request that a studio decodes (contract, section 5).
const MAX_REQUEST_BYTES: usize = 4 * 1024 * 1024;

/// What is sent of a source, and how it is changed: everything that the exports are a function of.
#[derive(Debug)]
pub(crate) struct Recipe {
    pub(crate) source: Source,
    pub(crate) options: Options,
    pub(crate) selection: Selection,
    pub(crate) pace: Pace,
    pub(crate) max_gap: Option<Duration>,
    /// Places of rows that are copies of another, in order.
    pub(crate) copies: Vec<u64>,
    pub(crate) renewal: Renewal,
    /// What each further loop's times are shifted by beyond the one before.
    pub(crate) loop_shift: i64,
}

impl Recipe {
    fn changes(&self, number: u64) -> Changes {
        let mut renewal = self.renewal.of_loop(number);
        let loops = i64::try_from(number).unwrap_or(i64::MAX);
        renewal.shift = renewal.shift.wrapping_add(self.loop_shift.wrapping_mul(loops));
        let scrub = self.options.scrub.iter().map(|key| key.clone().into_bytes()).collect();
        Changes { renewal, scrub }
    }

    pub(crate) fn timeline(&self) -> Timeline {
        Timeline::new(self.pace, self.max_gap)
    }
}

/// Makes all exports of all loops, in order, until nobody takes them any more.
pub(crate) async fn produce(recipe: &Recipe, drafts: &mpsc::Sender<Draft>) -> anyhow::Result<Notes> {
    let mut notes = Notes::default();
    let mut timeline = recipe.timeline();
    for number in 0..recipe.options.loops.max(1) {
        // The source is the same each time: what is to be said of it is said once.
        let mut again = Notes::default();
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
    recipe: &Recipe,
    number: u64,
    timeline: &mut Timeline,
    drafts: &mpsc::Sender<Draft>,
    notes: &mut Notes,
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
    recipe: &'r Recipe,
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
    fn new(recipe: &'r Recipe, number: u64) -> anyhow::Result<Self> {
        let reading = match &recipe.source {
            Source::Store(stored) => Reading::Rows(RowReader::new(stored.files.clone(), every_column())?),
            Source::Requests(files) => {
                Reading::Requests(Requests::new(files.clone(), recipe.options.keep_duplicates))
            }
        };
        let converter = Converter::new(recipe.changes(number), recipe.options.rename.clone());
        Ok(Self { recipe, converter, reading, passed: 0 })
    }

    async fn next(&mut self, notes: &mut Notes) -> Option<Vec<Piece>> {
        match &mut self.reading {
            Reading::Rows(reader) => {
                let rows = reader.next(notes).await?;
                Some(self.of_rows(&rows, notes))
            }
            Reading::Requests(requests) => {
                let (at, request) = requests.next(notes)?;
                let selection = &self.recipe.selection;
                Some(self.converter.of_request(request, at, selection, MAX_REQUEST_BYTES, notes))
            }
        }
    }

    fn of_rows(
        &mut self,
        RowBatch { first_place, batch, present }: &RowBatch,
        notes: &mut Notes,
    ) -> Vec<Piece> {
        let rows = Rows::new(batch, present);
        let mask = condition(&self.recipe.selection, batch, notes);
        let mut pieces = Vec::with_capacity(batch.num_rows());
        for row in 0..batch.num_rows() {
            if is_copy(&self.recipe.copies, &mut self.passed, first_place + row as u64) {
                notes.skip(COPIES, 1);
                continue;
            }
            let cells = rows.cells(row);
            match admit(&self.recipe.selection, mask.as_ref(), row, &cells) {
                Err(why) => notes.skip(why, 1),
                Ok(Admitted { at, .. }) => pieces.extend(self.converter.of_row(&cells, at, notes)),
            }
        }
        pieces
    }
}

/// Whether a place is among those of copies, of which so many lie before it; places are asked about in order.
pub(crate) fn is_copy(copies: &[u64], passed: &mut usize, place: u64) -> bool {
    while copies.get(*passed).is_some_and(|copy| *copy < place) {
        *passed += 1;
    }
    copies.get(*passed) == Some(&place)
}

pub(crate) const COPIES: &str =
    "that were found before, in another file or twice; --keep-duplicates sends them";

/// What decides about a row.
pub(crate) struct Admitted {
    pub(crate) at: i64,
    pub(crate) trace_id: Vec<u8>,
    pub(crate) span_id: Vec<u8>,
}

/// Whether a row is sent or, if it is not, why.
pub(crate) fn admit(
    selection: &Selection,
    mask: Option<&BooleanArray>,
    row: usize,
    cells: &Cells<'_>,
) -> Result<Admitted, &'static str> {
    if mask.is_some_and(|mask| !mask.value(row)) {
        return Err("outside the condition of --where");
    }
    let text = |column: usize| cells[column].and_then(Cell::text);
    let id = |column| text(column).and_then(|text| const_hex::decode(text).ok());
    let trace_id = id(column::TRACE_ID).ok_or("whose trace id is no hexadecimal text")?;
    let span_id = id(column::SPAN_ID).ok_or("whose span id is no hexadecimal text")?;
    let at = cells[column::END_TIME].and_then(Cell::number).ok_or("without an end")?;
    let service = text(column::SERVICE_NAME).unwrap_or_default();
    match selection.refuses(service, &trace_id, &span_id, at) {
        Some(why) => Err(why),
        None => Ok(Admitted { at, trace_id, span_id }),
    }
}

/// Which rows of a batch the condition lets through; a condition that cannot be worked out lets none.
pub(crate) fn condition(
    selection: &Selection,
    batch: &datafusion::arrow::array::RecordBatch,
    notes: &mut Notes,
) -> Option<BooleanArray> {
    let condition = selection.condition.as_ref()?;
    Some(condition.keeps(batch).unwrap_or_else(|err| {
        notes.trouble("--where", format!("cannot be worked out: {}", err.strip_backtrace()));
        BooleanArray::from(vec![false; batch.num_rows()])
    }))
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
