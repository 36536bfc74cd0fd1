//! What a source was, in one number: so that a replay goes on with the one that it began with.

use std::{fs::File, io::Read, path::Path};

use twox_hash::xxhash3_128::Hasher;

/// xxh3-128 over the names and bytes of files, in hexadecimal digits. A file that is gone counts as empty.
pub(crate) fn of_files(files: &[(&str, &Path)]) -> String {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 1 << 18];
    for (shown, path) in files {
        hasher.write(&(shown.len() as u64).to_le_bytes());
        hasher.write(shown.as_bytes());
        let mut length = 0_u64;
        if let Ok(mut file) = File::open(path) {
            while let Ok(read @ 1..) = file.read(&mut buffer) {
                hasher.write(&buffer[..read]);
                length += read as u64;
            }
        }
        hasher.write(&length.to_le_bytes());
    }
    format!("{:032x}", hasher.finish_128())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn names_and_bytes_count() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let digest = |shown: &str, bytes: &str| {
            fs::write(&path, bytes).unwrap();
            of_files(&[(shown, &path)])
        };
        let one = digest("a", "bytes");
        assert_eq!((digest("a", "bytes"), one.len()), (one.clone(), 32));
        assert_ne!(digest("b", "bytes"), one);
        assert_ne!(digest("a", "byte"), one);
    }
}
