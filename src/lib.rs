//! Proves, from the bytes on disk, whether Junjo AI Studio kept what it was sent.

mod judge;
mod ledger;
mod load;
mod problem;
#[expect(clippy::allow_attributes, clippy::pedantic, unreachable_pub, reason = "generated code")]
mod proto;
mod span;
mod standin;
mod store;
mod traffic;
mod wire;
