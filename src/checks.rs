//! Checks: queries for the bad rows.
//!
//! One file each in `sql/checks`; its leading comment is its documentation. A check that cannot run
//! gets a verdict like any other, and one that found nothing to look at never passes. What was looked at and
//! accepted once is a baseline's.

pub(crate) mod baseline;
pub(crate) mod catalog;
pub(crate) mod finding_id;
pub(crate) mod findings;
pub(crate) mod grammar;
pub(crate) mod investigations;
pub(crate) mod runner;
mod sample;
pub(crate) mod selection;
pub(crate) mod summary;
#[cfg(test)]
pub(crate) mod tests;
