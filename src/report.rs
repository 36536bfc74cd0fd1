//! What is printed: reports, tables, numbers.
//!
//! Numbers are grouped with spaces, lists are capped and their totals always said, control characters
//! are escaped; colour only where the caller allows it. A command prints single lines by itself.

pub(crate) mod audit;
pub(crate) mod audit_text;
pub(crate) mod checks;
pub(crate) mod findings;
pub(crate) mod numbers;
pub(crate) mod paint;
pub(crate) mod profiles;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod table;
