//! Tables for a terminal. Values stay whole: an id that is broken into pieces can be neither read nor copied.

use crate::text::wrap::{pad, pad_left, width, wrap};

/// How a column's values line up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

const GAP: usize = 2;

/// A terminal that claims to be narrower is none that anybody reads: some report a width of 0.
const LEAST_WIDTH: usize = 40;

/// The last column may be broken between words where so much room is left for it.
const LEAST_LAST: usize = 32;

/// The terminal's width, where there is one.
pub(crate) fn terminal_width() -> Option<usize> {
    comfy_table::Table::new().width().map(usize::from).filter(|width| *width >= LEAST_WIDTH)
}

/// Lays out rows under a header, within the terminal's width where there is one.
pub(crate) fn render(header: &[(&str, Align)], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    render_in(header, &rows.into_iter().collect::<Vec<_>>(), terminal_width())
}

/// The same within a width where there is a bound. Where that is too narrow, texts of the last column are broken
/// between words; where it still is, each row becomes a paragraph of `name value` pairs.
pub(crate) fn render_in(header: &[(&str, Align)], rows: &[Vec<String>], bound: Option<usize>) -> String {
    let widths = widths(header, rows);
    let Some(bound) = bound.filter(|bound| total(&widths) > *bound) else {
        return lines(header, rows, &widths);
    };
    let before = widths.split_last().map_or(0, |(_, before)| total(before) + GAP);
    let room = bound.saturating_sub(before);
    match header.last() {
        Some((_, Align::Left)) if room >= LEAST_LAST && header.len() > 1 => {
            let rows: Vec<Vec<String>> =
                rows.iter().flat_map(|row| broken(row, header.len(), room)).collect();
            let widths = self::widths(header, &rows);
            // A value without spaces is as long as it was.
            if total(&widths) <= bound {
                lines(header, &rows, &widths)
            } else {
                paragraphs(header, &rows, bound)
            }
        }
        _ => paragraphs(header, rows, bound),
    }
}

/// How wide a table has to be for its values to stay whole.
pub(crate) fn natural_width(header: &[(&str, Align)], rows: &[Vec<String>]) -> usize {
    total(&widths(header, rows))
}

fn widths(header: &[(&str, Align)], rows: &[Vec<String>]) -> Vec<usize> {
    let widest = |(column, (name, _)): (usize, &(&str, Align))| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell));
        cells.max().unwrap_or_default().max(width(name))
    };
    header.iter().enumerate().map(widest).collect()
}

fn total(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
}

/// A row as several, its last cell broken.
fn broken(row: &[String], columns: usize, room: usize) -> Vec<Vec<String>> {
    let Some((last, before)) = row.split_last().filter(|_| row.len() == columns) else {
        return vec![row.to_vec()];
    };
    let parts = if width(last) > room { wrap(last, room) } else { vec![last.clone()] };
    let line = |(number, part): (usize, String)| {
        let before = before.iter().map(|cell| if number == 0 { cell.clone() } else { String::new() });
        before.chain([part]).collect()
    };
    parts.into_iter().enumerate().map(line).collect()
}

fn lines(header: &[(&str, Align)], rows: &[Vec<String>], widths: &[usize]) -> String {
    let names: Vec<String> = header.iter().map(|(name, _)| (*name).to_owned()).collect();
    let has_header = header.iter().any(|(name, _)| !name.is_empty());
    let mut text = String::new();
    for row in has_header.then_some(&names).into_iter().chain(rows) {
        let cells = row.iter().zip(header).zip(widths).map(|((cell, (_, align)), width)| match align {
            Align::Left => pad(cell, *width),
            Align::Right => pad_left(cell, *width),
        });
        text.push_str(cells.collect::<Vec<_>>().join(&" ".repeat(GAP)).trim_end());
        text.push('\n');
    }
    text
}

fn paragraphs(header: &[(&str, Align)], rows: &[Vec<String>], bound: usize) -> String {
    rows.iter().map(|row| paragraph(header, row, bound)).collect()
}

fn paragraph(header: &[(&str, Align)], row: &[String], bound: usize) -> String {
    let mut text = String::from("-");
    let mut used = 1;
    for ((name, _), value) in header.iter().zip(row).filter(|(_, value)| !value.is_empty()) {
        let pair = if name.is_empty() { value.clone() } else { format!("{name} {value}") };
        let len = width(&pair);
        if used > 1 && used + GAP + len > bound {
            text.push_str("\n ");
            used = 1;
        }
        text.push_str(if used == 1 { " " } else { "  " });
        if used == 1 && len + GAP > bound && value.contains(' ') {
            // Ids and paths have no spaces, and stay whole.
            text.push_str(&wrap(&pair, bound.saturating_sub(2 * GAP)).join("\n    "));
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
    fn columns_line_up_whatever_their_characters_are() {
        let header = [("service", Align::Left), ("spans", Align::Right)];
        let rows = [["漢字", "1"], ["longer", "1 000 000"]].map(|row| row.map(str::to_owned).to_vec());
        insta::assert_snapshot!(render_in(&header, &rows, None), @"
        service      spans
        漢字             1
        longer   1 000 000
        ");
    }

    #[test]
    fn a_text_in_the_last_column_is_broken_between_words() {
        let header = [("id", Align::Left), ("rule", Align::Left)];
        let rows = [["a", "one two three four five six seven eight nine ten"], ["b", "short"]];
        let rows = rows.map(|row| row.map(str::to_owned).to_vec());
        insta::assert_snapshot!(render_in(&header, &rows, Some(40)), @"
        id  rule
        a   one two three four five six seven
            eight nine ten
        b   short
        ");
    }
}
