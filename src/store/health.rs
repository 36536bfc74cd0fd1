//! The state of a store file, as every command tells it.

use serde::Serialize;

/// How much of a file can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Health {
    Ok,
    /// Without a single byte.
    Empty,
    /// This user may not read it.
    NotRead,
    /// Not all of it decodes, or its columns are not those of a studio.
    Unreadable,
    /// A segment that does not decode to its end marker; the rows before the damage count.
    Torn,
    /// Left out on purpose: it cannot concern the runs that are judged.
    Skipped,
    /// Listed, and gone when it was opened: a flush or a snapshot took it.
    Gone,
    /// Being written, or left by a crash. The studio never reads it.
    Temporary,
    /// Nothing that a studio writes.
    Foreign,
}

impl Health {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Empty => "empty",
            Self::NotRead => "not read",
            Self::Unreadable => "unreadable",
            Self::Torn => "torn",
            Self::Skipped => "skipped",
            Self::Gone => "gone",
            Self::Temporary => "temporary",
            Self::Foreign => "foreign",
        }
    }

    /// Whether it holds rows for the studio, whatever can be read of them.
    pub(crate) fn is_data(self) -> bool {
        !matches!(self, Self::Temporary | Self::Foreign | Self::Gone)
    }

    /// Whether the file was opened for its rows, and what it said counts.
    pub(crate) fn is_read(self) -> bool {
        self.is_data() && !matches!(self, Self::NotRead | Self::Skipped)
    }

    /// Whether it may hold rows that nobody saw.
    pub(crate) fn hides_rows(self) -> bool {
        matches!(self, Self::Unreadable | Self::Torn | Self::Empty | Self::NotRead)
    }
}
