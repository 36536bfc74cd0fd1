//! When captured requests came in, and what the target answered: a line each, beside the requests.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{base::regular, wire::outcome::ExportOutcome};

/// One line of `<capture>.calls.ndjson`. Times are Unix nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Call {
    /// In the order of the requests in the file; `offset` is that of its length there.
    Received { request: u64, at: u64, offset: u64, bytes: u64 },
    /// A request whose answer is missing was in flight when the recording ended.
    Answered {
        request: u64,
        at: u64,
        #[serde(flatten)]
        outcome: ExportOutcome,
    },
    /// So many requests passed and are not in the file, because the disk was slower than they came.
    Missed { requests: u64, at: u64 },
}

/// Where the calls of a capture's file are told.
pub(crate) fn path_of(file: &Path) -> PathBuf {
    let mut name = file.file_name().map(OsString::from).unwrap_or_default();
    name.push(ENDING);
    file.with_file_name(name)
}

pub(crate) const ENDING: &str = ".calls.ndjson";

/// All calls; what is none, as half a line at the end, is passed over.
pub(crate) fn read(path: &Path) -> io::Result<impl Iterator<Item = io::Result<Call>>> {
    let lines = BufReader::new(regular::open(path)?).lines();
    Ok(lines.filter_map(|line| line.map(|line| serde_json::from_str(&line).ok()).transpose()))
}

/// The requests of which the target kept nothing.
pub(crate) fn refused(path: &Path) -> io::Result<BTreeSet<u64>> {
    let mut refused = BTreeSet::new();
    for call in read(path)? {
        if let Call::Answered { request, outcome: ExportOutcome::Rejected { .. }, .. } = call? {
            refused.insert(request);
        }
    }
    Ok(refused)
}

/// When the first request of a capture's file came in.
pub(crate) fn first_at(path: &Path) -> Option<u64> {
    read(path).ok()?.map_while(Result::ok).find_map(|call| match call {
        Call::Received { at, .. } => Some(at),
        Call::Answered { .. } | Call::Missed { .. } => None,
    })
}
