//! The catalogue of checks, as a list and one by one.

use std::io::Write;

use super::table::{self, Align};
use crate::checks::catalog::{Check, Finding, Needs};

pub(crate) fn list(checks: &[Check], out: &mut dyn Write) -> anyhow::Result<()> {
    let header =
        [("check", Align::Left), ("severity", Align::Left), ("family", Align::Left), ("rule", Align::Left)];
    let row = |check: &Check| {
        [check.id.as_str(), check.severity.name(), &check.family, &check.rule].map(str::to_owned).to_vec()
    };
    out.write_all(table::render(&header, checks.iter().map(row)).as_bytes())?;
    Ok(())
}

pub(crate) fn explain(check: &Check, out: &mut dyn Write) -> anyhow::Result<()> {
    let needs = match check.needs {
        Needs::Nothing => "nothing but the store",
        Needs::Run => "a run to hold the store against",
        Needs::WholeStore => "the whole store, not one file of it",
    };
    let finding = match check.finding {
        Finding::Broken => "the rule is broken",
        Finding::Undecided => "the rule could not be settled",
    };
    writeln!(out, "{}: {}\n", check.id, check.rule)?;
    writeln!(out, "severity  {}", check.severity.name())?;
    writeln!(out, "needs     {needs}")?;
    writeln!(out, "examines  {}", check.examines.nouns().1)?;
    writeln!(out, "a finding says that {finding}\n")?;
    writeln!(out, "{}\n\n{}", check.explanation, check.sql)?;
    Ok(())
}
