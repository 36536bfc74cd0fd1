//! Trace and span ids that look random and can be inverted.
//!
//! A trace id is a fixed, public permutation of `magic 24 | run tag 48 | workflow 40 | zeros 16`,
//! so any row of ours is known as such without its manifest; the 40 constant bits make a random id
//! pass with a chance of 1e-12. A span id is a permutation, keyed by the run tag, of
//! `workflow 40 | position + 1 24`. Neither is ever zero, which OTLP reserves for "none".

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::contract::feistel::{GOLDEN, invert_64, invert_128, mix, permute_64, permute_128, without_zero};

/// The upper bound of a workflow's number, exclusive.
pub(crate) const MAX_WORKFLOWS: u64 = 1 << 40;

/// The upper bound of a span's position in its workflow, exclusive.
pub(crate) const MAX_POSITIONS: u32 = (1 << 24) - 1;

const MAGIC: u128 = 0x00e2_e57e;
const PUBLIC_KEY: u64 = 0x6532_652d_7374_6f72;

pub(crate) type TraceId = [u8; 16];
pub(crate) type SpanId = [u8; 8];

/// The 48 bits that name a run; shown as 12 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct RunId(u64);

impl RunId {
    /// Keeps the lower 48 bits.
    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits & 0xffff_ffff_ffff)
    }

    pub(crate) fn bits(self) -> u64 {
        self.0
    }

    /// As it is shown.
    pub(crate) fn text(self) -> RunIdText {
        let mut digits = [0; 12];
        let [_, _, bytes @ ..] = self.0.to_be_bytes();
        const_hex::encode_to_slice::<[u8; 6]>(bytes, &mut digits).expect("two digits for each byte");
        RunIdText(digits)
    }
}

/// A run id's 12 digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RunIdText([u8; 12]);

impl RunIdText {
    pub(crate) fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("hex digits are ASCII")
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().as_str())
    }
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a run id is 12 lower-case hex digits")]
pub(crate) struct InvalidRunId;

impl FromStr for RunId {
    type Err = InvalidRunId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let well_formed = text.len() == 12 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !well_formed {
            return Err(InvalidRunId);
        }
        u64::from_str_radix(text, 16).map(Self).map_err(|_| InvalidRunId)
    }
}

/// What a trace id of ours says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TraceClaim {
    pub(crate) run: RunId,
    pub(crate) workflow: u64,
}

/// What a span id of a known run says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SpanClaim {
    pub(crate) workflow: u64,
    pub(crate) position: u32,
}

/// The id of a workflow's trace.
pub(crate) fn trace_id(run: RunId, workflow: u64) -> TraceId {
    debug_assert!(workflow < MAX_WORKFLOWS, "a workflow number has 40 bits");
    let plain = MAGIC << 104 | u128::from(run.0) << 56 | u128::from(workflow) << 16;
    permute_128(plain, of_key(PUBLIC_KEY)).to_be_bytes()
}

/// The workflow that a trace id names, if the id is one of ours.
pub(crate) fn claimed_trace(id: TraceId) -> Option<TraceClaim> {
    let plain = invert_128(u128::from_be_bytes(id), of_key(PUBLIC_KEY));
    let ours = plain >> 104 == MAGIC && plain.trailing_zeros() >= 16;
    ours.then_some(TraceClaim {
        run: RunId::from_bits((plain >> 56) as u64),
        workflow: (plain >> 16) as u64 & (MAX_WORKFLOWS - 1),
    })
}

/// The id of the span at a position of a workflow.
pub(crate) fn span_id(run: RunId, workflow: u64, position: u32) -> SpanId {
    debug_assert!(workflow < MAX_WORKFLOWS && position < MAX_POSITIONS, "a span's place has 64 bits");
    let plain = workflow << 24 | u64::from(position + 1);
    without_zero(plain, |plain| permute_64(plain, of_key(run.0))).to_be_bytes()
}

/// The planned span that a span id names under a run. The caller checks it against the plan's size.
pub(crate) fn claimed_span(run: RunId, id: SpanId) -> Option<SpanClaim> {
    let id = u64::from_be_bytes(id);
    if id == 0 {
        return None;
    }
    let plain = without_zero(id, |id| invert_64(id, of_key(run.0)));
    let position = (plain & 0xff_ffff) as u32;
    Some(SpanClaim { workflow: plain >> 24, position: position.checked_sub(1)? })
}

/// The round function under a key.
fn of_key(key: u64) -> impl Fn(u64, u64) -> u64 {
    move |half, round| mix(half ^ key.wrapping_add((round + 1).wrapping_mul(GOLDEN)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ids_invert_to_what_they_were_made_of(bits: u64, workflow in 0..MAX_WORKFLOWS, position in 0..MAX_POSITIONS) {
            let run = RunId::from_bits(bits);
            prop_assert_eq!(claimed_trace(trace_id(run, workflow)), Some(TraceClaim { run, workflow }));
            prop_assert_eq!(claimed_span(run, span_id(run, workflow, position)), Some(SpanClaim { workflow, position }));
        }

        #[test]
        fn a_random_trace_id_is_not_ours(id: [u8; 16]) {
            prop_assert_eq!(claimed_trace(id), None);
        }

        #[test]
        fn a_run_id_reads_back_as_it_is_shown(bits: u64) {
            let run = RunId::from_bits(bits);
            prop_assert_eq!(run.to_string().parse(), Ok(run));
        }
    }

    #[test]
    fn the_span_that_would_be_all_zero_gets_another_id() {
        for bits in 0..2_000 {
            let run = RunId::from_bits(bits);
            let plain = invert_64(0, of_key(run.bits()));
            let Some(position) = ((plain & 0xff_ffff) as u32).checked_sub(1) else { continue };
            let id = span_id(run, plain >> 24, position);
            assert_ne!(id, [0; 8]);
            assert_eq!(claimed_span(run, id), Some(SpanClaim { workflow: plain >> 24, position }));
        }
    }

    #[test]
    fn ids_stay_what_plan_version_1_made_them() {
        let run = RunId::from_bits(0x7f3a_0000_0001);
        insta::assert_snapshot!(const_hex::encode(trace_id(run, 42)), @"2a835b807588a753a664d42ecb86bd02");
        insta::assert_snapshot!(const_hex::encode(span_id(run, 42, 4)), @"db028a25e2552e58");
    }
}
