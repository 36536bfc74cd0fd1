//! The studio as a process that a shell command starts.
//!
//! It is started through this program itself, which asks to be killed when its parent ends and then becomes the
//! command: no studio outlives us. Where the command only starts something that goes on elsewhere, a container for
//! one, a second command of the user's signals it.

use std::{
    fs::File,
    io,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::Context;
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process_group, prlimit};

use crate::{base::problem::Problem, text::shell};

/// The hidden command that the studio is started through.
pub(crate) const SHIM: &str = "child";

/// What the stop command finds the signal's name in, as `TERM`.
const SIGNAL_VARIABLE: &str = "SIGNAL";

/// How long a process may take to end after a signal that ends it.
const ENDS_WITHIN: Duration = Duration::from_secs(30);

const POLL: Duration = Duration::from_millis(5);

/// How to start and signal a studio.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    /// For `sh -c`.
    pub(crate) command: String,
    /// The same, where the studio is not the process that the command starts.
    pub(crate) stop: Option<String>,
    /// Secrets, which are in no command line.
    pub(crate) environment: Vec<(&'static str, String)>,
    /// Takes what the studio prints.
    pub(crate) log: PathBuf,
}

impl Launch {
    /// The command that ends what was started, where that may outlive us.
    pub(crate) fn last_resort(&self, id: u32) -> Option<String> {
        let kill = name(Signal::KILL);
        match &self.stop {
            Some(stop) => Some(format!("{SIGNAL_VARIABLE}={kill} sh -c {}", shell::quote(stop))),
            None if is_simple(&self.command) => None,
            None => Some(format!("kill -{kill} -- -{id}")),
        }
    }
}

/// A studio that may be running.
#[derive(Debug)]
pub(crate) struct Studio {
    launch: Launch,
    child: Option<Child>,
}

impl Studio {
    pub(crate) fn new(launch: Launch) -> Self {
        Self { launch, child: None }
    }

    pub(crate) fn launch(&self) -> &Launch {
        &self.launch
    }

    /// Another command starts it from now on.
    pub(crate) fn replace(&mut self, command: String) {
        self.launch.command = command;
    }

    /// Starts it and gives back the id of the process. Must be called on a thread that lives as long as this process:
    /// the kernel takes the end of the thread for that of the parent.
    pub(crate) fn start(&mut self) -> anyhow::Result<u32> {
        let log = File::options().append(true).create(true).open(&self.launch.log);
        let mut log = log.with_context(|| format!("cannot write `{}`", self.launch.log.display()))?;
        // Through a pipe: a studio that may write no file can still say so.
        let (mut said, saying) = io::pipe()?;
        let child = Command::new(std::env::current_exe()?)
            .args([SHIM, &std::process::id().to_string(), &becoming(&self.launch.command)])
            .envs(self.launch.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(saying.try_clone()?)
            .stderr(saying)
            // Signals reach all that the command started, and Ctrl-C is not for it.
            .process_group(0)
            .spawn()
            .context("cannot start the studio")?;
        std::thread::spawn(move || io::copy(&mut said, &mut log));
        let id = child.id();
        self.child = Some(child);
        Ok(id)
    }

    /// How it ended, if it has. A command that starts something which goes on elsewhere has ended well.
    pub(crate) fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        let Some(child) = &mut self.child else { return Ok(None) };
        let ended = child.try_wait()?.filter(|status| self.launch.stop.is_none() || !status.success());
        if ended.is_some() {
            self.child = None;
        }
        Ok(ended)
    }

    /// Of the process that the command started, where it is running.
    pub(crate) fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Whether the command only starts something that goes on elsewhere.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.launch.stop.is_some()
    }

    /// The process group of a studio that is a process of ours: a command of the user's is too slow for some faults.
    pub(crate) fn group(&self) -> Option<Pid> {
        self.child.as_ref().filter(|_| self.launch.stop.is_none()).map(Pid::from_child)
    }

    /// Lets it write files up to a size, or any again. Whether it is the process to tell comes back.
    pub(crate) fn limit_files(&self, bytes: Option<u64>) -> anyhow::Result<bool> {
        let Some(process) = self.group().filter(|_| is_simple(&self.launch.command)) else {
            return Ok(false);
        };
        // It began with our own limit.
        let Rlimit { current, maximum } = getrlimit(Resource::Fsize);
        prlimit(Some(process), Resource::Fsize, Rlimit { current: bytes.or(current), maximum })?;
        Ok(true)
    }

    pub(crate) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let Some(stop) = &self.launch.stop else {
            let group = self.child.as_ref().map(Pid::from_child);
            return Ok(group.map_or(Ok(()), |group| kill_process_group(group, signal))?);
        };
        let name = name(signal);
        let status = Command::new("sh").args(["-c", stop]).env(SIGNAL_VARIABLE, name).status()?;
        if status.success() {
            return Ok(());
        }
        let what = format!("the command of --stop failed for SIG{name}: {status}");
        Err(Problem::new(what, format!("it finds the name of the signal in ${SIGNAL_VARIABLE}")).into())
    }

    /// Sends a signal that ends a process and waits for that; one that does not end is killed. Whether it had to be
    /// comes back.
    pub(crate) async fn end(&mut self, signal: Signal) -> anyhow::Result<bool> {
        self.signal(signal)?;
        let began = Instant::now();
        let mut was_killed = false;
        while let Some(child) = &mut self.child {
            if child.try_wait()?.is_some() {
                self.child = None;
            } else if !was_killed && began.elapsed() > ENDS_WITHIN {
                was_killed = true;
                self.signal(Signal::KILL)?;
            } else {
                tokio::time::sleep(POLL).await;
            }
        }
        Ok(was_killed)
    }
}

impl Drop for Studio {
    fn drop(&mut self) {
        if self.child.is_some() {
            // It may be frozen, which does not keep it from being killed.
            self.signal(Signal::KILL).ok();
        }
        if let Some(child) = &mut self.child {
            child.wait().ok();
        }
    }
}

fn name(signal: Signal) -> &'static str {
    match signal {
        Signal::TERM => "TERM",
        Signal::STOP => "STOP",
        Signal::CONT => "CONT",
        _ => "KILL",
    }
}

/// A simple command takes the place of its shell, so that the process is the studio; anything else is left alone. A
/// write beyond a limit is an error to it and not its end.
fn becoming(command: &str) -> String {
    let exec = if is_simple(command) { "exec env " } else { "" };
    format!("trap '' XFSZ; {exec}{command}")
}

fn is_simple(command: &str) -> bool {
    !command.replace(">&", "").contains(['\n', ';', '|', '&', '(', '`'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_outlive_us_is_ended_by_a_command() {
        let last_resort = |command: &str, stop: Option<&str>| {
            let (stop, log) = (stop.map(str::to_owned), PathBuf::new());
            Launch { command: command.to_owned(), stop, environment: Vec::new(), log }.last_resort(7)
        };
        assert_eq!(last_resort("./ingestion", None), None);
        assert_eq!(last_resort("cd x && ./ingestion", None).unwrap(), "kill -KILL -- -7");
        let container = last_resort("docker compose up -d", Some("docker compose kill -s $SIGNAL")).unwrap();
        assert_eq!(container, "SIGNAL=KILL sh -c 'docker compose kill -s $SIGNAL'");
    }

    #[test]
    fn a_simple_command_takes_the_place_of_its_shell() {
        assert_eq!(becoming("GRPC_PORT=1 ./ingestion"), "trap '' XFSZ; exec env GRPC_PORT=1 ./ingestion");
        assert_eq!(becoming("cd studio && ./ingestion"), "trap '' XFSZ; cd studio && ./ingestion");
    }
}
