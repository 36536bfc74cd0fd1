//! How a command shares out what it may use of the machine: memory, and what is done side by side.

use std::{
    fmt,
    num::NonZeroUsize,
    str::FromStr,
    sync::atomic::{AtomicU64, Ordering},
};

use super::jobs::Jobs;

/// Bytes for what grows with a store: facts of rows without a plan, what differs, and the operators of
/// queries. All three go to disk beyond their share. The program itself, the row groups that are being decoded,
/// a byte for each planned span and what ledgers say of exports come on top: about 160 MB for a million spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Memory {
    bytes: u64,
    /// Those that facts and notes are measured by: all of them, but for tests.
    swept: u64,
    /// None where the machine decides.
    jobs: Option<NonZeroUsize>,
}

/// The part of it that the notes of a sweep may hold before they go to disk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    pub(crate) facts: usize,
    pub(crate) notes: usize,
    /// Files that are swept, and shards that are checked, side by side.
    pub(crate) jobs: Jobs,
}

/// What one query session may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Bytes that operators may hold before they spill.
    pub(crate) memory: usize,
    /// 1 for checks and sweeps.
    pub(crate) partitions: usize,
    pub(crate) batch_rows: usize,
}

const LEAST: u64 = 16 << 20;

/// So many rows are decoded and judged at a time: they stay in a core's cache.
const BATCH_ROWS: usize = 1_024;

/// What is usual.
const USUAL: u64 = 256 << 20;

/// What bytes may always decode to: pages of a healthy store are some megabytes in each of 21 columns.
const LEAST_DECODED: u64 = 64 << 20;

/// Of the process, because every reader of foreign bytes keeps to it, however deep it lies.
static DECODED: AtomicU64 = AtomicU64::new(USUAL);

/// Bytes that one file, or one message, may decode to at a time: what a few kilobytes claim must not take a machine.
pub(crate) fn decode_budget() -> u64 {
    DECODED.load(Ordering::Relaxed)
}

impl Default for Memory {
    fn default() -> Self {
        Self::of(USUAL)
    }
}

impl Memory {
    fn of(bytes: u64) -> Self {
        Self { bytes, swept: bytes, jobs: None }
    }

    /// Makes it the measure of what foreign bytes may decode to.
    pub(crate) fn bound_decoding(self) {
        DECODED.store(self.bytes.max(LEAST_DECODED), Ordering::Relaxed);
    }

    /// With facts and notes that spill as within this limit: queries cannot do with as little.
    #[cfg(test)]
    pub(crate) fn spilling(self, swept: u64) -> Self {
        Self { swept, ..self }
    }

    /// With so many things done side by side, where a number was asked for.
    pub(crate) fn with_jobs(self, jobs: Option<NonZeroUsize>) -> Self {
        Self { jobs, ..self }
    }

    pub(crate) fn jobs(self) -> Jobs {
        Jobs::new(self.jobs, self)
    }

    /// All of it, where nothing but queries needs any.
    pub(crate) fn whole(self) -> usize {
        sixteenths(self.bytes, 16)
    }

    /// Most of it for facts, which every check reads: by default those of a million rows. A sixteenth for each of
    /// three kinds of notes.
    pub(crate) fn budget(self) -> Budget {
        let share = |share| sixteenths(self.swept, share);
        Budget { facts: share(10), notes: share(1), jobs: self.jobs() }
    }

    /// What is left, in one partition: see `store::session`.
    pub(crate) fn session(self) -> Limits {
        Limits { memory: sixteenths(self.bytes, 3), partitions: 1, batch_rows: BATCH_ROWS }
    }
}

fn sixteenths(bytes: u64, share: u64) -> usize {
    usize::try_from(bytes / 16 * share).unwrap_or(usize::MAX)
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}MB", self.bytes >> 20)
    }
}

impl FromStr for Memory {
    type Err = String;

    /// `512MB`, `2GB`, or bytes. Units are powers of two.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
        let unit = match text[digits.len()..].trim().to_ascii_uppercase().as_str() {
            "" | "B" => 1,
            "K" | "KB" | "KIB" => 1 << 10,
            "M" | "MB" | "MIB" => 1 << 20,
            "G" | "GB" | "GIB" => 1 << 30,
            other => return Err(format!("unknown unit `{other}`: expected KB, MB or GB")),
        };
        let number: u64 =
            digits.parse().map_err(|_| format!("invalid size `{text}`: expected e.g. `256MB`"))?;
        match number.checked_mul(unit) {
            Some(bytes) if bytes >= LEAST => Ok(Self::of(bytes)),
            Some(_) => Err(format!("too small: at least {}", Self::of(LEAST))),
            None => Err(format!("invalid size `{text}`: too large")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_and_a_least() {
        let parse = |text: &str| text.parse::<Memory>();
        assert_eq!(parse("128MB"), Ok(Memory::of(128 << 20)));
        assert_eq!(parse("1GiB").map(|memory| memory.to_string()).as_deref(), Ok("1024MB"));
        assert_eq!(parse("134217728"), parse("128 mb"));
        for (text, error) in [
            ("8MB", "too small: at least 16MB"),
            ("1TB", "unknown unit `TB`: expected KB, MB or GB"),
            ("MB", "invalid size `MB`: expected e.g. `256MB`"),
        ] {
            assert_eq!(parse(text).unwrap_err(), error);
        }
    }
}
