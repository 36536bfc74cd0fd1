//! Faults of exports: what is kept of one, and how it is answered.

use std::time::Duration;

use tonic::{Code, Status};

use crate::contract::row::Row;

/// Longer than any export takes by itself.
const SLOW: Duration = Duration::from_millis(500);

/// How a faulty service treats an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExportAct {
    /// Keeps nothing and says so.
    Refuse(Code),
    /// Keeps all and says that it was not taken.
    StoreAndRefuse,
    /// Keeps all and never answers.
    Hang,
    /// Keeps all but one span and says so.
    Partial,
    /// Keeps all and says that one was refused.
    FalsePartial,
    Slow,
    /// Refuses this export and those of the next second.
    Busy,
    /// Acks and keeps nothing.
    Drop,
    /// Keeps all twice.
    Double,
    /// The service ends and is started again.
    Restart,
}

/// How an export is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::standin) enum Answer {
    #[default]
    Acked,
    Refused(Code),
    /// So many spans are said to be refused.
    Partial(i64),
    Never,
}

/// When and how an export is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::standin) struct Treatment {
    pub(in crate::standin) delay: Duration,
    pub(in crate::standin) answer: Answer,
}

impl Treatment {
    pub(in crate::standin) const BUSY: Self =
        Self { delay: Duration::ZERO, answer: Answer::Refused(Code::ResourceExhausted) };
}

impl Answer {
    /// The count of refused spans, if the export was taken; whoever gets no answer waits for ever.
    pub(in crate::standin) async fn give(self) -> Result<Option<i64>, Status> {
        match self {
            Self::Acked => Ok(None),
            Self::Refused(code) => Err(Status::new(code, "a fault of the stand-in")),
            Self::Partial(refused) => Ok(Some(refused)),
            Self::Never => std::future::pending().await,
        }
    }
}

impl ExportAct {
    /// What is kept of `rows`.
    pub(super) fn apply(self, mut rows: Vec<Row>, treatment: &mut Treatment) -> Vec<Row> {
        let answer = match self {
            Self::Refuse(code) => Answer::Refused(code),
            Self::StoreAndRefuse => Answer::Refused(Code::Unavailable),
            Self::Hang | Self::Restart => Answer::Never,
            Self::Partial | Self::FalsePartial => Answer::Partial(1),
            Self::Busy => Answer::Refused(Code::ResourceExhausted),
            Self::Slow | Self::Drop | Self::Double => treatment.answer,
        };
        treatment.answer = answer;
        match self {
            Self::Slow => treatment.delay = SLOW,
            Self::Double => rows.extend_from_within(..),
            Self::Partial => drop(rows.pop()),
            Self::Refuse(_) | Self::Busy | Self::Drop | Self::Restart => rows.clear(),
            Self::StoreAndRefuse | Self::Hang | Self::FalsePartial => {}
        }
        rows
    }
}
