//! The tree as lines of a given width, each span with a bar where it lies in time.

use super::{
    details::{Detail, Tone},
    duration,
};
use crate::{
    report::tree::{Branch, branches},
    text::{
        paint::Paint,
        wrap::{cut, pad, pad_left, width as width_of},
    },
    trace::Trace,
};

/// A line of the tree before it is laid out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) depth: usize,
    pub(super) last: bool,
    pub(super) has_children: bool,
    pub(super) name: String,
    pub(super) service: String,
    /// Whether the line above it in the tree is of another service.
    pub(super) service_is_new: bool,
    pub(super) status: String,
    pub(super) places: String,
    pub(super) took: String,
    /// Start and end in Unix nanoseconds; none for a parent that is not stored.
    pub(super) interval: Option<(i64, i64)>,
    pub(super) details: Vec<Detail>,
}

impl Row {
    pub(super) fn is_gap(&self) -> bool {
        self.interval.is_none()
    }
}

/// The time that the bars' columns stand for, in Unix nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scale {
    start: i64,
    end: i64,
}

impl Scale {
    pub(super) fn of(trace: &Trace) -> Self {
        let (start, end) = trace.interval();
        Self { start, end }
    }

    /// A bar of at least one column, with nothing behind it.
    fn bar(self, (start, end): (i64, i64), columns: usize) -> String {
        let whole = (i128::from(self.end) - i128::from(self.start)).max(1);
        let column = |at: i64| {
            let share = (i128::from(at) - i128::from(self.start)).clamp(0, whole);
            (share * columns as i128 / whole) as usize
        };
        let first = column(start.min(end)).min(columns - 1);
        let after = column(end.max(start)).max(first + 1);
        format!("{}{}", " ".repeat(first), "█".repeat(after - first))
    }
}

const GAP: usize = 2;
const LEAST_BAR: usize = 12;
const LEAST_NAME: usize = 16;

/// Widths of the columns.
#[derive(Debug, Clone, Copy)]
struct Widths {
    name: usize,
    /// 0 where services are written behind the names.
    service: usize,
    status: usize,
    places: usize,
    took: usize,
    bar: usize,
}

pub(super) fn render(rows: &[Row], scale: &Scale, width: usize, paint: Paint) -> String {
    let branches = branches(rows.iter().map(|row| (row.depth, row.last)));
    let widths = widths(rows, &branches, width);
    let mut text = head(scale, widths);
    for (row, branch) in rows.iter().zip(&branches) {
        text.push_str(&line(row, branch, scale, widths, paint));
        text.push('\n');
        for detail in &row.details {
            text.push_str(&detail_line(detail, branch, row.has_children, width, paint));
            text.push('\n');
        }
    }
    text
}

fn widths(rows: &[Row], branches: &[Branch], width: usize) -> Widths {
    let widest = |of: &dyn Fn(&Row) -> usize| rows.iter().map(of).max().unwrap_or_default();
    let status = widest(&|row| width_of(&row.status)).max("status".len());
    let places = widest(&|row| width_of(&row.places)).max("where".len());
    let took = widest(&|row| width_of(&row.took)).max("took".len());
    let left = width.saturating_sub(status + places + took + 4 * GAP);
    let natural = |with_service: bool| {
        let one = |(row, branch): (&Row, &Branch)| {
            let service = if with_service && row.service_is_new { width_of(&row.service) + 3 } else { 0 };
            // A gap has no other columns to make room for.
            if row.is_gap() { LEAST_NAME } else { width_of(&branch.own) + width_of(&row.name) + service }
        };
        rows.iter().zip(branches).map(one).max().unwrap_or_default()
    };
    let service = widest(&|row| width_of(&row.service)).max("service".len());
    let (name, service) = if natural(false) + service + GAP + 2 * LEAST_BAR <= left {
        (natural(false), service + GAP)
    } else {
        (natural(true).min(left.saturating_sub(LEAST_BAR)).max(LEAST_NAME), 0)
    };
    let bar = left.saturating_sub(name + service).max(LEAST_BAR);
    Widths { name, service, status, places, took, bar }
}

fn head(scale: &Scale, widths: Widths) -> String {
    let Widths { name, service, status, places, took, bar } = widths;
    let whole = u64::try_from(i128::from(scale.end) - i128::from(scale.start)).unwrap_or_default();
    let whole = duration(std::time::Duration::from_nanos(whole));
    let services = if service > 0 { format!("{:<service$}", "service") } else { String::new() };
    format!(
        "{:<name$}  {services}{:<status$}  {:<places$}  {:>took$}  0{whole:>rest$}\n",
        "span",
        "status",
        "where",
        "took",
        rest = bar.saturating_sub(1)
    )
}

fn line(row: &Row, branch: &Branch, scale: &Scale, widths: Widths, paint: Paint) -> String {
    if row.is_gap() {
        return format!("{}{}", branch.own, paint.doubtful(&row.name));
    }
    let Widths { name, service, status, places, took, bar } = widths;
    let mut shown = format!("{}{}", branch.own, row.name);
    if service == 0 && row.service_is_new {
        let room = name.saturating_sub(width_of(&row.service) + 3).max(LEAST_NAME / 2);
        shown = format!("{} [{}]", cut(&shown, room), row.service);
    }
    let shown = cut(&shown, name);
    let services = if service > 0 { pad(&cut(&row.service, service - GAP), service) } else { String::new() };
    let tone = match row.status.as_str() {
        "ERROR" => Tone::Bad,
        "cancelled" => Tone::Doubtful,
        _ => Tone::Quiet,
    };
    let status = tone.paint(paint, &pad(&row.status, status));
    let drawn = row.interval.map(|interval| scale.bar(interval, bar)).unwrap_or_default();
    let drawn = if tone == Tone::Bad { paint.bad(&drawn) } else { drawn };
    let (shown, places, took) = (pad(&shown, name), pad(&row.places, places), pad_left(&row.took, took));
    let line = format!("{shown}  {services}{status}  {places}  {took}  {drawn}");
    line.trim_end().to_owned()
}

fn detail_line(detail: &Detail, branch: &Branch, has_children: bool, width: usize, paint: Paint) -> String {
    let before = format!("{}{}", branch.below, if has_children { "│    " } else { "     " });
    let text = cut(&detail.text, width.saturating_sub(width_of(&before)).max(LEAST_NAME));
    format!("{before}{}", detail.tone.paint(paint, &text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_lies_where_its_span_lies_in_time() {
        let scale = Scale { start: 100, end: 200 };
        let check = |interval, bar: &str| assert_eq!(scale.bar(interval, 10), bar, "{interval:?}");
        check((100, 200), "██████████");
        check((100, 150), "█████");
        check((150, 200), "     █████");
        check((120, 120), "  █");
        check((200, 200), "         █");
        check((180, 120), "  ██████");
        check((i64::MIN, i64::MAX), "██████████");
        assert_eq!(Scale { start: 7, end: 7 }.bar((7, 7), 10), "█");
        assert_eq!(Scale { start: i64::MIN, end: i64::MAX }.bar((0, 0), 10), "     █");
    }
}
