//! The hidden command that `chaos` starts a studio through.

use std::{os::unix::process::CommandExt, process::Command};

use anyhow::Context;
use rustix::process::{Signal, getppid, set_parent_process_death_signal};

use crate::base::exit::Exit;

/// Become a shell command that is killed when the process ends that started this one
#[derive(Debug, clap::Args)]
pub(crate) struct ChildArgs {
    /// Id of that process
    parent: i32,

    /// Command for `sh -c`
    command: String,
}

pub(crate) fn run(args: &ChildArgs) -> anyhow::Result<Exit> {
    set_parent_process_death_signal(Some(Signal::KILL)).context("cannot ask for the end of the parent")?;
    // It may have ended before this was asked for.
    if getppid().is_none_or(|parent| parent.as_raw_pid() != args.parent) {
        return Ok(Exit::Unknown);
    }
    let failed = Command::new("sh").args(["-c", &args.command]).exec();
    Err(failed).context("cannot start `sh`")
}
