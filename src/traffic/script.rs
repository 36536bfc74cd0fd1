//! What a story draws, drawn again without the spans that are made of it.

use std::sync::{Mutex, PoisonError};

use super::{
    dice::{Dice, Draw, Draws, NanoId},
    place::Place,
    recorded::Recorded,
};

/// The draws of a story of which every workflow draws the same kinds of things in the same order.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Script(Vec<Draw>);

/// What one workflow draws.
#[derive(Debug)]
pub(super) struct Drawn {
    pub(super) ids: Vec<NanoId>,
    /// The start, and the time after each step.
    pub(super) times: Vec<u64>,
    /// By number: the dice that it is drawn of.
    pub(super) numbers: Vec<Dice>,
}

impl Script {
    /// The spans of a workflow, with what is drawn for them.
    pub(super) fn of(
        place: &Place<'_>,
        dice: Dice,
        record: fn(&Place<'_>, Dice) -> Vec<Recorded>,
    ) -> (Vec<Recorded>, Self) {
        let draws = Draws::new(Mutex::default());
        let spans = record(place, dice.keeping(&draws));
        let script = Self(draws.lock().unwrap_or_else(PoisonError::into_inner).clone());
        (spans, script)
    }

    /// What a workflow draws that starts at a time.
    pub(super) fn draw(&self, start_time: u64, mut dice: Dice) -> Drawn {
        let of = |is: fn(&Draw) -> bool| self.0.iter().filter(|draw| is(draw)).count();
        let mut drawn = Drawn {
            ids: Vec::with_capacity(of(|draw| matches!(draw, Draw::Id))),
            times: Vec::with_capacity(1 + of(|draw| matches!(draw, Draw::Within(_)))),
            numbers: Vec::with_capacity(of(|draw| matches!(draw, Draw::Number))),
        };
        let mut now = start_time;
        drawn.times.push(now);
        for draw in &self.0 {
            match draw {
                Draw::Id => drawn.ids.push(dice.nano_id()),
                Draw::Within(nanos) => {
                    now += dice.within(nanos.clone());
                    drawn.times.push(now);
                }
                Draw::Number => {
                    drawn.numbers.push(dice.clone());
                    dice.roll();
                }
            }
        }
        drawn
    }
}
