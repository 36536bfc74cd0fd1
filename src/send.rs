//! Sends a plan and accounts for every export of it.
//!
//! A plan is gone through in units, in a closed loop (so many in flight) or an open one (at planned
//! times). The attempt is in the ledger before a call and its outcome after it;
//! planned = issued + not started, and issued = acked + rejected + indeterminate + partial.

pub(crate) mod barrier;
pub(crate) mod closed;
pub(crate) mod compare;
pub(crate) mod health;
pub(crate) mod measure;
pub(crate) mod open;
pub(crate) mod planner;
pub(crate) mod results;
pub(crate) mod run;
pub(crate) mod sample;
pub(crate) mod scenario;
pub(crate) mod schedule;
pub(crate) mod sender;
pub(crate) mod series;
pub(crate) mod straddle;
pub(crate) mod summary;
pub(crate) mod threshold;
pub(crate) mod unit;
