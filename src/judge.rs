//! The sweep: turns each stored row into facts, once.
//!
//! A row whose ids belong to a known run is *claimed* and compared with the row that its plan calls
//! for; every other row is *unclaimed* and noted by its structure. Rust names differences, never
//! defects: which facts are bad is for the checks' SQL to say.

pub(crate) mod account;
pub(crate) mod barrier;
pub(crate) mod cache;
pub(crate) mod claim;
pub(crate) mod compare;
pub(crate) mod contested;
pub(crate) mod cross_trace_parents;
pub(crate) mod differing;
mod disk_map;
pub(crate) mod encode;
#[cfg_attr(
    not(any(test, feature = "cluster")),
    expect(dead_code, reason = "jobs are run in builds with a cluster")
)]
pub(crate) mod engine;
pub(crate) mod evidence;
pub(crate) mod expectation;
pub(crate) mod fact;
mod fact_bytes;
pub(crate) mod facts;
mod grouping;
pub(crate) mod hidden_rows;
pub(crate) mod index_keys;
pub(crate) mod interner;
pub(crate) mod judgement;
pub(crate) mod junjo;
pub(crate) mod malformed_ids;
mod partial;
pub(crate) mod progress;
pub(crate) mod reading;
pub(crate) mod runs;
pub(crate) mod scope;
pub(crate) mod spool;
pub(crate) mod suspects;
pub(crate) mod sweep;
pub(crate) mod sweep_output;
pub(crate) mod tally;
pub(crate) mod trace_bucket;
pub(crate) mod unplannable;
