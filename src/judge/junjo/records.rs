//! The records of all rows with Junjo telemetry, in the buckets of their traces: beyond a budget in files without
//! a name.

use std::{
    collections::HashSet,
    io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{record::cut, record_shapes::RecordShapes};
use crate::{
    base::temporary::{self, Temporary},
    judge::{
        facts::{BUCKETS, bucket_of},
        interner::Symbol,
    },
};

/// Bytes of a bucket that are analysed at a time; a trace that is larger is analysed as a whole.
const PART: u64 = 24 << 20;

/// Bytes of the length before each record.
const LENGTH: usize = size_of::<u32>();

/// Bytes of the trace's id, with which a record begins.
const TRACE: usize = size_of::<u128>();

/// Most files that a large bucket is split into.
const MAX_PARTS: u64 = 128;

/// All records. Those of a file that a flush took are in another file by now, and are passed over.
#[derive(Debug)]
pub(crate) struct Records {
    buckets: Vec<Mutex<Bucket>>,
    shapes: RecordShapes,
    /// Bytes that a bucket holds before they go to disk.
    share: usize,
    forgotten: Mutex<HashSet<Symbol>>,
    count: AtomicU64,
}

/// Records behind their trace, packed.
#[derive(Debug, Default)]
struct Bucket {
    held: Vec<u8>,
    file: Option<Temporary>,
    on_disk: u64,
    /// Of the records as they were before.
    bytes: u64,
}

impl Records {
    pub(crate) fn new(budget: usize) -> Self {
        Self {
            buckets: (0..BUCKETS).map(|_| Mutex::default()).collect(),
            shapes: RecordShapes::default(),
            share: (budget / BUCKETS).max(16 << 10),
            forgotten: Mutex::default(),
            count: AtomicU64::new(0),
        }
    }

    /// How many rows carry Junjo telemetry, those of files that a flush took among them.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Adds the record of a row, which begins with its trace.
    pub(crate) fn add(&self, record: &[u8]) -> io::Result<()> {
        let (trace, rest) = record.split_first_chunk::<TRACE>().ok_or_else(cut)?;
        let mut bucket = self.bucket(bucket_of(u128::from_le_bytes(*trace)));
        push(&mut bucket.held, |out| {
            out.extend_from_slice(trace);
            self.shapes.pack(rest, out);
        });
        bucket.bytes += (LENGTH + record.len()) as u64;
        self.count.fetch_add(1, Ordering::Relaxed);
        if bucket.held.len() > self.share { bucket.spill() } else { Ok(()) }
    }

    /// Passes over what a file said.
    pub(crate) fn forget(&self, file: Symbol) {
        self.forgotten.lock().unwrap_or_else(PoisonError::into_inner).insert(file);
    }

    /// The files whose records are passed over.
    pub(crate) fn forgotten(&self) -> HashSet<Symbol> {
        self.forgotten.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn bucket(&self, index: usize) -> MutexGuard<'_, Bucket> {
        self.buckets[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `look` with the records of a bucket, in parts of whole traces. They are read into `room`, which a caller
    /// keeps from bucket to bucket.
    pub(crate) fn each_part(
        &self,
        index: usize,
        room: &mut Vec<u8>,
        mut look: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut bucket = self.bucket(index);
        if bucket.bytes == 0 {
            return Ok(());
        }
        room.clear();
        if bucket.bytes <= PART {
            room.reserve_exact(bucket.bytes as usize);
            bucket.each_packed(|packed| self.unpack(packed, room))?;
            drop(bucket);
            return look(room);
        }
        let parts = (2 * bucket.bytes / PART + 1).min(MAX_PARTS);
        let mut files = (0..parts)
            .map(|_| Ok(BufWriter::with_capacity(4 << 10, temporary::file()?)))
            .collect::<io::Result<Vec<_>>>()?;
        bucket.each_packed(|packed| {
            let trace = packed.first_chunk().map_or(0, |bytes| u128::from_le_bytes(*bytes));
            let file = &mut files[part_of(trace, parts)];
            file.write_all(&(packed.len() as u32).to_le_bytes())?;
            file.write_all(packed)
        })?;
        drop(bucket);
        for file in files {
            let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
            let bytes = file.seek(SeekFrom::End(0))?;
            room.clear();
            each_of_file(&mut file, bytes, &mut |packed| self.unpack(packed, room))?;
            look(room)?;
        }
        Ok(())
    }

    /// Appends a record behind its length.
    fn unpack(&self, packed: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let (trace, rest) = packed.split_first_chunk::<TRACE>().ok_or_else(cut)?;
        let mut unpacked = None;
        push(out, |out| {
            out.extend_from_slice(trace);
            unpacked = self.shapes.unpack(rest, out);
        });
        unpacked.ok_or_else(cut)
    }
}

fn part_of(trace: u128, parts: u64) -> usize {
    let mixed = (trace as u64 ^ (trace >> 64) as u64).wrapping_mul(0xff51_afd7_ed55_8ccd);
    ((mixed >> 20) % parts) as usize
}

impl Bucket {
    fn spill(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(temporary::file()?),
        };
        file.write_all(&self.held)?;
        self.on_disk += self.held.len() as u64;
        self.held.clear();
        Ok(())
    }

    fn each_packed(&mut self, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            each_of_file(file, self.on_disk, &mut take)?;
        }
        split(&self.held).try_for_each(take)
    }
}

/// Reads records from the beginning of a file of so many bytes.
fn each_of_file(
    file: &mut Temporary,
    bytes: u64,
    take: &mut impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    let mut reader = BufReader::with_capacity(1 << 18, file);
    let mut record = Vec::new();
    let mut left = bytes;
    while left > 0 {
        let mut length = [0; LENGTH];
        reader.read_exact(&mut length)?;
        record.resize(u32::from_le_bytes(length) as usize, 0);
        reader.read_exact(&mut record)?;
        left -= (LENGTH + record.len()) as u64;
        take(&record)?;
    }
    Ok(())
}

/// Appends a record behind its length.
pub(crate) fn push(records: &mut Vec<u8>, encode: impl FnOnce(&mut Vec<u8>)) {
    let start = records.len();
    records.extend_from_slice(&[0; LENGTH]);
    encode(records);
    let length = (records.len() - start - LENGTH) as u32;
    records[start..start + LENGTH].copy_from_slice(&length.to_le_bytes());
}

/// The records of a part.
pub(crate) fn split(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = bytes.split_first_chunk()?;
        let (record, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        bytes = rest;
        Some(record)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_to_disk_comes_back_in_parts_of_whole_traces() {
        for (budget, length, traces) in [(1 << 30, 100, 50_u128), (0, 100, 50), (0, 60_000, 500)] {
            let records = Records::new(budget);
            for round in 0..3_u8 {
                for trace in 1..=traces {
                    // All in one bucket.
                    let trace = trace << 96 | trace << 32;
                    let mut record = trace.to_le_bytes().to_vec();
                    record.resize(record.len() + length, round);
                    records.add(&record).unwrap();
                }
            }
            let mut found = Vec::new();
            let mut room = Vec::new();
            for bucket in 0..BUCKETS {
                records
                    .each_part(bucket, &mut room, |bytes| {
                        let mut part: Vec<_> =
                            split(bytes).map(|record| (record[..16].to_vec(), record[16])).collect();
                        part.sort();
                        found.extend(part);
                        Ok(())
                    })
                    .unwrap();
            }
            assert_eq!(found.len(), 3 * traces as usize);
            // The three records of a trace came together.
            assert!(found.chunks(3).all(|trace| trace.iter().all(|record| record.0 == trace[0].0)));
            assert_eq!(records.count(), 3 * traces as u64);
        }
    }
}
