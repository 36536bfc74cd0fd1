//! How many files, shards or partitions are worked on side by side.

use std::{num::NonZeroUsize, thread};

use super::memory::Memory;

/// What one file being read may take of the memory limit: its compressed row group and the batches in flight.
const BYTES_PER_JOB: usize = 32 << 20;

/// At least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Jobs(NonZeroUsize);

impl Jobs {
    /// As asked for; else one per core, as far as the memory limit has room for more than two.
    pub(crate) fn new(asked: Option<NonZeroUsize>, memory: Memory) -> Self {
        let of_machine = Self::default().get();
        let with_room = (memory.whole() / BYTES_PER_JOB).max(2);
        asked.or(NonZeroUsize::new(of_machine.min(with_room))).map_or_else(Self::default, Self)
    }

    pub(crate) fn get(self) -> usize {
        self.0.get()
    }
}

impl Default for Jobs {
    /// One per core.
    fn default() -> Self {
        Self(thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_outranks_the_machine_and_the_memory_limit() {
        let small: Memory = "16MB".parse().unwrap();
        assert_eq!(Jobs::new(NonZeroUsize::new(64), small).get(), 64);
        assert!((1..=2).contains(&Jobs::new(None, small).get()));
        assert!(Jobs::new(None, "64GB".parse().unwrap()) == Jobs::default());
    }
}
