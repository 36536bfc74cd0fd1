//! Waits until the studio's indexer has taken every cold file that is there.

use std::time::{Duration, Instant};

use super::{
    copy::Stamps,
    place::Places,
    read::{Index, IndexState, read},
    visibility::cold_root,
};
use crate::store::{
    inventory,
    layout::{Layout, Tier},
};

/// One poll of the indexer, and time for its work.
pub(crate) const AT_MOST: Duration = Duration::from_secs(45);

const LOOK: Duration = Duration::from_millis(250);

/// Returns the index when it has all cold files of this moment, or as it is when the time is up. Reads it again only
/// when its files have changed.
pub(crate) async fn wait(layout: &Layout, at_most: Duration) -> IndexState {
    let began = Instant::now();
    let database = layout.index();
    let mut seen = None;
    loop {
        let now = database.as_deref().and_then(|database| Stamps::of(database).ok());
        let is_new = now != seen;
        seen = now;
        let is_late = began.elapsed() >= at_most;
        if is_new || is_late {
            let state = read(database.as_deref());
            let has_all = matches!(&state, IndexState::Read(index) if has_all(index, layout));
            if has_all || is_late {
                return state;
            }
        }
        tokio::time::sleep(LOOK.min(at_most)).await;
    }
}

fn has_all(index: &Index, layout: &Layout) -> bool {
    let root = cold_root(layout);
    let cold = inventory::list(layout, Tier::Cold);
    let names: Vec<&str> =
        cold.data().map(|file| file.shown.strip_prefix(&root).unwrap_or(&file.shown)).collect();
    let places = Places::of(names.iter().copied());
    let paths = index.files.iter().map(|file| &file.path).chain(index.failed.iter().map(|file| &file.path));
    let mut known = vec![false; names.len()];
    for (place, _) in paths.filter_map(|path| places.find(path)) {
        known[place as usize] = true;
    }
    known.into_iter().all(|known| known)
}
