//! A studio's backend in this process: answers over HTTP on loopback as a test says, and notes what it was asked.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    header::COOKIE,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

/// A question, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Method and path.
    pub(crate) what: String,
    pub(crate) cookie: Option<String>,
    pub(crate) body: String,
}

pub(crate) type Answer = Response<Full<Bytes>>;

pub(crate) struct FakeRest {
    pub(crate) port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl FakeRest {
    pub(crate) async fn start(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        Self::start_with(None, answer).await
    }

    pub(crate) async fn start_with(
        tls: Option<TlsAcceptor>,
        answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::default();
        let (notes, answer) = (Arc::clone(&asked), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (notes, answer, tls) = (Arc::clone(&notes), Arc::clone(&answer), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, notes, answer).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, notes, answer).await;
                            }
                        }
                    }
                });
            }
        });
        Self { port, asked }
    }

    /// All questions so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    notes: Arc<Mutex<Vec<Asked>>>,
    answer: Arc<impl Fn(&Asked) -> Answer>,
) {
    let service = service_fn(|request: Request<Incoming>| {
        let (notes, answer) = (Arc::clone(&notes), Arc::clone(&answer));
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let cookie = head.headers.get(COOKIE).map(|cookie| cookie.to_str().unwrap().to_owned());
            let what = format!("{} {}", head.method, head.uri);
            let asked = Asked { what, cookie, body: String::from_utf8_lossy(&body).into_owned() };
            notes.lock().unwrap().push(asked.clone());
            Ok::<_, Infallible>(answer(&asked))
        }
    });
    // A client that hangs up is one of the cases.
    http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
}

pub(crate) fn answer(status: u16, text: &str) -> Answer {
    Response::builder().status(status).body(Full::new(Bytes::from(text.to_owned()))).unwrap()
}
