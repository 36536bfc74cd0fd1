//! The sweep behind the tables of `sql`: as an audit's, without waiting for what may still come.

use std::sync::Arc;

use crate::{
    base::memory::Memory,
    judge::{
        judgement::Depth,
        progress::Progress,
        reading::{self, DEFAULT_SETTLE, Question},
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
            budget: self.memory.budget(),
            progress: Progress::default(),
            replayed: &runs.replayed,
        };
        let judgement = Arc::new(reading::read(&question, &session, |_| {}).await?);
        Ok(Judged::new(judgement, Vec::new(), DEFAULT_SETTLE)?)
    }
}
