//! From a path that a user typed to a store.

use std::path::Path;

use super::{
    bucket,
    layout::{Layout, LayoutError},
};
use crate::base::{problem::Problem, url};

/// The store at a path or a URL, or at the default places.
pub(crate) fn find_store(path: Option<&Path>) -> Result<Layout, Problem> {
    if let Some(url) = path.filter(|path| url::scheme(path).is_some()) {
        return bucket::find::find(&url.to_string_lossy());
    }
    Layout::find(path).map_err(|err| {
        let hint = match &err {
            LayoutError::NoDefault(_) | LayoutError::Missing(_) => {
                "name the studio's data directory; in the shipped compose files it is `.dbdata`"
            }
            LayoutError::NotAStore(_) => "a data directory holds `spans/wal` or `spans/parquet`",
            LayoutError::Unreadable { .. } => "give this user the right to read the folder",
        };
        match err {
            LayoutError::Unreadable { path, source } => {
                Problem::new(format!("cannot look into `{}`", path.display()), hint).caused_by(source)
            }
            err => Problem::new(err.to_string(), hint),
        }
    })
}
