//! An output that answers are written to, and the form that its name asks for.

use std::{
    ffi::OsStr,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use crate::{base::output::Output, report::rows::Mode};

pub(super) struct Target {
    path: PathBuf,
    out: BufWriter<Output>,
}

impl Target {
    pub(super) fn create(path: &Path, protected: &[PathBuf]) -> anyhow::Result<Self> {
        let out = BufWriter::new(Output::create(path, protected)?);
        Ok(Self { path: path.to_owned(), out })
    }

    /// The form that the file's ending asks for.
    pub(super) fn mode(&self) -> Option<Mode> {
        self.path.extension().and_then(OsStr::to_str).and_then(Mode::of_ending)
    }

    /// Whether the terminal, where there is one, is what is written to.
    pub(super) fn is_stdout(&self) -> bool {
        self.out.get_ref().is_stdout()
    }

    /// Puts the whole output into its place.
    pub(super) fn keep(self) -> anyhow::Result<()> {
        let out = self.out.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(out.finish()?)
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
