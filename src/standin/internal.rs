//! The internal service: `FlushWAL` and `PrepareHotSnapshot`.
//!
//! A failure is an answer with `success=false`, not a gRPC status. A snapshot that holds rows is
//! answered again for a second, whatever happened to the log in between.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::Mutex;
use tonic::{Request, Response, Status, service::Routes};

use super::{auth, storage::Storage, wal::Snapshot};
use crate::proto::{
    FlushWalRequest, FlushWalResponse, PrepareHotSnapshotRequest, PrepareHotSnapshotResponse,
    internal_ingestion_service_server::{InternalIngestionService, InternalIngestionServiceServer},
};

const SNAPSHOT_CACHE_AGE: Duration = Duration::from_secs(1);

/// Flushes and snapshots for those who carry the token.
#[derive(Debug)]
pub(super) struct Internal {
    storage: Arc<Storage>,
    token: Option<String>,
    cached: Mutex<Option<(Instant, Snapshot)>>,
}

impl Internal {
    pub(super) fn new(storage: Arc<Storage>, token: Option<String>) -> Self {
        Self { storage, token, cached: Mutex::default() }
    }

    pub(super) fn into_routes(self) -> Routes {
        Routes::new(InternalIngestionServiceServer::new(self))
    }

    async fn snapshot(&self) -> anyhow::Result<Option<Snapshot>> {
        let mut cached = self.cached.lock().await;
        if let Some((made, snapshot)) = &*cached
            && made.elapsed() < SNAPSHOT_CACHE_AGE
        {
            return Ok(Some(snapshot.clone()));
        }
        let storage = Arc::clone(&self.storage);
        let snapshot = to_its_end(async move { storage.snapshot().await }).await?;
        *cached = snapshot.clone().map(|snapshot| (Instant::now(), snapshot));
        Ok(snapshot)
    }

    fn prepared(&self, snapshot: anyhow::Result<Option<Snapshot>>) -> PrepareHotSnapshotResponse {
        let recent = self.storage.recent_cold_files();
        let answer = PrepareHotSnapshotResponse {
            success: true,
            recent_cold_paths: recent.iter().map(|path| path.display().to_string()).collect(),
            ..PrepareHotSnapshotResponse::default()
        };
        match snapshot {
            Ok(None) => answer,
            Ok(Some(snapshot)) => PrepareHotSnapshotResponse {
                snapshot_path: snapshot.path.display().to_string(),
                row_count: i64::try_from(snapshot.rows).unwrap_or(i64::MAX),
                file_size_bytes: snapshot.bytes.cast_signed(),
                ..answer
            },
            Err(err) => {
                PrepareHotSnapshotResponse { success: false, error_message: err.to_string(), ..answer }
            }
        }
    }
}

/// Does work that is done even where the caller goes away meanwhile: the studio does it in a loop of its own.
async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = anyhow::Result<T>> + Send + 'static,
) -> anyhow::Result<T> {
    tokio::spawn(work).await?
}

#[tonic::async_trait]
impl InternalIngestionService for Internal {
    async fn prepare_hot_snapshot(
        &self,
        request: Request<PrepareHotSnapshotRequest>,
    ) -> Result<Response<PrepareHotSnapshotResponse>, Status> {
        auth::check_internal_token(request.metadata(), self.token.as_deref())?;
        let snapshot = self.snapshot().await;
        Ok(Response::new(self.prepared(snapshot)))
    }

    async fn flush_wal(
        &self,
        request: Request<FlushWalRequest>,
    ) -> Result<Response<FlushWalResponse>, Status> {
        auth::check_internal_token(request.metadata(), self.token.as_deref())?;
        let storage = Arc::clone(&self.storage);
        let flushed = to_its_end(async move { storage.flush().await }).await;
        let error_message = flushed.err().map(|err| err.to_string());
        Ok(Response::new(FlushWalResponse {
            success: error_message.is_none(),
            error_message: error_message.unwrap_or_default(),
        }))
    }
}
