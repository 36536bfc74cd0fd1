//! The public service: OTLP exports into the log.
//!
//! Limits on size and compression are tonic's defaults, because they are the studio's.

use std::sync::Arc;

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
    trace_service_server::{TraceService, TraceServiceServer},
};
use tonic::{Request, Response, Status, service::Routes};

use super::{auth, storage::Storage};
use crate::contract::{mapping, schema::Schema};

/// Takes the exports that carry the right key.
#[derive(Debug)]
pub(super) struct Ingest {
    storage: Arc<Storage>,
    api_key: String,
    schema: Schema,
}

impl Ingest {
    pub(super) fn new(storage: Arc<Storage>, api_key: String, schema: Schema) -> Self {
        Self { storage, api_key, schema }
    }

    pub(super) fn into_routes(self) -> Routes {
        Routes::new(TraceServiceServer::new(self))
    }
}

#[tonic::async_trait]
impl TraceService for Ingest {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        auth::check_api_key(request.metadata(), &self.api_key)?;
        let rows = mapping::rows(&request.get_ref().resource_spans, self.schema);
        // The studio answers without the cause, and by then some of the spans are kept.
        self.storage.append(rows).await.map_err(|_| Status::internal("cannot write spans"))?;
        Ok(Response::new(ExportTraceServiceResponse { partial_success: None }))
    }
}
