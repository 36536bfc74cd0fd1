//! `checks`.

use std::{io::Write, path::PathBuf};

use super::audit::Format;
use crate::{base::exit::Exit, checks::selection, report};

/// List the checks, or explain one
///
/// A check is a query for the bad rows. Its explanation has the rule, the reason for it, the likely cause of a
/// finding, what is not covered, and the SQL.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  e2e-store checks
  e2e-store checks lost_spans
  e2e-store checks --checks my-checks --format json")]
pub(crate) struct ChecksArgs {
    /// Check to explain
    #[arg(value_name = "CHECK")]
    check: Option<String>,

    /// Folder of additional checks: `.sql` files, or families of them
    #[arg(long, value_name = "DIR", env = "E2E_STORE_CHECKS")]
    checks: Option<PathBuf>,

    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
}

pub(crate) fn run(args: &ChecksArgs, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let checks = selection::with_own(args.checks.as_deref())?;
    match (&args.check, args.format) {
        (None, Format::Table) => report::checks::list(&checks, out)?,
        (None, Format::Json) => report::checks::json(&checks, out)?,
        (Some(id), Format::Table) => report::checks::explain(&selection::find(checks, id)?, out)?,
        (Some(id), Format::Json) => report::checks::json(&[selection::find(checks, id)?], out)?,
    }
    Ok(Exit::Clean)
}
