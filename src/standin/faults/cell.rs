//! The values of a row, to be changed one by one.

use crate::contract::{
    row::Row,
    schema::{COLUMN_COUNT, column},
};

/// A value of a row.
pub(super) enum CellMut<'a> {
    Text(&'a mut String),
    Optional(&'a mut Option<String>),
    Small(&'a mut i8),
    Number(&'a mut i64),
    Count(&'a mut u32),
}

/// The values in the order of schema 2.
pub(super) fn cells(row: &mut Row) -> [CellMut<'_>; COLUMN_COUNT] {
    use CellMut::{Count, Number, Optional, Small, Text};

    [
        Text(&mut row.span_id),
        Text(&mut row.trace_id),
        Optional(&mut row.parent_span_id),
        Text(&mut row.service_name),
        Text(&mut row.name),
        Small(&mut row.span_kind),
        Number(&mut row.start_time),
        Number(&mut row.end_time),
        Number(&mut row.duration_ns),
        Small(&mut row.status_code),
        Optional(&mut row.status_message),
        Text(&mut row.attributes),
        Text(&mut row.events),
        Text(&mut row.links),
        Count(&mut row.trace_flags),
        Optional(&mut row.trace_state),
        Count(&mut row.dropped_attributes_count),
        Count(&mut row.dropped_events_count),
        Count(&mut row.dropped_links_count),
        Text(&mut row.resource_attributes),
        Count(&mut row.resource_dropped_attributes_count),
    ]
}

/// Another value of the same kind: numbers grow by one, ids have another last digit, JSON loses all of its content.
///
/// False where the value stays: JSON without content, and a parent that is not there.
pub(super) fn alter(row: &mut Row, which: usize) -> bool {
    let mut cells = cells(row);
    match (&mut cells[which], which) {
        (CellMut::Optional(text), column::PARENT_SPAN_ID) => match text {
            Some(id) => change_last_digit(id),
            None => return false,
        },
        (CellMut::Text(id), column::SPAN_ID | column::TRACE_ID) => change_last_digit(id),
        (CellMut::Text(json), _) if column::JSON.contains(&which) => {
            let empty = if json.starts_with('{') { "{}" } else { "[]" };
            if *json == empty {
                return false;
            }
            empty.clone_into(json);
        }
        (CellMut::Text(text), _) => text.push('x'),
        (CellMut::Optional(text), _) => {
            **text = if text.is_some() { None } else { Some("x".to_owned()) };
        }
        (CellMut::Small(number), _) => **number = number.wrapping_add(1),
        (CellMut::Number(number), _) => **number = number.wrapping_add(1),
        (CellMut::Count(number), _) => **number = number.wrapping_add(1),
    }
    true
}

fn change_last_digit(id: &mut String) {
    let last = id.pop();
    id.push(if last == Some('0') { '1' } else { '0' });
}
