//! The texts that fill the holes of a workflow's rows, one behind the other.

use std::borrow::Cow;

use super::{Filling, Hex};
use crate::contract::json;

/// Texts as they stand in a row.
#[derive(Debug, Clone)]
pub(in crate::traffic) struct Texts {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Texts {
    /// For about so many.
    pub(in crate::traffic) fn with_room(texts: usize) -> Self {
        Self { bytes: Vec::with_capacity(24 * texts), ends: Vec::with_capacity(texts) }
    }

    pub(in crate::traffic) fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len() as u32);
    }

    pub(in crate::traffic) fn push_number(&mut self, number: u64) {
        self.push(itoa::Buffer::new().format(number).as_bytes());
    }

    pub(in crate::traffic) fn push_id<const N: usize>(&mut self, id: &[u8; N]) {
        self.push(Hex::<N>::new().format(id).as_bytes());
    }

    fn get(&self, hole: usize) -> &[u8] {
        let start = hole.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.bytes[start..self.ends[hole] as usize]
    }
}

/// A text as it stands inside a JSON string.
pub(in crate::traffic) fn escaped(text: &str) -> Cow<'_, str> {
    if json::needs_no_escape(text) {
        return Cow::Borrowed(text);
    }
    let mut quoted = String::new();
    json::write_str(&mut quoted, text);
    Cow::Owned(quoted[1..quoted.len() - 1].to_owned())
}

/// What fills the holes of one row.
#[derive(Debug)]
pub(in crate::traffic) struct Filled<'t> {
    pub(in crate::traffic) texts: Cow<'t, Texts>,
    pub(in crate::traffic) times: [i64; 3],
}

impl Filling for Filled<'_> {
    fn texts(&self) -> usize {
        self.texts.ends.len()
    }

    fn text(&self, hole: usize) -> &[u8] {
        self.texts.get(hole)
    }

    fn times(&self) -> &[i64; 3] {
        &self.times
    }
}

/// The start, the end and the duration of a span as its row has them.
pub(in crate::traffic) fn times(start: u64, end: u64) -> [i64; 3] {
    let [start, end] = [start, end].map(u64::cast_signed);
    [start, end, end.wrapping_sub(start)]
}
