//! Stored rows held against those of a story, without telling it.
//!
//! All runs of a story draw alike. Besides ids and times their rows differ in what is asked, found and said, and in the
//! tokens that follow from it; whether the model makes a remark, and of which answers it cached something, is a matter
//! of form.

use std::{borrow::Cow, sync::LazyLock};

use super::{
    VARIANTS,
    lengths::LENGTHS,
    message::{CACHED, Tokens},
    operation::tokens,
    order_desk::Enquiry,
    record,
};
use crate::{
    contract::schema::Schema,
    traffic::{
        dice::Dice,
        place::Place,
        row_template::{
            MARKED,
            known_row::{Earned, KnownRow, are_apart, stands_alone},
            marked,
            texts::{Filled, Texts, escaped, times},
        },
        script::{Drawn, Script},
    },
};

/// What the runs of a story have in common.
#[derive(Debug)]
struct Story {
    script: Script,
    /// By position: which of the times are the start and the end.
    spans: Vec<[usize; 2]>,
    /// The times at which something happens.
    events: Vec<usize>,
}

static STORIES: LazyLock<Vec<Option<Story>>> = LazyLock::new(|| (0..VARIANTS).map(Story::of).collect());

impl Story {
    /// None where a time is not one of the story's steps.
    fn of(variant: u32) -> Option<Self> {
        let place = Place { variant, ..MARKED };
        let (spans, script) = Script::of(&place, Dice::at(0, 0), record);
        let Drawn { times, .. } = script.draw(place.start_time, Dice::at(0, 0));
        let step = |time: u64| times.iter().position(|step| *step == time);
        let spans = || spans.iter().map(|recorded| &recorded.span);
        let events = spans().flat_map(|span| &span.events).map(|event| step(event.time_unix_nano)).collect();
        let of_span = |start, end| Some([step(start)?, step(end)?]);
        let spans = spans().map(|span| of_span(span.start_time_unix_nano, span.end_time_unix_nano)).collect();
        Option::zip(spans, events).map(|(spans, events)| Self { script, spans, events })
    }
}

/// Forms that the rows of a story may have.
const FORMS: usize = 8;

/// What it takes to make the rows of a form known, in questions about them: twice for each row.
const PRICE: u32 = 80;

/// By position.
type Known = Vec<Option<KnownRow>>;

/// By variant, schema and form.
static KNOWN: [[[Earned<Known>; FORMS]; 2]; VARIANTS as usize] =
    [const { [const { [const { Earned::new() }; FORMS] }; 2] }; VARIANTS as usize];

/// A run as its rows say it.
#[derive(Debug)]
pub(in crate::traffic) struct Told {
    variant: u32,
    form: usize,
    texts: Texts,
    /// By position.
    times: Vec<[i64; 3]>,
}

impl Told {
    pub(in crate::traffic) fn of(place: &Place<'_>, dice: Dice) -> Option<Self> {
        let story = STORIES[place.variant as usize].as_ref()?;
        let drawn = story.script.draw(place.start_time, dice);
        let facts = Facts::of(place.variant, drawn.numbers)?;
        let mut texts = Texts::with_room(128);
        texts.push_id(&place.trace_id());
        (0..story.spans.len() as u32).for_each(|position| texts.push_id(&place.span_id(position)));
        texts.push(place.run.text().as_str().as_bytes());
        texts.push(escaped(place.service).as_bytes());
        texts.push_number(place.workflow);
        drawn.ids.iter().for_each(|id| texts.push(id.as_bytes()));
        story.events.iter().for_each(|step| texts.push_number(drawn.times[*step]));
        facts.push(place.variant, &mut texts);
        let of_span = |[start, end]: &[usize; 2]| times(drawn.times[*start], drawn.times[*end]);
        let times = story.spans.iter().map(of_span).collect();
        Some(Self { variant: place.variant, form: facts.form(), texts, times })
    }

    pub(in crate::traffic) fn known(&self, position: u32, schema: Schema) -> Option<&'static KnownRow> {
        let known = &KNOWN[self.variant as usize][usize::from(schema == Schema::V2)][self.form];
        let known = known.get(PRICE, || known_of(self.variant, schema, self.form))?;
        known.get(position as usize)?.as_ref()
    }

    pub(in crate::traffic) fn filled(&self, position: u32) -> Filled<'_> {
        Filled { texts: Cow::Borrowed(&self.texts), times: self.times[position as usize] }
    }
}

/// What a run is about, and what is said in it.
#[derive(Debug)]
struct Facts {
    enquiry: Enquiry,
    has_remark: bool,
    answer: Option<String>,
    /// By request.
    tokens: Vec<Tokens>,
}

impl Facts {
    /// `numbers` are the dice of each number that is drawn.
    fn of(variant: u32, numbers: Vec<Dice>) -> Option<Self> {
        /// Numbers that are drawn for an enquiry, and for the tokens of an answer.
        const ENQUIRY: usize = 5;
        const TOKENS: usize = 2;
        let mut numbers = numbers.into_iter();
        let enquiry = Enquiry::new(&mut numbers.next()?);
        numbers.nth(ENQUIRY - 2)?;
        let input = LENGTHS.input(&enquiry);
        let mut facts = Self { enquiry, has_remark: false, answer: None, tokens: Vec::new() };
        let ask = |facts: &mut Self, numbers: &mut std::vec::IntoIter<Dice>, messages: &[usize], said| {
            facts.tokens.push(tokens(LENGTHS.request(messages), said, &mut numbers.next()?));
            numbers.nth(TOKENS - 2)
        };
        match variant {
            1 => {
                let answer = facts.enquiry.refusal(&mut numbers.next()?);
                ask(&mut facts, &mut numbers, &[input], LENGTHS.output(&answer))?;
                facts.answer = Some(answer);
            }
            3 => {
                let order = facts.enquiry.order;
                let [first, second] = [order, order + 2].map(|order| LENGTHS.look_up_twice(order));
                let found = LENGTHS.found(&facts.enquiry);
                ask(&mut facts, &mut numbers, &[input], first)?;
                ask(&mut facts, &mut numbers, &[input, first, found, found], second)?;
            }
            _ => {
                facts.has_remark = numbers.next()?.below(2) == 0;
                let calls = LENGTHS.look_up_and_quote(&facts.enquiry, facts.has_remark);
                ask(&mut facts, &mut numbers, &[input], calls)?;
                if variant == 0 {
                    let answer = facts.enquiry.answer(&mut numbers.next()?);
                    let results = [LENGTHS.found(&facts.enquiry), LENGTHS.quoted(&facts.enquiry)];
                    let messages = [input, calls, results[0], results[1]];
                    ask(&mut facts, &mut numbers, &messages, LENGTHS.output(&answer))?;
                    facts.answer = Some(answer);
                }
            }
        }
        Some(facts)
    }

    fn form(&self) -> usize {
        let cached = self.tokens.iter().map(|tokens| tokens.contains_key(CACHED));
        std::iter::once(self.has_remark).chain(cached).fold(0, |form, is| 2 * form + usize::from(is))
    }

    /// Those of one form have as many texts.
    fn push(&self, variant: u32, texts: &mut Texts) {
        let Enquiry { order, question, items, status, grams, cents } = &self.enquiry;
        for said in [Some(question), self.answer.as_ref()].into_iter().flatten() {
            // As JSON, in an attribute, in JSON.
            texts.push(escaped(&escaped(said)).as_bytes());
        }
        texts.push(status.as_bytes());
        let orders = if variant == 3 { 4 } else { 1 };
        (*order..order + orders).for_each(|order| texts.push_number(order));
        for number in [items, grams, cents] {
            texts.push_number(*number);
        }
        self.tokens.iter().flat_map(Tokens::values).for_each(|count| texts.push_number(*count));
        if let [first, second] = &self.tokens[..] {
            let sums = first.iter().filter_map(|(name, count)| Some(count + second.get(name)?));
            sums.for_each(|sum| texts.push_number(sum));
        }
    }
}

/// A run with nothing that another one has.
struct Sample {
    place: Place<'static>,
    dice: Dice,
    told: Told,
}

impl Sample {
    fn new(variant: u32, number: u64) -> Option<Self> {
        let place = Place { variant, ..marked(number) };
        let dice = Dice::at(number, place.workflow);
        let told = Told::of(&place, dice.clone())?;
        Some(Self { place, dice, told })
    }

    fn filled(&self, position: usize) -> Filled<'_> {
        self.told.filled(position as u32)
    }
}

/// Runs that are looked at, and pairs of them that are tried.
const LOOKED_AT: u64 = 4_000;
const TRIED: usize = 6;

fn known_of(variant: u32, schema: Schema, form: usize) -> Known {
    let samples = (0..LOOKED_AT).filter_map(|number| Sample::new(variant, number));
    let mut samples = samples.filter(|sample| sample.told.form == form && stands_alone(&sample.filled(0)));
    let mut known = Known::new();
    for _ in 0..TRIED {
        let Some(one) = samples.next() else { break };
        let Some(other) = samples.find(|other| are_apart(&one.filled(0), &other.filled(0))) else { break };
        let [one_spans, other_spans] =
            [&one, &other].map(|sample| record(&sample.place, sample.dice.clone()));
        known.resize_with(one_spans.len(), || None);
        for (position, known) in known.iter_mut().enumerate().filter(|(_, known)| known.is_none()) {
            let spans = [&one_spans, &other_spans].map(|spans| &spans[position].span);
            *known = KnownRow::of(spans, [&one.filled(position), &other.filled(position)], schema);
        }
        if known.iter().all(Option::is_some) {
            break;
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn runs_of_a_story_draw_alike() {
        for variant in 0..VARIANTS {
            let story = STORIES[variant as usize].as_ref().unwrap();
            for number in 0..100 {
                let Sample { place, dice, .. } = Sample::new(variant, number).unwrap();
                let (_, script) = Script::of(&place, dice, record);
                assert_eq!(script, story.script);
            }
        }
    }

    #[test]
    fn all_rows_of_all_forms_are_known() {
        for variant in 0..VARIANTS {
            let told = (0..200).map(|number| Sample::new(variant, number).unwrap().told);
            for form in told.map(|told| told.form).collect::<BTreeSet<_>>() {
                for schema in [Schema::V1, Schema::V2] {
                    let known = known_of(variant, schema, form);
                    let unknown: Vec<_> = known.iter().map(Option::is_none).collect();
                    assert!(!known.is_empty() && !unknown.contains(&true), "{variant} {form} {unknown:?}");
                }
            }
        }
    }
}
