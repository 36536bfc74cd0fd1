//! `cluster`: the processes of a cluster that audits run on.

use std::{
    io::Write,
    net::{IpAddr, SocketAddr},
    num::NonZeroUsize,
};

use crate::{
    base::{exit::Exit, interrupt::Interrupts, memory::Memory},
    cluster::{ExecutorOptions, SchedulerAddress, SchedulerOptions, run_executor, run_scheduler},
};

/// Run the scheduler or an executor of a cluster for `audit --cluster`
///
/// The engine is Apache Ballista. One scheduler gives tasks to any number of executors; each executor reads cold files
/// where they lie, so that it needs the paths, or the buckets and their credentials, of the store. All processes and
/// `audit` are one build of e2e-store. Whoever reaches their ports may run jobs and read results: they belong on a
/// trusted network.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  e2e-store cluster scheduler --bind 0.0.0.0:50050
  e2e-store cluster executor --scheduler scheduler.internal:50050 --bind 0.0.0.0 --host 10.0.0.7
  e2e-store audit s3://bucket/dbdata --cluster scheduler.internal:50050")]
pub(crate) struct ClusterArgs {
    #[command(subcommand)]
    process: Process,
}

#[derive(Debug, clap::Subcommand)]
enum Process {
    Scheduler(SchedulerArgs),
    Executor(ExecutorArgs),
}

/// Give tasks to executors, until stopped by Ctrl-C or SIGTERM
#[derive(Debug, clap::Args)]
struct SchedulerArgs {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:50050")]
    bind: SocketAddr,
}

/// Read cold files for audits, until stopped by Ctrl-C or SIGTERM
#[derive(Debug, clap::Args)]
struct ExecutorArgs {
    /// Scheduler
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:50050")]
    scheduler: SchedulerAddress,

    /// Address to listen on: audits fetch what was concluded from there
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    bind: IpAddr,

    /// Port to listen on; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,

    /// Port on which the scheduler sends tasks; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    task_port: u16,

    /// What audits call this machine [default: the address of --bind]
    #[arg(long, value_name = "HOST")]
    host: Option<String>,

    /// Files that are read side by side [default: one per core]
    #[arg(long, value_name = "N")]
    cores: Option<NonZeroUsize>,

    /// Memory of each file that is read
    #[arg(long, value_name = "SIZE", env = "E2E_STORE_MEMORY_LIMIT", default_value_t)]
    memory_limit: Memory,
}

pub(crate) async fn run(
    args: ClusterArgs,
    out: &mut dyn Write,
    interrupts: &Interrupts,
) -> anyhow::Result<Exit> {
    let mut stop = interrupts.stop_signals();
    match args.process {
        Process::Scheduler(SchedulerArgs { bind }) => {
            let options = SchedulerOptions { bind };
            let ready = |address: SocketAddr| {
                writeln!(out, "Scheduler listening on {address}")?;
                Ok(out.flush()?)
            };
            tokio::select! {
                ended = run_scheduler(&options, ready) => ended?,
                () = stop.received() => {}
            }
        }
        Process::Executor(args) => {
            args.memory_limit.bound_decoding();
            let ExecutorArgs { scheduler, bind, port, task_port, host, cores, memory_limit: memory } = args;
            let at = scheduler.to_string();
            let options = ExecutorOptions { scheduler, bind, host, port, task_port, memory, cores };
            let ready = |port: u16| {
                writeln!(out, "Executor of {at} listening on {}", SocketAddr::new(bind, port))?;
                Ok(out.flush()?)
            };
            tokio::select! {
                ended = run_executor(options, ready) => ended?,
                () = stop.received() => {}
            }
        }
    }
    Ok(Exit::Clean)
}
