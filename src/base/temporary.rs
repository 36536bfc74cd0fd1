//! Temporary files and folders, made in one place, so that a full disk or a bad `TMPDIR` is reported with the folder.
//!
//! Files have no name: a killed process leaves nothing behind.

use std::{
    env,
    error::Error,
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    iter,
    path::Path,
};

use tempfile::TempDir;

use super::{private, problem::Problem};

/// A file without a name, which goes with this process.
#[derive(Debug)]
pub(crate) struct Temporary(File);

/// Makes a file in the folder that `TMPDIR` names, by default the system's.
pub(crate) fn file() -> io::Result<Temporary> {
    tempfile::tempfile().map(Temporary).map_err(|err| explained(&err))
}

/// Makes a folder there, which is removed when it is dropped.
pub(crate) fn folder() -> io::Result<TempDir> {
    tempfile::Builder::new().prefix("e2e-store-").tempdir().map_err(|err| explained(&err))
}

/// An error of the same kind that names the folder, what is wrong, and what helps.
pub(crate) fn explained(err: &io::Error) -> io::Error {
    io::Error::new(err.kind(), problem(err))
}

/// What is wrong with temporary data, where an error of a library that keeps some is about that: the disk is full,
/// which nobody hears who only reads, or no file can be made.
pub(crate) fn trouble(err: &(dyn Error + 'static)) -> Option<Problem> {
    let mut causes = iter::successors(Some(err), |&err| err.source());
    let err = causes.find_map(|cause| cause.downcast_ref::<io::Error>())?;
    if is_full(err) { Some(problem(err)) } else { tempfile::tempfile().err().map(|err| problem(&err)) }
}

fn is_full(err: &io::Error) -> bool {
    matches!(err.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn problem(err: &io::Error) -> Problem {
    let folder = env::temp_dir();
    let hint = if is_full(err) {
        "make room there, or set TMPDIR to a folder with more"
    } else {
        "set TMPDIR to a folder that is there and that this user may write to"
    };
    // Of a temporary file the error names a path that nobody asked for.
    let cause = err.raw_os_error().map_or_else(|| io::Error::from(err.kind()), io::Error::from_raw_os_error);
    Problem::new(format!("cannot keep temporary data in `{}`: {cause}", folder.display()), hint)
}

impl Temporary {
    /// A new file of this name in a temporary folder.
    pub(crate) fn named(place: &Path) -> io::Result<Self> {
        private::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(place)
            .map(Self)
            .map_err(|err| explained(&err))
    }

    /// The file itself, for reading at a place.
    pub(crate) fn as_file(&self) -> &File {
        &self.0
    }

    /// Another handle of the same file and position.
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        self.0.try_clone().map(Self).map_err(|err| explained(&err))
    }

    /// Its length in bytes.
    pub(crate) fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata().map_err(|err| explained(&err))?.len())
    }
}

impl Read for Temporary {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.read(bytes)
    }
}

impl Seek for Temporary {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

impl Write for Temporary {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(|err| explained(&err))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(|err| explained(&err))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_again() {
        let mut file = file().unwrap();
        let mut other = file.try_clone().unwrap();
        other.write_all(b"abc").unwrap();
        assert_eq!(file.length().unwrap(), 3);
        file.seek(SeekFrom::Start(1)).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "bc");
    }

    #[test]
    fn an_error_names_the_folder_and_what_helps() {
        let check = |kind: io::ErrorKind, hint: &str| {
            let err = explained(&io::Error::from(kind));
            assert_eq!(err.kind(), kind);
            let folder = env::temp_dir().display().to_string();
            assert!(err.to_string().contains(&format!("`{folder}`: ")), "{err}");
            let problem = err.get_ref().and_then(|inner| inner.downcast_ref::<Problem>());
            assert!(problem.is_some_and(|problem| problem.hint().contains(hint)), "{problem:?}");
        };
        check(io::ErrorKind::StorageFull, "make room there");
        check(io::ErrorKind::NotFound, "set TMPDIR");
    }

    #[test]
    fn a_full_disk_is_found_among_the_causes() {
        let wrapped =
            |kind: io::ErrorKind| anyhow::Error::from(io::Error::from(kind)).context("a query failed");
        let full = trouble(wrapped(io::ErrorKind::StorageFull).as_ref()).unwrap();
        assert!(full.to_string().starts_with("cannot keep temporary data in `"), "{full}");
        // Files can be made here, so that something else was not found.
        assert!(trouble(wrapped(io::ErrorKind::NotFound).as_ref()).is_none());
        assert!(trouble(anyhow::anyhow!("nothing of files").as_ref()).is_none());
    }
}
