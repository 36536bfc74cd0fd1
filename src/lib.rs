//! Proves, from the bytes on disk, whether Junjo AI Studio kept what it was sent.

use std::{ffi::OsString, process::ExitCode};

mod audit;
mod base;
mod capture;
#[cfg(target_os = "linux")]
mod chaos;
mod checks;
mod cli;
#[cfg(feature = "cluster")]
mod cluster;
mod commands;
mod contract;
mod doctor;
mod index;
mod inspect;
mod judge;
mod junjo;
mod ledger;
mod proof;
#[expect(clippy::allow_attributes, clippy::pedantic, unreachable_pub, reason = "generated code")]
mod proto;
mod query;
mod report;
mod send;
mod settings;
mod source;
mod standin;
mod store;
mod tables;
#[cfg(test)]
mod testing;
mod text;
mod trace;
mod traffic;
mod ui;
mod wire;

/// Runs the command line of this process and says how it went: 0 clean, 1 findings, 2 trouble.
#[must_use]
pub fn run() -> ExitCode {
    ExitCode::from(cli::run(std::env::args_os()))
}

/// Runs a command line, its first word the program's name, and gives back the exit code. For fuzzing.
#[doc(hidden)]
pub fn run_with(args: impl IntoIterator<Item = OsString>) -> u8 {
    cli::run(args)
}
