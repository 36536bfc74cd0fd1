//! Sends a plan and accounts for every export of it.
//!
//! Rounds: every service runs one workflow at once, at most so many rounds are in flight, and a
//! new one starts when any ends. The attempt is in the ledger before a call and its outcome after
//! it; planned = issued + not started, and issued = acked + rejected + indeterminate + partial.

pub(crate) mod barrier;
pub(crate) mod rounds;
pub(crate) mod run;
pub(crate) mod summary;
