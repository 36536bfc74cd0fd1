//! `capture`.

use std::{io::Write, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context;
use tokio::{net::TcpListener, sync::mpsc};

use crate::{
    base::{exit::Exit, interrupt::Interrupts, memory::Memory},
    capture::recorder::{self, Place, Recorded},
    report,
    settings::say_plain_text,
    wire::{
        proxy::{self, Bounds, Passed, Queue, Watcher},
        target::Target,
        transport::Transport,
    },
};

/// Record OTLP requests on their way to an endpoint
///
/// A proxy: forwards every call with the caller's own metadata, API key included, and returns the endpoint's
/// answer. Exports are written as they were sent, length-prefixed as OpenTelemetry's Collector reads them;
/// arrival times and answers go to `<file>.calls.ndjson`. Metadata is never written.
///
/// Ends with Ctrl-C. Exits with 0, or with 2 when not everything that passed could be recorded.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  e2e-store capture --endpoint localhost:26155 -o bad-day
  e2e-store capture --listen 127.0.0.1:4317 --endpoint https://studio.example:443 -o traffic.binpb
  e2e-store replay bad-day --endpoint localhost:26155")]
pub(crate) struct CaptureArgs {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4317")]
    listen: SocketAddr,

    /// Endpoint to forward to: `host:port`, or with `http://` or `https://`
    #[arg(long, value_name = "ENDPOINT")]
    endpoint: Target,

    /// PEM file of the authorities to trust with `https://` [default: the system's]
    #[arg(long, value_name = "FILE", env = "E2E_STORE_CA_CERT")]
    ca_cert: Option<PathBuf>,

    /// Output directory, or a file (a name with an extension)
    #[arg(short, long, value_name = "DIR|FILE")]
    output: PathBuf,

    /// Memory for requests that wait for the target or the disk; one larger than an eighth of it is refused
    #[arg(long, value_name = "SIZE", env = "E2E_STORE_MEMORY_LIMIT", default_value_t)]
    memory_limit: Memory,

    /// Megabytes per file
    #[arg(long, value_name = "MB", default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..))]
    rotate: u64,
}

/// How long calls under way may take when the capture ends.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) async fn run(
    args: &CaptureArgs,
    out: &mut dyn Write,
    interrupts: &Interrupts,
) -> anyhow::Result<Exit> {
    let place = Place::at(&args.output, args.rotate.saturating_mul(1_000_000))?;
    let listener = TcpListener::bind(args.listen)
        .await
        .with_context(|| format!("cannot listen on `{}`", args.listen))?;
    let transport = Transport {
        ca_cert: args.ca_cert.clone(),
        client_identity: None,
        headers: Vec::new(),
        compression: None,
        timeout: Duration::MAX,
    };
    if !args.endpoint.is_loopback() && !args.endpoint.uses_tls() {
        say_plain_text(&args.endpoint, "what passes, keys included,");
    }
    let record = recorder::begin(place.clone())?;
    let (passed, received) = mpsc::unbounded_channel();
    let queued = Arc::new(Queue::default());
    let recording = {
        let queued = Arc::clone(&queued);
        tokio::task::spawn_blocking(move || record(received, queued))
    };
    writeln!(
        out,
        "capturing at {}, forwarding to {}, recording into {}",
        listener.local_addr()?,
        args.endpoint,
        place.first.display()
    )?;
    out.flush()?;

    let watcher = Some(Watcher { passed: passed.clone(), queued });
    let bounds = Bounds::of(args.memory_limit);
    let serving = proxy::serve(listener, &args.endpoint, &transport, watcher, bounds, interrupts.pressed(1));
    let ended = tokio::select! {
        ended = serving => ended,
        () = async {
            interrupts.pressed(1).await;
            tokio::time::sleep(PATIENCE).await;
        } => Ok(()),
    };
    // Connections that are still open keep their ends of the channel.
    passed.send(Passed::Ended).ok();
    let recorded = recording.await?;
    ended?;
    report::replay::print_recorded(out, &recorded)?;
    let Recorded { missed, failed, .. } = &recorded;
    Ok(if *missed == 0 && failed.is_none() { Exit::Clean } else { Exit::Unknown })
}
