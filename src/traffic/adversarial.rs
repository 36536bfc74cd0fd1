//! Edge values of every field that OTLP has, every two of them together in some span.
//!
//! Each span takes one row of a covering array, and its workflow's number says which. The rows go
//! round after [`WORKFLOWS`] workflows; since that is a prime, the workflows that a mix picks at even
//! distances come to all rows, too. Resources and service names are odd beside it.

use super::{
    dice::Dice,
    place::Place,
    recorded::{self, Draft, Recorded},
};

mod attributes;
mod cases;
mod covering;
mod events;
mod links;
pub(crate) mod names;
pub(crate) mod resource;
pub(super) mod rows;
mod texts;
mod values;

/// Spans in one workflow.
const SPANS: usize = 6;

/// By position: the children of a span. All below the root, each below the next, and a tree.
const SHAPES: [[usize; SPANS]; 3] = [[0, 0, 0, 0, 0, 5], [0, 1, 1, 1, 1, 1], [0, 0, 2, 0, 1, 2]];

pub(crate) const VARIANTS: u32 = SHAPES.len() as u32;

/// So many workflows in a row have all pairs of edge values between them.
pub(crate) const WORKFLOWS: u64 = 149;

/// How far a planned time may lie after its workflow's start, in nanoseconds.
pub(crate) const LONGEST: u64 = 2_500_000;

/// The spans of one workflow.
pub(crate) fn record(place: &Place<'_>, mut dice: Dice) -> Vec<Recorded> {
    let first = first_row(place);
    let mut roots: Vec<Draft> = Vec::new();
    for (position, children) in SHAPES[place.variant as usize].into_iter().enumerate() {
        let drawn = cases::draw(first + position, place.start_time, &mut dice);
        let mut draft = cases::draft(first + position, &drawn);
        draft.children = roots.split_off(roots.len() - children);
        roots.push(draft);
    }
    let root = roots.pop().expect("the last span of each shape has all others below it");
    recorded::record(root, place)
}

/// The row of the covering array that a workflow's first span takes.
fn first_row(place: &Place<'_>) -> usize {
    (place.workflow % WORKFLOWS) as usize * SPANS
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::{
        common::v1::{KeyValue, any_value::Value},
        trace::v1::Span,
    };
    use prost::Message;
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::traffic::{
        ids::{self, RunId},
        profile::Telemetry,
    };

    fn workflow(number: u64) -> Vec<Recorded> {
        let place = Place {
            run: RunId::from_bits(0x7f3a_0000_0001),
            workflow: number,
            service: "service",
            peer: "peer",
            turn: number,
            variant: (number % u64::from(VARIANTS)) as u32,
            telemetry: Telemetry::Current,
            start_time: 1_795_346_058_000_000_000,
        };
        record(&place, Dice::at(42, number))
    }

    #[test]
    fn a_prime_number_of_workflows_has_all_rows() {
        let rows = cases::ROWS.len() as u64;
        let least = rows.div_ceil(SPANS as u64);
        let prime = |number: &u64| (2..*number).all(|divisor| !number.is_multiple_of(divisor));
        assert_eq!((least..2 * least).find(prime), Some(WORKFLOWS), "{rows} rows need {least} workflows");
        let about = crate::traffic::profile::Profile::Adversarial.about();
        assert!(about.contains(&format!("{WORKFLOWS} workflows")));
    }

    #[test]
    fn shapes_are_trees() {
        for children in SHAPES {
            let mut roots = 0;
            for count in children {
                assert!(count <= roots);
                roots = roots - count + 1;
            }
            assert_eq!(roots, 1);
        }
    }

    #[test]
    fn ids_parents_and_tags_are_never_odd() {
        for number in 0..WORKFLOWS {
            let spans = workflow(number);
            for (position, Recorded { span, .. }) in spans.iter().enumerate() {
                let run = RunId::from_bits(0x7f3a_0000_0001);
                assert_eq!(span.trace_id, ids::trace_id(run, number));
                assert_eq!(span.span_id, ids::span_id(run, number, position as u32));
                let parent = spans.iter().position(|other| other.span.span_id == span.parent_span_id);
                let root = position + 1 == SPANS;
                assert_eq!(span.parent_span_id.is_empty(), root);
                assert!(root || parent.is_some_and(|parent| parent > position));
                let keys = span.attributes.iter().map(|pair| pair.key.as_str());
                let tags: Vec<_> = keys.filter(|key| key.starts_with("e2e.")).collect();
                assert_eq!(tags, ["e2e.run", "e2e.service", "e2e.span", "e2e.workflow"]);
            }
        }
    }

    /// The studio takes up to 4 MiB of one export, and an SDK's exporter puts 512 spans in one.
    #[test]
    fn a_workflow_and_any_full_batch_fit_an_export() {
        let of_span = |recorded: &Recorded| recorded.span.encoded_len() + recorded.scope.scope.encoded_len();
        let of_workflow = |number| workflow(number).iter().map(of_span).sum::<usize>();
        let mut sizes: Vec<usize> = (0..WORKFLOWS).map(of_workflow).collect();
        sizes.sort_unstable();
        assert!(sizes.iter().all(|size| *size < 1 << 20), "{sizes:?}");
        // A stream comes to no workflow's spans again before it has been through all, whichever it takes.
        let largest: usize = sizes.iter().rev().take(512 / SPANS + 2).sum();
        assert!(largest < 4_000_000, "{largest}");
    }

    #[test]
    fn some_texts_have_64_kib() {
        let spans: Vec<_> = (0..WORKFLOWS).flat_map(workflow).map(|recorded| recorded.span).collect();
        let very_long = |text: &str| text.len() == 65_536;
        let value = |pair: &KeyValue| match pair.value.as_ref().and_then(|any| any.value.as_ref()) {
            Some(Value::StringValue(text)) => very_long(text),
            Some(Value::BytesValue(bytes)) => bytes.len() == 65_536,
            _ => false,
        };
        let some = |is: &dyn Fn(&Span) -> bool| spans.iter().filter(|span| is(span)).count();
        let counts = [
            some(&|span| very_long(&span.name)),
            some(&|span| span.attributes.iter().any(value)),
            some(&|span| span.status.as_ref().is_some_and(|status| very_long(&status.message))),
            some(&|span| span.events.iter().any(|event| very_long(&event.name))),
        ];
        assert!(counts.iter().all(|count| (1..20).contains(count)), "{counts:?}");
    }

    #[test]
    fn plan_version_1_makes_these_bytes_for_ever() {
        let mut digest = Sha256::new();
        for recorded in (0..2 * WORKFLOWS).flat_map(workflow) {
            digest.update(recorded.span.encode_to_vec());
            digest.update(recorded.scope.scope.encode_to_vec());
        }
        insta::assert_snapshot!(const_hex::encode(digest.finalize()), @"09840ec0d7dc8c763de1d986ba8fbcc81144ed94d0dd6b65ad5106649c790b97");
    }
}
