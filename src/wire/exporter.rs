//! Sends encoded exports, one call at a time, without retries.

use std::time::Duration;

use bytes::{BufMut, Bytes};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use tonic::{
    Code, Request, Status,
    client::Grpc,
    codec::{Codec, EncodeBuf, Encoder},
    codegen::http::uri::PathAndQuery,
    metadata::{Ascii, MetadataValue},
    transport::Channel,
};
use tonic_prost::ProstDecoder;

use super::{outcome::Outcome, target::Target};
use crate::problem::Problem;

const API_KEY: &str = "x-junjo-api-key";
const EXPORT: PathAndQuery =
    PathAndQuery::from_static("/opentelemetry.proto.collector.trace.v1.TraceService/Export");

/// One connection to an OTLP endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Exporter {
    grpc: Grpc<Channel>,
    api_key: MetadataValue<Ascii>,
    timeout: Duration,
}

/// What came back from one export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) outcome: Outcome,
    /// The server's words, where there were any.
    pub(crate) message: String,
}

impl Exporter {
    /// Connects, and proves with an empty export that the server takes our key.
    pub(crate) async fn connect(target: &Target, api_key: &str, timeout: Duration) -> Result<Self, Problem> {
        let mut key: MetadataValue<Ascii> = api_key.parse().map_err(|_| {
            Problem::new("the API key holds characters that a gRPC header cannot carry", KEY_HINT)
        })?;
        key.set_sensitive(true);
        let channel = target.connect().await.map_err(|err| {
            let hint = if target.uses_tls() {
                "start the studio, or use `http://` if it speaks plain text"
            } else {
                "start the studio (or `e2e-store serve`), or point --endpoint at it"
            };
            Problem::new(format!("cannot reach the OTLP endpoint at `{target}`"), hint).caused_by(err)
        })?;
        let mut exporter = Self { grpc: Grpc::new(channel), api_key: key, timeout };
        match exporter.call(Bytes::new()).await {
            Ok(_) => Ok(exporter),
            Err(status) => Err(refused(target, &status)),
        }
    }

    /// Sends one `ExportTraceServiceRequest`.
    pub(crate) async fn export(&mut self, request: Bytes) -> Reply {
        match self.call(request).await {
            Ok(response) => match response.partial_success {
                Some(partial) if partial.rejected_spans > 0 => Reply {
                    outcome: Outcome::Partial { rejected_spans: partial.rejected_spans.unsigned_abs() },
                    message: partial.error_message,
                },
                warned => Reply {
                    outcome: Outcome::Acked,
                    message: warned.map(|partial| partial.error_message).unwrap_or_default(),
                },
            },
            Err(status) => {
                Reply { outcome: Outcome::of_status(&status), message: status.message().to_owned() }
            }
        }
    }

    async fn call(&mut self, request: Bytes) -> Result<ExportTraceServiceResponse, Status> {
        let mut request = Request::new(request);
        request.metadata_mut().insert(API_KEY, self.api_key.clone());
        let timeout = self.timeout;
        let call = async {
            self.grpc.ready().await.map_err(|err| Status::from_error(Box::new(err)))?;
            self.grpc.unary(request, EXPORT, Encoded).await.map(tonic::Response::into_inner)
        };
        tokio::time::timeout(timeout, call).await.unwrap_or_else(|elapsed| {
            let mut status = Status::deadline_exceeded("no answer in time");
            status.set_source(std::sync::Arc::new(elapsed));
            Err(status)
        })
    }
}

const KEY_HINT: &str = "pass the studio's API key with --api-key or JUNJO_API_KEY";

fn refused(target: &Target, status: &Status) -> Problem {
    if std::error::Error::source(status).is_some() {
        let what = format!("no answer from the OTLP endpoint at `{target}`: {}", status.message());
        return Problem::new(what, "is the ingestion service overloaded, or is this another kind of server?");
    }
    let hint = match status.code() {
        Code::Unauthenticated | Code::PermissionDenied => KEY_HINT,
        Code::Unimplemented => "is this the OTLP port (26155) and not the internal one (50052)?",
        _ => "see the ingestion service's log; `e2e-store serve` is a stand-in to try against",
    };
    let what = format!("`{target}` refuses every export: {:?}: {}", status.code(), status.message());
    Problem::new(what, hint)
}

/// Requests that are protobuf bytes already.
#[derive(Debug, Clone, Copy)]
struct Encoded;

impl Codec for Encoded {
    type Encode = Bytes;
    type Decode = ExportTraceServiceResponse;
    type Encoder = Self;
    type Decoder = ProstDecoder<ExportTraceServiceResponse>;

    fn encoder(&mut self) -> Self::Encoder {
        Self
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstDecoder::default()
    }
}

impl Encoder for Encoded {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buf: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buf.put(item);
        Ok(())
    }
}
