//! Brings what was acked to disk, and writes into the ledger that it did.

use std::time::Duration;

use crate::{
    base::{clock::unix_nanos, problem::Problem},
    ledger::{
        entry::{Entry, Rpc},
        writer::LedgerWriter,
    },
    wire::{
        ingestion::{Ingestion, Refusal, Snapshot},
        target::Target,
    },
};

/// After this time since an ack, a snapshot cannot come from the studio's cache, which lives a second.
pub(crate) const PAST_SNAPSHOT_CACHE: Duration = Duration::from_secs(2);

/// The wait before a snapshot: past the cache by any rounding.
const SNAPSHOT_WAIT: Duration = PAST_SNAPSHOT_CACHE.saturating_add(Duration::from_millis(50));

/// How acked spans are brought to disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum BarrierMethod {
    /// FlushWAL: everything into a cold file
    Flush,
    /// PrepareHotSnapshot: everything into WAL segments and a hot snapshot
    Snapshot,
}

/// The outcome of a barrier.
#[derive(Debug)]
pub(crate) enum BarrierOutcome {
    Flushed {
        took: Duration,
    },
    Snapshot {
        took: Duration,
        snapshot: Snapshot,
    },
    /// The internal service answered and did not do it.
    Refused {
        rpc: Rpc,
        refusal: Refusal,
    },
    /// No answer: only time can settle what was acked.
    Unreachable(Problem),
}

/// Calls the internal service and records the call.
pub(crate) async fn run_barrier(
    via: BarrierMethod,
    target: &Target,
    token: Option<&str>,
    ledger: &LedgerWriter,
) -> anyhow::Result<BarrierOutcome> {
    let mut ingestion = match Ingestion::connect(target, token).await {
        Ok(ingestion) => ingestion,
        Err(problem) => return Ok(BarrierOutcome::Unreachable(problem)),
    };
    if via == BarrierMethod::Snapshot {
        tokio::time::sleep(SNAPSHOT_WAIT).await;
    }
    let began = unix_nanos();
    let (rpc, answer) = match via {
        BarrierMethod::Flush => (Rpc::FlushWal, ingestion.flush().await.map(|()| None)),
        BarrierMethod::Snapshot => (Rpc::PrepareHotSnapshot, ingestion.snapshot().await.map(Some)),
    };
    let ended = unix_nanos();
    let error = answer.as_ref().err().map(ToString::to_string).unwrap_or_default();
    ledger.append(&Entry::Called { rpc, began, ended, success: answer.is_ok(), error })?;
    let took = Duration::from_nanos(ended.saturating_sub(began));
    Ok(match answer {
        Ok(None) => BarrierOutcome::Flushed { took },
        Ok(Some(snapshot)) => BarrierOutcome::Snapshot { took, snapshot },
        Err(refusal) => BarrierOutcome::Refused { rpc, refusal },
    })
}
