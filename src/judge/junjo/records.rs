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

/// Most files that a large bucket is split into.
const MAX_PARTS: u64 = 128;

/// All records. Those of a file that a flush took are in another file by now, and are passed over.
#[derive(Debug)]
pub(crate) struct Records {
    buckets: Vec<Mutex<Bucket>>,
    /// Bytes that a bucket holds before they go to disk.
    share: usize,
    forgotten: Mutex<HashSet<Symbol>>,
    count: AtomicU64,
}

#[derive(Debug, Default)]
struct Bucket {
    held: Vec<u8>,
    file: Option<Temporary>,
    on_disk: u64,
}

impl Records {
    pub(crate) fn new(budget: usize) -> Self {
        Self {
            buckets: (0..BUCKETS).map(|_| Mutex::default()).collect(),
            share: (budget / BUCKETS).max(16 << 10),
            forgotten: Mutex::default(),
            count: AtomicU64::new(0),
        }
    }

    /// How many rows carry Junjo telemetry, those of files that a flush took among them.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Adds the record of a row that `encode` writes.
    pub(crate) fn add(&self, trace: u128, encode: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let mut bucket = self.bucket(bucket_of(trace));
        push(&mut bucket.held, encode);
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
        let bytes = bucket.on_disk + bucket.held.len() as u64;
        if bytes == 0 {
            return Ok(());
        }
        if bytes <= PART {
            bucket.read_into(room)?;
            drop(bucket);
            return look(room);
        }
        let parts = (2 * bytes / PART + 1).min(MAX_PARTS);
        let mut files = (0..parts)
            .map(|_| Ok(BufWriter::with_capacity(4 << 10, temporary::file()?)))
            .collect::<io::Result<Vec<_>>>()?;
        bucket.each_record(|record| {
            let trace = record.first_chunk().map_or(0, |bytes| u128::from_le_bytes(*bytes));
            let file = &mut files[part_of(trace, parts)];
            file.write_all(&(record.len() as u32).to_le_bytes())?;
            file.write_all(record)
        })?;
        drop(bucket);
        for file in files {
            let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.seek(SeekFrom::Start(0))?;
            room.clear();
            file.read_to_end(room)?;
            look(room)?;
        }
        Ok(())
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

    fn read_into(&mut self, room: &mut Vec<u8>) -> io::Result<()> {
        room.clear();
        if let Some(file) = &mut self.file {
            file.seek(SeekFrom::Start(0))?;
            file.read_to_end(room)?;
        }
        room.extend_from_slice(&self.held);
        Ok(())
    }

    fn each_record(&mut self, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            file.seek(SeekFrom::Start(0))?;
            let mut reader = BufReader::with_capacity(1 << 18, &mut *file);
            let mut record = Vec::new();
            let mut left = self.on_disk;
            while left > 0 {
                let mut length = [0; LENGTH];
                reader.read_exact(&mut length)?;
                record.resize(u32::from_le_bytes(length) as usize, 0);
                reader.read_exact(&mut record)?;
                left -= (LENGTH + record.len()) as u64;
                take(&record)?;
            }
        }
        split(&self.held).try_for_each(take)
    }
}

/// Appends a record behind its length, and tells what it is.
pub(crate) fn push(records: &mut Vec<u8>, encode: impl FnOnce(&mut Vec<u8>)) -> &[u8] {
    let start = records.len();
    records.extend_from_slice(&[0; LENGTH]);
    encode(records);
    let length = (records.len() - start - LENGTH) as u32;
    records[start..start + LENGTH].copy_from_slice(&length.to_le_bytes());
    &records[start + LENGTH..]
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
                    let record = |out: &mut Vec<u8>| {
                        out.extend_from_slice(&trace.to_le_bytes());
                        out.resize(out.len() + length, round);
                    };
                    records.add(trace, record).unwrap();
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
