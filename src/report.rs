//! The only printer.
//!
//! Results become text or JSON here and nowhere else. Numbers are grouped with spaces, lists are
//! capped and their totals always said; colour only where the caller allows it.

pub(crate) mod audit;
pub(crate) mod audit_text;
pub(crate) mod findings;
pub(crate) mod numbers;
pub(crate) mod paint;
pub(crate) mod run;
pub(crate) mod table;
