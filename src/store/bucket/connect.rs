//! From an address to a client, with the settings and credentials of the environment.
//!
//! Those are the ecosystem's own: `AWS_…`, `GOOGLE_…`, `AZURE_…`, identities of the machine. Profiles of the AWS
//! command line are not among them, and a machine that has only these would wait for a metadata service in vain.

use std::{env, sync::Arc, time::Duration};

use object_store::{
    BackoffConfig, ClientOptions, RetryConfig, aws::AmazonS3Builder, azure::MicrosoftAzureBuilder,
    gcp::GoogleCloudStorageBuilder, http::HttpBuilder,
};

use super::{
    Bucket,
    address::{Address, Service},
    reason,
};
use crate::base::problem::Problem;

/// Enough for a service that throttles, and over within a minute where there is none.
const RETRIES: usize = 5;

/// Nothing is tried again after this.
const RETRY_TIME: Duration = Duration::from_mins(3);

impl Address {
    pub(crate) fn connect(&self) -> Result<Arc<Bucket>, Problem> {
        let name = self.bucket.clone();
        let bucket = match self.service {
            Service::S3 => {
                has_more_than_a_profile()?;
                let builder = AmazonS3Builder::from_env().with_bucket_name(&self.name);
                builder.with_retry(retries()).build().map(|store| Bucket::paged(name, store))
            }
            Service::Gcs => {
                let builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(&self.name);
                builder.with_retry(retries()).build().map(|store| Bucket::paged(name, store))
            }
            Service::Azure => {
                let builder = MicrosoftAzureBuilder::from_env().with_container_name(&self.name);
                builder.with_retry(retries()).build().map(|store| Bucket::paged(name, store))
            }
            Service::Http => {
                let options = ClientOptions::new().with_allow_http(true);
                let builder = HttpBuilder::new().with_url(&self.bucket).with_client_options(options);
                builder.with_retry(retries()).build().map(|store| Bucket::new(name, Arc::new(store), None))
            }
        };
        bucket.map_err(|err| {
            let what = format!("cannot use `{}`: {}", self.bucket, reason::reason(&err));
            Problem::new(what, self.service.credentials())
        })
    }
}

impl Service {
    /// What leads to it.
    pub(super) fn reach(self) -> &'static str {
        match self {
            Self::S3 => {
                "check the network, and AWS_REGION; AWS_ENDPOINT_URL names another service than AWS, and AWS_ALLOW_HTTP=true \
                 allows one without TLS"
            }
            Self::Gcs | Self::Azure => "check the network",
            Self::Http => {
                "only a WebDAV server can be listed; of another, mirror the folder and audit the copy, or name one file"
            }
        }
    }

    /// Where its credentials come from.
    pub(super) fn credentials(self) -> &'static str {
        match self {
            Self::S3 => {
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of a user who may list and get, or \
                 AWS_SKIP_SIGNATURE=true for a public bucket"
            }
            Self::Gcs => "set GOOGLE_APPLICATION_CREDENTIALS to a file of credentials, or log in with gcloud",
            Self::Azure => {
                "set AZURE_STORAGE_ACCOUNT_NAME, and AZURE_STORAGE_ACCOUNT_KEY or another credential"
            }
            Self::Http => "check the address; a server that asks for a password cannot be read",
        }
    }
}

fn retries() -> RetryConfig {
    RetryConfig { backoff: BackoffConfig::default(), max_retries: RETRIES, retry_timeout: RETRY_TIME }
}

/// Said at once: the client does not read profiles, and would ask the machine's metadata service until its time is up.
fn has_more_than_a_profile() -> Result<(), Problem> {
    const OTHERS: [&str; 5] = [
        "AWS_ACCESS_KEY_ID",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_SKIP_SIGNATURE",
    ];
    let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    if !is_set("AWS_PROFILE") || OTHERS.iter().any(|name| is_set(name)) {
        return Ok(());
    }
    let what = "AWS_PROFILE is set, and there are no credentials in the environment: profiles are not read";
    Err(Problem::new(what, "eval \"$(aws configure export-credentials --format env)\""))
}
