//! The DataFusion session that all questions are asked in.
//!
//! PostgreSQL's dialect, because the default one reads `a ->> 'k' = 'v'` as `a ->> ('k' = 'v')`.
//! Memory is a pool with a limit. One partition for checks: under a memory limit, DataFusion 55 can
//! hang for ever in a spilling repartition (apache/datafusion#24883), which one partition never needs.

use std::sync::Arc;

use datafusion::{
    common::config::Dialect,
    error::DataFusionError,
    execution::{memory_pool::FairSpillPool, runtime_env::RuntimeEnvBuilder},
    prelude::{SessionConfig, SessionContext},
};

/// What a session may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Bytes that operators may hold before they spill.
    pub(crate) memory: usize,
    /// 1 for checks and sweeps.
    pub(crate) partitions: usize,
    pub(crate) batch_rows: usize,
}

pub(crate) fn session(limits: Limits) -> Result<SessionContext, DataFusionError> {
    let runtime =
        RuntimeEnvBuilder::new().with_memory_pool(Arc::new(FairSpillPool::new(limits.memory))).build_arc()?;
    Ok(SessionContext::new_with_config_rt(config(limits), runtime))
}

fn config(limits: Limits) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_target_partitions(limits.partitions)
        .with_batch_size(limits.batch_rows)
        .with_information_schema(true);
    let options = config.options_mut();
    options.sql_parser.dialect = Dialect::PostgreSQL;
    // Every read goes through the guarded reader, which knows column chunks only.
    options.execution.parquet.enable_page_index = false;
    options.execution.parquet.bloom_filter_on_read = false;
    config
}
