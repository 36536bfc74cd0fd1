//! Proves, from the bytes on disk, whether Junjo AI Studio kept what it was sent.

mod span;
mod store;
