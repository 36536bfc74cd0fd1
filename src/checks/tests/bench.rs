//! A store of the real services to be damaged, and what an audit then says.

use std::{
    fmt::Write as _,
    fs,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use datafusion::arrow::{
    array::{Array, ArrayRef, BooleanArray, RecordBatch},
    compute::nullif,
    datatypes::{Field, FieldRef, Schema as ArrowSchema},
};
use tempfile::TempDir;

use crate::{
    audit::{AuditOptions, examine, report::AuditReport},
    checks::catalog::built_in,
    contract::{columns, row::Row, schema::Schema},
    judge::{judgement::Depth, runs::choose_runs},
    ledger::runs,
    report::format::{self, ReportFormat, View},
    store::find::find_store,
    testing::{copy_tree, files, fixture, parquet_rows, write_batch, write_parquet},
};

/// A copy of a store, to be damaged. Run A lies in its cold file, run B in its segment.
pub(crate) struct Bench {
    pub(crate) folder: TempDir,
    pub(crate) schema: Schema,
}

impl Bench {
    pub(crate) fn of(name: &str, schema: Schema) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy_tree(&fixture(name), folder.path());
        Self { folder, schema }
    }

    pub(crate) fn cold(&self) -> PathBuf {
        files(&self.folder.path().join("spans/parquet"), ".parquet").remove(0)
    }

    pub(crate) fn segment(&self) -> PathBuf {
        files(&self.folder.path().join("spans/wal"), ".ipc").remove(0)
    }

    pub(crate) fn ledger(&self, run: usize) -> PathBuf {
        let runs = runs::load_all(&self.runs()).unwrap().runs;
        runs[run].parts[0].folder.join("ledger.ndjson")
    }

    pub(crate) fn runs(&self) -> PathBuf {
        self.folder.path().join("runs")
    }

    pub(crate) fn change_cold(&self, change: impl FnOnce(&mut Vec<Row>)) {
        let file = self.cold();
        let mut rows = parquet_rows(&file, self.schema);
        change(&mut rows);
        write_parquet(&file, &rows, self.schema);
    }

    /// Replaces columns of the cold file by others.
    pub(crate) fn change_columns(&self, change: impl Fn(&Field, &ArrayRef) -> Option<(Field, ArrayRef)>) {
        change_columns(&self.cold(), self.schema, change);
    }

    /// Some rows of the cold file lack a value of a column.
    pub(crate) fn set_null(&self, name: &str, rows: Range<usize>) {
        self.change_columns(|field, array| {
            let is_null = (0..array.len()).map(|row| Some(rows.contains(&row))).collect::<BooleanArray>();
            let nulled = || nullif(array, &is_null).unwrap();
            (field.name() == name).then(|| (field.clone().with_nullable(true), nulled()))
        });
    }

    pub(crate) fn snapshot(&self) -> PathBuf {
        self.folder.path().join("spans/hot_snapshot.parquet")
    }

    /// An empty file in the WAL folder that nobody has written to for so long.
    pub(crate) fn leave_temp_file(&self, age: Duration) {
        let file = self.segment().with_extension("ipc.tmp");
        fs::write(&file, "").unwrap();
        let handle = fs::OpenOptions::new().write(true).open(file).unwrap();
        handle.set_modified(SystemTime::now() - age).unwrap();
    }

    pub(crate) fn edit_ledger(&self, run: usize, edit: impl Fn(&str) -> String) {
        let file = self.ledger(run);
        let text = fs::read_to_string(&file).unwrap();
        fs::write(file, edit(&text)).unwrap();
    }

    pub(crate) fn change_snapshot(&self, change: impl FnOnce(&mut Vec<Row>)) {
        let mut rows = parquet_rows(&self.snapshot(), self.schema);
        change(&mut rows);
        write_parquet(&self.snapshot(), &rows, self.schema);
    }

    /// What a check finds, as JSON objects, in its own order.
    pub(crate) async fn samples(&self, run: &str, check: &str) -> Vec<serde_json::Value> {
        let report = format::render(ReportFormat::Json, &self.audit(run).await, View::FILE).unwrap();
        let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
        let checks = report["checks"].as_array().unwrap();
        let check = checks.iter().find(|one| one["id"] == check).unwrap();
        check["samples"].as_array().cloned().unwrap_or_default()
    }

    pub(crate) async fn audit_at(&self, depth: Depth) -> AuditReport {
        let layout = find_store(Some(self.folder.path())).unwrap();
        let runs = choose_runs(&self.runs(), "none", &layout).unwrap();
        examine(&layout, &runs, AuditOptions { depth, ..without_waiting() }, |_| {}).await.unwrap()
    }

    pub(crate) async fn audit(&self, run: &str) -> AuditReport {
        let layout = find_store(Some(self.folder.path())).unwrap();
        let runs = choose_runs(&self.runs(), run, &layout).unwrap();
        examine(&layout, &runs, without_waiting(), |_| {}).await.unwrap()
    }
}

/// Replaces columns of a Parquet file with exactly the columns of `schema` by others.
pub(crate) fn change_columns(
    file: &Path,
    schema: Schema,
    change: impl Fn(&Field, &ArrayRef) -> Option<(Field, ArrayRef)>,
) {
    let batch = columns::batch(&parquet_rows(file, schema), schema).unwrap();
    let changed = |(field, array): (&FieldRef, &ArrayRef)| {
        change(field, array).unwrap_or_else(|| (field.as_ref().clone(), Arc::clone(array)))
    };
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) =
        batch.schema().fields().iter().zip(batch.columns()).map(changed).unzip();
    write_batch(file, &RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), arrays).unwrap());
}

pub(crate) fn without_waiting() -> AuditOptions {
    AuditOptions { wait: false, samples: 10, ..AuditOptions::of(built_in().unwrap()) }
}

/// What fired, without the checks of Junjo's own evidence.
pub(crate) fn beside_junjo(fired: &str) -> String {
    fired.split("; ").filter(|one| !one.starts_with("junjo_")).collect::<Vec<_>>().join("; ")
}

/// Every check that did not pass or was not skipped, with the number of its findings.
pub(crate) fn fired(report: &AuditReport) -> String {
    let mut text = String::new();
    for one in &report.checked {
        let findings = one.verdict.findings().map_or(0, |findings| findings.total);
        match one.verdict.name() {
            "pass" | "skipped" => {}
            // What a run's spans lose by design is counted on every store that holds one.
            _ if one.check.id == "declared_losses" => {}
            "fail" => write!(text, "{}: {findings}; ", one.check.id).unwrap(),
            other => write!(text, "{}: {other}, {findings}; ", one.check.id).unwrap(),
        }
    }
    text.trim_end_matches("; ").to_owned()
}

/// The run whose spans are in the cold file.
pub(crate) fn first_run(bench: &Bench) -> String {
    runs::load_all(&bench.runs()).unwrap().runs.remove(0).manifest.run_id
}
