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
use tokio::{sync::mpsc, task::JoinSet};

use super::{
    diagnostics::{self, Source},
    judged::Sweeper,
    script::Sql,
    statement::{self, Statement},
};
use crate::{
    base::{
        memory::{Limits, Memory},
        panic_guard::Guarded,
    },
    checks::investigations::Params,
    store::{
        layout::Layout,
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
        let begins = Location { line: sql.line, column: sql.column };
        let statement =
            statement::parse(sql).map_err(|refusal| diagnostics::of_refusal(refusal, source, begins))?;
        self.tables.sources.begin_statement();
        let answer = match self.answer(&self.parallel, &statement, params).await {
            Err(DataFusionError::ResourcesExhausted(_)) => {
                self.answer(&self.careful, &statement, params).await
            }
            answer => answer,
        };
        match answer {
            Ok(answer) => Ok(answer),
            Err(err) => Err(match self.tables.sources.take_trouble() {
                Some(trouble) => trouble,
                None => self.explain(&err, source, begins).await,
            }),
        }
    }

    /// The first rows are waited for, so that an answer that does not fit into memory is not begun.
    async fn answer(
        &self,
        session: &SessionContext,
        statement: &Statement,
        params: &Params,
    ) -> Result<Answer, DataFusionError> {
        let state = session.state();
        self.tables.describe(statement.describes);
        let plan = state.statement_to_plan(statement.parsed.clone()).await?;
        // The tables of the statement are made; those that information_schema meets are only described.
        self.tables.describe(true);
        let reads =
            SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        reads.verify_plan(&plan)?;
        let plan = plan.with_param_values(values(params))?;
        // Damaged bytes make decoders panic in places.
        let mut stream = Guarded::new(DataFrame::new(state, plan).execute_stream().await?);
        let schema = stream.schema();
        let first = match stream.next().await {
            Some(Err(err)) => return Err(root(err)),
            first => first,
        };
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
        Ok(Answer { schema, explains: statement.explains(), batches, _work: work })
    }

    /// Says what went wrong. Where a file may be at fault, all that cannot be read to their end are named.
    pub(crate) async fn explain(
        &self,
        err: &DataFusionError,
        source: Source<'_>,
        begins: Location,
    ) -> anyhow::Error {
        let damaged = if diagnostics::blames_a_file(err) {
            self.tables.sources.damaged_inside().await
        } else {
            Vec::new()
        };
        match diagnostics::of_files(&damaged) {
            Some(problem) => problem.into(),
            None => {
                let missing = self.tables.sources.take_missing();
                diagnostics::of_error(err, source, begins, missing.as_deref()).into()
            }
        }
    }
}

impl Answer {
    pub(crate) async fn next(&mut self) -> Option<Result<RecordBatch, DataFusionError>> {
        self.batches.recv().await
    }
}

fn with_tables(mut session: SessionContext, tables: &Arc<Tables>) -> Result<SessionContext, DataFusionError> {
    provider::register(&mut session, tables)?;
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
