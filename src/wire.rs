//! The network: OTLP exports of spans and metrics, the studio's internal RPCs, and its REST API.
//!
//! With the stand-in the only place that names tonic. A refused export is data
//! ([`outcome::ExportOutcome`]), not an error; an error means that the job cannot be done at all.
//! Secrets travel in metadata and are never printed.

#[cfg(test)]
mod certificates;
pub(crate) mod exporter;
#[cfg(test)]
pub(crate) mod fake_collector;
#[cfg(test)]
pub(crate) mod fake_studio;
mod in_flight;
pub(crate) mod ingestion;
pub(crate) mod metrics;
#[cfg(test)]
mod metrics_tests;
pub(crate) mod outcome;
pub(crate) mod proxy;
mod raw_codec;
#[cfg(target_os = "linux")]
pub(crate) mod relay;
pub(crate) mod rest;
#[cfg(test)]
mod rest_tests;
pub(crate) mod retry;
mod retry_info;
#[cfg(target_os = "linux")]
pub(crate) mod route;
pub(crate) mod target;
#[cfg(test)]
mod tests;
mod trailers;
pub(crate) mod transport;
