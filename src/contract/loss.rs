//! The declared-loss profile: what the store's schema cannot hold, by design (contract, section 3).
//!
//! A loss of this list is no finding; one that is not in it is. So is one that did not happen: then the
//! profile is out of date, or somebody else wrote the row.

use std::{
    collections::HashSet,
    ops::{AddAssign, BitOr},
};

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::Span,
};

use super::schema::Schema;

/// The losses of one span.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Lost(u8);

/// A kind of loss: a code for programs, and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Loss {
    pub(crate) code: &'static str,
    pub(crate) text: &'static str,
}

/// How many spans have which loss.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Losses([u64; Lost::NAMED.len()]);

impl Lost {
    /// The instrumentation scope and both schema URLs.
    pub(crate) const SCOPE: Self = Self(1);
    pub(crate) const BYTES: Self = Self(1 << 1);
    pub(crate) const NON_FINITE: Self = Self(1 << 2);
    pub(crate) const VALUELESS: Self = Self(1 << 3);
    pub(crate) const REPEATED_KEY: Self = Self(1 << 4);
    /// Links, flags, trace state and loss counters, where schema 1 has no column for them.
    pub(crate) const NO_COLUMN: Self = Self(1 << 5);

    const NAMED: [(Self, Loss); 6] = [
        (Self::SCOPE, Loss { code: "scope", text: "instrumentation scope and schema URLs are not stored" }),
        (Self::BYTES, Loss { code: "bytes", text: "bytes become hex text" }),
        (Self::NON_FINITE, Loss { code: "non_finite", text: "NaN and infinities become null" }),
        (Self::VALUELESS, Loss { code: "valueless", text: "what has no value becomes null, or is dropped" }),
        (Self::REPEATED_KEY, Loss { code: "repeated_key", text: "of a repeated key the last value stays" }),
        (
            Self::NO_COLUMN,
            Loss {
                code: "no_column",
                text: "links, flags, trace state and loss counters have no column in schema 1",
            },
        ),
    ];

    /// All kinds of loss.
    pub(crate) fn kinds() -> impl Iterator<Item = Loss> {
        Self::NAMED.iter().map(|(_, loss)| *loss)
    }

    pub(crate) fn any(self) -> bool {
        self.0 != 0
    }

    /// What of a span has no place in a row of this schema.
    pub(crate) fn of(span: &Span, schema: Schema) -> Self {
        let mut lost = Self::SCOPE | Self::of_attributes(&span.attributes);
        for attributes in span.events.iter().map(|event| &event.attributes) {
            lost = lost | Self::of_attributes(attributes);
        }
        let counters = [span.dropped_attributes_count, span.dropped_events_count, span.dropped_links_count];
        let linked = !span.links.is_empty() || !span.trace_state.is_empty();
        match schema {
            Schema::V1 if linked || span.flags != 0 || counters != [0; 3] => lost | Self::NO_COLUMN,
            Schema::V1 => lost,
            Schema::V2 => {
                span.links.iter().fold(lost, |lost, link| lost | Self::of_attributes(&link.attributes))
            }
        }
    }

    pub(crate) fn of_attributes(attributes: &[KeyValue]) -> Self {
        let lost = if repeats_a_key(attributes) { Self::REPEATED_KEY } else { Self::default() };
        let values = attributes.iter().map(|pair| pair.value.as_ref());
        values.fold(lost, |lost, value| lost | value.map_or(Self::VALUELESS, Self::of_value))
    }

    fn of_value(value: &AnyValue) -> Self {
        match &value.value {
            Some(Value::BytesValue(_)) => Self::BYTES,
            Some(Value::DoubleValue(number)) if !number.is_finite() => Self::NON_FINITE,
            Some(Value::ArrayValue(array)) => {
                array.values.iter().fold(Self::default(), |lost, item| lost | Self::of_value(item))
            }
            Some(Value::KvlistValue(list)) => Self::of_attributes(&list.values),
            Some(Value::StringValueStrindex(_)) | None => Self::VALUELESS,
            Some(_) => Self::default(),
        }
    }
}

fn repeats_a_key(attributes: &[KeyValue]) -> bool {
    /// So many are held against each other.
    const FEW: usize = 16;
    if attributes.len() <= FEW {
        let repeats = |index: usize| attributes[..index].iter().any(|one| one.key == attributes[index].key);
        return (1..attributes.len()).any(repeats);
    }
    let mut keys = HashSet::with_capacity(attributes.len());
    !attributes.iter().all(|pair| keys.insert(pair.key.as_str()))
}

impl BitOr for Lost {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Losses {
    pub(crate) const KINDS: usize = Lost::NAMED.len();

    /// By kind, in the order of their codes.
    pub(crate) fn of(counts: [u64; Self::KINDS]) -> Self {
        Self(counts)
    }

    pub(crate) fn counts(self) -> [u64; Self::KINDS] {
        self.0
    }

    pub(crate) fn count(&mut self, lost: Lost) {
        for (spans, (loss, _)) in self.0.iter_mut().zip(Lost::NAMED) {
            *spans += u64::from(lost.0 & loss.0 != 0);
        }
    }

    /// Each kind of loss, and how many spans have it.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&'static Loss, u64)> {
        Lost::NAMED.iter().map(|(_, loss)| loss).zip(self.0)
    }
}

impl AddAssign for Losses {
    fn add_assign(&mut self, other: Self) {
        for (spans, more) in self.0.iter_mut().zip(other.0) {
            *spans += more;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(key: &str, value: Option<Value>) -> KeyValue {
        KeyValue {
            key: key.to_owned(),
            value: value.map(|value| AnyValue { value: Some(value) }),
            ..KeyValue::default()
        }
    }

    #[test]
    fn each_loss_is_seen_wherever_it_is() {
        let plain =
            Span { attributes: vec![pair("a", Some(Value::IntValue(1)))], flags: 256, ..Span::default() };
        assert_eq!(Lost::of(&plain, Schema::V2), Lost::SCOPE);
        assert_eq!(Lost::of(&plain, Schema::V1), Lost::SCOPE | Lost::NO_COLUMN);
        for (attributes, loss) in [
            (vec![pair("a", Some(Value::BytesValue(vec![1])))], Lost::BYTES),
            (vec![pair("a", Some(Value::DoubleValue(f64::NAN)))], Lost::NON_FINITE),
            (vec![pair("a", None)], Lost::VALUELESS),
            (
                vec![pair("a", Some(Value::IntValue(1))), pair("a", Some(Value::IntValue(2)))],
                Lost::REPEATED_KEY,
            ),
        ] {
            assert_eq!(Lost::of_attributes(&attributes), loss);
        }
        let mut losses = Losses::default();
        losses.count(Lost::SCOPE | Lost::BYTES);
        losses.count(Lost::SCOPE);
        assert_eq!(losses.named().map(|(_, spans)| spans).collect::<Vec<_>>(), [2, 1, 0, 0, 0, 0]);
    }
}
