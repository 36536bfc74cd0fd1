//! A proxy in front of an OTLP endpoint.
//!
//! An export's message is taken off the wire as bytes and goes on as the same bytes, compressed as it came, with
//! the caller's metadata; the target's message, metadata and status go back. Every other call passes
//! untouched. Who watches hears of each export; nothing waits for them.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::future::BoxFuture;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use tokio::{net::TcpListener, sync::mpsc};
use tonic::{
    Request, Response, Status,
    body::Body,
    codec::CompressionEncoding,
    codegen::{Service, http},
    server::UnaryService,
    transport::{Channel, Server, server::TcpIncoming},
};

use super::{exporter::EXPORT, outcome::Outcome, raw_codec::RawCodec, target::Target, transport::Transport};
use crate::base::{clock::unix_nanos, problem::Problem};

/// What passed. Times are Unix nanoseconds.
#[derive(Debug)]
pub(crate) enum Passed {
    /// An `ExportTraceServiceRequest`, decompressed.
    Received {
        request: u64,
        at: u64,
        message: Bytes,
    },
    Answered {
        request: u64,
        at: u64,
        outcome: Outcome,
    },
    /// Nothing that comes now is heard of.
    Ended,
}

/// Hears of exports, as long as what it has not seen yet stays within bounds.
#[derive(Debug, Clone)]
pub(crate) struct Watcher {
    pub(crate) passed: mpsc::UnboundedSender<Passed>,
    pub(crate) queued: Arc<Queue>,
}

/// How much was passed to a watcher and not seen yet.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    pub(crate) bytes: AtomicU64,
    pub(crate) missed: AtomicU64,
    next: AtomicU64,
}

/// What may wait for a slow disk.
const MAX_QUEUED: u64 = 256 << 20;

#[derive(Debug, Clone)]
struct Proxy {
    target: Channel,
    watcher: Watcher,
}

/// Forwards what comes to `listener` until `stop` ends.
pub(crate) async fn serve(
    listener: TcpListener,
    target: &Target,
    transport: &Transport,
    watcher: Watcher,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let tls = transport.tls(target)?;
    let endpoint = target.endpoint(tls).map_err(|err| {
        Problem::new(format!("cannot speak TLS to `{target}`"), super::transport::CA_HINT).caused_by(err)
    })?;
    let proxy = Proxy { target: endpoint.connect_lazy(), watcher };
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    Server::builder().serve_with_incoming_shutdown(proxy, incoming, stop).await?;
    Ok(())
}

impl Service<http::Request<Body>> for Proxy {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let mut proxy = self.clone();
        Box::pin(async move {
            if request.uri().path() != EXPORT.path() {
                return Ok(proxy.pass(request).await);
            }
            let encoding =
                request.headers().get("grpc-encoding").and_then(|encoding| match encoding.as_bytes() {
                    b"gzip" => Some(CompressionEncoding::Gzip),
                    b"zstd" => Some(CompressionEncoding::Zstd),
                    _ => None,
                });
            let mut server = tonic::server::Grpc::new(RawCodec)
                .accept_compressed(CompressionEncoding::Gzip)
                .accept_compressed(CompressionEncoding::Zstd)
                .apply_max_message_size_config(Some(usize::MAX), Some(usize::MAX));
            Ok(server.unary(Forward { proxy, encoding }, request).await)
        })
    }
}

impl Proxy {
    async fn pass(&mut self, request: http::Request<Body>) -> http::Response<Body> {
        let ready = std::future::poll_fn(|context| self.target.poll_ready(context)).await;
        let passed = match ready {
            Ok(()) => self.target.call(request).await,
            Err(err) => Err(err),
        };
        passed.unwrap_or_else(|err| unreachable_target(err).into_http())
    }

    fn received(&self, message: &Bytes) -> Option<u64> {
        let queue = &self.watcher.queued;
        let bytes = message.len() as u64;
        if queue.bytes.fetch_add(bytes, Ordering::Relaxed) > MAX_QUEUED {
            queue.bytes.fetch_sub(bytes, Ordering::Relaxed);
            queue.missed.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let request = queue.next.fetch_add(1, Ordering::Relaxed);
        let received = Passed::Received { request, at: unix_nanos(), message: message.clone() };
        self.watcher.passed.send(received).ok()?;
        Some(request)
    }
}

/// One export on its way.
struct Forward {
    proxy: Proxy,
    encoding: Option<CompressionEncoding>,
}

impl UnaryService<Bytes> for Forward {
    type Response = Bytes;
    type Future = BoxFuture<'static, Result<Response<Bytes>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let (proxy, encoding) = (self.proxy.clone(), self.encoding);
        Box::pin(async move {
            let (metadata, _, message) = request.into_parts();
            let number = proxy.received(&message);
            let mut onward = Request::new(message);
            *onward.metadata_mut() = metadata;
            let mut client = tonic::client::Grpc::new(proxy.target.clone())
                .max_decoding_message_size(usize::MAX)
                .max_encoding_message_size(usize::MAX);
            if let Some(encoding) = encoding {
                client = client.send_compressed(encoding);
            }
            client = client
                .accept_compressed(CompressionEncoding::Gzip)
                .accept_compressed(CompressionEncoding::Zstd);
            let answer = match client.ready().await {
                Ok(()) => client.unary(onward, EXPORT, RawCodec).await,
                Err(err) => Err(unreachable_target(err)),
            };
            if let Some(request) = number {
                let answered = Passed::Answered { request, at: unix_nanos(), outcome: outcome(&answer) };
                proxy.watcher.passed.send(answered).ok();
            }
            // Its source says what is wrong between us and the target, and that is an answer, too.
            answer.map_err(|status| match std::error::Error::source(&status) {
                None => status,
                Some(_) => Status::unavailable(format!("the target did not answer: {}", status.message())),
            })
        })
    }
}

fn outcome(answer: &Result<Response<Bytes>, Status>) -> Outcome {
    match answer {
        Err(status) => Outcome::of_status(status),
        Ok(response) => {
            let response = ExportTraceServiceResponse::decode(response.get_ref().clone());
            Outcome::of_response(&response.unwrap_or_default())
        }
    }
}

fn unreachable_target(err: tonic::transport::Error) -> Status {
    let mut status = Status::unavailable("the target cannot be reached");
    status.set_source(Arc::new(err));
    status
}
