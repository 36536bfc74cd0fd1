//! The bytes of a store's file, read at any place: those of a file of this machine, or of an object.

use std::{
    fs::File,
    io::{self, Read},
};

#[cfg(test)]
use std::{path::Path, sync::Arc};

use super::{bucket::ObjectBytes, place::Place};

#[derive(Debug)]
pub(crate) enum FileBytes {
    Local(File),
    Object(ObjectBytes),
}

/// What is going to be read of a file. It matters where each reading is a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// The first and last bytes.
    Ends,
    /// A footer, and perhaps more.
    Footer,
    /// Rows: an object is fetched whole, with one request.
    Whole,
}

impl FileBytes {
    pub(crate) fn open(place: &Place, extent: Extent) -> io::Result<Self> {
        match place {
            Place::Local(path) => File::open(path).map(Self::Local),
            Place::Object(object) => ObjectBytes::open(object, extent).map(Self::Object),
        }
    }

    #[cfg(test)]
    pub(crate) fn of_path(path: &Path) -> io::Result<Arc<Self>> {
        Self::open(&Place::Local(path.to_owned()), Extent::Whole).map(Arc::new)
    }

    pub(crate) fn size(&self) -> io::Result<u64> {
        match self {
            Self::Local(file) => Ok(file.metadata()?.len()),
            Self::Object(object) => Ok(object.size()),
        }
    }

    /// Fills `bytes` from `offset` on.
    pub(crate) fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        match self {
            Self::Local(file) => read_at(file, offset, bytes),
            Self::Object(object) => object.read_at(offset, bytes),
        }
    }

    /// All of them.
    pub(crate) fn read(&self) -> io::Result<Vec<u8>> {
        let size = usize::try_from(self.size()?).map_err(io::Error::other)?;
        let mut bytes = vec![0; size];
        self.read_at(0, &mut bytes)?;
        Ok(bytes)
    }
}

/// From the first byte on, one after the other.
#[derive(Debug)]
pub(crate) struct Sequential {
    bytes: FileBytes,
    at: u64,
}

impl From<FileBytes> for Sequential {
    fn from(bytes: FileBytes) -> Self {
        Self { bytes, at: 0 }
    }
}

impl Read for Sequential {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let left = self.bytes.size()?.saturating_sub(self.at);
        let length = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        self.bytes.read_at(self.at, &mut bytes[..length])?;
        self.at += length as u64;
        Ok(length)
    }
}

#[cfg(unix)]
pub(crate) fn read_at(file: &File, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

#[cfg(not(unix))]
pub(crate) fn read_at(mut file: &File, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
    use std::io::{Read, Seek, SeekFrom};
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(bytes)
}
