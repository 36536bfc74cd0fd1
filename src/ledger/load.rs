//! How a run was sent, as its manifest tells it.

use serde::{Deserialize, Serialize};

/// How a run's exports were paced and gathered, in words of the command line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Load {
    /// `rounds`, `closed` or `open`.
    pub(crate) pace: String,
    /// Of an open loop: its rate or stages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) schedule: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) duration_seconds: Option<f64>,
    /// Of a closed loop: between an answer and the next export.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pause_seconds: Option<f64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) reconnect: bool,
    /// The most spans of an export; absent where each workflow has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) batch_size: Option<u32>,
    /// The share of workflows that were sent in parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) straddle: Option<f64>,
    pub(crate) retry: String,
    pub(crate) connections: u64,
}
