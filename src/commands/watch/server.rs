//! `/metrics` and `/healthz` over HTTP.

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::metrics::{Health, Metrics};
use crate::base::{clock::unix_nanos, problem::Problem};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// Serves until the process ends; the address that it listens at comes back.
pub(super) async fn start(address: SocketAddr, metrics: Arc<Metrics>) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(address).await.map_err(|err| {
        let hint = "name a free port, as `--metrics 127.0.0.1:0`";
        Problem::new(format!("cannot listen at {address}"), hint).caused_by(err)
    })?;
    let bound = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let metrics = Arc::clone(&metrics);
            tokio::spawn(async move {
                let answer = service_fn(|request| {
                    let answer = answer(&request, &metrics);
                    async move { Ok::<_, Infallible>(answer) }
                });
                // A client that leaves is no trouble of ours.
                http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await.ok();
            });
        }
    });
    Ok(bound)
}

fn answer(request: &Request<Incoming>, metrics: &Metrics) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return response(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET\n".to_owned());
    }
    match request.uri().path() {
        "/metrics" => match metrics.encode() {
            Ok(text) => response(StatusCode::OK, OPEN_METRICS, text),
            Err(err) => response(StatusCode::INTERNAL_SERVER_ERROR, TEXT, format!("{err}\n")),
        },
        "/healthz" => {
            let (status, text) = match metrics.health(unix_nanos()) {
                Health::Starting => (StatusCode::OK, "starting: no cycle has ended yet\n"),
                Health::Passed => (StatusCode::OK, "ok: the last cycle passed\n"),
                Health::Failed => (StatusCode::SERVICE_UNAVAILABLE, "the last cycle did not pass\n"),
                Health::Overdue => (StatusCode::SERVICE_UNAVAILABLE, "no cycle has ended for too long\n"),
            };
            response(status, TEXT, text.to_owned())
        }
        _ => response(StatusCode::NOT_FOUND, TEXT, "/metrics or /healthz\n".to_owned()),
    }
}

fn response(status: StatusCode, form: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(form));
    response
}
