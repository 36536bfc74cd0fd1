//! Faults of spans: what becomes of a row on its way from memory into a segment.

use super::{
    cell::{self, CellMut, cells},
    json::JsonAct,
};
use crate::contract::row::Row;

const HOUR: i64 = 3_600_000_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SpanAct {
    Drop,
    Double,
    /// Two spans of different services have each other's service name.
    SwapServiceNames,
    /// A span is filed under another span's resource.
    TakeResource,
    /// The parent is another span of the trace.
    WrongParent,
    LoseParent,
    /// The trace is another span's.
    WrongTrace,
    /// Start and end are an hour later.
    Shift,
    /// Start and end are cut to microseconds.
    CutTimes,
    /// One column has another value.
    Alter(usize),
    /// The JSON of one column is another.
    Json(usize, JsonAct),
}

/// Rows in the place of others.
pub(super) struct Change {
    /// The rows that it touches, in order.
    pub(super) hit: Vec<usize>,
    /// What is there instead of each of them.
    instead: Vec<Vec<Row>>,
}

impl Change {
    fn of(index: usize, instead: Vec<Row>) -> Self {
        Self { hit: vec![index], instead: vec![instead] }
    }

    /// How many rows are now in the place of the one at `index`.
    pub(super) fn apply(self, rows: &mut Vec<Row>, index: usize) -> usize {
        let at = self.hit.iter().position(|hit| *hit == index);
        let written = at.map_or(1, |at| self.instead[at].len());
        for (at, instead) in self.hit.into_iter().zip(self.instead).rev() {
            rows.splice(at..=at, instead);
        }
        written
    }
}

impl SpanAct {
    /// What the fault makes of the row at `index` of a segment; none where it can change nothing.
    pub(super) fn change(self, rows: &[Row], index: usize) -> Option<Change> {
        let row = &rows[index];
        let other = |wanted: &dyn Fn(&Row) -> bool| {
            let after = (index + 1..rows.len()).chain(0..index);
            after.into_iter().find(|at| wanted(&rows[*at]))
        };
        let of_other_service = || other(&|other| other.service_name != row.service_name);
        let mut changed = row.clone();
        match self {
            Self::Drop => return Some(Change::of(index, Vec::new())),
            Self::Double => return Some(Change::of(index, vec![row.clone(), row.clone()])),
            Self::SwapServiceNames => {
                let partner = of_other_service()?;
                let mut other = rows[partner].clone();
                std::mem::swap(&mut changed.service_name, &mut other.service_name);
                let mut both = [(index, changed), (partner, other)];
                both.sort_by_key(|(at, _)| *at);
                let [(first, one), (second, two)] = both;
                return Some(Change { hit: vec![first, second], instead: vec![vec![one], vec![two]] });
            }
            Self::TakeResource => {
                let from = &rows[of_other_service()?];
                changed.service_name.clone_from(&from.service_name);
                changed.resource_attributes.clone_from(&from.resource_attributes);
                changed.resource_dropped_attributes_count = from.resource_dropped_attributes_count;
            }
            Self::WrongParent => {
                let parent = row.parent_span_id.as_ref()?;
                let wrong = other(&|other| {
                    other.trace_id == row.trace_id && other.span_id != *parent && other.span_id != row.span_id
                })?;
                changed.parent_span_id = Some(rows[wrong].span_id.clone());
            }
            Self::LoseParent => drop(changed.parent_span_id.take()?),
            Self::WrongTrace => {
                changed.trace_id.clone_from(&rows[other(&|other| other.trace_id != row.trace_id)?].trace_id);
            }
            Self::Shift => {
                (changed.start_time, changed.end_time) =
                    (row.start_time.checked_add(HOUR)?, row.end_time.checked_add(HOUR)?);
            }
            Self::CutTimes => {
                (changed.start_time, changed.end_time) =
                    (row.start_time / 1000 * 1000, row.end_time / 1000 * 1000);
                changed.duration_ns = changed.end_time.wrapping_sub(changed.start_time);
            }
            Self::Alter(column) => drop(cell::alter(&mut changed, column).then_some(())?),
            Self::Json(column, act) => {
                let mut cells = cells(&mut changed);
                let CellMut::Text(text) = &mut cells[column] else { return None };
                **text = act.apply(text)?;
            }
        }
        (changed != *row).then(|| Change::of(index, vec![changed]))
    }
}
