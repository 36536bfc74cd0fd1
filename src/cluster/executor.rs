//! An executor's process: it reads cold files and says what their rows say.

use std::{
    net::{IpAddr, SocketAddr, TcpListener},
    num::NonZeroUsize,
    path::Path,
    sync::Arc,
};

use anyhow::anyhow;
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};

use super::{HEARTBEAT, MOST_BYTES, address::SchedulerAddress, codec::Codec, session_config};
use crate::base::{jobs::Jobs, memory::Memory, problem::Problem, temporary};

#[derive(Debug, Clone)]
pub(crate) struct ExecutorOptions {
    pub(crate) scheduler: SchedulerAddress,
    /// Where coordinators fetch results from.
    pub(crate) bind: IpAddr,
    /// What others call this machine; by default its address.
    pub(crate) host: Option<String>,
    /// Any that is free where it is 0.
    pub(crate) port: u16,
    /// Where the scheduler sends tasks to. Any that is free where it is 0.
    pub(crate) task_port: u16,
    pub(crate) memory: Memory,
    pub(crate) cores: Option<NonZeroUsize>,
}

/// Works until it is dropped or the process is told to end. Says by `ready` where.
pub(crate) async fn run(
    options: ExecutorOptions,
    ready: impl FnOnce(u16) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let ExecutorOptions { scheduler, bind, host, port, task_port, memory, cores } = options;
    scheduler.reach().await?;
    let [port, task_port] = ports(bind, [port, task_port])?;
    let cores = cores.map_or_else(|| Jobs::default().get(), NonZeroUsize::get);
    // Results lie there until they are fetched; the folder goes with this process.
    let results = temporary::folder()?;
    let codec = Codec::new(memory);
    let shared = Arc::clone(&codec);
    let config = ExecutorProcessConfig {
        bind_host: bind.to_string(),
        external_host: Some(host.unwrap_or_else(|| bind.to_string())),
        port,
        grpc_port: task_port,
        scheduler_host: scheduler.host.clone(),
        scheduler_port: scheduler.port,
        vcores: cores,
        work_dir: Some(utf8(results.path())?.to_owned()),
        grpc_max_decoding_message_size: MOST_BYTES as u32,
        grpc_max_encoding_message_size: MOST_BYTES as u32,
        executor_heartbeat_interval_seconds: HEARTBEAT,
        // Nothing of a job takes any of it: a judge keeps to its own limit.
        memory_pool_size: Some(0),
        override_config_producer: Some(Arc::new(move || session_config(&shared))),
        override_physical_codec: Some(codec),
        ..ExecutorProcessConfig::default()
    };
    ready(port)?;
    start_executor_process(Arc::new(config)).await.map_err(|err| {
        let what = format!("the executor of the scheduler at {scheduler} has ended");
        let hint = "`e2e-store cluster scheduler` starts one";
        Problem::new(what, hint).caused_by(anyhow!("{err}")).into()
    })
}

fn utf8(path: &Path) -> Result<&str, Problem> {
    path.to_str().ok_or_else(|| {
        let what = format!("the temporary folder `{}` is no text", path.display());
        Problem::new(what, "set TMPDIR to a folder with another name")
    })
}

/// Free ports in place of zeros. They are taken again just after.
fn ports(bind: IpAddr, wanted: [u16; 2]) -> Result<[u16; 2], Problem> {
    let listen = |port: u16| {
        let listener = TcpListener::bind((bind, port)).map_err(|err| {
            let what = format!("cannot listen on {}", SocketAddr::new(bind, port));
            Problem::new(what, "name another port, or 0 for a free one").caused_by(err)
        })?;
        let address = listener.local_addr();
        let taken =
            address.map_err(|err| Problem::new("no port to listen on", "try again").caused_by(err))?;
        Ok::<_, Problem>((taken.port(), listener))
    };
    // Both are held until both are known.
    let (one, other) = (listen(wanted[0])?, listen(wanted[1])?);
    Ok([one.0, other.0])
}
