//! Rows that are known by their pieces: cut out of two workflows that differ in all that may differ.

use std::sync::{
    OnceLock,
    atomic::{AtomicU32, Ordering},
};

use opentelemetry_proto::tonic::trace::v1::Span;

use super::{Filling, RowTemplate};
use crate::contract::{loss::Lost, mapping, otlp::Cells, row::Row, schema::Schema};

/// A template of which two rows say the same, with what the store cannot hold of its spans.
#[derive(Debug, PartialEq)]
pub(in crate::traffic) struct KnownRow {
    template: RowTemplate,
    pub(in crate::traffic) lost: Lost,
}

impl KnownRow {
    /// None where the rows of two spans are not cut alike: then a hole is taken for something fixed, or the other way
    /// round. The fillings [stand alone](stands_alone) and [are apart](are_apart).
    pub(in crate::traffic) fn of(
        spans: [&Span; 2],
        fillings: [&impl Filling; 2],
        schema: Schema,
    ) -> Option<Self> {
        let cut = |index: usize| {
            let mut row = Row::default();
            mapping::write_span(spans[index], schema, &mut row);
            let template = RowTemplate::cut(&row, fillings[index]);
            Self { template, lost: Lost::of(spans[index], schema) }
        };
        let known = cut(0);
        (known == cut(1)).then_some(known)
    }

    pub(in crate::traffic) fn is(&self, stored: &Cells<'_>, filling: &impl Filling) -> bool {
        self.template.is(stored, filling)
    }
}

/// Rows that are made known when they have been asked for often enough for it to pay.
#[derive(Debug)]
pub(in crate::traffic) struct Earned<T> {
    asked: AtomicU32,
    made: OnceLock<T>,
}

impl<T> Earned<T> {
    pub(in crate::traffic) const fn new() -> Self {
        Self { asked: AtomicU32::new(0), made: OnceLock::new() }
    }

    /// None for the first times.
    pub(in crate::traffic) fn get(&self, price: u32, make: impl FnOnce() -> T) -> Option<&T> {
        let ready = self.made.get();
        if ready.is_some() || self.asked.fetch_add(1, Ordering::Relaxed) < price {
            return ready;
        }
        Some(self.made.get_or_init(make))
    }
}

/// Whether every text is another one, and none is so short that it stands in many places.
pub(in crate::traffic) fn stands_alone(filling: &impl Filling) -> bool {
    let mut texts: Vec<_> = (0..filling.texts()).map(|hole| filling.text(hole)).collect();
    texts.sort_unstable();
    texts.iter().all(|text| text.len() > 1) && texts.windows(2).all(|pair| pair[0] != pair[1])
}

/// Whether two fillings have no text in common: what both of their rows are cut into are the holes then, since nothing
/// fixed is both values of one.
pub(in crate::traffic) fn are_apart(one: &impl Filling, other: &impl Filling) -> bool {
    let texts = one.texts();
    texts == other.texts() && (0..texts).all(|hole| one.text(hole) != other.text(hole))
}
