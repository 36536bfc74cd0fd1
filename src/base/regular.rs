//! Regular files, and only these, for reading: what would wait for a writer, or never end, is refused.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read},
    path::Path,
};

/// Opens a file without waiting for whatever it is.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        // To open a FIFO in the plain way waits for its writer.
        let flag = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flag);
    }
    let file = options.open(path)?;
    let kind = file.metadata()?.file_type();
    if kind.is_file() || path == Path::new("/dev/null") {
        return Ok(file);
    }
    Err(if kind.is_dir() {
        io::ErrorKind::IsADirectory.into()
    } else {
        io::Error::other("it is no regular file")
    })
}

pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

pub(crate) fn read_to_string(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    open(path)?.read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn a_fifo_is_refused_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert!(std::process::Command::new("mkfifo").arg(at("fifo")).status().unwrap().success());
        std::fs::write(at("file"), "text").unwrap();
        std::os::unix::fs::symlink(at("file"), at("link")).unwrap();
        std::os::unix::fs::symlink(at("fifo"), at("linked-fifo")).unwrap();
        for refused in ["fifo", "linked-fifo", "."] {
            assert!(read(&at(refused)).is_err(), "{refused}");
        }
        assert_eq!(read_to_string(&at("link")).unwrap(), "text");
        assert_eq!(read(Path::new("/dev/null")).unwrap(), b"");
        assert!(read(Path::new("/dev/zero")).is_err());
    }
}
