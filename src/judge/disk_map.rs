//! Numbers by number, for what grows with the damage of a store: in memory up to a budget, beyond it sorted on disk.
//!
//! What is on disk lies in runs of entries that rise by their keys, in a file without a name. Runs are merged when
//! there are many, and into one before the map is asked much, so that an answer costs one block.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    io::{self, BufWriter, Write},
};

use crate::{
    base::temporary::{self, Temporary},
    store::bytes::read_at,
};

/// Entries that are read at a time.
const BLOCK: usize = 128;
const ENTRY: usize = 32;

/// What an entry in memory takes, with the room that a hash map keeps free.
const HELD: usize = 2 * ENTRY;

/// More runs than this are merged.
const MAX_RUNS: usize = 16;

/// A key is there once; of several values the last counts.
#[derive(Debug)]
pub(super) struct DiskMap {
    budget: usize,
    held: HashMap<u128, u128>,
    /// The newest last.
    runs: Vec<Run>,
}

/// Entries in the order of their keys.
#[derive(Debug)]
struct Run {
    file: Temporary,
    entries: usize,
    /// The first key of each block.
    firsts: Vec<u128>,
    /// The block that was read last: neighbouring rows ask for neighbouring keys.
    last: Option<(usize, Vec<(u128, u128)>)>,
}

impl DiskMap {
    pub(super) fn new(budget: usize) -> Self {
        Self { budget, held: HashMap::new(), runs: Vec::new() }
    }

    /// Fails only where the disk takes no more.
    pub(super) fn insert(&mut self, key: u128, value: u128) -> io::Result<()> {
        self.held.insert(key, value);
        if self.held.len() * HELD <= self.budget {
            return Ok(());
        }
        let mut entries: Vec<_> = std::mem::take(&mut self.held).into_iter().collect();
        entries.sort_unstable();
        self.runs.push(Run::write(entries.into_iter().map(Ok))?);
        if self.runs.len() > MAX_RUNS { self.settle() } else { Ok(()) }
    }

    /// Whether a key was added lately: one that is on disk counts as new.
    pub(super) fn is_held(&self, key: u128) -> bool {
        self.held.contains_key(&key)
    }

    /// Makes one run of all of them.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        if self.runs.len() > 1 {
            let merged = Run::write(Merge::of(&self.runs)?)?;
            self.runs = vec![merged];
        }
        Ok(())
    }

    pub(super) fn get(&mut self, key: u128) -> io::Result<Option<u128>> {
        if let Some(value) = self.held.get(&key) {
            return Ok(Some(*value));
        }
        for run in self.runs.iter_mut().rev() {
            if let Some(value) = run.get(key)? {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }
}

impl Run {
    fn write(entries: impl Iterator<Item = io::Result<(u128, u128)>>) -> io::Result<Self> {
        let mut run = Self { file: temporary::file()?, entries: 0, firsts: Vec::new(), last: None };
        let mut writer = BufWriter::with_capacity(BLOCK * ENTRY, run.file.try_clone()?);
        for entry in entries {
            let (key, value) = entry?;
            if run.entries.is_multiple_of(BLOCK) {
                run.firsts.push(key);
            }
            writer.write_all(&key.to_le_bytes())?;
            writer.write_all(&value.to_le_bytes())?;
            run.entries += 1;
        }
        writer.flush()?;
        Ok(run)
    }

    fn block(&self, number: usize) -> io::Result<Vec<(u128, u128)>> {
        let first = number * BLOCK;
        let mut bytes = vec![0; BLOCK.min(self.entries - first) * ENTRY];
        read_at(self.file.as_file(), (first * ENTRY) as u64, &mut bytes)?;
        let word = |bytes: &[u8]| u128::from_le_bytes(std::array::from_fn(|at| bytes[at]));
        Ok(bytes.chunks_exact(ENTRY).map(|entry| (word(&entry[..16]), word(&entry[16..]))).collect())
    }

    fn get(&mut self, key: u128) -> io::Result<Option<u128>> {
        let Some(number) = self.firsts.partition_point(|first| *first <= key).checked_sub(1) else {
            return Ok(None);
        };
        if self.last.as_ref().is_none_or(|(last, _)| *last != number) {
            self.last = Some((number, self.block(number)?));
        }
        let block = self.last.as_ref().map_or(&[][..], |(_, block)| block);
        Ok(block.binary_search_by_key(&key, |(key, _)| *key).ok().map(|at| block[at].1))
    }
}

/// The entries of several runs by their keys, each key once.
struct Merge<'r> {
    runs: Vec<Cursor<'r>>,
    /// The next key of each run; of equal ones the newest run's comes first.
    next: BinaryHeap<Reverse<(u128, Reverse<usize>)>>,
}

struct Cursor<'r> {
    run: &'r Run,
    block: usize,
    entries: std::vec::IntoIter<(u128, u128)>,
    /// The value of the key that is next.
    value: u128,
}

impl<'r> Merge<'r> {
    fn of(runs: &'r [Run]) -> io::Result<Self> {
        let cursor = |run| Cursor { run, block: 0, entries: Vec::new().into_iter(), value: 0 };
        let mut merge = Self { runs: runs.iter().map(cursor).collect(), next: BinaryHeap::new() };
        for run in 0..runs.len() {
            merge.advance(run)?;
        }
        Ok(merge)
    }

    fn advance(&mut self, run: usize) -> io::Result<()> {
        let cursor = &mut self.runs[run];
        if cursor.entries.len() == 0 && cursor.block < cursor.run.firsts.len() {
            cursor.entries = cursor.run.block(cursor.block)?.into_iter();
            cursor.block += 1;
        }
        if let Some((key, value)) = cursor.entries.next() {
            cursor.value = value;
            self.next.push(Reverse((key, Reverse(run))));
        }
        Ok(())
    }

    fn take(&mut self) -> io::Result<Option<(u128, u128)>> {
        let Some(Reverse((key, Reverse(run)))) = self.next.pop() else { return Ok(None) };
        let value = self.runs[run].value;
        self.advance(run)?;
        while let Some(Reverse((other, Reverse(older)))) = self.next.peek().copied()
            && other == key
        {
            self.next.pop();
            self.advance(older)?;
        }
        Ok(Some((key, value)))
    }
}

impl Iterator for Merge<'_> {
    type Item = io::Result<(u128, u128)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.take().transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_to_disk_is_found_and_the_last_value_counts() {
        for budget in [0, 1_000, 1 << 20] {
            let mut map = DiskMap::new(budget);
            for key in 0..3_000_u128 {
                map.insert(key * 7_919 % 3_001, key).unwrap();
                map.insert(5, key).unwrap();
            }
            let all = |map: &mut DiskMap| {
                let keys = (0..3_002_u128).filter(|key| *key != 5);
                keys.map(|key| map.get(key).unwrap()).collect::<Vec<_>>()
            };
            let before = all(&mut map);
            assert_eq!((before.iter().flatten().count(), map.get(5).unwrap()), (2_999, Some(2_999)));
            map.settle().unwrap();
            assert!(map.runs.len() <= 1);
            assert_eq!((all(&mut map), map.get(5).unwrap()), (before, Some(2_999)), "budget {budget}");
        }
    }
}
