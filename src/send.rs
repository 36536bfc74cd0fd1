//! Sends exports and accounts for every one of them.
//!
//! There is one send loop: a stream of scheduled exports, planned or recorded, with so many in flight. Exports that
//! find no free slot wait for one (closed loop, replay) or are skipped (open loop). The attempt is in the ledger
//! before a call and its outcome after it; planned = issued + not started, and issued = acked + rejected +
//! indeterminate + partial.

pub(crate) mod account;
pub(crate) mod barrier;
pub(crate) mod compare;
pub(crate) mod health;
pub(crate) mod measure;
pub(crate) mod pace;
pub(crate) mod planner;
pub(crate) mod results;
pub(crate) mod run;
pub(crate) mod sample;
pub(crate) mod scenario;
pub(crate) mod schedule;
pub(crate) mod scheduled;
pub(crate) mod send_loop;
pub(crate) mod sender;
pub(crate) mod series;
pub(crate) mod straddle;
pub(crate) mod summary;
pub(crate) mod threshold;
pub(crate) mod trend;
pub(crate) mod unit;
