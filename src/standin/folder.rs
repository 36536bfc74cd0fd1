//! The stand-in's data directory: its layout, and the rule that it is never a studio's.
//!
//! A marker file at the top says that a stand-in made the folder. Without it, only an absent or
//! empty folder is accepted.

use std::{
    fs::{self, File},
    io::ErrorKind,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};

const MARKER: &str = ".e2e-store-stand-in";

/// A data directory that belongs to a stand-in.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    root: PathBuf,
}

impl Folder {
    /// Takes `path` for a stand-in and creates what a studio creates at its start.
    pub(super) fn claim(path: &Path) -> anyhow::Result<Self> {
        let cannot = || format!("cannot use `{}` as the stand-in's folder", path.display());
        if !is_free(path).with_context(cannot)? {
            bail!("`{}` is not empty and was not made by a stand-in", path.display());
        }
        fs::create_dir_all(path).with_context(cannot)?;
        let folder = Self { root: fs::canonicalize(path).with_context(cannot)? };
        File::create(folder.root.join(MARKER)).with_context(cannot)?;
        fs::create_dir_all(folder.wal()).with_context(cannot)?;
        fs::create_dir_all(folder.cold()).with_context(cannot)?;
        Ok(folder)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn wal(&self) -> PathBuf {
        self.root.join("spans/wal")
    }

    pub(super) fn hot_snapshot(&self) -> PathBuf {
        self.root.join("spans/hot_snapshot.parquet")
    }

    /// Where a flush at `time` puts its rows. The digits behind the second keep names in order.
    pub(super) fn cold_file(&self, time: DateTime<Utc>) -> PathBuf {
        let day = time.format("year=%Y/month=%m/day=%d").to_string();
        let name = format!("{}_{:08x}.parquet", time.format("%Y%m%d_%H%M%S"), time.timestamp_subsec_nanos());
        self.cold().join(day).join(name)
    }

    fn cold(&self) -> PathBuf {
        self.root.join("spans/parquet")
    }
}

fn is_free(path: &Path) -> anyhow::Result<bool> {
    if path.join(MARKER).try_exists()? {
        return Ok(true);
    }
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(err) if err.kind() == ErrorKind::NotFound => Ok(true),
        Err(err) => Err(err.into()),
    }
}
