//! Does the probe turn up in this data directory, and as it was sent?
//!
//! Looks only into files that came since before it was sent, again and again, until it is found or the time
//! is up: the studio writes what it holds in memory on a timer of 3 s, or when a snapshot is asked for.

use std::{
    collections::BTreeSet,
    ffi::OsString,
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
    base::clock::unix_nanos,
    contract::schema::{COLUMN_COUNT, Schema, column_name},
    store::{
        inventory::{self, FoundFile},
        layout::{Layout, Tier},
    },
    text::{escape::plain, numbers::duration},
    trace::{
        fetch::{self, Fetched, StoredRow},
        find,
    },
};

const POLL: Duration = Duration::from_millis(100);
/// Clocks of two machines that agree to this are not what hides data.
const SKEW: Duration = Duration::from_secs(2);

/// Files that were there before.
pub(crate) type Seen = BTreeSet<OsString>;

/// The probe as it was found.
#[derive(Debug)]
pub(super) struct Arrived {
    stored: StoredRow,
    /// When the studio made the file, by its name.
    named_at: Option<i64>,
    /// By our clock, in Unix nanoseconds.
    found_at: u64,
    took: Duration,
}

pub(super) fn listing(layout: &Layout) -> Seen {
    data(layout).into_iter().map(|file| file.place.identity()).collect()
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
            data(layout).into_iter().filter(|file| !seen.contains(&file.place.identity())).collect();
        for file in new {
            let (place, named_at) = (file.place.identity(), file.named_at);
            let found = find::find_in(vec![file], &find::Search::of(&probe.trace_id, context)).await?;
            let hits = found.traces.get(&probe.trace_id).map(Vec::as_slice).unwrap_or_default();
            if let Fetched::Rows { rows, .. } = fetch::fetch(hits, context).await {
                if let Some(stored) = rows.into_iter().next() {
                    let (found_at, took) = (unix_nanos(), began.elapsed());
                    return Ok(Some(Arrived { stored, named_at, found_at, took }));
                }
                seen.insert(place);
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
    let next = vec!["timedatectl status   # on both machines".to_owned()];
    match skew(named_at, sent.began, arrived.found_at) {
        None => steps.ok(List::NotAppearing, "clocks", "ours and the studio's agree"),
        Some(Skew::Behind(apart)) => {
            let text = format!("the studio's clock is {} behind ours: new data looks old", duration(apart));
            steps.warn(List::NotAppearing, "clocks", text, next);
        }
        Some(Skew::Ahead(apart)) => {
            let text = format!("the studio's clock is {} ahead of ours", duration(apart));
            steps.warn(List::NotAppearing, "clocks", text, next);
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Skew {
    Behind(Duration),
    Ahead(Duration),
}

/// A file that holds a span cannot have been made before it was sent, nor after it was found.
fn skew(named_at: i64, sent: u64, found: u64) -> Option<Skew> {
    let apart = |nanos: i128| {
        let apart = Duration::from_nanos(u64::try_from(nanos).ok()?);
        (apart > SKEW).then_some(apart)
    };
    let behind = apart(i128::from(sent) - i128::from(named_at)).map(Skew::Behind);
    behind.or_else(|| apart(i128::from(named_at) - i128::from(found)).map(Skew::Ahead))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_made_between_sending_and_finding() {
        let second = 1_000_000_000_u64;
        let (sent, found) = (100 * second, 104 * second);
        let named = |seconds: i64| skew(seconds * second.cast_signed(), sent, found);
        assert_eq!([99, 100, 103, 105].map(named), [None, None, None, None]);
        assert_eq!(named(90), Some(Skew::Behind(Duration::from_secs(10))));
        assert_eq!(named(110), Some(Skew::Ahead(Duration::from_secs(6))));
    }
}
