//! What a report for people says, before it takes a form: sections of paragraphs, lists, labelled facts, tables,
//! samples and commands.
//!
//! Built once per kind of report; the renderers for text, Markdown and HTML escape what came from outside and lay it
//! out. Figures say nothing that is not in text beside them: only HTML draws them.

use super::{figure::Figure, table::Align};
use crate::audit::evidence::{Column, Sample};

/// A whole report.
#[derive(Debug, Clone, Default)]
pub(crate) struct Document {
    pub(crate) sections: Vec<Section>,
}

/// Blocks that belong together, below a heading where there is one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Section {
    pub(crate) heading: Option<Heading>,
    pub(crate) blocks: Vec<Block>,
    /// Where a page can be opened and closed, this part is closed at first.
    pub(crate) is_folded: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Heading {
    pub(crate) level: Level,
    pub(crate) line: Line,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// Of the whole report.
    Report,
    Part,
}

#[derive(Debug, Clone)]
pub(crate) enum Block {
    /// Running text.
    Paragraph(Line),
    /// One line each.
    List(Vec<Line>),
    Facts(Vec<Fact>),
    Table(Table),
    Samples(Samples),
    Tree(Vec<TreeLine>),
    Figure(Figure),
    /// Code in a language, as it is.
    Code {
        language: &'static str,
        text: String,
    },
}

/// A label, and what is behind it.
#[derive(Debug, Clone)]
pub(crate) struct Fact {
    pub(crate) label: Line,
    pub(crate) value: Value,
}

#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// Lines, broken only where a terminal is too narrow.
    Lines(Vec<Line>),
    /// Running text, in lines that are easy to read.
    Prose(String),
    /// Ready to paste: never broken.
    Command(String),
}

/// A table with as many cells in each row as it has columns.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    pub(crate) header: Vec<(String, Align)>,
    /// As text, its columns need no names.
    pub(crate) is_bare: bool,
    pub(crate) rows: Vec<Vec<Line>>,
    /// The same in another arrangement, where this is too wide.
    pub(crate) otherwise: Option<Box<Table>>,
}

/// Rows of a query with a name each: a table where it fits, else a block for each.
#[derive(Debug, Clone)]
pub(crate) struct Samples {
    /// What the names are of.
    pub(crate) named: &'static str,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Sample>,
    /// A command for each row that shows it, where there are any.
    pub(crate) commands: Vec<Option<String>>,
}

/// A line of a tree, with what is drawn before it and before its further lines.
#[derive(Debug, Clone)]
pub(crate) struct TreeLine {
    pub(crate) before: String,
    pub(crate) below: String,
    pub(crate) line: Line,
    /// When it was, where the lines of the tree have times.
    pub(crate) bar: Option<Bar>,
}

/// A part of the time that a whole tree took, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bar {
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) style: Style,
}

/// A line of text in several styles.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Line(pub(crate) Vec<Span>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) text: String,
    pub(crate) style: Style,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    /// A value that may be copied: an id, a path, a column.
    Code,
    Strong,
    Good,
    Bad,
    Doubtful,
    Quiet,
}

impl Line {
    pub(crate) fn styled(style: Style, text: impl Into<String>) -> Self {
        Self(vec![Span { text: text.into(), style }])
    }

    pub(crate) fn code(text: impl Into<String>) -> Self {
        Self::styled(Style::Code, text)
    }

    /// The line with more text behind it.
    pub(crate) fn and(self, text: impl Into<String>) -> Self {
        self.and_styled(Style::Plain, text)
    }

    pub(crate) fn and_code(self, text: impl Into<String>) -> Self {
        self.and_styled(Style::Code, text)
    }

    pub(crate) fn and_styled(mut self, style: Style, text: impl Into<String>) -> Self {
        self.0.push(Span { text: text.into(), style });
        self
    }
}

impl<T: Into<String>> From<T> for Line {
    fn from(text: T) -> Self {
        Self::styled(Style::Plain, text)
    }
}

impl Fact {
    pub(crate) fn new(label: impl Into<Line>, line: impl Into<Line>) -> Self {
        Self { label: label.into(), value: Value::Lines(vec![line.into()]) }
    }

    pub(crate) fn lines(label: impl Into<Line>, lines: impl IntoIterator<Item = Line>) -> Self {
        Self { label: label.into(), value: Value::Lines(lines.into_iter().collect()) }
    }
}

impl Section {
    pub(crate) fn new(blocks: impl IntoIterator<Item = Block>) -> Self {
        Self { heading: None, blocks: blocks.into_iter().collect(), is_folded: false }
    }

    pub(crate) fn headed(
        level: Level,
        line: impl Into<Line>,
        blocks: impl IntoIterator<Item = Block>,
    ) -> Self {
        let heading = Some(Heading { level, line: line.into() });
        Self { heading, blocks: blocks.into_iter().collect(), is_folded: false }
    }

    /// The section, closed at first where a page can be.
    pub(crate) fn folded(self) -> Self {
        Self { is_folded: true, ..self }
    }
}

impl Document {
    /// Adds a section that has something to say.
    pub(crate) fn add(&mut self, section: Section) {
        if section.heading.is_some() || !section.blocks.is_empty() {
            self.sections.push(section);
        }
    }
}

/// `and 3 more`, where a list shows less than it has.
pub(crate) fn and_more(all: usize, shown: usize, where_all: &str) -> Option<Line> {
    let hidden = all.checked_sub(shown).filter(|hidden| *hidden > 0)?;
    Some(format!("and {} more{where_all}", crate::text::numbers::grouped(hidden as u64)).into())
}
