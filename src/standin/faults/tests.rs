//! Faults from outside: each is planted into a run, and an audit finds it, where it was.

use std::collections::BTreeSet;

use super::*;
use crate::{
    audit::report::AuditReport,
    checks::catalog::built_in,
    testing::trial::{Trial, findings},
};

/// Once, behind the first export: what is changed then is there in every run.
fn once(fault: &'static Fault) -> FaultSpec {
    let trigger = match fault.opportunity() {
        "export" => Trigger::Nth(5),
        "span" => Trigger::Nth(1),
        _ => fault.trigger,
    };
    FaultSpec { fault, trigger }
}

/// The spans that a check names.
fn named(report: &AuditReport, check: &str) -> BTreeSet<String> {
    let samples = report.evidence.get(check).into_iter().flat_map(|evidence| &evidence.samples);
    samples.filter_map(|sample| sample.text("span_id")).collect()
}

/// What is wrong with the findings of a trial.
fn judge(
    trial: &Trial,
    planned: &AuditReport,
    by_structure: Option<&AuditReport>,
    clean: &AuditReport,
) -> Vec<String> {
    let strikes = trial.strikes.as_ref().unwrap();
    let (fault, expected) = (strikes.fault, strikes.fault.expected());
    let mut wrong = Vec::new();
    if strikes.hits.is_empty() {
        wrong.push(format!("did not strike, of {} opportunities", strikes.opportunities));
    }
    let found = findings(planned);
    let any: Vec<_> = expected.any.iter().filter(|check| found.contains_key(**check)).collect();
    let is_known =
        |check: &str| [expected.all, expected.any, expected.also].iter().any(|of| of.contains(&check));
    let complete = expected.all.iter().all(|check| found.contains_key(*check))
        && any.is_empty() == expected.any.is_empty()
        && found.keys().all(|check| is_known(check));
    if !complete {
        wrong.push(format!("{found:?}, not {expected:?}"));
    }
    let before = findings(clean);
    let structure = by_structure.map(findings).unwrap_or_default();
    for check in fault.shown_by_structure() {
        if structure.get(*check) <= before.get(*check) {
            wrong.push(format!("by structure no {check}: {structure:?}"));
        }
    }
    let hit: BTreeSet<String> =
        strikes.hits.iter().flat_map(|hit| &hit.spans).map(|span| span.span_id.clone()).collect();
    let primary = expected.all.iter().chain(expected.any).map(|check| named(planned, check));
    let told: BTreeSet<String> = primary.flatten().collect();
    let file = strikes.hits.iter().find_map(|hit| hit.file.as_ref()?.file_name()?.to_str());
    if !hit.is_empty() && !told.is_empty() && !hit.is_subset(&told) {
        wrong.push(format!("names {told:?}, not {hit:?}"));
    }
    let samples = planned.evidence.values().flat_map(|evidence| &evidence.samples);
    let files: BTreeSet<String> = samples.filter_map(|sample| sample.text("file")).collect();
    let is_named = |file: &str| files.iter().any(|named| named.ends_with(file));
    if told.is_empty() && !files.is_empty() && file.is_some_and(|file| !is_named(file)) {
        wrong.push(format!("names {files:?}, not {file:?}"));
    }
    wrong.into_iter().map(|what| format!("{}: {what}", fault.name)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_is_found_by_its_checks_where_it_was() {
    let clean = Trial::of(None, 7).await;
    assert_eq!(findings(&clean.audit("all").await).len(), 0);
    let clean = clean.audit("none").await;
    let mut wrong = Vec::new();
    let only = std::env::var("E2E_STORE_FAULTS").unwrap_or_default();
    for fault in catalogue().iter().filter(|fault| fault.name.contains(&only)) {
        let trial = Trial::of(Some(once(fault)), 7).await;
        let planned = trial.audit("all").await;
        let shown = !fault.shown_by_structure().is_empty();
        let by_structure = if shown { Some(trial.audit("none").await) } else { None };
        wrong.extend(judge(&trial, &planned, by_structure.as_ref(), &clean));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

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
