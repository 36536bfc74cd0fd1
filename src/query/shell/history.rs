//! Where the lines that were typed are kept: with the user's data, readable by the user alone.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use etcetera::{BaseStrategy, choose_base_strategy};

/// The file of the shell's history, made if it is not there yet; none where there is no place for it.
pub(super) fn file() -> io::Result<Option<PathBuf>> {
    let Ok(strategy) = choose_base_strategy() else { return Ok(None) };
    let folder = strategy.data_dir().join("e2e-store");
    fs::create_dir_all(&folder)?;
    let file = folder.join("sql_history");
    make_private(&file)?;
    Ok(Some(file))
}

#[cfg(unix)]
fn make_private(file: &Path) -> io::Result<()> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

    fs::OpenOptions::new().append(true).create(true).mode(0o600).open(file)?;
    fs::set_permissions(file, fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn make_private(file: &Path) -> io::Result<()> {
    fs::OpenOptions::new().append(true).create(true).open(file).map(drop)
}
