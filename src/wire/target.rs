//! Where to connect: an endpoint as users write it.

use std::{ffi::OsStr, fmt, marker::PhantomData, net::IpAddr, str::FromStr, time::Duration};

use clap::{
    Arg, Command,
    builder::{TypedValueParser, ValueParserFactory},
    error::ErrorKind,
};
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

/// What is wrong with a text that names no endpoint. Never repeats a user name or password in it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum InvalidTarget {
    #[error(
        "an endpoint is `host:port`, with `http://`, `https://`, `grpc://` or `grpcs://` before it or without"
    )]
    Shape,
    #[error("unknown scheme `{0}`: use `http`, `https`, `grpc` or `grpcs`")]
    Scheme(String),
    #[error("an endpoint holds no user name and no password: pass the key with --api-key or JUNJO_API_KEY")]
    UserInfo,
}

impl FromStr for Target {
    type Err = InvalidTarget;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains('@') {
            return Err(InvalidTarget::UserInfo);
        }
        let (tls, authority) = match text.split_once("://") {
            None => (None, text),
            Some((scheme, rest)) => match scheme.to_ascii_lowercase().as_str() {
                "http" => (Some(false), rest),
                "https" | "grpcs" => (Some(true), rest),
                // A name for what is spoken. Whether it is encrypted, `insecure` says.
                "grpc" => (None, rest),
                _ => return Err(InvalidTarget::Scheme(scheme.to_owned())),
            },
        };
        let authority = authority.trim_end_matches('/');
        let parsed: Authority = authority.parse().map_err(|_| InvalidTarget::Shape)?;
        if parsed.port_u16().is_none() || parsed.host().is_empty() {
            return Err(InvalidTarget::Shape);
        }
        Ok(Self { tls, authority: authority.to_owned() })
    }
}

impl HidesValue for InvalidTarget {
    fn hides_value(&self) -> bool {
        *self == Self::UserInfo
    }
}

impl ValueParserFactory for Target {
    type Parser = EndpointParser<Self>;

    fn value_parser() -> Self::Parser {
        EndpointParser::default()
    }
}

/// An error about a text that may hold a password.
pub(super) trait HidesValue: fmt::Display {
    fn hides_value(&self) -> bool;
}

/// Reads an endpoint of the command line. Where it holds a password, the error does not show it.
#[derive(Debug)]
pub(crate) struct EndpointParser<T>(PhantomData<fn() -> T>);

impl<T> Default for EndpointParser<T> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T> Clone for EndpointParser<T> {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl<T: FromStr<Err: HidesValue> + Clone + Send + Sync + 'static> TypedValueParser for EndpointParser<T> {
    type Value = T;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<T, clap::Error> {
        let text = value.to_str().unwrap_or_default();
        text.parse().map_err(|err: T::Err| {
            let arg = arg.map_or_else(|| "ENDPOINT".to_owned(), ToString::to_string);
            let shown = if err.hides_value() { String::new() } else { format!(" '{text}'") };
            let message = format!("invalid value{shown} for '{arg}': {err}\n");
            clap::Error::raw(ErrorKind::ValueValidation, message).with_cmd(command)
        })
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

    /// Whether what is sent there stays on this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        let Ok(authority) = self.authority.parse::<Authority>() else { return false };
        let host = authority.host().trim_end_matches('.').to_ascii_lowercase();
        if host == "localhost" {
            return true;
        }
        let address: Option<IpAddr> = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
        address.is_some_and(|address| address.to_canonical().is_loopback())
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
        assert_eq!(shown("HTTP://localhost:26155"), "http://localhost:26155");
        assert_eq!(shown("HttpS://localhost:1"), "https://localhost:1");
        assert_eq!(shown("grpc://localhost:50051"), "http://localhost:50051");
        assert_eq!(shown("grpcs://studio.example:443"), "https://studio.example:443");
        assert_eq!(shown("ftp://host:1"), "unknown scheme `ftp`: use `http`, `https`, `grpc` or `grpcs`");
        for secret in ["user@host:1", "http://user:s3cret@host:1", "s3cret@x://host:1", "me:s3cret@"] {
            assert_eq!(shown(secret), InvalidTarget::UserInfo.to_string(), "{secret}");
        }
        for wrong in ["localhost", "", ":26155", "host:port", "host:99999", "host:1/path"] {
            assert_eq!(shown(wrong), InvalidTarget::Shape.to_string(), "{wrong}");
        }
    }

    #[test]
    fn a_scheme_outranks_the_setting() {
        let target = |text: &str, tls| text.parse::<Target>().expect("valid").or_tls(tls).to_string();
        assert_eq!(target("host:1", true), "https://host:1");
        assert_eq!(target("http://host:1", true), "http://host:1");
        assert_eq!(target("https://host:1", false), "https://host:1");
        assert_eq!(target("grpc://host:1", true), "https://host:1");
        assert_eq!(target("grpc://host:1", false), "http://host:1");
        assert_eq!(target("grpcs://host:1", false), "https://host:1");
    }

    #[test]
    fn loopback_is_this_machine_and_nothing_that_only_looks_like_it() {
        for near in ["localhost:1", "LOCALHOST:1", "localhost.:1", "127.0.0.1:1", "127.9.9.9:1", "[::1]:1"] {
            assert!(near.parse::<Target>().unwrap().is_loopback(), "{near}");
        }
        for far in ["localhost.evil.example:1", "127.0.0.1.nip.io:1", "10.0.0.1:1", "0.0.0.0:1", "[::2]:1"] {
            assert!(!far.parse::<Target>().unwrap().is_loopback(), "{far}");
        }
    }
}
