//! Tables that need a sweep: made when the first statement names one, and again when files have changed.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use datafusion::{
    catalog::TableProvider,
    error::{DataFusionError, Result},
    prelude::SessionContext,
};

use crate::{
    base::memory::Memory,
    judge::{
        judgement::Depth,
        progress::Progress,
        reading::{self, DEFAULT_SETTLE, Question},
        runs::Runs,
    },
    store::{layout::Layout, session},
    tables::{judged, listing::Stamp},
    text::numbers,
};

/// A sweep and the tables that came of it.
pub(super) struct Judged {
    of: Fingerprint,
    took: Duration,
    rows: u64,
    session: SessionContext,
}

/// What a sweep read: as long as all of it stays, its tables hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fingerprint {
    files: Vec<Stamp>,
    ledgers: Vec<Vec<u64>>,
}

impl Fingerprint {
    pub(super) fn new(files: Vec<Stamp>, runs: &Runs) -> Self {
        Self { files, ledgers: runs.known.iter().map(crate::ledger::runs::Run::ledger_lens).collect() }
    }
}

impl Judged {
    /// Sweeps a store. Absences are judged as they are, without waiting for what may still come.
    pub(super) async fn sweep(
        layout: &Layout,
        runs: &Runs,
        memory: Memory,
        of: Fingerprint,
    ) -> anyhow::Result<Self> {
        let began = Instant::now();
        let session = session::session(memory.session())?;
        let question = Question {
            layout,
            known: &runs.known,
            wanted: &runs.wanted,
            only_wanted: runs.only_wanted,
            whole_store: !layout.single_file,
            settle: DEFAULT_SETTLE,
            wait: false,
            scope: Arc::default(),
            depth: Depth::Content,
            budget: memory.budget(),
            progress: Progress::default(),
            replayed: &runs.replayed,
        };
        let judgement = Arc::new(reading::read(&question, &session, |_| {}).await?);
        let settle = i64::try_from(DEFAULT_SETTLE.as_nanos()).unwrap_or(i64::MAX);
        judged::register(
            &session,
            &judgement,
            Vec::new(),
            judgement.read_began.cast_signed().saturating_sub(settle),
        )
        .await?;
        Ok(Self { of, took: began.elapsed(), rows: judgement.rows.total(), session })
    }

    /// The same tables without a row, to tell what their columns are.
    pub(super) async fn shapes(memory: Memory) -> anyhow::Result<Self> {
        let nowhere =
            Layout { spans: PathBuf::new(), cold: None, wal: None, hot_snapshot: None, single_file: true };
        let runs = Runs::default();
        let of = Fingerprint::new(Vec::new(), &runs);
        Self::sweep(&nowhere, &runs, memory, of).await
    }

    pub(super) fn holds_for(&self, now: &Fingerprint) -> bool {
        self.of == *now
    }

    pub(super) fn note(&self) -> String {
        format!("swept {} in {}", numbers::counted(self.rows, "row"), numbers::duration(self.took))
    }

    /// What the judge calls a table.
    pub(super) async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let name = if name == "swept_files" { "files" } else { name };
        match self.session.table_provider(name).await {
            Ok(table) => Ok(Some(table)),
            Err(DataFusionError::Plan(_)) => Ok(None),
            Err(err) => Err(err),
        }
    }

    /// The names of all its tables, as they are called in questions.
    #[cfg(test)]
    pub(super) fn names(&self) -> Vec<String> {
        let catalog = self.session.catalog("datafusion").unwrap();
        let names = catalog.schema("public").unwrap().table_names().into_iter();
        // Runs are told of without a sweep.
        let names = names.filter(|name| name != "runs");
        names.map(|name| if name == "files" { "swept_files".to_owned() } else { name }).collect()
    }
}
