//! Answers statements: in parallel and in memory first, and where that does not suffice, in one
//! partition that may spill.
//!
//! With more than one partition, DataFusion 55 can hang for ever in a repartition that spills
//! (apache/datafusion#24883). So the parallel session must not spill: it fails, and the statement
//! runs again where it may.

use std::sync::Arc;

use datafusion::{
    arrow::{array::RecordBatch, datatypes::SchemaRef},
    common::{DataFusionError, ParamValues, ScalarValue, metadata::ScalarAndMetadata},
    execution::{RecordBatchStream, context::SQLOptions},
    prelude::{DataFrame, SessionContext},
    sql::sqlparser::tokenizer::Location,
};
use futures::StreamExt;
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use super::{
    diagnostics::{self, Source},
    judged::Sweeper,
    overflow,
    script::Sql,
    statement::{self, Refusal, Statement},
};
use crate::{
    base::{
        memory::{Limits, Memory},
        panic_guard::{Guarded, catch_panic},
        temporary,
    },
    checks::investigations::Params,
    store::{
        footer::Statistics,
        layout::Layout,
        nesting::STACK_BYTES,
        session::{self, Spilling},
    },
    tables::{
        provider::{self, Tables},
        sources::{RunChoice, Sources},
    },
};

/// Rows per batch.
const BATCH_ROWS: usize = 8_192;

/// A store that can be asked.
pub(crate) struct Engine {
    tables: Arc<Tables>,
    parallel: SessionContext,
    careful: SessionContext,
}

/// Rows as they come, and what must be said beside them.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) schema: SchemaRef,
    /// A plan, whose values are texts of many lines.
    pub(crate) explains: bool,
    batches: mpsc::Receiver<Result<RecordBatch, DataFusionError>>,
    /// Ends the work when the answer is dropped.
    _work: JoinSet<()>,
}

/// What an engine may use.
pub(crate) fn limits(memory: Memory) -> Limits {
    Limits { memory: memory.whole(), partitions: memory.jobs().get(), batch_rows: BATCH_ROWS }
}

impl Engine {
    /// Of a store without some files, and the runs that it is held against.
    pub(crate) fn new(
        layout: Layout,
        without: Vec<String>,
        choice: RunChoice,
        memory: Memory,
        statistics: Statistics,
    ) -> Result<Self, DataFusionError> {
        let limits = limits(memory);
        let sweeper = Box::new(Sweeper { memory });
        let tables = Tables::new(
            Sources::on_demand(layout, without, choice, sweeper, limits)?.with_statistics(statistics),
        );
        let parallel = with_tables(session::asking(limits, Spilling::Never)?, &tables)?;
        let one = Limits { partitions: 1, ..limits };
        let careful = with_tables(session::asking(one, Spilling::ToDisk)?, &tables)?;
        Ok(Self { tables, parallel, careful })
    }

    pub(crate) fn layout(&self) -> &Layout {
        self.tables.sources.layout()
    }

    /// The names of all functions.
    pub(crate) fn functions(&self) -> Vec<String> {
        let state = self.parallel.state_ref();
        let state = state.read();
        let scalar = state.scalar_functions().keys();
        let names = scalar.chain(state.aggregate_functions().keys()).chain(state.window_functions().keys());
        names.cloned().collect()
    }

    /// Notes that came up since the last time.
    pub(crate) fn take_notes(&self) -> Vec<String> {
        self.tables.sources.take_notes()
    }

    /// To be called when an answer was read to its end.
    pub(crate) fn end_statement(&self) {
        self.tables.sources.note_flushed_segments();
    }

    /// Parses, plans and begins to answer one statement of a text.
    pub(crate) async fn ask(&self, sql: &Sql, source: Source<'_>, params: &Params) -> anyhow::Result<Answer> {
        self.tables.sources.begin_statement();
        let answer = match self.answer(&self.parallel, sql, params).await {
            Err(Failed::Asked(DataFusionError::ResourcesExhausted(_))) => {
                self.answer(&self.careful, sql, params).await
            }
            answer => answer,
        };
        match answer {
            Ok(answer) => Ok(answer),
            Err(Failed::Refused(refusal)) => {
                Err(diagnostics::of_refusal(refusal, source, sql.begins()).into())
            }
            Err(Failed::Asked(err)) => Err(match self.tables.sources.take_trouble() {
                Some(trouble) => trouble,
                None => self.explain(&err, source, sql.begins()).await,
            }),
        }
    }

    async fn answer(&self, session: &SessionContext, sql: &Sql, params: &Params) -> Result<Answer, Failed> {
        let begin = begin(Arc::clone(&self.tables), session.clone(), sql.text.clone(), values(params));
        let StartedStatement { schema, explains, first, mut stream } = on_planner(begin).await?;
        let (send, batches) = mpsc::channel(2);
        let mut work = JoinSet::new();
        work.spawn(async move {
            let mut next = first;
            while let Some(batch) = next {
                if send.send(batch.map_err(root)).await.is_err() {
                    return;
                }
                next = stream.next().await;
            }
        });
        Ok(Answer { schema, explains, batches, _work: work })
    }

    /// Says what went wrong. Where a file may be at fault, all that cannot be read to their end are named.
    pub(crate) async fn explain(
        &self,
        err: &DataFusionError,
        source: Source<'_>,
        begins: Location,
    ) -> anyhow::Error {
        if let Some(problem) = temporary::trouble(err) {
            return problem.into();
        }
        let damaged = if diagnostics::blames_a_file(err) {
            self.tables.sources.damaged_inside().await
        } else {
            Vec::new()
        };
        if let Some(problem) = diagnostics::of_files(&damaged) {
            return problem.into();
        }
        let missing = self.tables.sources.take_missing();
        diagnostics::of_error(err, source, begins, missing.as_deref()).into()
    }
}

impl Answer {
    pub(crate) async fn next(&mut self) -> Option<Result<RecordBatch, DataFusionError>> {
        self.batches.recv().await
    }
}

/// Why there is no answer.
#[derive(Debug)]
enum Failed {
    Refused(Refusal),
    Asked(DataFusionError),
}

impl From<DataFusionError> for Failed {
    fn from(err: DataFusionError) -> Self {
        Self::Asked(err)
    }
}

/// An answer whose first rows are there.
struct StartedStatement {
    schema: SchemaRef,
    explains: bool,
    first: Option<Result<RecordBatch, DataFusionError>>,
    stream: Guarded,
}

/// The first rows are waited for, so that an answer that does not fit into memory is not begun.
async fn begin(
    tables: Arc<Tables>,
    session: SessionContext,
    sql: String,
    params: ParamValues,
) -> Result<StartedStatement, Failed> {
    let Statement { parsed, describes, explains } = statement::parse(&sql).map_err(Failed::Refused)?;
    let state = session.state();
    tables.describe(describes);
    let plan = state.statement_to_plan(parsed).await?;
    // The tables of the statement are made; those that information_schema meets are only described.
    tables.describe(true);
    let reads = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    reads.verify_plan(&plan)?;
    let plan = plan.with_param_values(params)?;
    // Damaged bytes make decoders panic in places.
    let mut stream = Guarded::new(DataFrame::new(state, plan).execute_stream().await?);
    let schema = stream.schema();
    let first = match stream.next().await {
        Some(Err(err)) => return Err(root(err).into()),
        first => first,
    };
    Ok(StartedStatement { schema, explains, first, stream })
}

/// Does what may take long without a pause, and deep calls, on a thread of its own: whoever waits can stop waiting.
async fn on_planner<T: Send + 'static>(
    work: impl Future<Output = Result<T, Failed>> + Send + 'static,
) -> Result<T, Failed> {
    let runtime = Handle::current();
    let (mut send, done) = oneshot::channel();
    let plan = move || {
        let planned = catch_panic(|| {
            runtime.block_on(async {
                tokio::select! {
                    planned = work => Some(planned),
                    () = send.closed() => None,
                }
            })
        });
        let planned = match planned {
            Ok(planned) => planned,
            Err(panicked) => Some(Err(Failed::Asked(DataFusionError::External(Box::new(panicked))))),
        };
        // Nobody waits any more where there is nothing to hand over.
        planned.map(|planned| send.send(planned).ok())
    };
    let thread = std::thread::Builder::new().name("planner".to_owned()).stack_size(STACK_BYTES);
    thread.spawn(plan).map_err(|err| Failed::Asked(DataFusionError::IoError(err)))?;
    match done.await {
        Ok(planned) => planned,
        Err(_) => Err(Failed::Asked(DataFusionError::Internal("the planner has gone".to_owned()))),
    }
}

fn with_tables(mut session: SessionContext, tables: &Arc<Tables>) -> Result<SessionContext, DataFusionError> {
    provider::register(&mut session, tables)?;
    overflow::register(&session);
    Ok(session)
}

/// An exhausted pool is told by its own name, whatever it came wrapped in.
fn root(err: DataFusionError) -> DataFusionError {
    match err.find_root() {
        DataFusionError::ResourcesExhausted(what) => DataFusionError::ResourcesExhausted(what.clone()),
        _ => err,
    }
}

fn values(params: &Params) -> ParamValues {
    let value = |(name, value): (&String, &String)| {
        let value = ScalarValue::Utf8(Some(value.clone()));
        (name.clone(), ScalarAndMetadata::from(value))
    };
    ParamValues::Map(params.iter().map(value).collect())
}
