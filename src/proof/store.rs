//! Stores to be damaged, made by the stand-in.

use std::fs;

use tempfile::TempDir;

use super::traffic::{KEY, Sender};
use crate::{
    base::temporary,
    contract::schema::Schema,
    send::barrier::BarrierMethod,
    standin::{self, Config},
    traffic::profile::Telemetry,
};

/// A store with two runs of two services with two workflows each: the first is flushed into a cold file, the second
/// lies in a segment, of which there is a hot snapshot.
pub(super) async fn with_two_runs(schema: Schema, seed: u64) -> anyhow::Result<TempDir> {
    let folder = temporary::folder()?;
    let data_dir = folder.path().join(".dbdata");
    let stand_in = standin::start(Config::new(data_dir.clone(), KEY.to_owned(), schema))?;
    let sender = Sender::to(&stand_in, Telemetry::Current, folder.path().join("runs"), seed)?;
    for barrier in [BarrierMethod::Flush, BarrierMethod::Snapshot] {
        let ledger = sender.send("getting-started", 2).await?;
        sender.run_barrier(barrier, &ledger).await?;
    }
    stand_in.stop().await?;
    fs::rename(data_dir.join("spans"), folder.path().join("spans"))?;
    fs::remove_dir_all(data_dir)?;
    Ok(folder)
}
