use std::collections::BTreeSet;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::{
    compare::{Kind, Page, Scope, compare},
    *,
};
use crate::{
    base::clock::unix_nanos,
    checks::tests::{
        bench::Bench,
        indexed::{self, edit, index},
    },
    index::read::{IndexState, read},
    store::{find::find_store, session},
    testing::rest::{Asked, FakeRest, answer},
    wire::rest::{Health, Studio},
};

async fn predicted(bench: &Bench, trace: Option<&str>) -> Prediction {
    let layout = find_store(Some(bench.folder.path())).unwrap();
    let IndexState::Read(index) = read(layout.index().as_deref()) else { panic!("no index") };
    let limits = crate::base::memory::Memory::default().session();
    let pages = trace.map_or(Pages::Services(&[]), Pages::Trace);
    let wanted = Wanted { pages, now: unix_nanos().cast_signed() };
    predict(&layout, &index, wanted, &session::session(limits).unwrap()).await.unwrap()
}

fn counts(prediction: &Prediction) -> (u64, usize, u64, usize) {
    let services = || prediction.services.iter();
    (
        services().map(|page| page.workflows.stored).sum(),
        services().map(|page| page.workflows.shown.len()).sum(),
        services().map(|page| page.agents.stored).sum(),
        services().map(|page| page.agents.shown.len()).sum(),
    )
}

#[tokio::test]
async fn a_healthy_store_is_shown_and_a_file_without_index_is_not() {
    let bench = Bench::of(indexed::STORE.0, indexed::STORE.1);
    index(&bench);
    let healthy = predicted(&bench, None).await;
    let (workflows, shown, agents, shown_agents) = counts(&healthy);
    assert!(!healthy.hides() && workflows > 0 && agents > 0, "{healthy:?}");
    assert_eq!((workflows, agents), (shown as u64, shown_agents as u64));

    edit(&bench, "DELETE FROM parquet_files WHERE file_path LIKE '%30f27668%'");
    let without = predicted(&bench, None).await;
    assert!(without.hides() && counts(&without).1 < shown);
    let reasons: BTreeSet<Hidden> =
        without.services.iter().flat_map(|page| page.workflows.hidden.keys().copied()).collect();
    assert_eq!(reasons, BTreeSet::from([Hidden::NotIndexed]));
    assert_eq!(without.hidden_files.len(), 1);
}

#[tokio::test]
async fn a_trace_opens_by_its_own_entry() {
    let bench = Bench::of(indexed::STORE.0, indexed::STORE.1);
    index(&bench);
    let rows = crate::testing::parquet_rows(&bench.cold(), indexed::STORE.1);
    let trace = rows[0].trace_id.clone();
    let page = predicted(&bench, Some(&trace)).await.traces.remove(0);
    assert!(page.stored > 0 && page.shown == page.stored, "{page:?}");
    edit(&bench, &format!("DELETE FROM trace_files WHERE trace_id = '{trace}'"));
    let page = predicted(&bench, Some(&trace)).await.traces.remove(0);
    assert_eq!(page.hidden, BTreeMap::from([(Hidden::EntryMissing, page.stored)]));
}

#[tokio::test]
async fn rows_of_a_wedged_wal_are_on_no_page() {
    let bench = Bench::of(indexed::STORE.0, indexed::STORE.1);
    index(&bench);
    let before = counts(&predicted(&bench, None).await);
    crate::proof::damages::files::truncate(&bench.segment()).unwrap();
    let wedged = predicted(&bench, None).await;
    assert!(counts(&wedged).1 < before.1, "{wedged:?}");
    let reasons: BTreeSet<Hidden> =
        wedged.services.iter().flat_map(|page| page.workflows.hidden.keys().copied()).collect();
    assert!(reasons.is_subset(&BTreeSet::from([Hidden::WedgedWal])), "{reasons:?}");
}

#[tokio::test]
async fn older_files_fail_the_lists_of_a_newer_backend() {
    let bench = Bench::of("studio-0.80.0", crate::contract::schema::Schema::V1);
    index(&bench);
    assert!(!predicted(&bench, None).await.hides());
    drop(
        crate::standin::indexer::Indexer::open(bench.folder.path(), crate::contract::schema::Schema::V2)
            .unwrap(),
    );
    let prediction = predicted(&bench, None).await;
    let reasons: BTreeSet<Hidden> =
        prediction.services.iter().flat_map(|page| page.workflows.hidden.keys().copied()).collect();
    // What is in the WAL is of the older schema, too, and stops each snapshot.
    assert_eq!(reasons, BTreeSet::from([Hidden::OlderSchema, Hidden::WedgedWal]));
}

/// The answers of a studio that shows what is predicted, by the path of each page.
fn answers(prediction: &Prediction) -> BTreeMap<String, Value> {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let span = |trace: &str, span: &str| json!({"trace_id": trace, "span_id": span, "name": "any"});
    let listed = prediction.services.iter().filter(|page| page.is_listed).map(|page| &page.name);
    let mut answers = BTreeMap::from([("services".to_owned(), json!(listed.collect::<Vec<_>>()))]);
    for page in &prediction.services {
        let rows = page.workflows.shown.iter().map(|one| span(&one.trace_id, &one.span_id));
        answers.insert(format!("services/{}/workflows", encoded(&page.name)), rows.collect());
    }
    for page in &prediction.traces {
        let rows = page.spans.keys().map(|id| span(&page.trace_id, id));
        answers.insert(format!("traces/{}/spans", page.trace_id), rows.collect());
    }
    answers
}

/// What differs where a studio answers so, as page and kind.
async fn differences(prediction: &Prediction, answers: BTreeMap<String, Value>) -> Vec<(String, Kind)> {
    let backend = FakeRest::start(move |asked: &Asked| {
        let page = asked.what.strip_prefix("GET /api/v1/observability/").unwrap();
        match answers.get(page) {
            Some(Value::Number(status)) => answer(status.as_u64().unwrap() as u16, ""),
            Some(rows) => answer(200, &rows.to_string()),
            None => answer(404, ""),
        }
    })
    .await;
    let studio = Studio::at(format!("http://127.0.0.1:{}", backend.port).parse().unwrap()).unwrap();
    let health = Health { version: "0.82.1".to_owned(), app_name: "Junjo AI Studio".to_owned() };
    let found = compare(&studio, &health, prediction, Scope::AllServices).await.unwrap();
    assert_eq!(found.pages, 1 + (prediction.services.len() + prediction.traces.len()) as u64);
    let page = |page: &Page| match page {
        Page::Services => "services".to_owned(),
        Page::Workflows { service } => format!("workflows of {service}"),
        Page::Trace { .. } => "trace".to_owned(),
    };
    found.differences.iter().map(|one| (page(&one.page), one.kind)).collect()
}

/// A page, as it is told, what changes of its answer, and what is found then.
type Case<'c> = (&'c str, &'c str, &'c dyn Fn(&mut Value), Kind);

#[tokio::test]
async fn what_a_studio_shows_otherwise_is_told_by_page_and_kind() {
    let bench = Bench::of(indexed::STORE.0, indexed::STORE.1);
    index(&bench);
    let layout = find_store(Some(bench.folder.path())).unwrap();
    let IndexState::Read(index) = read(layout.index().as_deref()) else { panic!("no index") };
    let limits = crate::base::memory::Memory::default().session();
    let wanted = Wanted { pages: Pages::Sampled(&[]), now: unix_nanos().cast_signed() };
    let session = session::session(limits).unwrap();
    let prediction = predict(&layout, &index, wanted, &session).await.unwrap();
    let right = answers(&prediction);
    assert!((9..=SAMPLED).contains(&prediction.traces.len()), "of each file more than two");
    assert_eq!(differences(&prediction, right.clone()).await, []);

    let with_rows = |part: &str| {
        let page =
            right.iter().find(|(page, rows)| page.ends_with(part) && rows.as_array().unwrap().len() > 1);
        page.unwrap_or_else(|| panic!("no page of {part}")).0.clone()
    };
    let (list, trace) = (with_rows("/workflows"), with_rows("/spans"));
    let service = prediction.services.iter().find(|page| page.workflows.shown.len() > 1).unwrap();
    let of_list = format!("workflows of {}", service.name);
    let changed = |page: &str, change: &dyn Fn(&mut Value)| {
        let mut answers = right.clone();
        change(answers.get_mut(page).unwrap());
        answers
    };
    let rows = |rows: &mut Value, change: &dyn Fn(&mut Vec<Value>)| change(rows.as_array_mut().unwrap());
    let stranger = json!({"trace_id": "aa", "span_id": "bb"});
    let cases: [Case<'_>; 9] = [
        ("services", "services", &|page| rows(page, &|rows| drop(rows.remove(0))), Kind::NotShown),
        ("services", "services", &|page| rows(page, &|rows| rows.push(json!("who?"))), Kind::NotPredicted),
        ("services", "services", &|page| *page = json!(503), Kind::Failed),
        (&list, &of_list, &|page| rows(page, &|rows| drop(rows.remove(0))), Kind::NotShown),
        (&list, &of_list, &|page| rows(page, &|rows| rows.push(stranger.clone())), Kind::NotPredicted),
        (&list, &of_list, &|page| *page = json!(500), Kind::Failed),
        (&trace, "trace", &|page| rows(page, &|rows| drop(rows.remove(0))), Kind::NotShown),
        (&trace, "trace", &|page| rows(page, &|rows| rows.push(stranger.clone())), Kind::NotPredicted),
        (&trace, "trace", &|page| rows(page, &|rows| rows.push(rows[0].clone())), Kind::Repeated),
    ];
    for (page, told, change, kind) in cases {
        let found = differences(&prediction, changed(page, change)).await;
        assert_eq!(found, [(told.to_owned(), kind)], "{page}");
    }
}

#[tokio::test]
async fn a_page_that_fails_as_predicted_is_no_difference() {
    let bench = Bench::of(indexed::STORE.0, indexed::STORE.1);
    index(&bench);
    let file = bench.cold();
    let bytes = std::fs::read(&file).unwrap();
    let damaged: Vec<u8> = bytes
        .iter()
        .enumerate()
        .map(|(at, byte)| if (40..400).contains(&at) { !byte } else { *byte })
        .collect();
    std::fs::write(&file, damaged).unwrap();
    let prediction = predicted(&bench, None).await;
    let failing: Vec<&ServicePage> =
        prediction.services.iter().filter(|page| page.workflows.failure.is_some()).collect();
    assert!(!failing.is_empty() && failing.iter().all(|page| page.workflows.shown.is_empty()));
    assert!(failing.len() < prediction.services.len(), "other services have files of their own");
    let mut answers = answers(&prediction);
    for page in &failing {
        let name = utf8_percent_encode(&page.name, NON_ALPHANUMERIC);
        answers.insert(format!("services/{name}/workflows"), json!(500));
    }
    assert_eq!(differences(&prediction, answers.clone()).await, []);
    let name = utf8_percent_encode(&failing[0].name, NON_ALPHANUMERIC);
    answers.insert(format!("services/{name}/workflows"), json!([]));
    assert_eq!(
        differences(&prediction, answers).await,
        [(format!("workflows of {}", failing[0].name), Kind::Answered)]
    );
}

/// Both limits are of the real backend: see the figures beside the rules.
#[tokio::test]
async fn odd_names_and_durations_fail_the_pages_that_read_them() {
    let bench = Bench::of(indexed::STORE.0, indexed::STORE.1);
    let mut services = Vec::new();
    bench.change_cold(|rows| {
        services = [&rows[0], rows.last().unwrap()].map(|row| row.service_name.clone()).to_vec();
        assert_ne!(services[0], services[1]);
        let (first, last) = (services[0].clone(), services[1].clone());
        for row in rows.iter_mut().filter(|row| row.service_name == first) {
            row.service_name = "two\nlines".to_owned();
        }
        let mut of_last = rows.iter_mut().filter(|row| row.service_name == last);
        of_last.next().unwrap().duration_ns = i64::MIN;
        of_last.next().unwrap().duration_ns = i64::MAX;
    });
    index(&bench);
    let prediction = predicted(&bench, None).await;
    let failure =
        |name: &str| prediction.services.iter().find(|page| page.name == name).unwrap().workflows.failure;
    assert_eq!(failure("two\nlines"), Some(Hidden::LineBreak));
    assert_eq!(failure(&services[1]), Some(Hidden::WholeRange));
    std::fs::remove_dir_all(bench.folder.path().join("spans/wal")).unwrap();
    let without_snapshot = predicted(&bench, None).await;
    let page = without_snapshot.services.iter().find(|page| page.name == services[1]).unwrap();
    assert_eq!(page.workflows.failure, None, "only a page of two tiers counts the numbers");
}
