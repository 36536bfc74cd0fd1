//! Faults of JSON text: the places of its values are found, and one of them is replaced.
//!
//! Everything else keeps its bytes. The first value that a fault can change is the one that it changes.

use std::ops::Range;

use crate::contract::json::{write_f64, write_str};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JsonAct {
    IntToFloat,
    /// A float has the precision of 32 bits.
    RoundFloat,
    /// A number is the word `NaN`.
    Nan,
    /// Two keys of an object have changed places.
    KeyOrder,
    DropKey,
    /// A text has lost its second half.
    TruncateText,
    /// A composed character is written as letter and accent, or the other way round.
    NormaliseText,
    /// An array or an object inside an object has lost its content.
    LoseNested,
    /// Two items of the outer array have changed places.
    Reorder,
    DropItem,
    /// The time of an event is cut to microseconds.
    CutTime,
    /// The text has lost its second half.
    Cut,
}

/// Letters with their accents, in the two forms that Unicode calls equal.
const FORMS: [[&str; 2]; 3] = [["ü", "u\u{308}"], ["ö", "o\u{308}"], ["é", "e\u{301}"]];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Object,
    Array,
    Text,
    Int,
    Float,
    Word,
}

/// Where a value lies, with what is in it.
#[derive(Debug)]
struct Node {
    range: Range<usize>,
    kind: Kind,
    /// Members of an object and items of an array; the range of a member begins with its key.
    parts: Vec<(Range<usize>, Node)>,
}

impl JsonAct {
    /// The text with its fault; none where it has nothing that the fault could change.
    pub(super) fn apply(self, text: &str) -> Option<String> {
        if self == Self::Cut {
            let half = (0..=text.len() / 2).rev().find(|at| text.is_char_boundary(*at))?;
            return Some(text[..half].to_owned()).filter(|_| text.len() > 2);
        }
        let root = Scanner { text, at: 0 }.value()?;
        let (range, instead) = match self {
            Self::Reorder => swapped(&root, text)?,
            Self::DropItem if root.kind == Kind::Array => without_first(&root, text)?,
            _ => root.find(&|node| self.replace(node, text))?,
        };
        let mut changed = text.to_owned();
        changed.replace_range(range, &instead);
        (changed != text).then_some(changed)
    }

    /// What stands in the place of a value, or of a part of it.
    fn replace(self, node: &Node, text: &str) -> Option<(Range<usize>, String)> {
        let written = &text[node.range.clone()];
        let instead = match (self, node.kind) {
            (Self::IntToFloat, Kind::Int) => format!("{written}.0"),
            (Self::RoundFloat, Kind::Float) => {
                let number: f64 = written.parse().ok()?;
                let rounded = f64::from(number as f32);
                if rounded.to_bits() == number.to_bits() || !rounded.is_finite() {
                    return None;
                }
                let mut out = String::new();
                write_f64(&mut out, rounded);
                out
            }
            (Self::Nan, Kind::Int | Kind::Float) => "NaN".to_owned(),
            (Self::KeyOrder, Kind::Object) => return swapped(node, text),
            (Self::DropKey, Kind::Object) => return without_first(node, text),
            (Self::LoseNested, Kind::Object) => {
                let nested =
                    node.parts.iter().map(|(_, value)| value).find(|value| !value.parts.is_empty())?;
                let empty = if nested.kind == Kind::Object { "{}" } else { "[]" };
                return Some((nested.range.clone(), empty.to_owned()));
            }
            (Self::TruncateText, Kind::Text) => {
                let text: String = serde_json::from_str(written).ok()?;
                let chars = text.chars().count();
                quoted(&text.chars().take(chars / 2).collect::<String>())
            }
            (Self::NormaliseText, Kind::Text) => normalised(written)?,
            (Self::CutTime, Kind::Object) => {
                let key = "\"timeUnixNano\"";
                let (member, value) =
                    node.parts.iter().find(|(member, _)| text[member.clone()].starts_with(key))?;
                let digits = text[value.range.clone()].trim_matches('"');
                let cut = format!("{}000", digits.get(..digits.len().checked_sub(3)?)?);
                return Some((member.clone(), text[member.clone()].replace(digits, &cut)))
                    .filter(|_| cut != digits);
            }
            _ => return None,
        };
        (instead != written).then(|| (node.range.clone(), instead))
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::new();
    write_str(&mut out, text);
    out
}

fn normalised(text: &str) -> Option<String> {
    let both_ways = FORMS.iter().flat_map(|[one, other]| [[one, other], [other, one]]);
    let mut there = both_ways.filter(|[from, _]| text.contains(**from));
    there.next().map(|[from, to]| text.replacen(from, to, 1))
}

/// The first two parts of a value in each other's place.
fn swapped(node: &Node, text: &str) -> Option<(Range<usize>, String)> {
    let [(first, _), (second, _), ..] = &node.parts[..] else { return None };
    let between = &text[first.end..second.start];
    let instead = format!("{}{between}{}", &text[second.clone()], &text[first.clone()]);
    let range = first.start..second.end;
    (text[range.clone()] != instead).then_some((range, instead))
}

fn without_first(node: &Node, text: &str) -> Option<(Range<usize>, String)> {
    let (first, _) = node.parts.first()?;
    let end = node.parts.get(1).map_or(first.end, |(second, _)| second.start);
    Some((first.start..end, String::new())).filter(|_| !text.is_empty())
}

impl Node {
    /// What `wanted` makes of the first value, from outside to inside, that it takes.
    fn find<T>(&self, wanted: &dyn Fn(&Self) -> Option<T>) -> Option<T> {
        wanted(self).or_else(|| self.parts.iter().find_map(|(_, part)| part.find(wanted)))
    }
}

/// Reads JSON as the stand-in writes it: without spaces, and valid.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn value(&mut self) -> Option<Node> {
        let start = self.at;
        let (kind, parts) = match self.peek()? {
            b'{' => (Kind::Object, self.parts(b'}', true)?),
            b'[' => (Kind::Array, self.parts(b']', false)?),
            b'"' => {
                self.quoted()?;
                (Kind::Text, Vec::new())
            }
            first => {
                while self.peek().is_some_and(|byte| !matches!(byte, b',' | b'}' | b']')) {
                    self.at += 1;
                }
                let is_number = first == b'-' || first.is_ascii_digit();
                let kind = match is_number {
                    true if self.text[start..self.at].contains(['.', 'e', 'E']) => Kind::Float,
                    true => Kind::Int,
                    false => Kind::Word,
                };
                (kind, Vec::new())
            }
        };
        Some(Node { range: start..self.at, kind, parts })
    }

    fn parts(&mut self, end: u8, has_keys: bool) -> Option<Vec<(Range<usize>, Node)>> {
        let mut parts = Vec::new();
        self.at += 1;
        while self.peek()? != end {
            if self.peek() == Some(b',') {
                self.at += 1;
            }
            let start = self.at;
            if has_keys {
                self.quoted()?;
                self.at += 1;
            }
            let value = self.value()?;
            parts.push((start..self.at, value));
        }
        self.at += 1;
        Some(parts)
    }

    fn quoted(&mut self) -> Option<()> {
        self.at += 1;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_is_another_and_the_rest_keeps_its_bytes() {
        let text = r#"{"a":{"b":[1,0.1,"größe"],"c":"\"x\\"},"d":null}"#;
        for (act, expected) in [
            (JsonAct::IntToFloat, r#"{"a":{"b":[1.0,0.1,"größe"],"c":"\"x\\"},"d":null}"#),
            (JsonAct::RoundFloat, r#"{"a":{"b":[1,0.10000000149011612,"größe"],"c":"\"x\\"},"d":null}"#),
            (JsonAct::Nan, r#"{"a":{"b":[NaN,0.1,"größe"],"c":"\"x\\"},"d":null}"#),
            (JsonAct::KeyOrder, r#"{"d":null,"a":{"b":[1,0.1,"größe"],"c":"\"x\\"}}"#),
            (JsonAct::DropKey, r#"{"d":null}"#),
            (JsonAct::TruncateText, r#"{"a":{"b":[1,0.1,"gr"],"c":"\"x\\"},"d":null}"#),
            (
                JsonAct::NormaliseText,
                "{\"a\":{\"b\":[1,0.1,\"gro\u{308}ße\"],\"c\":\"\\\"x\\\\\"},\"d\":null}",
            ),
            (JsonAct::LoseNested, r#"{"a":{},"d":null}"#),
            (JsonAct::Cut, r#"{"a":{"b":[1,0.1,"größe"#),
        ] {
            assert_eq!(act.apply(text).as_deref(), Some(expected), "{act:?}");
        }
        for act in
            [JsonAct::IntToFloat, JsonAct::KeyOrder, JsonAct::DropKey, JsonAct::LoseNested, JsonAct::Cut]
        {
            assert_eq!(act.apply("{}"), None, "{act:?}");
        }
    }

    #[test]
    fn items_of_the_outer_array_move_and_go() {
        let text = r#"[{"timeUnixNano":"1795346058602184438"},{"timeUnixNano":1795346058602184438}]"#;
        let applied = |act: JsonAct| act.apply(text).unwrap();
        assert_eq!(
            applied(JsonAct::Reorder),
            r#"[{"timeUnixNano":1795346058602184438},{"timeUnixNano":"1795346058602184438"}]"#
        );
        assert_eq!(applied(JsonAct::DropItem), r#"[{"timeUnixNano":1795346058602184438}]"#);
        assert_eq!(
            applied(JsonAct::CutTime),
            r#"[{"timeUnixNano":"1795346058602184000"},{"timeUnixNano":1795346058602184438}]"#
        );
        assert_eq!(JsonAct::Reorder.apply(r#"[{"a":1},{"a":1}]"#), None);
        assert_eq!(JsonAct::Reorder.apply("[]"), None);
    }
}
