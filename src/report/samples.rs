//! Findings for people: a table where it fits, else a block for each.
//!
//! In a block the address comes first, short values share lines, and what was expected and what is there stand below
//! each other on lines of their own, a long text going on under its own beginning. What has no spaces is never broken:
//! a terminal that breaks an id or a path by itself still lets it be copied whole.

use super::{
    document::Samples,
    table::{self, Align},
};
use crate::{
    audit::evidence::{Column, Sample},
    checks::finding_id,
    text::{
        escape::plain,
        numbers::short,
        wrap::{pad, width, wrap_value},
    },
};

/// On a terminal, longer values are cut.
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

/// In no more than `bound` columns where there is one; into a file or a pipe, values are whole.
pub(crate) fn render(samples: &Samples, bound: Option<usize>) -> String {
    let columns = columns(samples);
    let rows: Vec<Vec<String>> =
        samples.rows.iter().map(|sample| cells(&columns, sample, bound.is_some())).collect();
    let mut header = vec![(samples.named, Align::Left)];
    header.extend(
        columns
            .iter()
            .map(|column| (column.name.as_str(), if column.is_number { Align::Right } else { Align::Left })),
    );
    if table::natural_width(&header, &rows) <= bound.unwrap_or(TABLE_WIDTH).min(TABLE_WIDTH) {
        return table::render_in(&header, &rows, None);
    }
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    rows.iter().map(|row| block(&names, row, bound)).collect()
}

/// The columns that any of the samples has a value of.
pub(super) fn columns(samples: &Samples) -> Vec<&Column> {
    let has_value =
        |column: &&Column| samples.rows.iter().any(|sample| sample.values.contains_key(&column.name));
    samples.columns.iter().filter(has_value).collect()
}

/// What was expected and what is there, each cut after so many characters; of two long values that begin alike, from
/// shortly before they differ.
fn compared(expected: &str, actual: &str, most: usize) -> [String; 2] {
    let common = expected.chars().zip(actual.chars()).take_while(|(a, b)| a == b).count();
    let skip = if common > 3 * COMMON_SHOWN && expected != actual { common - COMMON_SHOWN } else { 0 };
    [expected, actual].map(|value| {
        let rest: String = value.chars().skip(skip).collect();
        format!("{}{}", if skip > 0 { "…" } else { "" }, short(&rest, most))
    })
}

/// The sample's name, and its values in the order of the columns.
fn cells(columns: &[&Column], sample: &Sample, may_cut: bool) -> Vec<String> {
    let value = |name: &str| sample.text(name).unwrap_or_default();
    let [expected, actual] = COMPARED.map(value);
    let [expected, actual] =
        if may_cut { compared(&expected, &actual, VALUE_CHARS) } else { [plain(&expected), plain(&actual)] };
    let cell = |column: &&Column| match column.name.as_str() {
        "expected" => expected.clone(),
        "actual" => actual.clone(),
        name if may_cut => short(&value(name), VALUE_CHARS),
        name => plain(&value(name)),
    };
    std::iter::once(plain(finding_id::shown(&sample.id))).chain(columns.iter().map(cell)).collect()
}

fn block(names: &[&str], row: &[String], bound: Option<usize>) -> String {
    let Some((id, values)) = row.split_first() else { return String::new() };
    let pairs = || names.iter().copied().zip(values).filter(|(_, value)| !value.is_empty());
    let value = |name: &str| pairs().find(|pair| pair.0 == name).map(|pair| pair.1.as_str());
    let mut lines = vec![format!("- {id}")];
    let address = address(value);
    let is_own_line = |name: &str| COMPARED.contains(&name) || address.is_some() && ADDRESS.contains(&name);
    lines.extend(address.iter().map(|address| format!("{:INDENT$}{address}", "")));

    let room = bound.unwrap_or(LINE_WIDTH);
    let mut line = String::new();
    for (name, value) in pairs().filter(|(name, _)| !is_own_line(name)) {
        let pair = format!("{name} {value}");
        let fits = INDENT + width(&line) + 2 + width(&pair) <= room;
        if !line.is_empty() && fits {
            line.push_str("  ");
            line.push_str(&pair);
            continue;
        }
        if !line.is_empty() {
            lines.push(format!("{:INDENT$}{}", "", std::mem::take(&mut line)));
        }
        if value.contains(' ') && INDENT + width(&pair) > room {
            lines.extend(labelled(name, width(name), value, bound));
        } else {
            line = pair;
        }
    }
    if !line.is_empty() {
        lines.push(format!("{:INDENT$}{line}", ""));
    }
    let label = COMPARED.map(str::len).into_iter().max().unwrap_or_default();
    for (name, value) in pairs().filter(|(name, _)| COMPARED.contains(name)) {
        lines.extend(labelled(name, label, value, bound));
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

/// A value behind its label, its further lines below its own beginning.
fn labelled(label: &str, columns: usize, value: &str, bound: Option<usize>) -> Vec<String> {
    let before = INDENT + columns + 1;
    let room = bound.map_or(usize::MAX, |bound| bound.saturating_sub(before).max(10));
    let parts = wrap_value(value, room, room);
    let line = |(number, part): (usize, String)| {
        let label = if number == 0 { label } else { "" };
        format!("{:INDENT$}{} {}", "", pad(label, columns), part.trim_end())
    };
    parts.into_iter().enumerate().map(line).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn rendered(bound: Option<usize>, samples: &[Value]) -> String {
        let names = ["tier", "file", "row_number", "trace_id", "key", "problem", "expected", "actual"];
        let column = |name: &str| Column { name: name.to_owned(), is_number: name == "row_number" };
        let sample = |value: &Value| Sample {
            id: "altered_spans:0123456789ab".to_owned(),
            values: value.as_object().unwrap().clone(),
        };
        let samples = Samples {
            named: "finding",
            columns: names.iter().copied().map(column).collect(),
            rows: samples.iter().map(sample).collect(),
            commands: Vec::new(),
        };
        render(&samples, bound)
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
