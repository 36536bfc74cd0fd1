//! A footer's statistics and page indexes, held against the values of their column chunks and pages.
//!
//! Whoever prunes by a minimum, a maximum or a null count believes it: one flipped bit there hides rows that still
//! decode. A statistic that is absent is no fault, nor is a long text that the writer cut to a bound.

use std::{cmp::Ordering, fmt::Display, sync::Arc};

use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray, RecordBatch, StringViewArray},
        compute::{max, min},
        datatypes::{ArrowPrimitiveType, DataType, Int8Type, Int64Type, TimestampNanosecondType, UInt32Type},
    },
    parquet::{
        data_type::ByteArray,
        file::{
            metadata::{ParquetMetaData, RowGroupMetaData},
            statistics::{Statistics, ValueStatistics},
        },
    },
};

use super::{
    bytes::FileBytes,
    footer::Footer,
    page_index::{self, Order, PageIndex, Wrong},
};
use crate::contract::schema::{COLUMN_COUNT, Schema, column_name};

/// A statistic that is not what the values come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StatisticsFault {
    pub(crate) row_group: usize,
    /// The first page of its column chunk of which that is so; none of what is stated of the whole chunk.
    pub(crate) page: Option<usize>,
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
    /// Whether a page has nulls alone.
    NullPage,
    /// The order of the least and the greatest values of pages.
    Order,
    /// An index that cannot be read, or not that of its pages.
    ColumnIndex,
    OffsetIndex,
}

impl Statistic {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Min => "min",
            Self::Max => "max",
            Self::NullCount => "null_count",
            Self::NullPage => "null_page",
            Self::Order => "boundary_order",
            Self::ColumnIndex => "column_index",
            Self::OffsetIndex => "offset_index",
        }
    }
}

/// Compares the statistics of one file with its rows, which come in the file's order.
#[derive(Debug)]
pub(crate) struct ClaimedStatistics {
    metadata: Arc<ParquetMetaData>,
    /// For the page indexes.
    file: Arc<FileBytes>,
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
    is_text: bool,
    /// Of the row group, without its last page.
    values: Values,
    pages: PageIndex,
    /// The page that the next row is of, how many of its rows were seen, and what they come to.
    page: usize,
    seen: usize,
    of_page: Values,
    /// What was found wrong of pages: the first of each kind is told.
    told: Vec<Statistic>,
}

/// What some values come to.
#[derive(Debug, Default)]
struct Values {
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
            let kind = stored.field(column).data_type();
            let is_unsigned = *kind == DataType::UInt32;
            let is_text = matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
            Some(ColumnValues {
                name,
                index,
                is_unsigned,
                is_text,
                values: Values::default(),
                pages: PageIndex::default(),
                page: 0,
                seen: 0,
                of_page: Values::default(),
                told: Vec::new(),
            })
        };
        let mut claimed = Self {
            metadata: Arc::clone(&footer.metadata),
            file: Arc::clone(&footer.bytes),
            group: 0,
            seen: 0,
            columns: (0..COLUMN_COUNT).filter_map(column).collect(),
            faults: Vec::new(),
        };
        claimed.begin_group();
        claimed
    }

    fn begin_group(&mut self) {
        let Some(group) = self.metadata.row_groups().get(self.group) else { return };
        for column in &mut self.columns {
            column.begin(&self.file, group, self.group, &mut self.faults);
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
                    column.add(&values.slice(from, part), self.group, &mut self.faults);
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
            column.values.add(std::mem::take(&mut column.of_page));
            if self.seen > 0
                && let Some(statistics) = group.column(column.index).statistics()
            {
                column.compare(statistics, self.group, &mut self.faults);
            }
        }
        (self.group, self.seen) = (self.group + 1, 0);
        self.begin_group();
    }

    /// Of row groups that were read whole, and of pages.
    pub(crate) fn faults(self) -> Vec<StatisticsFault> {
        self.faults
    }
}

impl Values {
    fn of(values: &ArrayRef) -> Self {
        Self { nulls: values.null_count() as u64, extremes: extremes(values) }
    }

    fn add(&mut self, other: Self) {
        self.nulls += other.nulls;
        self.extremes = match (self.extremes.take(), other.extremes) {
            (Some(Extremes::Number(least, most)), Some(Extremes::Number(other_least, other_most))) => {
                Some(Extremes::Number(least.min(other_least), most.max(other_most)))
            }
            (Some(Extremes::Text(least, most)), Some(Extremes::Text(other_least, other_most))) => {
                Some(Extremes::Text(least.min(other_least), most.max(other_most)))
            }
            (mine, other) => mine.or(other),
        };
    }
}

/// The least and the greatest of some values; none where all are null.
fn extremes(values: &ArrayRef) -> Option<Extremes> {
    let (least, most) = match values.data_type() {
        DataType::Utf8View => {
            let (least, most) = text_range(values.as_string_view())?;
            return Some(Extremes::Text(least.to_owned(), most.to_owned()));
        }
        DataType::Int8 => range_of::<Int8Type>(values)?,
        DataType::Int64 => range_of::<Int64Type>(values)?,
        DataType::UInt32 => range_of::<UInt32Type>(values)?,
        DataType::Timestamp(..) => range_of::<TimestampNanosecondType>(values)?,
        _ => return None,
    };
    Some(Extremes::Number(least, most))
}

/// The least and the greatest text. A text that is its neighbour's again is passed over by its view, and most others
/// are told apart by the bytes that a view begins with.
fn text_range(texts: &StringViewArray) -> Option<(&str, &str)> {
    let views = texts.views();
    // Of a text shorter than this the rest of the view's bytes are zeros.
    let start = |view: u128| ((view >> 32) as u32).swap_bytes();
    let first = (0..texts.len()).find(|index| texts.is_valid(*index))?;
    let (mut least, mut most) = (first, first);
    let (mut before, has_nulls) = (views[first], texts.null_count() > 0);
    for (index, view) in views.iter().enumerate().skip(first + 1) {
        if *view == before || has_nulls && texts.is_null(index) {
            continue;
        }
        before = *view;
        let (mine, lowest, highest) = (start(*view), start(views[least]), start(views[most]));
        if mine > lowest && mine < highest {
            continue;
        }
        let text = texts.value(index);
        if mine <= lowest && text < texts.value(least) {
            least = index;
        } else if mine >= highest && text > texts.value(most) {
            most = index;
        }
    }
    Some((texts.value(least), texts.value(most)))
}

impl ColumnValues {
    /// Before the first row of a row group.
    fn begin(
        &mut self,
        file: &FileBytes,
        group: &RowGroupMetaData,
        row_group: usize,
        faults: &mut Vec<StatisticsFault>,
    ) {
        (self.values, self.of_page) = (Values::default(), Values::default());
        (self.page, self.seen) = (0, 0);
        self.told.clear();
        self.pages = match page_index::read(file, group.column(self.index), group.num_rows()) {
            Ok(pages) => pages.unwrap_or_default(),
            Err(Wrong { is_of_offsets, reason }) => {
                let statistic = if is_of_offsets { Statistic::OffsetIndex } else { Statistic::ColumnIndex };
                faults.push(StatisticsFault {
                    row_group,
                    page: None,
                    column: self.name,
                    statistic,
                    actual: None,
                    stated: reason,
                });
                PageIndex::default()
            }
        };
        if let Some(stated) = self.wrong_order() {
            let (column, statistic) = (self.name, Statistic::Order);
            let stated = stated.to_owned();
            faults.push(StatisticsFault { row_group, page: None, column, statistic, actual: None, stated });
        }
    }

    /// The rest of a row group's values, up to all of them.
    fn add(&mut self, values: &ArrayRef, row_group: usize, faults: &mut Vec<StatisticsFault>) {
        let mut from = 0;
        while from < values.len() {
            let rows = self.pages.rows.get(self.page).copied();
            let left = rows.map_or(usize::MAX, |rows| rows.saturating_sub(self.seen));
            let part = left.min(values.len() - from);
            self.of_page.add(Values::of(&values.slice(from, part)));
            from += part;
            self.seen += part;
            if rows.is_some_and(|rows| self.seen >= rows) {
                self.end_page(row_group, faults);
            }
        }
    }

    fn end_page(&mut self, row_group: usize, faults: &mut Vec<StatisticsFault>) {
        for (statistic, actual, stated) in self.wrong_of_page() {
            self.tell(row_group, statistic, actual, stated, faults);
        }
        self.values.add(std::mem::take(&mut self.of_page));
        (self.page, self.seen) = (self.page + 1, 0);
    }

    /// Tells of the first page of a chunk with a fault of a kind.
    fn tell(
        &mut self,
        row_group: usize,
        statistic: Statistic,
        actual: Option<String>,
        stated: String,
        faults: &mut Vec<StatisticsFault>,
    ) {
        if !self.told.contains(&statistic) {
            self.told.push(statistic);
            let page = Some(self.page);
            faults.push(StatisticsFault { row_group, page, column: self.name, statistic, actual, stated });
        }
    }

    /// What the index says of the current page and its values do not come to: by them, and as stated.
    fn wrong_of_page(&self) -> Vec<(Statistic, Option<String>, String)> {
        let Some(stated) = &self.pages.values else { return Vec::new() };
        let (page, mut wrong) = (self.page, Vec::new());
        if let Some(nulls) = stated.nulls.as_ref().map(|nulls| nulls[page])
            && u64::try_from(nulls) != Ok(self.of_page.nulls)
        {
            wrong.push((Statistic::NullCount, Some(self.of_page.nulls.to_string()), nulls.to_string()));
        }
        let is_null = self.of_page.extremes.is_none();
        if stated.are_null[page] != is_null {
            wrong.push((Statistic::NullPage, Some(is_null.to_string()), stated.are_null[page].to_string()));
            return wrong;
        }
        let (least, most) = (&stated.least[page], &stated.most[page]);
        match &self.of_page.extremes {
            None => {}
            Some(Extremes::Number(min, max)) => {
                for (statistic, actual, stated) in [(Statistic::Min, min, least), (Statistic::Max, max, most)]
                {
                    let stated = self.number(stated);
                    if stated != Some(*actual) {
                        let stated = stated.map_or_else(|| "no number".to_owned(), text);
                        wrong.push((statistic, Some(text(actual)), stated));
                    }
                }
            }
            Some(Extremes::Text(min, max)) => {
                if !is_least(least, false, Some(min)) {
                    wrong.push((Statistic::Min, Some(beside(min, least.len())), shown(least)));
                }
                if !is_most(most, false, Some(max)) {
                    wrong.push((Statistic::Max, Some(beside(max, most.len())), shown(most)));
                }
            }
        }
        wrong
    }

    /// A value of an index in the plain encoding.
    fn number(&self, bytes: &[u8]) -> Option<i64> {
        match bytes.len() {
            4 if self.is_unsigned => Some(u32::from_le_bytes(bytes.try_into().ok()?).into()),
            4 => Some(i32::from_le_bytes(bytes.try_into().ok()?).into()),
            8 => Some(i64::from_le_bytes(bytes.try_into().ok()?)),
            _ => None,
        }
    }

    /// The order that the index claims of its pages, where they are not in it: readers search by halves.
    fn wrong_order(&self) -> Option<&'static str> {
        let stated = self.pages.values.as_ref()?;
        let (name, outside) = match stated.order {
            Order::None => return None,
            Order::Ascending => ("ascending", Ordering::Greater),
            Order::Descending => ("descending", Ordering::Less),
        };
        let compare = |one: &Vec<u8>, other: &Vec<u8>| {
            if self.is_text { one.cmp(other) } else { self.number(one).cmp(&self.number(other)) }
        };
        let in_order = |values: &[Vec<u8>]| {
            let values =
                values.iter().zip(&stated.are_null).filter(|(_, null)| !**null).map(|(value, _)| value);
            values.is_sorted_by(|one, other| compare(one, other) != outside)
        };
        (!in_order(&stated.least) || !in_order(&stated.most)).then_some(name)
    }

    fn compare(&self, statistics: &Statistics, row_group: usize, faults: &mut Vec<StatisticsFault>) {
        let mut fault = |statistic: Statistic, actual: Option<String>, stated: String| {
            let column = self.name;
            faults.push(StatisticsFault { row_group, page: None, column, statistic, actual, stated });
        };
        let Values { nulls, extremes } = &self.values;
        if let Some(stated) = statistics.null_count_opt()
            && stated != *nulls
        {
            fault(Statistic::NullCount, Some(nulls.to_string()), stated.to_string());
        }
        let least_and_most = match (statistics, extremes) {
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
type WrongRange = [Option<(Option<String>, String)>; 2];

fn numbers<T>(
    stated: &ValueStatistics<T>,
    extremes: Option<&Extremes>,
    number: impl Fn(&T) -> i64,
) -> WrongRange {
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
        let is_bound = || {
            stated > most.as_bytes()
                && stated.len() < most.len()
                && kept.is_some_and(|kept| most.as_bytes().starts_with(kept))
        };
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
    use proptest::{collection::vec, option, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn the_range_of_texts_is_that_of_their_order(
            texts in vec(option::of("[\\x00ab]{0,6}|prefix of some texts [ab]{0,3}"), 0..20),
        ) {
            let array: StringViewArray = texts.iter().collect();
            let sorted = texts.iter().flatten().map(String::as_str);
            prop_assert_eq!(text_range(&array), sorted.clone().min().zip(sorted.max()));
        }
    }

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
