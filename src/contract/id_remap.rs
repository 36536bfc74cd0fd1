//! Fresh ids and shifted times for spans that are sent again.
//!
//! Ids go through a permutation that only its key chooses: what was one id stays one id wherever it
//! occurs (trace, span, parent, link), no two become one, and whoever has the key can go back. An id of
//! zeros means "none" and stays; one of another length than OTLP's cannot be renewed and stays, too.

use super::feistel::{GOLDEN, mix, permute_64, permute_128, without_zero};

/// What becomes of ids and times. The default leaves all as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct IdRemap {
    /// Chooses the permutation of ids; none keeps them.
    pub(crate) key: Option<u64>,
    /// Added to every start, end and event time, in nanoseconds.
    pub(crate) shift: i64,
}

impl IdRemap {
    /// The same for another loop over the same spans.
    pub(crate) fn of_loop(self, number: u64) -> Self {
        Self { key: self.key.map(|key| key ^ mix(number.wrapping_mul(GOLDEN))), ..self }
    }

    pub(crate) fn time(self, nanos: u64) -> u64 {
        nanos.wrapping_add(self.shift.cast_unsigned())
    }

    /// Renews a trace or span id in place.
    pub(crate) fn id(self, id: &mut [u8]) {
        let Some(key) = self.key else { return };
        change(
            id,
            |trace| permute_128(trace, |half, round| scramble(half, key, round)),
            |span| permute_64(span, |half, round| scramble(half, !key, round)),
        );
    }

    /// What an id was before it was renewed.
    #[cfg(test)]
    pub(crate) fn original(self, id: &mut [u8]) {
        use super::feistel::{invert_64, invert_128};

        let Some(key) = self.key else { return };
        change(
            id,
            |trace| invert_128(trace, |half, round| scramble(half, key, round)),
            |span| invert_64(span, |half, round| scramble(half, !key, round)),
        );
    }
}

/// Changes an id of OTLP's length that is not all zeros.
fn change(id: &mut [u8], of_trace: impl Fn(u128) -> u128, of_span: impl Fn(u64) -> u64) {
    if id.iter().all(|byte| *byte == 0) {
        return;
    }
    if let Ok(trace) = <&mut [u8; 16]>::try_from(&mut *id) {
        *trace = without_zero(u128::from_be_bytes(*trace), of_trace).to_be_bytes();
    } else if let Ok(span) = <&mut [u8; 8]>::try_from(id) {
        *span = without_zero(u64::from_be_bytes(*span), of_span).to_be_bytes();
    }
}

/// Whether an id names a span or trace at all, and has OTLP's length.
pub(crate) fn is_usual(id: &[u8], len: usize) -> bool {
    id.len() == len && id.iter().any(|byte| *byte != 0)
}

fn scramble(half: u64, key: u64, round: u64) -> u64 {
    mix(half ^ mix(key.wrapping_add(round.wrapping_mul(GOLDEN))))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Every loop's ids lead back, and differ from those of the loop before.
        #[test]
        fn a_renewed_id_leads_back(key: u64, trace: [u8; 16], span: [u8; 8], number in 0_u64..1_000) {
            let remap = IdRemap { key: Some(key), shift: 0 };
            let of_loop = remap.of_loop(number);
            let (mut renewed_trace, mut renewed_span) = (trace, span);
            of_loop.id(&mut renewed_trace);
            of_loop.id(&mut renewed_span);
            let mut next = trace;
            remap.of_loop(number + 1).id(&mut next);
            prop_assert_eq!(next == renewed_trace, trace == [0; 16]);
            prop_assert_eq!(renewed_trace == [0; 16], trace == [0; 16]);
            of_loop.original(&mut renewed_trace);
            of_loop.original(&mut renewed_span);
            prop_assert_eq!((renewed_trace, renewed_span), (trace, span));
        }
    }

    #[test]
    fn what_is_no_id_stays() {
        let remap = IdRemap { key: Some(7), shift: 0 };
        for mut id in [vec![], vec![1, 2, 3], vec![0; 8], vec![0; 16]] {
            let before = id.clone();
            remap.id(&mut id);
            assert_eq!(id, before);
        }
    }
}
