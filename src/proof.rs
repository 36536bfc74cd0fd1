//! The proof of the auditor: what is planted, and whether it is found.
//!
//! A library of damages to copies of a store, runs against a stand-in with a fault, and `selftest`, which plants them
//! all and demands exactly the expected checks. The tests of the checks use the same library.

pub(crate) mod bench;
mod changes;
pub(crate) mod damages;
pub(crate) mod expectation;
pub(crate) mod fired;
pub(crate) mod matrix;
#[cfg(test)]
mod mutants;
pub(crate) mod page;
pub(crate) mod rows;
pub(crate) mod selftest;
mod store;
mod traffic;
mod trial;
