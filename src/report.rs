//! What is printed: reports, tables, rows of queries.
//!
//! A report for people is a document first, and a renderer gives it its form; machine formats render the data itself.
//! Numbers are grouped with spaces, lists are capped and their totals always said, text from outside is escaped;
//! colour only where the caller allows it. A command prints single lines by itself.

pub(crate) mod activity;
mod audit_csv;
mod audit_document;
mod audit_figures;
mod audit_github;
mod audit_in_full;
pub(crate) mod audit_json;
mod audit_junit;
mod audit_sarif;
mod audit_words;
pub(crate) mod checks;
pub(crate) mod document;
mod executions;
pub(crate) mod faults;
pub(crate) mod figure;
pub(crate) mod format;
pub(crate) mod html;
pub(crate) mod inspect;
pub(crate) mod json;
pub(crate) mod markdown;
pub(crate) mod page;
pub(crate) mod profiles;
pub(crate) mod replay;
pub(crate) mod rows;
pub(crate) mod run;
pub(crate) mod runs;
mod samples;
pub(crate) mod sql_line;
pub(crate) mod table;
pub(crate) mod trace;
mod tree;
pub(crate) mod ui;
