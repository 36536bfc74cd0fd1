//! The URL of a store, as a user types it.

use object_store::path::Path;

use crate::base::problem::Problem;

/// The service that a bucket lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    S3,
    Gcs,
    Azure,
    /// WebDAV, as far as anything is to be listed.
    Http,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(super) service: Service,
    /// Of the bucket: `s3://name`, or `https://host:port`.
    pub(super) bucket: String,
    /// Of the bucket alone: `name`, or `host:port`.
    pub(super) name: String,
    pub(super) key: Path,
}

const SCHEMES: &str =
    "`s3://BUCKET/KEY`, `gs://BUCKET/KEY`, `az://CONTAINER/KEY`, or `https://HOST/PATH` of a WebDAV server";

impl Address {
    pub(crate) fn parse(url: &str) -> Result<Self, Problem> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let scheme = scheme.to_ascii_lowercase();
        let service = match scheme.as_str() {
            "s3" => Service::S3,
            "gs" => Service::Gcs,
            "az" => Service::Azure,
            "http" | "https" => Service::Http,
            "file" => {
                return Err(Problem::new("`file://` is no store that is fetched", "write the path itself"));
            }
            _ => {
                return Err(Problem::new(
                    format!("`{scheme}://` is no store that can be read"),
                    format!("a store is {SCHEMES}"),
                ));
            }
        };
        let (name, key) = rest.split_once('/').unwrap_or((rest, ""));
        // Neither is said again: it may be a password, or a signature.
        if name.contains('@') {
            let what = format!("the `{scheme}://` URL holds a user or a password");
            return Err(Problem::new(
                what,
                "leave out what stands before the `@`: a URL is written into reports",
            ));
        }
        let has_query =
            service != Service::S3 && service != Service::Gcs && (key.contains('?') || name.contains('?'));
        if has_query {
            let what = format!("the `{scheme}://` URL has a query, which may be a signature");
            let hint = match service {
                Service::Azure => {
                    "leave out the `?` and what follows; a SAS token belongs into AZURE_STORAGE_SAS_KEY"
                }
                _ => "leave out the `?` and what follows",
            };
            return Err(Problem::new(what, hint));
        }
        if name.is_empty() {
            let what = format!(
                "`{scheme}://` names no {}",
                if service == Service::Http { "host" } else { "bucket" }
            );
            return Err(Problem::new(what, format!("a store is {SCHEMES}")));
        }
        let parsed = if service == Service::Http { Path::from_url_path(key) } else { Path::parse(key) };
        // A slash in front would be left out, and another key asked for.
        let key = parsed.ok().filter(|_| !key.starts_with('/')).ok_or_else(|| {
            let what = format!("`{url}` has an empty segment, one of dots, or one that is no text");
            Problem::new(what, "keys of a store are names with single slashes between them")
        })?;
        Ok(Self { service, bucket: format!("{scheme}://{name}"), name: name.to_owned(), key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_bucket_and_a_key() {
        let check = |url: &str, service, bucket: &str, key: &str| {
            let address = Address::parse(url).unwrap();
            let found = (address.service, address.bucket.as_str(), address.key.as_ref());
            assert_eq!(found, (service, bucket, key), "{url}");
        };
        check("s3://bucket", Service::S3, "s3://bucket", "");
        check("s3://bucket/", Service::S3, "s3://bucket", "");
        check("S3://bucket/a b/100%#?/", Service::S3, "s3://bucket", "a b/100%#?");
        check("gs://bucket/a", Service::Gcs, "gs://bucket", "a");
        check("az://container/a/b", Service::Azure, "az://container", "a/b");
        check("http://127.0.0.1:80/a%20b/", Service::Http, "http://127.0.0.1:80", "a b");
    }

    #[test]
    fn what_is_no_address_or_holds_a_secret_is_refused_without_saying_it() {
        for url in [
            "ftp://host/a",
            "file:///a",
            "s3:///a",
            "s3://a//b",
            "https://user:secret@host/a",
            "https://host/a?sig=secret",
            "az://container/a?sig=secret",
        ] {
            let refused = Address::parse(url).unwrap_err();
            assert!(!format!("{refused} {}", refused.hint()).contains("secret"), "{url}: {refused}");
        }
    }
}
