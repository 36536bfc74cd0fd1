//! Does the probe turn up in this data directory, and as it was sent?
//!
//! Looks only into files that came since before it was sent, again and again, until it is found or the time
//! is up: the studio writes what it holds in memory on a timer of 3 s, or when a snapshot is asked for.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use datafusion::execution::TaskContext;

use super::{
    Visit, advice,
    endpoint::Sent,
    internal::Called,
    probe::Probe,
    steps::{List, Steps},
};
use crate::{
    report::numbers::{duration, plain},
    span::schema::{COLUMN_COUNT, Schema, column_name},
    store::{
        inventory::{self, FoundFile},
        layout::{Layout, Tier},
    },
    trace::{
        fetch::{self, Fetched, StoredRow},
        find,
    },
};

const POLL: Duration = Duration::from_millis(100);
/// Clocks of two machines that agree to this are not what hides data.
const SKEW: Duration = Duration::from_secs(2);

/// Files that were there before.
pub(crate) type Seen = BTreeSet<PathBuf>;

/// The probe as it was found.
#[derive(Debug)]
pub(super) struct Arrived {
    stored: StoredRow,
    /// When the studio made the file, by its name.
    named_at: Option<i64>,
    took: Duration,
}

pub(super) fn listing(layout: &Layout) -> Seen {
    data(layout).into_iter().map(|file| file.path).collect()
}

fn data(layout: &Layout) -> Vec<FoundFile> {
    let of_tier = |tier| inventory::list(layout, tier).data().cloned().collect::<Vec<_>>();
    [Tier::Wal, Tier::Cold].into_iter().flat_map(of_tier).collect()
}

/// None when the time is up.
pub(super) async fn wait_for(
    layout: &Layout,
    mut seen: Seen,
    probe: &Probe,
    at_most: Duration,
    context: &Arc<TaskContext>,
) -> anyhow::Result<Option<Arrived>> {
    let began = Instant::now();
    loop {
        let new: Vec<FoundFile> =
            data(layout).into_iter().filter(|file| !seen.contains(&file.path)).collect();
        for file in new {
            let (path, named_at) = (file.path.clone(), file.named_at);
            let found = find::find_in(vec![file], &probe.trace_id, context).await?;
            let hits = found.traces.get(&probe.trace_id).map(Vec::as_slice).unwrap_or_default();
            if let Fetched::Rows { rows, .. } = fetch::fetch(hits, context).await {
                if let Some(stored) = rows.into_iter().next() {
                    return Ok(Some(Arrived { stored, named_at, took: began.elapsed() }));
                }
                seen.insert(path);
            }
        }
        if began.elapsed() >= at_most {
            return Ok(None);
        }
        tokio::time::sleep(POLL.min(at_most.saturating_sub(began.elapsed()))).await;
    }
}

pub(super) fn judge(
    layout: &Layout,
    arrived: Option<&Arrived>,
    sent: &Sent,
    called: &Called,
    visit: &Visit<'_>,
    steps: &mut Steps,
) {
    let Some(arrived) = arrived else {
        absent(layout, called, visit, steps);
        let why = "the probe did not turn up";
        steps.skip(List::NotAppearing, "clocks", why);
        return steps.skip(List::Polluted, "stored as sent", why);
    };
    let place = &arrived.stored.place;
    let text =
        format!("the probe is row {} of {}, after {}", place.row, plain(&place.file), duration(arrived.took));
    steps.ok(List::NotAppearing, "written here", text);
    clocks(arrived, sent, steps);
    as_sent(layout, &arrived.stored, &sent.probe, steps);
}

fn absent(layout: &Layout, called: &Called, visit: &Visit<'_>, steps: &mut Steps) {
    let mut text = format!(
        "the probe was acked at `{}`, and did not turn up in `{}` within {}: the endpoint writes to another data \
         directory",
        visit.settings.endpoint,
        layout.spans.display(),
        duration(visit.settle)
    );
    let snapshot = called.snapshot.as_ref().and_then(|snapshot| snapshot.path.as_deref());
    if let Some(path) = snapshot {
        text.push_str("; its snapshot went to ");
        text.push_str(&plain(path));
    }
    steps.fail(List::NotAppearing, "written here", text, advice::find_the_data_directory());
}

/// Our clock against the one that names files.
fn clocks(arrived: &Arrived, sent: &Sent, steps: &mut Steps) {
    let Some(named_at) = arrived.named_at else {
        return steps.skip(List::NotAppearing, "clocks", "the file's name tells no time");
    };
    let after_sent = i128::from(named_at) - i128::from(sent.began);
    let found = i128::try_from(arrived.took.as_nanos()).unwrap_or(i128::MAX);
    let apart = |nanos: i128| Duration::from_nanos(u64::try_from(nanos).unwrap_or_default());
    let behind = apart(-after_sent);
    let ahead = apart(after_sent - found - 60_000_000_000.min(found));
    let next = vec!["timedatectl status   # on both machines".to_owned()];
    if behind > SKEW {
        let text = format!("the studio's clock is {} behind ours: new data looks old", duration(behind));
        steps.warn(List::NotAppearing, "clocks", text, next);
    } else if ahead > SKEW {
        let text = format!("the studio's clock is {} ahead of ours", duration(ahead));
        steps.warn(List::NotAppearing, "clocks", text, next);
    } else {
        steps.ok(List::NotAppearing, "clocks", "ours and the studio's agree");
    }
}

/// Every column, witnesses of the sender among them.
fn as_sent(layout: &Layout, stored: &StoredRow, probe: &Probe, steps: &mut Steps) {
    let expected = probe.row(stored.schema);
    let known =
        |name: &str| stored.schema == Schema::V2 || stored.schema.stored().field_with_name(name).is_ok();
    let differing: Vec<&str> = (0..COLUMN_COUNT)
        .filter(|&column| known(column_name(column)))
        .filter(|&column| expected.cells()[column] != stored.row.cells()[column])
        .map(column_name)
        .collect();
    if differing.is_empty() {
        let text = "the probe has its own service, resource and tags, and every value that it was sent with";
        steps.ok(List::Polluted, "stored as sent", text);
    } else {
        let text = format!("the probe is stored with another {}", differing.join(", "));
        steps.fail(List::Polluted, "stored as sent", text, advice::audit(&layout.spans));
    }
}
