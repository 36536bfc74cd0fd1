//! A plot as SVG, in the colours of the light page; the style sheet gives the same shapes their dark colours.

use std::{fmt::Display, ops::Range, time::Duration};

use anyhow::anyhow;
use plotters::{
    coord::{Shift, types::RangedCoordf64},
    prelude::*,
};

use crate::{
    report::figure::{Axis, Mark, Plot, Series, Shape, Tone},
    text::{
        escape::plain,
        numbers::{amount, duration, grouped, percent},
    },
};

// The style sheet names these colours.
const INK: RGBColor = RGBColor(0x1F, 0x29, 0x33);
const GRID: RGBColor = RGBColor(0xD5, 0xDB, 0xE1);
const NEUTRAL: RGBColor = RGBColor(0x2F, 0x6F, 0xB0);
const GOOD: RGBColor = RGBColor(0x1A, 0x7F, 0x4B);
const BAD: RGBColor = RGBColor(0xB4, 0x23, 0x18);
const DOUBTFUL: RGBColor = RGBColor(0x8A, 0x5A, 0x00);

const LABEL_SIZE: u32 = 12;
/// One label for so many pixels of the x axis.
const LABEL_ROOM: u32 = 90;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

fn color(tone: Tone) -> RGBColor {
    match tone {
        Tone::Neutral => NEUTRAL,
        Tone::Good => GOOD,
        Tone::Bad => BAD,
        Tone::Doubtful => DOUBTFUL,
    }
}

pub(super) fn svg(plot: &Plot, size: (u32, u32)) -> anyhow::Result<String> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        draw(plot, &area, size.0)?;
        area.present().map_err(failed)?;
    }
    Ok(text)
}

fn failed(err: impl Display) -> anyhow::Error {
    anyhow!("{err}")
}

fn draw(plot: &Plot, area: &Area<'_>, width: u32) -> anyhow::Result<()> {
    let (x, y) = ranges(plot);
    let top = y.end;
    let mut chart = ChartBuilder::on(area)
        .margin(6)
        .margin_right(18)
        .x_label_area_size(24)
        .y_label_area_size(58)
        .build_cartesian_2d(x, y)
        .map_err(failed)?;
    let labels = match &plot.x {
        Axis::Classes(names) => names.len().min((width / LABEL_ROOM) as usize),
        Axis::Seconds | Axis::Micros | Axis::Amount | Axis::Share => (width / LABEL_ROOM) as usize,
    };
    chart
        .configure_mesh()
        .disable_x_mesh()
        .max_light_lines(0)
        .bold_line_style(GRID)
        .axis_style(INK)
        .label_style(("sans-serif", LABEL_SIZE).into_font().color(&INK))
        .x_labels(labels.max(2))
        .y_labels(4)
        .x_label_formatter(&|value| on_axis(&plot.x, *value))
        .y_label_formatter(&|value| on_axis(&plot.y, *value))
        .draw()
        .map_err(failed)?;
    for series in &plot.series {
        draw_series(&mut chart, series)?;
    }
    for Mark { x, tone, .. } in &plot.marks {
        let line = PathElement::new([(*x, 0.0), (*x, top)], color(*tone).stroke_width(2));
        chart.draw_series([line]).map_err(failed)?;
    }
    Ok(())
}

fn draw_series(chart: &mut Chart<'_, '_>, series: &Series) -> anyhow::Result<()> {
    let color = color(series.tone);
    let points = || series.points.iter().copied();
    match series.shape {
        Shape::Area => {
            let area = AreaSeries::new(points(), 0.0, color.mix(0.25)).border_style(color.stroke_width(2));
            chart.draw_series(area).map_err(failed)?;
        }
        Shape::Line => {
            chart.draw_series(LineSeries::new(points(), color.stroke_width(2))).map_err(failed)?;
        }
        Shape::Columns => {
            let column = |(x, y): (f64, f64)| Rectangle::new([(x - 0.4, 0.0), (x + 0.4, y)], color.filled());
            chart.draw_series(points().map(column)).map_err(failed)?;
        }
        Shape::Dots => {
            let dot = |at: (f64, f64)| Circle::new(at, 4, color.filled());
            chart.draw_series(points().map(dot)).map_err(failed)?;
        }
    }
    Ok(())
}

/// All points and marks with some air above; never empty.
fn ranges(plot: &Plot) -> (Range<f64>, Range<f64>) {
    let points = || plot.series.iter().flat_map(|series| &series.points);
    let xs =
        || points().map(|(x, _)| *x).chain(plot.marks.iter().map(|mark| mark.x)).filter(|x| x.is_finite());
    let (least, most) = xs().fold((f64::MAX, f64::MIN), |(least, most), x| (least.min(x), most.max(x)));
    let x = match &plot.x {
        Axis::Classes(names) => -0.6..names.len().max(1) as f64 - 0.4,
        Axis::Seconds | Axis::Micros | Axis::Amount | Axis::Share if least < most => least..most,
        Axis::Seconds | Axis::Micros | Axis::Amount | Axis::Share => 0.0..1.0_f64.max(most),
    };
    let top = points().map(|(_, y)| *y).filter(|y| y.is_finite()).fold(0.0, f64::max);
    (x, 0.0..if top > 0.0 { top * 1.08 } else { 1.0 })
}

/// A value as the labels of its axis have it.
pub(super) fn on_axis(axis: &Axis, value: f64) -> String {
    match axis {
        Axis::Seconds if value.abs() >= 120.0 => format!("{:.0} min", value / 60.0),
        Axis::Seconds if value.abs() < 1.0 && value != 0.0 => format!("{:.0} ms", value * 1e3),
        Axis::Seconds if value == 0.0 => "0 s".to_owned(),
        Axis::Seconds if value.abs() < 10.0 => format!("{value:.1} s"),
        Axis::Seconds => format!("{value:.0} s"),
        Axis::Micros => duration(Duration::from_micros(value.max(0.0) as u64)),
        Axis::Share => percent(value.max(0.0)),
        Axis::Amount if value.fract() == 0.0 && value >= 0.0 => grouped(value as u64),
        Axis::Amount => amount(value.max(0.0)),
        Axis::Classes(names) => {
            let is_class = (value - value.round()).abs() < 0.01 && value > -0.01;
            names
                .get(value.round().max(0.0) as usize)
                .filter(|_| is_class)
                .map(|name| plain(name))
                .unwrap_or_default()
        }
    }
}
