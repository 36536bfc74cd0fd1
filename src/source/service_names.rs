//! Names of the services that a replay sends, by number.
//!
//! Numbers are given in the order in which the names first come, which is a function of the source: a replay that
//! goes on gives the same ones again.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

#[derive(Debug, Default)]
pub(crate) struct ServiceNames(Mutex<Names>);

#[derive(Debug, Default)]
struct Names {
    numbers: HashMap<String, u32>,
    names: Vec<String>,
}

impl ServiceNames {
    fn names(&self) -> MutexGuard<'_, Names> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// None beyond what a record can hold.
    pub(crate) fn number(&self, name: &str) -> Option<u32> {
        let mut names = self.names();
        if let Some(number) = names.numbers.get(name) {
            return Some(*number);
        }
        let number = u32::try_from(names.names.len()).ok().filter(|number| *number < u32::MAX)?;
        names.numbers.insert(name.to_owned(), number);
        names.names.push(name.to_owned());
        Some(number)
    }

    /// All names so far, where there are more than so many.
    pub(crate) fn beyond(&self, known: usize) -> Option<Vec<String>> {
        let names = self.names();
        (names.names.len() > known).then(|| names.names.clone())
    }
}
