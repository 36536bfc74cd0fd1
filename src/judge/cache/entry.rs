//! What is remembered of one cold file.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::store::{footer, inventory, problem::FileProblem};

/// A file that was read to its end and of which nothing was wrong. Of its rows, [`Entry::parts`] tell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) identity: Identity,
    /// A digest of the column chunks that were read, and of all bytes beside them.
    pub(crate) content: u64,
    pub(crate) rows: u64,
    pub(crate) schema: Option<i64>,
    pub(crate) bytes_scanned: u64,
    /// Unix nanoseconds, when the audit began that read it.
    pub(crate) read_at: u64,
    /// The number of its context in the index.
    pub(crate) context: usize,
    /// What its rows said holds beside exactly the runs that were known then.
    pub(crate) is_bound: bool,
    /// Runs that rows count for.
    pub(crate) runs: Vec<u64>,
    /// Runs that rows name and nobody knew.
    pub(crate) named_runs: Vec<u64>,
    /// Whether the parts have what rows say of Junjo's executions.
    pub(crate) has_records: bool,
    /// What it should have left in the studio's index, where somebody asked.
    pub(crate) index_keys: Option<Block>,
    pub(crate) parts: Vec<Block>,
}

/// Tells a file from another in its place, without reading its rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) size: u64,
    /// Unix nanoseconds.
    pub(crate) modified_at: i64,
    /// A digest of its footer.
    footer: u64,
}

/// Bytes of a cache file, and a digest of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Block {
    pub(super) offset: u64,
    pub(super) length: u32,
    pub(super) digest: u64,
}

impl Identity {
    /// None where its system does not say when it was modified.
    pub(crate) fn of(path: &Path) -> Result<Option<Self>, FileProblem> {
        let (footer, metadata) = footer::digest(path)?;
        let size = metadata.len();
        Ok(inventory::modified_at(&metadata).map(|modified_at| Self { size, modified_at, footer }))
    }

    /// Whether the file may change once more without another time of modification, as far as it was modified only
    /// just before `now`: systems count time in steps.
    pub(crate) fn is_fresh(self, now: i64) -> bool {
        const STEP: i64 = 20_000_000;
        /// Of systems that keep whole seconds, or every second one.
        const COARSE_STEP: i64 = 2_000_000_000;
        let is_coarse = self.modified_at % 1_000_000_000 == 0;
        now.saturating_sub(self.modified_at) < if is_coarse { COARSE_STEP } else { STEP }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_just_written_may_change_unseen() {
        let of = |modified_at| Identity { modified_at, ..Identity::default() };
        assert!(of(5_000_000_001).is_fresh(5_010_000_000) && !of(5_000_000_001).is_fresh(5_030_000_000));
        assert!(of(5_000_000_000).is_fresh(6_900_000_000) && !of(5_000_000_000).is_fresh(7_000_000_000));
        assert!(of(9_000_000_001).is_fresh(5_000_000_000));
    }
}
