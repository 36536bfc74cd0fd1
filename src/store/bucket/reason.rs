//! Why a request failed, in a few words that hold no credential: neither the request's URL, which may carry one, nor
//! the body of the answer, which may repeat headers.

use std::{error::Error, iter};

use object_store::path;

use crate::store::problem::FileProblem;

/// What the error of a request makes of the file that it was about.
pub(super) fn problem(err: &object_store::Error) -> FileProblem {
    use object_store::Error as Failed;
    match err {
        Failed::Precondition { .. } | Failed::NotModified { .. } => FileProblem::Changed,
        Failed::NotFound { .. } => FileProblem::Gone,
        Failed::PermissionDenied { .. } | Failed::Unauthenticated { .. } => {
            FileProblem::Forbidden(reason(err))
        }
        _ => match status(err) {
            Some((401 | 403, _)) => FileProblem::Forbidden(reason(err)),
            Some((404, _)) => FileProblem::Gone,
            Some((412, _)) => FileProblem::Changed,
            _ => FileProblem::Unreachable(reason(err)),
        },
    }
}

/// A key that no listing can hold, and what is wrong with it.
pub(super) fn bad_key(err: &object_store::Error) -> Option<(&str, &'static str)> {
    let source = match err {
        object_store::Error::InvalidPath { source } => source,
        // The one of WebDAV wraps it once more.
        other => causes(other).find_map(|cause| cause.downcast_ref::<path::Error>())?,
    };
    match source {
        path::Error::EmptySegment { path } => Some((path, "has an empty segment")),
        path::Error::BadSegment { path, .. } => {
            Some((path, "has a segment of dots or with control characters"))
        }
        path::Error::NonUnicode { path, .. } => Some((path, "is no UTF-8")),
        _ => None,
    }
}

/// The code of an answer in words: `403 Forbidden (AccessDenied)`; of what had no answer, what kept it from coming.
pub(super) fn reason(err: &object_store::Error) -> String {
    if let Some((_, said)) = status(err) {
        return said;
    }
    let texts: Vec<String> = causes(err).map(ToString::to_string).collect();
    if texts.iter().any(|text| text.contains("169.254.") || text.contains("metadata.google.internal")) {
        return "there are no credentials in the environment, and no instance metadata service answers"
            .to_owned();
    }
    let innermost = texts.last().map(String::as_str).unwrap_or_default();
    let is_plain = !innermost.contains("://") && !innermost.contains('<') && !innermost.is_empty();
    if is_plain { innermost.to_owned() } else { "the request failed".to_owned() }
}

/// The status of an answer that was no success, and what it says: the code of the service in brackets.
fn status(err: &object_store::Error) -> Option<(u16, String)> {
    const STATUS: &str = "non-2xx status code: ";
    let text = causes(err).map(ToString::to_string).find(|text| text.contains(STATUS))?;
    let (_, said) = text.split_once(STATUS)?;
    let (status, body) = said.split_once(": ").unwrap_or((said, ""));
    let number = status.split(' ').next()?.parse().ok()?;
    let code =
        body.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>")).map(|(code, _)| code);
    let is_word = |code: &&str| code.len() < 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    Some((
        number,
        match code.filter(is_word) {
            Some(code) => format!("{} ({code})", status.trim_end_matches(':').trim()),
            None => status.trim_end_matches(':').trim().to_owned(),
        },
    ))
}

fn causes<'e>(err: &'e object_store::Error) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    let outermost: &'e (dyn Error + 'static) = err;
    iter::successors(Some(outermost), |&err| err.source())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(text: &str) -> object_store::Error {
        object_store::Error::Generic { store: "S3", source: text.into() }
    }

    #[test]
    fn a_reason_holds_neither_a_url_nor_a_body() {
        let denied = failed(
            "Error performing GET https://host/b?X-Amz-Signature=secret in 1ms - Server returned non-2xx status code: \
             403 Forbidden: <Error><Code>AccessDenied</Code><AWSAccessKeyId>key</AWSAccessKeyId></Error>",
        );
        assert_eq!(reason(&denied), "403 Forbidden (AccessDenied)");
        assert!(matches!(problem(&denied), FileProblem::Forbidden(_)));
        let busy = failed("Server returned non-2xx status code: 503 Service Unavailable: ");
        assert_eq!(problem(&busy), FileProblem::Unreachable("503 Service Unavailable".to_owned()));
        assert_eq!(
            reason(&failed("error sending request for url (http://user:secret@host/)")),
            "the request failed"
        );
        let alone = failed("Error performing PUT http://169.254.169.254/latest/api/token in 9s");
        assert!(reason(&alone).starts_with("there are no credentials"));
    }
}
