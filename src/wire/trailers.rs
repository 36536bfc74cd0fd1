//! Metadata behind a message, which goes on behind the message.
//!
//! A call of tonic's puts what comes before and behind a message into one map, and a server of tonic's sends all of it
//! before. A client that looks for its server's trailing metadata would find none.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::Frame;
use tonic::{
    Response, Status, Streaming,
    body::Body,
    codegen::http::{self, HeaderMap},
};

/// What a server sends itself.
const OF_SERVER: [&str; 2] = ["grpc-status", "grpc-message"];

/// What came behind a message: an extension of its response.
#[derive(Debug, Clone)]
struct Trailing(HeaderMap);

/// The one message of an answer, and what came before and behind it.
pub(super) async fn whole(answer: Response<Streaming<Bytes>>) -> Result<Response<Bytes>, Status> {
    let (leading, mut messages, mut extensions) = answer.into_parts();
    let message = match messages.message().await {
        Ok(Some(message)) => message,
        Ok(None) => return Err(Status::internal("the target answered without a message")),
        Err(mut status) => {
            // A refusal has one place for metadata.
            let mut all = leading.into_headers();
            all.extend(std::mem::take(status.metadata_mut()).into_headers());
            *status.metadata_mut() = tonic::metadata::MetadataMap::from_headers(all);
            return Err(status);
        }
    };
    let mut trailing = messages.trailers().await?.unwrap_or_default().into_headers();
    for name in OF_SERVER {
        trailing.remove(name);
    }
    extensions.insert(Trailing(trailing));
    Ok(Response::from_parts(leading, message, extensions))
}

/// Puts what came behind the message of a response behind its body.
pub(super) fn behind(response: http::Response<Body>) -> http::Response<Body> {
    let (mut parts, body) = response.into_parts();
    let body = match parts.extensions.remove::<Trailing>() {
        Some(Trailing(trailing)) if !trailing.is_empty() => Body::new(WithTrailing { body, trailing }),
        _ => body,
    };
    http::Response::from_parts(parts, body)
}

#[derive(Debug)]
struct WithTrailing {
    body: Body,
    trailing: HeaderMap,
}

impl http_body::Body for WithTrailing {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let more = std::mem::take(&mut self.trailing);
        Poll::Ready(frame.map(|frame| {
            frame.map(|frame| match frame.into_trailers() {
                Ok(mut trailers) => {
                    trailers.extend(more);
                    Frame::trailers(trailers)
                }
                Err(frame) => {
                    self.trailing = more;
                    frame
                }
            })
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, time::Duration};

    use http_body_util::StreamBody;
    use tokio::net::TcpListener;
    use tonic::{
        Code, Request,
        metadata::MetadataMap,
        server::NamedService,
        transport::{Channel, Server, server::TcpIncoming},
    };

    use super::*;
    use crate::wire::{
        exporter::EXPORT,
        proxy::{self, Bounds},
        raw_codec::RawCodec,
        target::Target,
        transport::Transport,
    };

    /// A server that answers each call with metadata before and behind a message of no bytes, or behind nothing.
    #[derive(Clone)]
    struct Talkative {
        status: &'static str,
    }

    impl NamedService for Talkative {
        const NAME: &'static str = "opentelemetry.proto.collector.trace.v1.TraceService";
    }

    impl tonic::codegen::Service<http::Request<Body>> for Talkative {
        type Response = http::Response<Body>;
        type Error = Infallible;
        type Future = std::future::Ready<Result<Self::Response, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: http::Request<Body>) -> Self::Future {
            let message = (self.status == "0").then(|| Frame::data(Bytes::from_static(&[0; 5])));
            let mut trailers = HeaderMap::new();
            for (name, value) in [("grpc-status", self.status), ("x-behind", "late"), ("x-cost", "7")] {
                trailers.insert(name, value.parse().unwrap());
            }
            let frames = message.into_iter().chain([Frame::trailers(trailers)]).map(Ok::<_, Status>);
            let response = http::Response::builder()
                .header("content-type", "application/grpc")
                .header("x-before", "early")
                .body(Body::new(StreamBody::new(futures::stream::iter(frames))));
            std::future::ready(Ok(response.unwrap()))
        }
    }

    /// What a client behind a proxy is told before and behind the message.
    async fn through_a_proxy(status: &'static str) -> Result<(MetadataMap, MetadataMap), Status> {
        let [target, front] =
            [TcpListener::bind("127.0.0.1:0").await, TcpListener::bind("127.0.0.1:0").await];
        let (target, front) = (target.unwrap(), front.unwrap());
        let address: Target = target.local_addr().unwrap().to_string().parse().unwrap();
        let client = Channel::from_shared(format!("http://{}", front.local_addr().unwrap())).unwrap();
        let server = Server::builder().add_service(Talkative { status });
        tokio::spawn(server.serve_with_incoming(TcpIncoming::from(target)));
        let bounds = Bounds { in_flight: 1 << 20, queued: 1 << 20, message: 1 << 20 };
        tokio::spawn(async move {
            let plain = Transport::plain(Duration::MAX);
            proxy::serve(front, &address, &plain, None, bounds, std::future::pending()).await
        });
        let mut client = tonic::client::Grpc::new(client.connect().await.unwrap());
        client.ready().await.unwrap();
        let answer = client.server_streaming(Request::new(Bytes::new()), EXPORT, RawCodec).await?;
        let before = answer.metadata().clone();
        let mut messages = answer.into_inner();
        assert_eq!(messages.message().await?, Some(Bytes::new()));
        Ok((before, messages.trailers().await?.unwrap()))
    }

    #[tokio::test]
    async fn metadata_stays_before_or_behind_the_message() {
        let (before, behind) = through_a_proxy("0").await.unwrap();
        assert_eq!(before.get("x-before").unwrap(), "early");
        assert!(before.get("x-behind").is_none() && behind.get("x-before").is_none());
        assert_eq!(behind.get("x-behind").unwrap(), "late");
        assert_eq!(behind.get("x-cost").unwrap(), "7");
        assert_eq!(behind.get_all("grpc-status").iter().count(), 1);
    }

    #[tokio::test]
    async fn a_refusal_keeps_all_of_its_metadata() {
        let refused = through_a_proxy("8").await.unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted);
        for (name, value) in [("x-before", "early"), ("x-behind", "late")] {
            assert_eq!(refused.metadata().get(name).unwrap(), value);
        }
    }
}
