//! Proves, from the bytes on disk, whether Junjo AI Studio kept what it was sent.

#[expect(clippy::allow_attributes, clippy::pedantic, unreachable_pub, reason = "generated code")]
mod proto;
mod span;
mod standin;
