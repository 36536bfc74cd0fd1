//! Predictable traffic: a pure function of a plan.
//!
//! Whoever holds a [`plan::Plan`] can make every span of its run again, byte for byte, as sent or
//! as stored. No clock, no I/O and no randomness but the seed's. Ids can be inverted: a stored row
//! tells which planned span it claims to be, even when nothing else of it is right.

pub(crate) mod dice;
pub(crate) mod getting_started;
pub(crate) mod graph;
pub(crate) mod ids;
pub(crate) mod otlp;
pub(crate) mod plan;
pub(crate) mod planned;
pub(crate) mod stored;
