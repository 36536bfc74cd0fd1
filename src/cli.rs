//! The command line: parse, run, and turn an error into text and a code.

use std::{
    ffi::OsString,
    io::{self, Write},
};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, builder::Resettable};

#[cfg(feature = "cluster")]
use crate::commands::cluster;
#[cfg(target_os = "linux")]
use crate::commands::{chaos, child};
use crate::{
    base::{exit::Exit, interrupt::Interrupts, notice, problem},
    commands::{
        audit, capture, checks, completions, doctor, export, faults, flush, generate, inspect, profiles,
        replay, runs, selftest, serve, snapshot, sql, trace, ui, verify, watch,
    },
    store::nesting::{STACK_BYTES, WORKER_STACK_BYTES},
};

/// Proves, from the bytes on disk, whether Junjo AI Studio kept what it was sent
#[derive(Debug, Parser)]
#[command(version, about, after_help = EXIT_CODES, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  clean
  1  something was found, or a call was refused
  2  the job could not be done, or the answer is not known";

/// Commands in the order and the groups of the help.
const GROUPS: [(&str, &[&str]); 5] = [
    (
        "Prove",
        &[
            "verify",
            "generate",
            "audit",
            #[cfg(feature = "cluster")]
            "cluster",
            "watch",
            "runs",
            #[cfg(target_os = "linux")]
            "chaos",
            "selftest",
        ],
    ),
    ("Investigate", &["inspect", "trace", "ui", "sql", "checks", "doctor"]),
    ("Record and replay", &["capture", "replay", "export"]),
    ("Studio", &["flush", "snapshot", "serve"]),
    ("Reference", &["profiles", "faults", "completions", "man", "help"]),
];

/// The command line, whose help groups its commands.
fn command() -> clap::Command {
    use std::fmt::Write as _;

    let mut command = Cli::command();
    command.build();
    let mut groups = String::new();
    for (title, names) in GROUPS {
        writeln!(groups, "{title}:").ok();
        for name in names {
            let about = command.find_subcommand(name).and_then(clap::Command::get_about);
            writeln!(groups, "  {name:<12} {}", about.map(ToString::to_string).unwrap_or_default()).ok();
        }
        groups.push('\n');
    }
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{groups}Options:\n{{options}}{{after-help}}"
    );
    Cli::command().help_template(template)
}

#[derive(Debug, Subcommand)]
enum Command {
    Verify(Box<verify::VerifyArgs>),
    Generate(generate::GenerateArgs),
    Watch(Box<watch::WatchArgs>),
    Runs(runs::RunsArgs),
    #[cfg(target_os = "linux")]
    Chaos(Box<chaos::ChaosArgs>),
    #[cfg(target_os = "linux")]
    #[command(hide = true)]
    Child(child::ChildArgs),
    Flush(flush::FlushArgs),
    Snapshot(snapshot::SnapshotArgs),
    Audit(audit::AuditArgs),
    #[cfg(feature = "cluster")]
    Cluster(cluster::ClusterArgs),
    Sql(sql::SqlArgs),
    Inspect(inspect::InspectArgs),
    Trace(trace::TraceArgs),
    Ui(ui::UiArgs),
    Replay(replay::ReplayArgs),
    Capture(capture::CaptureArgs),
    Export(export::ExportArgs),
    Checks(checks::ChecksArgs),
    Profiles(profiles::ProfilesArgs),
    Faults(faults::FaultsArgs),
    Serve(serve::ServeArgs),
    Selftest(selftest::SelftestArgs),
    Doctor(doctor::DoctorArgs),
    Completions(completions::CompletionsArgs),
    Man(completions::ManArgs),
}

/// Runs a command line; the exit code comes back.
pub(crate) fn run(args: impl IntoIterator<Item = OsString>) -> u8 {
    let cli = match parse(args) {
        Ok(cli) => cli,
        // Help and version are results; a usage error is clap's to print, and its code is 2.
        Err(err) => {
            err.print().ok();
            return u8::try_from(err.exit_code()).unwrap_or(2);
        }
    };
    match on_deep_stack(cli.command) {
        Ok(Exit::Clean) => 0,
        Ok(Exit::Found) => 1,
        Ok(Exit::Unknown) => 2,
        Err(err) => {
            io::stderr().write_all(problem::explain(&err).as_bytes()).ok();
            2
        }
    }
}

/// Carries out a command where deep calls have room: the main thread's stack is as large as its user's limit.
fn on_deep_stack(command: Command) -> anyhow::Result<Exit> {
    let work = move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .thread_stack_size(WORKER_STACK_BYTES)
            .build()?;
        let exit = runtime.block_on(until_interrupted(command));
        // What an interrupted command left running ends with the process, and is not waited for.
        runtime.shutdown_background();
        exit
    };
    let thread =
        std::thread::Builder::new().name("e2e-store".to_owned()).stack_size(STACK_BYTES).spawn(work)?;
    // A panic was told where it happened.
    thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("this is a fault of e2e-store: please report it")))
}

/// A variable that is empty is taken for one that is not set.
fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let mut command = without_empty_variables(command());
    let mut matches = command.try_get_matches_from_mut(args)?;
    Cli::from_arg_matches_mut(&mut matches).map_err(|err| err.format(&mut command))
}

fn without_empty_variables(command: clap::Command) -> clap::Command {
    let is_empty =
        |arg: &clap::Arg| arg.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
    command
        .mut_args(|arg| if is_empty(&arg) { arg.env(Resettable::Reset) } else { arg })
        .mut_subcommands(without_empty_variables)
}

/// Commands that can finish early get one Ctrl-C to do so; the next ends any.
async fn until_interrupted(command: Command) -> anyhow::Result<Exit> {
    let interrupts = Interrupts::listen();
    let patience = match command {
        #[cfg(target_os = "linux")]
        Command::Chaos(_) => 2,
        #[cfg(target_os = "linux")]
        Command::Child(_) => 1,
        #[cfg(feature = "cluster")]
        Command::Cluster(_) => 2,
        Command::Audit(_)
        | Command::Capture(_)
        | Command::Generate(_)
        | Command::Replay(_)
        | Command::Serve(_)
        | Command::Verify(_)
        | Command::Watch(_) => 2,
        Command::Checks(_)
        | Command::Completions(_)
        | Command::Doctor(_)
        | Command::Export(_)
        | Command::Faults(_)
        | Command::Flush(_)
        | Command::Inspect(_)
        | Command::Man(_)
        | Command::Profiles(_)
        | Command::Runs(_)
        | Command::Selftest(_)
        | Command::Snapshot(_)
        | Command::Trace(_)
        | Command::Ui(_) => 1,
        // A shell outlives the questions that are cut short in it.
        Command::Sql(_) => u32::MAX,
    };
    tokio::select! {
        exit = dispatch(command, &interrupts) => exit,
        () = interrupts.pressed(patience) => {
            notice::note("interrupted");
            Ok(Exit::Unknown)
        }
    }
}

async fn dispatch(command: Command, interrupts: &Interrupts) -> anyhow::Result<Exit> {
    let out = &mut Stdout::default();
    let exit = match command {
        Command::Verify(args) => Box::pin(verify::run(&args, out, interrupts)).await,
        Command::Generate(args) => Box::pin(generate::run(&args, out, interrupts)).await,
        Command::Watch(args) => Box::pin(watch::run(&args, out, interrupts)).await,
        Command::Runs(args) => runs::run(&args, out),
        #[cfg(target_os = "linux")]
        Command::Chaos(args) => Box::pin(chaos::run(&args, out, interrupts)).await,
        #[cfg(target_os = "linux")]
        Command::Child(args) => child::run(&args),
        Command::Flush(args) => flush::run(&args, out).await,
        Command::Snapshot(args) => snapshot::run(&args, out).await,
        Command::Audit(args) => Box::pin(audit::run(&args, out, interrupts)).await,
        #[cfg(feature = "cluster")]
        Command::Cluster(args) => Box::pin(cluster::run(args, out, interrupts)).await,
        Command::Sql(args) => Box::pin(sql::run(&args, out, interrupts)).await,
        Command::Inspect(args) => Box::pin(inspect::run(&args, out)).await,
        Command::Trace(args) => Box::pin(trace::run(&args, out)).await,
        Command::Ui(args) => Box::pin(ui::run(&args, out)).await,
        Command::Replay(args) => Box::pin(replay::run(&args, out, interrupts)).await,
        Command::Capture(args) => Box::pin(capture::run(&args, out, interrupts)).await,
        Command::Export(args) => Box::pin(export::run(&args, out)).await,
        Command::Checks(args) => checks::run(&args, out),
        Command::Profiles(args) => profiles::run(&args, out).await,
        Command::Faults(args) => faults::run(&args, out),
        Command::Doctor(args) => Box::pin(doctor::run(&args, out)).await,
        Command::Completions(args) => completions::run(&args, Cli::command(), out),
        Command::Man(args) => completions::man(&args, Cli::command(), out),
        Command::Selftest(args) => Box::pin(selftest::run(&args, out)).await,
        Command::Serve(args) => serve::run(&args, out, interrupts).await,
    }?;
    out.flush()?;
    Ok(exit)
}

/// Standard output, whose reader may leave: the rest is then for nobody, and the exit code stays.
#[derive(Default)]
struct Stdout {
    closed: bool,
}

impl Stdout {
    fn unless_closed<T>(&mut self, done: T, write: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        if self.closed {
            return Ok(done);
        }
        match write() {
            Err(err) if err.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(done)
            }
            written => written,
        }
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.unless_closed(bytes.len(), || io::stdout().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.unless_closed((), || io::stdout().flush())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_command_is_in_one_group_of_the_help() {
        let grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        let mut all = Cli::command();
        all.build();
        let shown = all.get_subcommands().filter(|command| !command.is_hide_set());
        let all: BTreeSet<&str> = shown.map(clap::Command::get_name).collect();
        assert_eq!(grouped.iter().copied().collect::<BTreeSet<_>>(), all);
        assert_eq!(grouped.len(), all.len(), "one is named twice");
    }
}
