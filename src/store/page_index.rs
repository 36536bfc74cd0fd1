//! A column chunk's page index, as far as it can be held against its pages and their values.
//!
//! Readers that prune by pages believe it: the offset index says where each page lies and which rows it has, the
//! column index what its least and greatest values are. Both lie outside the footer. Its bytes are measured before
//! anything is reserved by them; where pages lie is held against their own headers here, and what they hold by
//! `statistics`.

use datafusion::parquet::file::metadata::ColumnChunkMetaData;

use super::{
    bytes::FileBytes,
    pages::page_rows,
    thrift::{self, Value},
};

/// Some thousand times what a column of 25 MB of spans needs.
const MAX_INDEX: u64 = 4 << 20;

/// What an index says of the pages of one chunk.
#[derive(Debug, Default)]
pub(super) struct PageIndex {
    /// Rows of each page.
    pub(super) rows: Vec<usize>,
    /// None where there is no column index.
    pub(super) values: Option<PageValues>,
}

/// What a column index says of the values of each page.
#[derive(Debug)]
pub(super) struct PageValues {
    pub(super) are_null: Vec<bool>,
    pub(super) least: Vec<Vec<u8>>,
    pub(super) most: Vec<Vec<u8>>,
    pub(super) order: Order,
    /// Not every writer counts nulls.
    pub(super) nulls: Option<Vec<i64>>,
}

/// Which order an index claims of the least and the greatest values of its pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    None,
    Ascending,
    Descending,
}

/// An index that is none, or not that of its pages.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) is_of_offsets: bool,
    pub(super) reason: String,
}

/// The index of a chunk with so many rows; nothing where the file has none.
pub(super) fn read(
    file: &FileBytes,
    column: &ColumnChunkMetaData,
    rows: i64,
) -> Result<Option<PageIndex>, Wrong> {
    let offsets = place(column.offset_index_offset(), column.offset_index_length());
    let values = place(column.column_index_offset(), column.column_index_length());
    // Without the places of pages nobody can use the rest.
    let Some(offsets) = offsets else { return Ok(None) };
    let wrong = |is_of_offsets| move |reason| Wrong { is_of_offsets, reason };
    let locations = structure(file, offsets).and_then(|index| locations(&index)).map_err(wrong(true))?;
    let page_rows = check_locations(file, column, rows, &locations).map_err(wrong(true))?;
    let values =
        values.map(|place| structure(file, place).and_then(|index| page_values(&index, page_rows.len())));
    Ok(Some(PageIndex { rows: page_rows, values: values.transpose().map_err(wrong(false))? }))
}

fn place(offset: Option<i64>, length: Option<i32>) -> Option<(i64, i32)> {
    offset.zip(length)
}

fn structure(file: &FileBytes, (offset, length): (i64, i32)) -> Result<Value, String> {
    let size = file.size().map_err(|err| err.to_string())?;
    let place = u64::try_from(offset).ok().zip(u64::try_from(length).ok());
    let inside = place.filter(|(offset, length)| {
        *length > 0 && *length <= MAX_INDEX && offset.checked_add(*length).is_some_and(|end| end <= size)
    });
    let Some((offset, length)) = inside else {
        return Err(format!("lies at bytes {offset}+{length} of a file of {size}"));
    };
    let mut bytes = vec![0; usize::try_from(length).map_err(|err| err.to_string())?];
    file.read_at(offset, &mut bytes).map_err(|err| err.to_string())?;
    thrift::read_contents(&bytes).map_err(|err| format!("does not parse: {err}"))
}

/// Where a page lies, how long it is with its header, and its first row within the row group.
type Location = (i64, i64, i64);

fn locations(index: &Value) -> Result<Vec<Location>, String> {
    const LOCATIONS: i16 = 1;
    let pages = index.field(LOCATIONS).map(Value::items).unwrap_or_default();
    let page = |page: &Value| Some((page.int(1)?, page.int(2)?, page.int(3)?));
    pages.iter().map(page).collect::<Option<_>>().ok_or_else(|| "has a page without its place".to_owned())
}

/// The rows of each page, by the index and by the page's own header.
fn check_locations(
    file: &FileBytes,
    column: &ColumnChunkMetaData,
    rows: i64,
    pages: &[Location],
) -> Result<Vec<usize>, String> {
    let (start, length) = column.byte_range();
    let end = start.saturating_add(length).cast_signed();
    let (mut next_offset, mut of_pages) = (column.data_page_offset(), Vec::with_capacity(pages.len()));
    for (page, (offset, length, first_row)) in pages.iter().enumerate() {
        if *offset != next_offset || *length <= 0 {
            return Err(format!(
                "has page {page} at bytes {offset}+{length}, where {next_offset} is its begin"
            ));
        }
        next_offset = offset.saturating_add(*length);
        if next_offset > end {
            return Err(format!("has page {page} at bytes {offset}+{length} of a chunk that ends at {end}"));
        }
        let next_row = pages.get(page + 1).map_or(rows, |(.., next)| *next);
        let claimed = next_row.checked_sub(*first_row).filter(|_| page > 0 || *first_row == 0);
        let actual = page_rows(file, offset.unsigned_abs(), length.unsigned_abs())?;
        match claimed.filter(|claimed| *claimed == actual).and_then(|rows| usize::try_from(rows).ok()) {
            Some(rows) => of_pages.push(rows),
            None => {
                return Err(format!("has rows from {first_row} to {next_row} in page {page} of {actual}"));
            }
        }
    }
    if next_offset != end {
        return Err(format!("ends at byte {next_offset}, its chunk at {end}"));
    }
    Ok(of_pages)
}

fn page_values(index: &Value, pages: usize) -> Result<PageValues, String> {
    let items = |id| index.field(id).map(Value::items).unwrap_or_default();
    let truth = |value: &Value| if let Value::Truth(truth) = value { Some(*truth) } else { None };
    let content = |value: &Value| if let Value::Content(bytes) = value { Some(bytes.clone()) } else { None };
    let number = |value: &Value| if let Value::Int(number) = value { Some(*number) } else { None };
    let are_null: Option<Vec<bool>> = items(1).iter().map(truth).collect();
    let least: Option<Vec<Vec<u8>>> = items(2).iter().map(content).collect();
    let most: Option<Vec<Vec<u8>>> = items(3).iter().map(content).collect();
    let nulls: Option<Option<Vec<i64>>> =
        index.field(5).map(|_| items(5).iter().map(number).collect::<Option<Vec<_>>>());
    let order = match index.int(4) {
        Some(0) => Order::None,
        Some(1) => Order::Ascending,
        Some(2) => Order::Descending,
        _ => return Err("claims an order that is none".to_owned()),
    };
    let (Some(are_null), Some(least), Some(most)) = (are_null, least, most) else {
        return Err("has values of another kind".to_owned());
    };
    let nulls = match nulls {
        None => None,
        Some(Some(nulls)) => Some(nulls),
        Some(None) => return Err("has counts that are no numbers".to_owned()),
    };
    let counts = [are_null.len(), least.len(), most.len(), nulls.as_ref().map_or(pages, Vec::len)];
    if counts.iter().any(|count| *count != pages) {
        return Err(format!("tells of {} pages, there are {pages}", are_null.len()));
    }
    Ok(PageValues { are_null, least, most, order, nulls })
}
