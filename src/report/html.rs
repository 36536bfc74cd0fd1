//! A document as one page for a browser: nothing is loaded, nothing runs, light and dark, for screens of any width and
//! for print.
//!
//! The page forbids itself scripts and the network, so that text from outside could do nothing even if it came through
//! unescaped; it does not, because maud escapes whatever it is given, and what nobody would see is named before.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::document::{Document, Heading, Level, Line, Section, Span, Style};
use crate::text::escape::plain;

mod blocks;
mod figures;
mod plot;
#[cfg(test)]
mod tests;

const STYLE: &str = include_str!("html/style.css");
/// Styles of the page itself, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// `name` is what the report is of.
pub(crate) fn render(document: &Document, name: &str) -> String {
    let is_report =
        |section: &&Section| section.heading.as_ref().is_some_and(|heading| heading.level == Level::Report);
    let title = document.sections.iter().find(is_report).and_then(|section| section.heading.as_ref());
    let parts: Vec<(usize, &Section)> =
        document.sections.iter().enumerate().filter(|(_, section)| !is_report(section)).collect();
    let shown_title = title.map(|heading| text(&heading.line)).unwrap_or_default();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (name) ": " (shown_title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "Skip to the report" }
                header class=(tone_of(title)) {
                    p.product { (name) }
                    @if let Some(heading) = title { h1 { (line(&heading.line)) } }
                    @for section in document.sections.iter().filter(is_report) {
                        @for block in &section.blocks { (blocks::block(block)) }
                    }
                }
                (contents(&parts))
                main #main {
                    @for (number, part) in &parts { (section(*number, part)) }
                }
                footer { p { "Written by e2e-store " (env!("CARGO_PKG_VERSION")) ". This page loads nothing and runs nothing." } }
            }
        }
    };
    page.into_string() + "\n"
}

/// Where the parts are, for long pages.
fn contents(parts: &[(usize, &Section)]) -> Markup {
    let open = parts.iter().filter(|(_, part)| !part.is_folded);
    let headed: Vec<_> = open.filter_map(|(number, part)| Some((*number, part.heading.as_ref()?))).collect();
    html! {
        @if headed.len() > 2 {
            nav aria-label="Contents" {
                ul {
                    @for (number, heading) in &headed {
                        li { a href={ "#part-" (number) } { (short_title(heading)) } }
                    }
                }
            }
        }
    }
}

/// A check's heading begins with its name, which suffices.
fn short_title(heading: &Heading) -> String {
    match heading.line.0.first() {
        Some(first) if first.style == Style::Strong => plain(&first.text),
        _ => text(&heading.line),
    }
}

fn section(number: usize, section: &Section) -> Markup {
    let blocks = html! { @for block in &section.blocks { (blocks::block(block)) } };
    let id = format!("part-{number}");
    match &section.heading {
        None => html! { section { (blocks) } },
        Some(heading) if section.is_folded => html! {
            section #(id) {
                details { summary { h2 { (line(&heading.line)) } } (blocks) }
            }
        },
        Some(heading) => html! { section #(id) { h2 { (line(&heading.line)) } (blocks) } },
    }
}

/// The page is coloured by the first word that says how it went.
fn tone_of(title: Option<&Heading>) -> &'static str {
    let styles = title.into_iter().flat_map(|heading| &heading.line.0).map(|span| span.style);
    let classes = styles.filter_map(|style| match style {
        Style::Good => Some("verdict good"),
        Style::Bad => Some("verdict bad"),
        Style::Doubtful => Some("verdict doubtful"),
        Style::Plain | Style::Code | Style::Strong | Style::Quiet => None,
    });
    classes.into_iter().next().unwrap_or("verdict")
}

pub(super) fn line(line: &Line) -> Markup {
    html! { @for span in &line.0 { (styled(span)) } }
}

fn styled(span: &Span) -> Markup {
    let text = plain(&span.text);
    html! {
        @match span.style {
            Style::Plain => { (text) },
            Style::Code => { code { (text) } },
            Style::Strong => { strong { (text) } },
            Style::Good => { strong.good { (text) } },
            Style::Bad => { strong.bad { (text) } },
            Style::Doubtful => { strong.doubtful { (text) } },
            Style::Quiet => { span.quiet { (text) } },
        }
    }
}

/// Without its styles.
fn text(line: &Line) -> String {
    line.0.iter().map(|span| plain(&span.text)).collect()
}
