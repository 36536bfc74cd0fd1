//! Tells whether the same bytes were read of a file, in whatever order.

use std::sync::atomic::{AtomicU64, Ordering};

use twox_hash::XxHash3_128;

/// Is shared by those who read the file.
#[derive(Debug, Default)]
pub(crate) struct ReadDigest(AtomicU64);

impl ReadDigest {
    /// Notes the bytes from a place of the file on.
    pub(super) fn add(&self, place: u64, bytes: &[u8]) {
        self.0.fetch_add(XxHash3_128::oneshot_with_seed(place, bytes) as u64, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
