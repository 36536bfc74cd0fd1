//! How a command ends: the exit codes.

use crate::wire::ingestion::{Refusal, RefusalKind};

/// How a command ended, where it did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Clean,
    /// Something was found, or a call was refused.
    Found,
    /// The answer is not known, or the work was cut short.
    Unknown,
}

impl Exit {
    /// An answer is a finding; no answer is not.
    pub(crate) fn of_refusal(refusal: &Refusal) -> Self {
        match refusal.kind {
            RefusalKind::Failed | RefusalKind::Unauthenticated => Self::Found,
            RefusalKind::Unknown | RefusalKind::Unanswered => Self::Unknown,
        }
    }
}
