//! Runs that `watch` made and that are old enough to be removed. Whatever else is in the runs folder stays.

use std::{fs, path::Path, time::Duration};

use anyhow::Context;

use super::cycle::LABEL;
use crate::{base::clock::unix_nanos, ledger::runs};

pub(super) fn forget(folder: &Path, keep: Duration) -> anyhow::Result<()> {
    let now = unix_nanos();
    let loaded = runs::load_all(folder)?;
    for sent in loaded.sent() {
        let manifest = sent.manifest();
        let age = Duration::from_nanos(now.saturating_sub(manifest.created_at.0));
        if manifest.label.as_deref() == Some(LABEL) && age > keep {
            let place = &sent.part.folder;
            fs::remove_dir_all(place).with_context(|| format!("cannot remove `{}`", place.display()))?;
        }
    }
    Ok(())
}
