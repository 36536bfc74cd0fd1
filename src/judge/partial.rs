//! What the rows of a cold file say, as bytes that a cache keeps or an executor sends.

use std::fmt::Debug;

use self::part::Kept;
use super::{claim::KnownRuns, interner::Interner, sweep_output::FileOutput};

mod bytes;
mod facts;
mod faults;
pub(super) mod keys;
pub(super) mod part;

/// Whatever a conclusion follows from in this program: its version, its sources, and what it is built from.
pub(super) const PROGRAM: &str = concat!(env!("CARGO_PKG_VERSION"), " ", env!("E2E_STORE_SOURCES"));

/// Takes what the rows of one cold file say, batch by batch, from whoever judges them.
pub(super) trait RowSink: Debug + Send + Sync {
    fn note(&self, output: &FileOutput, kept: &Kept, runs: &KnownRuns, names: &Interner);
}
