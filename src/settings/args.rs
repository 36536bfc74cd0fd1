//! The flags about connections and the settings file.

use std::{convert::Infallible, fmt, num::NonZeroU64, path::PathBuf, str::FromStr};

use crate::wire::{target::Target, transport::Compression};

/// Endpoint, key and transport
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "OTLP")]
pub(crate) struct OtlpArgs {
    /// OTLP gRPC endpoint: `host:port`, or with `http://` or `https://` [default: localhost:26155]
    #[arg(long, value_name = "ENDPOINT", env = "E2E_STORE_ENDPOINT", hide_env_values = true)]
    pub(crate) endpoint: Option<Target>,

    /// API key of the studio; also `JUNJO_API_KEY` [default: e2e-store]
    #[arg(long, value_name = "KEY", env = "E2E_STORE_API_KEY", hide_env_values = true)]
    pub(crate) api_key: Option<String>,

    /// PEM file of trusted authorities for `https://` [default: the system's]
    #[arg(long, value_name = "FILE", env = "E2E_STORE_CA_CERT")]
    pub(super) ca_cert: Option<PathBuf>,

    /// PEM file of the client certificate
    #[arg(long, value_name = "FILE", env = "E2E_STORE_CLIENT_CERT")]
    pub(super) client_cert: Option<PathBuf>,

    /// PEM file of the client certificate's private key
    #[arg(long, value_name = "FILE", env = "E2E_STORE_CLIENT_KEY")]
    pub(super) client_key: Option<PathBuf>,

    /// Metadata of every export (repeatable; in the environment one per line)
    #[arg(
        long = "header",
        value_name = "NAME=VALUE",
        env = "E2E_STORE_HEADERS",
        hide_env_values = true,
        value_delimiter = '\n'
    )]
    pub(super) headers: Vec<RawHeader>,

    /// Compression of exports; the studio accepts none, a collector may
    #[arg(long, value_name = "FORMAT", env = "E2E_STORE_COMPRESSION")]
    pub(super) compression: Option<Compression>,

    /// Timeout of an export in seconds [default: 10]
    #[arg(long, value_name = "SECONDS", env = "E2E_STORE_TIMEOUT", value_parser = at_least_one)]
    pub(super) timeout: Option<NonZeroU64>,
}

/// A further OTLP endpoint, for metrics. It has an identity and headers of its own: those of the studio are not for it.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "OTLP metrics")]
#[expect(clippy::struct_field_names, reason = "fields are flags, beside those of the studio's endpoint")]
pub(crate) struct MetricsArgs {
    /// OTLP gRPC endpoint that gets the metrics after each cycle: `host:port`, or with `http://` or `https://`
    #[arg(long, value_name = "ENDPOINT", env = "E2E_STORE_OTLP_METRICS", hide_env_values = true)]
    pub(super) otlp_metrics: Option<Target>,

    /// Metadata of every export of metrics (repeatable; in the environment one per line)
    #[arg(
        long = "otlp-metrics-header",
        value_name = "NAME=VALUE",
        env = "E2E_STORE_OTLP_METRICS_HEADERS",
        hide_env_values = true,
        value_delimiter = '\n',
        requires = "otlp_metrics"
    )]
    pub(super) otlp_metrics_headers: Vec<RawHeader>,

    /// PEM file of trusted authorities for an `https://` endpoint of metrics [default: the system's]
    #[arg(long, value_name = "FILE", env = "E2E_STORE_OTLP_METRICS_CA_CERT", requires = "otlp_metrics")]
    pub(super) otlp_metrics_ca_cert: Option<PathBuf>,

    /// PEM file of the client certificate for the endpoint of metrics
    #[arg(
        long,
        value_name = "FILE",
        env = "E2E_STORE_OTLP_METRICS_CLIENT_CERT",
        requires = "otlp_metrics_client_key"
    )]
    pub(super) otlp_metrics_client_cert: Option<PathBuf>,

    /// PEM file of that certificate's private key
    #[arg(
        long,
        value_name = "FILE",
        env = "E2E_STORE_OTLP_METRICS_CLIENT_KEY",
        requires = "otlp_metrics_client_cert"
    )]
    pub(super) otlp_metrics_client_key: Option<PathBuf>,
}

/// A header as it was typed, which clap must not repeat in its own messages.
#[derive(Clone)]
pub(super) struct RawHeader(pub(super) String);

impl FromStr for RawHeader {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for RawHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RawHeader")
    }
}

/// A count of which none would be none.
pub(crate) fn at_least_one(text: &str) -> Result<NonZeroU64, String> {
    let number: u64 = text.parse().map_err(|_| "not a whole number".to_owned())?;
    NonZeroU64::new(number).ok_or_else(|| "at least 1 is needed".to_owned())
}

/// Internal service and settings file
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Internal service")]
pub(crate) struct InternalArgs {
    /// Endpoint of FlushWAL and PrepareHotSnapshot [default: localhost:50052]
    #[arg(long, value_name = "ENDPOINT", env = "E2E_STORE_INTERNAL_ENDPOINT", hide_env_values = true)]
    pub(crate) internal_endpoint: Option<Target>,

    /// Token of the studio's internal service; also `JUNJO_INTERNAL_GRPC_TOKEN`
    #[arg(long, value_name = "TOKEN", env = "E2E_STORE_INTERNAL_TOKEN", hide_env_values = true)]
    pub(crate) internal_token: Option<String>,

    /// Settings file [default: e2e-store.yaml, else e2e-store/config.yaml in the user's settings folder]
    #[arg(long, value_name = "FILE", env = "E2E_STORE_CONFIG", help_heading = "Settings")]
    pub(crate) config: Option<PathBuf>,

    /// Send keys and tokens to endpoints that the working directory's e2e-store.yaml names
    #[arg(long, help_heading = "Settings")]
    pub(crate) trust_config: bool,
}
