//! Aligned columns, fitted to a terminal where there is one.

use std::io::{self, Write};

use super::write_paragraphs;
use crate::text::wrap::{self, cut, pad, pad_left};

const GAP: usize = 2;

/// Columns are laid out by as many rows; what comes later may stick out.
const LAID_OUT_BY: usize = 10_000;

/// An id of a trace has so many digits: a column of them is never cut.
const NEVER_CUT: usize = 32;

/// As much of a longer value is shown at least.
const LEAST_SHOWN: usize = 28;

/// A terminal that claims to be narrower is none that anybody reads.
const LEAST_WIDTH: usize = 40;

/// Rows that wait until their columns can be laid out.
pub(super) struct Grid {
    /// By column: its name, and whether its values line up on the right.
    columns: Vec<(String, bool)>,
    width: Option<usize>,
    waiting: Vec<Vec<String>>,
    layout: Option<Layout>,
    cut: bool,
}

enum Layout {
    /// By column: how wide it is.
    Columns(Vec<usize>),
    /// The terminal is too narrow for whole ids. So many rows were written.
    Paragraphs(u64),
}

impl Grid {
    pub(super) fn new(columns: Vec<(String, bool)>, width: Option<usize>) -> Self {
        let width = width.filter(|width| *width >= LEAST_WIDTH);
        Self { columns, width, waiting: Vec::new(), layout: None, cut: false }
    }

    pub(super) fn add(&mut self, rows: Vec<Vec<String>>, out: &mut dyn Write) -> io::Result<()> {
        self.waiting.extend(rows);
        if self.waiting.len() >= LAID_OUT_BY { self.flush(out) } else { Ok(()) }
    }

    /// Whether cells were cut.
    pub(super) fn finish(mut self, out: &mut dyn Write) -> io::Result<bool> {
        self.flush(out)?;
        Ok(self.cut)
    }

    fn flush(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let rows = std::mem::take(&mut self.waiting);
        let layout = if let Some(layout) = self.layout.take() {
            layout
        } else {
            let layout = self.lay_out(&rows);
            if let Layout::Columns(widths) = &layout {
                let names: Vec<String> = self.columns.iter().map(|(name, _)| name.clone()).collect();
                self.cut |= write_line(&self.columns, widths, &names, out)?;
            }
            layout
        };
        self.layout = Some(match layout {
            Layout::Columns(widths) => {
                for row in &rows {
                    self.cut |= write_line(&self.columns, &widths, row, out)?;
                }
                Layout::Columns(widths)
            }
            Layout::Paragraphs(before) => {
                let names: Vec<String> = self.columns.iter().map(|(name, _)| name.clone()).collect();
                write_paragraphs(&names, &rows, before, out)?;
                Layout::Paragraphs(before + rows.len() as u64)
            }
        });
        Ok(())
    }

    fn lay_out(&self, rows: &[Vec<String>]) -> Layout {
        let widest = |column: usize| {
            let cells = rows.iter().map(|row| wrap::width(&row[column]));
            cells.max().unwrap_or_default().max(wrap::width(&self.columns[column].0))
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(widest).collect();
        let gaps = GAP * widths.len().saturating_sub(1);
        let Some(room) = self.width.map(|width| width.saturating_sub(gaps)) else {
            return Layout::Columns(widths);
        };
        if widths.iter().sum::<usize>() <= room {
            return Layout::Columns(widths);
        }
        let capped = |width: usize, cap: usize| if width <= NEVER_CUT { width } else { width.min(cap) };
        let fits = |cap: &usize| widths.iter().map(|width| capped(*width, *cap)).sum::<usize>() <= room;
        match (LEAST_SHOWN..=room).rev().find(fits) {
            Some(cap) => Layout::Columns(widths.into_iter().map(|width| capped(width, cap)).collect()),
            None => Layout::Paragraphs(0),
        }
    }
}

/// Whether a cell was cut.
fn write_line(
    columns: &[(String, bool)],
    widths: &[usize],
    cells: &[String],
    out: &mut dyn Write,
) -> io::Result<bool> {
    let mut line = String::new();
    let mut any_cut = false;
    for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
        if column > 0 {
            line.push_str(&" ".repeat(GAP));
        }
        any_cut |= wrap::width(cell) > *width;
        let cell = cut(cell, *width);
        line.push_str(&if columns[column].1 { pad_left(&cell, *width) } else { pad(&cell, *width) });
    }
    writeln!(out, "{}", line.trim_end())?;
    Ok(any_cut)
}
