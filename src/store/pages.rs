//! Measures the pages of a column chunk before the parquet crate decodes them.
//!
//! A page header's numbers decide what is reserved: the size to decompress to, the values of a
//! dictionary, the values of a page. Each is held against the bytes that carry it. Only the encodings
//! that a studio writes pass, since the others take counts from the page's own damaged bytes.

use std::collections::VecDeque;

use datafusion::parquet::{
    basic::{Compression, Type},
    file::metadata::{ColumnChunkMetaData, RowGroupMetaData},
};

use super::{
    bytes::FileBytes,
    problem::FileProblem,
    thrift::{self, Value},
};
use crate::base::memory::decode_budget;

/// A page of a store is about a megabyte, and its largest value one gRPC message of 4 MiB.
const MAX_PAGE: i64 = 1 << 30;
/// LZ4 cannot expand beyond 255 bytes for one.
const LZ4_RATIO: i64 = 255;

const DATA_PAGE: i64 = 0;
const INDEX_PAGE: i64 = 1;
const DICTIONARY_PAGE: i64 = 2;
const DATA_PAGE_V2: i64 = 3;

const PLAIN: i64 = 0;
const PLAIN_DICTIONARY: i64 = 2;
const RLE: i64 = 3;
const RLE_DICTIONARY: i64 = 8;

/// Rows that are decoded at a time: their pages are held together.
const ROWS_HELD: i64 = 1_024;

/// What the chunks of a row group decode to, as far as it is held at a time, within the budget of the process.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    /// Where the columns of one group lie in the file.
    group: Option<i64>,
    held: u64,
}

impl Measured {
    /// Before a chunk is read: what of it lies on disk must have room, too.
    pub(crate) fn begin(&mut self, group: &RowGroupMetaData, bytes: u64) -> Result<(), FileProblem> {
        let first = group
            .columns()
            .iter()
            .map(datafusion::parquet::file::metadata::ColumnChunkMetaData::data_page_offset)
            .min();
        if self.group != first {
            *self = Self { group: first, held: 0 };
        }
        within_budget(bytes / STORED_SHARE)
    }

    /// Walks all page headers of one chunk.
    pub(crate) fn check_chunk(
        &mut self,
        column: &ColumnChunkMetaData,
        chunk: &[u8],
    ) -> Result<(), FileProblem> {
        let of_column = |reason| FileProblem::Page { column: column.column_path().string(), reason };
        self.held = self.held.saturating_add(walk(column, chunk).map_err(of_column)?);
        within_budget(self.held)
    }
}

/// Compressed bytes of a column may be so many times the budget: they are read, and do not grow.
const STORED_SHARE: u64 = 4;

fn within_budget(bytes: u64) -> Result<(), FileProblem> {
    let budget = decode_budget();
    if bytes > budget { Err(FileProblem::OverBudget { mb: budget >> 20 }) } else { Ok(()) }
}

/// The most that pages of a column take which are held together: those of so many rows, and the dictionary.
#[derive(Default)]
struct Pages {
    dictionary: u64,
    /// Values and bytes of each page that is held with the last.
    held: VecDeque<(i64, u64)>,
    values: i64,
    bytes: u64,
    most: u64,
}

impl Pages {
    fn add(&mut self, values: i64, bytes: u64) {
        self.held.push_back((values, bytes));
        self.values += values;
        self.bytes = self.bytes.saturating_add(bytes);
        self.most = self.most.max(self.bytes);
        // The first page may be held for its last row.
        while self.held.len() > 1 && self.values - self.held[0].0 >= ROWS_HELD {
            let Some((values, bytes)) = self.held.pop_front() else { break };
            self.values -= values;
            self.bytes -= bytes;
        }
    }
}

/// How many bytes of the column are held at a time.
fn walk(column: &ColumnChunkMetaData, chunk: &[u8]) -> Result<u64, String> {
    if column.column_descr().max_rep_level() > 0 {
        return Err("is a repeated column, which no studio writes".to_owned());
    }
    let mut rest = chunk;
    let mut values = 0_i64;
    let mut pages = Pages::default();
    while !rest.is_empty() {
        let offset = chunk.len() - rest.len();
        let Page { length, values: found, plain, is_dictionary } = check_page(column, rest)
            .map_err(|reason| format!("has a damaged page at byte {offset} of its chunk: {reason}"))?;
        rest = &rest[length..];
        values = values.saturating_add(found);
        if is_dictionary {
            pages.dictionary = pages.dictionary.max(plain);
        } else {
            pages.add(found, plain);
        }
    }
    if values != column.num_values() {
        return Err(format!("claims {} values, its pages {values}", column.num_values()));
    }
    Ok(pages.dictionary.saturating_add(pages.most))
}

/// A page by its header.
struct Page {
    /// With the header.
    length: usize,
    /// Of the column's values.
    values: i64,
    /// Bytes when it is decompressed.
    plain: u64,
    is_dictionary: bool,
}

fn check_page(column: &ColumnChunkMetaData, bytes: &[u8]) -> Result<Page, String> {
    let (header, header_length) = thrift::read_struct(bytes, &thrift::shape::PAGE_HEADER)
        .map_err(|err| format!("its header does not parse: {err}"))?;
    let number = |id, name| header.int(id).ok_or_else(|| format!("its header has no {name}"));
    let (plain_size, stored_size) = (number(2, "size")?, number(3, "compressed size")?);
    let body = &bytes[header_length..];
    let Some(stored) = usize::try_from(stored_size).ok().filter(|size| *size <= body.len()) else {
        return Err(format!("it claims {stored_size} bytes, {} are left", body.len()));
    };
    check_size(column.compression(), stored_size, plain_size)?;
    let page_type = number(1, "type")?;
    let values = match page_type {
        DATA_PAGE => check_data(header.field(5), column)?,
        DATA_PAGE_V2 => check_data_v2(header.field(8), column)?,
        DICTIONARY_PAGE => check_dictionary(header.field(7), column, plain_size)?,
        INDEX_PAGE => 0,
        other => return Err(format!("type {other} is unknown")),
    };
    Ok(Page {
        length: header_length + stored,
        values,
        plain: plain_size.unsigned_abs(),
        is_dictionary: page_type == DICTIONARY_PAGE,
    })
}

/// The rows of a data page, by its own header.
pub(super) fn page_rows(file: &FileBytes, offset: u64, length: u64) -> Result<i64, String> {
    const HEADER: u64 = 512;
    let header = |bytes: u64| {
        let mut buffer = vec![0; usize::try_from(bytes).map_err(|err| err.to_string())?];
        file.read_at(offset, &mut buffer).map_err(|err| err.to_string())?;
        let read = thrift::read_struct(&buffer, &thrift::shape::PAGE_HEADER);
        read.map_err(|err| format!("has a page at byte {offset} whose header does not parse: {err}"))
    };
    // Long values may stand in a header, too.
    let (header, _) = header(length.min(HEADER)).or_else(|_| header(length))?;
    let values = match header.int(1) {
        Some(DATA_PAGE) => header.field(5).and_then(|header| header.int(1)),
        Some(DATA_PAGE_V2) => header.field(8).and_then(|header| header.int(1)),
        _ => None,
    };
    values.ok_or_else(|| format!("has no data page at byte {offset}"))
}

fn check_size(codec: Compression, stored: i64, plain: i64) -> Result<(), String> {
    let possible = match codec {
        Compression::UNCOMPRESSED => plain == stored,
        Compression::LZ4_RAW | Compression::LZ4 => plain <= stored.saturating_mul(LZ4_RATIO),
        _ => true,
    };
    if possible && (0..=MAX_PAGE).contains(&plain) {
        Ok(())
    } else {
        Err(format!("{stored} bytes of {codec} cannot become {plain}"))
    }
}

fn check_data(header: Option<&Value>, column: &ColumnChunkMetaData) -> Result<i64, String> {
    let header = header.ok_or("a data page without its header")?;
    check_encoding(header.int(2), &[PLAIN, PLAIN_DICTIONARY, RLE, RLE_DICTIONARY])?;
    if column.column_descr().max_def_level() > 0 {
        check_encoding(header.int(3), &[RLE])?;
    }
    check_values(header.int(1), column.num_values())
}

fn check_data_v2(header: Option<&Value>, column: &ColumnChunkMetaData) -> Result<i64, String> {
    let header = header.ok_or("a data page without its header")?;
    check_encoding(header.int(4), &[PLAIN, PLAIN_DICTIONARY, RLE, RLE_DICTIONARY])?;
    let values = check_values(header.int(1), column.num_values())?;
    check_values(header.int(2), values)?;
    if header.int(3) == Some(values) { Ok(values) } else { Err("its rows are not its values".to_owned()) }
}

fn check_dictionary(header: Option<&Value>, column: &ColumnChunkMetaData, size: i64) -> Result<i64, String> {
    let header = header.ok_or("a dictionary page without its header")?;
    check_encoding(header.int(2), &[PLAIN, PLAIN_DICTIONARY])?;
    let width = match column.column_type() {
        Type::BOOLEAN => 1,
        Type::INT32 | Type::FLOAT | Type::BYTE_ARRAY => 4,
        Type::INT64 | Type::DOUBLE => 8,
        Type::INT96 => 12,
        Type::FIXED_LEN_BYTE_ARRAY => i64::from(column.column_descr().type_length().max(1)),
    };
    check_values(header.int(1), size / width)?;
    Ok(0)
}

fn check_encoding(encoding: Option<i64>, known: &[i64]) -> Result<(), String> {
    match encoding {
        Some(encoding) if known.contains(&encoding) => Ok(()),
        Some(encoding) => Err(format!("encoding {encoding}, which no studio writes")),
        None => Err("no encoding".to_owned()),
    }
}

fn check_values(values: Option<i64>, most: i64) -> Result<i64, String> {
    match values {
        Some(values) if (0..=most).contains(&values) => Ok(values),
        Some(values) => Err(format!("it claims {values} values, at most {most} are possible")),
        None => Err("no number of values".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::store::footer::footer;

    /// A page header as the compact protocol writes it, with a body of zeros.
    fn page(kind: i64, plain: i64, stored: i64, values: i64, encoding: i64) -> Vec<u8> {
        let mut bytes = Vec::new();
        for number in [kind, plain, stored] {
            bytes.push(0x15);
            varint(&mut bytes, number);
        }
        let (field, numbers) = match kind {
            DICTIONARY_PAGE => (0x4c, vec![values, encoding]),
            _ => (0x2c, vec![values, encoding, RLE, RLE]),
        };
        bytes.push(field);
        for number in numbers {
            bytes.push(0x15);
            varint(&mut bytes, number);
        }
        bytes.extend([0, 0]);
        bytes.extend(std::iter::repeat_n(0, usize::try_from(stored.clamp(0, 100)).unwrap()));
        bytes
    }

    fn varint(bytes: &mut Vec<u8>, number: i64) {
        let mut rest = (number << 1) ^ (number >> 63);
        while rest > 0x7f {
            bytes.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
            rest >>= 7;
        }
        bytes.push(u8::try_from(rest).unwrap());
    }

    #[test]
    fn a_page_cannot_claim_what_its_bytes_do_not_carry() {
        let fixture =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/studio-0.80.0/spans/hot_snapshot.parquet");
        let metadata = footer(&FileBytes::of_path(&fixture).unwrap()).unwrap().metadata;
        let span_id = metadata.row_group(0).column(0);
        let check = |pages: [Vec<u8>; 2], sentence: &str| {
            let found = Measured::default()
                .check_chunk(span_id, &pages.concat())
                .err()
                .map(|err| err.to_string())
                .unwrap_or_default();
            assert!(found.contains(sentence) && found.is_empty() == sentence.is_empty(), "{found}");
        };
        let dictionary = || page(DICTIONARY_PAGE, 160, 40, 8, PLAIN);
        let data = || page(DATA_PAGE, 10, 10, 8, RLE_DICTIONARY);
        check([dictionary(), data()], "");
        check([page(DICTIONARY_PAGE, 160, 40, 1 << 30, PLAIN), data()], "at most 40 are possible");
        check([page(DICTIONARY_PAGE, 1 << 30, 40, 8, PLAIN), data()], "cannot become 1073741824");
        check([page(DICTIONARY_PAGE, -1, 40, 8, PLAIN), data()], "cannot become -1");
        check([page(DICTIONARY_PAGE, 160, 4000, 8, PLAIN), data()], "it claims 4000 bytes");
        check([dictionary(), page(DATA_PAGE, 10, 10, 9, RLE_DICTIONARY)], "at most 8 are possible");
        check([dictionary(), page(DATA_PAGE, 10, 10, 7, RLE_DICTIONARY)], "claims 8 values, its pages 7");
        check([dictionary(), page(DATA_PAGE, 10, 10, 8, 5)], "encoding 5, which no studio writes");
        check([dictionary(), page(9, 10, 10, 8, PLAIN)], "type 9 is unknown");
    }

    #[test]
    fn what_is_held_is_the_dictionary_and_the_pages_of_the_rows_at_hand() {
        let held = |pages: &[(i64, u64)]| {
            let mut held = Pages::default();
            for (values, bytes) in pages {
                held.add(*values, *bytes);
            }
            held.most
        };
        assert_eq!(held(&[(5_000, 10), (5_000, 20), (5_000, 5)]), 30);
        assert_eq!(held(&[(1, 100); 10]), 1_000);
        assert_eq!(held(&[(512, 1); 10]), 3);
        assert_eq!(held(&[]), 0);
    }
}
