//! Stored rows held against those that the rows of the covering array call for, without making them.
//!
//! Of two spans of one row of the array the ids, the tags, the times and what their links point to differ.

use std::{array, borrow::Cow};

use super::{SHAPES, SPANS, WORKFLOWS, cases, events, first_row, record};
use crate::{
    contract::schema::Schema,
    traffic::{
        dice::Dice,
        place::Place,
        recorded::Recorded,
        row_template::{
            MARKED,
            known_row::{Earned, KnownRow, are_apart, stands_alone},
            marked,
            texts::{Filled, Texts, escaped, times},
        },
    },
};

/// By schema and the workflow's place among those that have all rows between them: by position.
static KNOWN: [[Earned<Known>; WORKFLOWS as usize]; 2] =
    [const { [const { Earned::new() }; WORKFLOWS as usize] }; 2];

/// What it takes to make the rows of an index known, in questions about them: twice for each of a workflow's rows.
const PRICE: u32 = 2 * SPANS as u32;

type Known = [Option<KnownRow>; SPANS];

/// What the spans of one workflow do not share with others of the same rows.
#[derive(Debug)]
pub(in crate::traffic) struct Odd {
    first: usize,
    /// Escaped.
    service: String,
    drawn: [cases::Drawn; SPANS],
}

impl Odd {
    pub(in crate::traffic) fn of(place: &Place<'_>, mut dice: Dice) -> Self {
        let first = first_row(place);
        let drawn = array::from_fn(|position| cases::draw(first + position, place.start_time, &mut dice));
        Self { first, service: escaped(place.service).into_owned(), drawn }
    }

    pub(in crate::traffic) fn known(&self, position: u32, schema: Schema) -> Option<&'static KnownRow> {
        let index = self.first / SPANS;
        let known = &KNOWN[usize::from(schema == Schema::V2)][index];
        known.get(PRICE, || known_of(index, schema))?[position as usize].as_ref()
    }

    pub(in crate::traffic) fn filled(&self, place: &Place<'_>, position: u32) -> Filled<'static> {
        let cases::Drawn { start, times: (start_time, end_time), link_ids } = &self.drawn[position as usize];
        let count = cases::events_of(self.first + position as usize);
        let mut texts = Texts::with_room(count as usize + 16);
        texts.push_id(&place.trace_id());
        texts.push_id(&place.span_id(position));
        if let Some(parent) = parent_of(position, place.variant) {
            texts.push_id(&place.span_id(parent));
        }
        texts.push(place.run.text().as_str().as_bytes());
        texts.push(self.service.as_bytes());
        texts.push_number(place.workflow);
        if count > 0 {
            (0..count).for_each(|index| texts.push_number(events::at(*start, index)));
            texts.push_number(*start);
            texts.push_number(start.wrapping_sub(1));
        }
        for id in link_ids.iter().flatten().filter(|id| !id.is_empty()) {
            texts.push(const_hex::encode(id).as_bytes());
        }
        Filled { texts: Cow::Owned(texts), times: times(*start_time, *end_time) }
    }
}

/// The position of a span's parent: the span behind it of which it is one of the children.
fn parent_of(position: u32, variant: u32) -> Option<u32> {
    let shape = &SHAPES[variant as usize];
    let mut open = 1;
    for (parent, children) in shape.iter().enumerate().skip(position as usize + 1) {
        if *children >= open {
            return Some(parent as u32);
        }
        open = open - children + 1;
    }
    None
}

/// A workflow of the same rows as those at an index, with nothing else that is the same.
struct Sample {
    place: Place<'static>,
    odd: Odd,
    spans: Vec<Recorded>,
}

impl Sample {
    fn new(index: usize, number: u64) -> Self {
        let workflow = MARKED.workflow + number * 1_000 * WORKFLOWS;
        let workflow = workflow - workflow % WORKFLOWS + index as u64;
        let variant = (number % SHAPES.len() as u64) as u32;
        let place = Place { workflow, variant, ..marked(number) };
        let dice = Dice::at(number, workflow);
        Self { place, odd: Odd::of(&place, dice.clone()), spans: record(&place, dice) }
    }
}

/// Pairs of workflows that are tried.
const TRIED: u64 = 32;

fn known_of(index: usize, schema: Schema) -> Known {
    let mut known: Known = array::from_fn(|_| None);
    for pair in 0..TRIED {
        if known.iter().all(Option::is_some) {
            break;
        }
        let [one, other] = [2 * pair, 2 * pair + 1].map(|number| Sample::new(index, number));
        for (position, known) in known.iter_mut().enumerate() {
            let filled = |sample: &Sample| sample.odd.filled(&sample.place, position as u32);
            let fillings = [filled(&one), filled(&other)];
            let is_told = fillings.iter().all(stands_alone) && are_apart(&fillings[0], &fillings[1]);
            if known.is_none() && is_told {
                let spans = [&one, &other].map(|sample| &sample.spans[position].span);
                *known = KnownRow::of(spans, [&fillings[0], &fillings[1]], schema);
            }
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_are_those_of_the_recorded_spans() {
        for number in 0..SHAPES.len() as u64 {
            let Sample { place, spans, .. } = Sample::new(0, number);
            for (position, recorded) in spans.iter().enumerate() {
                let parent = parent_of(position as u32, place.variant).map(|parent| place.span_id(parent));
                assert_eq!(recorded.span.parent_span_id, parent.map(Vec::from).unwrap_or_default());
            }
        }
    }

    #[test]
    fn all_rows_are_known() {
        for schema in [Schema::V1, Schema::V2] {
            let unknown = (0..WORKFLOWS as usize).flat_map(|index| {
                let known = known_of(index, schema).into_iter().enumerate();
                known.filter(|(_, known)| known.is_none()).map(move |(position, _)| (index, position))
            });
            let unknown: Vec<_> = unknown.collect();
            assert!(unknown.is_empty(), "{schema:?} {unknown:?}");
        }
    }
}
