//! Junjo's own evidence: what its executions say of themselves and of each other, in rows that no known plan calls for.
//!
//! Rows with telemetry of Junjo's leave a record in the sweep. One pass over the buckets of traces rebuilds each
//! execution and holds it against its own counts, sequences, ids and graphs; what belongs to a store in another trace
//! is matched behind that. Differences are named here, and judged by the checks' SQL. Memory holds a part of a bucket
//! at a time.

pub(crate) mod agents;
pub(crate) mod analysis;
mod definition;
pub(crate) mod difference;
mod evaluations;
mod graph;
mod identity;
mod known_graph;
pub(crate) mod outline;
mod patch;
mod plugin;
pub(crate) mod rows;
mod snapshot;
pub(crate) mod span;
mod state;
mod status;
mod strays;
pub(crate) mod trace;
