//! An imitation of what Junjo's Python SDK records when an app runs (`junjo-telemetry`).
//!
//! A profile is an app in miniature: it starts a workflow on an [`sdk::Sdk`], says which nodes run
//! and what they write, and the imitation keeps the clock, the stores, the identities and the
//! errors, and leaves the spans. Nothing is sent from here, and no graph is walked: which way a run
//! takes is the profile's to say.

pub(crate) mod background;
pub(crate) mod composite;
pub(crate) mod e2e;
pub(crate) mod executable;
pub(crate) mod fan_out;
pub(crate) mod flow;
pub(crate) mod getting_started;
pub(crate) mod group;
pub(crate) mod hook;
pub(crate) mod orders;
pub(crate) mod payload;
pub(crate) mod polling;
pub(crate) mod raised;
pub(crate) mod sdk;
pub(crate) mod store;

#[cfg(test)]
pub(crate) mod tests;
