//! Whether the studio's indexer keeps up with the cold files.

use std::time::Duration;

use super::{
    advice,
    steps::{List, Steps},
};
use crate::{
    index::{
        place::Places,
        read::{Index, IndexState, read},
        visibility::{POLL, RECENT, cold_root},
    },
    store::{
        inventory,
        layout::{Layout, Tier},
    },
    text::{
        escape::plain,
        numbers::{counted, long},
    },
};

const STEP: &str = "index";

pub(super) fn walk(layout: &Layout, now: i64, steps: &mut Steps) {
    match read(layout.index().as_deref()) {
        IndexState::Absent(why) => steps.skip(List::NotAppearing, STEP, &why),
        IndexState::Unreadable(why) => {
            let text = format!("the studio's index cannot be read: {}", plain(&why));
            steps.warn(List::NotAppearing, STEP, text, advice::audit_the_index(&layout.spans));
        }
        IndexState::Read(index) => keeps_up(layout, &index, now, steps),
    }
}

/// Cold files that the index should have by now: neither indexed nor given up, and older than their turn.
fn keeps_up(layout: &Layout, index: &Index, now: i64, steps: &mut Steps) {
    let cold = inventory::list(layout, Tier::Cold);
    let root = cold_root(layout);
    let files: Vec<_> = cold.data().collect();
    let places = Places::of(files.iter().map(|file| file.shown.strip_prefix(&root).unwrap_or(&file.shown)));
    let mut is_known = vec![false; files.len()];
    let mut given_up = 0_u64;
    for (place, _) in index.files.iter().filter_map(|file| places.find(&file.path)) {
        is_known[place as usize] = true;
    }
    for (place, _) in index.failed.iter().filter_map(|file| places.find(&file.path)) {
        given_up += u64::from(!is_known[place as usize]);
        is_known[place as usize] = true;
    }
    let late: Vec<_> = files
        .iter()
        .zip(is_known)
        .filter(|(file, is_known)| !is_known && now - file.named_at.unwrap_or(now) > RECENT + POLL)
        .map(|(file, _)| file)
        .collect();
    let next = || advice::audit_the_index(&layout.spans);
    if given_up > 0 {
        let text = format!(
            "{} given up by the studio's indexer: their spans are in no page",
            counted(given_up, "file")
        );
        return steps.fail(List::NotAppearing, STEP, text, next());
    }
    let Some(oldest) = late.iter().filter_map(|file| file.named_at).min() else {
        let text =
            format!("the studio's index has all {} that are due", counted(files.len() as u64, "cold file"));
        return steps.ok(List::NotAppearing, STEP, text);
    };
    let age = Duration::from_nanos(u64::try_from(now - oldest).unwrap_or_default());
    let text = format!(
        "{} not indexed, the oldest for {}: their spans are in no page",
        counted(late.len() as u64, "cold file"),
        long(age)
    );
    steps.warn(List::NotAppearing, STEP, text, next());
}
