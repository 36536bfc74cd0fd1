//! The studio's internal service: FlushWAL and PrepareHotSnapshot.
//!
//! Both fail in two ways, a gRPC status or `success=false` (contract, section 1); to a caller
//! that is one thing, a refusal. Unreachable is another.

use std::time::Duration;

use tonic::{
    Code, Request, Status,
    metadata::{Ascii, MetadataValue},
    transport::Channel,
};

use super::target::Target;
use crate::{
    base::{exit::Exit, problem::Problem},
    proto::{
        FlushWalRequest, PrepareHotSnapshotRequest,
        internal_ingestion_service_client::InternalIngestionServiceClient,
    },
};

const INTERNAL_TOKEN: &str = "x-junjo-internal-token";
const CALL_TIMEOUT: Duration = Duration::from_mins(2);

/// A connection to the internal service.
#[derive(Debug, Clone)]
pub(crate) struct Ingestion {
    client: InternalIngestionServiceClient<Channel>,
    token: Option<MetadataValue<Ascii>>,
    /// How long a call may take.
    timeout: Duration,
}

/// Why an internal RPC did not do its work, in the studio's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Refusal {
    pub(crate) message: String,
    pub(crate) kind: RefusalKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefusalKind {
    /// The studio tried and failed.
    Failed,
    /// The internal token was missing or wrong.
    Unauthenticated,
    /// Another service answered.
    Unknown,
    /// The connection broke or took too long: whether it was done is unknown.
    Unanswered,
}

impl Refusal {
    /// An answer is a finding; no answer is not.
    pub(crate) fn exit(&self) -> Exit {
        match self.kind {
            RefusalKind::Failed | RefusalKind::Unauthenticated => Exit::Found,
            RefusalKind::Unknown | RefusalKind::Unanswered => Exit::Unknown,
        }
    }

    /// The next thing to do.
    pub(crate) fn hint(&self) -> &'static str {
        match self.kind {
            RefusalKind::Failed => {
                "a torn segment, or one of an older studio, makes every flush fail; `e2e-store audit` shows it"
            }
            RefusalKind::Unauthenticated => {
                "pass the studio's token with --internal-token or JUNJO_INTERNAL_GRPC_TOKEN"
            }
            RefusalKind::Unknown => "is this the internal port (50052) and not the OTLP one (26155)?",
            RefusalKind::Unanswered => "see the ingestion service's log",
        }
    }
}

/// What PrepareHotSnapshot answered. Paths are the studio's own, as inside its container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// None when the WAL holds nothing.
    pub(crate) path: Option<String>,
    pub(crate) rows: i64,
    pub(crate) bytes: i64,
    pub(crate) recent_cold_paths: Vec<String>,
}

impl Ingestion {
    pub(crate) async fn connect(target: &Target, token: Option<&str>) -> Result<Self, Problem> {
        let token = token.map(sensitive).transpose()?;
        let channel = target.connect().await.map_err(|err| {
            let hint =
                "publish port 50052 of the ingestion service to the host, or point --internal-endpoint at it";
            Problem::new(format!("cannot reach the internal service at `{target}`"), hint).caused_by(err)
        })?;
        Ok(Self { client: InternalIngestionServiceClient::new(channel), token, timeout: CALL_TIMEOUT })
    }

    /// Writes everything that is in memory and in the WAL to a cold file.
    pub(crate) async fn flush(&mut self) -> Result<(), Refusal> {
        let request = self.request(FlushWalRequest {});
        let response = in_time(self.timeout, self.client.flush_wal(request)).await?;
        if response.success { Ok(()) } else { Err(Refusal::said(response.error_message)) }
    }

    /// Writes everything that is in memory and in the WAL to the hot snapshot.
    pub(crate) async fn snapshot(&mut self) -> Result<Snapshot, Refusal> {
        let request = self.request(PrepareHotSnapshotRequest {});
        let response = in_time(self.timeout, self.client.prepare_hot_snapshot(request)).await?;
        if !response.success {
            return Err(Refusal::said(response.error_message));
        }
        Ok(Snapshot {
            path: Some(response.snapshot_path).filter(|path| !path.is_empty()),
            rows: response.row_count,
            bytes: response.file_size_bytes,
            recent_cold_paths: response.recent_cold_paths,
        })
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(token) = &self.token {
            request.metadata_mut().insert(INTERNAL_TOKEN, token.clone());
        }
        request
    }
}

async fn in_time<T>(
    timeout: Duration,
    call: impl Future<Output = Result<tonic::Response<T>, Status>>,
) -> Result<T, Refusal> {
    let Ok(answer) = tokio::time::timeout(timeout, call).await else {
        let message = format!("no answer within {} seconds", timeout.as_secs_f64());
        return Err(Refusal { message, kind: RefusalKind::Unanswered });
    };
    Ok(answer?.into_inner())
}

impl Refusal {
    fn said(message: String) -> Self {
        Self { message, kind: RefusalKind::Failed }
    }
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        Self {
            message: format!("{:?}: {}", status.code(), status.message())
                .trim_end_matches([':', ' '])
                .to_owned(),
            kind: match status.code() {
                Code::Unauthenticated => RefusalKind::Unauthenticated,
                Code::Unimplemented => RefusalKind::Unknown,
                _ if std::error::Error::source(&status).is_some() => RefusalKind::Unanswered,
                _ => RefusalKind::Failed,
            },
        }
    }
}

fn sensitive(token: &str) -> Result<MetadataValue<Ascii>, Problem> {
    let mut value: MetadataValue<Ascii> = token.parse().map_err(|_| {
        let hint = "pass the studio's token with --internal-token or JUNJO_INTERNAL_GRPC_TOKEN";
        Problem::new("the internal token holds characters that a gRPC header cannot carry", hint)
    })?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncReadExt, net::TcpListener};

    use super::*;

    #[tokio::test]
    async fn a_silent_service_is_not_waited_for_for_ever() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target: Target = listener.local_addr().unwrap().to_string().parse().unwrap();
        tokio::spawn(async move {
            // Takes what comes, and answers nothing.
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    while stream.read(&mut [0; 1_024]).await.is_ok_and(|read| read > 0) {}
                });
            }
        });
        let mut ingestion = Ingestion::connect(&target, None).await.unwrap();
        ingestion.timeout = Duration::from_millis(50);
        assert_eq!(ingestion.flush().await.unwrap_err().kind, RefusalKind::Unanswered);
        assert_eq!(ingestion.snapshot().await.unwrap_err().kind, RefusalKind::Unanswered);
    }
}
