//! Tables for a terminal.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use crate::text::wrap;

/// How a column's values line up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

const GAP: usize = 2;

/// A terminal that claims to be narrower is none that anybody reads: some report a width of 0.
const LEAST_WIDTH: usize = 40;

/// The terminal's width, where there is one.
pub(crate) fn terminal_width() -> Option<usize> {
    Table::new().width().map(usize::from).filter(|width| *width >= LEAST_WIDTH)
}

/// Lays out rows under a header, within the terminal's width where there is one.
pub(crate) fn render(header: &[(&str, Align)], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    render_in(header, rows, terminal_width())
}

/// As [`render`], within a width where there is a bound.
pub(crate) fn render_in(
    header: &[(&str, Align)],
    rows: impl IntoIterator<Item = Vec<String>>,
    width: Option<usize>,
) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    match width {
        Some(width) => {
            // The gap behind the last column is not printed.
            table.set_width((width + GAP) as u16).set_content_arrangement(ContentArrangement::Dynamic);
        }
        None => {
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
    }
    table.set_header(header.iter().map(|(name, _)| *name));
    table.add_rows(rows);
    for (column, (_, align)) in table.column_iter_mut().zip(header) {
        column.set_padding((0, GAP as u16));
        column.set_cell_alignment(match align {
            Align::Left => CellAlignment::Left,
            Align::Right => CellAlignment::Right,
        });
    }
    let mut text = String::new();
    for line in table.to_string().lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// As [`render`], but where the terminal is too narrow for whole values, each row becomes a paragraph of
/// `name value` pairs: an id that is broken into pieces can be neither read nor copied.
pub(crate) fn render_whole(header: &[(&str, Align)], rows: &[Vec<String>]) -> String {
    render_whole_at(header, rows, terminal_width())
}

/// The same within a width that the caller knows.
pub(crate) fn render_whole_at(
    header: &[(&str, Align)],
    rows: &[Vec<String>],
    width: Option<usize>,
) -> String {
    match width {
        Some(width) if natural_width(header, rows) > width => {
            rows.iter().map(|row| paragraph(header, row, width)).collect()
        }
        _ => render_in(header, rows.iter().cloned(), width),
    }
}

/// How wide a table has to be for its values to stay whole.
pub(crate) fn natural_width(header: &[(&str, Align)], rows: &[Vec<String>]) -> usize {
    let widest = |(column, (name, _)): (usize, &(&str, Align))| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default().max(name.len()) + GAP
    };
    header.iter().enumerate().map(widest).sum::<usize>().saturating_sub(GAP)
}

fn paragraph(header: &[(&str, Align)], row: &[String], width: usize) -> String {
    let mut text = String::from("-");
    let mut used = text.len();
    for ((name, _), value) in header.iter().zip(row).filter(|(_, value)| !value.is_empty()) {
        let pair = format!("{name} {value}");
        let len = pair.chars().count();
        if used > 1 && used + GAP + len > width {
            text.push_str("\n ");
            used = 1;
        }
        text.push_str(if used == 1 { " " } else { "  " });
        if used == 1 && len + GAP > width && value.contains(' ') {
            // Ids and paths have no spaces, and stay whole.
            text.push_str(&wrap::wrap(&pair, width.saturating_sub(2 * GAP)).join("\n    "));
        } else {
            text.push_str(&pair);
        }
        used += len + GAP;
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paragraph_breaks_between_pairs_only() {
        let header =
            [("tier", Align::Left), ("file", Align::Left), ("row", Align::Right), ("none", Align::Left)];
        let row = ["cold", "a/long/path/of/a/file.parquet", "12", ""].map(str::to_owned);
        insta::assert_snapshot!(paragraph(&header, &row, 30), @"
        - tier cold
          file a/long/path/of/a/file.parquet
          row 12
        ");
        let listed = ["one, two and three".to_owned()];
        insta::assert_snapshot!(paragraph(&[("services", Align::Left)], &listed, 20), @r"
        - services one,
            two and three
        ");
        insta::assert_snapshot!(paragraph(&header, &row, 99), @"- tier cold  file a/long/path/of/a/file.parquet  row 12");
    }

    #[test]
    fn numbers_line_up_on_the_right() {
        let header = [("service", Align::Left), ("spans", Align::Right)];
        let rows = [["a", "1"], ["longer", "1 000 000"]].map(|row| row.map(str::to_owned).to_vec());
        insta::assert_snapshot!(render(&header, rows), @"
        service      spans
        a                1
        longer   1 000 000
        ");
    }
}
