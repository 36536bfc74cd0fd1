//! The store's files as faults see them: which there are, how they are damaged, and how that is undone.

use std::{
    fs::{self, File, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use chrono::{DateTime, Utc};
use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};

use crate::store::{inventory::named_at, layout::Tier};

/// A data file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DataFile {
    pub(crate) path: PathBuf,
    pub(crate) size: u64,
    /// Unix nanoseconds.
    pub(crate) written: u64,
}

impl DataFile {
    /// When the last of its spans had come, in Unix nanoseconds: a flush takes none that comes while it writes, and
    /// names its file after its beginning.
    fn closed(&self) -> u64 {
        // A name by a clock that was wrong tells nothing.
        self.named().filter(|named| named.abs_diff(self.written) < LONGEST_FLUSH).unwrap_or(self.written)
    }

    /// The time that its name tells, by the studio's clock, in Unix nanoseconds.
    pub(crate) fn named(&self) -> Option<u64> {
        let tier = if is_cold(&self.path) { Tier::Cold } else { Tier::Wal };
        named_at(tier, self.path.file_name()?.to_str()?).and_then(|named| u64::try_from(named).ok())
    }
}

/// A file that a fault damaged or left behind, and the acks that it may hold the spans of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Damaged {
    pub(crate) path: PathBuf,
    /// Unix nanoseconds.
    pub(crate) from: u64,
    pub(crate) until: u64,
}

impl Damaged {
    pub(crate) fn is_cold(&self) -> bool {
        is_cold(&self.path)
    }
}

fn is_cold(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "parquet")
}

/// An ack is written down so much later than its span at most, and file systems round so far.
const SLACK: u64 = 100_000_000;

/// No file is written for longer, in nanoseconds.
const LONGEST_FLUSH: u64 = 600_000_000_000;

/// The segments of a WAL, or the cold files below a folder; a folder that is not there holds none.
pub(crate) fn data_files(folder: &Path, extension: &str) -> io::Result<Vec<DataFile>> {
    let mut found = Vec::new();
    add(&mut found, folder, extension)?;
    found.sort_by(|a, b| (a.written, &a.path).cmp(&(b.written, &b.path)));
    Ok(found)
}

fn add(found: &mut Vec<DataFile>, folder: &Path, extension: &str) -> io::Result<()> {
    let gone = |err: &io::Error| err.kind() == io::ErrorKind::NotFound;
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(err) if gone(&err) => return Ok(()),
        Err(err) => return Err(err),
    };
    for entry in entries {
        let path = entry?.path();
        // A running studio removes files meanwhile.
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(err) if gone(&err) => continue,
            Err(err) => return Err(err),
        };
        if metadata.is_dir() {
            add(found, &path, extension)?;
        } else if metadata.is_file() && path.extension().is_some_and(|end| end == extension) {
            let written = unix_nanos(metadata.modified()?);
            found.push(DataFile { path, size: metadata.len(), written });
        }
    }
    Ok(())
}

fn unix_nanos(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

/// The folder that a flush now writes into.
pub(crate) fn folder_of_today(cold: &Path, now: DateTime<Utc>) -> PathBuf {
    cold.join(now.format("year=%Y/month=%m/day=%d").to_string())
}

/// Cuts a file off.
pub(crate) fn damage(file: &DataFile, all: &[DataFile], left: u64) -> io::Result<Damaged> {
    File::options().write(true).open(&file.path)?.set_len(left)?;
    Ok(held(file, all))
}

/// The acks that a file may hold the spans of lie between the file before it and itself.
pub(crate) fn held(file: &DataFile, all: &[DataFile]) -> Damaged {
    let closed = all.iter().map(DataFile::closed).filter(|closed| *closed < file.closed());
    Damaged {
        path: file.path.clone(),
        from: closed.max().unwrap_or_default().saturating_sub(SLACK),
        until: file.closed() + SLACK,
    }
}

/// Takes damaged files out of the store, into a folder that is made where it is not there.
pub(crate) fn take_away(damaged: &[Damaged], into: &Path) -> io::Result<()> {
    fs::create_dir_all(into)?;
    for Damaged { path, .. } in damaged {
        let Some(name) = path.file_name() else { continue };
        match fs::copy(path, into.join(name)) {
            Ok(_) => fs::remove_file(path)?,
            // The studio has set it aside itself.
            Err(err) if err.kind() == io::ErrorKind::NotFound => {}
            Err(err) => return Err(err),
        }
    }
    Ok(())
}

/// Files that cannot be deleted until this is dropped.
#[derive(Debug)]
pub(crate) struct Held(Vec<(File, IFlags)>);

/// Lets files not be deleted. Only root may, and not on every file system.
pub(crate) fn hold<'p>(paths: impl IntoIterator<Item = &'p PathBuf>) -> io::Result<Held> {
    let mut held = Held(Vec::new());
    for path in paths {
        let file = File::open(path)?;
        let before = ioctl_getflags(&file)?;
        ioctl_setflags(&file, before | IFlags::IMMUTABLE)?;
        held.0.push((file, before));
    }
    Ok(held)
}

impl Drop for Held {
    fn drop(&mut self) {
        for (file, before) in &self.0 {
            ioctl_setflags(file, *before).ok();
        }
    }
}

/// Folders without the permission to write; they get it back, at the latest when this is dropped.
#[derive(Debug)]
pub(crate) struct Locked(Vec<(PathBuf, Permissions)>);

/// Takes the permission to write into folders and all below them.
pub(crate) fn lock(folders: &[PathBuf]) -> io::Result<Locked> {
    let mut locked = Locked(Vec::new());
    folders.iter().try_for_each(|folder| locked.add(folder))?;
    Ok(locked)
}

impl Locked {
    fn add(&mut self, folder: &Path) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                self.add(&entry.path())?;
            }
        }
        let before = fs::metadata(folder)?.permissions();
        let without = Permissions::from_mode(before.mode() & !0o222);
        fs::set_permissions(folder, without)?;
        self.0.push((folder.to_owned(), before));
        Ok(())
    }

    pub(crate) fn unlock(mut self) -> io::Result<()> {
        self.restore()
    }

    fn restore(&mut self) -> io::Result<()> {
        self.0.drain(..).rev().try_for_each(|(folder, before)| fs::set_permissions(folder, before))
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        self.restore().ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_segment_may_hold_what_was_acked_since_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = ("batch_100000000000_0001.ipc", "batch_103000000000_0002.ipc");
        for (name, second) in [(first, 100), (second, 103), ("c.tmp", 104)] {
            let file = File::create(folder.path().join(name)).unwrap();
            file.set_len(10).unwrap();
            file.set_modified(UNIX_EPOCH + std::time::Duration::from_secs(second)).unwrap();
        }
        let all = data_files(folder.path(), "ipc").unwrap();
        assert_eq!(all.len(), 2);
        let damaged = damage(&all[1], &all, 5).unwrap();
        assert_eq!(fs::metadata(&damaged.path).unwrap().len(), 5);
        assert_eq!((damaged.from, damaged.until), (99_900_000_000, 103_100_000_000));
        take_away(&[damaged], &folder.path().join("away")).unwrap();
        assert_eq!(data_files(folder.path(), "ipc").unwrap().len(), 2, "one of them is away");
        assert!(folder.path().join("away").join(second).exists());
        let by_a_wrong_clock =
            DataFile { path: "batch_3703000000000_0003.ipc".into(), size: 1, written: 103_000_000_000 };
        assert_eq!(by_a_wrong_clock.closed(), by_a_wrong_clock.written);
        assert!(data_files(&folder.path().join("nowhere"), "ipc").unwrap().is_empty());
    }
}
