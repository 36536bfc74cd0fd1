//! Sends metrics to an OTLP endpoint: a collector, which is not the studio and gets none of its secrets.

use std::{error::Error, time::Duration};

use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, metrics_service_client::MetricsServiceClient,
};
use tonic::{Request, Status, metadata::MetadataMap, transport::Channel};

use super::{outcome::GrpcCode, target::Target, transport::Transport};
use crate::base::problem::Problem;

/// One connection, made by the first export and again by one after it broke.
#[derive(Debug, Clone)]
pub(crate) struct MetricsExporter {
    client: MetricsServiceClient<Channel>,
    metadata: MetadataMap,
    timeout: Duration,
}

/// Why an export was not taken whole, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NotTaken(String);

impl MetricsExporter {
    /// Reads certificates, and connects to nothing yet: an endpoint that is down is no reason not to begin.
    pub(crate) fn open(target: &Target, transport: &Transport) -> Result<Self, Problem> {
        let endpoint = target.endpoint(transport.tls(target)?).map_err(|err| {
            let hint = "check the files of --otlp-metrics-ca-cert, --otlp-metrics-client-cert and \
                        --otlp-metrics-client-key";
            Problem::new(format!("cannot speak TLS to `{target}`"), hint).caused_by(err)
        })?;
        let client = MetricsServiceClient::new(endpoint.connect_lazy());
        let client = match transport.compression {
            None => client,
            Some(compression) => client.send_compressed(compression.encoding()),
        };
        Ok(Self { client, metadata: transport.headers(), timeout: transport.timeout })
    }

    /// Sends once.
    pub(crate) async fn export(&mut self, metrics: ExportMetricsServiceRequest) -> Result<(), NotTaken> {
        let mut request = Request::new(metrics);
        *request.metadata_mut() = self.metadata.clone();
        let response = match tokio::time::timeout(self.timeout, self.client.export(request)).await {
            Ok(Ok(response)) => response.into_inner(),
            Ok(Err(status)) => return Err(NotTaken::of(&status)),
            Err(_) => return Err(NotTaken("no answer in time".to_owned())),
        };
        match response.partial_success.filter(|partial| partial.rejected_data_points > 0) {
            None => Ok(()),
            Some(partial) => Err(NotTaken(format!(
                "{} data points were refused: {}",
                partial.rejected_data_points, partial.error_message
            ))),
        }
    }
}

impl NotTaken {
    /// The code, the server's words, and where there was none to answer, what the system says.
    fn of(status: &Status) -> Self {
        let causes = std::iter::successors(status.source(), |&cause| cause.source());
        let cause = causes.last().map(|cause| format!(": {cause}")).unwrap_or_default();
        Self(format!("{}: {}{cause}", GrpcCode::from(status.code()), status.message()))
    }
}
