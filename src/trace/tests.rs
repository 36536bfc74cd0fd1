use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use datafusion::arrow::{
    array::{Array, ArrayRef, RecordBatch, new_null_array},
    datatypes::FieldRef,
};
use insta::assert_snapshot;
use tempfile::TempDir;

use super::{
    fetch::{Fetched, fetch},
    find::{Search, Unread, find},
    *,
};
use crate::{
    audit::{AuditOptions, examine},
    base::memory::{Limits, Memory},
    checks::catalog::built_in,
    contract::{columns, mapping, row::Row, schema::Schema},
    judge::runs::choose_runs,
    report::{trace as report, trace::Look},
    store::{footer::Statistics, layout::Layout, problem::FileProblem, session},
    testing::{
        copy_tree, files, fixture, parquet_rows, raise_least_trace_id, write_batch, write_parquet,
        write_uncompressed,
    },
    text::paint::{Color, Paint},
};

const SESSION: Limits = Limits { memory: 64 << 20, partitions: 1, batch_rows: 1_024 };

const FULL: &str = "d1efba3c84ed7638c7c1ed907f48968b";
const FAILED: &str = "e4a89b89197cfbd48073be70ca8ef34f";
const CANCELLED: &str = "e0f70f0e1bb87700f3fa96815a03c7ba";
const AGENT_IN_A_NODE: &str = "f6c25871bb29139b8d153f97877a55a2";
const LEGACY_FAILED: &str = "1b10a8b824b56769bb63950e5c362220";

async fn read(store: &Path, id: &str) -> Trace {
    let context = session::session(SESSION).unwrap().task_ctx();
    let mut found = find(&Layout::find(Some(store)).unwrap(), &Search::of(id, &context)).await.unwrap();
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
    assert_snapshot!(printed(&trace, 80), @r#"
    trace    d1efba3c84ed7638c7c1ed907f48968b
             12 spans of orders-full, 6.1 ms from 2026-11-22T11:14:19.162Z
    files    c1 parquet/year=2026/month=11/day=22/20261122_111421_00a45fa4.parquet
             12 rows

    span           service      status  where    took  0                      6.1 ms
    Parent WF      orders-full  unset   c1:11  6.1 ms  █████████████████████████████
    ├─ A           orders-full  unset   c1:0   754 µs   ███
    │       inc on PStore, revision 0 to 1
    │         ~ /n  0 → 1
    │       set_n on PStore, revision 1 to 1: nothing visible changed
    ├─ Fan Out     orders-full  unset   c1:6   2.7 ms       █████████████
    │  ├─ B        orders-full  unset   c1:4   2.5 ms        ███████████
    │  │       add_item on PStore, revision 3 to 4
    │  │         + /items/1  "b"
    │  ├─ C        orders-full  unset   c1:1   350 µs        ██
    │  │       add_item on PStore, revision 1 to 2
    │  │         + /items/0  "c"
    │  └─ ConcSub  orders-full  unset   c1:5   1.6 ms            ████████
    │     │    set_x on SStore, revision 0 to 1
    │     │      ~ /x  null → "pre"
    │     │    set_sub on PStore, revision 2 to 3
    │     │      ~ /sub  null → "y!"
    │     │    set_x on SStore, revision 2 to 3
    │     │      ~ /x  "pre" → "post"
    │     ├─ S1    orders-full  unset   c1:2   247 µs             ██
    │     │       set_y on SStore, revision 1 to 2
    │     │         ~ /y  null → "y!"
    │     └─ S2    orders-full  unset   c1:3    38 µs               █
    ├─ Sub         orders-full  unset   c1:9   1.3 ms                      ██████
    │  │    set_x on SStore, revision 0 to 1
    │  │      ~ /x  null → "pre"
    │  │    set_sub on PStore, revision 4 to 4: nothing visible changed
    │  │    set_x on SStore, revision 2 to 3
    │  │      ~ /x  "pre" → "post"
    │  ├─ S1       orders-full  unset   c1:7   229 µs                        █
    │  │       set_y on SStore, revision 1 to 2
    │  │         ~ /y  null → "y!"
    │  └─ S2       orders-full  unset   c1:8    35 µs                         █
    └─ Last        orders-full  unset   c1:10  261 µs                            █
            service on PStore, revision 4 to 5
              ~ /n  1 → 99

    stores   PStore iOrXCVR7JSmKJMS8lrGF9: 7 changes, they lead to the recorded end
             SStore HBFDnKxu5gweA74jaWNVV: 3 changes, they lead to the recorded end
             SStore GH9ACh1Gvr2vUxpVISb2b: 3 changes, they lead to the recorded end
    "#);
}

#[tokio::test]
async fn a_failed_workflow_at_200_columns() {
    let trace = read(&fixture("studio-0.82.1"), FAILED).await;
    assert_snapshot!(printed(&trace, 200), @"
    trace    e4a89b89197cfbd48073be70ca8ef34f
             5 spans of orders-fail, 4.7 ms from 2026-11-22T11:14:19.502Z
    files    c1  parquet/year=2026/month=11/day=22/20261122_111421_00a45fa4.parquet  5 rows

    span        service      status     where    took  0                                                                                                                                              4.7 ms
    Fail WF     orders-fail  ERROR      c1:16  4.7 ms  █████████████████████████████████████████████████████████████████████████████████████████████████████████████████████████████████████████████████████
    │    status: kaboom
    │    exception: ValueError: kaboom
    ├─ A        orders-fail  unset      c1:12  857 µs         ███████████████████████████
    │       inc on PStore, revision 0 to 1
    │         ~ /n  0 → 1
    │       set_n on PStore, revision 1 to 1: nothing visible changed
    └─ RC       orders-fail  ERROR      c1:15  2.1 ms                                        ██████████████████████████████████████████████████████████████████
       │    status: kaboom
       │    exception: ValueError: kaboom
       ├─ Boom  orders-fail  ERROR      c1:13  851 µs                                             ███████████████████████████
       │       status: kaboom
       │       exception: ValueError: kaboom
       └─ Slow  orders-fail  cancelled  c1:14  171 µs                                                                           ██████

    stores   PStore QGttp8nefCMvr4UiaAOFL: 2 changes, they lead to the recorded end
    ");
}

#[tokio::test]
async fn a_cancelled_workflow() {
    let trace = read(&fixture("studio-0.82.1"), CANCELLED).await;
    assert_snapshot!(printed(&trace, 100), @"
    trace    e0f70f0e1bb87700f3fa96815a03c7ba
             2 spans of orders-cancel, 50.2 ms from 2026-11-22T11:14:19.810Z
    files    c1  parquet/year=2026/month=11/day=22/20261122_111421_00a45fa4.parquet  2 rows

    span       service        status     where     took  0                                       50.2 ms
    Cancel WF  orders-cancel  cancelled  c1:18  50.2 ms  ███████████████████████████████████████████████
    └─ Slow    orders-cancel  cancelled  c1:17  49.6 ms  ██████████████████████████████████████████████

    stores   framk6km4OYRyurT0Peav: 0 changes, they lead to the recorded end
    ");
}

#[tokio::test]
async fn an_agent_in_a_node() {
    let trace = read(&fixture("studio-0.82.1"), AGENT_IN_A_NODE).await;
    assert_snapshot!(printed(&trace, 120), @r#"
    trace    f6c25871bb29139b8d153f97877a55a2
             4 spans of agent-innode, 14.1 ms from 2026-11-22T11:14:20.847Z
    files    c1  parquet/year=2026/month=11/day=22/20261122_111421_00a45fa4.parquet  4 rows

    span                      service       status  where     took  0                                                14.1 ms
    Outer                     agent-innode  unset   c1:32  14.1 ms  ████████████████████████████████████████████████████████
    └─ AN                     agent-innode  unset   c1:31  13.7 ms  ███████████████████████████████████████████████████████
       │    set_v on NStore, revision 0 to 1
       │      ~ /v  0 → 1
       └─ Demo Agent          agent-innode  unset   c1:30   7.5 ms                          ██████████████████████████████
          │    commit_success on AgentStore, revision 2 to 3
          │      + /transcript/1  {"output":{"answer":"done"},"type":"assistant_output"}
          │      ~ /final_output_available  false → true
          │      ~ /final_output  null → {"answer":"done"}
          │      ~ /terminal_reason  null → "final_output"
          └─ model request 1  agent-innode  unset   c1:29   3.3 ms                                ██████████████
                  record_model_start on AgentStore, revision 0 to 1
                    ~ /model_iteration  0 → 1
                    ~ /model_request_count  0 → 1
                  record_model_response on AgentStore, revision 1 to 2
                    ~ /usage/modelResponses  0 → 1
                    + /usage/fields/inputTokens  {"observations":1,"sum":10}
                    + /usage/fields/outputTokens  {"observations":1,"sum":4}
                    + /usage/fields/totalTokens  {"observations":1,"sum":14}

    stores   AgentStore Sv7mSbK0iJ917Kb6Deaui: 3 changes, they lead to the recorded end
             NStore hqk0JhyQO9XysGumLHQye: 1 change, they lead to the recorded end
    "#);
}

#[tokio::test]
async fn a_failed_workflow_of_the_older_schema() {
    let trace = read(&fixture("studio-0.80.0"), LEGACY_FAILED).await;
    assert_snapshot!(printed(&trace, 100), @r#"
    trace    1b10a8b824b56769bb63950e5c362220
             8 spans of legacy-gamma, 4.6 ms from 2026-11-22T11:14:25.264Z
    files    w1  wal/batch_1795346065404657582_0003.ipc  8 rows
             h1  hot_snapshot.parquet  8 rows

    span        service       status  where        took  0                                        4.6 ms
    Parent WF   legacy-gamma  ERROR   w1:7 h1:7  4.6 ms  ███████████████████████████████████████████████
    │    status: ValueError: boom
    │    exception: ValueError: boom
    │    exception: ValueError: boom
    ├─ A        legacy-gamma  unset   w1:0 h1:0  300 µs     ███
    │       set_n on PStore
    │         ~ /n  0 → 1
    │       set_n on PStore: nothing visible changed
    ├─ Fan Out  legacy-gamma  unset   w1:2 h1:2  360 µs         ███
    │  └─ B     legacy-gamma  unset   w1:1 h1:1  224 µs          ██
    │          set_n on PStore
    │            ~ /n  1 → 2
    ├─ My Sub   legacy-gamma  unset   w1:5 h1:5  615 µs              ██████
    │  │    set_sub on PStore
    │  │      ~ /sub  null → "z"
    │  ├─ S1    legacy-gamma  unset   w1:3 h1:3  109 µs                █
    │  │       set_x on SStore
    │  │         ~ /x  null → "y"
    │  └─ S1    legacy-gamma  unset   w1:4 h1:4   42 µs                 █
    │          set_x on SStore: nothing visible changed
    └─ Last     legacy-gamma  ERROR   w1:6 h1:6  1.7 ms                     ██████████████████
            status: ValueError: boom
            exception: ValueError: boom
            exception: ValueError: boom

    stores   PStore xwYm3CQdmfhsPNyjsjSha: 4 changes, they lead to the recorded end
             SStore hQNLiiGSHiNDcloP8mPXH: 2 changes, they lead to the recorded end
    "#);
}

/// Every store of the golden traces replays to the state that its owner recorded.
#[tokio::test]
async fn all_golden_stores_replay() {
    for studio in ["studio-0.82.1", "studio-0.80.0"] {
        let context = session::session(SESSION).unwrap().task_ctx();
        let found =
            find(&Layout::find(Some(&fixture(studio))).unwrap(), &Search::of("", &context)).await.unwrap();
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
    assert_snapshot!(printed(&trace, 80), @r#"
    trace    d1efba3c84ed7638c7c1ed907f48968b
             11 spans of orders-full, 6.1 ms from 2026-11-22T11:14:19.162Z
    files    c1 parquet/year=2026/month=11/day=22/20261122_111421_00a45fa4.parquet
             11 rows
    note     1 parent is not stored

    span              service      status  where    took  0                   6.1 ms
    Parent WF         orders-full  unset   c1:10  6.1 ms  ██████████████████████████
    ├─ A              orders-full  unset   c1:0   754 µs   ███
    │       inc on PStore, revision 0 to 1
    │         ~ /n  0 → 1
    │       set_n on PStore, revision 1 to 1: nothing visible changed
    ├─ Fan Out        orders-full  unset   c1:5   2.7 ms      ████████████
    │  ├─ B           orders-full  unset   c1:4   2.5 ms       ██████████
    │  │       add_item on PStore, revision 3 to 4
    │  │         + /items/1  "b"
    │  └─ C           orders-full  unset   c1:1   350 µs       ██
    │          add_item on PStore, revision 1 to 2
    │            + /items/0  "c"
    ├─ Sub            orders-full  unset   c1:8   1.3 ms                    █████
    │  │    set_x on SStore, revision 0 to 1
    │  │      ~ /x  null → "pre"
    │  │    set_sub on PStore, revision 4 to 4: nothing visible changed
    │  │    set_x on SStore, revision 2 to 3
    │  │      ~ /x  "pre" → "post"
    │  ├─ S1          orders-full  unset   c1:6   229 µs                      █
    │  │       set_y on SStore, revision 1 to 2
    │  │         ~ /y  null → "y!"
    │  └─ S2          orders-full  unset   c1:7    35 µs                       █
    └─ Last           orders-full  unset   c1:9   261 µs                         █
            service on PStore, revision 4 to 5
              ~ /n  1 → 99
    (165244844669dc69 is not stored)
    ├─ S1             orders-full  unset   c1:2   247 µs            █
    │       set_y on SStore, revision 1 to 2
    │         ~ /y  ? → "y!"
    └─ S2             orders-full  unset   c1:3    38 µs              █

    stores   PStore iOrXCVR7JSmKJMS8lrGF9: 6 of 7 changes, they do not lead to the
             recorded end
             SStore HBFDnKxu5gweA74jaWNVV: 1 change, its owner is not stored
             SStore GH9ACh1Gvr2vUxpVISb2b: 3 changes, they lead to the recorded end
    "#);
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
    assert_snapshot!(printed(&trace, 100), @"
    trace    e4a89b89197cfbd48073be70ca8ef34f
             5 spans of orders-fail, 4.7 ms from 2026-11-22T11:14:19.502Z
    files    c1  parquet/year=2026/month=11/day=22/20261122_111421_00a45fa4.parquet  5 rows
    note     parents lead back to where they began: 2 circles

    span                              service      status     where    took  0                    4.7 ms
    Fail WF                           orders-fail  ERROR      c1:16  4.7 ms  ███████████████████████████
         status: kaboom
         exception: ValueError: kaboom
    A (its parents lead back to it)   orders-fail  unset      c1:12  857 µs   █████
         inc on PStore, revision 0 to 1
           ~ /n  0 → 1
         set_n on PStore, revision 1 to 1: nothing visible changed
    RC (its parents lead back to it)  orders-fail  ERROR      c1:15  2.1 ms        ████████████
    │    status: kaboom
    │    exception: ValueError: kaboom
    ├─ Boom                           orders-fail  ERROR      c1:13  851 µs         █████
    │       status: kaboom
    │       exception: ValueError: kaboom
    └─ Slow                           orders-fail  cancelled  c1:14  171 µs               █

    stores   PStore QGttp8nefCMvr4UiaAOFL: 2 changes, they lead to the recorded end
    ");
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
    assert_snapshot!(text.lines().filter(told).collect::<Vec<_>>().join("\n"), @"
    note     2 spans stored more than once (copies in the hot snapshot are not counted)
    note     1 span whose copies differ
    ├─ FirstNode changed     clever-blue-whale  unset   c1:0 +2       75 µs   █
    │       copies at c1:0, w1:0, h1:0
    │       its copies differ in name
    ├─ SimulatedRagResponse  clever-blue-whale  unset   c1:1 +2      658 µs    ████
    │       copies at c1:1, w1:1, h1:1
    ");
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
    assert_snapshot!(text.lines().filter(told).collect::<Vec<_>>().join("\n"), @r#"
    note     2 roots
    │     │      ~ /sub  ? → "y!"
              ~ /n  ? → 99
           ~ /no/way  ? → 1
           the patch does not apply: path is invalid
    stores   PStore iOrXCVR7JSmKJMS8lrGF9: 7 changes, where they lead is unknown
    "#);
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

/// A null is told apart from the default that stands for it.
#[tokio::test]
async fn a_value_that_is_not_there_is_told_and_the_span_left_out_of_otlp() {
    let (_dir, spans) = planted(|_| {});
    let file = files(&spans.join("parquet"), ".parquet").pop().unwrap();
    let batch = columns::batch(&parquet_rows(&file, Schema::V2), Schema::V2).unwrap();
    let schema = batch.schema();
    let column = |(field, array): (&FieldRef, &ArrayRef)| {
        let nulls = || new_null_array(field.data_type(), array.len());
        let array = if field.name() == "name" { nulls() } else { Arc::clone(array) };
        (field.name().clone(), array, true)
    };
    let columns = schema.fields().iter().zip(batch.columns()).map(column);
    write_batch(&file, &RecordBatch::try_from_iter_with_nullable(columns.collect::<Vec<_>>()).unwrap());
    let trace = read(&spans, CANCELLED).await;
    assert!(trace.spans.iter().all(|span| span.absent == ["name"]), "{trace:?}");
    let look = Look { paint: Paint::for_stdout(Color::Never), width: None, limit: 99 };
    let mut out = Vec::new();
    report::print(&mut out, &trace, &look).unwrap();
    assert!(String::from_utf8(out).unwrap().contains("no value for name"));
    assert_eq!(otlp::request(&trace).1.len(), trace.spans.len());
}

/// Statistics hide rows from those alone who trust them.
#[tokio::test]
async fn a_false_statistic_hides_nothing_unless_it_is_trusted() {
    let mut least = String::new();
    let (_dir, spans) = planted(|rows| {
        least = rows.iter().map(|row| row.trace_id.clone()).min().unwrap();
    });
    let file = files(&spans.join("parquet"), ".parquet").pop().unwrap();
    raise_least_trace_id(&file, &least);
    let layout = Layout::find(Some(&file)).unwrap();
    let context = session::session(SESSION).unwrap().task_ctx();
    let found = find(&layout, &Search::of(&least, &context)).await.unwrap();
    assert_eq!(found.traces.keys().collect::<Vec<_>>(), [&least]);
    let trusting = Search { statistics: Statistics::Trusted, ..Search::of(&least, &context) };
    assert_eq!(find(&layout, &trusting).await.unwrap().traces.len(), 0);
}

#[tokio::test]
async fn a_trace_whose_rows_do_not_decode_is_told_and_not_made_up() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.parquet");
    let row = Row { trace_id: FULL.to_owned(), name: "not a text".to_owned(), ..Row::default() };
    write_uncompressed(&file, &[row], Schema::V2);
    let mut bytes = fs::read(&file).unwrap();
    let name = b"not a text";
    for at in (0..bytes.len()).rev() {
        if bytes[at..].starts_with(name) {
            bytes[at] = 0xff;
        }
    }
    fs::write(&file, bytes).unwrap();
    let context = session::session(SESSION).unwrap().task_ctx();
    let found = find(&Layout::find(Some(&file)).unwrap(), &Search::of(FULL, &context)).await.unwrap();
    let Fetched::Rows { rows, unread } = fetch(&found.traces[FULL], &context).await else {
        panic!("nothing moves here")
    };
    assert_eq!(rows.len(), 0);
    assert!(matches!(unread[..], [Unread { why: FileProblem::Undecodable(_), .. }]), "{unread:?}");
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
        absent: Vec::new(),
    };
    let trace = Trace::new("t".to_owned(), (1..=10_000).map(row).collect(), Vec::new());
    assert_eq!(trace.lines.len(), 10_000);
    printed(&trace, 80);
}

#[tokio::test]
async fn a_trace_as_otlp_is_stored_as_the_rows_that_it_was() {
    let traces = [
        ("studio-0.82.1", Schema::V2, [FULL, FAILED, CANCELLED, AGENT_IN_A_NODE].as_slice()),
        ("studio-0.80.0", Schema::V1, &[LEGACY_FAILED]),
    ];
    for (store, schema, ids) in traces {
        for id in ids {
            let trace = read(&fixture(store), id).await;
            let (request, left_out) = otlp::request(&trace);
            assert_eq!(left_out, []);
            let shown: Vec<Row> = trace.spans.iter().map(|span| span.row.clone()).collect();
            assert_eq!(mapping::rows(&request.resource_spans, schema), shown, "{id}");
        }
    }
}

#[tokio::test]
async fn a_row_that_is_no_span_is_left_out_of_otlp_and_named() {
    let (_dir, spans) = planted(|rows| {
        rows.iter_mut().find(|row| row.trace_id == FAILED).unwrap().attributes = "{".to_owned();
    });
    let trace = read(&spans, FAILED).await;
    let (request, left_out) = otlp::request(&trace);
    let sent = mapping::rows(&request.resource_spans, Schema::V2);
    assert_eq!(sent.len() + 1, trace.spans.len());
    let [otlp::LeftOut { span_id, .. }] = left_out[..] else { panic!("{left_out:?}") };
    assert!(sent.iter().all(|row| row.span_id != span_id));
    let broken = trace.spans.iter().find(|span| span.row.span_id == span_id).unwrap();
    assert_eq!(broken.broken, ["attributes"]);
}

/// The tree has the marks that the report of an audit has, at the same spans.
#[tokio::test]
async fn findings_stand_below_their_spans_as_in_the_report_of_an_audit() {
    let healthy = Layout::find(Some(&fixture("studio-0.82.1"))).unwrap();
    let found = findings::find(&healthy, FULL, Memory::default()).await.unwrap();
    assert_eq!(found.len(), 0, "a healthy trace has no mark");

    let (_dir, spans) = planted(|rows| {
        rows.retain(|row| row.trace_id != FULL || row.name != "S2");
        rows.retain(|row| row.trace_id != CANCELLED || row.parent_span_id.is_none());
    });
    let layout = Layout::find(Some(&spans)).unwrap();
    let runs = choose_runs(&spans, "none", &layout).unwrap();
    let report = examine(&layout, &runs, AuditOptions::of(built_in().unwrap()), |_| {}).await.unwrap();
    let execution = report.executions.iter().find(|one| one.trace_id == FULL).unwrap();
    let of_audit: BTreeSet<&str> =
        execution.tree.iter().flat_map(|line| &line.findings).map(|mark| mark.id.as_str()).collect();

    let mut trace = read(&spans, FULL).await;
    trace.findings = findings::find(&layout, FULL, Memory::default()).await.unwrap();
    trace.indexed_store = Some("a store".into());
    let of_trace: BTreeSet<&str> = trace.findings.values().flatten().map(|mark| mark.id.as_str()).collect();
    assert!(of_audit.is_subset(&of_trace) && !of_audit.is_empty(), "{of_audit:?} {of_trace:?}");

    let text = printed(&trace, 200);
    let told = |line: &&str| line.contains("FAIL") || line.contains("evidence") || line.contains("page ");
    assert_snapshot!(text.lines().filter(told).collect::<Vec<_>>().join("\n"), @"
    note     2 findings of Junjo's own evidence, at its places below
    page     e2e-store ui 'a store' --trace d1efba3c84ed7638c7c1ed907f48968b
    │     │    FAIL junjo_missing_executions:05bfdfea005f: 1 of subflow ConcSub: S2 (expected 2, is 1)
    │  │    FAIL junjo_missing_executions:541c457b9993: 1 of subflow Sub: S2 (expected 2, is 1)
    ");
    let mut json = Vec::new();
    report::json::print(&mut json, &trace, &spans).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let marked = json["spans"].as_array().unwrap().iter().filter(|span| span.get("findings").is_some());
    assert_eq!(marked.count(), trace.findings.len());
}
