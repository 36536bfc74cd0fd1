//! A studio for tests: a real server on a loopback port that answers as it is told.
//!
//! Requests without spans, an exporter's proof among them, are acked unless it is told otherwise. Connections pass a relay, so
//! that one can be cut from outside while its call is in flight.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind},
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
    trace_service_server::{TraceService, TraceServiceServer},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tonic::{
    Request, Response, Status,
    codec::CompressionEncoding,
    metadata::MetadataMap,
    transport::{Server, ServerTlsConfig, server::TcpIncoming},
};

use super::{exporter::Exporter, target::Target, transport::Transport};
use crate::base::problem::Problem;

/// What the server does with a request that has spans.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Ack,
    Partial {
        rejected_spans: i64,
        message: &'static str,
    },
    Status(Status),
    /// Nothing, ever.
    Hang,
    /// The connection is reset in mid-call.
    Reset,
    /// It ends in mid-call: the connection closes, and nobody listens any more.
    Die,
}

/// How a server is set up. Requests after the last answer are acked.
#[derive(Debug, Default)]
pub(crate) struct Setup {
    pub(crate) answers: Vec<Answer>,
    /// What the first requests without spans are refused with.
    pub(crate) refused_proofs: Vec<Status>,
    pub(crate) tls: Option<ServerTlsConfig>,
    pub(crate) accepts: Option<CompressionEncoding>,
}

/// A running server. It ends with the test's runtime.
#[derive(Debug)]
pub(crate) struct FakeStudio {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<MetadataMap>>>,
}

#[derive(Debug)]
struct Script {
    answers: Mutex<VecDeque<Answer>>,
    refused_proofs: Mutex<VecDeque<Status>>,
    seen: Arc<Mutex<Vec<MetadataMap>>>,
    cut: watch::Sender<Cut>,
}

/// What befell the connections last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    Nothing,
    Reset,
    Died,
}

impl Setup {
    pub(crate) async fn start(self) -> FakeStudio {
        let (cut, is_cut) = watch::channel(Cut::Nothing);
        let seen = Arc::default();
        let script = Script {
            answers: Mutex::new(self.answers.into()),
            refused_proofs: Mutex::new(self.refused_proofs.into()),
            seen: Arc::clone(&seen),
            cut,
        };
        let mut service = TraceServiceServer::new(script);
        if let Some(encoding) = self.accepts {
            service = service.accept_compressed(encoding);
        }
        let mut server = Server::builder();
        if let Some(tls) = self.tls {
            server = server.tls_config(tls).unwrap();
        }
        let (front, back) = (listener().await, listener().await);
        let (address, behind) = (front.local_addr().unwrap(), back.local_addr().unwrap());
        tokio::spawn(server.add_service(service).serve_with_incoming(TcpIncoming::from(back)));
        tokio::spawn(relay(front, behind, is_cut));
        FakeStudio { address, seen }
    }
}

impl FakeStudio {
    pub(crate) async fn answering(answers: impl IntoIterator<Item = Answer>) -> Self {
        Setup { answers: answers.into_iter().collect(), ..Setup::default() }.start().await
    }

    pub(crate) fn target(&self) -> Target {
        self.address.to_string().parse().unwrap()
    }

    pub(crate) async fn connect(&self, transport: &Transport) -> Result<Exporter, Problem> {
        Exporter::connect(&self.target(), "a-key", transport).await
    }

    /// An exporter whose calls have so long.
    pub(crate) async fn exporter(&self, timeout: Duration) -> Exporter {
        self.connect(&Transport::plain(timeout)).await.unwrap()
    }

    /// The metadata of every call so far.
    pub(crate) fn seen(&self) -> Vec<MetadataMap> {
        self.seen.lock().unwrap().clone()
    }
}

#[tonic::async_trait]
impl TraceService for Script {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.seen.lock().unwrap().push(request.metadata().clone());
        if request.get_ref().resource_spans.is_empty() {
            let refused = self.refused_proofs.lock().unwrap().pop_front();
            return refused.map_or_else(|| Ok(Response::new(ExportTraceServiceResponse::default())), Err);
        }
        let answer = self.answers.lock().unwrap().pop_front().unwrap_or(Answer::Ack);
        let partial_success = match answer {
            Answer::Ack => None,
            Answer::Partial { rejected_spans, message } => {
                Some(ExportTracePartialSuccess { rejected_spans, error_message: message.to_owned() })
            }
            Answer::Status(status) => return Err(status),
            Answer::Hang => std::future::pending().await,
            Answer::Reset => self.cut(Cut::Reset).await,
            Answer::Die => self.cut(Cut::Died).await,
        };
        Ok(Response::new(ExportTraceServiceResponse { partial_success }))
    }
}

impl Script {
    async fn cut<T>(&self, cut: Cut) -> T {
        self.cut.send_replace(cut);
        std::future::pending().await
    }
}

async fn listener() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap()
}

async fn relay(front: TcpListener, behind: SocketAddr, mut is_cut: watch::Receiver<Cut>) {
    loop {
        let client = tokio::select! {
            accepted = front.accept() => accepted.unwrap().0,
            _ = is_cut.wait_for(|cut| *cut == Cut::Died) => return,
        };
        let server = TcpStream::connect(behind).await.unwrap();
        let mut is_cut = is_cut.clone();
        is_cut.mark_unchanged();
        tokio::spawn(async move {
            tokio::select! {
                _ = pump(&client, &server) => {}
                _ = pump(&server, &client) => {}
                _ = is_cut.changed() => {
                    if *is_cut.borrow() == Cut::Reset {
                        client.set_zero_linger().unwrap();
                    }
                }
            }
        });
    }
}

/// Carries bytes until one side ends.
async fn pump(from: &TcpStream, to: &TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        from.readable().await?;
        let mut rest = match from.try_read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => &buffer[..read],
            Err(err) if err.kind() == ErrorKind::WouldBlock => continue,
            Err(err) => return Err(err),
        };
        while !rest.is_empty() {
            to.writable().await?;
            match to.try_write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(err) if err.kind() == ErrorKind::WouldBlock => {}
                Err(err) => return Err(err),
            }
        }
    }
}
