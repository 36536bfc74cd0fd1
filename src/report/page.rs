//! A document as text: on a terminal, or into a file where nothing bounds a line.

use super::{
    document::{Block, Document, Fact, Line, Section, Style, Table, Value},
    samples,
    table::{self, Align},
};
use crate::text::{
    escape::{lines, plain},
    paint::Paint,
    wrap::{pad, width, wrap},
};

/// Longer lines of running text are hard to read.
const PROSE_WIDTH: usize = 100;
/// Texts begin here where all labels are short.
const SHORT_LABEL: usize = 8;
const GAP: usize = 2;
/// Text is not broken into shorter lines than this, however narrow a terminal says it is.
const LEAST_TEXT: usize = 24;

/// What a report is printed on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page {
    pub(crate) paint: Paint,
    /// Columns, where there is a bound.
    pub(crate) width: Option<usize>,
}

impl Page {
    /// A file, or a pipe.
    pub(crate) const UNBOUNDED: Self = Self { paint: Paint::NONE, width: None };

    pub(crate) fn terminal(paint: Paint) -> Self {
        Self { paint, width: table::terminal_width() }
    }

    fn prose_width(self) -> usize {
        self.width.unwrap_or(PROSE_WIDTH).min(PROSE_WIDTH)
    }

    /// A line without what a terminal would obey, in its colours.
    pub(crate) fn painted(self, line: &Line) -> String {
        line.0.iter().map(|span| styled(self.paint, span.style, &plain(&span.text))).collect()
    }
}

fn styled(paint: Paint, style: Style, text: &str) -> String {
    match style {
        Style::Plain | Style::Code => text.to_owned(),
        Style::Strong => paint.strong(text),
        Style::Good => paint.good(text),
        Style::Bad => paint.bad(text),
        Style::Doubtful => paint.doubtful(text),
        Style::Quiet => paint.quiet(text),
    }
}

/// Sections with empty lines between them.
pub(crate) fn render(document: &Document, page: Page) -> String {
    let sections: Vec<String> =
        document.sections.iter().map(|section| self::section(section, page)).collect();
    sections.join("\n")
}

fn section(section: &Section, page: Page) -> String {
    let mut text = String::new();
    if let Some(heading) = &section.heading {
        broken(&mut text, &page.painted(&heading.line), page.width, GAP);
    }
    for block in &section.blocks {
        self::block(&mut text, block, page);
    }
    text
}

fn block(text: &mut String, block: &Block, page: Page) {
    match block {
        Block::Paragraph(line) => {
            for line in wrap(&page.painted(line), page.prose_width()) {
                text.push_str(&line);
                text.push('\n');
            }
        }
        Block::List(lines) => {
            for line in lines {
                broken(text, &page.painted(line), page.width, GAP);
            }
        }
        Block::Facts(facts) => self::facts(text, facts, page),
        Block::Table(table) => text.push_str(&self::table(table, page)),
        Block::Samples(samples) => text.push_str(&samples::render(samples, page.width)),
        Block::Tree(lines) => {
            for line in lines {
                let room = page.width.map(|room| room.saturating_sub(width(&line.below)));
                for (number, part) in parts(&page.painted(&line.line), room).iter().enumerate() {
                    let before = if number == 0 { &line.before } else { &line.below };
                    text.push_str(format!("{before}{part}").trim_end());
                    text.push('\n');
                }
            }
        }
        Block::Figure(_) => {}
        Block::Code { text: code, .. } => {
            text.push_str(&lines(code));
            text.push('\n');
        }
    }
}

/// A line, and below it, so far to the right, what does not fit.
fn broken(text: &mut String, line: &str, room: Option<usize>, hang: usize) {
    for (number, part) in parts(line, room.map(|room| room.saturating_sub(hang))).iter().enumerate() {
        if number > 0 {
            text.push_str(&" ".repeat(hang));
        }
        text.push_str(part);
        text.push('\n');
    }
}

/// A line as it is where it fits.
fn parts(line: &str, room: Option<usize>) -> Vec<String> {
    match room.map(|room| room.max(LEAST_TEXT)) {
        Some(room) if width(line) > room => wrap(line, room),
        _ => vec![line.trim_end().to_owned()],
    }
}

/// Labels in a column, and their texts in another.
fn facts(text: &mut String, facts: &[Fact], page: Page) {
    let labels: Vec<String> = facts.iter().map(|fact| page.painted(&fact.label)).collect();
    let longest = labels.iter().map(|label| width(label)).max().unwrap_or_default();
    let column = if longest <= SHORT_LABEL { SHORT_LABEL + 1 } else { longest + GAP };
    for (fact, label) in facts.iter().zip(&labels) {
        let room = page.width.map(|width| width.saturating_sub(column));
        let lines = match &fact.value {
            Value::Lines(lines) => lines.iter().flat_map(|line| parts(&page.painted(line), room)).collect(),
            Value::Prose(prose) => {
                wrap(&plain(prose), page.prose_width().saturating_sub(column).max(LEAST_TEXT))
            }
            Value::Command(command) => vec![plain(command)],
        };
        for (number, line) in lines.iter().enumerate() {
            let label = if number == 0 { label } else { "" };
            text.push_str(format!("{}{line}", pad(label, column)).trim_end());
            text.push('\n');
        }
    }
}

pub(crate) fn table(table: &Table, page: Page) -> String {
    let name = |name: &str| if table.is_bare { String::new() } else { plain(name) };
    let names: Vec<(String, Align)> = table.header.iter().map(|(of, align)| (name(of), *align)).collect();
    let header: Vec<(&str, Align)> = names.iter().map(|(name, align)| (name.as_str(), *align)).collect();
    let rows: Vec<Vec<String>> =
        table.rows.iter().map(|row| row.iter().map(|cell| page.painted(cell)).collect()).collect();
    match &table.otherwise {
        Some(otherwise) if page.width.is_some_and(|bound| table::natural_width(&header, &rows) > bound) => {
            self::table(otherwise, page)
        }
        _ => table::render_in(&header, &rows, page.width),
    }
}
