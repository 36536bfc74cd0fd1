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
    /// Exporters that a crowd is made of.
    #[serde(default = "usual_crowd")]
    pub(crate) crowd: usize,
    /// In the order of their times.
    pub(crate) steps: Vec<Step>,
}

fn usual_crowd() -> usize {
    ChaosPlan::CROWD
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
    /// Kill the studio while it writes a cold file, before that has its name
    KillInFlush,
    /// Kill the studio when a cold file has its name and its segments are not all deleted
    KillInDeletes,
    /// Kill the studio while it writes a hot snapshot
    KillInSnapshot,
    /// Kill the studio, and let files of the last 5 s be empty or short, as files may that were not synced
    PowerLoss,
    /// Cut the newest WAL segment in half
    TornSegment,
    /// Cut the newest WAL segment to nothing
    EmptySegment,
    /// Stop the studio's process for a while by SIGSTOP and let it go on by SIGCONT
    Freeze,
    /// Let the studio write no byte for a while, as on a full disk (RLIMIT_FSIZE)
    DiskFull,
    /// Take the permission to write into the store's folders for a while
    ReadOnly,
    /// Let requests come 300 ms late
    Delay,
    /// Let no request come through, without a word
    Drop,
    /// Reset connections before a request comes through
    ResetBefore,
    /// Reset connections when the studio answers
    ResetAfter,
    /// Let requests come through and no answer
    HalfOpen,
    /// Let requests trickle
    Slow,
    /// Ask for a flush by a call that comes 300 ms late
    InternalDelay,
    /// Ask for a flush by a call that does not come through, without a word
    InternalDrop,
    /// Ask for a flush by a call whose connection is reset before it comes through
    InternalReset,
    /// Ask for a flush by a call that comes through and whose answer does not
    InternalHalfOpen,
    /// Step the studio's clock an hour forward for a while (libfaketime), and ask for a flush meanwhile
    ClockForward,
    /// Step the studio's clock an hour back for a while (libfaketime), and ask for a flush meanwhile
    ClockBack,
    /// Let a crowd of exporters send full batches for a while, each the next as soon as the last is answered
    Crowd,
    /// Stop the studio by SIGTERM and start another version, with segments in the WAL; always the last
    Upgrade,
}

/// What the manifest keeps of an experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Experiment {
    #[serde(flatten)]
    pub(crate) plan: ChaosPlan,
    /// The shell command that starts the studio.
    pub(crate) studio: String,
    /// The shell command that starts another version of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) upgrade_to: Option<String>,
    /// The shell command that signals it, where it is no process of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stop: Option<String>,
}

impl ChaosPlan {
    pub(crate) const VERSION: u32 = 1;

    /// Exporters of a crowd where nothing else is said.
    pub(crate) const CROWD: usize = 100;
}

impl Nemesis {
    /// As it is typed.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sigterm => "sigterm",
            Self::Sigkill => "sigkill",
            Self::KillInFlush => "kill-in-flush",
            Self::KillInDeletes => "kill-in-deletes",
            Self::KillInSnapshot => "kill-in-snapshot",
            Self::PowerLoss => "power-loss",
            Self::TornSegment => "torn-segment",
            Self::EmptySegment => "empty-segment",
            Self::Freeze => "freeze",
            Self::DiskFull => "disk-full",
            Self::ReadOnly => "read-only",
            Self::Delay => "delay",
            Self::Drop => "drop",
            Self::ResetBefore => "reset-before",
            Self::ResetAfter => "reset-after",
            Self::HalfOpen => "half-open",
            Self::Slow => "slow",
            Self::InternalDelay => "internal-delay",
            Self::InternalDrop => "internal-drop",
            Self::InternalReset => "internal-reset",
            Self::InternalHalfOpen => "internal-half-open",
            Self::ClockForward => "clock-forward",
            Self::ClockBack => "clock-back",
            Self::Crowd => "crowd",
            Self::Upgrade => "upgrade",
        }
    }

    /// Whether the studio ends by it.
    pub(crate) fn ends_it(self) -> bool {
        matches!(self, Self::Sigterm | Self::Sigkill | Self::PowerLoss | Self::Upgrade) || self.cuts()
    }

    /// Whether the studio ends in the midst of writing a file.
    pub(crate) fn cuts(self) -> bool {
        matches!(self, Self::KillInFlush | Self::KillInDeletes | Self::KillInSnapshot)
    }

    /// Whether the studio's clock is wrong by it.
    pub(crate) fn is_of_clock(self) -> bool {
        matches!(self, Self::ClockForward | Self::ClockBack)
    }

    /// Whether it lies between the studio and those who ask it for flushes.
    pub(crate) fn is_internal(self) -> bool {
        matches!(
            self,
            Self::InternalDelay | Self::InternalDrop | Self::InternalReset | Self::InternalHalfOpen
        )
    }

    /// Whether it lies between the exporters and the studio.
    pub(crate) fn is_of_network(self) -> bool {
        matches!(
            self,
            Self::Delay | Self::Drop | Self::ResetBefore | Self::ResetAfter | Self::HalfOpen | Self::Slow
        )
    }
}
