//! `checks`.

use std::io::Write;

use crate::{checks::catalog, exit::Exit, report};

/// List the checks, or explain one
///
/// A check is a query for the bad rows. Explained, it tells its rule, why that must hold, what it does not
/// see, and its SQL.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  e2e-store checks
  e2e-store checks lost_spans")]
pub(crate) struct ChecksArgs {
    /// The check to explain
    #[arg(value_name = "CHECK")]
    check: Option<String>,
}

pub(crate) fn run(args: &ChecksArgs, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let only: Vec<String> = args.check.iter().cloned().collect();
    let checks = catalog::select(catalog::built_in()?, &only, &[])?;
    match (&args.check, checks.first()) {
        (Some(_), Some(check)) => report::checks::explain(check, out)?,
        _ => report::checks::list(&checks, out)?,
    }
    Ok(Exit::Clean)
}
