//! Sends encoded exports, one attempt at a time.

use std::{error::Error, sync::Arc, time::Duration};

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use tonic::{
    Code, Request, Status,
    client::Grpc,
    codegen::http::uri::PathAndQuery,
    metadata::{Ascii, MetadataMap, MetadataValue},
    transport::{self, Channel, Endpoint},
};

use super::{
    outcome::ExportOutcome,
    raw_codec::RawCodec,
    retry_info::retry_delay,
    target::Target,
    transport::{CA_HINT, Compression, Transport},
};
use crate::base::problem::Problem;

pub(super) const EXPORT: PathAndQuery =
    PathAndQuery::from_static("/opentelemetry.proto.collector.trace.v1.TraceService/Export");

/// One connection to an OTLP endpoint. A clone shares it.
#[derive(Debug, Clone)]
pub(crate) struct Exporter {
    to: Arc<Destination>,
    grpc: Grpc<Channel>,
}

/// All that connections to one endpoint have in common.
#[derive(Debug)]
struct Destination {
    target: Target,
    endpoint: Endpoint,
    metadata: MetadataMap,
    compression: Option<Compression>,
    timeout: Duration,
}

/// What came back from one attempt at an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) outcome: ExportOutcome,
    /// The server's words, where there were any.
    pub(crate) message: String,
    /// How long the server asks to be left alone before the next attempt, where it asks for one.
    pub(crate) retry_after: Option<Duration>,
}

impl Reply {
    fn of_status(status: &Status) -> Self {
        Self {
            outcome: ExportOutcome::of_status(status),
            message: status.message().to_owned(),
            retry_after: retry_delay(status.details()),
        }
    }
}

/// Why an empty export was not acked.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) kind: RefusedKind,
    pub(crate) problem: Problem,
    /// What an export would have been told.
    pub(crate) reply: Reply,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefusedKind {
    /// The key is missing or wrong.
    Key,
    /// The server cannot ask whether the key is right.
    Unavailable,
    /// Another kind of server.
    NotOtlp,
    /// The connection broke, or there was no answer in time.
    Unanswered,
    Other,
}

impl RefusedKind {
    fn of(status: &Status) -> Self {
        match status.code() {
            _ if status.source().is_some() => Self::Unanswered,
            Code::Unauthenticated | Code::PermissionDenied => Self::Key,
            Code::Unavailable => Self::Unavailable,
            Code::Unimplemented => Self::NotOtlp,
            _ => Self::Other,
        }
    }
}

impl Exporter {
    /// As [`super::retry::connect`], at the first attempt.
    #[cfg(test)]
    pub(crate) async fn connect(
        target: &Target,
        api_key: &str,
        transport: &Transport,
    ) -> Result<Self, Problem> {
        super::retry::connect(target, api_key, transport, super::retry::RetryPolicy::None).await
    }

    /// Connects, TLS included, and sends nothing.
    pub(crate) async fn open(target: &Target, api_key: &str, transport: &Transport) -> Result<Self, Problem> {
        let mut key: MetadataValue<Ascii> = api_key.parse().map_err(|_| {
            Problem::new("the API key holds characters that a gRPC header cannot carry", KEY_HINT)
        })?;
        key.set_sensitive(true);
        let tls = transport.tls(target)?;
        let endpoint = target.endpoint(tls).map_err(|err| unusable(target, transport, err))?;
        let to = Arc::new(Destination {
            target: target.clone(),
            endpoint,
            metadata: transport.metadata(key),
            compression: transport.compression,
            timeout: transport.timeout,
        });
        to.connect().await
    }

    /// Proves with an empty export that the server takes our key.
    pub(crate) async fn prove(&mut self) -> Result<(), Refused> {
        match self.call(Bytes::new()).await {
            Ok(_) => Ok(()),
            Err(status) => Err(Refused {
                kind: RefusedKind::of(&status),
                problem: self.to.refused(&status),
                reply: Reply::of_status(&status),
            }),
        }
    }

    /// A further connection to the same endpoint, opened by its first export: where that fails, nothing
    /// was sent, and the export is refused.
    pub(crate) fn reconnected(&self) -> Self {
        let to = Arc::clone(&self.to);
        let channel = to.endpoint.connect_lazy();
        Self { grpc: to.grpc(channel), to }
    }

    /// Sends one `ExportTraceServiceRequest`, once.
    pub(crate) async fn export(&mut self, request: Bytes) -> Reply {
        match self.call(request).await {
            Ok(response) => Reply {
                outcome: ExportOutcome::of_response(&response),
                message: response.partial_success.map(|partial| partial.error_message).unwrap_or_default(),
                retry_after: None,
            },
            Err(status) => Reply::of_status(&status),
        }
    }

    async fn call(&mut self, request: Bytes) -> Result<ExportTraceServiceResponse, Status> {
        let mut request = Request::new(request);
        *request.metadata_mut() = self.to.metadata.clone();
        let call = async {
            self.grpc.ready().await.map_err(|err| Status::from_error(Box::new(err)))?;
            let response = self.grpc.unary(request, EXPORT, RawCodec).await?;
            ExportTraceServiceResponse::decode(response.into_inner())
                .map_err(|err| Status::internal(err.to_string()))
        };
        tokio::time::timeout(self.to.timeout, call).await.unwrap_or_else(|elapsed| {
            let mut status = Status::deadline_exceeded("no answer in time");
            status.set_source(Arc::new(elapsed));
            Err(status)
        })
    }
}

const KEY_HINT: &str = "pass the studio's API key with --api-key or JUNJO_API_KEY";

impl Destination {
    async fn connect(self: Arc<Self>) -> Result<Exporter, Problem> {
        let channel = self.endpoint.connect().await.map_err(|err| self.unreachable(err))?;
        Ok(Exporter { grpc: self.grpc(channel), to: self })
    }

    fn grpc(&self, channel: Channel) -> Grpc<Channel> {
        match self.compression {
            None => Grpc::new(channel),
            Some(compression) => Grpc::new(channel).send_compressed(compression.encoding()),
        }
    }

    fn unreachable(&self, err: transport::Error) -> Problem {
        let hint = if !self.target.uses_tls() {
            "start the studio (or `e2e-store serve`), or point --endpoint at it"
        } else if is_about_certificates(&err) {
            CA_HINT
        } else {
            "start the studio, or use `http://` if it speaks plain text"
        };
        Problem::new(format!("cannot reach the OTLP endpoint at `{}`", self.target), hint).caused_by(err)
    }

    /// Why the empty export was not acked.
    fn refused(&self, status: &Status) -> Problem {
        let target = &self.target;
        if status.source().is_some() {
            let what = format!("no answer from the OTLP endpoint at `{target}`: {}", status.message());
            let hint = if is_about_certificates(status) {
                "this server wants to know its clients: pass --client-cert and --client-key"
            } else {
                "is the ingestion service overloaded, or is this another kind of server?"
            };
            return Problem::new(what, hint);
        }
        let hint = match (status.code(), self.compression) {
            (Code::Unauthenticated | Code::PermissionDenied, _) => KEY_HINT,
            (Code::Unimplemented, Some(_)) => {
                "the studio accepts no compressed requests; leave --compression out"
            }
            (Code::Unimplemented, None) => "is this the OTLP port (26155) and not the internal one (50052)?",
            _ => "see the ingestion service's log; `e2e-store serve` is a stand-in to try against",
        };
        let what = format!("`{target}` refuses every export: {:?}: {}", status.code(), status.message());
        Problem::new(what, hint)
    }
}

/// TLS could not be prepared: the system has no authorities, or the files do not fit each other.
fn unusable(target: &Target, transport: &Transport, err: transport::Error) -> Problem {
    let hint = if transport.ca_cert.is_none() && transport.client_identity.is_none() {
        CA_HINT
    } else {
        "check the files of --ca-cert, --client-cert and --client-key: the key must be the certificate's"
    };
    Problem::new(format!("cannot speak TLS to `{target}`"), hint).caused_by(err)
}

/// What rustls says of a certificate that it does not trust, and of a server that does not trust ours.
fn is_about_certificates(err: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(err), |err| (*err).source())
        .any(|err| err.to_string().to_ascii_lowercase().contains("certificate"))
}
