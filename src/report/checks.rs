//! The catalogue of checks, as a list and one by one, as text and as JSON.

use std::{collections::BTreeMap, io::Write};

use serde::Serialize;

use super::{
    audit_text::PROSE_WIDTH,
    table::{self, Align},
};
use crate::{
    checks::catalog::{Check, Finding, Needs, Scope},
    text::wrap,
};

/// The form of `checks --format json`.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct CatalogJson<'a> {
    version: u32,
    checks: Vec<CheckJson<'a>>,
}

#[derive(Serialize)]
struct CheckJson<'a> {
    id: &'a str,
    family: &'a str,
    rule: &'a str,
    /// None where findings are inconclusive.
    severity: Option<&'static str>,
    /// `run`, `store`, or nothing.
    needs: Option<&'static str>,
    scope: &'static str,
    examines: &'static str,
    /// What a returned row means: `broken`, or `inconclusive`.
    finding: &'static str,
    /// The studio's own diagnostic code.
    code: Option<&'a str>,
    /// The named investigation that shows a finding.
    query: Option<&'a str>,
    why: &'a str,
    usually: &'a str,
    not_covered: &'a str,
    sql: &'a str,
}

/// Families one after the other, each with its checks.
pub(crate) fn list(checks: &[Check], out: &mut dyn Write) -> anyhow::Result<()> {
    let mut families: BTreeMap<&str, Vec<&Check>> = BTreeMap::new();
    for check in checks {
        families.entry(&check.family).or_default().push(check);
    }
    let header = [("check", Align::Left), ("severity", Align::Left), ("rule", Align::Left)];
    let width = checks.iter().map(|check| check.id.len()).max().unwrap_or_default();
    for (number, (family, checks)) in families.into_iter().enumerate() {
        let row = |check: &&Check| {
            let id = format!("{:width$}", check.id);
            vec![id, check.weight().to_owned(), check.rule.clone()]
        };
        let between = if number == 0 { "" } else { "\n" };
        write!(out, "{between}{family}\n{}", table::render(&header, checks.iter().map(row)))?;
    }
    Ok(())
}

/// All that a check's file says, and its query.
pub(crate) fn explain(check: &Check, out: &mut dyn Write) -> anyhow::Result<()> {
    let needs = match check.needs {
        Needs::Nothing => "nothing but the store",
        Needs::Run => "a run to hold the store against",
        Needs::WholeStore => "the whole store, not one file of it",
    };
    let scope = match check.scope {
        Scope::Store => "the whole store at once",
        Scope::Trace => "all rows of a trace at once",
    };
    let finding = match check.finding {
        Finding::Broken => "the rule is broken",
        Finding::Undecided => "the rule could not be settled",
    };
    writeln!(out, "{}: {}\n", check.id, check.rule)?;
    writeln!(out, "family    {}", check.family)?;
    writeln!(out, "severity  {}", check.weight())?;
    writeln!(out, "needs     {needs}")?;
    writeln!(out, "sees      {scope}")?;
    writeln!(out, "examines  {}", check.examines.nouns().1)?;
    if let Some(code) = &check.code {
        writeln!(out, "code      {code}, as the studio calls it")?;
    }
    if let Some(query) = check.query {
        writeln!(out, "query     {}, which shows a finding", query.name)?;
    }
    writeln!(out, "a finding says that {finding}\n")?;
    for (of, text) in [("", &check.why), ("Usually: ", &check.usually), ("Not covered: ", &check.not_covered)]
    {
        paragraphs(out, &format!("{of}{text}"))?;
    }
    writeln!(out, "{}", check.sql)?;
    Ok(())
}

fn paragraphs(out: &mut dyn Write, text: &str) -> anyhow::Result<()> {
    for paragraph in text.split("\n\n") {
        for line in wrap::wrap(paragraph, table::terminal_width().unwrap_or(PROSE_WIDTH).min(PROSE_WIDTH)) {
            writeln!(out, "{line}")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// `{"version":1,"checks":[…]}`, of one check as of many.
pub(crate) fn json(checks: &[Check], out: &mut dyn Write) -> anyhow::Result<()> {
    let checks = checks.iter().map(|check| CheckJson {
        id: &check.id,
        family: &check.family,
        rule: &check.rule,
        severity: (check.finding == Finding::Broken).then(|| check.severity.name()),
        needs: check.needs.name(),
        scope: check.scope.name(),
        examines: check.examines.nouns().1,
        finding: match check.finding {
            Finding::Broken => "broken",
            Finding::Undecided => "inconclusive",
        },
        code: check.code.as_deref(),
        query: check.query.map(|query| query.name.as_str()),
        why: &check.why,
        usually: &check.usually,
        not_covered: &check.not_covered,
        sql: &check.sql,
    });
    serde_json::to_writer_pretty(&mut *out, &CatalogJson { version: VERSION, checks: checks.collect() })?;
    writeln!(out)?;
    Ok(())
}
