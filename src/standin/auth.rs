//! Who may call: API keys, the internal token, and the backend's service that validates keys.
//!
//! Keys are compared plainly. A stand-in listens on the loopback interface and guards nothing.

use tonic::{Request, Response, Status, metadata::MetadataMap, service::Routes};

use crate::proto::{
    ValidateApiKeyRequest, ValidateApiKeyResponse,
    internal_auth_service_server::{InternalAuthService, InternalAuthServiceServer},
};

const API_KEY: &str = "x-junjo-api-key";
const INTERNAL_TOKEN: &str = "x-junjo-internal-token";

/// Refuses a call that does not carry the API key.
pub(super) fn check_api_key(metadata: &MetadataMap, expected: &str) -> Result<(), Status> {
    match text(metadata, API_KEY) {
        Some(key) if key == expected => Ok(()),
        Some(_) => Err(Status::unauthenticated("unknown API key")),
        None => Err(Status::unauthenticated("no API key in `x-junjo-api-key`")),
    }
}

/// Refuses a call that does not carry the internal token, where there is one.
pub(super) fn check_internal_token(metadata: &MetadataMap, expected: Option<&str>) -> Result<(), Status> {
    if expected.is_some() && text(metadata, INTERNAL_TOKEN) != expected {
        return Err(Status::unauthenticated("no valid token in `x-junjo-internal-token`"));
    }
    Ok(())
}

fn text<'a>(metadata: &'a MetadataMap, name: &str) -> Option<&'a str> {
    metadata.get(name)?.to_str().ok()
}

/// Answers an ingestion process in the backend's place: one key is valid, all others are not.
#[derive(Debug)]
pub(super) struct KeyValidation {
    api_key: String,
    internal_token: Option<String>,
}

impl KeyValidation {
    pub(super) fn new(api_key: String, internal_token: Option<String>) -> Self {
        Self { api_key, internal_token }
    }

    pub(super) fn into_routes(self) -> Routes {
        Routes::new(InternalAuthServiceServer::new(self))
    }
}

#[tonic::async_trait]
impl InternalAuthService for KeyValidation {
    async fn validate_api_key(
        &self,
        request: Request<ValidateApiKeyRequest>,
    ) -> Result<Response<ValidateApiKeyResponse>, Status> {
        check_internal_token(request.metadata(), self.internal_token.as_deref())?;
        let is_valid = request.get_ref().api_key == self.api_key;
        Ok(Response::new(ValidateApiKeyResponse { is_valid }))
    }
}
