//! The data directory: is it there, can it be read, does anything leave its WAL.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use datafusion::execution::TaskContext;

use super::{
    advice,
    steps::{List, Steps},
};
use crate::{
    inspect::{
        self, Inspection, age,
        file::FileFacts,
        snapshot::{Freshness, Snapshot},
        wal::{NextFlush, Overdue, Wal},
        words,
    },
    store::{
        find::find_store,
        layout::{Layout, Tier},
        problem::FileProblem,
    },
    text::{
        escape::plain,
        numbers::{bytes, counted, long},
    },
};

/// So many cold files of which half are smaller than a megabyte make every query slow.
const MANY_FILES: usize = 100;
const TINY: u64 = 1 << 20;
const PROBLEMS_SHOWN: usize = 3;

pub(super) fn find(data_dir: Option<&Path>, steps: &mut Steps) -> Option<Layout> {
    match find_store(data_dir) {
        Ok(layout) => {
            let place = std::path::absolute(&layout.spans).unwrap_or_else(|_| layout.spans.clone());
            steps.ok(List::NotAppearing, "data directory", plain(&place.display().to_string()));
            Some(layout)
        }
        Err(problem) => {
            let text = plain(&format!("{:#}", anyhow::Error::from(problem)));
            steps.fail(List::NotAppearing, "data directory", text, advice::find_the_data_directory());
            None
        }
    }
}

/// The steps that need no studio.
pub(super) async fn walk(
    layout: &Layout,
    context: &Arc<TaskContext>,
    now: u64,
    steps: &mut Steps,
) -> anyhow::Result<()> {
    let inspection = inspect::inspect(layout, context).await?;
    permissions(layout, &inspection, steps);
    files(layout, &inspection, steps);
    wal(layout, &inspection.wal, now, steps);
    last_flush(&inspection.wal, now, steps);
    hot_snapshot(inspection.hot_snapshot.as_ref(), now, steps);
    leftovers(&inspection, steps);
    cold_sizes(&inspection, steps);
    Ok(())
}

fn permissions(layout: &Layout, inspection: &Inspection, steps: &mut Steps) {
    let files = inspection.damaged().filter(|file| is_withheld(file));
    let files = files.filter_map(|file| Some((&file.file, file.problem.as_ref()?)));
    let places = inspection.unlisted.iter().map(|place| (&place.file, &place.problem));
    let unread: Vec<_> = places.chain(files).collect();
    if unread.is_empty() {
        let text = format!("{} can be read", counted(inspection.files.len() as u64, "file"));
        return steps.ok(List::NotAppearing, "permissions", text);
    }
    let shown = unread
        .iter()
        .take(PROBLEMS_SHOWN)
        .map(|(file, problem)| format!("{}: {}", plain(file), plain(&problem.to_string())));
    let text = format!(
        "{} cannot be read: {}",
        counted(unread.len() as u64, "place"),
        shown.collect::<Vec<_>>().join("; ")
    );
    let first = layout.spans.join(unread[0].0);
    let next = if unread.iter().any(|(_, problem)| problem.is_of_rights()) {
        advice::give_the_right_to_read(&first)
    } else {
        advice::look_at(&first)
    };
    steps.fail(List::NotAppearing, "permissions", text, next);
}

/// Whether the system did not let this user read a file, which says nothing of its bytes.
fn is_withheld(file: &FileFacts) -> bool {
    file.problem.as_ref().is_some_and(FileProblem::is_of_access)
}

fn files(layout: &Layout, inspection: &Inspection, steps: &mut Steps) {
    let of_parquet = inspection.damaged().filter(|file| file.tier != Tier::Wal);
    let damaged: Vec<_> = of_parquet.filter(|file| !is_withheld(file)).collect();
    let Some(first) = damaged.first() else {
        let text = "every readable Parquet file has its footer (`e2e-store audit` reads the rows)";
        return steps.ok(List::NotAppearing, "files", text);
    };
    let problem = first.problem.as_ref().map(FileProblem::to_string).unwrap_or_default();
    let text = format!(
        "{} damaged, and the studio skips it without a word: {}: {}",
        counted(damaged.len() as u64, "file"),
        plain(&first.file),
        plain(&problem)
    );
    steps.fail(List::NotAppearing, "files", text, advice::audit(&layout.spans));
}

fn wal(layout: &Layout, wal: &Wal, now: u64, steps: &mut Steps) {
    let line = words::next_flush(&wal.next_flush);
    match &wal.next_flush {
        NextFlush::Fails { segment, .. } => {
            let text = format!("wedged: {line}");
            let segment: PathBuf = layout.spans.join(segment);
            return steps.fail(List::NotAppearing, "wal", text, advice::set_aside(&segment));
        }
        NextFlush::Unknown { place, .. } => {
            let next = advice::give_the_right_to_read(&layout.spans.join(place));
            return steps.fail(List::NotAppearing, "wal", line, next);
        }
        NextFlush::Nothing | NextFlush::Writes { .. } => {}
    }
    match wal.overdue(now) {
        None => steps.ok(List::NotAppearing, "wal", line),
        Some(overdue) => {
            let list = match overdue {
                Overdue::Size => List::Slow,
                Overdue::Age(_) => List::NotAppearing,
            };
            steps.warn(list, "wal", format!("{line}; {}", words::overdue(overdue)), advice::flush());
        }
    }
}

fn last_flush(wal: &Wal, now: u64, steps: &mut Steps) {
    let text = match wal.last_flush.map(|at| age(at, now)) {
        None => "no cold file yet: data is in the WAL until the first flush".to_owned(),
        Some(None) => "the newest cold file is named later than now: see clocks".to_owned(),
        Some(Some(age)) => format!("{} ago", long(age)),
    };
    steps.ok(List::NotAppearing, "last flush", text);
}

fn hot_snapshot(snapshot: Option<&Snapshot>, now: u64, steps: &mut Steps) {
    let Some(snapshot) = snapshot else {
        return steps.ok(List::NotAppearing, "hot snapshot", "none, and none is made before somebody looks");
    };
    let line = words::snapshot(snapshot, now);
    match snapshot.freshness {
        Freshness::Current => steps.ok(List::NotAppearing, "hot snapshot", line),
        Freshness::Behind | Freshness::Flushed => {
            steps.ok(
                List::NotAppearing,
                "hot snapshot",
                format!("{line}; the studio makes one when it is asked"),
            );
        }
        Freshness::Unknown => {
            let next = vec!["e2e-store snapshot".to_owned()];
            steps.warn(List::NotAppearing, "hot snapshot", line, next);
        }
    }
}

fn leftovers(inspection: &Inspection, steps: &mut Steps) {
    let (files, size) = inspection
        .totals
        .iter()
        .fold((0, 0), |(files, size), total| (files + total.others, size + total.other_bytes));
    if files == 0 {
        return steps.ok(List::NotAppearing, "leftovers", "none");
    }
    let text = format!(
        "{} ({}) that the studio never reads: what a crash or a failed flush leaves, or foreign",
        counted(files, "file"),
        bytes(size)
    );
    steps.warn(List::NotAppearing, "leftovers", text, advice::inspect(&inspection.store));
}

fn cold_sizes(inspection: &Inspection, steps: &mut Steps) {
    let mut sizes: Vec<u64> =
        inspection.of_tier(Tier::Cold).filter(|file| file.health.is_data()).map(|file| file.size).collect();
    sizes.sort_unstable();
    let Some(&median) = sizes.get(sizes.len() / 2) else {
        return steps.skip(List::Slow, "cold files", "there is none");
    };
    let text = format!("{}, half of them below {}", counted(sizes.len() as u64, "cold file"), bytes(median));
    if sizes.len() >= MANY_FILES && median < TINY {
        let next =
            vec!["# call FlushWAL less often, or set FLUSH_MAX_AGE_SECS and FLUSH_MAX_MB higher".to_owned()];
        steps.warn(List::Slow, "cold files", format!("{text}: every query opens many tiny files"), next);
    } else {
        steps.ok(List::Slow, "cold files", text);
    }
}
