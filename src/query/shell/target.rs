//! A file that answers are written to: beside its place until it is whole.

use std::{
    ffi::OsStr,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::Context;
use tempfile::NamedTempFile;

use crate::report::rows::Mode;

pub(super) struct Target {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
}

impl Target {
    pub(super) fn create(path: &Path) -> anyhow::Result<Self> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = NamedTempFile::new_in(folder)
            .with_context(|| format!("cannot write into `{}`", folder.display()))?;
        Ok(Self { path: path.to_owned(), file: BufWriter::new(file) })
    }

    /// The form that the file's ending asks for.
    pub(super) fn mode(&self) -> Option<Mode> {
        self.path.extension().and_then(OsStr::to_str).and_then(Mode::of_ending)
    }

    /// Puts the file into its place.
    pub(super) fn keep(self) -> anyhow::Result<()> {
        let Self { path, file } = self;
        let keep = || -> anyhow::Result<()> {
            let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
            #[cfg(unix)]
            std::fs::set_permissions(file.path(), std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
            file.persist(&path)?;
            Ok(())
        };
        keep().with_context(|| format!("cannot write `{}`", path.display()))
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
