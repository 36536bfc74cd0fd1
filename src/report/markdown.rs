//! A document as Markdown: for a job's summary or a comment on a change.

use super::{
    document::{Block, Document, Fact, Level, Line, Samples, Section, Style, Table, TreeLine, Value},
    samples,
    table::Align,
};
use crate::{
    checks::finding_id,
    text::escape::{self, markdown, markdown_code},
};

/// `name` is what the report is of.
pub(crate) fn render(document: &Document, name: &str) -> String {
    let blocks: Vec<String> =
        document.sections.iter().flat_map(|section| self::section(section, name)).collect();
    blocks.join("\n")
}

fn section(section: &Section, name: &str) -> Vec<String> {
    let heading = section.heading.as_ref().map(|heading| match heading.level {
        Level::Report => format!("## {}: {}\n", markdown(name), plain(&heading.line)),
        Level::Part => format!("### {}\n", plain(&heading.line)),
    });
    heading.into_iter().chain(section.blocks.iter().flat_map(block)).collect()
}

fn block(block: &Block) -> Vec<String> {
    match block {
        Block::Paragraph(line) => vec![text(line) + "\n"],
        Block::List(lines) => vec![items(lines.iter().map(text))],
        Block::Facts(facts) => self::facts(facts),
        Block::Table(table) => vec![self::table(table)],
        Block::Samples(samples) => vec![self::samples(samples)],
        Block::Tree(lines) => vec![tree(lines)],
        Block::Figure(_) => Vec::new(),
        Block::Code { language, text } => vec![fenced(language, text)],
    }
}

fn items(lines: impl Iterator<Item = String>) -> String {
    lines.flat_map(|line| ["- ".to_owned(), line, "\n".to_owned()]).collect()
}

/// Commands come after the others: a fence ends a list.
fn facts(facts: &[Fact]) -> Vec<String> {
    let said = |fact: &Fact| {
        let value = match &fact.value {
            Value::Lines(lines) => lines.iter().map(text).collect::<Vec<_>>().join("; "),
            Value::Prose(prose) => markdown(prose),
            Value::Command(_) => return None,
        };
        let label = text(&fact.label);
        Some(if label.is_empty() { value } else { format!("{label}: {value}") })
    };
    let said = items(facts.iter().filter_map(said));
    let commands = facts.iter().filter_map(|fact| match &fact.value {
        Value::Command(command) => Some(fenced("sh", command)),
        Value::Lines(_) | Value::Prose(_) => None,
    });
    Some(said).filter(|said| !said.is_empty()).into_iter().chain(commands).collect()
}

fn tree(lines: &[TreeLine]) -> String {
    let line = |of: &TreeLine| {
        let text: String = of.line.0.iter().map(|span| escape::plain(&span.text)).collect();
        format!("{}{text}", of.before)
    };
    fenced("text", &lines.iter().map(line).collect::<Vec<_>>().join("\n"))
}

/// More backticks than the text has itself.
fn fenced(language: &str, text: &str) -> String {
    let text = crate::text::escape::lines(text);
    let longest = text.split(|char| char != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}\n", text.trim_end())
}

fn table(table: &Table) -> String {
    let header = table.header.iter().map(|(name, align)| (markdown(name), *align)).collect::<Vec<_>>();
    let rows = table.rows.iter().map(|row| row.iter().map(text).collect());
    lines(&header, rows)
}

fn samples(samples: &Samples) -> String {
    let columns = samples::columns(samples);
    let mut header = vec![(markdown(samples.named), Align::Left)];
    header.extend(
        columns.iter().map(|column| {
            (markdown(&column.name), if column.is_number { Align::Right } else { Align::Left })
        }),
    );
    let rows = samples.rows.iter().map(|sample| {
        let cell = |name: &str| sample.text(name).map(|text| markdown_code(&text)).unwrap_or_default();
        let values = columns.iter().map(|column| cell(&column.name));
        std::iter::once(markdown_code(finding_id::shown(&sample.id))).chain(values).collect()
    });
    lines(&header, rows)
}

fn lines(header: &[(String, Align)], rows: impl Iterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let names: Vec<String> = header.iter().map(|(name, _)| name.clone()).collect();
    let rule = header.iter().map(|(_, align)| match align {
        Align::Left => "---".to_owned(),
        Align::Right => "---:".to_owned(),
    });
    let rule: Vec<String> = rule.collect();
    line(&names) + &line(&rule) + &rows.map(|row| line(&row)).collect::<String>()
}

fn text(line: &Line) -> String {
    let span = |span: &super::document::Span| match span.style {
        Style::Plain | Style::Quiet | Style::Good => markdown(&span.text),
        Style::Code => markdown_code(&span.text),
        Style::Strong | Style::Bad | Style::Doubtful => format!("**{}**", markdown(&span.text)),
    };
    line.0.iter().map(span).collect()
}

/// For headings, which are strong by themselves.
fn plain(line: &Line) -> String {
    let span = |span: &super::document::Span| match span.style {
        Style::Code => markdown_code(&span.text),
        Style::Plain | Style::Strong | Style::Good | Style::Bad | Style::Doubtful | Style::Quiet => {
            markdown(&span.text)
        }
    };
    line.0.iter().map(span).collect()
}
