//! An engine within this process, which does wrong what it is told to.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::bail;
use async_trait::async_trait;
use tokio::sync::mpsc::Sender;

use crate::{
    base::memory::Memory,
    judge::{
        engine::{Engine, Job, Message, MessageKind},
        sweep::task::Judge,
    },
    store::session,
};

/// What happens to the first file of a job on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing of it comes.
    Lost,
    /// One of its parts does not come.
    Shortened,
    /// All of it comes twice, one after the other.
    Doubled,
    /// A part comes twice.
    Repeated,
    /// A bit of a part is another.
    Flipped,
    /// Its end says more rows than its parts.
    Miscounted,
}

impl Fault {
    pub(crate) const ALL: [Self; 6] =
        [Self::Lost, Self::Shortened, Self::Doubled, Self::Repeated, Self::Flipped, Self::Miscounted];

    fn distort(self, messages: &mut Vec<Message>) {
        let is_part = |message: &Message| message.kind == MessageKind::Part;
        let part = messages.iter().position(is_part);
        match (self, part) {
            (Self::Lost, _) => messages.clear(),
            (Self::Doubled, _) => messages.extend_from_within(..),
            (Self::Shortened, Some(part)) => drop(messages.remove(part)),
            (Self::Repeated, Some(part)) => messages.insert(part, messages[part].clone()),
            (Self::Flipped, Some(part)) => messages[part].body[0] ^= 1,
            (Self::Miscounted, _) => {
                let end = messages.last_mut().unwrap();
                let text = String::from_utf8(end.body.clone()).unwrap();
                end.body = text.replacen("\"rows\":", "\"rows\":1", 1).into_bytes();
            }
            (_, None) => {}
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct InProcess {
    pub(crate) fault: Option<Fault>,
    /// So many of its first jobs end after one file.
    pub(crate) failures: u64,
    /// It ends before the first file.
    pub(crate) is_dead: bool,
    /// Files that it judged.
    pub(crate) judged: AtomicU64,
    pub(crate) jobs: AtomicU64,
}

#[async_trait]
impl Engine for InProcess {
    async fn run(&self, job: Job, messages: Sender<Message>) -> anyhow::Result<()> {
        let attempt = self.jobs.fetch_add(1, Ordering::Relaxed);
        let memory = Memory::default();
        let session = session::session(memory.session())?;
        let judge = Judge::new(&job.specification, memory, session.task_ctx())?;
        for (number, file) in (0..).zip(&job.files) {
            if self.is_dead || attempt < self.failures && number > 0 {
                bail!("an executor is gone");
            }
            let mut judged = judge.judge(file).await;
            self.judged.fetch_add(u64::from(judged.len() > 1), Ordering::Relaxed);
            if number == 0
                && let Some(fault) = self.fault
            {
                fault.distort(&mut judged);
            }
            for message in judged {
                messages.send(message).await?;
            }
        }
        Ok(())
    }
}
