//! What a finding is called, so that people and baselines can speak of it.
//!
//! An id is the check's and 32 hex digits: a hash of the check's id and of what the finding is about. That is
//! its `trace_id` and `span_id`, where it has one of them, with `column_name`, `key`, `subject` and `cause`; else all of its
//! columns but times and counts. A number is a count unless its column's name says that it is a place: `row_number`,
//! or what ends in `ordinal`, `index`, `workflow` or `span`. So an id does not depend on other findings, on the order
//! of rows, on where the store lies, or on when it was read.
//!
//! A finding's values are the rest of it, but for where it lies, when files were written, and counts that grow with
//! the store: what was accepted once is accepted again only with the same values.

use datafusion::arrow::{
    array::{Array, RecordBatch},
    datatypes::{DataType, Schema},
    error::ArrowError,
    util::display::{ArrayFormatter, FormatOptions},
};
use twox_hash::XxHash3_128;

const IDS: [&str; 2] = ["trace_id", "span_id"];
const MARKS: [&str; 4] = ["column_name", "key", "subject", "cause"];

/// Which columns of a check tell its findings apart.
#[derive(Debug)]
pub(crate) struct Identity {
    ids: Vec<usize>,
    marks: Vec<usize>,
    /// Where a row has no id; by name, so that the order of a query's columns does not count.
    others: Vec<usize>,
    /// What else a finding says that may not change, by name.
    values: Vec<usize>,
    /// In how many rows a span was found: each flush moves some from one column to the other.
    found: Vec<usize>,
}

/// Counts of a whole store, of a finding that is not about a span or a trace.
const TOTALS: [&str; 3] = ["rows", "spans", "files"];

impl Identity {
    pub(crate) fn of(schema: &Schema) -> Self {
        let named = |names: &[&str]| -> Vec<usize> {
            names.iter().filter_map(|name| schema.index_of(name).ok()).collect()
        };
        let mut others: Vec<usize> = (0..schema.fields().len())
            .filter(|&column| {
                let field = schema.field(column);
                is_about(field.name(), field.data_type())
            })
            .collect();
        let by_name = |columns: &mut Vec<usize>| columns.sort_by_key(|&column| schema.field(column).name());
        by_name(&mut others);
        let (ids, marks, found) = (named(&IDS), named(&MARKS), named(&["n_cold", "n_wal"]));
        let mut values: Vec<usize> = (0..schema.fields().len())
            .filter(|column| ![&ids, &marks, &found].iter().any(|named| named.contains(column)))
            .filter(|&column| is_lasting(schema.field(column).name()))
            .collect();
        by_name(&mut values);
        Self { ids, marks, others, values, found }
    }

    /// What makes each of these rows of a batch the finding that it is: names and values.
    pub(crate) fn read(
        &self,
        batch: &RecordBatch,
        rows: impl Iterator<Item = usize>,
    ) -> Result<Vec<Vec<(String, String)>>, ArrowError> {
        let options = FormatOptions::new();
        let columns: Vec<_> = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options))
            .collect::<Result<_, _>>()?;
        let is_there = |column: usize, row: usize| batch.column(column).is_valid(row);
        let schema = batch.schema();
        let about = |row: usize| {
            let of = if self.ids.iter().any(|&column| is_there(column, row)) {
                self.ids.iter().chain(&self.marks)
            } else {
                self.others.iter().chain(&[])
            };
            of.filter(|&&column| is_there(column, row))
                .map(|&column| (schema.field(column).name().clone(), columns[column].value(row).to_string()))
                .collect()
        };
        Ok(rows.map(about).collect())
    }

    /// A digest of the values of each row of a batch.
    pub(crate) fn values(&self, batch: &RecordBatch) -> Result<Vec<u128>, ArrowError> {
        let options = FormatOptions::new();
        let columns: Vec<_> = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options))
            .collect::<Result<_, _>>()?;
        let schema = batch.schema();
        let is_there = |column: usize, row: usize| batch.column(column).is_valid(row);
        let text = |column: usize, row: usize| columns[column].value(row).to_string();
        let digest_of = |row: usize| {
            let has_id = self.ids.iter().any(|&column| is_there(column, row));
            let counts = |column: usize| has_id || !TOTALS.contains(&schema.field(column).name().as_str());
            let values = self.values.iter().filter(|&&column| is_there(column, row) && counts(column));
            let mut parts: Vec<(String, String)> =
                values.map(|&column| (schema.field(column).name().clone(), text(column, row))).collect();
            let found: i64 =
                self.found.iter().filter_map(|&column| text(column, row).parse::<i64>().ok()).sum();
            parts.push(("found".to_owned(), found.to_string()));
            digest("", &parts)
        };
        Ok((0..batch.num_rows()).map(digest_of).collect())
    }
}

/// Whether a value stays as long as a finding is the same: not where it lies, nor what every further file changes.
fn is_lasting(name: &str) -> bool {
    let place = name == "tier" || ["file", "row_number"].iter().any(|end| name.ends_with(end));
    let moving = ["modified_at", "age_seconds", "segments_blocked", "flushed_rows", "lacking_rows"];
    !place && !moving.contains(&name)
}

/// Whether a value says what a finding is about, rather than when or how often.
fn is_about(name: &str, of: &DataType) -> bool {
    let is_place =
        ["row_number", "ordinal", "index", "workflow", "span"].iter().any(|end| name.ends_with(end));
    !of.is_temporal() && (is_place || !of.is_numeric())
}

/// `lost_spans:` and 32 digits, of what [`Identity::read`] gave.
pub(crate) fn finding_id(check: &str, about: &[(String, String)]) -> String {
    format!("{check}:{:032x}", digest(check, about))
}

fn digest(check: &str, about: &[(String, String)]) -> u128 {
    let mut bytes = Vec::new();
    let parts = about.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]);
    for part in std::iter::once(check).chain(parts) {
        bytes.extend((part.len() as u64).to_le_bytes());
        bytes.extend(part.as_bytes());
    }
    XxHash3_128::oneshot(&bytes)
}

/// Digits of an id that people see: enough to tell the findings of a report apart, and to ask for one.
const SHOWN_DIGITS: usize = 12;

/// An id as people see it: `lost_spans:0123456789ab`.
pub(crate) fn shown(id: &str) -> &str {
    let end = id.find(':').map_or(id.len(), |colon| colon + 1 + SHOWN_DIGITS);
    id.get(..end).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Int64Array, StringArray, TimestampNanosecondArray};

    use super::*;

    fn text(values: &[Option<&str>]) -> ArrayRef {
        Arc::new(values.iter().copied().collect::<StringArray>())
    }

    fn number(value: i64) -> ArrayRef {
        Arc::new(Int64Array::from(vec![value]))
    }

    fn time(value: i64) -> ArrayRef {
        Arc::new(TimestampNanosecondArray::from(vec![value]))
    }

    fn ids(columns: Vec<(&str, ArrayRef)>) -> Vec<String> {
        let batch = RecordBatch::try_from_iter_with_nullable(
            columns.into_iter().map(|(name, column)| (name, column, true)),
        )
        .unwrap();
        let about = Identity::of(&batch.schema()).read(&batch, 0..batch.num_rows()).unwrap();
        about.iter().map(|about| finding_id("lost_spans", about)).collect()
    }

    #[test]
    fn an_id_is_the_same_in_every_version() {
        let row = ids(vec![("trace_id", text(&[Some("0a")])), ("span_id", text(&[Some("0b")]))]);
        assert_eq!(row.iter().map(|id| shown(id)).collect::<Vec<_>>(), ["lost_spans:ebab034a3317"]);
        assert_eq!(row[0].len(), "lost_spans:".len() + 32);
        let file = ids(vec![("file", text(&[Some("wal/a.ipc")])), ("tier", text(&[Some("wal")]))]);
        assert_eq!(file.iter().map(|id| shown(id)).collect::<Vec<_>>(), ["lost_spans:1c1035da4d7a"]);
    }

    #[test]
    fn a_row_with_ids_is_known_by_them_and_by_what_is_wrong_with_it() {
        let row = |trace: &str, key: &str, file: &str| {
            ids(vec![
                ("file", text(&[Some(file)])),
                ("key", text(&[Some(key)])),
                ("trace_id", text(&[Some(trace)])),
                ("span_id", text(&[Some("1")])),
                ("workflow", number(i64::try_from(file.len()).unwrap())),
            ])
        };
        assert_eq!(row("a", "k", "here"), row("a", "k", "elsewhere"));
        assert_ne!(row("a", "k", "here"), row("b", "k", "here"));
        assert_ne!(row("a", "k", "here"), row("a", "l", "here"));
    }

    #[test]
    fn a_row_without_ids_is_known_by_all_but_times_and_counts() {
        let row = |file: &str, size: i64, ordinal: i64, at: i64| {
            ids(vec![
                ("size", number(size)),
                ("file", text(&[Some(file)])),
                ("first_ordinal", number(ordinal)),
                ("named_at", time(at)),
                ("trace_id", text(&[None])),
            ])
        };
        assert_eq!(row("a", 1, 2, 3), row("a", 9, 2, 9));
        assert_ne!(row("a", 1, 2, 3), row("b", 1, 2, 3));
        assert_ne!(row("a", 1, 2, 3), row("a", 1, 3, 3));
        let turned = ids(vec![("first_ordinal", number(2)), ("file", text(&[Some("a")]))]);
        assert_eq!(turned, row("a", 1, 2, 3));
    }

    #[test]
    fn neither_other_rows_nor_the_border_between_values_count() {
        let [a, b] = &ids(vec![("file", text(&[Some("a"), Some("b")]))])[..] else { panic!("two rows") };
        assert_eq!(ids(vec![("file", text(&[Some("b"), Some("a")]))]), [b.clone(), a.clone()]);
        let two = |one: &str, other: &str| ids(vec![("x", text(&[Some(one)])), ("y", text(&[Some(other)]))]);
        assert_ne!(two("ab", "c"), two("a", "bc"));
    }

    #[test]
    fn values_are_all_but_places_times_of_files_and_totals() {
        let values = |columns: Vec<(&str, ArrayRef)>| {
            let batch = RecordBatch::try_from_iter_with_nullable(
                columns.into_iter().map(|(name, column)| (name, column, true)),
            )
            .unwrap();
            Identity::of(&batch.schema()).values(&batch).unwrap()
        };
        let span = |file: &str, copies: i64, actual: &str| {
            values(vec![
                ("trace_id", text(&[Some("0a")])),
                ("file", text(&[Some(file)])),
                ("first_file", text(&[Some(file)])),
                ("copies", number(copies)),
                ("actual", text(&[Some(actual)])),
            ])
        };
        assert_eq!(span("a", 2, "x"), span("b", 2, "x"));
        assert_ne!(span("a", 2, "x"), span("a", 51, "x"));
        assert_ne!(span("a", 2, "x"), span("a", 2, "y"));
        let found = |cold: i64, wal: i64| {
            values(vec![("span_id", text(&[Some("0b")])), ("n_cold", number(cold)), ("n_wal", number(wal))])
        };
        assert_eq!(found(1, 0), found(0, 1));
        assert_ne!(found(1, 0), found(50, 0));
        let totals = |rows: i64, cause: &str| {
            values(vec![
                ("rows", number(rows)),
                ("problem", text(&[Some(cause)])),
                ("modified_at", time(rows)),
            ])
        };
        assert_eq!(totals(1, "x"), totals(9, "x"));
        assert_ne!(totals(1, "x"), totals(1, "y"));
    }
}
