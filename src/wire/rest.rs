//! The studio's REST API, as far as its pages are compared: health, sign-in, services, workflows, traces.
//!
//! Reads only, but for the sign-in. Signs out never: studio 0.82 then ends all sessions of that user. Each read of
//! spans makes the studio write a hot snapshot. Redirects are not followed, answers are bounded in size and time.

use std::{fmt, str::FromStr, sync::Arc, time::Duration};

use clap::builder::ValueParserFactory;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{
    Method, Request, Response,
    body::{Bytes, Incoming},
    client::conn::http1,
    header::{ACCEPT, CONTENT_TYPE, COOKIE, HOST, HeaderValue, SET_COOKIE, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName},
};
use tonic::codegen::http::uri::Authority;

use super::target::{EndpointParser, HidesValue, InvalidTarget, Target};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The studio itself waits 30 s for a snapshot.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);
/// A trace of some ten thousand spans.
const MAX_BODY: usize = 64 << 20;

const SPANS: &str = "/api/v1/observability";
const SESSION: &str = "session=";

/// Where the studio's backend answers: `http://` or `https://`, host, and port where it is not the scheme's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StudioUrl(Target);

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum InvalidStudioUrl {
    #[error("a studio's URL is `http://host:port` or `https://host`, without a path")]
    Shape,
    #[error(
        "a studio's URL holds no user name and no password: set E2E_STORE_STUDIO_EMAIL and E2E_STORE_STUDIO_PASSWORD"
    )]
    UserInfo,
}

impl FromStr for StudioUrl {
    type Err = InvalidStudioUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains('@') {
            return Err(InvalidStudioUrl::UserInfo);
        }
        let (scheme, rest) = text.split_once("://").ok_or(InvalidStudioUrl::Shape)?;
        let port = match scheme.to_ascii_lowercase().as_str() {
            "http" => 80,
            "https" => 443,
            _ => return Err(InvalidStudioUrl::Shape),
        };
        let authority: Authority = rest.trim_end_matches('/').parse().map_err(|_| InvalidStudioUrl::Shape)?;
        let port = if authority.port().is_none() { format!(":{port}") } else { String::new() };
        let target = format!("{scheme}://{authority}{port}").parse();
        target.map(Self).map_err(|err| match err {
            InvalidTarget::UserInfo => InvalidStudioUrl::UserInfo,
            InvalidTarget::Shape | InvalidTarget::Scheme(_) => InvalidStudioUrl::Shape,
        })
    }
}

impl HidesValue for InvalidStudioUrl {
    fn hides_value(&self) -> bool {
        *self == Self::UserInfo
    }
}

impl ValueParserFactory for StudioUrl {
    type Parser = EndpointParser<Self>;

    fn value_parser() -> Self::Parser {
        EndpointParser::default()
    }
}

impl fmt::Display for StudioUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StudioUrl {
    pub(crate) fn target(&self) -> &Target {
        &self.0
    }
}

/// Who signs in. `Debug` shows neither.
#[derive(Clone, Serialize)]
pub(crate) struct Credentials {
    pub(crate) email: String,
    pub(crate) password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RestError {
    #[error("no connection: {0}")]
    Unreachable(String),
    #[error("no answer within {} s", .0.as_secs())]
    TimedOut(Duration),
    #[error("the answer is larger than {} MB", .0 >> 20)]
    TooLarge(usize),
    #[error("it answers {0}")]
    Status(u16),
    #[error("its answer is not that of a studio: {0}")]
    Form(String),
}

/// What a studio says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Health {
    pub(crate) version: String,
    pub(crate) app_name: String,
}

/// A span of a list or a trace, by what is compared of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct ShownSpan {
    pub(crate) trace_id: Option<String>,
    pub(crate) span_id: Option<String>,
}

/// A studio's backend, and the session with it where there is one.
pub(crate) struct Studio {
    url: StudioUrl,
    tls: Option<TlsConnector>,
    cookie: Option<HeaderValue>,
    bounds: Bounds,
}

/// Of one answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) time: Duration,
    /// Bytes of its body.
    pub(super) size: usize,
}

impl Studio {
    /// Where TLS is spoken, the system's authorities are trusted, or those of `SSL_CERT_FILE`.
    pub(crate) fn at(url: StudioUrl) -> Result<Self, RestError> {
        let mut roots = RootCertStore::empty();
        if url.0.uses_tls() {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        Self::trusting(url, roots, Bounds { time: ANSWER_TIMEOUT, size: MAX_BODY })
    }

    pub(super) fn trusting(url: StudioUrl, roots: RootCertStore, bounds: Bounds) -> Result<Self, RestError> {
        let tls = url.0.uses_tls().then(|| tls(roots)).transpose()?;
        Ok(Self { url, tls, cookie: None, bounds })
    }

    pub(crate) fn url(&self) -> &StudioUrl {
        &self.url
    }

    /// Open to all.
    pub(crate) async fn health(&self) -> Result<Health, RestError> {
        self.get("/health").await
    }

    /// Later questions are asked in this session, which is left as it is.
    pub(crate) async fn sign_in(&mut self, credentials: &Credentials) -> Result<(), RestError> {
        let body = serde_json::to_vec(credentials).map_err(|err| RestError::Form(err.to_string()))?;
        let (answer, _) = self.ask(Method::POST, "/sign-in", body).await?;
        let cookies = answer.headers().get_all(SET_COOKIE).iter();
        let session =
            cookies.filter_map(|cookie| cookie.to_str().ok()).find(|cookie| cookie.starts_with(SESSION));
        let session = session.and_then(|cookie| cookie.split(';').next());
        let mut session = session
            .and_then(|session| HeaderValue::from_str(session).ok())
            .ok_or_else(|| RestError::Form("it names no session".to_owned()))?;
        session.set_sensitive(true);
        self.cookie = Some(session);
        Ok(())
    }

    pub(crate) async fn services(&self) -> Result<Vec<String>, RestError> {
        self.get(&format!("{SPANS}/services")).await
    }

    /// As the page of a service asks: the newest 100.
    pub(crate) async fn workflows(&self, service: &str) -> Result<Vec<ShownSpan>, RestError> {
        let service = utf8_percent_encode(service, NON_ALPHANUMERIC);
        self.get(&format!("{SPANS}/services/{service}/workflows")).await
    }

    pub(crate) async fn trace(&self, trace_id: &str) -> Result<Vec<ShownSpan>, RestError> {
        let trace = utf8_percent_encode(trace_id, NON_ALPHANUMERIC);
        self.get(&format!("{SPANS}/traces/{trace}/spans")).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, RestError> {
        let (_, body) = self.ask(Method::GET, path, Vec::new()).await?;
        // What does not parse may be anything, so none of it is shown.
        serde_json::from_slice(&body).map_err(|err| RestError::Form(format!("{:?} error", err.classify())))
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<(Response<()>, Bytes), RestError> {
        let connection = timeout(CONNECT_TIMEOUT, TcpStream::connect(self.url.0.address())).await;
        let stream = connection
            .map_err(|_| RestError::TimedOut(CONNECT_TIMEOUT))?
            .map_err(|err| RestError::Unreachable(err.to_string()))?;
        let request = self.request(method, path, body)?;
        let Bounds { time, size } = self.bounds;
        let answered = timeout(time, async {
            match &self.tls {
                None => send(stream, request, size).await,
                Some(tls) => {
                    let unreachable = |err: std::io::Error| RestError::Unreachable(err.to_string());
                    let name = server_name(self.url.0.address())?;
                    send(tls.connect(name, stream).await.map_err(unreachable)?, request, size).await
                }
            }
        });
        answered.await.map_err(|_| RestError::TimedOut(time))?
    }

    fn request(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Request<Full<Bytes>>, RestError> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.url.0.address())
            .header(USER_AGENT, concat!("e2e-store/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/json");
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE, cookie);
        }
        request.body(Full::new(Bytes::from(body))).map_err(|err| RestError::Form(err.to_string()))
    }
}

/// One question on a connection of its own.
async fn send(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
    max_size: usize,
) -> Result<(Response<()>, Bytes), RestError> {
    let broken = |err: hyper::Error| RestError::Unreachable(err.to_string());
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let connection = tokio::spawn(connection);
    let answer = sender.send_request(request).await.map_err(broken);
    let answer = match answer {
        Ok(answer) => read(answer, max_size).await,
        Err(err) => Err(err),
    };
    connection.abort();
    answer
}

async fn read(answer: Response<Incoming>, max_size: usize) -> Result<(Response<()>, Bytes), RestError> {
    let (head, body) = answer.into_parts();
    if !head.status.is_success() {
        return Err(RestError::Status(head.status.as_u16()));
    }
    let body = Limited::new(body, max_size).collect().await.map_err(|err| {
        if err.is::<LengthLimitError>() {
            RestError::TooLarge(max_size)
        } else {
            RestError::Unreachable(err.to_string())
        }
    })?;
    Ok((Response::from_parts(head, ()), body.to_bytes()))
}

fn tls(roots: RootCertStore) -> Result<TlsConnector, RestError> {
    let unusable = |err: tokio_rustls::rustls::Error| RestError::Unreachable(err.to_string());
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Of `host:port`, where the host may be an IPv6 address in brackets.
fn server_name(address: &str) -> Result<ServerName<'static>, RestError> {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    ServerName::try_from(host).map_err(|err| RestError::Unreachable(err.to_string()))
}
