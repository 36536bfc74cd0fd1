//! Which faults there are, and what they hit. That an audit finds them is `selftest`'s to show.

use std::collections::BTreeSet;

use super::*;
use crate::checks::catalog::built_in;

#[test]
fn names_are_unique_and_checks_are_known() {
    let names: BTreeSet<&str> = catalogue().iter().map(|fault| fault.name.as_str()).collect();
    assert_eq!(names.len(), catalogue().len());
    let known: BTreeSet<String> = built_in().unwrap().into_iter().map(|check| check.id).collect();
    for fault in catalogue() {
        let expected = fault.expected();
        let checks = [expected.all, expected.any, expected.also, fault.shown_by_structure()].concat();
        assert!(checks.iter().all(|check| known.contains(*check)), "{}: {checks:?}", fault.name);
        assert!(fault.name.chars().all(|char| char.is_ascii_lowercase() || char == '-'), "{}", fault.name);
    }
}

/// The ids of the spans that a rate hits.
fn hit(seed: u64, specs: &[&str]) -> Vec<Hit> {
    let specs: Vec<FaultSpec> = specs.iter().map(|spec| spec.parse().unwrap()).collect();
    let faults = Faults::new(&specs, seed);
    let row = |number: u32| Row { span_id: format!("{number:016x}"), ..Row::default() };
    faults.spans(&(0..200).map(row).collect::<Vec<_>>());
    faults.strikes().remove(0).hits
}

#[test]
fn a_seed_decides_what_a_rate_hits_whatever_else_is_armed() {
    let alone = hit(1, &["drop-span=0.1"]);
    assert!((5..50).contains(&alone.len()), "{}", alone.len());
    assert_eq!(hit(1, &["drop-span=0.1"]), alone);
    assert_eq!(hit(1, &["drop-span=0.1", "alter-name=0.5", "restart@3"]), alone);
    assert_ne!(hit(2, &["drop-span=0.1"]), alone);
    assert_eq!(hit(1, &["drop-span@7"]).len(), 1);
    assert_eq!(hit(1, &["drop-span=1"]).len(), 200);
}

#[test]
fn two_spans_swap_and_the_others_stay() {
    let specs = ["swap-service-names@1".parse().unwrap()];
    let row = |name: &str| Row { service_name: name.to_owned(), ..Row::default() };
    let rows = ["a", "a", "b", "b"].map(row);
    let changed = Faults::new(&specs, 0).spans(&rows).into_owned();
    assert_eq!(changed, ["b", "a", "a", "b"].map(row));
}
