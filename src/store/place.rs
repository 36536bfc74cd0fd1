//! Where a file of a store lies: in a folder of this machine, or in a bucket.

use std::{
    ffi::{OsStr, OsString},
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{bucket::Object, problem::FileProblem};
use crate::base::temporary::Temporary;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Local(PathBuf),
    Object(Object),
}

impl Place {
    /// The last part of its path.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Local(path) => path.file_name().and_then(OsStr::to_str),
            Self::Object(object) => object.name(),
        }
    }

    /// What tells it from every other place, and an object from another version of itself.
    pub(crate) fn identity(&self) -> OsString {
        match self {
            Self::Local(path) => path.as_os_str().to_owned(),
            Self::Object(object) => object.versioned().into(),
        }
    }

    /// The path of a file of this machine.
    pub(crate) fn local(&self) -> Option<&Path> {
        match self {
            Self::Local(path) => Some(path),
            Self::Object(_) => None,
        }
    }

    /// Brings an object here, where its readers find it for as long as what is returned lives.
    pub(crate) fn fetch(&self) -> Result<Option<Arc<Temporary>>, FileProblem> {
        match self {
            Self::Local(_) => Ok(None),
            Self::Object(object) => object.fetch().map(Some),
        }
    }

    /// Whether a file of this machine is no longer there. Of an object nothing is asked: its next GET tells.
    pub(crate) fn is_gone(&self) -> bool {
        self.local().is_some_and(|path| matches!(path.try_exists(), Ok(false)))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => write!(f, "{}", path.display()),
            Self::Object(object) => write!(f, "{object}"),
        }
    }
}
