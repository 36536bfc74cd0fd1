//! The machine that the store is on.

use super::{
    advice,
    steps::{List, Steps},
};
use crate::{
    store::layout::Layout,
    text::numbers::{bytes, percent},
};

/// Below the first a flush may not fit, below the second nothing does.
const LITTLE: u64 = 1_000_000_000;
const NOTHING: u64 = 100_000_000;

pub(super) fn disk(layout: &Layout, steps: &mut Steps) {
    let stat = match rustix::fs::statvfs(&layout.spans) {
        Ok(stat) => stat,
        Err(err) => return steps.skip(List::NotAppearing, "disk", &format!("cannot be asked: {err}")),
    };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let whole = stat.f_blocks.saturating_mul(stat.f_frsize).max(1);
    let text = format!("{} free, {}", bytes(free), percent(free as f64 / whole as f64));
    match free {
        ..NOTHING => {
            let text = format!("{text}: so little that the next segments may not be written");
            steps.fail(List::NotAppearing, "disk", text, advice::free_space(&layout.spans));
        }
        NOTHING..LITTLE => {
            steps.warn(List::NotAppearing, "disk", text, advice::free_space(&layout.spans));
        }
        LITTLE.. => steps.ok(List::NotAppearing, "disk", text),
    }
}
