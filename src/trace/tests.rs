use std::{
    fs,
    path::{Path, PathBuf},
};

use insta::assert_snapshot;
use tempfile::TempDir;

use super::{
    fetch::{Fetched, fetch},
    find::find,
    *,
};
use crate::{
    report::{
        paint::{Color, Paint},
        trace::{self as report, Look},
    },
    span::{row::Row, schema::Schema},
    store::{
        layout::Layout,
        session::{self, Limits},
    },
    testing::{copy_tree, files, fixture, parquet_rows, write_parquet},
};

const SESSION: Limits = Limits { memory: 64 << 20, partitions: 1, batch_rows: 1_024 };

const FULL: &str = "d1efba3c84ed7638c7c1ed907f48968b";
const FAILED: &str = "e4a89b89197cfbd48073be70ca8ef34f";
const CANCELLED: &str = "e0f70f0e1bb87700f3fa96815a03c7ba";
const AGENT_IN_A_NODE: &str = "f6c25871bb29139b8d153f97877a55a2";
const LEGACY_FAILED: &str = "1b10a8b824b56769bb63950e5c362220";

async fn read(store: &Path, id: &str) -> Trace {
    let context = session::session(SESSION).unwrap().task_ctx();
    let mut found = find(&Layout::find(Some(store)).unwrap(), id, &context).await.unwrap();
    assert_eq!(found.traces.keys().collect::<Vec<_>>(), [id]);
    let hits = found.traces.remove(id).unwrap();
    let Fetched::Rows { rows, unread } = fetch(&hits, &context).await else { panic!("nothing moves here") };
    found.unread.extend(unread);
    Trace::new(id.to_owned(), rows, found.unread)
}

/// The trace as it is printed.
fn printed(trace: &Trace, width: usize) -> String {
    let look = Look { paint: Paint::for_stdout(Color::Never), width: Some(width), limit: 99 };
    let mut out = Vec::new();
    report::print(&mut out, trace, &look).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(
        text.lines().all(|line| line.chars().count() <= width || line.contains("parquet/")),
        "{width}: {text}"
    );
    text
}

/// A copy of a golden store; `change` gets the rows of its last cold file.
fn planted(change: impl FnOnce(&mut Vec<Row>)) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let spans = dir.path().join("spans");
    copy_tree(&fixture("studio-0.82.1/spans"), &spans);
    let file = files(&spans.join("parquet"), ".parquet").pop().unwrap();
    let mut rows = parquet_rows(&file, Schema::V2);
    change(&mut rows);
    write_parquet(&file, &rows, Schema::V2);
    (dir, spans)
}

fn span<'r>(rows: &'r mut [Row], trace: &str, name: &str) -> &'r mut Row {
    rows.iter_mut().find(|row| row.trace_id == trace && row.name == name).unwrap()
}

#[tokio::test]
async fn subflows_and_concurrent_nodes_at_80_columns() {
    let trace = read(&fixture("studio-0.82.1"), FULL).await;
    assert_snapshot!(printed(&trace, 80), @"");
}

#[tokio::test]
async fn a_failed_workflow_at_200_columns() {
    let trace = read(&fixture("studio-0.82.1"), FAILED).await;
    assert_snapshot!(printed(&trace, 200), @"");
}

#[tokio::test]
async fn a_cancelled_workflow() {
    let trace = read(&fixture("studio-0.82.1"), CANCELLED).await;
    assert_snapshot!(printed(&trace, 100), @"");
}

#[tokio::test]
async fn an_agent_in_a_node() {
    let trace = read(&fixture("studio-0.82.1"), AGENT_IN_A_NODE).await;
    assert_snapshot!(printed(&trace, 120), @"");
}

#[tokio::test]
async fn a_failed_workflow_of_the_older_schema() {
    let trace = read(&fixture("studio-0.80.0"), LEGACY_FAILED).await;
    assert_snapshot!(printed(&trace, 100), @"");
}

/// Every store of the golden traces replays to the state that its owner recorded.
#[tokio::test]
async fn all_golden_stores_replay() {
    for studio in ["studio-0.82.1", "studio-0.80.0"] {
        let context = session::session(SESSION).unwrap().task_ctx();
        let found = find(&Layout::find(Some(&fixture(studio))).unwrap(), "", &context).await.unwrap();
        let mut transitions = 0;
        for id in found.traces.keys() {
            let trace = read(&fixture(studio), id).await;
            for store in &trace.stores {
                assert_eq!(store.end, state::End::AsRecorded, "{studio} {id} {store:?}");
                transitions += store.transitions.len();
            }
        }
        assert!(transitions > 20, "{studio}: {transitions}");
    }
}

#[tokio::test]
async fn a_missing_parent_is_a_gap_above_its_children() {
    let (_dir, spans) = planted(|rows| rows.retain(|row| row.trace_id != FULL || row.name != "ConcSub"));
    let trace = read(&spans, FULL).await;
    assert_snapshot!(printed(&trace, 80), @"");
}

#[tokio::test]
async fn a_circle_of_parents_is_drawn_once_and_ends() {
    let (_dir, spans) = planted(|rows| {
        let last = span(rows, FAILED, "Slow").span_id.clone();
        span(rows, FAILED, "RC").parent_span_id = Some(last);
        let itself = span(rows, FAILED, "A").span_id.clone();
        span(rows, FAILED, "A").parent_span_id = Some(itself);
    });
    let trace = read(&spans, FAILED).await;
    assert_eq!(trace.spans.len(), 5);
    assert_snapshot!(printed(&trace, 100), @"");
}

#[tokio::test]
async fn a_span_in_two_tiers_is_one_line_with_both_places() {
    let (_dir, spans) = planted(|_| {});
    let segment = files(&spans.join("wal"), ".ipc").swap_remove(0);
    let rows = crate::testing::segment_rows(&segment, Schema::V2);
    let id = rows[0].trace_id.clone();
    let mut copies: Vec<Row> = rows.into_iter().filter(|row| row.trace_id == id).collect();
    copies[0].name.push_str(" changed");
    let folder = spans.join("parquet/year=2026/month=11/day=22");
    write_parquet(&folder.join("20261122_111425_00000001.parquet"), &copies[..2], Schema::V2);
    let trace = read(&spans, &id).await;
    assert_eq!(trace.spans.len(), 7);
    let text = printed(&trace, 120);
    let told = |line: &&str| line.contains("note") || line.contains("c1:") || line.contains("copies");
    assert_snapshot!(text.lines().filter(told).collect::<Vec<_>>().join("\n"), @"");
}

#[tokio::test]
async fn several_roots_and_a_patch_that_does_not_apply_are_told() {
    let (_dir, spans) = planted(|rows| {
        let node = span(rows, FULL, "A");
        node.parent_span_id = None;
        node.events = node.events.replace(r#"\"path\":\"/n\""#, r#"\"path\":\"/no/way\""#);
    });
    let trace = read(&spans, FULL).await;
    let text = printed(&trace, 100);
    let told =
        |line: &&str| ["note", "does not apply", "stores", " ? → "].iter().any(|word| line.contains(word));
    assert_snapshot!(text.lines().filter(told).collect::<Vec<_>>().join("\n"), @"");
}

/// A file that cannot be read may hold rows of the trace: it is told, and does not end the search.
#[tokio::test]
async fn a_damaged_file_is_told_and_the_rest_is_shown() {
    let (_dir, spans) = planted(|_| {});
    let other = files(&spans.join("parquet"), ".parquet").swap_remove(0);
    fs::write(&other, &fs::read(&other).unwrap()[..9_000]).unwrap();
    let trace = read(&spans, CANCELLED).await;
    let text = printed(&trace, 100);
    assert!(text.contains("rows of this trace may lie in what could not be read"), "{text}");
    assert_eq!((trace.spans.len(), trace.unread.len()), (2, 1));
}

/// A long chain is drawn without recursion, and no deeper than a line is wide.
#[tokio::test]
async fn a_chain_of_ten_thousand_spans_is_drawn() {
    let row = |place: u32| fetch::StoredRow {
        place: Place { tier: Tier::Cold, file: "a".to_owned(), row: place.into() },
        schema: Schema::V2,
        row: Row {
            span_id: format!("{place:016x}"),
            parent_span_id: (place > 1).then(|| format!("{:016x}", place - 1)),
            trace_id: "t".to_owned(),
            attributes: "{}".to_owned(),
            events: "[]".to_owned(),
            start_time: i64::from(place),
            end_time: 20_000,
            ..Row::default()
        },
    };
    let trace = Trace::new("t".to_owned(), (1..=10_000).map(row).collect(), Vec::new());
    assert_eq!(trace.lines.len(), 10_000);
    printed(&trace, 80);
}
