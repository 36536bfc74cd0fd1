//! Blocks of a document as HTML.

use maud::{Markup, html};

use super::{figures, line};
use crate::{
    checks::finding_id,
    report::{
        document::{Bar, Block, Fact, Line, Samples, Style, Table, TreeLine, Value},
        samples,
        table::Align,
    },
    text::escape::{lines, plain},
};

/// Rows that are seen before a list of findings is opened.
const UNFOLDED: usize = 5;
/// Longer values are cut, and how long they are is told.
const VALUE_CHARS: usize = 1_000;

pub(super) fn block(block: &Block) -> Markup {
    match block {
        Block::Paragraph(text) => html! { p { (line(text)) } },
        Block::List(items) => html! { ul { @for item in items { li { (line(item)) } } } },
        Block::Facts(facts) => self::facts(facts),
        Block::Table(table) => self::table(table),
        Block::Samples(samples) => self::samples(samples),
        Block::Tree(lines) => tree(lines),
        Block::Figure(figure) => figures::figure(figure),
        Block::Code { text, .. } => html! { pre tabindex="0" { code { (lines(text)) } } },
    }
}

/// Lines with a bar beside each where they have times: what is in the bars is in the lines, too.
fn tree(lines: &[TreeLine]) -> Markup {
    if lines.iter().all(|of| of.bar.is_none()) {
        return html! { pre tabindex="0" { @for of in lines { (of.before) (line(&of.line)) "\n" } } };
    }
    html! {
        div.waterfall tabindex="0" {
            @for of in lines {
                div.row {
                    pre { (of.before) (line(&of.line)) }
                    span.time aria-hidden="true" { @if let Some(bar) = &of.bar { (time_bar(bar)) } }
                }
            }
        }
    }
}

fn time_bar(bar: &Bar) -> Markup {
    let percent = |part: f64| format!("{:.2}", part.clamp(0.0, 1.0) * 100.0);
    let place = format!("margin-left:{}%;width:{}%", percent(bar.from), percent(bar.to - bar.from));
    let tone = match bar.style {
        Style::Bad => "bad",
        _ => "neutral",
    };
    html! { span class={ "fill " (tone) } style=(place) {} }
}

/// A fact without a label goes on with the one before it.
fn facts(facts: &[Fact]) -> Markup {
    html! {
        dl {
            @for fact in facts {
                @let label = line(&fact.label);
                @if !label.0.is_empty() { dt { (label) } }
                @match &fact.value {
                    Value::Lines(lines) => { @for text in lines { dd { (line(text)) } } },
                    Value::Prose(prose) => { dd { (plain(prose)) } },
                    Value::Command(text) => { dd { (command(text)) } },
                }
            }
        }
    }
}

/// One click selects all of it.
fn command(text: &str) -> Markup {
    html! { code.command { (plain(text)) } }
}

fn class(align: Align) -> Option<&'static str> {
    match align {
        Align::Left => None,
        Align::Right => Some("number"),
    }
}

fn table(table: &Table) -> Markup {
    let columns = table.header.len();
    let cell = |row: &[Line], place: usize, align: Align| {
        let name = table.header.get(place).map(|(name, _)| plain(name)).unwrap_or_default();
        html! { td class=[class(align)] data-label=(name) { (line(&row[place])) } }
    };
    scrolling(&html! {
        table.cards {
            thead {
                tr { @for (name, align) in &table.header { th scope="col" class=[class(*align)] { (plain(name)) } } }
            }
            tbody {
                @for row in &table.rows {
                    @if row.len() < columns {
                        tr { td colspan=(columns) { @for text in row { (line(text)) } } }
                    } @else {
                        tr { @for (place, (_, align)) in table.header.iter().enumerate() { (cell(row, place, *align)) } }
                    }
                }
            }
        }
    })
}

/// What is too wide scrolls by itself, by keys too.
pub(super) fn scrolling(inner: &Markup) -> Markup {
    html! { div.scroll tabindex="0" { (inner) } }
}

/// The first rows, and the others to be opened.
fn samples(samples: &Samples) -> Markup {
    let rows: Vec<usize> = (0..samples.rows.len()).collect();
    let (first, rest) = rows.split_at(rows.len().min(UNFOLDED));
    html! {
        (sample_table(samples, first))
        @if !rest.is_empty() {
            details { summary { (rest.len()) " more of the samples" } (sample_table(samples, rest)) }
        }
    }
}

fn sample_table(samples: &Samples, rows: &[usize]) -> Markup {
    let columns = samples::columns(samples);
    let head = |name: &str, is_number: bool| {
        html! { th scope="col" class=[is_number.then_some("number")] { (plain(name)) } }
    };
    let has_command = |row: usize| samples.commands.get(row).and_then(Option::as_ref);
    scrolling(&html! {
        table.cards.samples {
            thead {
                tr { (head(samples.named, false)) @for column in &columns { (head(&column.name, column.is_number)) } }
            }
            @for row in rows {
                @let sample = &samples.rows[*row];
                tbody {
                    tr {
                        td data-label=(plain(samples.named)) { code { (plain(finding_id::shown(&sample.id))) } }
                        @for column in &columns {
                            @let value = sample.text(&column.name);
                            td class=[column.is_number.then_some("number")] data-label=(plain(&column.name)) {
                                @if let Some(value) = value { (self::value(&value, column.is_number)) }
                            }
                        }
                    }
                    @if let Some(text) = has_command(*row) {
                        tr.way { td colspan=(columns.len() + 1) { (command(text)) } }
                    }
                }
            }
        }
    })
}

fn value(value: &str, is_number: bool) -> Markup {
    let length = value.chars().count();
    let text = plain(value);
    html! {
        @if is_number {
            (text)
        } @else if length > VALUE_CHARS {
            code { (crate::text::numbers::short(value, VALUE_CHARS)) }
            span.quiet { " (" (length) " characters)" }
        } @else {
            code { (text) }
        }
    }
}
