//! Dot commands: what is no SQL.

use std::io::Write;

use clap::ValueEnum;

use super::{Flow, Shell};
use crate::{
    base::{notice, problem::Problem},
    checks::investigations::{self, Investigation, Params},
    report::{
        rows::Mode,
        table::{self, Align},
    },
    tables::{
        catalog::{self, Table},
        functions,
    },
};

/// The commands, what they take, and what they do.
pub(super) const COMMANDS: [(&str, &str, &str); 13] = [
    ("tables", "", "the tables, and what a row of each is"),
    ("schema", "[TABLE]", "columns, their types and meanings"),
    ("queries", "", "the named investigations"),
    ("query", "NAME", "what an investigation answers, and its SQL"),
    ("run", "NAME [PARAM=VALUE…]", "run an investigation"),
    ("functions", "", "functions that were made for spans"),
    ("mode", "[MODE]", "form of answers: table, json, ndjson, csv, markdown, vertical"),
    ("once", "FILE", "write the next answer into a file"),
    ("output", "[FILE]", "write all further answers into a file, or show them again"),
    ("timer", "[on|off]", "say how long an answer took"),
    ("limit", "[N|off]", "rows to show of an answer"),
    ("help", "", "this list"),
    ("quit", "", "leave; so does Ctrl-D"),
];

pub(super) async fn perform(shell: &mut Shell, text: &str, out: &mut dyn Write) -> anyhow::Result<Flow> {
    let mut words = text.split_whitespace();
    let command = words.next().unwrap_or_default();
    let arguments: Vec<&str> = words.collect();
    match (command, arguments.as_slice()) {
        ("tables", []) => write!(out, "{}", tables())?,
        ("schema", []) => {
            for (number, table) in catalog::tables().enumerate() {
                if number > 0 {
                    writeln!(out)?;
                }
                schema(table, out)?;
            }
        }
        ("schema", [name]) => {
            let table = catalog::table(name)
                .ok_or_else(|| Problem::new(format!("unknown table `{name}`"), catalog::hint(name)))?;
            schema(table, out)?;
        }
        ("queries", []) => write!(out, "{}", queries(investigations::all()))?,
        ("query", [name]) => explain(investigations::find(name)?, out)?,
        ("run", [name, params @ ..]) => {
            let investigation = investigations::find(name)?;
            let params = params.iter().map(|param| parse_param(param)).collect::<Result<Params, _>>()?;
            shell.investigate(investigation, &params, out).await?;
        }
        ("functions", []) => write!(out, "{}", functions())?,
        ("mode", []) => {
            let mode = shell.mode.map_or("table, unless a file's ending says otherwise", Mode::name);
            writeln!(out, "{mode}")?;
        }
        ("mode", [mode]) => shell.mode = Some(parse_mode(mode)?),
        ("once", [file]) => shell.once = Some(shell.scripted_target(file)?),
        ("output", []) => shell.close()?,
        ("output", [file]) => {
            let target = shell.scripted_target(file)?;
            shell.close()?;
            shell.output = Some(target);
        }
        ("timer", []) => shell.timer = !shell.timer,
        ("timer", ["on"]) => shell.timer = true,
        ("timer", ["off"]) => shell.timer = false,
        ("limit", []) => {
            writeln!(out, "{}", shell.limit.map_or("off".to_owned(), |limit| limit.to_string()))?;
        }
        ("limit", ["off"]) => shell.limit = None,
        ("limit", [rows]) => shell.limit = Some(parse_limit(rows)?),
        ("help", []) => write!(out, "{}", help())?,
        ("quit" | "exit", []) => return Ok(Flow::Quit),
        _ => return Err(misused(command).into()),
    }
    if shell.interactive && matches!((command, arguments.as_slice()), ("timer", [])) {
        notice::note(if shell.timer { "timer on" } else { "timer off" });
    }
    Ok(Flow::On)
}

fn misused(command: &str) -> Problem {
    match COMMANDS.iter().find(|(name, ..)| *name == command) {
        Some((name, arguments, _)) => Problem::new(
            format!("`.{name}` was given something else than it takes"),
            format!(".{name} {arguments}"),
        ),
        None => Problem::new(format!("there is no command `.{command}`"), "`.help` lists the commands"),
    }
}

/// `NAME=VALUE`.
pub(crate) fn parse_param(text: &str) -> Result<(String, String), Problem> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let (name, value) = pair
        .ok_or_else(|| Problem::new(format!("`{text}` is not NAME=VALUE"), "write for example trace=4bf9"))?;
    Ok((name.to_owned(), value.to_owned()))
}

fn parse_mode(text: &str) -> Result<Mode, Problem> {
    Mode::from_str(text, true).map_err(|_| {
        let names = Mode::ALL.map(Mode::name).join(", ");
        Problem::new(format!("there is no mode `{text}`"), format!("the modes are: {names}"))
    })
}

fn parse_limit(text: &str) -> Result<u64, Problem> {
    let limit = text.parse().ok().filter(|limit| *limit > 0);
    limit.ok_or_else(|| Problem::new(format!("`{text}` is no number of rows"), ".limit 100, or .limit off"))
}

fn tables() -> String {
    let rows = catalog::tables().map(|table| vec![table.name, table.about, table.needs.name()]);
    let header = [("table", Align::Left), ("rows", Align::Left), ("needs", Align::Left)];
    table::render(&header, rows.map(|row| row.into_iter().map(str::to_owned).collect()))
}

fn schema(table: &Table, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "{}: {}", table.name, table.about)?;
    let rows = table.columns().map(|column| {
        let sweep = if column.swept { " (needs a sweep)" } else { "" };
        vec![
            format!("  {}", column.name),
            column.kind.sql_name().to_owned(),
            format!("{}{sweep}", column.about),
        ]
    });
    let header = [("  column", Align::Left), ("type", Align::Left), ("meaning", Align::Left)];
    write!(out, "{}", table::render(&header, rows))?;
    Ok(())
}

fn queries(all: &[Investigation]) -> String {
    let params = |one: &Investigation| {
        let shown = one.params.iter().map(|param| match &param.default {
            Some(default) => format!("{}={default}", param.name),
            None => format!("{}=…", param.name),
        });
        shown.collect::<Vec<_>>().join(" ")
    };
    let rows = all.iter().map(|one| vec![one.name.clone(), one.about.clone(), params(one)]);
    let header = [("investigation", Align::Left), ("answers", Align::Left), ("parameters", Align::Left)];
    table::render(&header, rows)
}

fn explain(one: &Investigation, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "{}", one.text.trim_end())?;
    notice::note(&one.usage());
    Ok(())
}

fn functions() -> String {
    let rows = functions::FUNCTIONS.iter().map(|(call, about)| vec![(*call).to_owned(), (*about).to_owned()]);
    table::render(&[("function", Align::Left), ("gives", Align::Left)], rows)
}

fn help() -> String {
    let rows = COMMANDS
        .iter()
        .map(|(name, arguments, about)| vec![format!(".{name} {arguments}"), (*about).to_owned()]);
    table::render(&[("command", Align::Left), ("does", Align::Left)], rows)
}
