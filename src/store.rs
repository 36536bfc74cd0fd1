//! The audited store, read-only: which files it holds and which rows they yield.
//!
//! Owns the layout of a data directory, both file formats, the scans over them and the DataFusion
//! session. Never writes, never locks, and never panics on bad input: a file that cannot be read is
//! data, not an error. Knows nothing of runs, ledgers or checks.

pub(crate) mod bounded;
pub(crate) mod bucket;
pub(crate) mod bytes;
pub(crate) mod columns;
#[cfg(test)]
mod damage;
mod expansion;
pub(crate) mod find;
pub(crate) mod footer;
pub(crate) mod health;
pub(crate) mod inventory;
pub(crate) mod layout;
pub(crate) mod lazy_table;
pub(crate) mod magic;
pub(crate) mod nesting;
pub(crate) mod open;
mod page_index;
pub(crate) mod pages;
pub(crate) mod place;
pub(crate) mod precedence;
pub(crate) mod predicate;
pub(crate) mod problem;
pub(crate) mod read_digest;
pub(crate) mod reader;
pub(crate) mod rewrite;
pub(crate) mod rows;
pub(crate) mod scan;
pub(crate) mod segment;
pub(crate) mod session;
pub(crate) mod statistics;
mod thrift;
