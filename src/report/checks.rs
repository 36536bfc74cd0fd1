//! The catalogue of checks, as a list and one by one, as text and as JSON.

use std::{collections::BTreeMap, io::Write};

use serde::Serialize;

use super::{
    document::{Block, Document, Fact, Level, Line, Section, Style, Table},
    json,
    page::{self, Page},
    table::Align,
};
use crate::{
    checks::catalog::{Check, Finding, Needs, Scope},
    text::{
        paint::Paint,
        wrap::{pad, width},
    },
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
    let widest = checks.iter().map(|check| width(&check.id)).max().unwrap_or_default();
    let row = |check: &&Check| -> Vec<Line> {
        vec![pad(&check.id, widest).into(), check.weight().into(), Line::from(&check.rule)]
    };
    let mut document = Document::default();
    for (family, checks) in families {
        let header = ["check", "severity", "rule"].map(|name| (name.to_owned(), Align::Left)).to_vec();
        let table = Table { header, rows: checks.iter().map(row).collect(), ..Table::default() };
        document.add(Section::headed(Level::Part, family, [Block::Table(table)]));
    }
    print(&document, out)
}

fn print(document: &Document, out: &mut dyn Write) -> anyhow::Result<()> {
    out.write_all(page::render(document, Page::terminal(Paint::NONE)).as_bytes())?;
    Ok(())
}

/// All that a check's file says, and its query.
pub(crate) fn explain(check: &Check, out: &mut dyn Write) -> anyhow::Result<()> {
    let needs = match check.needs {
        Needs::Nothing => "nothing but the store",
        Needs::Run => "a run to compare the store with",
        Needs::WholeStore => "the whole store, not one file of it",
        Needs::Index => "the index that the studio's backend keeps of the store",
    };
    let scope = match check.scope {
        Scope::Store => "the whole store",
        Scope::Trace => "all rows of a trace",
    };
    let finding = match check.finding {
        Finding::Broken => "the rule is broken",
        Finding::Undecided => "the rule could not be settled",
    };
    let mut facts = vec![
        Fact::new("family", Line::from(&check.family)),
        Fact::new("severity", check.weight()),
        Fact::new("needs", needs),
        Fact::new("scope", scope),
        Fact::new("examines", check.examines.nouns().1),
    ];
    facts.extend(check.code.as_ref().map(|code| Fact::new("studio code", Line::code(code))));
    facts.extend(
        check.query.map(|query| Fact::new("query", format!("{}, which shows a finding", query.name))),
    );
    facts.push(Fact::new("a finding", format!("says that {finding}")));

    let mut document = Document::default();
    let title = Line::styled(Style::Strong, &check.id).and(format!(": {}", check.rule));
    document.add(Section::headed(Level::Report, title, []));
    document.add(Section::new([Block::Facts(facts)]));
    for (of, text) in
        [("", &check.why), ("Likely cause: ", &check.usually), ("Not covered: ", &check.not_covered)]
    {
        for (number, paragraph) in text.split("\n\n").enumerate() {
            let of = if number == 0 { of } else { "" };
            document.add(Section::new([Block::Paragraph(format!("{of}{paragraph}").into())]));
        }
    }
    document.add(Section::new([Block::Code { language: "sql", text: check.sql.trim_end().to_owned() }]));
    print(&document, out)
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
    json::print(out, &CatalogJson { version: VERSION, checks: checks.collect() })
}
