//! Records that differ from one before in a few places are kept as those places: most of what a program says is the
//! same from run to run, and on disk the rest is a fourth of it.

use std::{
    collections::{HashMap, hash_map::Entry},
    ops::Range,
    sync::{PoisonError, RwLock},
};

/// Bytes of records that are looked at closer, in all, and how often for each length.
const MOST_BYTES: usize = 4 << 20;
const MOST_OF_A_LENGTH: u32 = 16;

/// The longest record that is looked at.
const LONGEST: usize = 64 << 10;

/// Bytes that are alike between two that differ are not worth a place of their own, if they are so few.
const GAP: usize = 8;

/// The bytes of a number of a shape; this number is of a record that is kept whole.
const NUMBER: usize = size_of::<u32>();
const WHOLE: u32 = u32::MAX;

/// What is known of the records of all workers.
#[derive(Debug, Default)]
pub(super) struct RecordShapes(RwLock<Known>);

#[derive(Debug, Default)]
struct Known {
    /// None is changed or removed: packed records name them by their place.
    shapes: Vec<Shape>,
    by_length: HashMap<usize, Newest>,
    /// Of records that were looked at.
    bytes: usize,
}

/// The last shape of a length.
#[derive(Debug)]
struct Newest {
    number: usize,
    looks: u32,
}

/// A record, and where others of its length may have other bytes.
#[derive(Debug)]
struct Shape {
    record: Vec<u8>,
    varying: Vec<Range<usize>>,
}

impl RecordShapes {
    /// Appends a record, shorter where it is like one before.
    pub(super) fn pack(&self, record: &[u8], out: &mut Vec<u8>) {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if known.pack(record, out) {
            return;
        }
        out.extend_from_slice(&WHOLE.to_le_bytes());
        out.extend_from_slice(record);
        let has_room = known.has_room(record);
        drop(known);
        if has_room {
            self.0.write().unwrap_or_else(PoisonError::into_inner).learn(record);
        }
    }

    /// Appends the record that was packed; none where it is cut.
    pub(super) fn unpack(&self, packed: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let (number, mut rest) = packed.split_first_chunk::<NUMBER>()?;
        let number = u32::from_le_bytes(*number);
        if number == WHOLE {
            out.extend_from_slice(rest);
            return Some(());
        }
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let Shape { record, varying } = known.shapes.get(number as usize)?;
        let start = out.len();
        out.extend_from_slice(record);
        for range in varying {
            let (piece, behind) = rest.split_at_checked(range.len())?;
            out[start + range.start..start + range.end].copy_from_slice(piece);
            rest = behind;
        }
        rest.is_empty().then_some(())
    }
}

impl Known {
    /// False, and nothing is appended, where no shape is of a record.
    fn pack(&self, record: &[u8], out: &mut Vec<u8>) -> bool {
        let Some(Newest { number, .. }) = self.by_length.get(&record.len()) else { return false };
        let before = out.len();
        out.extend_from_slice(&(*number as u32).to_le_bytes());
        let is_packed = self.shapes[*number].pack(record, out);
        if !is_packed {
            out.truncate(before);
        }
        is_packed
    }

    /// Whether a record may still be looked at.
    fn has_room(&self, record: &[u8]) -> bool {
        let looks = self.by_length.get(&record.len()).map_or(0, |newest| newest.looks);
        record.len() <= LONGEST && self.bytes + record.len() <= MOST_BYTES && looks < MOST_OF_A_LENGTH
    }

    fn learn(&mut self, record: &[u8]) {
        let new = self.shapes.len();
        match self.by_length.entry(record.len()) {
            Entry::Vacant(entry) => {
                entry.insert(Newest { number: new, looks: 1 });
                self.shapes.push(Shape::new(record));
            }
            Entry::Occupied(mut entry) => {
                let newest = entry.get_mut();
                let wider = self.shapes[newest.number].widened(record);
                self.shapes.push(wider.unwrap_or_else(|| Shape::new(record)));
                *newest = Newest { number: new, looks: newest.looks + 1 };
            }
        }
        self.bytes += record.len();
    }
}

impl Shape {
    fn new(record: &[u8]) -> Self {
        Self { record: record.to_owned(), varying: Vec::new() }
    }

    /// Appends the varying bytes of a record of this length; false where others differ, too.
    fn pack(&self, record: &[u8], out: &mut Vec<u8>) -> bool {
        let mut end = 0;
        for range in &self.varying {
            if record[end..range.start] != self.record[end..range.start] {
                return false;
            }
            out.extend_from_slice(&record[range.clone()]);
            end = range.end;
        }
        record[end..] == self.record[end..]
    }

    /// One that is of another record, too; none where little is left that both have.
    fn widened(&self, record: &[u8]) -> Option<Self> {
        let mut differs: Vec<bool> =
            self.record.iter().zip(record).map(|(one, other)| one != other).collect();
        for range in &self.varying {
            differs[range.clone()].fill(true);
        }
        let mut varying: Vec<Range<usize>> = Vec::new();
        for at in (0..differs.len()).filter(|at| differs[*at]) {
            match varying.last_mut() {
                Some(last) if at < last.end + GAP => last.end = at + 1,
                _ => varying.push(at..at + 1),
            }
        }
        // Ids begin and end alike by chance: what is one word varies as a whole.
        let is_word = |at: &usize| [record, &self.record].iter().all(|of| of[*at].is_ascii_alphanumeric());
        for range in &mut varying {
            range.start = (0..=range.start).rev().take_while(is_word).last().unwrap_or(range.start);
            let last = range.end - 1;
            range.end = 1 + (last..record.len()).take_while(is_word).last().unwrap_or(last);
        }
        varying.dedup_by(|next, one| {
            let is_one = next.start <= one.end;
            one.end = if is_one { one.end.max(next.end) } else { one.end };
            is_one
        });
        let bytes: usize = varying.iter().map(ExactSizeIterator::len).sum();
        (2 * bytes <= record.len()).then(|| Self { record: record.to_owned(), varying })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packed(shapes: &RecordShapes, record: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        shapes.pack(record, &mut out);
        out
    }

    fn unpacked(shapes: &RecordShapes, packed: &[u8]) -> Option<Vec<u8>> {
        let mut out = b"before".to_vec();
        shapes.unpack(packed, &mut out)?;
        Some(out.split_off(b"before".len()))
    }

    proptest! {
        #[test]
        fn what_was_packed_comes_back(
            records in proptest::collection::vec("([a-c]{0,3}|a long text that is there each time, ){1,4}", 1..60),
        ) {
            let shapes = RecordShapes::default();
            let packed: Vec<_> = records.iter().map(|record| packed(&shapes, record.as_bytes())).collect();
            for (record, packed) in records.iter().zip(&packed) {
                prop_assert_eq!(unpacked(&shapes, packed), Some(record.clone().into_bytes()));
            }
        }
    }

    fn record(id: &str, number: u8) -> Vec<u8> {
        let same = "the same in each of them";
        [b"\0\0", same.as_bytes(), b"\"", id.as_bytes(), b"\"", same.as_bytes(), &[number], same.as_bytes()]
            .concat()
    }

    /// What knows records with any id and any number.
    fn learned() -> RecordShapes {
        let shapes = RecordShapes::default();
        for (id, number) in [("abcdef", 1), ("ghijkf", 2)] {
            packed(&shapes, &record(id, number));
        }
        shapes
    }

    #[test]
    fn of_records_that_are_alike_only_what_differs_is_kept() {
        let shapes = learned();
        let packed = packed(&shapes, &record("uvwxyz", 3));
        assert_eq!(
            packed.len(),
            NUMBER + "uvwxyz".len() + 1,
            "the last letter of the id, too, that was the same"
        );
        assert_eq!(unpacked(&shapes, &packed), Some(record("uvwxyz", 3)));
    }

    #[test]
    fn what_is_cut_or_of_no_shape_is_no_record() {
        let shapes = learned();
        let packed = packed(&shapes, &record("mnopqr", 3));
        for length in 0..packed.len() {
            assert_eq!(unpacked(&shapes, &packed[..length]), None);
        }
        assert_eq!(unpacked(&shapes, &[&packed[..], b"x"].concat()), None);
        assert_eq!(unpacked(&shapes, &99_u32.to_le_bytes()), None);
    }

    #[test]
    fn records_that_have_little_in_common_are_kept_whole() {
        let shapes = RecordShapes::default();
        for text in ["one of them has this text", "and the others another one, of the same length"] {
            for round in 0..100_u8 {
                let record: Vec<u8> =
                    (0..40).map(|at| text.as_bytes()[at % text.len()] ^ round.wrapping_mul(3)).collect();
                assert_eq!(unpacked(&shapes, &packed(&shapes, &record)), Some(record));
            }
        }
        assert!(shapes.0.read().unwrap().shapes.len() <= 2 * MOST_OF_A_LENGTH as usize);
    }
}
