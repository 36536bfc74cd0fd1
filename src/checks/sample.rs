//! The first findings of a check in its order, however many there are and in whatever order they come.
//!
//! The order is that of the check's `ORDER BY`, then of the findings' ids, then of all columns, so that a sample
//! does not depend on how a query ran. At most twice as many rows as are kept are held, without the texts of
//! their neighbours, and of very long rows fewer are kept.

use std::sync::Arc;

use datafusion::arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch, StringArray, UInt64Array},
    compute::{SortOptions, concat_batches, take_record_batch},
    datatypes::{DataType, Field, Schema, SchemaRef},
    error::ArrowError,
    row::{OwnedRow, RowConverter, SortField},
};

/// Bytes of samples that are kept of one check; the first is kept whatever its size.
const MAX_BYTES: usize = 1 << 20;

/// Candidates that are held beyond those that are kept before the last are dropped.
const SLACK: usize = 256;

/// The smallest rows of a stream by their keys.
pub(super) struct Sample {
    keep: usize,
    /// The columns of a finding, its id, its keys.
    schema: SchemaRef,
    columns: usize,
    keys: Option<RowConverter>,
    /// The keys of the last row that is kept, once there are enough, or of the first that had no room: what comes
    /// behind them is not kept.
    last: Option<OwnedRow>,
    /// Brings rows into their order: keys, id, columns.
    order: RowConverter,
    ordered: Vec<usize>,
    /// The first row that had no room: it and what comes behind it stays out, whatever goes before it.
    cut: Option<OwnedRow>,
    held: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
}

impl Sample {
    /// Of rows with these columns, whose keys have these types and are sorted like this.
    pub(super) fn new(
        keep: usize,
        columns: &SchemaRef,
        keys: &[(DataType, SortOptions)],
    ) -> Result<Self, ArrowError> {
        let mut fields: Vec<_> = columns.fields().iter().cloned().collect();
        fields.push(Arc::new(Field::new("finding id", DataType::Utf8, false)));
        let key = |(number, (data_type, _)): (usize, &(DataType, SortOptions))| {
            Arc::new(Field::new(format!("key {number}"), data_type.clone(), true))
        };
        fields.extend(keys.iter().enumerate().map(key));
        let sort_fields =
            keys.iter().map(|(data_type, options)| SortField::new_with_options(data_type.clone(), *options));
        let sort_fields: Vec<_> = sort_fields.collect();
        let columns = columns.fields().len();
        let behind = columns + 1..fields.len();
        let ordered = behind.chain([columns]).chain(0..columns);
        let ordered: Vec<_> = ordered.filter(|column| is_sortable(fields[*column].data_type())).collect();
        let sorted = |column: &usize| match column.checked_sub(columns + 1) {
            Some(key) => sort_fields[key].clone(),
            None => SortField::new(fields[*column].data_type().clone()),
        };
        let order = RowConverter::new(ordered.iter().map(sorted).collect())?;
        let keys = if sort_fields.is_empty() { None } else { Some(RowConverter::new(sort_fields)?) };
        Ok(Self {
            keep,
            schema: Arc::new(Schema::new(fields)),
            columns,
            keys,
            last: None,
            order,
            ordered,
            cut: None,
            held: Vec::new(),
            rows: 0,
            bytes: 0,
        })
    }

    /// Those of `rows` of a batch that may belong to the sample, by the keys beside it.
    pub(super) fn candidates(
        &self,
        keys: &[ArrayRef],
        rows: impl Iterator<Item = usize>,
    ) -> Result<Vec<usize>, ArrowError> {
        if self.keep == 0 {
            return Ok(Vec::new());
        }
        let (Some(converter), Some(last)) = (&self.keys, &self.last) else { return Ok(rows.collect()) };
        let keys = converter.convert_columns(keys)?;
        Ok(rows.filter(|row| keys.row(*row) <= last.row()).collect())
    }

    /// Takes rows of a batch, with their ids.
    pub(super) fn add(
        &mut self,
        batch: &RecordBatch,
        keys: &[ArrayRef],
        rows: &[usize],
        ids: Vec<String>,
    ) -> Result<(), ArrowError> {
        if rows.is_empty() {
            return Ok(());
        }
        let indices: UInt64Array = rows.iter().map(|row| *row as u64).collect();
        let taken = |column: &ArrayRef| datafusion::arrow::compute::take(column, &indices, None);
        let mut columns: Vec<ArrayRef> = batch.columns().iter().map(taken).collect::<Result<_, _>>()?;
        columns.push(Arc::new(StringArray::from(ids)));
        for key in keys {
            columns.push(taken(key)?);
        }
        let columns = columns.into_iter().map(without_neighbours).collect();
        let candidates = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
        self.rows += candidates.num_rows();
        self.bytes += candidates.get_array_memory_size();
        self.held.push(candidates);
        if self.rows > 2 * self.keep + SLACK || self.bytes > 2 * MAX_BYTES { self.shrink() } else { Ok(()) }
    }

    /// Sorts what is held, and drops what is behind the last that is kept.
    fn shrink(&mut self) -> Result<(), ArrowError> {
        if self.rows == 0 {
            return Ok(());
        }
        let all = concat_batches(&self.schema, &self.held)?;
        let ordered: Vec<_> = self.ordered.iter().map(|column| Arc::clone(all.column(*column))).collect();
        let ordered = self.order.convert_columns(&ordered)?;
        let is_before_cut = |row: &usize| self.cut.as_ref().is_none_or(|cut| ordered.row(*row) < cut.row());
        let mut order: Vec<usize> = (0..all.num_rows()).filter(is_before_cut).collect();
        order.sort_by(|a, b| ordered.row(*a).cmp(&ordered.row(*b)));
        order.truncate(self.keep);
        let indices: UInt64Array = order.iter().map(|row| *row as u64).collect();
        let all = take_record_batch(&all, &indices)?;
        let size = |row: usize| all.slice(row, 1).columns().iter().map(text_bytes).sum::<usize>();
        let mut bytes = 0;
        let fitting = (0..all.num_rows()).take_while(|row| {
            bytes += size(*row);
            *row == 0 || bytes <= MAX_BYTES
        });
        let kept = all.slice(0, fitting.count());
        if let Some(first_out) = order.get(kept.num_rows()) {
            self.cut = Some(ordered.row(*first_out).owned());
        }
        let last = if kept.num_rows() < all.num_rows() { kept.num_rows() } else { self.keep - 1 };
        if let Some(keys) = &self.keys
            && last < all.num_rows()
        {
            let keys = keys.convert_columns(&all.slice(last, 1).columns()[self.columns + 1..])?;
            self.last = Some(keys.row(0).owned());
        }
        let columns = kept.columns().iter().map(|column| without_neighbours(Arc::clone(column))).collect();
        let kept = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
        (self.rows, self.bytes) = (kept.num_rows(), kept.get_array_memory_size());
        self.held = vec![kept];
        Ok(())
    }

    /// The sample in its order, with the ids of its rows.
    pub(super) fn finish(
        mut self,
        columns: &SchemaRef,
    ) -> Result<(Vec<RecordBatch>, Vec<String>), ArrowError> {
        self.shrink()?;
        let Some(all) = self.held.pop() else { return Ok((Vec::new(), Vec::new())) };
        let ids = all.column(self.columns).as_string::<i32>();
        let ids = ids.iter().map(|id| id.unwrap_or_default().to_owned()).collect();
        let rows = RecordBatch::try_new(Arc::clone(columns), all.columns()[..self.columns].to_vec())?;
        Ok((vec![rows], ids))
    }
}

/// Lists and structs of users' checks have no order of their own.
fn is_sortable(data_type: &DataType) -> bool {
    !data_type.is_nested()
}

/// A column that holds on to its own values alone: views and slices share the buffers of whole batches.
fn without_neighbours(column: ArrayRef) -> ArrayRef {
    match column.data_type() {
        DataType::Utf8View => Arc::new(column.as_string_view().gc()),
        DataType::BinaryView => Arc::new(column.as_binary_view().gc()),
        _ => column,
    }
}

/// The bytes of the texts of a slice, and a word for each other value.
fn text_bytes(column: &ArrayRef) -> usize {
    match column.data_type() {
        DataType::Utf8View => column.as_string_view().iter().flatten().map(str::len).sum(),
        DataType::Utf8 => column.as_string::<i32>().iter().flatten().map(str::len).sum(),
        DataType::LargeUtf8 => column.as_string::<i64>().iter().flatten().map(str::len).sum(),
        _ => size_of::<u64>() * column.len(),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::Int64Array;

    use super::*;

    fn batch(rows: &[(i64, &str)]) -> (RecordBatch, Vec<ArrayRef>) {
        let numbers: ArrayRef =
            Arc::new(rows.iter().map(|(number, _)| Some(*number)).collect::<Int64Array>());
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values(rows.iter().map(|(_, text)| text)));
        (RecordBatch::try_from_iter([("text", texts)]).unwrap(), vec![numbers])
    }

    /// The sample of batches of rows: by number, then by their texts, which are their ids.
    fn sampled(keep: usize, batches: &[Vec<(i64, &str)>]) -> Vec<String> {
        let (columns, _) = batch(&[]);
        let order = [(DataType::Int64, SortOptions::default())];
        let mut sample = Sample::new(keep, &columns.schema(), &order).unwrap();
        for rows in batches {
            let (columns, keys) = batch(rows);
            let candidates = sample.candidates(&keys, 0..rows.len()).unwrap();
            let ids = candidates.iter().map(|row| rows[*row].1.to_owned()).collect();
            sample.add(&columns, &keys, &candidates, ids).unwrap();
        }
        sample.finish(&columns.schema()).unwrap().1
    }

    #[test]
    fn a_sample_does_not_depend_on_the_order_in_which_rows_come() {
        let rows: Vec<(i64, String)> =
            (0..9_000).map(|row| (row / 3, format!("{:05}", row * 7_919 % 9_000))).collect();
        let rows: Vec<(i64, &str)> = rows.iter().map(|(number, text)| (*number, text.as_str())).collect();
        let mut expected = rows.clone();
        expected.sort_unstable();
        let expected: Vec<&str> = expected.iter().take(50).map(|(_, text)| *text).collect();
        for turned in [false, true] {
            let mut rows = rows.clone();
            if turned {
                rows.reverse();
            }
            let batches: Vec<_> = rows.chunks(700).map(<[_]>::to_vec).collect();
            assert_eq!(sampled(50, &batches), expected, "turned: {turned}");
        }
        assert_eq!(sampled(0, &[rows]), Vec::<String>::new());
    }

    #[test]
    fn of_long_rows_fewer_are_kept_and_always_the_same() {
        let long = "x".repeat(300_000);
        let texts: Vec<String> = (0..20).map(|row| format!("{row:02}{long}")).collect();
        let mut rows: Vec<(i64, &str)> = (0..).zip(texts.iter().map(String::as_str)).collect();
        let forward = sampled(10, &rows.chunks(4).map(<[_]>::to_vec).collect::<Vec<_>>());
        rows.reverse();
        let backward = sampled(10, &rows.chunks(3).map(<[_]>::to_vec).collect::<Vec<_>>());
        assert_eq!(forward, backward);
        // A row's text is there twice: as its value and as its id.
        assert_eq!(forward.iter().map(|id| &id[..2]).collect::<Vec<_>>(), ["00"]);
        // Rows of one key, the first of which leave room for one that sorts behind the first without.
        let (half, third) = ("h".repeat(300_000), "t".repeat(150_000));
        let texts = [format!("0{half}"), format!("1{half}"), format!("2{third}"), "3".to_owned()];
        for key in [0, 1] {
            let rows: Vec<(i64, &str)> =
                (0..).zip(&texts).map(|(row, text)| (row * key, text.as_str())).collect();
            for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 2, 0, 3], [2, 1, 3, 0], [3, 0, 2, 1]] {
                let filler = "f".repeat(400_000);
                let mut batches: Vec<_> = order.iter().map(|row| vec![rows[*row]]).collect();
                // Behind all of them, so that what is held is cut between two batches.
                batches.splice(2..2, (0..4).map(|_| vec![(9, filler.as_str())]));
                let kept = sampled(10, &batches);
                assert_eq!(kept.iter().map(|id| &id[..1]).collect::<Vec<_>>(), ["0"], "{order:?}");
            }
        }
        let huge = "y".repeat(3 << 20);
        assert_eq!(sampled(10, &[vec![(1, huge.as_str())]]).len(), 1);
    }
}
