//! What `chaos` does to a studio and when, as the manifest of its run keeps it.

use serde::{Deserialize, Serialize};

/// A schedule of faults and the traffic that runs meanwhile: all that an experiment is a function of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ChaosPlan {
    /// The version of this form.
    pub(crate) version: u32,
    /// Of the schedule and of the traffic.
    pub(crate) seed: u64,
    /// Workflows per second, as it is typed.
    pub(crate) rate: String,
    /// How long exports start.
    pub(crate) duration_ms: u64,
    /// In the order of their times.
    pub(crate) steps: Vec<Step>,
}

/// One fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Step {
    /// Since the first export.
    pub(crate) at_ms: u64,
    pub(crate) nemesis: Nemesis,
    /// How long the studio stays down, or the fault lasts.
    pub(crate) for_ms: u64,
}

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Nemesis {
    /// Stop the studio by SIGTERM, and start it again at once or later
    Sigterm,
    /// Kill the studio by SIGKILL, and start it again at once or later
    Sigkill,
    /// Stop the studio's process for a while by SIGSTOP and let it go on by SIGCONT
    Freeze,
}

/// What the manifest keeps of an experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Experiment {
    #[serde(flatten)]
    pub(crate) plan: ChaosPlan,
    /// The shell command that starts the studio.
    pub(crate) studio: String,
    /// The shell command that signals it, where it is no process of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stop: Option<String>,
}

impl ChaosPlan {
    pub(crate) const VERSION: u32 = 1;
}

impl Nemesis {
    /// As it is typed.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sigterm => "sigterm",
            Self::Sigkill => "sigkill",
            Self::Freeze => "freeze",
        }
    }
}
