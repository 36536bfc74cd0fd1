//! The tables of a report: what became of each service, who is stored as whom, which columns are altered.

use std::{collections::BTreeSet, fmt::Write as _};

use super::{
    audit_text::Page,
    samples::compared,
    table::{self, Align},
};
use crate::{
    audit::coverage::Completeness,
    checks::summary::{AlteredColumn, PollutionCell},
    text::numbers::{self, counted, grouped, plain, short},
};

const SERVICES_SHOWN: usize = 20;
/// As many columns as a page of 80 characters has room for, or a few more.
const MATRIX_SHOWN: usize = 8;
const VALUE_CHARS: usize = 60;

pub(crate) fn completeness(text: &mut String, page: Page, services: &[Completeness]) -> std::fmt::Result {
    if services.is_empty() {
        return Ok(());
    }
    let mut order: Vec<_> = services.iter().collect();
    // Services with something missing come first, so that a capped list shows them.
    order.sort_by_key(|service| std::cmp::Reverse(service.missing));
    let header = [
        ("service", Align::Left),
        ("workflows", Align::Right),
        ("found", Align::Right),
        ("spans", Align::Right),
        ("acked", Align::Right),
        ("found", Align::Right),
        ("missing", Align::Right),
    ];
    let row = |service: &&Completeness| {
        let numbers = [
            service.workflows,
            service.workflows_found,
            service.spans,
            service.acked,
            service.found,
            service.missing,
        ];
        std::iter::once(numbers::service(&service.service)).chain(numbers.map(grouped)).collect::<Vec<_>>()
    };
    let hidden = services.len().saturating_sub(SERVICES_SHOWN);
    let mut rows: Vec<_> = order.iter().take(SERVICES_SHOWN).map(row).collect();
    if hidden > 0 {
        rows.push(vec![format!("and {hidden} more (--format json lists all)")]);
    }
    if services.len() > 1 {
        rows.push(row(&&Completeness::total(services)));
    }
    write!(text, "\n{}", table::render_in(&header, rows, page.width))
}

/// Rows by the service that sent them and the name that they are stored under; nothing where no row was moved.
pub(crate) fn pollution(text: &mut String, page: Page, cells: &[PollutionCell]) -> std::fmt::Result {
    if cells.is_empty() {
        return Ok(());
    }
    let moved = |cell: &&PollutionCell| cell.sent_by != cell.stored_as;
    let total: u64 = cells.iter().filter(moved).map(|cell| cell.rows).sum();
    let senders: BTreeSet<&Option<String>> = cells.iter().map(|cell| &cell.sent_by).collect();
    let names: BTreeSet<&Option<String>> = cells.iter().map(|cell| &cell.stored_as).collect();
    writeln!(text, "\n{} stored under another service than sent them:\n", counted(total, "row"))?;
    if names.len() > MATRIX_SHOWN || senders.len() > SERVICES_SHOWN {
        return moves(text, page, cells.iter().filter(moved));
    }
    let labels: Vec<String> = names.iter().map(|name| service(name.as_ref())).collect();
    let mut header = vec![("sent by \\ stored as", Align::Left)];
    header.extend(labels.iter().map(|label| (label.as_str(), Align::Right)));
    let count = |sender: &Option<String>, name: &Option<String>| {
        let cell = cells.iter().find(|cell| cell.sent_by == *sender && cell.stored_as == *name);
        cell.map_or("0".to_owned(), |cell| grouped(cell.rows))
    };
    let row = |sender: &&Option<String>| {
        let counts = names.iter().map(|name| count(sender, name));
        std::iter::once(service(sender.as_ref())).chain(counts).collect::<Vec<_>>()
    };
    let rows: Vec<Vec<String>> = senders.iter().map(row).collect();
    if table::natural_width(&header, &rows) > page.width.unwrap_or(usize::MAX) {
        return moves(text, page, cells.iter().filter(moved));
    }
    text.push_str(&table::render_in(&header, rows, None));
    Ok(())
}

/// The same as a list, where a matrix would be too wide.
fn moves<'c>(
    text: &mut String,
    page: Page,
    cells: impl Iterator<Item = &'c PollutionCell>,
) -> std::fmt::Result {
    let mut cells: Vec<_> = cells.collect();
    cells.sort_by_key(|cell| std::cmp::Reverse(cell.rows));
    let header = [("sent by", Align::Left), ("stored as", Align::Left), ("rows", Align::Right)];
    let row = |cell: &&PollutionCell| {
        vec![service(cell.sent_by.as_ref()), service(cell.stored_as.as_ref()), grouped(cell.rows)]
    };
    let rows = cells.iter().take(SERVICES_SHOWN).map(row);
    text.push_str(&table::render_in(&header, rows, page.width));
    let hidden = cells.len().saturating_sub(SERVICES_SHOWN);
    if hidden > 0 {
        writeln!(text, "and {} more (--format json lists all)", grouped(hidden as u64))?;
    }
    Ok(())
}

fn service(name: Option<&String>) -> String {
    name.map_or("(null)".to_owned(), |name| numbers::service(name))
}

/// Each altered column with its first difference; nothing where there is none.
pub(crate) fn fidelity(text: &mut String, page: Page, columns: &[AlteredColumn]) -> std::fmt::Result {
    if columns.is_empty() {
        return Ok(());
    }
    let differing: u64 = columns.iter().map(|column| column.differing).sum();
    writeln!(
        text,
        "\n{} not as sent, in {}; of each the first:",
        counted(differing, "value"),
        counted(columns.len() as u64, "column")
    )?;
    for column in columns {
        let (file, row) = (column.file.as_deref().unwrap_or_default(), column.row_number);
        let row = row.map(|row| format!(" row {row}")).unwrap_or_default();
        let key = column.key.as_ref().map(|key| format!(", key {}", short(key, VALUE_CHARS)));
        let null = |value: &Option<String>| value.clone().unwrap_or("(null)".to_owned());
        let [expected, actual] = compared(&null(&column.expected), &null(&column.actual), VALUE_CHARS);
        writeln!(text, "\n{}: {}", column.column_name, grouped(column.differing))?;
        writeln!(text, "  {}{row}{}", plain(file), key.unwrap_or_default())?;
        let one_line = format!("  {expected} → {actual}");
        if one_line.chars().count() <= page.width.unwrap_or(usize::MAX) {
            writeln!(text, "{one_line}")?;
        } else {
            writeln!(text, "  {expected}\n  → {actual}")?;
        }
    }
    Ok(())
}
