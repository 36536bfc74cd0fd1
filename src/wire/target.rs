//! Where to connect: an endpoint as users write it.

use std::{fmt, str::FromStr, time::Duration};

use tonic::{
    codegen::http::uri::Authority,
    transport::{Channel, ClientTlsConfig, Endpoint},
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// `host:port`, or the same with a scheme that decides about TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    tls: Option<bool>,
    authority: String,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum InvalidTarget {
    #[error("an endpoint is `host:port`, `http://host:port` or `https://host:port`")]
    Shape,
    #[error("unknown scheme `{0}`: use `http` or `https`")]
    Scheme(String),
}

impl FromStr for Target {
    type Err = InvalidTarget;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (tls, authority) = match text.split_once("://") {
            Some(("http", rest)) => (Some(false), rest),
            Some(("https", rest)) => (Some(true), rest),
            Some((scheme, _)) => return Err(InvalidTarget::Scheme(scheme.to_owned())),
            None => (None, text),
        };
        let authority = authority.trim_end_matches('/');
        let parsed: Authority = authority.parse().map_err(|_| InvalidTarget::Shape)?;
        if parsed.port_u16().is_none() || parsed.host().is_empty() || authority.contains('@') {
            return Err(InvalidTarget::Shape);
        }
        Ok(Self { tls, authority: authority.to_owned() })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.uses_tls() { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority)
    }
}

impl Target {
    /// Decides about TLS where the scheme has not.
    pub(crate) fn or_tls(self, tls: bool) -> Self {
        Self { tls: self.tls.or(Some(tls)), ..self }
    }

    /// Connects, and trusts the system's authorities where TLS is spoken.
    pub(crate) async fn connect(&self) -> Result<Channel, tonic::transport::Error> {
        self.endpoint(ClientTlsConfig::new().with_native_roots())?.connect().await
    }

    /// What to connect to, as often as need be; `tls` counts only where TLS is spoken.
    pub(crate) fn endpoint(&self, tls: ClientTlsConfig) -> Result<Endpoint, tonic::transport::Error> {
        let endpoint =
            Endpoint::from_shared(self.to_string())?.connect_timeout(CONNECT_TIMEOUT).tcp_nodelay(true);
        if self.uses_tls() { endpoint.tls_config(tls.timeout(CONNECT_TIMEOUT)) } else { Ok(endpoint) }
    }

    /// `host:port`.
    pub(crate) fn address(&self) -> &str {
        &self.authority
    }

    pub(crate) fn uses_tls(&self) -> bool {
        self.tls.unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        text.parse::<Target>().map_or_else(|err| err.to_string(), |target| target.to_string())
    }

    #[test]
    fn an_endpoint_is_read_as_users_write_it() {
        assert_eq!(shown("localhost:26155"), "http://localhost:26155");
        assert_eq!(shown("https://studio.example:443/"), "https://studio.example:443");
        assert_eq!(shown("[::1]:26155"), "http://[::1]:26155");
        assert_eq!(shown("ftp://host:1"), "unknown scheme `ftp`: use `http` or `https`");
        for wrong in ["localhost", "", ":26155", "host:port", "host:99999", "user@host:1", "host:1/path"] {
            assert_eq!(shown(wrong), InvalidTarget::Shape.to_string(), "{wrong}");
        }
    }

    #[test]
    fn a_scheme_outranks_the_setting() {
        let target = |text: &str, tls| text.parse::<Target>().expect("valid").or_tls(tls).to_string();
        assert_eq!(target("host:1", true), "https://host:1");
        assert_eq!(target("http://host:1", true), "http://host:1");
        assert_eq!(target("https://host:1", false), "https://host:1");
    }
}
