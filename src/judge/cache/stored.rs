//! The file of a cache: a head, blocks of bytes, the index of them, and where that lies.
//!
//! Each block and the index have a digest. The file takes its place when all of it is written; one that is not whole,
//! or of another version, is not believed, and one of another kind is not replaced.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    context::Context,
    entry::{Block, Entry},
};
use crate::{
    base::{output::Output, problem::Problem, regular},
    contract::digest::hash,
    judge::partial::PROGRAM,
    store::bytes::read_at,
};

/// Begins every such file, before the version of its form.
const MAGIC: &[u8; 8] = b"E2ECACHE";
const VERSION: u32 = 1;
const HEAD: usize = 12;

/// Where the index lies, its length as it is stored and as it is read, its digest, and the magic again.
const TAIL: usize = 40;

/// More than any store has names for.
const MOST: u64 = 1 << 32;

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Index {
    tool: String,
    pub(super) contexts: Vec<Context>,
    /// By the names that reports have for files.
    pub(super) files: BTreeMap<String, Entry>,
}

/// What an earlier audit left.
#[derive(Debug)]
pub(super) struct Stored {
    file: File,
    pub(super) index: Index,
    pub(super) size: u64,
}

/// What is at a path.
#[derive(Debug)]
pub(super) enum Found {
    Nothing,
    /// A cache that is not believed, and why.
    Unusable(String),
    Stored(Stored),
}

impl Index {
    pub(super) fn new(contexts: Vec<Context>, files: BTreeMap<String, Entry>) -> Self {
        Self { tool: PROGRAM.to_owned(), contexts, files }
    }
}

/// Refuses what is no cache.
pub(super) fn find(path: &Path) -> Result<Found, Problem> {
    let shown = path.display();
    let file = match regular::open(path) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(err) => {
            let hint = "name a file that this user may read and write, or one that is not there yet";
            return Err(Problem::new(format!("cannot read the cache `{shown}`"), hint).caused_by(err));
        }
        Ok(file) => file,
    };
    match read(file) {
        Ok(found) => Ok(found),
        Err(Unread::Foreign) => Err(Problem::new(
            format!("`{shown}` is no cache of audits"),
            "name another file: --cache does not replace what it did not write",
        )),
        Err(Unread::Io(err)) => Ok(Found::Unusable(err.to_string())),
    }
}

enum Unread {
    Foreign,
    Io(io::Error),
}

impl From<io::Error> for Unread {
    fn from(err: io::Error) -> Self {
        Self::Io(err)
    }
}

fn read(file: File) -> Result<Found, Unread> {
    let unusable = |why: &str| Ok(Found::Unusable(why.to_owned()));
    let size = file.metadata()?.len();
    let mut head = [0; HEAD];
    let length = HEAD.min(size as usize);
    read_at(&file, 0, &mut head[..length])?;
    let magic = &head[..length.min(MAGIC.len())];
    if !MAGIC.starts_with(magic) {
        return Err(Unread::Foreign);
    }
    if size < (HEAD + TAIL) as u64 {
        return unusable("it was cut");
    }
    if head[MAGIC.len()..] != VERSION.to_le_bytes() {
        return unusable("it is of another version of its form");
    }
    let mut tail = [0; TAIL];
    read_at(&file, size - TAIL as u64, &mut tail)?;
    if tail[TAIL - MAGIC.len()..] != *MAGIC {
        return unusable("it was cut");
    }
    let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| tail[8 * at + byte]));
    let (offset, stored, length) = (word(0), word(1), word(2));
    let is_inside = offset.checked_add(stored).is_some_and(|end| end == size - TAIL as u64);
    if !is_inside || length > MOST {
        return unusable("its index is damaged");
    }
    let mut bytes = vec![0; stored as usize];
    read_at(&file, offset, &mut bytes)?;
    if hash(&bytes) != word(3) {
        return unusable("its index is damaged");
    }
    let index = zstd::bulk::decompress(&bytes, length as usize).ok();
    let index = index.filter(|index| index.len() as u64 == length);
    let index = index.and_then(|index| serde_json::from_slice::<Index>(&index).ok());
    match index {
        None => unusable("its index is damaged"),
        Some(index) if index.tool != PROGRAM => unusable("another version of this program wrote it"),
        Some(index) => Ok(Found::Stored(Stored { file, index, size })),
    }
}

impl Stored {
    /// None where the bytes are not those that were written.
    pub(super) fn block(&self, block: &Block) -> Option<Vec<u8>> {
        let end = block.offset.checked_add(block.length.into())?;
        if end > self.size {
            return None;
        }
        let mut bytes = vec![0; block.length as usize];
        read_at(&self.file, block.offset, &mut bytes).ok()?;
        (hash(&bytes) == block.digest).then_some(bytes)
    }
}

/// A cache that is being written.
#[derive(Debug)]
pub(super) struct Writer {
    output: Output,
    at: u64,
}

impl Writer {
    pub(super) fn create(path: &Path, protected: &[PathBuf]) -> Result<Self, Problem> {
        let output = Output::create(path, protected)?;
        if !output.is_a_file() {
            let what = format!("`{}` cannot be a cache: it is no file", path.display());
            return Err(Problem::new(what, "name a file, which need not be there yet"));
        }
        let mut writer = Self { output, at: 0 };
        let begun = writer.write(MAGIC).and_then(|()| writer.write(&VERSION.to_le_bytes()));
        begun.map_err(|err| {
            Problem::new(format!("cannot write `{}`", path.display()), "make room").caused_by(err)
        })?;
        Ok(writer)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.output.write_all(bytes)?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    pub(super) fn block(&mut self, bytes: &[u8]) -> io::Result<Block> {
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        let block = Block { offset: self.at, length, digest: hash(bytes) };
        self.write(bytes)?;
        Ok(block)
    }

    /// Puts the file into its place, and tells its size.
    pub(super) fn finish(mut self, index: &Index) -> anyhow::Result<u64> {
        let json = serde_json::to_vec(index)?;
        let bytes = zstd::bulk::compress(&json, 1)?;
        let offset = self.at;
        self.write(&bytes)?;
        for word in [offset, bytes.len() as u64, json.len() as u64, hash(&bytes)] {
            self.write(&word.to_le_bytes())?;
        }
        self.write(MAGIC)?;
        self.output.finish()?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn written(path: &Path, blocks: &[Vec<u8>]) -> Entry {
        let mut writer = Writer::create(path, &[]).unwrap();
        let parts = blocks.iter().map(|bytes| writer.block(bytes).unwrap()).collect();
        let entry = Entry { rows: 7, read_at: u64::MAX, parts, ..Entry::default() };
        let files = BTreeMap::from([("parquet/ä.parquet".to_owned(), entry.clone())]);
        let size = writer.finish(&Index::new(vec![Context::default()], files)).unwrap();
        assert_eq!(fs::metadata(path).unwrap().len(), size);
        entry
    }

    fn stored(path: &Path) -> Stored {
        let found = find(path).unwrap();
        let Found::Stored(stored) = found else { panic!("{found:?}") };
        stored
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(blocks in vec(vec(any::<u8>(), 0..200), 0..5)) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("cache");
            let entry = written(&path, &blocks);
            let stored = stored(&path);
            prop_assert_eq!(stored.index.files.values().collect::<Vec<_>>(), [&entry]);
            let read: Vec<_> = entry.parts.iter().map(|block| stored.block(block).unwrap()).collect();
            prop_assert_eq!(read, blocks);
        }
    }

    #[test]
    fn a_cache_that_is_cut_anywhere_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        written(&path, &[b"some bytes".to_vec()]);
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            assert!(matches!(find(&path), Ok(Found::Unusable(_))), "{length} bytes");
        }
    }

    #[test]
    fn no_changed_byte_is_believed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        let entry = written(&path, &[b"some bytes".to_vec()]);
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&path, &bytes).unwrap();
            match find(&path) {
                Err(_) => assert!(at < MAGIC.len()),
                Ok(Found::Unusable(_)) => {}
                Ok(Found::Stored(stored)) => assert_eq!(stored.block(&entry.parts[0]), None, "byte {at}"),
                Ok(Found::Nothing) => panic!("byte {at}"),
            }
        }
    }

    #[test]
    fn another_file_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        assert!(matches!(find(&path), Ok(Found::Nothing)));
        fs::write(&path, "{}").unwrap();
        assert!(find(&path).is_err() && find(folder.path()).is_err());
    }
}
