//! Questions about a store and its runs: the tables that they may name, and how they are answered.
//!
//! Tables come into being when a statement names them, from the files that are there at that moment;
//! those that need a sweep cause one. Read-only: a statement that would change anything is refused
//! before it is planned. What a damaged file keeps from an answer is said in a note, never left out
//! silently.

#[cfg(test)]
mod corpus;
pub(crate) mod diagnostics;
pub(crate) mod engine;
mod judged;
#[cfg(test)]
mod known_faults;
mod overflow;
pub(crate) mod script;
pub(crate) mod shell;
pub(crate) mod statement;
#[cfg(test)]
mod tests;
