//! A copy of a store with its runs, to be damaged.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use anyhow::Context;
use chrono::{DateTime, NaiveDateTime, Utc};
use rusqlite::Connection;
use tempfile::TempDir;

use super::rows::{copy_tree, files, parquet_rows, segment_rows, write_parquet};
use crate::{
    audit::{AuditOptions, examine, report::AuditReport},
    base::temporary,
    checks::catalog::Check,
    contract::{row::Row, schema::Schema},
    judge::runs::choose_runs,
    ledger::runs,
    standin::indexer::Indexer,
    store::find::find_store,
};

/// The time in the name of a cold file.
pub(super) const FLUSHED_AT: &str = "%Y%m%d_%H%M%S";

/// A copy of a store. Its first run lies in the cold file, its second in the segment, of which there is a snapshot.
pub(crate) struct Bench {
    pub(crate) folder: TempDir,
    pub(crate) schema: Schema,
    /// A store of the other schema.
    other_era: PathBuf,
}

impl Bench {
    pub(crate) fn copy(store: &Path, schema: Schema, other_era: &Path) -> anyhow::Result<Self> {
        let folder = temporary::folder()?;
        copy_tree(store, folder.path())?;
        Ok(Self { folder, schema, other_era: other_era.to_owned() })
    }

    fn spans(&self) -> PathBuf {
        self.folder.path().join("spans")
    }

    /// All cold files, the oldest first.
    pub(crate) fn cold_files(&self) -> anyhow::Result<Vec<PathBuf>> {
        files(&self.spans().join("parquet"), ".parquet")
    }

    /// The oldest cold file.
    pub(crate) fn cold_file(&self) -> anyhow::Result<PathBuf> {
        first(self.cold_files()?, "no cold file")
    }

    pub(crate) fn newest_cold_file(&self) -> anyhow::Result<PathBuf> {
        self.cold_files()?.pop().context("no cold file")
    }

    /// When a cold file was flushed, by its name.
    pub(crate) fn flushed_at(cold: &Path) -> anyhow::Result<DateTime<Utc>> {
        let name = cold.file_name().and_then(|name| name.to_str()).context("no name")?;
        let time = name.get(..15).context("a cold file without a time")?;
        Ok(NaiveDateTime::parse_from_str(time, FLUSHED_AT)?.and_utc())
    }

    /// Where a cold file that was flushed then lies, in a folder that is there.
    pub(crate) fn cold_place(&self, flushed: DateTime<Utc>, number: i64) -> anyhow::Result<PathBuf> {
        let day = self.spans().join("parquet").join(flushed.format("year=%Y/month=%m/day=%d").to_string());
        fs::create_dir_all(&day)?;
        Ok(day.join(format!("{}_{number:08x}.parquet", flushed.format(FLUSHED_AT))))
    }

    /// The index of the studio, if there is one.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("sqlite/metadata.db")
    }

    /// Indexes all cold files.
    pub(crate) fn index(&self) -> anyhow::Result<()> {
        Indexer::open(self.folder.path(), self.schema)?.catch_up()
    }

    pub(crate) fn edit_index(&self, sql: &str) -> anyhow::Result<()> {
        let connection = Connection::open(self.database())?;
        connection.pragma_update(None, "foreign_keys", "ON")?;
        Ok(connection.execute_batch(sql)?)
    }

    /// The oldest segment.
    pub(crate) fn segment_file(&self) -> anyhow::Result<PathBuf> {
        first(files(&self.spans().join("wal"), ".ipc")?, "no segment")
    }

    pub(crate) fn snapshot(&self) -> PathBuf {
        self.spans().join("hot_snapshot.parquet")
    }

    /// The oldest cold file and the oldest segment of a store of the other schema.
    pub(crate) fn of_other_era(&self) -> anyhow::Result<[PathBuf; 2]> {
        let spans = self.other_era.join("spans");
        let cold = first(files(&spans.join("parquet"), ".parquet")?, "no cold file")?;
        Ok([cold, first(files(&spans.join("wal"), ".ipc")?, "no segment")?])
    }

    /// Where a further cold file of the same day would lie.
    pub(crate) fn beside(&self, number: u32) -> anyhow::Result<PathBuf> {
        let cold = self.cold_file()?;
        let name = cold.file_name().and_then(|name| name.to_str()).context("no name")?;
        let day = name.get(..8).context("a cold file without a date")?;
        Ok(cold.with_file_name(format!("{day}_235959_{number:08x}.parquet")))
    }

    pub(crate) fn runs(&self) -> PathBuf {
        self.folder.path().join("runs")
    }

    /// The id of the run whose spans are in the cold file.
    pub(crate) fn first_run(&self) -> anyhow::Result<String> {
        let runs = runs::load_all(&self.runs())?.runs;
        Ok(runs.first().context("no run")?.manifest.run_id.clone())
    }

    pub(crate) fn ledger_file(&self, run: usize) -> anyhow::Result<PathBuf> {
        let runs = runs::load_all(&self.runs())?.runs;
        let part = runs.get(run).and_then(|run| run.parts.first()).context("no such run")?;
        Ok(runs::ledger_path(&part.folder))
    }

    pub(crate) fn cold_rows(&self) -> anyhow::Result<Vec<Row>> {
        parquet_rows(&self.cold_file()?, self.schema)
    }

    pub(crate) fn segment_rows(&self) -> anyhow::Result<Vec<Row>> {
        segment_rows(&self.segment_file()?, self.schema)
    }

    pub(crate) fn alter_cold(&self, change: impl FnOnce(&mut Vec<Row>)) -> anyhow::Result<()> {
        self.try_alter_cold(|rows| {
            change(rows);
            Some(())
        })
    }

    /// None where the rows have nothing to be changed.
    pub(crate) fn try_alter_cold(
        &self,
        change: impl FnOnce(&mut Vec<Row>) -> Option<()>,
    ) -> anyhow::Result<()> {
        let mut rows = self.cold_rows()?;
        change(&mut rows).context("no row of the kind that is to be changed")?;
        write_parquet(&self.cold_file()?, &rows, self.schema)
    }

    pub(crate) fn alter_snapshot(&self, change: impl FnOnce(&mut Vec<Row>)) -> anyhow::Result<()> {
        let mut rows = parquet_rows(&self.snapshot(), self.schema)?;
        change(&mut rows);
        write_parquet(&self.snapshot(), &rows, self.schema)
    }

    pub(crate) fn alter_ledger(&self, run: usize, edit: impl Fn(&str) -> String) -> anyhow::Result<()> {
        let file = self.ledger_file(run)?;
        let text = fs::read_to_string(&file)?;
        Ok(fs::write(file, edit(&text))?)
    }

    /// An empty file in the WAL folder that nobody has written to for so long.
    pub(crate) fn add_temp_file(&self, age: Duration) -> anyhow::Result<()> {
        let file = self.segment_file()?.with_extension("ipc.tmp");
        fs::write(&file, "")?;
        let handle = fs::OpenOptions::new().write(true).open(file)?;
        Ok(handle.set_modified(SystemTime::now() - age)?)
    }

    /// Judges the store with some checks as it is, without waiting.
    pub(crate) async fn examine(&self, run: &str, checks: &[Check]) -> anyhow::Result<AuditReport> {
        let layout = find_store(Some(self.folder.path()))?;
        let runs = choose_runs(&self.runs(), run, &layout)?;
        let options = AuditOptions { wait: false, ..AuditOptions::of(checks.to_vec()) };
        examine(&layout, &runs, options, |_| {}).await
    }
}

fn first(files: Vec<PathBuf>, absent: &'static str) -> anyhow::Result<PathBuf> {
    files.into_iter().next().context(absent)
}
