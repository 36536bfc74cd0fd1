//! Permutations of 128 and of 64 bits by six Feistel rounds, and their inverses.
//!
//! The round function is the caller's: it mixes one half with the number of the round, and its key with both.

const ROUNDS: u64 = 6;

/// The golden ratio in 64 bits: what SplitMix64 steps by.
pub(crate) const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finaliser of SplitMix64.
pub(crate) fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

pub(crate) fn permute_128(plain: u128, round: impl Fn(u64, u64) -> u64) -> u128 {
    let halves = ((plain >> 64) as u64, plain as u64);
    let (left, right) =
        (0..ROUNDS).fold(halves, |(left, right), number| (right, left ^ round(right, number)));
    u128::from(left) << 64 | u128::from(right)
}

pub(crate) fn invert_128(permuted: u128, round: impl Fn(u64, u64) -> u64) -> u128 {
    let halves = ((permuted >> 64) as u64, permuted as u64);
    let (left, right) =
        (0..ROUNDS).rev().fold(halves, |(left, right), number| (right ^ round(left, number), left));
    u128::from(left) << 64 | u128::from(right)
}

pub(crate) fn permute_64(plain: u64, round: impl Fn(u64, u64) -> u64) -> u64 {
    let halves = ((plain >> 32) as u32, plain as u32);
    let (left, right) =
        (0..ROUNDS).fold(halves, |(left, right), number| (right, left ^ round(right.into(), number) as u32));
    u64::from(left) << 32 | u64::from(right)
}

pub(crate) fn invert_64(permuted: u64, round: impl Fn(u64, u64) -> u64) -> u64 {
    let halves = ((permuted >> 32) as u32, permuted as u32);
    let (left, right) = (0..ROUNDS)
        .rev()
        .fold(halves, |(left, right), number| (right ^ round(left.into(), number) as u32, left));
    u64::from(left) << 32 | u64::from(right)
}

/// What a permutation makes of a number other than zero, without ever giving zero: whatever would become zero
/// becomes what zero would. The inverse of a permutation so applied is its inverse so applied.
pub(crate) fn without_zero<N: Default + PartialEq>(number: N, permute: impl Fn(N) -> N) -> N {
    let permuted = permute(number);
    if permuted == N::default() { permute(N::default()) } else { permuted }
}
