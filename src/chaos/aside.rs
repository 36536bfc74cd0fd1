//! Puts what an experiment left in the data directory aside, so that the next finds it empty.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context;

/// What was moved, and where it came from.
#[derive(Debug)]
pub(crate) struct Aside {
    data_dir: PathBuf,
    kept_in: PathBuf,
}

impl Aside {
    /// Moves all that lies in a data directory into a new folder of the same file system.
    pub(crate) fn put(data_dir: &Path, kept_in: PathBuf) -> anyhow::Result<Self> {
        move_all(data_dir, &kept_in)
            .with_context(|| format!("cannot move what lies in `{}`", data_dir.display()))?;
        Ok(Self { data_dir: data_dir.to_owned(), kept_in })
    }

    /// Moves it back.
    pub(crate) fn restore(self) -> anyhow::Result<()> {
        move_all(&self.kept_in, &self.data_dir)
            .with_context(|| format!("cannot move what lies in `{}`", self.kept_in.display()))?;
        Ok(fs::remove_dir(&self.kept_in)?)
    }
}

fn move_all(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        fs::rename(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}
