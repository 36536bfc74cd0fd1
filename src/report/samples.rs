//! Findings for people: a table where it fits, else a block for each.
//!
//! In a block short values share lines, while what was expected and what is there stand below each other on lines
//! of their own, and a long text goes on under its own beginning. What has no spaces is never broken: a terminal
//! that breaks an id or a path by itself still lets it be copied whole.

use super::{
    evidence::{Column, Evidence, Sample},
    numbers::{plain, short},
    table::{self, Align},
};

/// Expected and actual values are cut before they are kept; names may have any length.
const VALUE_CHARS: usize = 300;
/// Wider than this nobody reads a table, whatever it is printed into.
const TABLE_WIDTH: usize = 200;
const INDENT: usize = 2;
/// Where two long values begin alike, so much of that is shown.
const COMMON_SHOWN: usize = 20;
const COMPARED: [&str; 2] = ["expected", "actual"];

/// The first `limit` samples, in no more than `width` columns where there is a bound.
pub(crate) fn render(evidence: &Evidence, limit: usize, width: Option<usize>) -> String {
    let samples = &evidence.samples[..limit.min(evidence.samples.len())];
    let columns: Vec<&Column> = evidence
        .columns
        .iter()
        .filter(|column| samples.iter().any(|sample| sample.values.contains_key(&column.name)))
        .collect();
    let rows: Vec<Vec<String>> = samples.iter().map(|sample| cells(&columns, sample)).collect();
    let mut header = vec![("finding", Align::Left)];
    header.extend(
        columns
            .iter()
            .map(|column| (column.name.as_str(), if column.is_number { Align::Right } else { Align::Left })),
    );
    if table::natural_width(&header, &rows) <= width.unwrap_or(TABLE_WIDTH).min(TABLE_WIDTH) {
        return table::render_in(&header, rows, None);
    }
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    rows.iter().map(|row| block(&names, row, width)).collect()
}

/// The finding's id, and its values in the order of the columns.
fn cells(columns: &[&Column], sample: &Sample) -> Vec<String> {
    let value = |name: &str| plain(&sample.text(name).unwrap_or_default());
    let compared = COMPARED.map(value);
    let [expected, actual] = &compared;
    let skip = common_start(expected, actual);
    let cell = |column: &&Column| {
        let value = value(&column.name);
        if skip > 0 && COMPARED.contains(&column.name.as_str()) {
            let rest: String = value.chars().skip(skip).collect();
            return format!("…{}", short(&rest, VALUE_CHARS));
        }
        short(&value, VALUE_CHARS)
    };
    std::iter::once(sample.id.clone()).chain(columns.iter().map(cell)).collect()
}

/// How many characters of two long values to leave out, because they are the same.
fn common_start(one: &str, other: &str) -> usize {
    let common = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
    common.saturating_sub(COMMON_SHOWN).min(if common > 3 * COMMON_SHOWN { usize::MAX } else { 0 })
}

fn block(names: &[&str], row: &[String], width: Option<usize>) -> String {
    let Some((id, values)) = row.split_first() else { return String::new() };
    let pairs = || names.iter().zip(values).filter(|(_, value)| !value.is_empty());
    let mut lines = vec![format!("- {id}")];
    let mut line = String::new();
    for (name, value) in pairs().filter(|(name, _)| !COMPARED.contains(name)) {
        let pair = format!("{name} {value}");
        let fits = width.is_none_or(|width| INDENT + chars(&line) + 2 + chars(&pair) <= width);
        if !line.is_empty() && fits && !value.contains(' ') {
            line.push_str("  ");
            line.push_str(&pair);
            continue;
        }
        if !line.is_empty() {
            lines.push(format!("{:INDENT$}{}", "", std::mem::take(&mut line)));
        }
        if value.contains(' ') {
            lines.extend(wrapped(&pair, width, name.len() + 1));
        } else {
            line = pair;
        }
    }
    if !line.is_empty() {
        lines.push(format!("{:INDENT$}{line}", ""));
    }
    let label = COMPARED.map(str::len).into_iter().max().unwrap_or_default();
    for (name, value) in pairs().filter(|(name, _)| COMPARED.contains(name)) {
        lines.extend(wrapped(&format!("{name:label$} {value}"), width, label + 1));
    }
    lines.into_iter().map(|line| line + "\n").collect()
}

/// A text as indented lines, broken at a space where there is one in the second half of a line; what does not fit goes
/// on below, so far to the right.
fn wrapped(text: &str, width: Option<usize>, hang: usize) -> Vec<String> {
    let room = width.map_or(usize::MAX, |width| width.saturating_sub(INDENT).max(hang + 10));
    let mut rest: Vec<char> = text.chars().collect();
    let mut lines = Vec::new();
    while !rest.is_empty() {
        let (before, room) = if lines.is_empty() { (0, room) } else { (hang, room - hang) };
        let space = || rest[..room].iter().rposition(|char| *char == ' ').filter(|at| *at > room / 2);
        let end = if rest.len() <= room { rest.len() } else { space().map_or(room, |at| at + 1) };
        let line: String = rest.drain(..end).collect();
        lines.push(format!("{:INDENT$}{:before$}{}", "", "", line.trim_end()));
    }
    lines
}

fn chars(text: &str) -> usize {
    text.chars().count()
}
