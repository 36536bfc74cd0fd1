//! What every trace of Junjo's must satisfy (`junjo-telemetry`, section 10), over many seeds.
//!
//! Written against the spans alone, as an auditor would see them, and without the code that makes
//! them.

use std::collections::BTreeMap;

use proptest::prelude::*;

use self::trace::{Trace, traces};
use crate::traffic::{
    dice::Dice,
    profile::{Profile, Telemetry},
};

mod graph;
mod outcome;
mod store;
pub(crate) mod trace;

/// The profiles whose spans are all Junjo's, and end before their root.
const PROFILES: [Profile; 7] = [
    Profile::GettingStarted,
    Profile::E2e,
    Profile::Composite,
    Profile::Failing,
    Profile::Cancelled,
    Profile::Loop,
    Profile::FanOut,
];

/// What SDK 0.66.0 computed for the same declarations.
#[test]
fn structural_ids_are_those_of_the_sdk() {
    let traces = traces(Telemetry::Current, 1, 1);
    let flows = traces.iter().flat_map(Trace::flows);
    let ids: BTreeMap<_, _> =
        flows.map(|(_, flow)| (&flow.span.name[..], flow.text("junjo.executable_structural_id"))).collect();
    let expected = [
        ("CreditSubflow", "graph_51f7c245a670f2c305a0ecfa29f355dd"),
        ("E2E Test Workflow", "graph_16e52b16c7fad3adcffe6a4acfdd985a"),
        ("Getting Started Example Workflow", "graph_59aa3c388303e52b343f532839a4e97c"),
        ("Offer Workflow", "graph_720167b44ab49c6176080aa61fbc74aa"),
        ("Order Workflow", "graph_33a9a63f8c7f06d282bdd283350c964d"),
        ("Polling Workflow", "graph_5796d28da83493bbc55587a64a1802d0"),
        ("Research Workflow", "graph_820c541fae1f433470136816fa331045"),
        ("ReviewSubflow", "graph_2c08b4a07c421a7506a9f006aa10d2d6"),
        ("SampleSubflow", "graph_75378a2fdd744b4e18c5cd9d9f93468f"),
        ("ShippingSubflow", "graph_57e59bd0bc20435e5290ffe5332ac92b"),
        ("SummarySubflow", "graph_4c3d9b172740de1a0f0f448e5a2c14b5"),
        ("demo_base_workflow", "graph_35f4bfa3706a46d6e66bcf2907a3a4fb"),
    ];
    assert_eq!(ids, BTreeMap::from(expected));
}

proptest! {
    #[test]
    fn current_traces_satisfy_every_rule(seed: u64, turn in 0..10_u64) {
        for trace in traces(Telemetry::Current, seed, turn) {
            trace.check_keys();
            trace.check_times();
            trace.check_parents();
            store::check(&trace);
            graph::check(&trace);
            outcome::check(&trace);
        }
    }

    #[test]
    fn legacy_traces_satisfy_the_rules_of_their_time(seed: u64, turn in 0..10_u64) {
        for trace in traces(Telemetry::Legacy, seed, turn) {
            trace.check_keys();
            trace.check_times();
            trace.check_legacy_parents();
            store::check_legacy(&trace);
            graph::check_legacy(&trace);
            outcome::check_legacy(&trace);
        }
    }

    #[test]
    fn no_workflow_takes_longer_than_its_profile_says(seed: u64) {
        for telemetry in [Telemetry::Current, Telemetry::Legacy] {
            for Trace { spans, profile, .. } in traces(telemetry, seed, 1) {
                let root = &spans[spans.len() - 1].span;
                let duration = root.end_time_unix_nano - root.start_time_unix_nano;
                prop_assert!(duration <= profile.longest(), "{profile:?} takes {duration} ns");
            }
        }
    }
}
