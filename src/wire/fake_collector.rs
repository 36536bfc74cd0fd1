//! An OTLP endpoint for metrics, for tests: a real server on a loopback port that answers as it is told.

use std::{
    collections::VecDeque,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
    metrics_service_server::{MetricsService, MetricsServiceServer},
};
use tokio::net::TcpListener;
use tonic::{
    Request, Response, Status,
    metadata::MetadataMap,
    transport::{Server, ServerTlsConfig, server::TcpIncoming},
};

use super::target::Target;

/// What the server does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Partial(i64),
    Status(Status),
    /// Nothing, ever.
    Hang,
}

/// A running server. Requests after the last answer are taken. It ends with the test's runtime.
#[derive(Debug)]
pub(crate) struct FakeCollector {
    address: SocketAddr,
    script: Script,
}

#[derive(Debug, Clone)]
struct Script {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    seen: Arc<Mutex<Vec<(MetadataMap, ExportMetricsServiceRequest)>>>,
}

impl FakeCollector {
    pub(crate) async fn answering(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self::start(answers, None).await
    }

    pub(crate) async fn start(
        answers: impl IntoIterator<Item = Answer>,
        tls: Option<ServerTlsConfig>,
    ) -> Self {
        let answers = answers.into_iter().collect();
        let script = Script { answers: Arc::new(Mutex::new(answers)), seen: Arc::default() };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut server = Server::builder();
        if let Some(tls) = tls {
            server = server.tls_config(tls).unwrap();
        }
        let service = MetricsServiceServer::new(script.clone());
        tokio::spawn(server.add_service(service).serve_with_incoming(TcpIncoming::from(listener)));
        Self { address, script }
    }

    pub(crate) fn target(&self) -> Target {
        self.address.to_string().parse().unwrap()
    }

    /// Every request so far, with its metadata.
    pub(crate) fn seen(&self) -> Vec<(MetadataMap, ExportMetricsServiceRequest)> {
        self.script.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[tonic::async_trait]
impl MetricsService for Script {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let metadata = request.metadata().clone();
        let seen = (metadata, request.into_inner());
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
        let answer = self.answers.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let partial_success = match answer {
            None => None,
            Some(Answer::Partial(rejected_data_points)) => {
                let error_message = "some were odd".to_owned();
                Some(ExportMetricsPartialSuccess { rejected_data_points, error_message })
            }
            Some(Answer::Status(status)) => return Err(status),
            Some(Answer::Hang) => std::future::pending().await,
        };
        Ok(Response::new(ExportMetricsServiceResponse { partial_success }))
    }
}
