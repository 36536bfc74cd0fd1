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

use super::{
    exporter::EXPORT,
    in_flight::{Counted, InFlight},
    outcome::ExportOutcome,
    raw_codec::RawCodec,
    target::Target,
    trailers,
    transport::Transport,
};
use crate::base::{clock::unix_nanos, memory::Memory, problem::Problem};

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
        outcome: ExportOutcome,
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

/// Bytes that a proxy may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Of requests that the target has not answered.
    pub(crate) in_flight: u64,
    /// Of what waits for a slow disk.
    pub(crate) queued: u64,
    /// Of one message, decompressed.
    pub(crate) message: usize,
}

impl Bounds {
    /// Shares out what a capture may use. A message stands in several buffers while it passes.
    pub(crate) fn of(memory: Memory) -> Self {
        let whole = memory.whole();
        Self { in_flight: whole as u64 / 2, queued: whole as u64 / 4, message: whole / 8 }
    }
}

/// What stands for one message that is in flight: as it came, and as it is sent on.
const COPIES: u64 = 2;

/// Answers are a few bytes.
const MAX_ANSWER: usize = 4 << 20;

#[derive(Debug, Clone)]
struct Proxy {
    target: Channel,
    watcher: Option<Watcher>,
    bounds: Bounds,
    in_flight: Arc<InFlight>,
}

/// Forwards what comes to `listener` until `stop` ends.
pub(crate) async fn serve(
    listener: TcpListener,
    target: &Target,
    transport: &Transport,
    watcher: Option<Watcher>,
    bounds: Bounds,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let tls = transport.tls(target)?;
    let endpoint = target.endpoint(tls).map_err(|err| {
        Problem::new(format!("cannot speak TLS to `{target}`"), super::transport::CA_HINT).caused_by(err)
    })?;
    let in_flight = InFlight::new(bounds.in_flight);
    let proxy = Proxy { target: endpoint.connect_lazy(), watcher, bounds, in_flight };
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
                .apply_max_message_size_config(Some(proxy.bounds.message), Some(MAX_ANSWER));
            let held = proxy.in_flight.nothing();
            let request = request.map(|body| Body::new(Counted::new(body, held)));
            Ok(trailers::behind(server.unary(Forward { proxy, encoding }, request).await))
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
        let watcher = self.watcher.as_ref()?;
        let queue = &watcher.queued;
        let bytes = message.len() as u64;
        if queue.bytes.fetch_add(bytes, Ordering::Relaxed) > self.bounds.queued {
            queue.bytes.fetch_sub(bytes, Ordering::Relaxed);
            queue.missed.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let request = queue.next.fetch_add(1, Ordering::Relaxed);
        let received = Passed::Received { request, at: unix_nanos(), message: message.clone() };
        watcher.passed.send(received).ok()?;
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
            let mut held = proxy.in_flight.nothing();
            held.grow(COPIES * message.len() as u64)?;
            let number = proxy.received(&message);
            let mut onward = Request::new(message);
            *onward.metadata_mut() = metadata;
            let mut client = tonic::client::Grpc::new(proxy.target.clone())
                .max_decoding_message_size(MAX_ANSWER)
                .max_encoding_message_size(usize::MAX);
            if let Some(encoding) = encoding {
                client = client.send_compressed(encoding);
            }
            client = client
                .accept_compressed(CompressionEncoding::Gzip)
                .accept_compressed(CompressionEncoding::Zstd);
            let answer = match client.ready().await {
                Ok(()) => match client.server_streaming(onward, EXPORT, RawCodec).await {
                    Ok(answer) => trailers::whole(answer).await,
                    Err(status) => Err(status),
                },
                Err(err) => Err(unreachable_target(err)),
            };
            drop(held);
            if let (Some(request), Some(watcher)) = (number, &proxy.watcher) {
                let answered = Passed::Answered { request, at: unix_nanos(), outcome: outcome(&answer) };
                watcher.passed.send(answered).ok();
            }
            // Its source says what is wrong between us and the target, and that is an answer, too.
            answer.map_err(|status| match std::error::Error::source(&status) {
                None => status,
                Some(_) => Status::unavailable(format!("the target did not answer: {}", status.message())),
            })
        })
    }
}

fn outcome(answer: &Result<Response<Bytes>, Status>) -> ExportOutcome {
    match answer {
        Err(status) => ExportOutcome::of_status(status),
        Ok(response) => {
            let response = ExportTraceServiceResponse::decode(response.get_ref().clone());
            ExportOutcome::of_response(&response.unwrap_or_default())
        }
    }
}

fn unreachable_target(err: tonic::transport::Error) -> Status {
    let mut status = Status::unavailable("the target cannot be reached");
    status.set_source(Arc::new(err));
    status
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use opentelemetry_proto::tonic::{
        collector::trace::v1::ExportTraceServiceRequest,
        trace::v1::{ResourceSpans, ScopeSpans, Span},
    };

    use super::*;
    use crate::wire::{
        exporter::Exporter,
        fake_studio::{Answer, FakeStudio},
        outcome::GrpcCode,
        transport::Compression,
    };

    const BOUNDS: Bounds = Bounds { in_flight: 1 << 20, queued: 1 << 20, message: 300 << 10 };

    fn request(bytes: usize) -> Bytes {
        let spans = vec![Span { name: "x".repeat(bytes), ..Span::default() }];
        let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
        let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
        ExportTraceServiceRequest { resource_spans }.encode_to_vec().into()
    }

    /// An exporter whose exports pass a proxy to a studio that answers so, and what the proxy tells.
    async fn through_a_proxy(
        answers: impl IntoIterator<Item = Answer>,
        compression: Option<Compression>,
    ) -> (Exporter, mpsc::UnboundedReceiver<Passed>) {
        let studio = FakeStudio::answering(answers).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target: Target = listener.local_addr().unwrap().to_string().parse().unwrap();
        let (passed, received) = mpsc::unbounded_channel();
        let watcher = Some(Watcher { passed, queued: Arc::default() });
        tokio::spawn(async move {
            let plain = Transport::plain(Duration::MAX);
            serve(listener, &studio.target(), &plain, watcher, BOUNDS, std::future::pending()).await
        });
        let transport = Transport { compression, ..Transport::plain(Duration::from_secs(20)) };
        let exporter = Exporter::open(&target, "a-key", &transport).await.unwrap();
        (exporter, received)
    }

    #[tokio::test]
    async fn a_request_that_decompresses_to_too_much_is_refused() {
        let (mut exporter, mut received) = through_a_proxy([], Some(Compression::Zstd)).await;
        let refused = exporter.export(request(50 << 20)).await.outcome;
        assert!(
            matches!(refused, ExportOutcome::Rejected { .. } | ExportOutcome::Indeterminate { .. }),
            "{refused:?}"
        );
        assert!(received.try_recv().is_err(), "it was passed on");
    }

    #[tokio::test]
    async fn what_waits_for_a_silent_target_is_bounded() {
        let (exporter, mut received) = through_a_proxy([Answer::Hang, Answer::Hang], None).await;
        for _ in 0..2 {
            let mut exporter = exporter.clone();
            tokio::spawn(async move { exporter.export(request(200 << 10)).await });
            assert!(matches!(received.recv().await, Some(Passed::Received { .. })));
        }
        let full = exporter.clone().export(request(200 << 10)).await;
        assert!(matches!(
            full.outcome,
            ExportOutcome::Rejected { code: GrpcCode::Unavailable }
                | ExportOutcome::Indeterminate { code: GrpcCode::Unavailable }
        ));
        assert!(full.message.contains("--memory-limit"), "{}", full.message);
        // A small one still finds room.
        assert_eq!(exporter.clone().export(request(10)).await.outcome, ExportOutcome::Acked);
    }
}
