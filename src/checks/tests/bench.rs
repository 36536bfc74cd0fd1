//! A store of the real services to be damaged, by operations that have to succeed, and what an audit then says.

use std::{
    ops::{Deref, Range},
    path::{Path, PathBuf},
};

pub(crate) use crate::proof::fired::{beside_junjo, fired};
use crate::{
    audit::{AuditOptions, examine, report::AuditReport},
    checks::catalog::built_in,
    contract::{row::Row, schema::Schema},
    judge::{judgement::Depth, runs::choose_runs},
    proof::{self, damages::structure::set_null},
    report::format::{self, ReportFormat, View},
    store::find::find_store,
    testing::fixture,
};

/// A copy of a store, to be damaged. Run A lies in its cold file, run B in its segment.
pub(crate) struct Bench(proof::bench::Bench);

impl Deref for Bench {
    type Target = proof::bench::Bench;

    fn deref(&self) -> &proof::bench::Bench {
        &self.0
    }
}

impl Bench {
    pub(crate) fn of(name: &str, schema: Schema) -> Self {
        Self::copy_of(&fixture(name), schema)
    }

    pub(crate) fn copy_of(store: &Path, schema: Schema) -> Self {
        let other_era = match schema {
            Schema::V1 => "getting-started/studio-0.82.1",
            Schema::V2 => "getting-started/studio-0.80.0",
        };
        Self(proof::bench::Bench::copy(store, schema, &fixture(other_era)).unwrap())
    }

    pub(crate) fn cold(&self) -> PathBuf {
        self.cold_file().unwrap()
    }

    pub(crate) fn segment(&self) -> PathBuf {
        self.segment_file().unwrap()
    }

    pub(crate) fn ledger(&self, run: usize) -> PathBuf {
        self.ledger_file(run).unwrap()
    }

    pub(crate) fn change_cold(&self, change: impl FnOnce(&mut Vec<Row>)) {
        self.alter_cold(change).unwrap();
    }

    pub(super) async fn try_audit_by(&self, run: &str, options: AuditOptions) -> anyhow::Result<AuditReport> {
        let layout = find_store(Some(self.folder.path())).unwrap();
        let runs = choose_runs(&self.runs(), run, &layout).unwrap();
        examine(&layout, &runs, options, |_| {}).await
    }

    /// Some rows of the cold file lack a value of a column.
    pub(crate) fn set_null(&self, name: &str, rows: Range<usize>) {
        set_null(self, name, rows).unwrap();
    }

    pub(crate) fn edit_ledger(&self, run: usize, edit: impl Fn(&str) -> String) {
        self.alter_ledger(run, edit).unwrap();
    }

    pub(crate) fn change_snapshot(&self, change: impl FnOnce(&mut Vec<Row>)) {
        self.alter_snapshot(change).unwrap();
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

pub(crate) fn without_waiting() -> AuditOptions {
    AuditOptions { wait: false, samples: 10, ..AuditOptions::of(built_in().unwrap()) }
}

/// The run whose spans are in the cold file.
pub(crate) fn first_run(bench: &Bench) -> String {
    bench.first_run().unwrap()
}
