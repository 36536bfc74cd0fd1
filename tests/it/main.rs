//! The binary as a user meets it: one rendered text of output, errors and exit code per case.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod audit;
mod bucket;
mod cache;
#[cfg(target_os = "linux")]
mod chaos;
mod cli;
mod doctor;
mod judging;
mod layers;
mod load;
mod look;
mod object_server;
mod replay;
#[cfg(unix)]
mod safety;
mod sql;
mod studio;
mod watch;
