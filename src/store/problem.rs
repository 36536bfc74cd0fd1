//! What is wrong with a store file, as a type: decisions match on it, and its text is written here only.
//!
//! A problem says what was met in the bytes; [`FileProblem::health`] says what that makes of a file in its tier.

use std::io;

use serde::{Serialize, Serializer};

use super::{columns::ColumnFaults, health::Health, layout::Tier};
use crate::text::numbers::{bytes, grouped};

/// Why a file, or a part of it, cannot be read as what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FileProblem {
    #[error("the file is empty")]
    Empty,
    #[error("the file has {size} bytes, too few for {format}")]
    TooShort { size: u64, format: &'static str },
    #[error("{}", magic_text(*head, *tail))]
    BadMagic { head: bool, tail: bool },
    #[error("the file does not begin as an Arrow IPC stream")]
    NoStream,
    /// The footer of a Parquet file contradicts itself, or the file.
    #[error("{0}")]
    BadFooter(String),
    /// So many that a few bytes stand for all of them: reading them would take days.
    #[error("it claims {} rows in {}, which no studio writes", grouped(*rows), bytes(*size))]
    ManyRows { rows: u64, size: u64 },
    /// The same of what its rows say.
    #[error("its rows say {} and more, in a file of {}, which no studio writes", bytes(*said), bytes(*size))]
    Expands { said: u64, size: u64 },
    #[error("column `{column}` {reason}")]
    Page { column: String, reason: String },
    /// The decoder refused what all measures let pass.
    #[error("{0}")]
    Undecodable(String),
    #[error("{read} of the {claimed} rows that its footer names could be read")]
    RowsMissing { read: u64, claimed: u64 },
    #[error("{0}")]
    Columns(ColumnFaults),
    /// From this byte on a segment does not decode.
    #[error("{reason} (at byte {offset})")]
    Torn { offset: u64, reason: String },
    /// No reader gets to these bytes.
    #[error("{bytes} bytes after the end of the stream (at byte {offset})")]
    TrailingBytes { offset: u64, bytes: u64 },
    /// Every reader takes it for whole, and it may be cut between two messages.
    #[error("no end-of-stream marker: the segment is cut short")]
    NoEndMarker,
    #[error("it was listed and then gone")]
    Gone,
    #[error("cannot be opened: {0}")]
    Denied(String),
    /// An object whose e-tag is no longer the one that was listed.
    #[error("it changed while it was read")]
    Changed,
    /// By the service that a bucket lies in.
    #[error("may not be fetched: {0}")]
    Forbidden(String),
    /// The service did not give the bytes, however often it was asked.
    #[error("cannot be fetched: {0}")]
    Unreachable(String),
    #[error("cannot be read: {text}")]
    Io { kind: io::ErrorKind, text: String },
    /// For want of rights.
    #[error("cannot be looked into: {0}")]
    Unlisted(String),
    /// For another reason than that: links that lead in a circle, or what is no folder.
    #[error("cannot be looked into: {0}")]
    Impassable(String),
    /// A key of a bucket that no listing can hold.
    #[error("cannot be listed: {0}")]
    BadKey(String),
    /// More than this process may decode at a time, which says nothing against the file.
    #[error("decodes to more than {mb} MB at a time: raise --memory-limit")]
    OverBudget { mb: u64 },
    #[error("what it says cannot be kept: {0}")]
    Unkept(String),
    /// Another process judged it, and what it said did not come as it was sent.
    #[error("what was concluded of it did not come whole: {0}")]
    Undelivered(String),
    #[error("left out with --without")]
    LeftOut,
    /// The hot snapshot, or the WAL beside it, is another one by now.
    #[error("it was made anew, or its WAL moved, while the store was read")]
    Replaced,
}

fn magic_text(head: bool, tail: bool) -> &'static str {
    match (head, tail) {
        (true, _) => "the file does not end in `PAR1`: it was cut, or never finished",
        (false, true) => "the file does not begin with `PAR1`",
        (false, false) => "not a Parquet file: it has no `PAR1` at either end",
    }
}

impl FileProblem {
    /// What it makes of a file of this tier.
    pub(crate) fn health(&self, tier: Tier) -> Health {
        match self {
            Self::Empty => Health::Empty,
            // Cold files are never taken away; segments and snapshots are.
            Self::Gone if tier != Tier::Cold => Health::Gone,
            Self::Denied(_)
            | Self::Unlisted(_)
            | Self::Impassable(_)
            | Self::BadKey(_)
            | Self::Changed
            | Self::Forbidden(_)
            | Self::Unreachable(_)
            | Self::OverBudget { .. }
            | Self::Unkept(_)
            | Self::Undelivered(_) => Health::NotRead,
            Self::Gone | Self::Io { .. } | Self::LeftOut => Health::Unreadable,
            Self::Replaced => Health::Ok,
            Self::TooShort { .. }
            | Self::BadMagic { .. }
            | Self::NoStream
            | Self::BadFooter(_)
            | Self::ManyRows { .. }
            | Self::Expands { .. }
            | Self::Page { .. }
            | Self::Undecodable(_)
            | Self::RowsMissing { .. }
            | Self::Columns(_)
            | Self::Torn { .. }
            | Self::TrailingBytes { .. }
            | Self::NoEndMarker => match tier {
                Tier::Wal => Health::Torn,
                Tier::Cold | Tier::Hot => Health::Unreadable,
            },
        }
    }

    /// Whether a reader that trusts the file stumbles over it, as the studio's flush does over a segment.
    pub(crate) fn stops_readers(&self) -> bool {
        match self {
            Self::Columns(_)
            | Self::TrailingBytes { .. }
            | Self::NoEndMarker
            | Self::OverBudget { .. }
            | Self::ManyRows { .. }
            | Self::Expands { .. }
            | Self::Replaced => false,
            Self::Empty
            | Self::TooShort { .. }
            | Self::BadMagic { .. }
            | Self::NoStream
            | Self::BadFooter(_)
            | Self::Page { .. }
            | Self::Undecodable(_)
            | Self::RowsMissing { .. }
            | Self::Torn { .. }
            | Self::Gone
            | Self::Denied(_)
            | Self::Io { .. }
            | Self::Unlisted(_)
            | Self::Impassable(_)
            | Self::BadKey(_)
            | Self::Changed
            | Self::Forbidden(_)
            | Self::Unreachable(_)
            | Self::Unkept(_)
            | Self::Undelivered(_)
            | Self::LeftOut => true,
        }
    }

    /// Whether the system did not give the bytes, which says nothing of them.
    pub(crate) fn is_of_access(&self) -> bool {
        matches!(
            self,
            Self::Denied(_)
                | Self::Io { .. }
                | Self::Unlisted(_)
                | Self::Impassable(_)
                | Self::BadKey(_)
                | Self::Changed
                | Self::Forbidden(_)
                | Self::Unreachable(_)
                | Self::OverBudget { .. }
                | Self::Undelivered(_)
        )
    }

    /// Whether more rights for this user would help.
    pub(crate) fn is_of_rights(&self) -> bool {
        matches!(self, Self::Denied(_) | Self::Unlisted(_))
    }

    /// Of a folder that could not be listed.
    pub(crate) fn of_listing(err: &io::Error) -> Self {
        match Self::within(err) {
            Some(Self::Gone) => return Self::Impassable("there is no such bucket".to_owned()),
            Some(problem) => return problem.clone(),
            None => {}
        }
        match err.kind() {
            io::ErrorKind::PermissionDenied => Self::Unlisted(err.to_string()),
            _ => Self::Impassable(err.to_string()),
        }
    }

    /// The one that an error was made of, where a bucket is read as a file.
    pub(super) fn within(err: &io::Error) -> Option<&Self> {
        err.get_ref()?.downcast_ref()
    }
}

impl From<io::Error> for FileProblem {
    fn from(err: io::Error) -> Self {
        if let Some(problem) = Self::within(&err) {
            return problem.clone();
        }
        match err.kind() {
            io::ErrorKind::NotFound => Self::Gone,
            io::ErrorKind::PermissionDenied => Self::Denied(err.to_string()),
            kind => Self::Io { kind, text: err.to_string() },
        }
    }
}

impl Serialize for FileProblem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
