//! A run whose spans are known, by its plan or by its records.

use std::{fs, path::Path};

use super::{
    history::History,
    manifest::{Manifest, Timestamp},
    results::Results,
    runs::{Replay, Run, ledger_path},
    shard::Shard,
};
use crate::traffic::{ids::RunId, plan::Plan};

/// A run of either kind.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AnyRun<'a> {
    Generated(&'a Run),
    Replay(&'a Replay),
}

impl<'a> AnyRun<'a> {
    pub(crate) fn id(self) -> RunId {
        match self {
            Self::Generated(run) => run.plan.outline.run,
            Self::Replay(replay) => replay.id,
        }
    }

    /// None of a replay: nobody planned it.
    pub(crate) fn plan(self) -> Option<&'a Plan> {
        match self {
            Self::Generated(run) => Some(&run.plan),
            Self::Replay(_) => None,
        }
    }

    /// The manifest of generated traffic.
    pub(crate) fn manifest(self) -> Option<&'a Manifest> {
        match self {
            Self::Generated(run) => Some(&run.manifest),
            Self::Replay(_) => None,
        }
    }

    pub(crate) fn services(self) -> &'a [String] {
        match self {
            Self::Generated(run) => &run.plan.outline.services,
            Self::Replay(replay) => &replay.manifest.services,
        }
    }

    /// Spans that were to be sent.
    pub(crate) fn spans(self) -> u64 {
        match self {
            Self::Generated(run) => run.plan.spans(),
            Self::Replay(replay) => replay.manifest.planned(),
        }
    }

    pub(crate) fn endpoint(self) -> &'a str {
        match self {
            Self::Generated(run) => &run.manifest.endpoint,
            Self::Replay(replay) => &replay.manifest.endpoint,
        }
    }

    pub(crate) fn created_at(self) -> Timestamp {
        match self {
            Self::Generated(run) => run.manifest.created_at,
            Self::Replay(replay) => replay.manifest.created_at,
        }
    }

    /// Whether the studio's clock was wrong meanwhile, on purpose.
    pub(crate) fn has_stepped_clock(self) -> bool {
        let experiment = self.manifest().and_then(|manifest| manifest.chaos.as_ref());
        experiment
            .is_some_and(|experiment| experiment.plan.steps.iter().any(|step| step.nemesis.is_of_clock()))
    }

    pub(crate) fn data_dir(self) -> Option<&'a Path> {
        match self {
            Self::Generated(run) => run.manifest.data_dir.as_deref(),
            Self::Replay(replay) => replay.manifest.data_dir.as_deref(),
        }
    }

    pub(crate) fn folders(self) -> Vec<&'a Path> {
        match self {
            Self::Generated(run) => run.parts.iter().map(|part| part.folder.as_path()).collect(),
            Self::Replay(replay) => vec![&replay.folder],
        }
    }

    /// How long each ledger is now; 0 if there is none.
    pub(crate) fn ledger_lens(self) -> Vec<u64> {
        let len = |folder: &Path| fs::metadata(ledger_path(folder)).map_or(0, |metadata| metadata.len());
        self.folders().into_iter().map(len).collect()
    }

    /// What the ledgers said when they were so many bytes long.
    pub(crate) fn history(self, known: &[u64]) -> anyhow::Result<History> {
        match self {
            Self::Generated(run) => run.history(known),
            Self::Replay(replay) => {
                History::read(&ledger_path(&replay.folder), known.first().copied().unwrap_or_default())
            }
        }
    }

    /// Of each part that was sent; none of one that has not ended by itself.
    pub(crate) fn results(self) -> Vec<Option<&'a Results>> {
        match self {
            Self::Generated(run) => run.parts.iter().map(|part| part.manifest.results.as_ref()).collect(),
            Self::Replay(replay) => vec![replay.manifest.results.as_ref()],
        }
    }

    /// Whether all that was sent of it has ended by itself.
    pub(crate) fn is_finished(self) -> bool {
        match self {
            Self::Generated(run) => run.is_finished(),
            Self::Replay(replay) => replay.manifest.results.is_some(),
        }
    }

    /// The shards of its plan whose folders are not here.
    pub(crate) fn missing(self) -> Vec<Shard> {
        match self {
            Self::Generated(run) => run.missing(),
            Self::Replay(_) => Vec::new(),
        }
    }
}
