//! `serve`.

use std::{io::Write, path::PathBuf};

use crate::{
    base::{exit::Exit, interrupt::Interrupts, notice, url},
    contract::schema::Schema,
    settings::{self, DEFAULT_API_KEY},
    standin::{
        self, Config, Single, StandIn, Unwritten,
        faults::spec::{FaultSpec, InvalidFault},
    },
    text::numbers::{counted, duration},
};

/// Serve the stand-in, an imitation of the studio's ingestion service
///
/// Accepts OTLP exports, FlushWAL and PrepareHotSnapshot, and writes WAL segments, cold files and hot snapshots
/// as the real service does. For first runs and tests; it writes only into an empty folder or one of its own. As
/// with the real service, acked spans that are only in memory are lost when it is stopped, by Ctrl-C or SIGTERM, and a
/// damaged segment fails every later flush.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  e2e-store serve
  e2e-store serve --data-dir demo --port 0 --internal-port 0
  e2e-store serve --durable
  e2e-store serve --fault drop-span=0.001 --fault restart@30s --seed 7
  e2e-store serve --auth-only --auth-port 50053
  e2e-store serve --discard --port 26155")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct ServeArgs {
    /// Data directory
    #[arg(long, value_name = "DIR", default_value = ".dbdata", value_parser = url::local_path(), conflicts_with_all = ["auth_only", "discard"])]
    data_dir: PathBuf,

    /// OTLP gRPC port; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 26_155, conflicts_with = "auth_only")]
    port: u16,

    /// Port of the internal service; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 50_052, conflicts_with_all = ["auth_only", "discard"])]
    internal_port: u16,

    /// Required API key; also `JUNJO_API_KEY` [default: e2e-store]
    #[arg(long, value_name = "KEY", env = "E2E_STORE_API_KEY", hide_env_values = true)]
    api_key: Option<String>,

    /// Required token of internal calls; also `JUNJO_INTERNAL_GRPC_TOKEN` [default: none]
    #[arg(long, value_name = "TOKEN", env = "E2E_STORE_INTERNAL_TOKEN", hide_env_values = true)]
    internal_token: Option<String>,

    /// Schema: 1 as studio 0.80 to 0.81, 2 as studio 0.82
    #[arg(long, value_name = "SCHEMA", default_value = "2", value_parser = schema, conflicts_with_all = ["auth_only", "discard"])]
    schema: Schema,

    /// Keep an index of the cold files, as the studio's backend does
    #[arg(long, conflicts_with_all = ["auth_only", "discard"])]
    index: bool,

    /// Lose nothing where the real service does: flush when stopped, set a damaged segment aside, and put in order at
    /// the start what a crash left
    #[arg(long, conflicts_with_all = ["auth_only", "discard"])]
    durable: bool,

    /// Fault, as NAME, NAME=RATE, NAME@N (the Nth opportunity) or NAME@TIME (repeatable); `e2e-store faults` lists them
    #[arg(long = "fault", value_name = "FAULT", value_parser = fault, conflicts_with_all = ["auth_only", "discard"])]
    faults: Vec<FaultSpec>,

    /// Seed of the faults: with the same exports in the same order a run repeats
    #[arg(long, value_name = "SEED", default_value_t = 0, requires = "faults")]
    seed: u64,

    /// Serve only API key validation, for a real ingestion process
    #[arg(long)]
    auth_only: bool,

    /// Port of API key validation; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 50_053, requires = "auth_only")]
    auth_port: u16,

    /// Ack every export and keep nothing, to measure a sender by itself
    #[arg(long, conflicts_with = "auth_only")]
    discard: bool,
}

/// `1` or `2`.
pub(crate) fn schema(text: &str) -> Result<Schema, String> {
    match text {
        "1" => Ok(Schema::V1),
        "2" => Ok(Schema::V2),
        _ => Err("the schemas are 1 and 2".to_owned()),
    }
}

fn fault(text: &str) -> Result<FaultSpec, InvalidFault> {
    text.parse()
}

pub(crate) async fn run(
    args: &ServeArgs,
    out: &mut dyn Write,
    interrupts: &Interrupts,
) -> anyhow::Result<Exit> {
    if args.auth_only {
        let auth = standin::start_auth_only(args.auth_port, api_key(args), token(args))?;
        let what = format!("stand-in: API keys are validated at {}", auth.endpoint());
        serve_single(auth, &what, out, interrupts).await
    } else if args.discard {
        let sink = standin::start_discarding(args.port)?;
        let what = format!("sink: exports are acked and discarded at {}", sink.endpoint());
        serve_single(sink, &what, out, interrupts).await
    } else {
        serve_all(args, out, interrupts).await
    }
}

async fn serve_all(args: &ServeArgs, out: &mut dyn Write, interrupts: &Interrupts) -> anyhow::Result<Exit> {
    let mut stop = interrupts.stop_signals();
    let mut stand_in = standin::start(Config {
        port: args.port,
        internal_port: args.internal_port,
        internal_token: token(args),
        index: args.index,
        durable: args.durable,
        faults: args.faults.clone(),
        seed: args.seed,
        ..Config::new(args.data_dir.clone(), api_key(args), args.schema)
    })?;
    writeln!(
        out,
        "stand-in: OTLP at {}, internal service at {}",
        stand_in.endpoint(),
        stand_in.internal_endpoint()
    )?;
    writeln!(out, "data in {}", stand_in.data_dir().display())?;
    out.flush()?;
    tokio::select! {
        failed = stand_in.wait() => failed?,
        () = stop.received() => {}
    }
    note_strikes(&stand_in);
    if let Some(Unwritten { spans, oldest }) = stand_in.stop().await? {
        let (spans, oldest) = (counted(spans, "acked span"), duration(oldest));
        notice::note(&format!(
            "stopped: {spans} lost with the memory, the oldest {oldest} old, as in the studio; --durable keeps them"
        ));
    }
    Ok(Exit::Clean)
}

fn note_strikes(stand_in: &StandIn) {
    for strikes in stand_in.strikes() {
        let of = counted(strikes.opportunities, strikes.fault.opportunity());
        notice::note(&format!("fault {}: struck {} of {of}", strikes.fault.name, strikes.hits.len()));
    }
}

async fn serve_single(
    mut server: Single,
    what: &str,
    out: &mut dyn Write,
    interrupts: &Interrupts,
) -> anyhow::Result<Exit> {
    let mut stop = interrupts.stop_signals();
    writeln!(out, "{what}")?;
    out.flush()?;
    tokio::select! {
        failed = server.wait() => failed?,
        () = stop.received() => {}
    }
    server.stop().await?;
    Ok(Exit::Clean)
}

fn api_key(args: &ServeArgs) -> String {
    settings::api_key(args.api_key.as_ref()).unwrap_or_else(|| DEFAULT_API_KEY.to_owned())
}

fn token(args: &ServeArgs) -> Option<String> {
    settings::internal_token(args.internal_token.as_ref())
}
