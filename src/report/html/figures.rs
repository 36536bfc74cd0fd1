//! Figures as HTML: bars and heat maps are tables, so that they are read like any other; plots are drawings with their
//! meaning in words below.

use maud::{Markup, PreEscaped, html};

use super::{blocks::scrolling, plot};
use crate::{
    report::figure::{Bars, Figure, Heat, HeatCell, KeyFigure, Plot, Series, Tone},
    text::{
        escape::plain,
        numbers::{counted, grouped},
    },
};

/// A plot on a desk, and on a phone: one of them is shown.
const WIDE: (u32, u32) = (920, 230);
const NARROW: (u32, u32) = (360, 220);
/// Marks that are named below a plot.
const MARKS_NAMED: usize = 30;

pub(super) fn figure(figure: &Figure) -> Markup {
    match figure {
        Figure::KeyFigures(figures) => key_figures(figures),
        Figure::Bars(bars) => self::bars(bars),
        Figure::Heat(heat) => self::heat(heat),
        Figure::Plot(plot) => self::plot(plot),
    }
}

fn tone(tone: Tone) -> &'static str {
    match tone {
        Tone::Neutral => "neutral",
        Tone::Good => "good",
        Tone::Bad => "bad",
        Tone::Doubtful => "doubtful",
    }
}

fn key_figures(figures: &[KeyFigure]) -> Markup {
    html! {
        ul.key-figures {
            @for KeyFigure { value, label, tone: of } in figures {
                li { span class={ "value " (tone(*of)) } { (plain(value)) } span.label { (label) } }
            }
        }
    }
}

fn bars(bars: &Bars) -> Markup {
    let columns = bars.header.len();
    scrolling(&html! {
        table.bars {
            thead {
                tr {
                    @for (place, name) in bars.header.iter().enumerate() {
                        th scope="col" class=[(place > 1).then_some("number")] { (plain(name)) }
                    }
                }
            }
            tbody {
                @for bar in &bars.rows {
                    tr {
                        th scope="row" { (plain(&bar.label)) }
                        td.bar aria-hidden="true" {
                            span.track {
                                span class={ "fill " (tone(bar.tone)) } style={ "width:" (format!("{:.2}", bar.share.clamp(0.0, 1.0) * 100.0)) "%" } {}
                            }
                        }
                        @for number in &bar.numbers { td.number { (plain(number)) } }
                    }
                }
                @if let Some(note) = &bars.note { tr { td colspan=(columns) { (plain(note)) } } }
            }
        }
    })
}

fn heat(heat: &Heat) -> Markup {
    let most = heat.rows.iter().flat_map(|row| &row.cells).map(|cell| cell.count).max().unwrap_or_default();
    // Every row counts: a single one among millions must be seen.
    let depth = |count: u64| match (count, most) {
        (0, _) | (_, 0) => 0,
        (count, most) => 1 + (count as f64 / most as f64 * 5.0).round() as u64,
    };
    let cell = |cell: &HeatCell| {
        html! { td class={ "number " (tone(cell.tone)) " d" (depth(cell.count)) } { (grouped(cell.count)) } }
    };
    scrolling(&html! {
        table.heat {
            thead {
                tr {
                    th scope="col" { (plain(&heat.corner)) }
                    @for name in &heat.columns { th.number scope="col" { (plain(name)) } }
                }
            }
            tbody {
                @for row in &heat.rows {
                    tr { th scope="row" { (plain(&row.label)) } @for one in &row.cells { (cell(one)) } }
                }
            }
        }
    })
}

fn plot(plot: &Plot) -> Markup {
    let drawn = |size| match plot::svg(plot, size) {
        Ok(svg) => PreEscaped(svg),
        Err(err) => html! { p { "This plot cannot be drawn: " (plain(&format!("{err:#}"))) } },
    };
    // A line and its dots have one name.
    let mut legend: Vec<&Series> = plot.series.iter().collect();
    legend.dedup_by(|a, b| a.name == b.name);
    let hidden = plot.marks.len().saturating_sub(MARKS_NAMED);
    html! {
        figure.plot {
            figcaption { strong { (plain(&plot.title)) } " " (plain(&plot.summary)) }
            @if legend.len() > 1 {
                ul.legend {
                    @for series in legend {
                        li { span class={ "key " (tone(series.tone)) } aria-hidden="true" {} (plain(&series.name)) }
                    }
                }
            }
            div.wide aria-hidden="true" { (drawn(WIDE)) }
            div.narrow aria-hidden="true" { (drawn(NARROW)) }
            @if !plot.marks.is_empty() {
                details {
                    summary { (counted(plot.marks.len() as u64, "mark")) " in this plot" }
                    ol {
                        @for mark in plot.marks.iter().take(MARKS_NAMED) {
                            li { span class={ "key " (tone(mark.tone)) } aria-hidden="true" {} (plot::on_axis(&plot.x, mark.x)) ": " (plain(&mark.name)) }
                        }
                    }
                    @if hidden > 0 { p { "and " (hidden) " more" } }
                }
            }
        }
    }
}
