//! A proof for people and machines: a line for each defect, and the figures.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
};

use serde::Serialize;

use super::{
    expectation::demanded,
    page,
    selftest::{DefectKind, Proof, Tried, Wrong},
};
use crate::{
    report::{
        html, json,
        table::{self, Align},
    },
    text::numbers::{counted, grouped},
};

/// The form of `--format json`.
const VERSION: u32 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ProofFormat {
    /// Text for people
    Table,
    /// One object: the figures, and every audit
    Json,
    /// A page, as docs/proof.md
    Markdown,
    /// A page for a browser
    Html,
}

/// All times that one defect was planted.
#[derive(Debug, Default, Clone)]
pub(super) struct Line {
    pub(super) by_run: BTreeSet<String>,
    pub(super) by_structure: BTreeSet<String>,
    planted: u64,
    wrong: u64,
    pub(super) places: usize,
}

/// What the proof comes to.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Figures {
    seeds: u64,
    pub(super) defects: usize,
    audits: usize,
    /// Audits in which some check was expected to fire, and those in which all of them did.
    pub(super) expected: usize,
    pub(super) found: usize,
    /// Audits of clean stores and runs, and those that were not silent.
    clean: usize,
    pub(super) alarms: usize,
    /// Audits of defects in which something else fired.
    pub(super) false_alarms: usize,
    /// Spans and files that were hit, and findings or spans that are not where they should be.
    places: usize,
    pub(super) astray: usize,
    not_planted: usize,
}

pub(crate) fn print(out: &mut dyn Write, format: ProofFormat, proof: &Proof) -> anyhow::Result<()> {
    match format {
        ProofFormat::Table => print_table(out, proof),
        ProofFormat::Json => print_json(out, proof),
        ProofFormat::Markdown => print_markdown(out, proof),
        ProofFormat::Html => Ok(out.write_all(html::render(&page::document(proof), page::NAME).as_bytes())?),
    }
}

/// Whether everything is as it should be.
pub(crate) fn holds(proof: &Proof) -> bool {
    proof.tried.iter().all(|tried| tried.wrong.is_empty())
        && proof.clean.iter().all(|clean| clean.fired.is_empty())
}

pub(super) fn lines(proof: &Proof) -> BTreeMap<(DefectKind, &str), Line> {
    let mut lines: BTreeMap<(DefectKind, &str), Line> = BTreeMap::new();
    for tried in &proof.tried {
        let line = lines.entry((tried.kind, tried.defect.as_str())).or_default();
        let expected = if tried.run == "none" { &mut line.by_structure } else { &mut line.by_run };
        expected.insert(tried.expected.clone());
        line.planted += 1;
        line.wrong += u64::from(!tried.wrong.is_empty());
        line.places = line.places.max(tried.places);
    }
    lines
}

impl Line {
    pub(super) fn expected(set: &BTreeSet<String>) -> String {
        set.iter().map(String::as_str).collect::<Vec<_>>().join(" / ")
    }

    pub(super) fn is_right(&self) -> bool {
        self.wrong == 0
    }

    pub(super) fn verdict(&self) -> String {
        let right = self.planted - self.wrong;
        if self.is_right() {
            format!("ok {right}")
        } else {
            format!("WRONG {} of {}", self.wrong, self.planted)
        }
    }
}

fn kind(kind: DefectKind) -> &'static str {
    match kind {
        DefectKind::Damage => "damage",
        DefectKind::Fault => "fault",
    }
}

pub(super) fn figures(proof: &Proof) -> Figures {
    let count = |wanted: fn(&Wrong) -> bool| {
        proof.tried.iter().filter(|tried| tried.wrong.iter().any(wanted)).count()
    };
    let is_expected = |tried: &&Tried| demanded(&tried.expected).next().is_some();
    let expected = proof.tried.iter().filter(is_expected);
    let is_missed = |wrong: &Wrong| matches!(wrong, Wrong::Missed(_) | Wrong::NotPlanted);
    let first_audits = proof.tried.iter().filter(|tried| tried.run != "none");
    Figures {
        seeds: proof.seeds,
        defects: lines(proof).len(),
        audits: proof.tried.len(),
        expected: expected.clone().count(),
        found: expected.filter(|tried| !tried.wrong.iter().any(is_missed)).count(),
        clean: proof.clean.len(),
        alarms: proof.clean.iter().filter(|clean| !clean.fired.is_empty()).count(),
        false_alarms: count(|wrong| matches!(wrong, Wrong::FalseAlarm(_))),
        places: first_audits.map(|tried| tried.places).sum(),
        astray: count(|wrong| matches!(wrong, Wrong::Astray(_) | Wrong::Unnamed(_))),
        not_planted: count(|wrong| matches!(wrong, Wrong::NotPlanted)),
    }
}

impl Figures {
    pub(super) fn recall(&self) -> f64 {
        if self.expected == 0 { 1.0 } else { self.found as f64 / self.expected as f64 }
    }
}

pub(super) fn number(count: usize) -> String {
    grouped(count as u64)
}

/// What each figure means, in the order of the report.
pub(super) fn words(figures: &Figures) -> Vec<(&'static str, String)> {
    let Figures {
        seeds, defects, audits, expected, found, clean, alarms, false_alarms, places, astray, ..
    } = figures;
    let recall = figures.recall();
    vec![
        (
            "planted",
            format!(
                "{}, {}, {}",
                counted(*defects as u64, "defect"),
                counted(*seeds, "seed"),
                counted(*audits as u64, "audit")
            ),
        ),
        (
            "recall",
            format!("{recall:.3}: found in {} of {}", number(*found), counted(*expected as u64, "audit")),
        ),
        (
            "false alarms",
            format!(
                "{} in {}, {} in audits of defects",
                number(*alarms),
                counted(*clean as u64, "clean audit"),
                number(*false_alarms)
            ),
        ),
        (
            "localisation",
            format!(
                "{} hit; audits that point elsewhere: {}",
                counted(*places as u64, "place"),
                number(*astray)
            ),
        ),
    ]
}

fn print_table(out: &mut dyn Write, proof: &Proof) -> anyhow::Result<()> {
    let header = [
        ("defect", Align::Left),
        ("kind", Align::Left),
        ("places", Align::Right),
        ("result", Align::Left),
        ("by structure", Align::Left),
        ("found by", Align::Left),
    ];
    let row = |((of, defect), line): ((DefectKind, &str), Line)| {
        vec![
            defect.to_owned(),
            kind(of).to_owned(),
            line.places.to_string(),
            line.verdict(),
            Line::expected(&line.by_structure),
            Line::expected(&line.by_run),
        ]
    };
    writeln!(out, "{}", table::render(&header, lines(proof).into_iter().map(row)))?;
    for (name, value) in words(&figures(proof)) {
        writeln!(out, "{name:<13} {value}")?;
    }
    for clean in proof.clean.iter().filter(|clean| !clean.fired.is_empty()) {
        writeln!(out, "not silent: {}: {}", clean.what, clean.fired)?;
    }
    for tried in proof.tried.iter().filter(|tried| !tried.wrong.is_empty()) {
        let Tried { defect, seed, run, fired, schema, .. } = tried;
        writeln!(
            out,
            "wrong: {defect}, schema {}, seed {seed}, run {run}: fired {fired:?}",
            schema.version()
        )?;
        for wrong in &tried.wrong {
            writeln!(out, "  {}", told(wrong))?;
        }
    }
    Ok(())
}

pub(super) fn told(wrong: &Wrong) -> String {
    match wrong {
        Wrong::NotPlanted => "nothing was there to be hit".to_owned(),
        Wrong::Missed(checks) => format!("missed: {checks}"),
        Wrong::FalseAlarm(checks) => format!("false alarm: {checks}"),
        Wrong::Astray(findings) => format!("points elsewhere: {}", findings.join("; ")),
        Wrong::Unnamed(spans) => format!("not named: {}", spans.join(", ")),
    }
}

#[derive(Serialize)]
struct Json {
    version: u32,
    holds: bool,
    figures: Figures,
    audits: Vec<AuditJson>,
    not_silent: Vec<CleanJson>,
}

#[derive(Serialize)]
struct AuditJson {
    defect: String,
    kind: &'static str,
    schema: i64,
    seed: u64,
    run: &'static str,
    expected: String,
    fired: String,
    places: usize,
    wrong: Vec<String>,
}

#[derive(Serialize)]
struct CleanJson {
    what: String,
    fired: String,
}

fn print_json(out: &mut dyn Write, proof: &Proof) -> anyhow::Result<()> {
    let audit = |tried: &Tried| AuditJson {
        defect: tried.defect.clone(),
        kind: kind(tried.kind),
        schema: tried.schema.version(),
        seed: tried.seed,
        run: tried.run,
        expected: tried.expected.clone(),
        fired: tried.fired.clone(),
        places: tried.places,
        wrong: tried.wrong.iter().map(told).collect(),
    };
    let not_silent = proof.clean.iter().filter(|clean| !clean.fired.is_empty());
    let json = Json {
        version: VERSION,
        holds: holds(proof),
        figures: figures(proof),
        audits: proof.tried.iter().map(audit).collect(),
        not_silent: not_silent
            .map(|clean| CleanJson { what: clean.what.clone(), fired: clean.fired.clone() })
            .collect(),
    };
    json::print(out, &json)
}

const INTRODUCTION: &str = "\
# Proof of the auditor

<!-- Made by `scripts/proof`. Do not edit. -->

`e2e-store selftest` plants every defect that it knows and demands the checks that must find it, all of them and
nothing else, with findings that name the spans or files that were hit. *Damages* are done to copies of stores: of known
runs, under both schemas; of apps whose runs nobody knows, with the studio's index; of Junjo's workflows and agents; of
edge values. *Faults* are the stand-in's while it takes traffic ([faults](faults.md)). Clean stores and clean runs of the
same seeds come first and must be silent. A defect of a known run is also judged by structure alone, without the run: the
third column is what shows then. A check without a number may have any number of findings.

A defect without an expected check is one that leaves every promise kept: a refusal that was told, a slow answer, keys in
another order.

";

fn print_markdown(out: &mut dyn Write, proof: &Proof) -> anyhow::Result<()> {
    write!(out, "{INTRODUCTION}| figure | |\n|---|---|\n")?;
    for (name, value) in words(&figures(proof)) {
        writeln!(out, "| {name} | {value} |")?;
    }
    for of in [DefectKind::Damage, DefectKind::Fault] {
        write!(
            out,
            "\n## {}s\n\n| defect | found by | by structure | places | result |\n|---|---|---|---|---|\n",
            if of == DefectKind::Damage { "Damage" } else { "Fault" }
        )?;
        for ((_, defect), line) in lines(proof).into_iter().filter(|((one, _), _)| *one == of) {
            let (by_run, by_structure) = (Line::expected(&line.by_run), Line::expected(&line.by_structure));
            writeln!(out, "| {defect} | {by_run} | {by_structure} | {} | {} |", line.places, line.verdict())?;
        }
    }
    Ok(())
}
