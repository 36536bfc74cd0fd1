//! Ids as numbers, and the texts of those that are none.
//!
//! The studio stores ids of any length as they come (contract, section 3). A well-formed one is its own
//! number; any other is called by a digest of its text, which is kept.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use twox_hash::XxHash3_128;

use super::claim::id_bytes;

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
#[derive(Debug, Default)]
pub(crate) struct OddIds(Mutex<HashMap<u128, Arc<str>>>);

impl OddIds {
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
                self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.into(), text.into());
                (key, IdForm::Odd)
            }
        }
    }

    pub(crate) fn text(&self, key: u128) -> Option<Arc<str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_full_lower_case_id_is_its_own_number() {
        let odd = OddIds::default();
        assert_eq!(odd.span(Some("00000000000000ff")), (255, IdForm::WellFormed));
        assert_eq!(odd.span(Some("0000000000000000")), (0, IdForm::Zero));
        assert_eq!(odd.span(None), (0, IdForm::Null));
        for text in ["", "ff", "00000000000000FF", "00000000000000fg", "é0000000000000"] {
            let (key, form) = odd.span(Some(text));
            assert_eq!((form, odd.text(key.into()).as_deref()), (IdForm::Odd, Some(text)));
        }
    }
}
