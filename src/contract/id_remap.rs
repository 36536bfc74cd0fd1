//! Fresh ids and shifted times for spans that are sent again.
//!
//! Ids go through a permutation that only its key chooses: what was one id stays one id wherever it
//! occurs (trace, span, parent, link), no two become one, and whoever has the key can go back. An id of
//! zeros means "none" and stays; one of another length than OTLP's cannot be renewed and stays, too.

/// What becomes of ids and times. The default leaves all as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Renewal {
    /// Chooses the permutation of ids; none keeps them.
    pub(crate) key: Option<u64>,
    /// Added to every start, end and event time, in nanoseconds.
    pub(crate) shift: i64,
}

const ROUNDS: u64 = 6;

impl Renewal {
    /// The same for another loop over the same spans.
    pub(crate) fn of_loop(self, number: u64) -> Self {
        Self { key: self.key.map(|key| key ^ mix(number.wrapping_mul(0x9e37_79b9_7f4a_7c15))), ..self }
    }

    pub(crate) fn time(self, nanos: u64) -> u64 {
        nanos.wrapping_add(self.shift.cast_unsigned())
    }

    /// Renews a trace or span id in place.
    pub(crate) fn id(self, id: &mut [u8]) {
        let Some(key) = self.key else { return };
        if let Ok(trace) = <&mut [u8; 16]>::try_from(&mut *id) {
            *trace = nonzero(u128::from_be_bytes(*trace), |id| permute_128(key, id)).to_be_bytes();
        } else if let Ok(span) = <&mut [u8; 8]>::try_from(id) {
            let permuted = nonzero(u64::from_be_bytes(*span).into(), |id| permute_64(key, id as u64).into());
            *span = (permuted as u64).to_be_bytes();
        }
    }

    /// What an id was before it was renewed.
    #[cfg(test)]
    pub(crate) fn original(self, id: &mut [u8]) {
        let Some(key) = self.key else { return };
        if let Ok(trace) = <&mut [u8; 16]>::try_from(&mut *id) {
            *trace = nonzero(u128::from_be_bytes(*trace), |id| invert_128(key, id)).to_be_bytes();
        } else if let Ok(span) = <&mut [u8; 8]>::try_from(id) {
            let plain = nonzero(u64::from_be_bytes(*span).into(), |id| invert_64(key, id as u64).into());
            *span = (plain as u64).to_be_bytes();
        }
    }
}

/// Whether an id names a span or trace at all, and has OTLP's length.
pub(crate) fn is_usual(id: &[u8], len: usize) -> bool {
    id.len() == len && id.iter().any(|byte| *byte != 0)
}

/// A permutation that leaves zero where it is.
fn nonzero(id: u128, permute: impl Fn(u128) -> u128) -> u128 {
    match id {
        0 => 0,
        id => match permute(id) {
            0 => permute(0),
            permuted => permuted,
        },
    }
}

fn permute_128(key: u64, plain: u128) -> u128 {
    let (mut left, mut right) = ((plain >> 64) as u64, plain as u64);
    for round in 0..ROUNDS {
        (left, right) = (right, left ^ scramble(right, key, round));
    }
    u128::from(left) << 64 | u128::from(right)
}

#[cfg(test)]
fn invert_128(key: u64, permuted: u128) -> u128 {
    let (mut left, mut right) = ((permuted >> 64) as u64, permuted as u64);
    for round in (0..ROUNDS).rev() {
        (left, right) = (right ^ scramble(left, key, round), left);
    }
    u128::from(left) << 64 | u128::from(right)
}

fn permute_64(key: u64, plain: u64) -> u64 {
    let (mut left, mut right) = ((plain >> 32) as u32, plain as u32);
    for round in 0..ROUNDS {
        (left, right) = (right, left ^ scramble(right.into(), !key, round) as u32);
    }
    u64::from(left) << 32 | u64::from(right)
}

#[cfg(test)]
fn invert_64(key: u64, permuted: u64) -> u64 {
    let (mut left, mut right) = ((permuted >> 32) as u32, permuted as u32);
    for round in (0..ROUNDS).rev() {
        (left, right) = (right ^ scramble(left.into(), !key, round) as u32, left);
    }
    u64::from(left) << 32 | u64::from(right)
}

fn scramble(half: u64, key: u64, round: u64) -> u64 {
    mix(half ^ mix(key.wrapping_add(round.wrapping_mul(0x9e37_79b9_7f4a_7c15))))
}

/// The finaliser of SplitMix64.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Every loop's ids lead back, and differ from those of the loop before.
        #[test]
        fn a_renewed_id_leads_back(key: u64, trace: [u8; 16], span: [u8; 8], number in 0_u64..1_000) {
            let renewal = Renewal { key: Some(key), shift: 0 };
            let of_loop = renewal.of_loop(number);
            let (mut renewed_trace, mut renewed_span) = (trace, span);
            of_loop.id(&mut renewed_trace);
            of_loop.id(&mut renewed_span);
            let mut next = trace;
            renewal.of_loop(number + 1).id(&mut next);
            prop_assert_eq!(next == renewed_trace, trace == [0; 16]);
            prop_assert_eq!(renewed_trace == [0; 16], trace == [0; 16]);
            of_loop.original(&mut renewed_trace);
            of_loop.original(&mut renewed_span);
            prop_assert_eq!((renewed_trace, renewed_span), (trace, span));
        }
    }

    #[test]
    fn what_is_no_id_stays() {
        let renewal = Renewal { key: Some(7), shift: 0 };
        for mut id in [vec![], vec![1, 2, 3], vec![0; 8], vec![0; 16]] {
            let before = id.clone();
            renewal.id(&mut id);
            assert_eq!(id, before);
        }
    }
}
