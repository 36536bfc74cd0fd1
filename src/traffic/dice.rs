//! Randomness that is the same on every machine and in every version.
//!
//! A stream of `SplitMix64` numbers, started from a seed and a path of positions. Library
//! generators may change their output between releases; a plan must not.

use std::{
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use crate::contract::feistel::{GOLDEN, mix};

/// The alphabet of Junjo's runtime ids.
const ALPHANUMERIC: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// Different texts of five letters.
const FIVE_LETTERS: u64 = 62_u64.pow(5);

/// A Junjo runtime id: 21 letters and digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NanoId([u8; Self::LEN]);

impl NanoId {
    /// Letters in an id.
    pub(crate) const LEN: usize = 21;

    pub(crate) fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("the alphabet is ASCII")
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// One thing that was drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Draw {
    Id,
    Number,
    /// How much of a range goes by.
    Within(Range<u64>),
}

/// What was drawn, in order.
pub(crate) type Draws = Arc<Mutex<Vec<Draw>>>;

/// A deterministic source of numbers.
#[derive(Debug, Clone)]
pub(crate) struct Dice {
    state: u64,
    /// Keeps what is drawn, where that is asked for.
    draws: Option<Draws>,
}

impl Dice {
    /// The dice of one place of a plan; other places have unrelated ones.
    pub(crate) fn at(seed: u64, place: u64) -> Self {
        let mut dice = Self { state: seed, draws: None };
        let salt = dice.bits();
        Self { state: salt ^ place.wrapping_mul(0xd605_bbb5_8c8a_bbfd), draws: None }
    }

    /// The same dice, which keep what is drawn of them.
    pub(crate) fn keeping(self, draws: &Draws) -> Self {
        Self { draws: Some(Arc::clone(draws)), ..self }
    }

    fn keep(&self, draw: impl FnOnce() -> Draw) {
        if let Some(draws) = &self.draws {
            draws.lock().unwrap_or_else(PoisonError::into_inner).push(draw());
        }
    }

    fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mix(self.state)
    }

    fn bits_below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    pub(crate) fn roll(&mut self) -> u64 {
        self.keep(|| Draw::Number);
        self.bits()
    }

    /// A number in `0..bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.keep(|| Draw::Number);
        self.bits_below(bound)
    }

    /// A number of a range.
    pub(crate) fn within(&mut self, range: Range<u64>) -> u64 {
        self.keep(|| Draw::Within(range.clone()));
        range.start + self.bits_below(range.end - range.start)
    }

    pub(crate) fn nano_id(&mut self) -> NanoId {
        self.keep(|| Draw::Id);
        let mut id = [0; NanoId::LEN];
        for ten in id.chunks_mut(10) {
            let bits = self.bits();
            // Two short chains of divisions instead of a long one.
            for (five, mut bits) in ten.chunks_mut(5).zip([bits % FIVE_LETTERS, bits / FIVE_LETTERS]) {
                for letter in five {
                    *letter = ALPHANUMERIC[(bits % 62) as usize];
                    bits /= 62;
                }
            }
        }
        NanoId(id)
    }
}
