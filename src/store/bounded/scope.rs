//! What the calls of one statement may make, found while the statement is planned.

use std::{
    hash::{Hash, Hasher},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use datafusion::{
    common::{DataFusionError, Result},
    logical_expr::LogicalPlan,
    prelude::SessionConfig,
};

use crate::{base::memory::decode_budget, text::numbers};

/// A result stands in memory so often at a time: where it grows, as a constant, as an argument, in its batch.
const COPIES: u64 = 4;

/// Constants become part of the plan, whose expressions are written out many times while it is made better.
const CONSTANT: u64 = 1 << 20;
const CONSTANT_LIST: u64 = 16 << 20;

/// Any call may make so much, however many there are.
const LEAST: u64 = 1 << 20;

/// Answers of this many bytes take as much as the rows that they stand in.
const SMALL: u64 = 1 << 10;

/// Bytes of an element of a list at most, and of a value of text in a further column.
const ELEMENT: u64 = 8;
const VIEW: u64 = 16;

/// A statement, as far as it matters for what its calls may make.
#[derive(Debug, Default)]
pub(super) struct Scope {
    partitions: u64,
    batch_rows: u64,
    /// Growing calls, whose results are held at the same time.
    calls: AtomicU64,
    /// It reads more than the one row that a statement without FROM has.
    has_rows: AtomicBool,
    /// An operator repeats values: a join, a window, a list taken apart.
    repeats: AtomicBool,
    /// Some call or literal makes texts.
    makes_texts: AtomicBool,
    /// Columns beside lists that are taken apart.
    unnested: AtomicU64,
    /// Bytes of large answers that windows hold.
    held: AtomicU64,
}

// The same call in one statement is computed once; statements never meet.
impl PartialEq for Scope {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Scope {}

impl Hash for Scope {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl Scope {
    pub(super) fn of(config: &SessionConfig) -> Self {
        let [partitions, batch_rows] = [config.target_partitions(), config.batch_size()];
        Self { partitions: partitions.max(1) as u64, batch_rows: batch_rows.max(1) as u64, ..Self::default() }
    }

    pub(super) fn add_call(&self, makes_texts: bool) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.makes_texts.fetch_or(makes_texts, Ordering::Relaxed);
    }

    pub(super) fn add_text(&self) {
        self.makes_texts.store(true, Ordering::Relaxed);
    }

    pub(super) fn add_operator(&self, plan: &LogicalPlan) {
        let (rows, repeats) = match plan {
            LogicalPlan::TableScan(_) | LogicalPlan::RecursiveQuery(_) => (true, false),
            LogicalPlan::Values(values) => (values.values.len() > 1, false),
            LogicalPlan::Unnest(unnest) => {
                self.unnested.fetch_max(unnest.schema.fields().len() as u64, Ordering::Relaxed);
                (false, true)
            }
            LogicalPlan::Join(_) | LogicalPlan::Window(_) | LogicalPlan::Subquery(_) => (false, true),
            _ => (false, false),
        };
        self.has_rows.fetch_or(rows, Ordering::Relaxed);
        self.repeats.fetch_or(repeats, Ordering::Relaxed);
    }

    /// Bytes that one call may make at a time.
    pub(super) fn per_call(&self, is_constant: bool, is_list: bool) -> u64 {
        let calls = self.calls.load(Ordering::Relaxed).max(1);
        let share = (decode_budget() / COPIES / self.partitions / calls).max(LEAST);
        match (is_constant, is_list) {
            (true, true) => share.min(CONSTANT_LIST),
            (true, false) => share.min(CONSTANT),
            (false, _) => share,
        }
    }

    /// Bytes of a value that many rows may share.
    pub(super) fn per_value(&self) -> u64 {
        decode_budget() / COPIES / self.batch_rows
    }

    /// Whether a value that a call makes can come to stand in many rows.
    pub(super) fn is_repeated(&self, is_constant: bool, is_list: bool) -> bool {
        let [rows, repeats, texts] =
            [&self.has_rows, &self.repeats, &self.makes_texts].map(|is| is.load(Ordering::Relaxed));
        // A list that is only taken apart is not repeated by that.
        let is_alone = is_list && !rows && !texts;
        (repeats || (rows && is_constant)) && !is_alone
    }

    /// Counts what a window holds more of answers, the last one of which has a size, and refuses it where there is no
    /// room.
    pub(super) fn hold(&self, function: &str, more: usize, answer: usize) -> Result<()> {
        let (bytes, answer) = (more as u64, answer as u64);
        if answer <= SMALL {
            return Ok(());
        }
        let (held, allowed) =
            (self.held.fetch_add(bytes, Ordering::Relaxed) + bytes, decode_budget() / COPIES);
        if held <= allowed {
            return Ok(());
        }
        Err(DataFusionError::ResourcesExhausted(format!(
            "`{function}` over a window would make more than the {} that --memory-limit leaves it: an answer for each \
             row, and now one of {}",
            numbers::bytes(allowed),
            numbers::bytes(answer)
        )))
    }

    /// Bytes that an element of a list takes, with what stands beside it once the list is taken apart.
    pub(super) fn element(&self) -> u64 {
        ELEMENT + VIEW * self.unnested.load(Ordering::Relaxed)
    }
}
