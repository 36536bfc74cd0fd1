//! The sweep behind the tables of `sql`: as an audit's, without waiting for what may still come.

use std::sync::Arc;

use crate::{
    audit,
    base::memory::Memory,
    judge::{
        barrier::LeftBehind,
        judgement::Depth,
        progress::Progress,
        reading::{DEFAULT_SETTLE, OldFiles, SweepInput},
        runs::Runs,
    },
    store::{layout::Layout, session},
    tables::{judged::Judged, sources::Sweep},
};

pub(super) struct Sweeper {
    pub(super) memory: Memory,
}

#[async_trait::async_trait]
impl Sweep for Sweeper {
    async fn sweep(&self, layout: &Layout, runs: &Runs) -> anyhow::Result<Judged> {
        let session = session::session(self.memory.session())?;
        let input = SweepInput {
            layout,
            runs,
            settle: DEFAULT_SETTLE,
            wait: false,
            scope: Arc::default(),
            depth: Depth::Content,
            keeps_records: true,
            old_files: OldFiles::Read,
            left_behind: &LeftBehind::default(),
            budget: self.memory.budget(),
            progress: Progress::default(),
            cache: None,
            engine: None,
        };
        let judgement = Arc::new(audit::judge(&input, &session, |_| {}).await?);
        Ok(Judged::new(judgement, DEFAULT_SETTLE)?)
    }
}
