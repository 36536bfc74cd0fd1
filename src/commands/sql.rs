//! `sql`.

use std::{
    fs,
    io::{self, IsTerminal, Read, Write},
    num::NonZeroUsize,
    path::PathBuf,
};

use anyhow::Context;

use crate::{
    base::{exit::Exit, interrupt::Interrupts, memory::Memory, notice},
    checks::investigations::{self, Params},
    ledger::runs,
    query::{
        diagnostics::Source,
        engine::Engine,
        shell::{Shell, interactive},
    },
    report::rows::Mode,
    store::{find::find_store, footer::Statistics},
    tables::sources::RunChoice,
};

/// Query the store in SQL, by statement, file or shell
///
/// The tables are those of the checks, and more: `-c .tables` lists them, `-c '.schema spans'` explains one. The
/// dialect is PostgreSQL's, with its JSON operators. Statements that would change anything are refused.
///
/// Without a statement, stdin is read unless it is a terminal; then a shell starts.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  e2e-store sql
  e2e-store sql -c \"SELECT name, count(*) FROM spans WHERE attributes ->> 'junjo.span_type' = 'workflow' GROUP BY name\"
  e2e-store sql .dbdata --query around_row --param file=parquet/… --param row=17
  e2e-store sql --query missing_spans --run latest -o missing.csv
  e2e-store sql -c .queries")]
pub(crate) struct SqlArgs {
    /// Data directory, any folder of it, or a single file; also as `s3://`, `gs://`, `az://` or `https://` URL
    /// [default: .dbdata, then ~/.junjo]
    #[arg(value_name = "PATH", env = "E2E_STORE_DATA_DIR")]
    path: Option<PathBuf>,

    /// SQL statement or dot command (repeatable)
    #[arg(short, long, value_name = "SQL", allow_hyphen_values = true)]
    command: Vec<String>,

    /// File of SQL statements
    #[arg(short, long, value_name = "FILE", conflicts_with = "command")]
    file: Option<PathBuf>,

    /// Named investigation; `-c .queries` lists them
    #[arg(long, value_name = "NAME", conflicts_with_all = ["command", "file"])]
    query: Option<String>,

    /// Value of `$NAME` in a statement or an investigation (repeatable)
    #[arg(long, value_name = "NAME=VALUE", value_parser = param)]
    param: Vec<(String, String)>,

    /// Output format [default: by the extension of -o, else table]
    #[arg(long, visible_alias = "mode", value_name = "FORMAT")]
    format: Option<Mode>,

    /// Output file; `-` is stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Let the script of -f or of stdin write files with `.output` and `.once`
    #[arg(long)]
    allow_output: bool,

    /// Runs folder [default: runs]
    #[arg(long, value_name = "DIR", env = "E2E_STORE_RUNS")]
    runs: Option<PathBuf>,

    /// Run that must be in the store: an id or its beginning, `latest`, `all`, or `none` [default: the newest that was
    /// not sent to another store]
    #[arg(long, value_name = "RUN")]
    run: Option<String>,

    /// File of the store to leave out, by name or end of path (repeatable)
    #[arg(long, value_name = "FILE")]
    without: Vec<String>,

    /// Memory of a query before it spills to disk
    #[arg(long, value_name = "SIZE", env = "E2E_STORE_MEMORY_LIMIT", default_value = "1GB")]
    memory_limit: Memory,

    /// Partitions worked on side by side, and files that are swept [default: one per core, as the memory limit allows]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,

    /// Skip row groups by the statistics of Parquet footers, which only `audit` holds against their values
    #[arg(long)]
    trust_statistics: bool,
}

pub(crate) async fn run(
    args: &SqlArgs,
    out: &mut dyn Write,
    interrupts: &Interrupts,
) -> anyhow::Result<Exit> {
    let layout = find_store(args.path.as_deref())?;
    let hint = "name the folder that `e2e-store generate` wrote, or use --run none";
    let choice = RunChoice { folder: runs::folder(args.runs.as_deref(), hint)?, run: args.run.clone() };
    args.memory_limit.bound_decoding();
    let memory = args.memory_limit.with_jobs(args.jobs);
    let statistics = if args.trust_statistics { Statistics::Trusted } else { Statistics::default() };
    let engine = Engine::new(layout, args.without.clone(), choice, memory, statistics)?;
    let params: Params = args.param.iter().cloned().collect();
    let mut shell = Shell::new(engine, args.format, params);
    if let Some(file) = &args.output {
        shell.write_to(file)?;
    }
    if args.command.is_empty() && args.file.is_none() && args.query.is_none() && io::stdin().is_terminal() {
        interactive::converse(&mut shell, interrupts).await?;
        return Ok(Exit::Clean);
    }
    tokio::select! {
        done = answer(args, &mut shell, out) => {
            done?;
            shell.close()?;
            Ok(Exit::Clean)
        }
        () = interrupts.pressed(1) => {
            notice::note("interrupted");
            Ok(Exit::Unknown)
        }
    }
}

async fn answer(args: &SqlArgs, shell: &mut Shell, out: &mut dyn Write) -> anyhow::Result<()> {
    if let Some(name) = &args.query {
        let params = args.param.iter().cloned().collect();
        return shell.investigate(investigations::find(name)?, &params, out).await;
    }
    if !args.command.is_empty() {
        for text in &args.command {
            shell.script(Source { name: "-c", text }, out).await?;
        }
        return Ok(());
    }
    if !args.allow_output {
        shell.refuse_outputs();
    }
    let (name, text) = if let Some(file) = &args.file {
        // Not a regular file alone: `-f <(…)` is a pipe.
        let text = fs::read_to_string(file).with_context(|| format!("cannot read `{}`", file.display()))?;
        (format!("`{}`", file.display()), text)
    } else {
        let text = standard_input().await.context("cannot read standard input")?;
        ("standard input".to_owned(), text)
    };
    shell.script(Source { name: &name, text: &text }, out).await
}

/// All of it, read on a thread of its own, so that Ctrl-C need not wait for its end.
async fn standard_input() -> io::Result<String> {
    let (send, receive) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        let read = io::stdin().read_to_string(&mut text).map(|_| text);
        // Nobody waits for it after Ctrl-C.
        send.send(read).ok();
    });
    receive.await.map_err(io::Error::other)?
}

fn param(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    pair.map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| format!("`{text}` is not NAME=VALUE"))
}
