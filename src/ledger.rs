//! What a run leaves behind: `runs/<run id>/{manifest.json, ledger.ndjson}`.
//!
//! The manifest holds what the traffic is a function of, so the expectation is derived and never
//! stored; the ledger holds each export's attempt and outcome. Both survive a killed generator: a
//! start without an end is an indeterminate export, not a gap. No secret is ever written.

pub(crate) mod activity;
pub(crate) mod any_run;
pub(crate) mod chaos;
pub(crate) mod entry;
pub(crate) mod expected;
pub(crate) mod export_index;
pub(crate) mod history;
pub(crate) mod load;
pub(crate) mod lookup;
pub(crate) mod manifest;
pub(crate) mod outcome_counts;
pub(crate) mod replay;
pub(crate) mod results;
pub(crate) mod runs;
pub(crate) mod shard;
pub(crate) mod writer;
