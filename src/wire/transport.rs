//! How exports travel: whom we trust and who we are, extra metadata, compression, patience.
//!
//! Files are read when an exporter connects, so that a wrong one is named before anything is sent. The values of
//! headers may be secrets: they are never shown, not even where they are wrong. No proxy is ever used: tonic's
//! connector knows none, and `HTTPS_PROXY` and its like are not looked at.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use tonic::{
    codec::CompressionEncoding,
    metadata::{AsciiMetadataKey, AsciiMetadataValue, MetadataMap},
    transport::{Certificate, ClientTlsConfig, Identity},
};

use super::target::Target;
use crate::base::problem::Problem;

/// The metadata that carries the studio's API key.
pub(super) const API_KEY: &str = "x-junjo-api-key";

/// Settings of an OTLP connection, beyond where it leads and with which key.
#[derive(Debug, Clone)]
pub(crate) struct Transport {
    /// A PEM file of the authorities to trust; the system's where there is none.
    pub(crate) ca_cert: Option<PathBuf>,
    pub(crate) client_identity: Option<ClientIdentity>,
    /// Sent with every call, beside the API key.
    pub(crate) headers: Vec<Header>,
    pub(crate) compression: Option<Compression>,
    /// How long one attempt at an export may take.
    pub(crate) timeout: Duration,
}

/// PEM files that tell a server who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientIdentity {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

/// How requests are compressed. The studio accepts neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Compression {
    Gzip,
    Zstd,
}

/// A piece of metadata. `Debug` does not show its value.
#[derive(Debug, Clone)]
pub(crate) struct Header {
    name: AsciiMetadataKey,
    value: AsciiMetadataValue,
}

/// Names that HTTP/2 and gRPC keep for themselves, beside all that begin with `grpc-`.
const RESERVED: [&str; 8] = [
    "connection",
    "content-length",
    "content-type",
    "host",
    "keep-alive",
    "te",
    "transfer-encoding",
    "upgrade",
];

const HEADER_HINT: &str =
    "write `NAME=VALUE` in printable ASCII; a name holds letters, digits, `-`, `_` and `.`";

impl Transport {
    /// No option set: the system's authorities, no identity, no extra metadata, no compression.
    pub(crate) fn plain(timeout: Duration) -> Self {
        Self { ca_cert: None, client_identity: None, headers: Vec::new(), compression: None, timeout }
    }

    /// Whom to trust and who we are, with the files read.
    pub(super) fn tls(&self, target: &Target) -> Result<ClientTlsConfig, Problem> {
        if !target.uses_tls() && (self.ca_cert.is_some() || self.client_identity.is_some()) {
            let what = format!("`{target}` speaks plain text, so certificates are of no use");
            return Err(Problem::new(
                what,
                "write the endpoint with `https://`, or leave the certificates out",
            ));
        }
        let tls = match &self.ca_cert {
            None => ClientTlsConfig::new().with_native_roots(),
            Some(file) => {
                let pem = read_pem(file, "CERTIFICATE", "--ca-cert takes a PEM file with certificates")?;
                ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem))
            }
        };
        Ok(match &self.client_identity {
            None => tls,
            Some(ClientIdentity { cert, key }) => {
                let cert =
                    read_pem(cert, "CERTIFICATE", "--client-cert takes a PEM file with a certificate")?;
                let key = read_pem(key, "PRIVATE KEY", "--client-key takes a PEM file with a private key")?;
                tls.identity(Identity::from_pem(cert, key))
            }
        })
    }

    /// What goes with every call to the studio.
    pub(super) fn metadata(&self, api_key: AsciiMetadataValue) -> MetadataMap {
        let mut metadata = self.headers();
        metadata.insert(API_KEY, api_key);
        metadata
    }

    /// What goes with every call, whoever answers.
    pub(super) fn headers(&self) -> MetadataMap {
        let mut metadata = MetadataMap::new();
        for Header { name, value } in &self.headers {
            metadata.append(name.clone(), value.clone());
        }
        metadata
    }
}

pub(super) const CA_HINT: &str =
    "name the authority that signed the server's certificate with --ca-cert, a PEM file";

impl Compression {
    pub(super) fn encoding(self) -> CompressionEncoding {
        match self {
            Self::Gzip => CompressionEncoding::Gzip,
            Self::Zstd => CompressionEncoding::Zstd,
        }
    }
}

impl Header {
    /// Reads `NAME=VALUE`; `place` says where it stands, since it cannot be shown itself.
    pub(crate) fn parse(place: &str, text: &str) -> Result<Self, Problem> {
        match text.split_once('=') {
            Some((name, value)) => Self::new(place, name, value),
            None => Err(Problem::new(format!("{place} has no `=`"), HEADER_HINT)),
        }
    }

    pub(crate) fn new(place: &str, name: &str, value: &str) -> Result<Self, Problem> {
        let name = name.trim().to_ascii_lowercase();
        if name == API_KEY {
            let what = format!("{place} is `{API_KEY}`, which carries the API key");
            return Err(Problem::new(what, "pass the key with --api-key or JUNJO_API_KEY"));
        }
        if name.starts_with("grpc-") || RESERVED.contains(&name.as_str()) {
            let what = format!("{place} has a name that HTTP/2 or gRPC keeps for itself");
            return Err(Problem::new(what, "leave it out"));
        }
        if name.ends_with("-bin") {
            let what = format!("{place} has a name in `-bin`, which is for binary values");
            return Err(Problem::new(what, "choose another name: headers are text here"));
        }
        let key = AsciiMetadataKey::from_bytes(name.as_bytes())
            .map_err(|_| Problem::new(format!("{place} has a name that gRPC does not allow"), HEADER_HINT))?;
        let value = Some(value.trim()).filter(|value| value.bytes().all(|byte| matches!(byte, b' '..=b'~')));
        let value = value.and_then(|value| value.parse::<AsciiMetadataValue>().ok());
        let mut value = value.ok_or_else(|| {
            Problem::new(format!("{place} has a value that a gRPC header cannot carry"), HEADER_HINT)
        })?;
        value.set_sensitive(true);
        Ok(Self { name: key, value })
    }
}

/// The bytes of a PEM file that has a section whose label ends so.
fn read_pem(file: &Path, label: &str, hint: &str) -> Result<Vec<u8>, Problem> {
    let shown = file.display();
    let pem =
        fs::read(file).map_err(|err| Problem::new(format!("cannot read `{shown}`"), hint).caused_by(err))?;
    let text = String::from_utf8_lossy(&pem);
    let is_section =
        |line: &str| line.starts_with("-----BEGIN ") && line.trim_end().ends_with(&format!("{label}-----"));
    if text.lines().any(is_section) {
        Ok(pem)
    } else {
        Err(Problem::new(format!("`{shown}` is not a PEM file with a section `{label}`"), hint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> String {
        Header::parse("header 2", text).map_or_else(|err| err.to_string(), |header| format!("{header:?}"))
    }

    #[test]
    fn a_header_is_checked_and_its_value_never_shown() {
        for (text, said) in [
            ("secret", "header 2 has no `=`"),
            ("x-junjo-api-key=secret", "header 2 is `x-junjo-api-key`, which carries the API key"),
            ("X-Junjo-Api-Key=secret", "header 2 is `x-junjo-api-key`, which carries the API key"),
            ("grpc-timeout=secret", "header 2 has a name that HTTP/2 or gRPC keeps for itself"),
            ("Content-Type=secret", "header 2 has a name that HTTP/2 or gRPC keeps for itself"),
            ("token-bin=secret", "header 2 has a name in `-bin`, which is for binary values"),
            ("Authorization: secret=", "header 2 has a name that gRPC does not allow"),
            ("=secret", "header 2 has a name that gRPC does not allow"),
            ("x-name=secret\u{7}", "header 2 has a value that a gRPC header cannot carry"),
            ("x-name=sécret", "header 2 has a value that a gRPC header cannot carry"),
        ] {
            assert_eq!(wrong(text), said);
        }
        let header = wrong("Authorization = Bearer secret==");
        assert!(header.contains("authorization") && !header.contains("secret"), "{header}");
    }

    #[test]
    fn metadata_holds_the_key_and_every_header() {
        let headers = ["x-tenant=a", "x-tenant=b"].map(|text| Header::parse("", text).unwrap()).to_vec();
        let transport = Transport { headers, ..Transport::plain(Duration::ZERO) };
        let mut key: AsciiMetadataValue = "secret".parse().unwrap();
        key.set_sensitive(true);
        let metadata = transport.metadata(key);
        let tenants: Vec<_> = metadata.get_all("x-tenant").iter().collect();
        assert_eq!(tenants, ["a", "b"]);
        assert_eq!(metadata.get(API_KEY).unwrap(), "secret");
        assert!(!format!("{metadata:?} {transport:?}").contains("secret"));
    }
}
