//! Objects that are written like one that was read: only characters of texts and digits of whole numbers differ.
//!
//! Such an object is in the studio's own form if that one is, and its members lie at the same places. One pass over its
//! bytes, many at a time, tells.

use std::{collections::HashMap, ops::Range};

use super::json::needs_escape;
use crate::base::credit::Credit;

/// Bytes of the longest object that is kept, and of all together.
const LONGEST: usize = 1 << 16;
const MOST_BYTES: usize = 1 << 20;

/// Lengths that are remembered.
const MOST_LENGTHS: usize = 1 << 12;

/// Bytes that are compared together.
const BLOCK: usize = 32;

/// What may stand in the place of a byte: only the same, any plain character of a text, a digit, or a digit but zero.
const SAME: u8 = 0;
const PLAIN: u8 = 1;
const DIGIT: u8 = 2;
const FIRST_DIGIT: u8 = 3;

/// An object that was read.
#[derive(Debug)]
struct Shape {
    text: Vec<u8>,
    kinds: Vec<u8>,
    members: Vec<Member>,
}

/// The number of a key, and where its value lies.
pub(super) type Member = (usize, Range<usize>);

/// The last objects by their lengths. Where few are alike none are kept any more.
#[derive(Debug)]
pub(super) struct Shapes {
    /// The second object of a length is kept.
    by_length: HashMap<usize, Option<Shape>>,
    bytes: usize,
    credit: Credit,
}

impl Shapes {
    pub(super) fn new() -> Self {
        Self { by_length: HashMap::new(), bytes: 0, credit: Credit::default() }
    }

    /// The members of an object that is written like one before.
    pub(super) fn members(&mut self, text: &[u8]) -> Option<&[Member]> {
        let shape = self.by_length.get(&text.len())?.as_ref()?;
        if !shape.is_of(text) {
            return None;
        }
        self.credit.earn();
        Some(&shape.members)
    }

    /// Takes an object in the studio's own form.
    pub(super) fn learn(&mut self, text: &[u8], members: &[Member]) {
        if !self.credit.is_enough() || text.len() > LONGEST {
            return;
        }
        if self.bytes > MOST_BYTES || self.by_length.len() > MOST_LENGTHS {
            (self.bytes, self.by_length) = (0, HashMap::new());
        }
        match self.by_length.get_mut(&text.len()) {
            None => drop(self.by_length.insert(text.len(), None)),
            Some(kept) => {
                self.credit.spend();
                self.bytes += if kept.is_none() { 2 * text.len() } else { 0 };
                *kept = Some(Shape::new(text, members));
            }
        }
    }
}

impl Shape {
    fn new(text: &[u8], members: &[Member]) -> Self {
        let mut kinds = vec![SAME; text.len()];
        for (_, range) in members {
            let (value, kinds) = (&text[range.clone()], &mut kinds[range.clone()]);
            if value.iter().all(u8::is_ascii_digit) {
                kinds.fill(DIGIT);
                kinds[0] = if value.len() > 1 { FIRST_DIGIT } else { DIGIT };
            } else if value.starts_with(b"\"") && !value.windows(2).any(|pair| pair == b"\\u") {
                // What follows a backslash is part of an escape.
                for (kind, pair) in kinds[1..].iter_mut().zip(value.windows(2)) {
                    *kind = if !needs_escape(pair[1]) && pair[0] != b'\\' { PLAIN } else { SAME };
                }
            }
        }
        Self { text: text.to_owned(), kinds, members: members.to_owned() }
    }

    fn is_of(&self, text: &[u8]) -> bool {
        let (blocks, rest) = text.as_chunks::<BLOCK>();
        let (kept_blocks, kept_rest) = self.text.as_chunks::<BLOCK>();
        let (kinds, kinds_rest) = self.kinds.as_chunks::<BLOCK>();
        let mut pairs = blocks.iter().zip(kept_blocks).zip(kinds);
        text.len() == self.text.len()
            && pairs.all(|((block, kept), kinds)| block == kept || fits(block, kept, kinds))
            && fits(rest, kept_rest, kinds_rest)
    }
}

/// Whether each byte may stand where the kept one does.
fn fits(bytes: &[u8], kept: &[u8], kinds: &[u8]) -> bool {
    // Numbers instead of conditions, and no early stop: whole blocks are compared at once.
    let misfits = bytes.iter().zip(kept).zip(kinds).fold(0, |misfits, ((byte, kept), kind)| {
        let [plain, digit, first_digit] = [PLAIN, DIGIT, FIRST_DIGIT].map(|of| u8::from(*kind == of));
        let special = u8::from(needs_escape(*byte));
        let no_digit = u8::from(byte.wrapping_sub(b'0') > 9);
        let may_differ =
            plain & !special | digit & !no_digit | first_digit & !(no_digit | u8::from(*byte == b'0'));
        misfits | u8::from(byte != kept) & !may_differ
    });
    misfits & 1 == 0
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::Index};

    use crate::contract::{
        json_form::{self, Form},
        known_keys::KnownKeys,
    };

    const OBJECT: &str = concat!(
        r#"{"a":"0123 plain text that is longer than a block","b":105,"c":7,"d":"\"x\":1,\n\\ \u001f","#,
        r#""e":{"f":[1,2.5,-3]},"g":-4,"h":"\"nested\" and é","i":null,"j":true}"#
    );

    proptest! {
        /// Whatever differs from an object that is known is read as if nothing were known.
        #[test]
        fn what_is_alike_is_what_reads_alike(
            changes in proptest::collection::vec((any::<Index>(), r#"[0-9a-z"\\{}:,\[\].\-\u{1} ]"#), 0..4),
        ) {
            let mut keys = KnownKeys::new(str::to_owned);
            let mut read = |text: &str| {
                let (mut known, mut all) = (Vec::new(), Vec::new());
                let of_known =
                    json_form::object_of(text, &mut keys, |key, value| known.push((key.clone(), value.to_owned())));
                let of_all = json_form::object(text, |key, value| all.push((key.to_owned(), value.to_owned())));
                ((of_known, known), (of_all, all))
            };
            for _ in 0..2 {
                let (known, all) = read(OBJECT);
                prop_assert_eq!(known.0, (Form::Canonical, true));
                prop_assert_eq!(known, all);
            }
            let mut text = OBJECT.to_owned();
            for (at, other) in changes {
                let (at, char) = *at.get(&text.char_indices().collect::<Vec<_>>());
                text.replace_range(at..at + char.len_utf8(), &other);
            }
            let (known, all) = read(&text);
            prop_assert_eq!(known, all, "{}", text);
        }
    }
}
