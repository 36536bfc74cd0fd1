//! text.

pub(crate) mod numbers;
pub(crate) mod paint;
pub(crate) mod wrap;
