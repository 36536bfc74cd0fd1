//! The command line: parse, run, and turn an error into text and a code.

use std::{
    fmt::Write as _,
    io::{self, Write},
    process::ExitCode,
};

use clap::{Parser, Subcommand};

use crate::{
    commands::{audit, flush, generate, serve, snapshot, verify},
    problem::Problem,
};

/// Proves, from the bytes on disk, whether Junjo AI Studio kept what it was sent
#[derive(Debug, Parser)]
#[command(version, about, after_help = EXIT_CODES, propagate_version = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  clean
  1  something was found, or a call was refused
  2  the job could not be done, or the answer is not known";

#[derive(Debug, Subcommand)]
enum Command {
    Verify(verify::VerifyArgs),
    Generate(generate::GenerateArgs),
    Flush(flush::FlushArgs),
    Snapshot(snapshot::SnapshotArgs),
    Audit(audit::AuditArgs),
    Serve(serve::ServeArgs),
}

/// How a command ended, where it did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Clean,
    /// Something was found, or a call was refused.
    Found,
    /// The answer is not known, or the work was cut short.
    Unknown,
}

/// Runs the command line that this process was started with.
pub(crate) fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Help and version are results; a usage error is clap's to print, and its code is 2.
        Err(err) => {
            err.print().ok();
            return ExitCode::from(u8::try_from(err.exit_code()).unwrap_or(2));
        }
    };
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(dispatch(cli.command)));
    match outcome {
        Ok(Exit::Clean) => ExitCode::SUCCESS,
        Ok(Exit::Found) => ExitCode::from(1),
        Ok(Exit::Unknown) => ExitCode::from(2),
        Err(err) if is_broken_pipe(&err) => ExitCode::SUCCESS,
        Err(err) => {
            io::stderr().write_all(explain(&err).as_bytes()).ok();
            ExitCode::from(2)
        }
    }
}

async fn dispatch(command: Command) -> anyhow::Result<Exit> {
    let out = &mut io::stdout();
    let exit = match command {
        Command::Verify(args) => Box::pin(verify::run(&args, out)).await,
        Command::Generate(args) => Box::pin(generate::run(&args, out)).await,
        Command::Flush(args) => flush::run(&args, out).await,
        Command::Snapshot(args) => snapshot::run(&args, out).await,
        Command::Audit(args) => Box::pin(audit::run(&args, out)).await,
        Command::Serve(args) => serve::run(&args, out).await,
    }?;
    out.flush()?;
    Ok(exit)
}

/// `error:`, its causes, and a hint where there is one.
fn explain(err: &anyhow::Error) -> String {
    let mut text = format!("error: {err}\n");
    let mut last = err.to_string();
    for cause in err.chain().skip(1) {
        let cause = cause.to_string();
        // Several libraries repeat their cause in their own words.
        if !last.contains(&cause) {
            writeln!(text, "  caused by: {}", cause.replace('\n', "\n    ")).ok();
            last = cause;
        }
    }
    let hint = err.chain().find_map(|cause| cause.downcast_ref::<Problem>()).map(Problem::hint);
    if let Some(hint) = hint {
        writeln!(text, "hint: {hint}").ok();
    }
    text
}

fn is_broken_pipe(err: &anyhow::Error) -> bool {
    let broken = |err: &io::Error| err.kind() == io::ErrorKind::BrokenPipe;
    err.chain().any(|cause| cause.downcast_ref::<io::Error>().is_some_and(broken))
}
