//! Sends again what was stored or captured.
//!
//! A source is gone through in one direction, in bounded memory: pieces with their times, gathered into
//! exports, sent when the plan says. What is sent is a function of the source and the options, so that a
//! replay can go on where it ended, and an audit can be told what to expect. `export` goes the same way and
//! writes a file.

pub(crate) mod calls;
pub(crate) mod changes;
pub(crate) mod chunk;
pub(crate) mod detect;
pub(crate) mod digest;
pub(crate) mod duplicates;
pub(crate) mod frames;
pub(crate) mod gather;
mod json_stream;
pub(crate) mod otlp_json;
pub(crate) mod pace;
pub(crate) mod produce;
pub(crate) mod requests;
pub(crate) mod rows;
pub(crate) mod run;
pub(crate) mod select;
pub(crate) mod send;
pub(crate) mod service_names;
pub(crate) mod spool;
pub(crate) mod survey;
mod unknown_fields;
#[cfg(test)]
mod unsent_tests;
mod utf16;
pub(crate) mod window;
