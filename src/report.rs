//! What is printed: reports, tables, numbers.
//!
//! Numbers are grouped with spaces, lists are capped and their totals always said, control characters
//! are escaped; colour only where the caller allows it. A command prints single lines by itself.

mod audit_csv;
mod audit_github;
pub(crate) mod audit_json;
mod audit_junit;
mod audit_markdown;
mod audit_sarif;
pub(crate) mod audit_text;
pub(crate) mod checks;
pub(crate) mod format;
mod head;
pub(crate) mod inspect;
pub(crate) mod labelled;
pub(crate) mod profiles;
pub(crate) mod replay;
pub(crate) mod rows;
pub(crate) mod run;
pub(crate) mod runs;
mod samples;
mod services;
pub(crate) mod sql_line;
pub(crate) mod table;
pub(crate) mod trace;
