//! The public service: OTLP exports into the log.
//!
//! Limits on size and compression are tonic's defaults, because they are the studio's. The key is looked at before
//! any of a request's body, and a body whose spans would take far more memory than its bytes is refused: the
//! studio would try.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Buf;
use futures::future::BoxFuture;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use tonic::{
    Request, Response, Status,
    body::Body,
    codec::{Codec, DecodeBuf, Decoder},
    codegen::{Service, http},
    metadata::MetadataMap,
    server::{Grpc, NamedService, UnaryService},
    service::Routes,
};
use tonic_prost::ProstEncoder;

use super::{auth, faults::Faults, storage::Storage, wal::Closed};
use crate::contract::{decoded_size::decoded_size, mapping, schema::Schema};

/// What the spans of one export may take: four megabytes of ordinary ones take a tenth.
const MAX_DECODED: u64 = 256 << 20;

/// Takes the exports that carry the right key.
#[derive(Debug, Clone)]
pub(super) struct Ingest {
    storage: Arc<Storage>,
    faults: Arc<Faults>,
    api_key: Arc<str>,
    schema: Schema,
}

impl Ingest {
    pub(super) fn new(storage: Arc<Storage>, faults: Arc<Faults>, api_key: &str, schema: Schema) -> Self {
        Self { storage, faults, api_key: api_key.into(), schema }
    }

    pub(super) fn into_routes(self) -> Routes {
        Routes::new(self)
    }
}

impl NamedService for Ingest {
    const NAME: &'static str = "opentelemetry.proto.collector.trace.v1.TraceService";
}

impl Service<http::Request<Body>> for Ingest {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let ingest = self.clone();
        Box::pin(async move {
            if !request.uri().path().ends_with("/Export") {
                return Ok(Status::unimplemented("").into_http());
            }
            let metadata = MetadataMap::from_headers(request.headers().clone());
            if let Err(refused) = auth::check_api_key(&metadata, &ingest.api_key) {
                return Ok(refused.into_http());
            }
            Ok(Grpc::new(Bounded).unary(ingest, request).await)
        })
    }
}

impl UnaryService<ExportTraceServiceRequest> for Ingest {
    type Response = ExportTraceServiceResponse;
    type Future = BoxFuture<'static, Result<Response<Self::Response>, Status>>;

    fn call(&mut self, request: Request<ExportTraceServiceRequest>) -> Self::Future {
        let ingest = self.clone();
        Box::pin(async move {
            let rows = mapping::rows(&request.get_ref().resource_spans, ingest.schema);
            let (rows, treatment) = ingest.faults.export(rows);
            tokio::time::sleep(treatment.delay).await;
            // The studio answers without the cause, and by then some of the spans are kept.
            ingest.storage.append(rows).await.map_err(|err| refusal(&err))?;
            let refused = treatment.answer.give().await?;
            let partial_success = refused.map(|rejected_spans| ExportTracePartialSuccess {
                rejected_spans,
                ..ExportTracePartialSuccess::default()
            });
            Ok(Response::new(ExportTraceServiceResponse { partial_success }))
        })
    }
}

fn refusal(err: &anyhow::Error) -> Status {
    if err.is::<Closed>() {
        Status::unavailable(err.to_string())
    } else {
        Status::internal("cannot write spans")
    }
}

/// Requests that are measured before they are decoded.
#[derive(Debug, Clone, Copy)]
struct Bounded;

impl Codec for Bounded {
    type Encode = ExportTraceServiceResponse;
    type Decode = ExportTraceServiceRequest;
    type Encoder = ProstEncoder<ExportTraceServiceResponse>;
    type Decoder = Self;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::default()
    }

    fn decoder(&mut self) -> Self::Decoder {
        Self
    }
}

impl Decoder for Bounded {
    type Item = ExportTraceServiceRequest;
    type Error = Status;

    fn decode(&mut self, buf: &mut DecodeBuf<'_>) -> Result<Option<Self::Item>, Status> {
        let bytes = buf.copy_to_bytes(buf.remaining());
        decoded_size(&bytes, MAX_DECODED)
            .map_err(|err| Status::resource_exhausted(format!("the export {err}")))?;
        ExportTraceServiceRequest::decode(bytes).map(Some).map_err(|err| Status::internal(err.to_string()))
    }
}
