//! Ids as numbers, and the texts of those that are none.
//!
//! The studio stores ids of any length as they come (contract, section 3). A well-formed one is its own
//! number; any other is called by a digest of its text, which is kept: beyond a budget on disk, since in a
//! store that is damaged throughout every row may have one of its own.

use std::{
    io::{self, Write},
    sync::{Mutex, MutexGuard, PoisonError},
};

use twox_hash::XxHash3_128;

use super::{claim::id_bytes, disk_map::DiskMap};
use crate::{
    base::temporary::{self, Temporary},
    store::bytes::read_at,
};

/// What an id's text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdForm {
    WellFormed,
    /// All digits are zero, which OTLP reserves for "none".
    Zero,
    /// Of another length, or not lower-case hex.
    Odd,
    Null,
}

impl IdForm {
    pub(super) fn bits(self) -> u32 {
        self as u32
    }

    pub(super) fn from_bits(bits: u32) -> Self {
        match bits {
            0 => Self::WellFormed,
            1 => Self::Zero,
            2 => Self::Odd,
            _ => Self::Null,
        }
    }
}

/// The texts of ids that are no numbers.
#[derive(Debug)]
pub(crate) struct MalformedIds(Mutex<Texts>);

/// Texts one behind the other, the first of them on disk, and where each begins.
#[derive(Debug)]
struct Texts {
    budget: usize,
    places: DiskMap,
    held: Vec<u8>,
    on_disk: u64,
    file: Option<Temporary>,
}

impl Texts {
    fn add(&mut self, key: u128, text: &str) -> io::Result<()> {
        if self.places.is_held(key) {
            return Ok(());
        }
        if self.held.len() + text.len() > self.budget && !self.held.is_empty() {
            let file = match &mut self.file {
                Some(file) => file,
                none => none.insert(temporary::file()?),
            };
            file.write_all(&self.held)?;
            self.on_disk += self.held.len() as u64;
            self.held = Vec::new();
        }
        let place = u128::from(self.on_disk + self.held.len() as u64) << 64 | text.len() as u128;
        self.held.extend_from_slice(text.as_bytes());
        self.places.insert(key, place)
    }

    fn get(&mut self, key: u128) -> io::Result<Option<String>> {
        let Some(place) = self.places.get(key)? else { return Ok(None) };
        let (from, length) = ((place >> 64) as u64, place as u64 as usize);
        let mut bytes = vec![0; length];
        match (&self.file, from.checked_sub(self.on_disk)) {
            (Some(file), None) => read_at(file.as_file(), from, &mut bytes)?,
            (_, from) => bytes.copy_from_slice(&self.held[from.unwrap_or_default() as usize..][..length]),
        }
        Ok(String::from_utf8(bytes).ok())
    }
}

impl Default for MalformedIds {
    fn default() -> Self {
        Self::new(1 << 20)
    }
}

impl MalformedIds {
    /// Holds so many bytes of texts and their places.
    pub(crate) fn new(budget: usize) -> Self {
        let budget = budget / 2;
        let places = DiskMap::new(budget);
        Self(Mutex::new(Texts { budget, places, held: Vec::new(), on_disk: 0, file: None }))
    }

    fn texts(&self) -> MutexGuard<'_, Texts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// No more ids come: makes asking for texts cheap.
    pub(crate) fn settle(&self) -> io::Result<()> {
        self.texts().places.settle()
    }

    pub(crate) fn trace(&self, text: Option<&str>) -> (u128, IdForm) {
        self.id(text, |text| id_bytes(text).map(u128::from_be_bytes), |digest| digest)
    }

    /// Also for the ids of parents.
    pub(crate) fn span(&self, text: Option<&str>) -> (u64, IdForm) {
        self.id(text, |text| id_bytes(text).map(u64::from_be_bytes), |digest| digest as u64)
    }

    fn id<T: Default + PartialEq + Copy + Into<u128>>(
        &self,
        text: Option<&str>,
        read: impl Fn(&str) -> Option<T>,
        cut: impl Fn(u128) -> T,
    ) -> (T, IdForm) {
        let Some(text) = text else { return (T::default(), IdForm::Null) };
        match read(text) {
            Some(zero) if zero == T::default() => (zero, IdForm::Zero),
            Some(number) => (number, IdForm::WellFormed),
            None => {
                let key = cut(XxHash3_128::oneshot(text.as_bytes()));
                // Where the disk takes no more, the digest is shown instead of the text.
                self.texts().add(key.into(), text).ok();
                (key, IdForm::Odd)
            }
        }
    }

    pub(crate) fn text(&self, key: u128) -> Option<String> {
        self.texts().get(key).ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_full_lower_case_id_is_its_own_number() {
        let odd = MalformedIds::default();
        assert_eq!(odd.span(Some("00000000000000ff")), (255, IdForm::WellFormed));
        assert_eq!(odd.span(Some("0000000000000000")), (0, IdForm::Zero));
        assert_eq!(odd.span(None), (0, IdForm::Null));
        for text in ["", "ff", "00000000000000FF", "00000000000000fg", "é0000000000000"] {
            let (key, form) = odd.span(Some(text));
            assert_eq!((form, odd.text(key.into()).as_deref()), (IdForm::Odd, Some(text)));
        }
    }

    #[test]
    fn texts_that_outgrow_the_budget_are_found_on_disk() {
        let odd = MalformedIds::new(2_000);
        let text = |number: u32| format!("odd {number} {}", "x".repeat(number as usize % 40));
        let keys: Vec<u64> = (0..500).map(|number| odd.span(Some(&text(number))).0).collect();
        for settled in [false, true] {
            for (number, key) in (0..).zip(&keys) {
                assert_eq!(odd.text((*key).into()), Some(text(number)), "settled: {settled}");
            }
            odd.settle().unwrap();
        }
        assert_eq!(odd.text(1), None);
    }
}
