//! A bound for what the rows of one file say all together.
//!
//! A dictionary page and a run of indices let a few kilobytes stand for a million rows of a megabyte each. Each row
//! has room, and looking at all of them would take hours.

use datafusion::arrow::{
    array::{Array, AsArray, RecordBatch},
    datatypes::DataType,
};

use super::problem::FileProblem;

/// Texts of a file may come to this much whatever its size: a flush takes 25 MB.
const ALLOWED: u64 = 1 << 30;

/// Beyond that, to so many times its size: the ids alone, which nothing compresses, take 24 bytes of a row.
const RATIO: u64 = 1_000;

/// The texts of a file that were read so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expansion {
    size: u64,
    texts: u64,
}

impl Expansion {
    /// Of a file of so many bytes.
    pub(super) fn of(size: u64) -> Self {
        Self { size, texts: 0 }
    }

    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<(), FileProblem> {
        let texts = batch.columns().iter().filter(|column| *column.data_type() == DataType::Utf8View);
        // The length of a text is the lower half of its view.
        let bytes = |column: &dyn Array| -> u64 {
            column.as_string_view().views().iter().map(|view| u64::from(*view as u32)).sum()
        };
        self.texts += texts.map(|column| bytes(column.as_ref())).sum::<u64>();
        if self.texts > ALLOWED.max(self.size.saturating_mul(RATIO)) {
            return Err(FileProblem::Expands { said: self.texts, size: self.size });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, StringViewArray};

    use super::*;

    #[test]
    fn a_file_says_a_thousand_times_its_size_at_most() {
        let text = "x".repeat(1 << 20);
        let column: ArrayRef = Arc::new((0..512).map(|_| Some(&*text)).collect::<StringViewArray>());
        let batch = RecordBatch::try_from_iter([("attributes", column)]).unwrap();
        let mut expansion = Expansion::of(100_000);
        expansion.add(&batch).unwrap();
        expansion.add(&batch).unwrap();
        assert!(matches!(expansion.add(&batch), Err(FileProblem::Expands { size: 100_000, .. })));
        let mut large = Expansion::of(2 << 20);
        assert!((0..3).all(|_| large.add(&batch).is_ok()));
    }
}
