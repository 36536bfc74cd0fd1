//! Proves, from the bytes on disk, whether Junjo AI Studio kept what it was sent.

#[expect(unreachable_pub, reason = "generated code")]
mod proto;
mod span;
mod standin;
