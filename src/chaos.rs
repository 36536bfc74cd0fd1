//! Breaks a studio on purpose while traffic runs, and says which promise it kept.
//!
//! An experiment is a function of its plan: which faults, when, under which traffic. The studio is a process that a
//! shell command starts; what happens to it is in the run's ledger beside the exports. Judged is by the same audit as
//! everywhere, and every lost span is laid to the fault that explains it, or to none. Only what was started here is
//! ended here.

pub(crate) mod aside;
mod checkup;
mod clock;
pub(crate) mod experiment;
mod files;
mod flush;
mod idle;
pub(crate) mod journal;
mod lost;
pub(crate) mod nemesis;
pub(crate) mod plan;
pub(crate) mod ports;
pub(crate) mod process;
pub(crate) mod promises;
pub(crate) mod report;
pub(crate) mod shrink;
pub(crate) mod story;
pub(crate) mod window;
