//! Faults of DataFusion that this program steers clear of: one list, and for each a question that shows it.
//!
//! With the default settings the question is answered wrongly; with ours it is not. Where the first half
//! fails after an update, the fault is mended there, and our setting may go.
//!
//! Two that no question can show in a test: a repartition that spills under a memory limit can hang for ever
//! (apache/datafusion#24883), so sessions that may spill have one partition, which `store::session` says; and a
//! chain of thousands of operators takes the whole stack, so `store::nesting` refuses it. `IS DISTINCT FROM` before AND
//! is parsed with the wrong precedence: `store::precedence` refuses it, and this looks whether it still must.

use datafusion::{arrow::util::pretty::pretty_format_batches, prelude::SessionContext};

use crate::{
    base::memory::Limits,
    store::{
        footer::Statistics,
        inventory::list,
        layout::{Layout, Tier},
        scan,
        session::{self, Spilling},
    },
    testing::fixture,
};

/// A fault, and how it shows.
struct Fault {
    issue: &'static str,
    /// The setting of ours that avoids it, as DataFusion has it.
    setting: &'static str,
    sql: &'static str,
    right: &'static str,
}

const FAULTS: [Fault; 1] = [Fault {
    issue: "apache/datafusion#24816: a filter made from the minimum and maximum of one column hides rows from \
            the other aggregates",
    setting: "SET datafusion.optimizer.enable_dynamic_filter_pushdown = true",
    sql: "SELECT max(octet_length(attributes)) AS a, min(span_kind) AS b, max(span_kind) AS c FROM stored_spans",
    right: "| 8741 | 1 | 1 |",
}];

async fn answer(context: &SessionContext, sql: &str) -> String {
    let files = {
        let layout = Layout::find(Some(&fixture("studio-0.82.1"))).unwrap();
        Tier::ALL.iter().flat_map(|tier| list(&layout, *tier).files).collect()
    };
    // Without statistics to prune by, a filter from the values met so far hides nothing.
    let stored = scan::stored_spans_by(files, Statistics::Trusted);
    context.register_table("stored_spans", stored).unwrap();
    let rows = context.sql(sql).await.unwrap().collect().await.unwrap();
    pretty_format_batches(&rows).unwrap().to_string()
}

fn session(partitions: usize) -> SessionContext {
    let limits = Limits { memory: 64 << 20, partitions, batch_rows: 8_192 };
    session::asking(limits, Spilling::Never).unwrap()
}

#[tokio::test]
async fn is_distinct_from_still_takes_too_much() {
    let rows =
        session(1).sql("SELECT true IS DISTINCT FROM true AND false AS a").await.unwrap().collect().await;
    let found = pretty_format_batches(&rows.unwrap()).unwrap().to_string();
    assert!(found.contains("| true"), "mended upstream, so that `store::precedence` may go:\n{found}");
}

#[tokio::test]
async fn no_known_fault_of_the_engine_reaches_an_answer() {
    for Fault { issue, setting, sql, right } in FAULTS {
        for partitions in [1, 2, 4] {
            let found = answer(&session(partitions), sql).await;
            assert!(found.contains(right), "{issue}, {partitions} partitions:\n{found}");
        }
        let default = session(1);
        default.sql(setting).await.unwrap().collect().await.unwrap();
        let found = answer(&default, sql).await;
        assert!(!found.contains(right), "mended upstream, so that `{setting}` may go: {issue}");
    }
}
