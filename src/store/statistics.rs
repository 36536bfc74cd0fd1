//! A footer's statistics, held against the values of their column chunks.
//!
//! Whoever prunes by a minimum, a maximum or a null count believes it: one flipped bit there hides rows that still
//! decode. A statistic that is absent is no fault, nor is a long text that the writer cut to a bound.

use std::{fmt::Display, sync::Arc};

use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray, RecordBatch},
        compute::{max, max_string_view, min, min_string_view},
        datatypes::{ArrowPrimitiveType, DataType, Int8Type, Int64Type, TimestampNanosecondType, UInt32Type},
    },
    parquet::{
        data_type::ByteArray,
        file::{
            metadata::ParquetMetaData,
            statistics::{Statistics, ValueStatistics},
        },
    },
};

use super::footer::Footer;
use crate::contract::schema::{COLUMN_COUNT, Schema, column_name};

/// A statistic that is not what the values come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StatisticsFault {
    pub(crate) row_group: usize,
    pub(crate) column: &'static str,
    pub(crate) statistic: Statistic,
    /// By the values; none where all are null.
    pub(crate) actual: Option<String>,
    pub(crate) stated: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Statistic {
    Min,
    Max,
    NullCount,
}

impl Statistic {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Min => "min",
            Self::Max => "max",
            Self::NullCount => "null_count",
        }
    }
}

/// Compares the statistics of one file with its rows, which come in the file's order.
#[derive(Debug)]
pub(crate) struct ClaimedStatistics {
    metadata: Arc<ParquetMetaData>,
    /// The row group that the next row is of, and how many of its rows were seen.
    group: usize,
    seen: usize,
    columns: Vec<ColumnValues>,
    faults: Vec<StatisticsFault>,
}

/// What the values of one column come to, within a row group.
#[derive(Debug)]
struct ColumnValues {
    name: &'static str,
    /// Among the columns of the file.
    index: usize,
    /// Stored in the bits of signed numbers.
    is_unsigned: bool,
    nulls: u64,
    extremes: Option<Extremes>,
}

/// The least and the greatest value.
#[derive(Debug)]
enum Extremes {
    Number(i64, i64),
    Text(String, String),
}

impl ClaimedStatistics {
    /// Of the columns that the file has once, in the type that a studio gives them.
    pub(crate) fn of(footer: &Footer) -> Self {
        let is_right = |name: &str| footer.wrong_types.iter().all(|wrong| wrong.column != name);
        let columns = footer.metadata.file_metadata().schema_descr().columns().iter();
        let paths: Vec<String> = columns.map(|column| column.path().string()).collect();
        let stored = Schema::V2.stored();
        let column = |column: usize| {
            let name = column_name(column);
            if !is_right(name) || paths.iter().filter(|path| *path == name).count() != 1 {
                return None;
            }
            let index = paths.iter().position(|path| path == name)?;
            let is_unsigned = *stored.field(column).data_type() == DataType::UInt32;
            Some(ColumnValues { name, index, is_unsigned, nulls: 0, extremes: None })
        };
        Self {
            metadata: Arc::clone(&footer.metadata),
            group: 0,
            seen: 0,
            columns: (0..COLUMN_COUNT).filter_map(column).collect(),
            faults: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, batch: &RecordBatch) {
        let mut from = 0;
        while from < batch.num_rows() {
            let Some(group) = self.metadata.row_groups().get(self.group) else { return };
            let rows = usize::try_from(group.num_rows()).unwrap_or_default();
            let part = rows.saturating_sub(self.seen).min(batch.num_rows() - from);
            for column in &mut self.columns {
                if let Some(values) = batch.column_by_name(column.name) {
                    column.add(&values.slice(from, part));
                }
            }
            from += part;
            self.seen += part;
            if self.seen >= rows {
                self.end_group();
            }
        }
    }

    fn end_group(&mut self) {
        let group = self.metadata.row_group(self.group);
        for column in &mut self.columns {
            if self.seen > 0
                && let Some(statistics) = group.column(column.index).statistics()
            {
                column.compare(statistics, self.group, &mut self.faults);
            }
            (column.nulls, column.extremes) = (0, None);
        }
        (self.group, self.seen) = (self.group + 1, 0);
    }

    /// Of row groups that were read whole.
    pub(crate) fn faults(self) -> Vec<StatisticsFault> {
        self.faults
    }
}

impl ColumnValues {
    fn add(&mut self, values: &ArrayRef) {
        self.nulls += values.null_count() as u64;
        let numbers = match values.data_type() {
            DataType::Utf8View => {
                let texts = values.as_string_view();
                if let (Some(least), Some(most)) = (min_string_view(texts), max_string_view(texts)) {
                    self.add_texts(least, most);
                }
                return;
            }
            DataType::Int8 => range_of::<Int8Type>(values),
            DataType::Int64 => range_of::<Int64Type>(values),
            DataType::UInt32 => range_of::<UInt32Type>(values),
            DataType::Timestamp(..) => range_of::<TimestampNanosecondType>(values),
            _ => None,
        };
        let Some((least, most)) = numbers else { return };
        self.extremes = Some(match self.extremes.take() {
            Some(Extremes::Number(before, after)) => Extremes::Number(before.min(least), after.max(most)),
            _ => Extremes::Number(least, most),
        });
    }

    fn add_texts(&mut self, least: &str, most: &str) {
        let Some(Extremes::Text(before, after)) = &mut self.extremes else {
            self.extremes = Some(Extremes::Text(least.to_owned(), most.to_owned()));
            return;
        };
        if least < before.as_str() {
            least.clone_into(before);
        }
        if most > after.as_str() {
            most.clone_into(after);
        }
    }

    fn compare(&self, statistics: &Statistics, row_group: usize, faults: &mut Vec<StatisticsFault>) {
        let mut fault = |statistic: Statistic, actual: Option<String>, stated: String| {
            faults.push(StatisticsFault { row_group, column: self.name, statistic, actual, stated });
        };
        if let Some(stated) = statistics.null_count_opt()
            && stated != self.nulls
        {
            fault(Statistic::NullCount, Some(self.nulls.to_string()), stated.to_string());
        }
        let least_and_most = match (statistics, &self.extremes) {
            // Older writers ordered these by their signed bytes.
            (Statistics::ByteArray(_), _) if statistics.is_min_max_deprecated() => return,
            (Statistics::ByteArray(stated), extremes) => {
                let (least, most) = match extremes {
                    Some(Extremes::Text(least, most)) => (Some(least.as_str()), Some(most.as_str())),
                    Some(Extremes::Number(..)) | None => (None, None),
                };
                let min = stated.min_opt().map(ByteArray::data);
                let min = min.filter(|min| !is_least(min, stated.min_is_exact(), least));
                let max = stated.max_opt().map(ByteArray::data);
                let max = max.filter(|max| !is_most(max, stated.max_is_exact(), most));
                [(min, least), (max, most)].map(|(stated, actual)| {
                    stated.map(|stated| (actual.map(|actual| beside(actual, stated.len())), shown(stated)))
                })
            }
            (Statistics::Int32(stated), extremes) => {
                if self.is_unsigned && statistics.is_min_max_deprecated() {
                    return;
                }
                let number = |bits: &i32| {
                    if self.is_unsigned { i64::from(bits.cast_unsigned()) } else { i64::from(*bits) }
                };
                numbers(stated, extremes.as_ref(), number)
            }
            (Statistics::Int64(stated), extremes) => numbers(stated, extremes.as_ref(), |stated| *stated),
            _ => return,
        };
        for (statistic, found) in [Statistic::Min, Statistic::Max].into_iter().zip(least_and_most) {
            if let Some((actual, stated)) = found {
                fault(statistic, actual, stated);
            }
        }
    }
}

fn range_of<T: ArrowPrimitiveType>(values: &ArrayRef) -> Option<(i64, i64)>
where
    T::Native: Into<i64>,
{
    let values = values.as_primitive::<T>();
    Some((min(values)?.into(), max(values)?.into()))
}

/// The minimum and the maximum that are wrong: what it is, and what is stated.
type Wrong = [Option<(Option<String>, String)>; 2];

fn numbers<T>(stated: &ValueStatistics<T>, extremes: Option<&Extremes>, number: impl Fn(&T) -> i64) -> Wrong {
    let (least, most) = match extremes {
        Some(Extremes::Number(least, most)) => (Some(*least), Some(*most)),
        Some(Extremes::Text(..)) | None => (None, None),
    };
    [(stated.min_opt(), least), (stated.max_opt(), most)].map(|(stated, actual)| {
        let stated = number(stated?);
        (actual != Some(stated)).then(|| (actual.map(text), text(stated)))
    })
}

fn text(value: impl Display) -> String {
    value.to_string()
}

/// Whether this may stand as the least of texts: itself, or as far as the writer kept it.
fn is_least(stated: &[u8], is_exact: bool, least: Option<&str>) -> bool {
    least.is_some_and(|least| {
        let least = least.as_bytes();
        if is_exact { stated == least } else { least.starts_with(stated) }
    })
}

/// Whether this may stand as the greatest of texts. A text that was cut has its last character raised: else it were
/// no bound.
fn is_most(stated: &[u8], is_exact: bool, most: Option<&str>) -> bool {
    most.is_some_and(|most| {
        let kept = str::from_utf8(stated).ok().and_then(|stated| {
            let (last, _) = stated.char_indices().next_back()?;
            Some(&stated.as_bytes()[..last])
        });
        let is_bound =
            || stated > most.as_bytes() && kept.is_some_and(|kept| most.as_bytes().starts_with(kept));
        stated == most.as_bytes() || (!is_exact && is_bound())
    })
}

/// Of a longer text so much that the other can be compared.
fn beside(text: &str, length: usize) -> String {
    const MORE: usize = 8;
    let mut kept: String = text.chars().take(length + MORE).collect();
    if kept.len() < text.len() {
        kept.push('…');
    }
    kept
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_was_cut_is_a_bound() {
        let long = "{\"a\":\"".to_owned() + &"ü".repeat(40);
        let cut = &long.as_bytes()[..64];
        assert!(is_least(long.as_bytes(), true, Some(&long)));
        assert!(is_least(cut, false, Some(&long)));
        assert!(!is_least(cut, true, Some(&long)));
        assert!(!is_least(b"{\"b", false, Some(&long)));
        assert!(!is_least(b"a", true, None));

        let raised = |last: &str| format!("{}{last}", str::from_utf8(&cut[..62]).unwrap());
        assert!(is_most(raised("ý").as_bytes(), false, Some(&long)));
        assert!(!is_most(raised("ý").as_bytes(), true, Some(&long)));
        assert!(!is_most(raised("û").as_bytes(), false, Some(&long)));
        assert!(is_most(b"|", false, Some("{\"a")));
        assert!(!is_most(b"}}", false, Some("{\"a")));
        assert!(is_most(b"abc", false, Some("abc")));
    }
}
