//! `sql`.

use std::{
    fs,
    io::{self, IsTerminal, Read, Write},
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
    store::find::find_store,
    tables::sources::RunChoice,
};

/// Ask the store in SQL: one question, a file of them, or a shell
///
/// The tables are those that the audit's checks read, and more: `-c .tables` lists them, `-c '.schema
/// spans'` explains one. The dialect is PostgreSQL's, with its JSON operators. A statement that would
/// change anything is refused.
///
/// Without a question, standard input is read if it is not a terminal; else a shell begins.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  e2e-store sql
  e2e-store sql -c \"SELECT name, count(*) FROM spans WHERE attributes ->> 'junjo.span_type' = 'workflow' GROUP BY name\"
  e2e-store sql .dbdata --query around_row --param file=parquet/… --param row=17
  e2e-store sql --query missing_spans --run latest -o missing.csv
  e2e-store sql -c .queries")]
pub(crate) struct SqlArgs {
    /// Data directory, any folder of it, or a single file [default: .dbdata, then ~/.junjo]
    #[arg(value_name = "PATH", env = "E2E_STORE_DATA_DIR")]
    path: Option<PathBuf>,

    /// Answer this, and the next `-c`
    #[arg(short, long, value_name = "SQL")]
    command: Vec<String>,

    /// Answer the statements of a file
    #[arg(short, long, value_name = "FILE", conflicts_with = "command")]
    file: Option<PathBuf>,

    /// Run a named investigation; `-c .queries` lists them
    #[arg(long, value_name = "NAME", conflicts_with_all = ["command", "file"])]
    query: Option<String>,

    /// A value for `$NAME` in a statement or an investigation
    #[arg(long, value_name = "NAME=VALUE", value_parser = param)]
    param: Vec<(String, String)>,

    /// Form of the answers [default: by the ending of -o, else table]
    #[arg(long, visible_alias = "mode", value_name = "FORMAT")]
    format: Option<Mode>,

    /// Write the answers into a file; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Let the script of -f or of standard input write files with `.output` and `.once`
    #[arg(long)]
    allow_output: bool,

    /// Where runs are kept [default: runs]
    #[arg(long, value_name = "DIR", env = "E2E_STORE_RUNS")]
    runs: Option<PathBuf>,

    /// The run that must be in the store: an id (its beginning will do), `latest`, `all`, or `none`
    #[arg(long, value_name = "RUN", default_value = "latest")]
    run: String,

    /// Leave out a file of the store, by its name or the end of its path
    #[arg(long, value_name = "FILE")]
    without: Vec<String>,

    /// Memory that a question may use before it spills to disk
    #[arg(long, value_name = "SIZE", env = "E2E_STORE_MEMORY_LIMIT", default_value = "1GB")]
    memory_limit: Memory,
}

pub(crate) async fn run(
    args: &SqlArgs,
    out: &mut dyn Write,
    interrupts: &Interrupts,
) -> anyhow::Result<Exit> {
    let layout = find_store(args.path.as_deref())?;
    let hint = "name the folder that `e2e-store generate` wrote, or use --run none";
    let choice = RunChoice { folder: runs::folder(args.runs.as_deref(), hint)?, run: args.run.clone() };
    let engine = Engine::new(layout, args.without.clone(), choice, args.memory_limit)?;
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
