//! What a finding is called, so that people and baselines can speak of it.
//!
//! An id is the check's and twelve hex digits: a hash of the check's id and of what the finding is about. That is
//! its `trace_id` and `span_id`, where it has one of them, with `column_name`, `key` and `cause`; else all of its
//! columns but times and counts. A number is a count unless its column's name says that it is a place: `row_number`,
//! or what ends in `ordinal`, `index`, `workflow` or `span`. So an id does not depend on other findings, on the order
//! of rows, on where the store lies, or on when it was read.

use datafusion::arrow::{
    array::{Array, RecordBatch},
    datatypes::{DataType, Schema},
    error::ArrowError,
    util::display::{ArrayFormatter, FormatOptions},
};
use twox_hash::XxHash3_128;

const IDS: [&str; 2] = ["trace_id", "span_id"];
const MARKS: [&str; 3] = ["column_name", "key", "cause"];

/// Which columns of a check tell its findings apart.
#[derive(Debug)]
pub(crate) struct Identity {
    ids: Vec<usize>,
    marks: Vec<usize>,
    /// Where a row has no id; by name, so that the order of a query's columns does not count.
    others: Vec<usize>,
}

impl Identity {
    pub(crate) fn of(schema: &Schema) -> Self {
        let named = |names: &[&str]| names.iter().filter_map(|name| schema.index_of(name).ok()).collect();
        let mut others: Vec<usize> = (0..schema.fields().len())
            .filter(|&column| {
                let field = schema.field(column);
                is_about(field.name(), field.data_type())
            })
            .collect();
        others.sort_by_key(|&column| schema.field(column).name());
        Self { ids: named(&IDS), marks: named(&MARKS), others }
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
}

/// Whether a value says what a finding is about, rather than when or how often.
fn is_about(name: &str, of: &DataType) -> bool {
    let is_place =
        ["row_number", "ordinal", "index", "workflow", "span"].iter().any(|end| name.ends_with(end));
    !of.is_temporal() && (is_place || !of.is_numeric())
}

/// `lost_spans:0123456789ab`, of what [`Identity::read`] gave.
pub(crate) fn finding_id(check: &str, about: &[(String, String)]) -> String {
    let mut bytes = Vec::new();
    let parts = about.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]);
    for part in std::iter::once(check).chain(parts) {
        bytes.extend((part.len() as u64).to_le_bytes());
        bytes.extend(part.as_bytes());
    }
    format!("{check}:{:012x}", XxHash3_128::oneshot(&bytes) >> 80)
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
        assert_eq!(row, ["lost_spans:ebab034a3317"]);
        let file = ids(vec![("file", text(&[Some("wal/a.ipc")])), ("tier", text(&[Some("wal")]))]);
        assert_eq!(file, ["lost_spans:1c1035da4d7a"]);
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
}
