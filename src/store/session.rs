//! The DataFusion session that all questions are asked in.
//!
//! PostgreSQL's dialect, because the default one reads `a ->> 'k' = 'v'` as `a ->> ('k' = 'v')`.
//! No filter is made from values that an operator has met so far: one of them loses rows
//! (apache/datafusion#24816), and all of them prune by statistics that nobody has confirmed. Memory is a pool with a limit. One partition for checks: under a memory limit, DataFusion 55 can
//! hang for ever in a spilling repartition (apache/datafusion#24883), which one partition never needs.

use std::sync::Arc;

use super::bounded;
use crate::base::memory::Limits;
use datafusion::{
    common::config::Dialect,
    error::DataFusionError,
    execution::{
        disk_manager::{DiskManagerBuilder, DiskManagerMode},
        memory_pool::{FairSpillPool, GreedyMemoryPool},
        runtime_env::RuntimeEnvBuilder,
    },
    prelude::{SessionConfig, SessionContext},
};

pub(crate) fn session(limits: Limits) -> Result<SessionContext, DataFusionError> {
    let runtime =
        RuntimeEnvBuilder::new().with_memory_pool(Arc::new(FairSpillPool::new(limits.memory))).build_arc()?;
    let session = SessionContext::new_with_config_rt(config(limits), runtime);
    bounded::bound(&session);
    Ok(session)
}

/// What operators do when their memory is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spilling {
    /// They fail, so that the question can be asked again with less at once.
    Never,
    ToDisk,
}

/// A session for questions from outside: errors know their place in the text.
pub(crate) fn asking(limits: Limits, spilling: Spilling) -> Result<SessionContext, DataFusionError> {
    let runtime = match spilling {
        Spilling::Never => RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(GreedyMemoryPool::new(limits.memory)))
            .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled)),
        Spilling::ToDisk => {
            RuntimeEnvBuilder::new().with_memory_pool(Arc::new(FairSpillPool::new(limits.memory)))
        }
    };
    let mut config = config(limits);
    config.options_mut().sql_parser.collect_spans = true;
    let session = SessionContext::new_with_config_rt(config, runtime.build_arc()?);
    bounded::bound(&session);
    Ok(session)
}

const SORT_RESERVATION: usize = 10 << 20;

fn config(limits: Limits) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_target_partitions(limits.partitions)
        .with_batch_size(limits.batch_rows)
        .with_information_schema(true);
    let options = config.options_mut();
    options.sql_parser.dialect = Dialect::PostgreSQL;
    // What a sort keeps free to merge what it spilled: by default more than the least that a session may use.
    options.execution.sort_spill_reservation_bytes = SORT_RESERVATION.min(limits.memory / 8);
    // Every read goes through the guarded reader, which knows column chunks only.
    options.execution.parquet.enable_page_index = false;
    options.execution.parquet.bloom_filter_on_read = false;
    // Each by itself: the first only stands for the others where it is set by its name.
    let optimizer = &mut options.optimizer;
    optimizer.enable_dynamic_filter_pushdown = false;
    optimizer.enable_aggregate_dynamic_filter_pushdown = false;
    optimizer.enable_join_dynamic_filter_pushdown = false;
    optimizer.enable_topk_dynamic_filter_pushdown = false;
    config
}
