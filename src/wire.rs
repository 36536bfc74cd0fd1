//! The network: OTLP exports and the studio's internal RPCs.
//!
//! With the stand-in the only place that names tonic. A refused export is data
//! ([`outcome::Outcome`]), not an error; an error means that the job cannot be done at all.
//! Secrets travel in metadata and are never printed.

pub(crate) mod exporter;
pub(crate) mod ingestion;
pub(crate) mod outcome;
pub(crate) mod target;
