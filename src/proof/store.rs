//! Stores to be damaged, made by the stand-in.

use std::{
    fs::{self, File},
    path::Path,
    time::SystemTime,
};

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};
use tempfile::TempDir;

use super::{
    bench::Bench,
    rows::{files, parquet_rows, segment_rows, write_parquet, write_stream},
    traffic::{KEY, Sender},
};
use crate::{
    base::temporary,
    contract::{columns, row::Row, schema::Schema},
    send::barrier::BarrierMethod,
    standin::{self, Config},
    traffic::profile::Telemetry,
};

/// How long ago what apps sent was sent: longer than any span is waited for.
const AGO: TimeDelta = TimeDelta::days(2);

/// Two services with two workflows each in each of two runs: the first is flushed into a cold file, the second lies in
/// a segment, of which there is a hot snapshot.
pub(super) async fn with_two_runs(schema: Schema, seed: u64) -> anyhow::Result<TempDir> {
    let runs = [BarrierMethod::Flush, BarrierMethod::Snapshot].map(|barrier| ("getting-started", 2, barrier));
    sent(schema, Telemetry::Current, seed, &runs).await
}

/// Two services with four workflows each that nobody knows the run of, in two cold files, a segment, and a hot snapshot.
pub(super) async fn of_apps(schema: Schema, seed: u64) -> anyhow::Result<TempDir> {
    let telemetry = match schema {
        Schema::V1 => Telemetry::Legacy,
        Schema::V2 => Telemetry::Current,
    };
    let barriers = [BarrierMethod::Flush, BarrierMethod::Flush, BarrierMethod::Snapshot];
    let runs = barriers.map(|barrier| ("getting-started", 4, barrier));
    let store = sent(schema, telemetry, seed, &runs).await?;
    forget_runs(store.path(), schema)?;
    Ok(store)
}

/// Workflows, agents and calls of models that nobody knows the run of, in one cold file.
pub(super) async fn of_executions(seed: u64) -> anyhow::Result<TempDir> {
    let runs = [("getting-started=1,agent=3,llm=1,composite=1", 18, BarrierMethod::Flush)];
    let store = sent(Schema::V2, Telemetry::Current, seed, &runs).await?;
    forget_runs(store.path(), Schema::V2)?;
    Ok(store)
}

/// A run of the profile `adversarial`, in a cold file.
pub(super) async fn of_edge_values(seed: u64) -> anyhow::Result<TempDir> {
    let runs = [("adversarial", 80, BarrierMethod::Flush)];
    sent(Schema::V2, Telemetry::Current, seed, &runs).await
}

/// A store that these runs were sent to: the mix of each, its workflows per service, and what follows it.
async fn sent(
    schema: Schema,
    telemetry: Telemetry,
    seed: u64,
    runs: &[(&str, u64, BarrierMethod)],
) -> anyhow::Result<TempDir> {
    let folder = temporary::folder()?;
    let data_dir = folder.path().join(".dbdata");
    let stand_in = standin::start(Config::new(data_dir.clone(), KEY.to_owned(), schema))?;
    let sender = Sender::to(&stand_in, telemetry, folder.path().join("runs"), seed)?;
    for (mix, workflows, barrier) in runs {
        let ledger = sender.send(mix, *workflows).await?;
        sender.run_barrier(*barrier, &ledger).await?;
    }
    stand_in.stop().await?;
    fs::rename(data_dir.join("spans"), folder.path().join("spans"))?;
    fs::remove_dir_all(data_dir)?;
    Ok(folder)
}

/// What was sent is from apps, and of days ago: rows without a witness of a run, files with the names of then.
fn forget_runs(store: &Path, schema: Schema) -> anyhow::Result<()> {
    let spans = store.join("spans");
    for file in files(&spans.join("parquet"), ".parquet")? {
        let then = before(Bench::flushed_at(&file)?)?;
        let rows = aged(parquet_rows(&file, schema)?)?;
        fs::remove_file(&file)?;
        let name = file.file_name().and_then(|name| name.to_str()).context("no name")?;
        let day = spans.join("parquet").join(then.format("year=%Y/month=%m/day=%d").to_string());
        fs::create_dir_all(&day)?;
        let place = day.join(format!("{}{}", then.format(super::bench::FLUSHED_AT), &name[15..]));
        write_parquet(&place, &rows, schema)?;
        set_modified(&place, then)?;
    }
    for file in files(&spans.join("wal"), ".ipc")? {
        let name = file.file_name().and_then(|name| name.to_str()).context("no name")?;
        let (time, rest) =
            name.strip_prefix("batch_").and_then(|name| name.split_once('_')).context("no time")?;
        let then = before(DateTime::from_timestamp_nanos(time.parse()?))?;
        let nanos = then.timestamp_nanos_opt().context("a time beyond all")?;
        let place = file.with_file_name(format!("batch_{nanos}_{rest}"));
        let rows = aged(segment_rows(&file, schema)?)?;
        fs::remove_file(&file)?;
        write_stream(&place, &columns::batch(&rows, schema)?)?;
        set_modified(&place, then)?;
    }
    let snapshot = spans.join("hot_snapshot.parquet");
    if snapshot.exists() {
        let rows = aged(parquet_rows(&snapshot, schema)?)?;
        write_parquet(&snapshot, &rows, schema)?;
        set_modified(&snapshot, before(Utc::now())?)?;
    }
    Ok(fs::remove_dir_all(store.join("runs"))?)
}

fn before(time: DateTime<Utc>) -> anyhow::Result<DateTime<Utc>> {
    time.checked_sub_signed(AGO).context("a time before all")
}

pub(super) fn set_modified(file: &Path, at: DateTime<Utc>) -> anyhow::Result<()> {
    Ok(File::options().write(true).open(file)?.set_modified(SystemTime::from(at))?)
}

/// Of days ago, without a witness of a run.
pub(super) fn aged(mut rows: Vec<Row>) -> anyhow::Result<Vec<Row>> {
    let back = AGO.num_nanoseconds().context("a time beyond all")?;
    for row in &mut rows {
        shift(row, -back)?;
        for json in [&mut row.attributes, &mut row.resource_attributes] {
            let mut members: Map<String, Value> = serde_json::from_str(json)?;
            members.retain(|key, _| !key.starts_with("e2e."));
            *json = Value::Object(members).to_string();
        }
    }
    Ok(rows)
}

/// Moves a row and its events in time.
pub(super) fn shift(row: &mut Row, by: i64) -> anyhow::Result<()> {
    row.start_time += by;
    row.end_time += by;
    let mut events: Vec<Value> = serde_json::from_str(&row.events)?;
    for event in &mut events {
        let at = &mut event["timeUnixNano"];
        // A number in schema 1.
        *at = match &*at {
            Value::String(nanos) => (nanos.parse::<i64>()? + by).to_string().into(),
            nanos => (nanos.as_i64().context("an event without a time")? + by).into(),
        };
    }
    row.events = Value::Array(events).to_string();
    Ok(())
}
