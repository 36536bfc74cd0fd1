//! The sweep: turns each stored row into facts, once.
//!
//! A row whose ids belong to a known run is *claimed* and compared with the row that its plan calls
//! for; every other row is *unclaimed* and noted by its structure. Rust names differences, never
//! defects: which facts are bad is for the checks' SQL to say.

pub(crate) mod account;
pub(crate) mod barrier;
pub(crate) mod claim;
pub(crate) mod collected;
mod columns;
pub(crate) mod compare;
pub(crate) mod delivery;
pub(crate) mod elsewhere;
pub(crate) mod evidence;
mod export_table;
pub(crate) mod fact;
mod fact_bytes;
mod fact_columns;
pub(crate) mod fact_table;
pub(crate) mod facts;
pub(crate) mod family;
pub(crate) mod json_form;
pub(crate) mod judgement;
pub(crate) mod junjo;
mod lazy_table;
pub(crate) mod name_column;
pub(crate) mod names;
pub(crate) mod odd_ids;
pub(crate) mod progress;
pub(crate) mod reading;
pub(crate) mod replayed;
pub(crate) mod rows;
pub(crate) mod runs;
pub(crate) mod scope;
pub(crate) mod spool;
pub(crate) mod strays;
pub(crate) mod strict_json;
pub(crate) mod suspects;
pub(crate) mod sweep;
pub(crate) mod tables;
pub(crate) mod tally;
mod trace_columns;
