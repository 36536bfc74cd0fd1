//! Findings for people: a table where it fits, else a block for each.
//!
//! In a block the address comes first, short values share lines, and what was expected and what is there stand below
//! each other on lines of their own, a long text going on under its own beginning. What has no spaces is never broken:
//! a terminal that breaks an id or a path by itself still lets it be copied whole.

use super::table::{self, Align};
use crate::{
    audit::evidence::{Column, Evidence, Sample},
    text::numbers::{plain, short},
};

/// Expected and actual values are cut before they are kept; names may have any length.
const VALUE_CHARS: usize = 300;
/// Wider than this nobody reads a table, whatever it is printed into.
const TABLE_WIDTH: usize = 200;
/// As much of a line as is filled where nothing bounds it.
const LINE_WIDTH: usize = 100;
const INDENT: usize = 2;
/// Where two long values begin alike, so much of that is shown.
const COMMON_SHOWN: usize = 20;
const COMPARED: [&str; 2] = ["expected", "actual"];
const ADDRESS: [&str; 3] = ["tier", "file", "row_number"];

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

/// What was expected and what is there, each cut after so many characters; of two long values that begin alike, from
/// shortly before they differ.
pub(crate) fn compared(expected: &str, actual: &str, most: usize) -> [String; 2] {
    let [expected, actual] = [expected, actual].map(plain);
    let common = expected.chars().zip(actual.chars()).take_while(|(a, b)| a == b).count();
    let skip = if common > 3 * COMMON_SHOWN && expected != actual { common - COMMON_SHOWN } else { 0 };
    [expected, actual].map(|value| {
        let rest: String = value.chars().skip(skip).collect();
        format!("{}{}", if skip > 0 { "…" } else { "" }, short(&rest, most))
    })
}

/// The finding's id, and its values in the order of the columns.
fn cells(columns: &[&Column], sample: &Sample) -> Vec<String> {
    let value = |name: &str| sample.text(name).unwrap_or_default();
    let [expected, actual] = COMPARED.map(value);
    let [expected, actual] = compared(&expected, &actual, VALUE_CHARS);
    let cell = |column: &&Column| match column.name.as_str() {
        "expected" => expected.clone(),
        "actual" => actual.clone(),
        name => short(&value(name), VALUE_CHARS),
    };
    std::iter::once(sample.id.clone()).chain(columns.iter().map(cell)).collect()
}

fn block(names: &[&str], row: &[String], width: Option<usize>) -> String {
    let Some((id, values)) = row.split_first() else { return String::new() };
    let pairs = || names.iter().copied().zip(values).filter(|(_, value)| !value.is_empty());
    let value = |name: &str| pairs().find(|pair| pair.0 == name).map(|pair| pair.1.as_str());
    let mut lines = vec![format!("- {id}")];
    let address = address(value);
    let is_own_line = |name: &str| COMPARED.contains(&name) || address.is_some() && ADDRESS.contains(&name);
    lines.extend(address.iter().map(|address| format!("{:INDENT$}{address}", "")));

    let room = width.unwrap_or(LINE_WIDTH);
    let mut line = String::new();
    for (name, value) in pairs().filter(|(name, _)| !is_own_line(name)) {
        let pair = format!("{name} {value}");
        let fits = INDENT + chars(&line) + 2 + chars(&pair) <= room;
        if !line.is_empty() && fits {
            line.push_str("  ");
            line.push_str(&pair);
            continue;
        }
        if !line.is_empty() {
            lines.push(format!("{:INDENT$}{}", "", std::mem::take(&mut line)));
        }
        if value.contains(' ') && INDENT + chars(&pair) > room {
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

/// `cold parquet/….parquet row 7`, where there is a file.
fn address<'v>(value: impl Fn(&str) -> Option<&'v str>) -> Option<String> {
    let file = value("file")?;
    // Segments lie in a folder that is called as their tier.
    let tier = value("tier").filter(|tier| !file.starts_with(*tier)).map(|tier| format!("{tier} "));
    let tier = tier.unwrap_or_default();
    let row = value("row_number").map(|row| format!(" row {row}")).unwrap_or_default();
    Some(format!("{tier}{file}{row}"))
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::audit::evidence::PointsTo;

    fn rendered(width: Option<usize>, samples: &[Value]) -> String {
        let names = ["tier", "file", "row_number", "trace_id", "key", "problem", "expected", "actual"];
        let column = |name: &str| Column { name: name.to_owned(), is_number: name == "row_number" };
        let sample = |value: &Value| Sample {
            id: "altered_spans:0123456789ab".to_owned(),
            values: value.as_object().unwrap().clone(),
        };
        let evidence = Evidence {
            columns: names.iter().copied().map(column).collect(),
            samples: samples.iter().map(sample).collect(),
            points_to: PointsTo::default(),
        };
        render(&evidence, 10, width)
    }

    #[test]
    fn what_fits_is_a_table() {
        let sample = json!({"tier": "cold", "file": "a.parquet", "row_number": 7, "actual": "x\u{1b}"});
        insta::assert_snapshot!(rendered(Some(80), &[sample]), @r"
        finding                     tier  file       row_number  actual
        altered_spans:0123456789ab  cold  a.parquet           7  x\u{1b}
        ");
    }

    #[test]
    fn what_does_not_fit_is_a_block_that_breaks_no_id() {
        let long = format!("[{}]", "{\"a\":1},".repeat(12));
        let sample = json!({
            "tier": "cold", "file": format!("parquet/{}.parquet", "x".repeat(60)), "row_number": 7,
            "trace_id": "0123456789abcdef0123456789abcdef", "key": "a.key",
            "problem": "a sentence that is rather long, and that breaks between its words, as it should",
            "expected": long, "actual": "[]",
        });
        insta::assert_snapshot!(rendered(Some(60), std::slice::from_ref(&sample)), @r#"
        - altered_spans:0123456789ab
          cold parquet/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.parquet row 7
          trace_id 0123456789abcdef0123456789abcdef  key a.key
          problem a sentence that is rather long, and that breaks
                  between its words, as it should
          expected [{"a":1},{"a":1},{"a":1},{"a":1},{"a":1},{"a":1},
                   {"a":1},{"a":1},{"a":1},{"a":1},{"a":1},{"a":1},]
          actual   []
        "#);
        insta::assert_snapshot!(rendered(None, &[sample]), @r#"
        - altered_spans:0123456789ab
          cold parquet/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.parquet row 7
          trace_id 0123456789abcdef0123456789abcdef  key a.key
          problem a sentence that is rather long, and that breaks between its words, as it should
          expected [{"a":1},{"a":1},{"a":1},{"a":1},{"a":1},{"a":1},{"a":1},{"a":1},{"a":1},{"a":1},{"a":1},{"a":1},]
          actual   []
        "#);
    }

    #[test]
    fn long_values_are_shown_from_where_they_differ() {
        let [a, b] = ["left", "right"].map(|end| "same ".repeat(100) + end);
        assert_eq!(compared(&a, &b, 30), ["…same same same same left", "…same same same same right"]);
        assert_eq!(compared("abc", "abd", 2), ["ab…", "ab…"]);
        assert_eq!(compared("", "abd", 9), ["", "abd"]);
        assert_eq!(compared(&a, &a, 9), ["same same…", "same same…"], "both were cut before they differed");
    }
}
