//! The same answers however a question is planned: a seeded corpus of questions over many files and row groups.
//!
//! Each question is answered by the sessions that `sql` uses, with 1 and with several partitions, from
//! Parquet files and segments, and by a reference: one table in memory, one partition, only those rules
//! without which nothing can be planned. `E2E_STORE_CORPUS` names a folder to leave the rows, the
//! questions and the answers in, where `scripts/corpus` has DuckDB answer them, too; and
//! `E2E_STORE_CORPUS_QUESTIONS` says how many there are to be.

use std::{fs, path::Path, sync::Arc};

use chrono::DateTime;
use datafusion::{
    arrow::{
        array::{Array, AsArray, RecordBatch},
        compute::cast,
        datatypes::{DataType, Float64Type, Int64Type, TimeUnit},
    },
    datasource::MemTable,
    execution::session_state::{SessionState, SessionStateBuilder},
    optimizer::{
        OptimizerRule, decorrelate_predicate_subquery::DecorrelatePredicateSubquery,
        eliminate_group_by_constant::EliminateGroupByConstant,
        extract_equijoin_predicate::ExtractEquijoinPredicate,
        replace_distinct_aggregate::ReplaceDistinctWithAggregate,
        scalar_subquery_to_join::ScalarSubqueryToJoin, simplify_expressions::SimplifyExpressions,
    },
    physical_optimizer::{
        PhysicalOptimizerRule, ensure_requirements::EnsureRequirements,
        output_requirements::OutputRequirements, sanity_checker::SanityCheckPlan,
    },
    prelude::SessionContext,
};
use serde_json::json;

use crate::{
    base::memory::Limits,
    store::{
        inventory::{FoundFile, list},
        layout::{Layout, Tier},
        scan,
        session::{self, Spilling},
    },
    tables::functions,
};

mod questions;
mod stored;

/// Of the corpus, those that every run of the tests asks.
const SHARE: usize = 60;

const SEED: u64 = 24_816;

const TABLE: &str = "stored_spans";

fn files(folder: &Path) -> Vec<FoundFile> {
    let layout = Layout::find(Some(folder)).unwrap();
    Tier::ALL.iter().flat_map(|tier| list(&layout, *tier).files).collect()
}

/// As `sql` asks.
fn asking(folder: &Path, partitions: usize) -> SessionContext {
    let limits = Limits { memory: 256 << 20, partitions, batch_rows: 64 };
    let mut context = session::asking(limits, Spilling::Never).unwrap();
    functions::register(&mut context).unwrap();
    context.register_table(TABLE, scan::stored_spans(files(folder))).unwrap();
    context
}

/// All rows in one batch, and a planner that only does what it must.
async fn reference(folder: &Path) -> (SessionContext, RecordBatch) {
    let rows = asking(folder, 1).table(TABLE).await.unwrap().collect().await.unwrap();
    let schema = rows[0].schema();
    let whole = datafusion::arrow::compute::concat_batches(&schema, &rows).unwrap();
    let rules: Vec<Arc<dyn OptimizerRule + Send + Sync>> = vec![
        // `coalesce` is a function that only this rule makes anything of.
        Arc::new(SimplifyExpressions::new()),
        Arc::new(ReplaceDistinctWithAggregate::new()),
        Arc::new(DecorrelatePredicateSubquery::new()),
        Arc::new(ScalarSubqueryToJoin::new()),
        Arc::new(ExtractEquijoinPredicate::new()),
        Arc::new(EliminateGroupByConstant::new()),
    ];
    let physical: Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> = vec![
        Arc::new(OutputRequirements::new_add_mode()),
        Arc::new(EnsureRequirements::new()),
        Arc::new(OutputRequirements::new_remove_mode()),
        Arc::new(SanityCheckPlan::new()),
    ];
    let limits = Limits { memory: 256 << 20, partitions: 1, batch_rows: 8_192 };
    let state: SessionState = session::asking(limits, Spilling::Never).unwrap().state();
    let state = SessionStateBuilder::new_from_existing(state)
        .with_optimizer_rules(rules)
        .with_physical_optimizer_rules(physical)
        .build();
    let mut context = SessionContext::new_with_state(state);
    functions::register(&mut context).unwrap();
    let table = MemTable::try_new(schema, vec![vec![whole.clone()]]).unwrap();
    context.register_table(TABLE, Arc::new(table)).unwrap();
    (context, whole)
}

/// The rows as lines: in their order where the question gives one, else sorted.
async fn answer(context: &SessionContext, question: &questions::Question) -> Result<Vec<String>, String> {
    let said = |err: datafusion::error::DataFusionError| {
        err.to_string().lines().next().unwrap_or_default().to_owned()
    };
    let batches = context.sql(&question.sql).await.map_err(said)?.collect().await.map_err(said)?;
    let mut lines: Vec<String> = batches.iter().flat_map(lines).collect();
    if !question.ordered {
        lines.sort();
    }
    Ok(lines)
}

fn lines(batch: &RecordBatch) -> Vec<String> {
    let columns: Vec<Vec<String>> = batch.columns().iter().map(|column| cells(column.as_ref())).collect();
    (0..batch.num_rows())
        .map(|row| columns.iter().map(|column| column[row].as_str()).collect::<Vec<_>>().join("|"))
        .collect()
}

/// Values in a form that says nothing of the type that a planner chose for them.
fn cells(column: &dyn Array) -> Vec<String> {
    const NULL: &str = "NULL";
    let or_null = |row: usize, text: &dyn Fn(usize) -> String| {
        if column.is_valid(row) { text(row) } else { NULL.to_owned() }
    };
    let rows = 0..column.len();
    match column.data_type() {
        DataType::Float32 | DataType::Float64 => {
            let column = cast(column, &DataType::Float64).unwrap();
            let values = column.as_primitive::<Float64Type>();
            rows.map(|row| or_null(row, &|row| format!("{:.9e}", values.value(row)))).collect()
        }
        DataType::Timestamp(..) => {
            let column = cast(column, &DataType::Timestamp(TimeUnit::Microsecond, None)).unwrap();
            let micros = cast(&column, &DataType::Int64).unwrap();
            let micros = micros.as_primitive::<Int64Type>();
            let time = |row: usize| {
                let time = DateTime::from_timestamp_micros(micros.value(row)).unwrap();
                time.format("%Y-%m-%d %H:%M:%S%.6f").to_string()
            };
            rows.map(|row| or_null(row, &time)).collect()
        }
        _ => {
            let texts = cast(column, &DataType::Utf8).unwrap();
            let texts = texts.as_string::<i32>();
            rows.map(|row| or_null(row, &|row| texts.value(row).to_owned())).collect()
        }
    }
}

#[tokio::test]
async fn every_question_has_one_answer() {
    let folder = tempfile::tempdir().unwrap();
    let kept = std::env::var_os("E2E_STORE_CORPUS").map(std::path::PathBuf::from);
    let count = std::env::var("E2E_STORE_CORPUS_QUESTIONS").ok().and_then(|count| count.parse().ok());
    let spans = folder.path().join("spans");
    stored::write(&spans, SEED);
    let (reference, rows) = reference(&spans).await;
    let asked: Vec<SessionContext> = [1, 3].map(|partitions| asking(&spans, partitions)).into();
    let mut told = Vec::new();
    let mut differing = Vec::new();
    for question in questions::corpus(SEED, count.unwrap_or(SHARE)) {
        let expected = match answer(&reference, &question).await {
            Ok(expected) => expected,
            Err(err) => {
                differing.push(format!("the reference: {}\n {err}", question.sql));
                continue;
            }
        };
        for context in &asked {
            let found = answer(context, &question).await;
            if found.as_ref() != Ok(&expected) {
                let partitions = context.copied_config().target_partitions();
                let few = |lines: &[String]| lines.iter().take(5).cloned().collect::<Vec<_>>();
                differing.push(format!(
                    "{partitions} partitions: {}\n expected {} rows {:?}\n found {:?}",
                    question.sql,
                    expected.len(),
                    few(&expected),
                    found.map(|found| (found.len(), few(&found)))
                ));
            }
        }
        told.push(json!({"sql": question.sql, "ordered": question.ordered, "rows": expected}).to_string());
    }
    assert!(
        told.iter().filter(|one| !one.contains("\"rows\":[]")).count() * 10 > told.len() * 8,
        "too many answers are empty"
    );
    if let Some(kept) = kept {
        fs::create_dir_all(&kept).unwrap();
        fs::write(kept.join("questions.ndjson"), told.join("\n") + "\n").unwrap();
        stored::write_whole(&kept.join("rows.parquet"), &rows);
    }
    assert!(differing.is_empty(), "{} differ:\n{}", differing.len(), differing.join("\n"));
}
