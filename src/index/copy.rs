//! A private copy of a database that its owner may be writing to.
//!
//! Opening it in its place, even for reading, would create files beside it and may lock its owner out. So the database
//! and its write-ahead log are copied while both stay as they are; a copy that was taken during a change is thrown
//! away. The copy has no name by the time that it is read, where the system lets files go that are open.

use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, SystemTime},
};

use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

use crate::base::{
    regular,
    temporary::{self, Temporary},
};

const ATTEMPTS: u32 = 5;
/// Before the second attempt; each further one waits twice as long.
const PAUSE: Duration = Duration::from_millis(50);

/// What became of an attempt to read a database.
#[derive(Debug)]
pub(crate) enum Copied {
    /// There is none, or none that a studio has filled.
    Absent(&'static str),
    /// It is there, and nothing is known of what it says.
    Unreadable(String),
    Copy(PrivateCopy),
}

/// An open copy.
#[derive(Debug)]
pub(crate) struct PrivateCopy {
    pub(crate) connection: Connection,
    /// When the original was last written to.
    pub(crate) written_at: Option<SystemTime>,
    /// Where files that are open keep their names.
    _folder: Option<TempDir>,
}

/// Which bytes a file had: none where it is absent.
pub(crate) type Stamp = Option<(u64, Option<SystemTime>)>;

/// The database, its write-ahead log and its rollback journal as they are now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamps {
    database: Stamp,
    log: Stamp,
    journal: Stamp,
}

impl Stamps {
    pub(crate) fn of(database: &Path) -> io::Result<Self> {
        let stamp = |path: &Path| match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_file() => Ok(Some((metadata.len(), metadata.modified().ok()))),
            Ok(_) => Err(io::Error::other("it is no regular file, and links are not followed")),
            Err(err) if matches!(err.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Ok(None)
            }
            Err(err) => Err(err),
        };
        Ok(Self {
            database: stamp(database)?,
            log: stamp(&beside(database, "-wal"))?,
            journal: stamp(&beside(database, "-journal"))?,
        })
    }

    pub(crate) fn written_at(&self) -> Option<SystemTime> {
        let modified = |stamp: Stamp| stamp.and_then(|(_, modified)| modified);
        modified(self.database).max(modified(self.log))
    }
}

/// Whether a copy is read through before it is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    Whole,
    /// What a question reads shows its own damage.
    AsAsked,
}

/// Copies a database, again while it changes, and opens the copy.
pub(crate) fn copy(database: &Path, proof: Proof) -> Copied {
    let mut last = String::new();
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            thread::sleep(PAUSE * 2_u32.pow(attempt - 1));
        }
        match try_copy(database, proof) {
            Ok(copied) => return copied,
            Err(why) => last = why,
        }
    }
    Copied::Unreadable(last)
}

/// `Err` says why another attempt may do better.
fn try_copy(database: &Path, proof: Proof) -> Result<Copied, String> {
    let unreadable = |err: io::Error| format!("it cannot be read: {err}");
    let before = Stamps::of(database).map_err(unreadable)?;
    match before.database {
        None => return Ok(Copied::Absent("the studio's backend has not made one")),
        Some((0, _)) if before.log.is_none_or(|(size, _)| size == 0) => {
            return Ok(Copied::Absent("it is empty"));
        }
        Some(_) => {}
    }
    if before.journal.is_some_and(|(size, _)| size > 0) {
        return Err("a program holds it locked: its rollback journal is open".to_owned());
    }
    let folder = temporary::folder().map_err(|err| format!("it cannot be copied: {err}"))?;
    let place = folder.path().join("metadata.db");
    copy_file(database, &place)?;
    if before.log.is_some() {
        copy_file(&beside(database, "-wal"), &beside(&place, "-wal"))?;
    }
    if Stamps::of(database).map_err(unreadable)? != before {
        return Err("it changed each time that it was read".to_owned());
    }
    let connection = open(&place, proof).map_err(|err| format!("it is damaged: {err}"))?;
    let folder = if cfg!(unix) {
        folder.close().ok();
        None
    } else {
        Some(folder)
    };
    Ok(Copied::Copy(PrivateCopy { connection, written_at: before.written_at(), _folder: folder }))
}

fn copy_file(from: &Path, to: &Path) -> Result<(), String> {
    let mut original = regular::open(from).map_err(|err| format!("it cannot be read: {err}"))?;
    let copied = Temporary::named(to).and_then(|mut copy| io::copy(&mut original, &mut copy));
    copied.map(drop).map_err(|err| format!("it cannot be copied: {err}"))
}

/// Opens the copy, and reads as much of it as tells whether it is whole, where that is asked.
fn open(place: &Path, proof: Proof) -> Result<Connection, String> {
    let text = |err: rusqlite::Error| err.to_string();
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(place, flags).map_err(text)?;
    // The log is read without a shared memory file.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE").map_err(text)?;
    connection.pragma_update(None, "cache_size", -8_000).map_err(text)?;
    if proof == Proof::Whole {
        let verdict: String =
            connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(text)?;
        if verdict != "ok" {
            return Err(verdict.replace('\n', " "));
        }
    }
    connection.pragma_update(None, "query_only", true).map_err(text)?;
    Ok(connection)
}

fn beside(database: &Path, ending: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
