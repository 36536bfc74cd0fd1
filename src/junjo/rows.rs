//! Tables of Junjo telemetry, made from the records trace by trace each time that they are read.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{
            ArrayRef, BooleanBuilder, Int64Builder, RecordBatch, RecordBatchOptions, StringViewBuilder,
            TimestampNanosecondBuilder,
        },
        datatypes::{DataType, SchemaRef},
    },
    catalog::TableProvider,
    common::Result,
    error::DataFusionError,
};

use super::{
    difference::{span_id, tier, trace_id},
    evaluations::SHARED,
    known_graph,
    span::{Kind, Span},
    state::Transition,
    trace::{Ancestor, Trace, each_trace},
};
use crate::{
    judge::{
        facts::Facts,
        interner::Interner,
        junjo::{key::Key, record::Value, records::Records},
    },
    store::lazy_table::{Batches, lazy_table},
};

/// What rows are made of.
#[derive(Debug)]
pub(crate) struct RowSource {
    pub(crate) records: Arc<Records>,
    pub(crate) facts: Arc<Facts>,
    pub(crate) names: Arc<Interner>,
    /// Spans that ended before this had the time to be stored. Unix nanoseconds.
    pub(crate) settled_before: i64,
}

/// The tables, by what a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grain {
    Executable,
    Transition,
    GraphNode,
    GraphEdge,
    AgentOperation,
    Evaluation,
    PluginSpan,
}

/// A table with the columns that the catalogue gives it: those of the rows, in their order.
pub(crate) fn table(grain: Grain, schema: SchemaRef, source: Arc<RowSource>) -> Arc<dyn TableProvider> {
    let columns = Arc::clone(&schema);
    lazy_table(schema, move || {
        let (source, columns) = (Arc::clone(&source), Arc::clone(&columns));
        let batches = Facts::ALL.flat_map(move |bucket| match source.batches(bucket, grain, &columns) {
            Ok(batches) => batches.into_iter().map(Ok).collect(),
            Err(err) => vec![Err(err)],
        });
        Ok(Box::new(batches) as Batches)
    })
}

impl RowSource {
    fn batches(&self, bucket: usize, grain: Grain, schema: &SchemaRef) -> Result<Vec<RecordBatch>> {
        if self.records.count() == 0 {
            return Ok(Vec::new());
        }
        let family = self.facts.family(bucket)?;
        let mut made = Vec::new();
        let mut rows = Rows::new(schema);
        self.records.each_part(bucket, &mut Vec::new(), |bytes| {
            each_trace(&self.records, bytes, &family, |trace, is_too_large| {
                if !is_too_large {
                    self.add(trace, grain, &mut rows);
                }
                Ok(())
            })?;
            made.push(rows.finish().map_err(std::io::Error::other)?);
            Ok(())
        })?;
        Ok(made)
    }

    fn add(&self, trace: &Trace<'_>, grain: Grain, rows: &mut Rows) {
        for (index, span) in trace.spans.iter().enumerate() {
            match (grain, span.kind) {
                (Grain::Executable, kind) if kind.is_executable() => self.executable(trace, index, rows),
                (Grain::Transition, _) => self.transitions(span, rows),
                (Grain::GraphNode, kind) if kind.is_flow() => self.graph_nodes(trace, index, rows),
                (Grain::GraphEdge, kind) if kind.is_flow() => self.graph_edges(trace, index, rows),
                (Grain::AgentOperation, Kind::Operation) => self.operation(span, rows),
                (Grain::Evaluation, Kind::Evaluation) => self.evaluation(span, rows),
                (Grain::PluginSpan, Kind::Plugin) => self.plugin_span(span, rows),
                _ => {}
            }
        }
    }

    /// Where a span lies, its ids, and whose it is.
    fn place(&self, span: &Span<'_>, rows: &mut Rows) {
        let head = &span.head;
        rows.text(Some(tier(head)));
        rows.text(self.names.text(head.file));
        rows.number(Some(head.row_number.into()));
        rows.text(Some(trace_id(head)));
        rows.text(Some(span_id(head.span)));
        rows.text(self.names.text(head.service));
        rows.text(Some(span.name));
    }

    fn executable(&self, trace: &Trace<'_>, index: usize, rows: &mut Rows) {
        let span = &trace.spans[index];
        self.place(span, rows);
        rows.text(Some(span.kind.name()));
        rows.text(Some(span.era.name()));
        rows.text(span.definition_id());
        rows.text(span.runtime_id());
        rows.text(span.text(Key::StructuralId));
        rows.text(span.text(Key::GraphId));
        rows.text(span.head.has_parent.then(|| span_id(span.head.parent)));
        rows.text(span.text(Key::ParentType));
        rows.text(span.text(Key::ParentDefinitionId).or_else(|| span.text(Key::LegacyParentId)));
        rows.text(span.parent_runtime_id());
        rows.text(span.text(Key::ParentStructuralId));
        let above = match trace.ancestors[index] {
            Ancestor::Executable(above) => Some(&trace.spans[above]),
            Ancestor::None | Ancestor::Remote | Ancestor::Unknown => None,
        };
        rows.text(above.map(|above| span_id(above.head.span)));
        rows.text(span.text(Key::CorrelationType));
        rows.text(span.text(Key::CorrelationId));
        rows.text(Some(span.outcome().name()));
        rows.text(span.text(Key::ErrorType));
        rows.text(span.text(Key::CancelledReason));
        rows.text(span.store_id());
        rows.number(span.number(Key::TransitionCount));
        rows.number(span.number(Key::NodeCount).or_else(|| span.number(Key::AgentOperations)));
        rows.time(Some(span.head.start_time));
        rows.time(Some(span.head.end_time));
        rows.flag(Some(span.head.end_time < self.settled_before));
    }

    fn transitions(&self, span: &Span<'_>, rows: &mut Rows) {
        for event in span.state_events() {
            let Some(transition) = Transition::of(span, event) else { continue };
            self.place(span, rows);
            rows.text(Some(span.kind.name()));
            rows.text(Some(transition.store_id));
            rows.text(transition.store_name);
            rows.text(transition.event_id);
            rows.text(transition.action);
            rows.number(transition.sequence);
            rows.number(transition.before);
            rows.number(transition.after);
            rows.text(transition.patch.text);
            rows.text(transition.patch.mode);
            rows.time(Some(transition.time));
        }
    }

    fn graph_nodes(&self, trace: &Trace<'_>, owner: usize, rows: &mut Rows) {
        let flow = &trace.spans[owner];
        let Some(Ok(graph)) = flow.attributes.literal(Key::GraphSnapshot).map(known_graph::parse) else {
            return;
        };
        for (place, node) in graph.snapshot.nodes.iter().enumerate() {
            self.place(flow, rows);
            rows.text(flow.runtime_id());
            rows.text(Some(&graph.snapshot.graph_structural_id));
            rows.number(i64::try_from(place).ok());
            rows.text(Some(&node.node_runtime_id));
            rows.text(Some(&node.node_structural_id));
            rows.text(Some(&node.node_type));
            rows.text(Some(&node.node_label));
            rows.flag(Some(node.is_subflow));
            rows.flag(Some(node.is_concurrent_subgraph));
            rows.flag(Some(graph.is_own(place)));
            rows.number(i64::try_from(visits(trace, owner, &node.node_runtime_id)).ok());
        }
    }

    fn graph_edges(&self, trace: &Trace<'_>, owner: usize, rows: &mut Rows) {
        let flow = &trace.spans[owner];
        let Some(Ok(graph)) = flow.attributes.literal(Key::GraphSnapshot).map(known_graph::parse) else {
            return;
        };
        let label = |id: &str| graph.place(id).map(|place| graph.label(place));
        for (place, edge) in graph.snapshot.edges.iter().enumerate() {
            self.place(flow, rows);
            rows.text(flow.runtime_id());
            rows.text(Some(&graph.snapshot.graph_structural_id));
            rows.number(i64::try_from(place).ok());
            rows.text(Some(&edge.edge_structural_id));
            rows.text(Some(&edge.tail_node_runtime_id));
            rows.text(label(&edge.tail_node_runtime_id));
            rows.text(Some(&edge.head_node_runtime_id));
            rows.text(label(&edge.head_node_runtime_id));
            rows.text(edge.edge_condition_label.as_ref());
            rows.text(edge.parent_subflow_runtime_id.as_ref());
        }
    }

    fn operation(&self, span: &Span<'_>, rows: &mut Rows) {
        self.place(span, rows);
        for key in [Key::OperationType, Key::KeyOfAgent, Key::AgentRuntimeId] {
            rows.text(span.text(key));
        }
        rows.number(span.number(Key::OperationSequence));
        rows.number(span.number(Key::ModelOrdinal).or_else(|| span.number(Key::ToolOrdinal)));
        for key in
            [Key::ToolName, Key::ToolCallId, Key::ToolArguments, Key::ToolResult, Key::ModelResponseType]
        {
            rows.text(span.text(key));
        }
        rows.text(span.text(Key::ModelUsage));
        rows.text(Some(span.outcome().name()));
    }

    fn evaluation(&self, span: &Span<'_>, rows: &mut Rows) {
        self.place(span, rows);
        rows.text(span.head.has_parent.then(|| span_id(span.head.parent)));
        for key in [Key::EvaluationRole].into_iter().chain(SHARED) {
            rows.text(span.text(key));
        }
        rows.text(Some(span.outcome().name()));
    }

    fn plugin_span(&self, span: &Span<'_>, rows: &mut Rows) {
        self.place(span, rows);
        rows.text(span.head.has_parent.then(|| span_id(span.head.parent)));
        for key in [
            Key::PluginType,
            Key::PluginTrace,
            Key::PluginSourceTrace,
            Key::PluginSourceSpan,
            Key::PluginSourceParent,
        ] {
            rows.text(span.text(key));
        }
        rows.text(span.attributes.get(Key::PluginData).map(|data| match data {
            Value::Text(text) | Value::Json(text) => text,
        }));
        rows.text(span.text(Key::ErrorType));
    }
}

/// How often a flow ran a node of its graph, in its groups too.
fn visits(trace: &Trace<'_>, owner: usize, node: &str) -> usize {
    let mut open = vec![owner];
    let mut count = 0;
    while let Some(above) = open.pop() {
        for member in trace.members(above) {
            let span = &trace.spans[member];
            count += usize::from(span.graph_node_id() == Some(node));
            if span.kind == Kind::RunConcurrent {
                open.push(member);
            }
        }
    }
    count
}

/// Rows of a table, cell by cell in the order of its columns.
struct Rows {
    schema: SchemaRef,
    columns: Vec<Column>,
    next: usize,
    count: usize,
}

enum Column {
    Text(StringViewBuilder),
    Number(Int64Builder),
    Flag(BooleanBuilder),
    Time(TimestampNanosecondBuilder),
}

impl Rows {
    fn new(schema: &SchemaRef) -> Self {
        let column = |data_type: &DataType| match data_type {
            DataType::Int64 => Column::Number(Int64Builder::new()),
            DataType::Boolean => Column::Flag(BooleanBuilder::new()),
            DataType::Timestamp(..) => Column::Time(TimestampNanosecondBuilder::new().with_timezone("UTC")),
            _ => Column::Text(StringViewBuilder::new()),
        };
        let columns = schema.fields().iter().map(|field| column(field.data_type())).collect();
        Self { schema: Arc::clone(schema), columns, next: 0, count: 0 }
    }

    fn column(&mut self) -> Option<&mut Column> {
        let place = self.next;
        self.count += usize::from(place == 0);
        self.next = (place + 1) % self.columns.len();
        self.columns.get_mut(place)
    }

    fn text(&mut self, value: Option<impl AsRef<str>>) {
        if let Some(Column::Text(column)) = self.column() {
            column.append_option(value);
        }
    }

    fn number(&mut self, value: Option<i64>) {
        if let Some(Column::Number(column)) = self.column() {
            column.append_option(value);
        }
    }

    fn flag(&mut self, value: Option<bool>) {
        if let Some(Column::Flag(column)) = self.column() {
            column.append_option(value);
        }
    }

    fn time(&mut self, value: Option<i64>) {
        if let Some(Column::Time(column)) = self.column() {
            column.append_option(value);
        }
    }

    /// The rows so far. A row that is not of the table's columns is an error here.
    fn finish(&mut self) -> Result<RecordBatch, DataFusionError> {
        let columns = self.columns.iter_mut().map(|column| -> ArrayRef {
            match column {
                Column::Text(column) => Arc::new(column.finish()),
                Column::Number(column) => Arc::new(column.finish()),
                Column::Flag(column) => Arc::new(column.finish()),
                Column::Time(column) => Arc::new(column.finish()),
            }
        });
        let options = RecordBatchOptions::new().with_row_count(Some(std::mem::take(&mut self.count)));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns.collect(), &options)?)
    }
}
