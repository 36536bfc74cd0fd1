//! Executions with findings: each a small tree with the broken places marked, and commands that show more.

use std::{collections::BTreeSet, time::Duration};

use super::{
    document::{Bar, Block, Fact, Level, Line, Section, Style, TreeLine, Value},
    tree::branches,
};
use crate::{
    audit::{
        executions::{Execution, Mark, Place, TreeLine as Found},
        report::AuditReport,
    },
    checks::finding_id,
    text::{
        numbers::{self, counted, service, short},
        shell,
    },
};

/// Longer texts are cut; JSON has them whole.
const TEXT_CHARS: usize = 400;
/// Findings of one span.
const MARKS_SHOWN: usize = 6;

pub(super) fn sections(report: &AuditReport) -> Vec<Section> {
    report.executions.iter().map(|execution| section(report, execution)).collect()
}

/// The ids of the findings that executions show.
pub(super) fn grouped(report: &AuditReport) -> BTreeSet<&str> {
    let marks =
        report.executions.iter().flat_map(|execution| &execution.tree).flat_map(|line| &line.findings);
    marks.map(|mark| mark.id.as_str()).collect()
}

fn section(report: &AuditReport, execution: &Execution) -> Section {
    let Execution { kind, name, service_name, trace_id, tree } = execution;
    let findings = counted(execution.findings() as u64, "finding");
    let heading = Line::styled(Style::Strong, format!("{kind} {name}"))
        .and(format!(" of {}: {findings}", service(service_name)));
    let trace = Fact::new("trace", Line::code(trace_id));
    let mut commands = Vec::new();
    let mut command = |label: &str, words: Vec<String>| {
        commands.push(Fact { label: label.into(), value: Value::Command(shell::command(&words)) });
    };
    if let [program, _, store, ..] = &report.sql_command[..] {
        let word = str::to_owned;
        command("show", vec![program.clone(), word("trace"), trace_id.clone(), store.clone()]);
        let parameter = format!("trace={trace_id}");
        let query = ["--query", "trace_spans", "--param"].map(word);
        command("inspect", report.sql_command.iter().cloned().chain(query).chain([parameter]).collect());
    }
    let blocks = [Block::Facts(vec![trace]), Block::Tree(lines(tree))];
    let commands = (!commands.is_empty()).then_some(Block::Facts(commands));
    Section::headed(Level::Part, heading, blocks.into_iter().chain(commands))
}

/// Each line, and below it what was found there.
fn lines(tree: &[Found]) -> Vec<TreeLine> {
    let branches = branches(tree.iter().map(|line| (line.depth, line.is_last)));
    let mut lines = Vec::new();
    let all = whole_time(tree);
    for (place, (found, branch)) in tree.iter().zip(branches).enumerate() {
        let has_children = tree.get(place + 1).is_some_and(|next| next.depth > found.depth);
        let below = branch.below + if has_children { "│  " } else { "   " };
        let bar = all.and_then(|all| bar(found, all));
        lines.push(TreeLine { before: branch.own, below: below.clone(), line: span(found), bar });
        let hang = format!("{below}     ");
        let marks = found.findings.iter().take(MARKS_SHOWN).map(mark);
        let more = found.findings.len().saturating_sub(MARKS_SHOWN);
        let more = (more > 0).then(|| Line::from(format!("and {}", counted(more as u64, "more finding"))));
        lines.extend(marks.chain(more).map(|line| TreeLine {
            before: below.clone(),
            below: hang.clone(),
            line,
            bar: None,
        }));
    }
    lines
}

/// When a span began and ended, in Unix nanoseconds; none where it ends before it begins.
fn time(found: &Found) -> Option<(i64, i64)> {
    match found.what {
        Place::Span { start_time_unix_nano: start, end_time_unix_nano: end, .. } if start <= end => {
            Some((start, end))
        }
        Place::Span { .. } | Place::NotStored { .. } | Place::More { .. } => None,
    }
}

/// From the first start to the last end.
fn whole_time(tree: &[Found]) -> Option<(i64, i64)> {
    let times = tree.iter().filter_map(time);
    times.reduce(|(start, end), (from, to)| (start.min(from), end.max(to))).filter(|(start, end)| start < end)
}

fn bar(found: &Found, (start, end): (i64, i64)) -> Option<Bar> {
    let (from, to) = time(found)?;
    let part = |at: i64| at.abs_diff(start) as f64 / end.abs_diff(start) as f64;
    let style = if found.findings.is_empty() { Style::Plain } else { Style::Bad };
    Some(Bar { from: part(from), to: part(to), style })
}

fn span(found: &Found) -> Line {
    match &found.what {
        Place::Span { kind, name, outcome, .. } => {
            let style = if found.findings.is_empty() { Style::Plain } else { Style::Strong };
            let line =
                Line::styled(Style::Quiet, format!("{kind} ")).and_styled(style, short(name, TEXT_CHARS));
            let line = if *outcome == "completed" { line } else { line.and(format!(", {outcome}")) };
            match time(found) {
                Some((from, to)) => {
                    let took = Duration::from_nanos(to.abs_diff(from));
                    line.and_styled(Style::Quiet, format!(", {}", numbers::duration(took)))
                }
                None => line,
            }
        }
        Place::NotStored { runtime_id } => {
            Line::styled(Style::Doubtful, format!("({} is not stored)", short(runtime_id, TEXT_CHARS)))
        }
        Place::More { more_spans } => {
            Line::styled(Style::Quiet, format!("… {}", counted(*more_spans as u64, "more span")))
        }
    }
}

fn mark(mark: &Mark) -> Line {
    let style = match mark.verdict {
        "fail" => Style::Bad,
        "info" | "accepted" => Style::Quiet,
        _ => Style::Doubtful,
    };
    let line = Line::styled(style, mark.word()).and(" ").and_code(finding_id::shown(&mark.id));
    if mark.text.is_empty() { line } else { line.and(format!(": {}", short(&mark.text, TEXT_CHARS))) }
}
