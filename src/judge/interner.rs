//! Texts that many rows share, kept once and called by number.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

/// The number of a text; [`Symbol::NONE`] where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Symbol(pub(crate) u32);

impl Symbol {
    pub(crate) const NONE: Self = Self(u32::MAX);
}

/// All texts by number, and all numbers by text.
#[derive(Debug, Default)]
pub(crate) struct Interner(RwLock<Known>);

#[derive(Debug, Default)]
struct Known {
    texts: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32>,
}

impl Interner {
    pub(crate) fn name(&self, text: &str) -> Symbol {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).numbers.get(text).copied();
        Symbol(known.unwrap_or_else(|| self.learn(text)))
    }

    fn learn(&self, text: &str) -> u32 {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = known.numbers.get(text) {
            return *number;
        }
        let text: Arc<str> = text.into();
        let number = u32::try_from(known.texts.len()).expect("fewer than four billion different names");
        known.texts.push(Arc::clone(&text));
        known.numbers.insert(text, number);
        number
    }

    /// The text of a name that was given out; none for [`Symbol::NONE`].
    pub(crate) fn text(&self, name: Symbol) -> Option<Arc<str>> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.texts.get(name.0 as usize).cloned()
    }

    /// All texts by number, as they are now.
    pub(crate) fn texts(&self) -> Vec<Arc<str>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).texts.clone()
    }
}

/// The last name that was asked for: neighbouring rows mostly share theirs.
#[derive(Debug)]
pub(crate) struct RecentSymbols {
    text: String,
    name: Symbol,
}

impl RecentSymbols {
    pub(crate) fn new() -> Self {
        Self { text: String::new(), name: Symbol::NONE }
    }

    pub(crate) fn name(&mut self, names: &Interner, text: Option<&str>) -> Symbol {
        let Some(text) = text else { return Symbol::NONE };
        if self.name == Symbol::NONE || self.text != text {
            self.name = names.name(text);
            text.clone_into(&mut self.text);
        }
        self.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_number_and_is_found_by_it() {
        let names = Interner::default();
        let mut recent = RecentSymbols::new();
        let (one, two) = (recent.name(&names, Some("one")), recent.name(&names, Some("two")));
        assert_eq!((recent.name(&names, Some("two")), names.name("one")), (two, one));
        assert_eq!(names.text(two).as_deref(), Some("two"));
        assert_eq!((recent.name(&names, None), names.text(Symbol::NONE)), (Symbol::NONE, None));
    }
}
