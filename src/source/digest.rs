//! What a source was, in one number: so that a replay goes on with the one that it began with.

use std::io::{self, Read};

use twox_hash::xxhash3_128::Hasher;

use super::chunk::SourceNotes;

/// In place of the length of a file that cannot be read.
const UNREADABLE: u64 = u64::MAX;

/// Opens a file's bytes.
pub(crate) type Bytes<'f> = Box<dyn Fn() -> io::Result<Box<dyn Read + Send>> + 'f>;

/// xxh3-128 over the names and bytes of files, in hexadecimal digits. A file that cannot be read is noted, and
/// gives another digest than an empty one.
pub(crate) fn of_files(files: &[(&str, Bytes<'_>)], notes: &mut SourceNotes) -> String {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 1 << 18];
    for (shown, open) in files {
        hasher.write(&(shown.len() as u64).to_le_bytes());
        hasher.write(shown.as_bytes());
        let length = open().and_then(|file| add_file(file, &mut buffer, &mut hasher)).unwrap_or_else(|err| {
            notes.trouble(shown, format!("cannot be read: {err}"));
            UNREADABLE
        });
        hasher.write(&length.to_le_bytes());
    }
    format!("{:032x}", hasher.finish_128())
}

/// How many bytes it has.
fn add_file(mut file: impl Read, buffer: &mut [u8], hasher: &mut Hasher) -> io::Result<u64> {
    let mut length = 0;
    loop {
        match file.read(buffer)? {
            0 => return Ok(length),
            read => {
                hasher.write(&buffer[..read]);
                length += read as u64;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, File},
        path::Path,
    };

    use super::*;

    fn of_file(shown: &str, path: &Path, notes: &mut SourceNotes) -> String {
        let open = || -> io::Result<Box<dyn Read + Send>> { Ok(Box::new(File::open(path)?)) };
        of_files(&[(shown, Box::new(open))], notes)
    }

    #[test]
    fn names_and_bytes_count() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let digest = |shown: &str, bytes: &str| {
            fs::write(&path, bytes).unwrap();
            of_file(shown, &path, &mut SourceNotes::default())
        };
        let one = digest("a", "bytes");
        assert_eq!((digest("a", "bytes"), one.len()), (one.clone(), 32));
        assert_ne!(digest("b", "bytes"), one);
        assert_ne!(digest("a", "byte"), one);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_said_and_is_not_an_empty_one() {
        let folder = tempfile::tempdir().unwrap();
        let (gone, empty) = (folder.path().join("gone"), folder.path().join("empty"));
        fs::write(&empty, "").unwrap();
        let mut notes = SourceNotes::default();
        let digests = [&gone, &empty].map(|path| of_file("a", path, &mut notes));
        assert_ne!(digests[0], digests[1]);
        assert_eq!(notes.trouble.len(), 1);
    }
}
