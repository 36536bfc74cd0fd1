//! Cold files that are judged by other processes: what they are told, and what they send back.
//!
//! The coordinator lists the store, reads segments and the snapshot, and pins the cold files. A job is those files and a
//! specification of what they are held against. For each file an executor sends parts, which say what its rows say, and
//! an end with a receipt of all that it sent. What an executor cannot vouch for, it declines, and the coordinator reads
//! the file itself. Nothing is believed of an engine: what does not add up to the receipt is no answer.

use std::fmt::Debug;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::Sender;

use self::{file::JobFile, receipt::Receipt};

pub(crate) mod delivery;
pub(crate) mod file;
pub(crate) mod receipt;
pub(crate) mod specification;

/// Runs jobs on other processes.
#[async_trait]
pub(crate) trait Engine: Debug + Send + Sync {
    /// Sends what comes of the files of a job, in whatever order. Ends when all of it was sent, or with an error after
    /// which some of it may have been.
    async fn run(&self, job: Job, messages: Sender<Message>) -> anyhow::Result<()>;
}

/// Files, and what they are held against.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// A [`specification::Specification`] as bytes.
    pub(crate) specification: Vec<u8>,
    pub(crate) files: Vec<JobFile>,
}

/// A piece of what was concluded of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// [`JobFile::number`].
    pub(crate) file: u32,
    pub(crate) kind: MessageKind,
    pub(crate) body: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum MessageKind {
    /// What some rows say.
    Part,
    /// What the file should have left in the studio's index.
    IndexKeys,
    /// An [`Outcome`]: the last of its file.
    End,
}

/// How an executor is done with a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Outcome {
    Judged(FileSummary),
    /// The coordinator is to read it, for this reason.
    Declined(String),
}

/// A file that was read to its end, and that nothing is wrong with beside what its rows say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileSummary {
    pub(crate) rows: u64,
    /// 1 or 2; none where it cannot be told.
    pub(crate) schema: Option<i64>,
    pub(crate) bytes_scanned: u64,
    /// There are rows of which no part tells whose they are.
    pub(crate) is_bound: bool,
    /// Of all other messages of the file.
    pub(crate) receipt: Receipt,
}
