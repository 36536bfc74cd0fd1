//! The sweep: turns each stored row into facts, once.
//!
//! A row whose ids belong to a known run is *claimed* and compared with the row that its plan calls
//! for; every other row is *unclaimed* and noted by its structure. Rust names differences, never
//! defects: which facts are bad is for the checks' SQL to say.

pub(crate) mod account;
pub(crate) mod barrier;
pub(crate) mod claim;
pub(crate) mod compare;
pub(crate) mod delivery;
pub(crate) mod facts;
pub(crate) mod judgement;
pub(crate) mod reading;
mod rows;
pub(crate) mod runs;
mod strict_json;
pub(crate) mod suspects;
pub(crate) mod sweep;
pub(crate) mod tables;
pub(crate) mod tally;
