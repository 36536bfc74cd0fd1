//! The stand-in's data directory: its layout, and the rule that it is never a studio's, nor anybody else's.
//!
//! A marker file at the top says that a stand-in made the folder. Without it, only an absent or
//! empty folder is accepted. The marker is locked as long as the stand-in runs. No link is followed
//! below the folder: neither to a folder nor to a file, so that nothing outside of it is ever written.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;
use chrono::{DateTime, Utc};

use crate::base::problem::Problem;

const MARKER: &str = ".e2e-store-stand-in";

/// A data directory that belongs to a stand-in.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    root: PathBuf,
    /// The marker. Its lock ends with the last of the folder's clones.
    _lock: Arc<File>,
}

impl Folder {
    /// Takes `path` for a stand-in and creates what a studio creates at its start.
    pub(super) fn claim(path: &Path) -> anyhow::Result<Self> {
        let cannot = || format!("cannot use `{}` as the stand-in's folder", path.display());
        builder().recursive(true).create(path).with_context(cannot)?;
        // The folder itself may be named by a link.
        let root = fs::canonicalize(path).with_context(cannot)?;
        owned_folder(&root).with_context(cannot)?;
        let marker = root.join(MARKER);
        let is_new = match fs::symlink_metadata(&marker) {
            Ok(_) => false,
            Err(err) if err.kind() == ErrorKind::NotFound => true,
            Err(err) => return Err(err).with_context(cannot),
        };
        if is_new && fs::read_dir(&root).with_context(cannot)?.next().is_some() {
            let what = format!("`{}` is not empty and was not made by a stand-in", path.display());
            return Err(Problem::new(what, "name an empty or absent folder with --data-dir").into());
        }
        let lock = if is_new { create_new(&marker) } else { open_owned(&marker) }.with_context(cannot)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let what = format!("`{}` is in use by another stand-in", path.display());
                return Err(
                    Problem::new(what, "stop that one, or name another folder with --data-dir").into()
                );
            }
            Err(TryLockError::Error(err)) => return Err(err).with_context(cannot),
        }
        let folder = Self { root, _lock: Arc::new(lock) };
        for place in ["spans", "spans/wal", "spans/parquet"] {
            make_folder(&folder.root.join(place)).with_context(cannot)?;
        }
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

    /// Where a flush at `time` puts its rows, in a folder that is there. The digits behind the second keep
    /// names in order.
    pub(super) fn cold_file(&self, time: DateTime<Utc>) -> io::Result<PathBuf> {
        let mut day = self.root.join("spans/parquet");
        for part in ["year=%Y", "month=%m", "day=%d"] {
            day.push(time.format(part).to_string());
            make_folder(&day)?;
        }
        let name = format!("{}_{:08x}.parquet", time.format("%Y%m%d_%H%M%S"), time.timestamp_subsec_nanos());
        Ok(day.join(name))
    }
}

/// A new file at `path`, for this user alone. What stood there, a link for one, is removed and not followed.
pub(super) fn create(path: &Path) -> io::Result<File> {
    remove_if_there(path)?;
    create_new(path)
}

pub(super) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(err) if err.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Opens a file of ours for reading; a link is refused.
pub(super) fn open(path: &Path) -> io::Result<File> {
    no_follow(OpenOptions::new().read(true)).open(path)
}

/// Fails where anything is there already, a link to nowhere included.
fn create_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    no_follow(&mut options).open(path)
}

/// A file that is there, as it is: it is neither made nor cut.
fn open_owned(path: &Path) -> io::Result<File> {
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other(format!("`{}` is no regular file", path.display())));
    }
    owned(path, &metadata)?;
    no_follow(OpenOptions::new().read(true).write(true)).open(path)
}

#[cfg(unix)]
fn no_follow(options: &mut OpenOptions) -> &mut OpenOptions {
    let flag = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default();
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, flag)
}

#[cfg(not(unix))]
fn no_follow(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

fn builder() -> DirBuilder {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

/// Makes one folder, or finds it there: no link, and this user's.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    match builder().create(path) {
        Err(err) if err.kind() == ErrorKind::AlreadyExists => owned_folder(path),
        made => made,
    }
}

fn owned_folder(path: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_dir() {
        return Err(io::Error::other(format!("`{}` is no folder of its own", path.display())));
    }
    owned(path, &metadata)
}

#[cfg(unix)]
fn owned(path: &Path, metadata: &fs::Metadata) -> io::Result<()> {
    if std::os::unix::fs::MetadataExt::uid(metadata) == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    Err(io::Error::other(format!("`{}` belongs to another user", path.display())))
}

#[cfg(not(unix))]
fn owned(_path: &Path, _metadata: &fs::Metadata) -> io::Result<()> {
    Ok(())
}
