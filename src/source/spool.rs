//! Pipes as sources: a source is gone through several times, and a pipe gives its bytes once.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
    sync::Arc,
};

use anyhow::Context;

use crate::base::{
    problem::Problem,
    temporary::{self, Temporary},
};

/// Standard input.
pub(crate) const STDIN: &str = "-";

pub(super) fn is_pipe(path: &Path) -> bool {
    path == Path::new(STDIN) || is_fifo(path)
}

#[cfg(unix)]
fn is_fifo(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_fifo())
}

#[cfg(not(unix))]
fn is_fifo(_: &Path) -> bool {
    false
}

/// Reads a pipe to its end, into a file that goes with this process.
pub(super) fn keep(path: &Path) -> anyhow::Result<Temporary> {
    let what = || format!("cannot keep what comes through `{}`", path.display());
    let mut file = temporary::file().with_context(what)?;
    let mut pipe: Box<dyn Read> = if path == Path::new(STDIN) {
        Box::new(io::stdin())
    } else {
        let opened = File::open(path).map_err(|err| {
            let what = format!("cannot read `{}`", path.display());
            Problem::new(what, "name a file, or `-` for standard input").caused_by(err)
        })?;
        Box::new(opened)
    };
    io::copy(&mut pipe, &mut file).with_context(what)?;
    Ok(file)
}

/// Reads from the beginning, beside any other that reads.
pub(super) struct SpoolReader {
    file: Arc<Temporary>,
    at: u64,
}

impl SpoolReader {
    pub(super) fn new(file: Arc<Temporary>) -> Self {
        Self { file, at: 0 }
    }
}

impl Read for SpoolReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = read_at(self.file.as_file(), self.at, buffer)?;
        self.at += count as u64;
        Ok(count)
    }
}

#[cfg(unix)]
fn read_at(file: &File, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, at)
}

#[cfg(windows)]
fn read_at(file: &File, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, at)
}
