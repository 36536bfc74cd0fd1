//! What tells a URL from a path, so that none is taken for a folder called `s3:`.

use std::path::{Path, PathBuf};

use clap::builder::{PathBufValueParser, TypedValueParser};

/// The scheme of a URL; none of a path. A folder of such a name is written with a leading `./`.
pub(crate) fn scheme(path: &Path) -> Option<&str> {
    let (scheme, _) = path.to_str()?.split_once("://")?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    is_scheme.then_some(scheme)
}

/// For arguments that only a folder of this machine will do for.
pub(crate) fn local_path() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| match scheme(&path) {
        None => Ok(path),
        Some(_) => Err("a folder of this machine is needed; URLs are for audit, sql, inspect, trace, export, and the source of replay"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_scheme_and_a_path_has_none() {
        let check =
            |text: &str, expected: Option<&str>| assert_eq!(scheme(Path::new(text)), expected, "{text}");
        check("s3://bucket/a", Some("s3"));
        check("HTTPS://host", Some("HTTPS"));
        check("ftp://host", Some("ftp"));
        check("./s3://bucket", None);
        check("s3:/bucket", None);
        check("/data/a://b", None);
        check("3s://b", None);
        check("", None);
    }
}
