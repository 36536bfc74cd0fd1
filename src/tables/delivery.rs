//! The table `delivery`: one row for each span of a judged run that was to be sent.
//!
//! Nothing of it is stored. Filters on the columns that follow from a span's tally byte are
//! evaluated once for each of the 256 bytes; ids are made again only for the spans that pass.

use std::{fmt, sync::Arc};

use datafusion::{
    arrow::{
        array::{
            ArrayRef, BooleanArray, Int64Array, RecordBatch, RecordBatchOptions, StringArray,
            TimestampNanosecondArray,
        },
        datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit},
    },
    catalog::{Session, TableProvider},
    common::{DFSchema, Result, cast::as_boolean_array},
    datasource::TableType,
    execution::{SendableRecordBatchStream, TaskContext},
    logical_expr::{Expr, TableProviderFilterPushDown},
    physical_plan::{
        ExecutionPlan, PhysicalExpr,
        stream::RecordBatchStreamAdapter,
        streaming::{PartitionStream, StreamingTableExec},
    },
};
use futures::stream;

use crate::judge::{
    judgement::{JudgedRun, Judgement},
    suspects::{Suspect, suspect_of},
    tally::{Evidence, Fate, State},
};

const BATCH_ROWS: usize = 8_192;

/// The columns that a tally byte alone decides.
const STATE_COLUMNS: [&str; 7] =
    ["outcome", "behind_barrier", "maybe_unread", "n_cold", "n_wal", "n_found", "altered"];

/// Planned spans beside what the ledger and the store say of them.
pub(crate) struct Delivery {
    judgement: Arc<Judgement>,
    suspects: Arc<Vec<Suspect>>,
    schema: SchemaRef,
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Delivery")
    }
}

impl Delivery {
    pub(crate) fn new(judgement: Arc<Judgement>) -> Self {
        let suspects = Arc::new(judgement.suspects());
        Self { judgement, suspects, schema: schema() }
    }
}

fn schema() -> SchemaRef {
    let text = |name, nullable| Field::new(name, DataType::Utf8, nullable);
    let number = |name, nullable| Field::new(name, DataType::Int64, nullable);
    let flag = |name| Field::new(name, DataType::Boolean, false);
    let export_ended_at = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![
        text("run", false),
        text("service_name", true),
        number("workflow", true),
        number("span", false),
        text("trace_id", true),
        text("span_id", false),
        text("outcome", false),
        flag("behind_barrier"),
        flag("maybe_unread"),
        number("n_cold", false),
        number("n_wal", false),
        number("n_found", false),
        flag("altered"),
        number("export", true),
        Field::new("export_ended_at", export_ended_at, true),
        text("unread_file", true),
        text("parent_span_id", true),
        Field::new("parent_lost", DataType::Boolean, true),
    ]))
}

#[async_trait::async_trait]
impl TableProvider for Delivery {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let pushed = |filter: &&Expr| {
            if depends_on_state_alone(filter) || asks_for_lost_parents(filter) {
                TableProviderFilterPushDown::Inexact
            } else {
                TableProviderFilterPushDown::Unsupported
            }
        };
        Ok(filters.iter().map(pushed).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let projected = match projection {
            Some(columns) => Arc::new(self.schema.project(columns)?),
            None => Arc::clone(&self.schema),
        };
        // Where nothing is lost, no parent is.
        let loses = |judged: &JudgedRun| {
            let tally = self.judgement.known(judged).tally();
            (0..tally.len()).any(|slot| is_lost(tally.get(slot)))
        };
        let any_parent = !filters.iter().any(asks_for_lost_parents);
        let rows = PlannedRows {
            judgement: Arc::clone(&self.judgement),
            suspects: Arc::clone(&self.suspects),
            runs: self.judgement.judged.iter().map(|judged| any_parent || loses(judged)).collect(),
            wanted: wanted_states(state, filters)?,
            schema: projected,
        };
        let schema = Arc::clone(&rows.schema);
        let exec = StreamingTableExec::try_new(schema, vec![Arc::new(rows)], None, [], false, limit)?;
        Ok(Arc::new(exec))
    }
}

fn depends_on_state_alone(filter: &Expr) -> bool {
    !filter.is_volatile()
        && filter.column_refs().iter().all(|column| STATE_COLUMNS.contains(&column.name.as_str()))
}

fn asks_for_lost_parents(filter: &Expr) -> bool {
    matches!(filter, Expr::Column(column) if column.name == "parent_lost")
}

fn is_lost(state: State) -> bool {
    state.found() == 0 && state.fate() == Fate::Durable
}

/// For each of the 256 bytes, whether all filters let it pass.
fn wanted_states(state: &dyn Session, filters: &[Expr]) -> Result<Vec<bool>> {
    let bytes: Vec<State> = (0..=u8::MAX).map(State).collect();
    let columns = STATE_COLUMNS.iter().map(|name| (*name, state_column(name, &bytes)));
    let batch = RecordBatch::try_from_iter(columns)?;
    let df_schema = DFSchema::try_from(batch.schema())?;
    let mut wanted = vec![true; bytes.len()];
    for filter in filters.iter().filter(|filter| depends_on_state_alone(filter)) {
        let passes: Arc<dyn PhysicalExpr> = state.create_physical_expr(filter.clone(), &df_schema)?;
        let passes = passes.evaluate(&batch)?.into_array(bytes.len())?;
        let passes = as_boolean_array(&passes)?;
        for (wanted, pass) in wanted.iter_mut().zip(passes) {
            *wanted &= pass == Some(true);
        }
    }
    Ok(wanted)
}

fn state_column(name: &str, states: &[State]) -> ArrayRef {
    let numbers = |of: fn(State) -> u8| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(states.iter().map(|state| i64::from(of(*state)))))
    };
    let flags = |of: fn(State) -> bool| -> ArrayRef {
        Arc::new(states.iter().map(|state| Some(of(*state))).collect::<BooleanArray>())
    };
    match name {
        "outcome" => Arc::new(StringArray::from_iter_values(states.iter().map(|state| outcome(*state)))),
        "behind_barrier" => flags(|state| matches!(state.fate(), Fate::Durable | Fate::Unread)),
        "maybe_unread" => flags(|state| state.fate() == Fate::Unread),
        "n_cold" => numbers(|state| state.copies(Evidence::Cold)),
        "n_wal" => numbers(|state| state.copies(Evidence::Wal)),
        "n_found" => numbers(State::found),
        _ => flags(State::altered),
    }
}

fn outcome(state: State) -> &'static str {
    match state.fate() {
        Fate::NotStarted => "not_started",
        Fate::Durable | Fate::Pending | Fate::Unread => "acked",
        Fate::Rejected => "rejected",
        Fate::Indeterminate => "indeterminate",
        Fate::Partial => "partial",
        Fate::OutOfScope => "out_of_scope",
    }
}

struct PlannedRows {
    judgement: Arc<Judgement>,
    suspects: Arc<Vec<Suspect>>,
    /// Of the judged runs, whether any row of theirs may be wanted.
    runs: Vec<bool>,
    /// Of the 256 bytes of a tally, whether a row with this one is wanted.
    wanted: Vec<bool>,
    schema: SchemaRef,
}

impl fmt::Debug for PlannedRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlannedRows")
    }
}

impl PartitionStream for PlannedRows {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let rows = Self {
            judgement: Arc::clone(&self.judgement),
            suspects: Arc::clone(&self.suspects),
            runs: self.runs.clone(),
            wanted: self.wanted.clone(),
            schema: Arc::clone(&self.schema),
        };
        let schema = Arc::clone(&self.schema);
        let batches = stream::unfold((rows, 0, 0), |(rows, run, slot)| async move {
            let (batch, run, slot) = rows.next_batch(run, slot)?;
            Some((batch, (rows, run, slot)))
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, batches))
    }
}

impl PlannedRows {
    /// The next rows from a slot of a judged run on, and where to go on.
    fn next_batch(&self, mut run: usize, mut slot: u64) -> Option<(Result<RecordBatch>, usize, u64)> {
        loop {
            let judged = self.judgement.judged.get(run)?;
            if !self.runs[run] {
                (run, slot) = (run + 1, 0);
                continue;
            }
            let tally = self.judgement.known(judged).tally();
            let mut slots = Vec::new();
            while slot < tally.len() && slots.len() < BATCH_ROWS {
                if self.wanted[usize::from(tally.get(slot).0)] {
                    slots.push(slot);
                }
                slot += 1;
            }
            if slot == tally.len() {
                (run, slot) = (run + 1, 0);
            }
            if !slots.is_empty() {
                return Some((self.batch(judged, &slots), run, slot));
            }
        }
    }

    fn batch(&self, judged: &JudgedRun, slots: &[u64]) -> Result<RecordBatch> {
        let columns =
            self.schema.fields().iter().map(|field| self.column(judged, slots, field.name())).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(slots.len()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?)
    }

    fn column(&self, judged: &JudgedRun, slots: &[u64], name: &str) -> ArrayRef {
        let known = self.judgement.known(judged);
        let (expectation, tally) = (&known.expectation, known.tally());
        let slots = || slots.iter().copied();
        let export = |slot| judged.export_of(expectation, slot);
        let text = |values: &mut dyn Iterator<Item = Option<String>>| -> ArrayRef {
            Arc::new(values.collect::<StringArray>())
        };
        match name {
            "run" => text(&mut slots().map(|_| Some(known.run.to_string()))),
            "service_name" => {
                text(&mut slots().map(|slot| expectation.service_name(slot).map(str::to_owned)))
            }
            "workflow" => {
                let workflows = slots().map(|slot| expectation.workflow(slot).map(u64::cast_signed));
                Arc::new(workflows.collect::<Int64Array>())
            }
            "span" => Arc::new(Int64Array::from_iter_values(
                slots().map(|slot| expectation.number(slot).cast_signed()),
            )),
            "trace_id" => text(&mut slots().map(|slot| expectation.trace_id(slot).map(const_hex::encode))),
            "span_id" => text(&mut slots().map(|slot| Some(const_hex::encode(expectation.span_id(slot))))),
            "export" => {
                let numbers = slots().map(|slot| Some(i64::from(judged.export_number(expectation, slot)?)));
                Arc::new(numbers.collect::<Int64Array>())
            }
            "export_ended_at" => {
                let ended = slots().map(|slot| export(slot)?.ended_at().map(u64::cast_signed));
                Arc::new(ended.collect::<TimestampNanosecondArray>().with_timezone("UTC"))
            }
            "unread_file" => {
                let suspect =
                    |slot| Some(suspect_of(&self.suspects, export(slot)?.started_at)?.shown.clone());
                text(&mut slots().map(suspect))
            }
            "parent_span_id" => {
                text(&mut slots().map(|slot| expectation.parent_span_id(slot).map(const_hex::encode)))
            }
            "parent_lost" => {
                let lost = |slot| expectation.parent_slot(slot).map(|parent| is_lost(tally.get(parent)));
                let parents = slots().map(lost);
                Arc::new(parents.collect::<BooleanArray>())
            }
            state => state_column(state, &slots().map(|slot| tally.get(slot)).collect::<Vec<_>>()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use datafusion::{datasource::MemTable, prelude::SessionContext};
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    use super::*;
    use crate::{
        base::{jobs::Jobs, memory::Budget},
        judge::{
            account::Account,
            barrier::Barrier,
            claim::{KnownRun, KnownRuns},
            encode,
            expectation::{Derived, Expectation},
            judgement::{Depth, RowCounts},
            spool::Spool,
            sweep_output::SweepOutput,
        },
        ledger::{export_index::ExportIndex, history::History},
        traffic::{
            ids::RunId,
            mix::Mix,
            plan::{Outline, Plan},
            profile::{Profile, Telemetry},
        },
    };

    const ROUNDS: usize = 150;

    /// A run of which every span has a random fate, and copies within a range.
    fn judgement(random: &mut StdRng, copies: Range<u32>) -> Judgement {
        let plan = Plan::new(Outline {
            run: RunId::from_bits(7),
            seed: 7,
            services: vec!["one".to_owned(), "two".to_owned()],
            workflows_per_service: 40,
            base_time: 0,
            mix: Mix::only(Profile::GettingStarted),
            telemetry: Telemetry::Current,
            collectors: None,
        });
        let plan = plan.unwrap();
        let run = plan.outline.run;
        let expectation = Arc::new(Expectation::Derived(Derived::new(plan)));
        let runs = KnownRuns::new([KnownRun::new(run, expectation, true)]);
        let tally = runs.runs[0].tally();
        let fates = [
            Fate::NotStarted,
            Fate::Durable,
            Fate::Pending,
            Fate::Unread,
            Fate::Rejected,
            Fate::Indeterminate,
            Fate::Partial,
        ];
        for slot in 0..tally.len() {
            tally.set_fate(slot, fates[random.random_range(0..fates.len())]);
            for _ in 0..random.random_range(copies.clone()) {
                let tier = if random.random_bool(0.7) { Evidence::Cold } else { Evidence::Wal };
                tally.count(slot, tier, random.random_bool(0.1));
            }
        }
        let history = History::default();
        let barrier = Barrier::new(&history, 0, std::time::Duration::ZERO, std::time::Duration::ZERO, &[]);
        let exports = ExportIndex::new(&history.exports);
        let services = Vec::new();
        let judged = JudgedRun { index: 0, history, exports, barrier, wanted: true, results: None, services };
        Judgement {
            runs: Arc::new(runs),
            judged: vec![judged],
            files: Vec::new(),
            collected: Arc::new(SweepOutput::new(
                Budget { facts: 1 << 20, notes: 1 << 20, jobs: Jobs::default() },
                false,
            )),
            sightings: Arc::new(Spool::new(encode::sightings_schema(), 1 << 20)),
            evidence: Vec::new(),
            unreadable: Vec::new(),
            unexplained: Vec::new(),
            rows: RowCounts::default(),
            depth: Depth::Content,
            scope: Arc::default(),
            account: Account::default(),
            whole_store: true,
            bytes_scanned: 0,
            skipped_before: None,
            read_began: 0,
            cache: None,
        }
    }

    fn predicate(random: &mut StdRng, depth: u32) -> String {
        let leaves = [
            "outcome = 'acked'",
            "outcome IN ('rejected', 'partial')",
            "outcome <> 'indeterminate'",
            "behind_barrier",
            "NOT maybe_unread",
            "n_cold > 1",
            "n_wal = 0",
            "n_found BETWEEN 1 AND 2",
            "altered",
            "parent_lost",
            "NOT parent_lost",
            "parent_span_id IS NULL",
            "workflow % 7 = 3",
            "service_name = 'two' AND span < 3",
        ];
        if depth == 0 || random.random_bool(0.3) {
            return leaves[random.random_range(0..leaves.len())].to_owned();
        }
        let (left, right) = (predicate(random, depth - 1), predicate(random, depth - 1));
        match random.random_range(0..3) {
            0 => format!("({left}) AND ({right})"),
            1 => format!("({left}) OR ({right})"),
            _ => format!("NOT ({left}) AND ({right})"),
        }
    }

    async fn rows(session: &SessionContext, sql: &str) -> String {
        let batches = session.sql(sql).await.unwrap().collect().await.unwrap();
        datafusion::arrow::util::pretty::pretty_format_batches(&batches).unwrap().to_string()
    }

    #[tokio::test]
    async fn filters_that_are_pushed_down_keep_exactly_the_rows_that_they_should() {
        let mut random = StdRng::seed_from_u64(1);
        for copies in [0..3, 1..3] {
            let judgement = Arc::new(judgement(&mut random, copies));
            compare_with_all_rows(Arc::new(Delivery::new(judgement)), &mut random).await;
        }
    }

    async fn compare_with_all_rows(delivery: Arc<dyn TableProvider>, random: &mut StdRng) {
        let session = SessionContext::new();
        session.register_table("delivery", Arc::clone(&delivery)).unwrap();
        let all = session.table("delivery").await.unwrap().collect().await.unwrap();
        let plain = MemTable::try_new(delivery.schema(), vec![all]).unwrap();
        session.register_table("plain", Arc::new(plain)).unwrap();
        for _ in 0..ROUNDS {
            let predicate = predicate(random, 3);
            let of =
                |table: &str| format!("SELECT * FROM {table} WHERE {predicate} ORDER BY trace_id, span_id");
            assert_eq!(
                rows(&session, &of("delivery")).await,
                rows(&session, &of("plain")).await,
                "{predicate}"
            );
        }
    }
}
