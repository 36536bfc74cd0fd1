//! Rows of recorded runs that differ from what was sent, kept whole until the source is read again.
//!
//! Their values go to a file without a name; what is held is where each begins. A changed mapping of the studio
//! makes every row differ.

use std::{
    fmt,
    io::{self, BufWriter, Write},
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use datafusion::{
    arrow::{array::RecordBatch, datatypes::SchemaRef},
    catalog::TableProvider,
    error::Result,
};

use super::{evidence::Address, spool::Spool};
use crate::{
    base::{
        arrays::{self, Kind, number},
        temporary::{self, Temporary},
    },
    contract::{row::Cell, schema::Schema},
    store::{bytes::read_at, layout::Tier, rows::StoredCells},
};

/// One such row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DifferingRow {
    pub(crate) run: usize,
    pub(crate) slot: u64,
    pub(crate) address: Address,
    pub(crate) schema: Schema,
    pub(crate) values: Values,
}

/// The values of a row in one piece of memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Values(Vec<u8>);

const LACKING: u8 = 0;
const NULL: u8 = 1;
const NUMBER: u8 = 2;
const TEXT: u8 = 3;

impl Values {
    pub(crate) fn of(cells: &StoredCells<'_>) -> Self {
        let mut bytes = Vec::new();
        for cell in cells {
            match cell {
                None => bytes.push(LACKING),
                Some(Cell::Null) => bytes.push(NULL),
                Some(Cell::Number(number)) => {
                    bytes.push(NUMBER);
                    bytes.extend_from_slice(&number.to_le_bytes());
                }
                Some(Cell::Text(text)) => {
                    bytes.push(TEXT);
                    push_text(text, &mut bytes);
                }
            }
        }
        Self(bytes)
    }

    pub(crate) fn cells(&self) -> StoredCells<'_> {
        let mut rest = Bytes(&self.0);
        std::array::from_fn(|_| match rest.take(1) {
            [NULL] => Some(Cell::Null),
            [NUMBER] => Some(Cell::Number(rest.long().cast_signed())),
            [TEXT] => Some(Cell::Text(rest.text())),
            _ => None,
        })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Of what [`Values::bytes`] gave.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

/// What is left of bytes that were written here.
struct Bytes<'b>(&'b [u8]);

impl<'b> Bytes<'b> {
    fn take(&mut self, count: usize) -> &'b [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn long(&mut self) -> u64 {
        self.take(8).try_into().map(u64::from_le_bytes).unwrap_or_default()
    }

    fn text(&mut self) -> &'b str {
        let length = self.long() as usize;
        str::from_utf8(self.take(length)).unwrap_or_default()
    }
}

fn push_text(text: &str, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
}

/// All such rows of a sweep.
pub(crate) struct DifferingRows {
    /// By run and slot: where a row begins in the file, and its length there.
    places: Arc<Spool>,
    file: Mutex<Option<Appended>>,
}

struct Appended {
    file: Arc<Temporary>,
    writer: BufWriter<Temporary>,
    length: u64,
}

/// A row's place in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowPlace {
    pub(crate) run: usize,
    pub(crate) slot: u64,
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

static PLACES: LazyLock<SchemaRef> = LazyLock::new(|| {
    arrays::schema(&[
        ("run", Kind::Number),
        ("slot", Kind::Number),
        ("offset", Kind::Number),
        ("length", Kind::Number),
    ])
});

impl fmt::Debug for DifferingRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DifferingRows({})", self.places.rows())
    }
}

impl DifferingRows {
    pub(crate) fn new(budget: usize) -> Self {
        Self { places: Arc::new(Spool::new(SchemaRef::clone(&PLACES), budget)), file: Mutex::default() }
    }

    pub(crate) fn count(&self) -> u64 {
        self.places.rows()
    }

    /// The places of all rows, with the columns `run`, `slot`, `offset` and `length`, in no order.
    pub(crate) fn places(&self) -> Arc<dyn TableProvider> {
        self.places.table()
    }

    /// Fails only where the disk takes no more.
    pub(super) fn push(&self, rows: &[DifferingRow]) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let places = rows.iter().map(|row| self.keep(row)).collect::<io::Result<Vec<_>>>()?;
        let column = |of: fn(&RowPlace) -> u64| number(places.iter().map(|row| Some(of(row).cast_signed())));
        let columns = vec![
            column(|row| row.run as u64),
            column(|row| row.slot),
            column(|row| row.offset),
            column(|row| row.length),
        ];
        self.places.push(RecordBatch::try_new(SchemaRef::clone(&PLACES), columns)?)
    }

    /// Keeps the values of a row, and tells where they lie.
    pub(super) fn keep(&self, row: &DifferingRow) -> io::Result<RowPlace> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let appended = match &mut *file {
            Some(appended) => appended,
            none => none.insert(Appended::create()?),
        };
        let (offset, length) = appended.append(row)?;
        Ok(RowPlace { run: row.run, slot: row.slot, offset, length })
    }

    pub(crate) fn read(&self, place: RowPlace) -> io::Result<DifferingRow> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let appended = file.as_mut().ok_or(io::ErrorKind::UnexpectedEof)?;
        appended.writer.flush()?;
        let file = Arc::clone(&appended.file);
        let mut bytes = vec![0; usize::try_from(place.length).unwrap_or_default()];
        read_at(file.as_file(), place.offset, &mut bytes)?;
        let mut rest = Bytes(&bytes);
        let (tier, schema) = (rest.take(1)[0], rest.take(1)[0]);
        let row_number = rest.long();
        let address = Address {
            tier: Tier::ALL.into_iter().find(|of| *of as u8 == tier).unwrap_or(Tier::Cold),
            file: rest.text().into(),
            row_number,
        };
        let schema = if schema == 2 { Schema::V2 } else { Schema::V1 };
        let values = Values(rest.0.to_vec());
        Ok(DifferingRow { run: place.run, slot: place.slot, address, schema, values })
    }
}

impl Appended {
    fn create() -> io::Result<Self> {
        let file = temporary::file()?;
        let writer = BufWriter::with_capacity(1 << 18, file.try_clone()?);
        Ok(Self { file: Arc::new(file), writer, length: 0 })
    }

    /// Where it was written, and how long it is.
    fn append(&mut self, row: &DifferingRow) -> io::Result<(u64, u64)> {
        let Address { tier, file, row_number } = &row.address;
        let mut bytes = vec![*tier as u8, if row.schema == Schema::V2 { 2 } else { 1 }];
        bytes.extend_from_slice(&row_number.to_le_bytes());
        push_text(file, &mut bytes);
        bytes.extend_from_slice(row.values.bytes());
        self.writer.write_all(&bytes)?;
        let place = (self.length, bytes.len() as u64);
        self.length += bytes.len() as u64;
        Ok(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::row::Row;

    #[test]
    fn a_row_is_read_as_it_was_kept() {
        let row = |number: u64| {
            let of = Row { name: format!("ä{number}"), start_time: -5, ..Row::default() };
            let mut cells = of.cells().map(Some);
            cells[number as usize] = None;
            let address = Address { tier: Tier::Wal, file: "wal/ö.ipc".into(), row_number: number };
            let values = Values::of(&cells);
            assert_eq!(values.cells(), cells);
            DifferingRow { run: 1, slot: 9 - number, address, schema: Schema::V1, values }
        };
        let rows = [row(3), row(8)];
        let kept = DifferingRows::new(1 << 20);
        kept.push(&rows).unwrap();
        let length =
            |row: &DifferingRow| 10 + 8 + row.address.file.len() as u64 + row.values.bytes().len() as u64;
        let place = RowPlace { run: 1, slot: 1, offset: length(&rows[0]), length: length(&rows[1]) };
        assert_eq!((kept.count(), kept.read(place).unwrap()), (2, rows[1].clone()));
    }
}
