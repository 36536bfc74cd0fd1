//! The table `expected_spans`: the plan of a run as rows, made while they are read.
//!
//! Nothing of it is kept. Only the columns that a question names are made, and the row that a studio
//! should have stored only where one of its columns is among them.

use std::{collections::BTreeSet, fmt, sync::Arc};

use datafusion::{
    arrow::{
        array::{
            ArrayRef, AsArray, Int8Builder, Int64Builder, RecordBatch, RecordBatchOptions, StringViewBuilder,
            TimestampNanosecondBuilder, UInt32Builder,
        },
        compute::cast,
        datatypes::{DataType, Field, Schema as ArrowSchema, SchemaRef, TimeUnit},
    },
    catalog::{Session, TableProvider},
    common::Result,
    datasource::TableType,
    execution::{SendableRecordBatchStream, TaskContext},
    logical_expr::Expr,
    physical_plan::{
        ExecutionPlan,
        stream::RecordBatchStreamAdapter,
        streaming::{PartitionStream, StreamingTableExec},
    },
    prelude::SessionContext,
};
use futures::{StreamExt, stream};

use crate::{
    contract::{
        row::{Cell, Row},
        schema::{COLUMN_COUNT, Schema, readable},
    },
    judge::{expectation::Derived, runs::Runs},
    ledger::{any_run::AnyRun, export_index::ExportIndex, history::Export, runs::Run},
    store::{inventory::FoundFile, scan},
    traffic::{
        ids::{self, RunId, TraceId},
        plan::SpanPlace,
        workflow::Workflow,
    },
    wire::outcome::ExportOutcome,
};

const BATCH_ROWS: u64 = 4_096;

/// A run, and what its ledger says of its exports.
struct PlannedRun {
    run: Derived,
    exports: Vec<Export>,
    index: ExportIndex,
}

/// The planned spans of some runs.
struct ExpectedSpans {
    runs: Arc<Vec<PlannedRun>>,
    schema: SchemaRef,
}

/// Of the runs that were asked for, and of those that were met.
pub(crate) fn expected_spans(runs: &Runs, met: &BTreeSet<RunId>) -> anyhow::Result<Arc<dyn TableProvider>> {
    let expected = |run: &&Run| {
        let id = &run.plan.outline.run;
        runs.wanted.contains(id) || (met.contains(id) && !runs.only_wanted)
    };
    let planned = runs.known.iter().filter(expected).map(planned).collect::<anyhow::Result<_>>()?;
    Ok(Arc::new(ExpectedSpans { runs: Arc::new(planned), schema: schema() }))
}

/// The runs that trace ids of these files name.
pub(crate) async fn met(session: &SessionContext, files: Vec<FoundFile>) -> Result<BTreeSet<RunId>> {
    let rows = session.read_table(scan::stored_spans(files))?.select_columns(&["trace_id"])?;
    let mut batches = rows.execute_stream().await?;
    let mut met = BTreeSet::new();
    while let Some(batch) = batches.next().await {
        let traces = cast(batch?.column(0), &DataType::Utf8View)?;
        let mut last = None;
        for trace in traces.as_string_view().iter().flatten() {
            // Spans of one trace come together.
            if last == Some(trace) {
                continue;
            }
            last = Some(trace);
            let mut id = TraceId::default();
            if const_hex::decode_to_slice(trace, &mut id).is_ok() {
                met.extend(ids::claimed_trace(id).map(|claim| claim.run));
            }
        }
    }
    Ok(met)
}

fn planned(run: &Run) -> anyhow::Result<PlannedRun> {
    let exports = run.history(&AnyRun::Generated(run).ledger_lens())?.exports;
    let index = ExportIndex::new(&exports);
    Ok(PlannedRun { run: Derived::new(run.plan.clone()), exports, index })
}

/// Where a span belongs, then the 21 columns of its row. All nullable: a promise would let the optimiser
/// answer without looking.
fn schema() -> SchemaRef {
    let time = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
    let mut fields = vec![
        Arc::new(Field::new("run", DataType::Utf8View, true)),
        Arc::new(Field::new("workflow", DataType::Int64, true)),
        Arc::new(Field::new("span", DataType::Int64, true)),
        Arc::new(Field::new("outcome", DataType::Utf8View, true)),
        Arc::new(Field::new("export_ended_at", time, true)),
    ];
    fields.extend(readable().fields().iter().cloned());
    Arc::new(ArrowSchema::new(fields))
}

impl fmt::Debug for ExpectedSpans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExpectedSpans")
    }
}

#[async_trait::async_trait]
impl TableProvider for ExpectedSpans {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = match projection {
            Some(columns) => Arc::new(self.schema.project(columns)?),
            None => Arc::clone(&self.schema),
        };
        let rows = Arc::new(PlannedRows { runs: Arc::clone(&self.runs), schema: Arc::clone(&schema) });
        Ok(Arc::new(StreamingTableExec::try_new(schema, vec![rows], None, [], false, limit)?))
    }
}

struct PlannedRows {
    runs: Arc<Vec<PlannedRun>>,
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
        let from = (Arc::clone(&self.runs), Arc::clone(&self.schema), 0, 0);
        let batches = stream::unfold(from, |(runs, schema, mut run, mut slot)| async move {
            while slot >= runs.get(run)?.run.plan.spans() {
                (run, slot) = (run + 1, 0);
            }
            let end = (slot + BATCH_ROWS).min(runs[run].run.plan.spans());
            let batch = batch(&runs[run], slot..end, &schema);
            Some((batch, (runs, schema, run, end)))
        });
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), batches))
    }
}

fn batch(of: &PlannedRun, slots: std::ops::Range<u64>, schema: &SchemaRef) -> Result<RecordBatch> {
    let rows = (slots.end - slots.start) as usize;
    let stored = readable();
    let mut columns: Vec<Column> =
        schema.fields().iter().map(|field| Column::new(field, stored.index_of(field.name()).ok())).collect();
    let needs_row = columns.iter().any(|column| matches!(column.of, Of::Stored(_)));
    let mut row = Row::default();
    let mut workflow: Option<(u64, Workflow<'_>)> = None;
    for slot in slots {
        let place = of.run.plan.place(slot);
        if needs_row {
            if workflow.as_ref().is_none_or(|(number, _)| *number != place.workflow) {
                workflow = Some((place.workflow, of.run.plan.workflow(place.workflow)));
            }
            of.run.resources[place.service].write(Schema::V2, &mut row);
            if let Some((_, workflow)) = &workflow {
                workflow.write_row(place.position, Schema::V2, &mut row);
            }
        }
        let cells = needs_row.then(|| row.cells());
        for column in &mut columns {
            column.append(of, &place, cells.as_ref().map(<[Cell<'_>; COLUMN_COUNT]>::as_slice));
        }
    }
    let columns = columns.into_iter().map(Column::finish).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

/// What a column's values are.
enum Of {
    Run,
    Workflow,
    Span,
    Outcome,
    ExportEndedAt,
    /// A column of the row that should be stored.
    Stored(usize),
}

enum Values {
    Text(StringViewBuilder),
    Int8(Int8Builder),
    Int64(Int64Builder),
    UInt32(UInt32Builder),
    Time(TimestampNanosecondBuilder),
}

struct Column {
    of: Of,
    values: Values,
}

impl Column {
    fn new(field: &Field, stored: Option<usize>) -> Self {
        let of = match (stored, field.name().as_str()) {
            (Some(column), _) => Of::Stored(column),
            (None, "run") => Of::Run,
            (None, "workflow") => Of::Workflow,
            (None, "span") => Of::Span,
            (None, "outcome") => Of::Outcome,
            (None, _) => Of::ExportEndedAt,
        };
        let values = match field.data_type() {
            DataType::Int8 => Values::Int8(Int8Builder::new()),
            DataType::Int64 => Values::Int64(Int64Builder::new()),
            DataType::UInt32 => Values::UInt32(UInt32Builder::new()),
            DataType::Timestamp(..) => Values::Time(TimestampNanosecondBuilder::new().with_timezone("UTC")),
            _ => Values::Text(StringViewBuilder::new()),
        };
        Self { of, values }
    }

    fn append(&mut self, of: &PlannedRun, place: &SpanPlace, row: Option<&[Cell<'_>]>) {
        let export = || {
            let stream = u32::try_from(place.stream).ok()?;
            of.index.find(&of.exports, stream, place.ordinal)
        };
        let run = of.run.plan.outline.run;
        let run_text;
        let cell = match self.of {
            Of::Run => {
                run_text = run.to_string();
                Cell::Text(&run_text)
            }
            Of::Workflow => Cell::Number(place.workflow.cast_signed()),
            Of::Span => Cell::Number(place.position.into()),
            Of::Outcome => Cell::Text(export().map_or("not_started", outcome)),
            Of::ExportEndedAt => {
                let ended = export().and_then(Export::ended_at);
                ended.map_or(Cell::Null, |ended| Cell::Number(ended.cast_signed()))
            }
            Of::Stored(column) => row.map_or(Cell::Null, |row| row[column]),
        };
        let number = match cell {
            Cell::Number(number) => Some(number),
            Cell::Text(_) | Cell::Null => None,
        };
        match &mut self.values {
            Values::Text(builder) => builder.append_option(cell.text()),
            Values::Int8(builder) => builder.append_option(number.and_then(|n| i8::try_from(n).ok())),
            Values::Int64(builder) => builder.append_option(number),
            Values::UInt32(builder) => builder.append_option(number.and_then(|n| u32::try_from(n).ok())),
            Values::Time(builder) => builder.append_option(number),
        }
    }

    fn finish(self) -> ArrayRef {
        match self.values {
            Values::Text(mut builder) => Arc::new(builder.finish()),
            Values::Int8(mut builder) => Arc::new(builder.finish()),
            Values::Int64(mut builder) => Arc::new(builder.finish()),
            Values::UInt32(mut builder) => Arc::new(builder.finish()),
            Values::Time(mut builder) => Arc::new(builder.finish()),
        }
    }
}

/// As `delivery` has it: an ack whose time was not written is no ack.
fn outcome(export: &Export) -> &'static str {
    match (export.outcome, export.ended_at()) {
        (ExportOutcome::Acked, None) => "indeterminate",
        (outcome, _) => outcome.name(),
    }
}
