//! Keys of JSON objects that were met before, and what each means to whoever reads them.
//!
//! Objects that one program writes have the same keys in the same order. A key is guessed by the one before it and told
//! by one comparison of its text; what it means, and whether it rises, is looked up once.

use std::collections::HashMap;

use super::object_shape::{Member, Shapes};

/// More different keys than this are not learned.
const MOST: usize = 4096;

/// What stands before the first key.
pub(super) const START: usize = 0;
/// The last key that was not learned.
const OTHER: usize = 1;

/// Keys with a meaning `T` each.
#[derive(Debug)]
pub(crate) struct KnownKeys<T> {
    keys: Vec<KnownKey<T>>,
    by_name: HashMap<String, usize>,
    meaning: fn(&str) -> T,
    shapes: Shapes,
}

#[derive(Debug)]
struct KnownKey<T> {
    name: String,
    /// As it stands in compact JSON, with its quotes and the colon.
    json: Vec<u8>,
    means: T,
    /// The last two keys that came behind it, and whether their names rise.
    next: [Option<(usize, bool)>; 2],
}

impl<T> KnownKey<T> {
    fn new(name: &str, meaning: fn(&str) -> T) -> Self {
        let json = format!("\"{name}\":").into_bytes();
        Self { name: name.to_owned(), json, means: meaning(name), next: [None; 2] }
    }
}

impl<T> KnownKeys<T> {
    pub(crate) fn new(meaning: fn(&str) -> T) -> Self {
        let unnamed = || KnownKey::new("", meaning);
        let keys = vec![unnamed(), unnamed()];
        Self { keys, by_name: HashMap::new(), meaning, shapes: Shapes::new() }
    }

    pub(super) fn meaning(&self, key: usize) -> &T {
        &self.keys[key].means
    }

    /// Whether an object is written like one before; then `entry` gets its members.
    pub(super) fn is_alike<'t>(&mut self, text: &'t str, mut entry: impl FnMut(&T, &'t str)) -> bool {
        let members = self.shapes.members(text.as_bytes());
        for (key, value) in members.into_iter().flatten() {
            entry(&self.keys[*key].means, &text[value.clone()]);
        }
        members.is_some()
    }

    /// Takes an object in the studio's own form.
    pub(super) fn learn_object(&mut self, text: &str, members: &[Member]) {
        if members.iter().all(|(key, _)| *key != OTHER) {
            self.shapes.learn(text.as_bytes(), members);
        }
    }

    /// The key that `text` begins with, if it came behind `last` before: whether it rises, and the length of its JSON.
    pub(super) fn guess(&self, last: usize, text: &[u8]) -> Option<(usize, bool, usize)> {
        self.keys[last].next.iter().flatten().find_map(|&(key, rises)| {
            let json = &self.keys[key].json;
            text.starts_with(json).then_some((key, rises, json.len()))
        })
    }

    /// Takes a key that stands behind `last`, and whether it rises; `is_plain` if no character of it is escaped.
    pub(super) fn learn(&mut self, last: usize, name: &str, is_plain: bool) -> (usize, bool) {
        let rises = last == START || *self.keys[last].name < *name;
        let known = self.by_name.get(name).copied();
        if known.is_none() && (!is_plain || self.keys.len() >= MOST) {
            self.keys[OTHER] = KnownKey::new(name, self.meaning);
            return (OTHER, rises);
        }
        let key = known.unwrap_or_else(|| {
            self.keys.push(KnownKey::new(name, self.meaning));
            self.by_name.insert(name.to_owned(), self.keys.len() - 1);
            self.keys.len() - 1
        });
        if last != OTHER {
            let next = &mut self.keys[last].next;
            *next = [Some((key, rises)), next[0]];
        }
        (key, rises)
    }
}
