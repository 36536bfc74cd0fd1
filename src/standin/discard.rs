//! A sink that acks every export and keeps nothing: what remains is the sender's own cost.
//!
//! Requests are taken off the wire and not decoded; no key is asked for.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
};

use bytes::Buf;
use futures::future::BoxFuture;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use tonic::{
    Request, Response, Status,
    body::Body,
    codec::{Codec, DecodeBuf, Decoder},
    codegen::{Service, http},
    server::{Grpc, NamedService, UnaryService},
};
use tonic_prost::ProstEncoder;

/// OTLP's trace service without anything behind it.
#[derive(Debug, Clone)]
pub(super) struct Discard;

impl NamedService for Discard {
    const NAME: &'static str = "opentelemetry.proto.collector.trace.v1.TraceService";
}

impl Service<http::Request<Body>> for Discard {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move { Ok(Grpc::new(Unread).unary(Ack, request).await) })
    }
}

/// Says that all was taken.
#[derive(Debug)]
struct Ack;

impl UnaryService<()> for Ack {
    type Response = ExportTraceServiceResponse;
    type Future = Ready<Result<Response<Self::Response>, Status>>;

    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(Ok(Response::new(ExportTraceServiceResponse::default())))
    }
}

/// Requests that nobody looks into.
#[derive(Debug, Clone, Copy)]
struct Unread;

impl Codec for Unread {
    type Encode = ExportTraceServiceResponse;
    type Decode = ();
    type Encoder = ProstEncoder<ExportTraceServiceResponse>;
    type Decoder = Self;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::default()
    }

    fn decoder(&mut self) -> Self::Decoder {
        Self
    }
}

impl Decoder for Unread {
    type Item = ();
    type Error = Status;

    fn decode(&mut self, buf: &mut DecodeBuf<'_>) -> Result<Option<()>, Status> {
        buf.advance(buf.remaining());
        Ok(Some(()))
    }
}
