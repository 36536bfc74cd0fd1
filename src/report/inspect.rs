//! An inventory for the terminal, and as JSON.

use std::{fmt::Write as _, io::Write, time::Duration};

use serde::Serialize;

use super::{
    labelled::labelled,
    table::{self, Align},
};
use crate::{
    inspect::{
        Inspection, Total, age,
        file::FileFacts,
        snapshot::{Freshness, Snapshot},
        wal::{FLUSH_MAX_AGE, FLUSH_MAX_BYTES, Growth, NextFlush, Overdue, Wal},
    },
    store::layout::Tier,
    text::{
        numbers::{bytes, counted, duration, grouped, long, moment, percent, plain, service},
        paint::Paint,
    },
};

/// The form of `--format json`.
const VERSION: u32 = 1;

/// Services to name of a file or a store.
const SERVICES_SHOWN: usize = 3;
const PROBLEMS_SHOWN: usize = 10;

/// How an inventory is printed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub(crate) paint: Paint,
    /// None where nothing limits it.
    pub(crate) width: Option<usize>,
    /// Files to list of each tier.
    pub(crate) limit: usize,
    /// Unix nanoseconds.
    pub(crate) now: u64,
}

pub(crate) fn print(out: &mut dyn Write, inspection: &Inspection, look: &Look) -> anyhow::Result<()> {
    let mut text = String::new();
    let mut line = |label: &str, line: &str| text.push_str(&labelled(label, line, look.width));
    line("store", &plain(&inspection.store.display().to_string()));
    for total in &inspection.totals {
        line(total.tier.name(), &total_line(total));
    }
    wal(&mut line, &inspection.wal, look);
    if let Some(snapshot) = &inspection.hot_snapshot {
        line("snapshot", &snapshot_line(snapshot, look.now));
    }
    line("not read", NOT_READ);
    for (file, problem) in problems(inspection).iter().take(PROBLEMS_SHOWN) {
        line(&look.paint.bad("damaged"), &format!("{}: {}", plain(file), plain(problem)));
    }
    let hidden = problems(inspection).len().saturating_sub(PROBLEMS_SHOWN);
    if hidden > 0 {
        line("", &format!("and {} more (--format json lists all)", grouped(hidden as u64)));
    }
    for tier in Tier::ALL {
        files(&mut text, inspection, tier, look)?;
    }
    out.write_all(text.as_bytes())?;
    Ok(())
}

/// What an inventory does not look at.
const NOT_READ: &str = "pages of Parquet files, but for `service_name`: `e2e-store audit` reads them";

#[derive(Serialize)]
struct Json<'a> {
    version: u32,
    #[serde(flatten)]
    inspection: &'a Inspection,
    not_read: &'static str,
}

pub(crate) fn print_json(out: &mut dyn Write, inspection: &Inspection) -> anyhow::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &Json { version: VERSION, inspection, not_read: NOT_READ })?;
    writeln!(out)?;
    Ok(())
}

fn total_line(total: &Total) -> String {
    let noun = match total.tier {
        Tier::Cold => "cold file",
        Tier::Wal => "WAL segment",
        Tier::Hot => "hot snapshot",
    };
    let mut line =
        format!("{}: {}, {}", counted(total.files, noun), counted(total.rows, "row"), bytes(total.bytes));
    if total.damaged > 0 {
        write!(line, "; {} damaged", grouped(total.damaged)).ok();
    }
    if total.others > 0 {
        let (files, size) = (counted(total.others, "file"), bytes(total.other_bytes));
        write!(line, "; {files} that the studio never reads, {size}").ok();
    }
    line
}

fn wal(line: &mut impl FnMut(&str, &str), wal: &Wal, look: &Look) {
    let ago = |at: i64| match age(at, look.now) {
        Some(age) => format!("{} ago", long(age)),
        None => "in the future".to_owned(),
    };
    if let (Some(oldest), Some(newest)) = (wal.oldest, wal.newest) {
        line("wal age", &format!("oldest segment {}, newest {}", ago(oldest), ago(newest)));
    }
    if let Some(growth) = &wal.growth {
        line("growth", &growth_line(growth));
    }
    let last = match wal.last_flush {
        Some(at) => format!("{}, {}", moment(at.cast_unsigned()), ago(at)),
        None => "no cold file tells of one".to_owned(),
    };
    line("flushed", &last);
    line("flush", &flush_line(&wal.next_flush, look.paint));
    if wal.segments > 0 {
        let share = percent(wal.bytes as f64 / FLUSH_MAX_BYTES as f64);
        let (size, age) = (bytes(FLUSH_MAX_BYTES), long(FLUSH_MAX_AGE));
        line("", &format!("due at {size} (now {share}) or {age} after the last, by the studio's defaults"));
    }
    if let Some(overdue) = wal.overdue(look.now) {
        line("", &look.paint.doubtful(&overdue_line(overdue)));
    }
}

pub(crate) fn flush_line(next: &NextFlush, paint: Paint) -> String {
    match next {
        NextFlush::Nothing => "the next would write nothing: the WAL is empty".to_owned(),
        NextFlush::Writes { segments, rows, bytes: size } => format!(
            "the next would write {} of {} ({}) into one cold file",
            counted(*rows, "row"),
            counted(*segments, "segment"),
            bytes(*size)
        ),
        NextFlush::Fails { segment, reason, segments } => {
            let (segment, reason) = (plain(segment), plain(reason));
            let verdict = paint.bad("the next would FAIL");
            let waiting = if *segments == 1 {
                "1 segment waits".to_owned()
            } else {
                format!("{} segments wait", grouped(*segments))
            };
            format!("{verdict} at {segment}: {reason}; {waiting}")
        }
        NextFlush::Unknown { place, reason } => {
            let verdict = paint.doubtful("unknown");
            format!("{verdict}: {} cannot be read: {}", plain(place), plain(reason))
        }
    }
}

pub(crate) fn overdue_line(overdue: Overdue) -> String {
    let (what, cause) = match overdue {
        Overdue::Size => (
            format!("more than {} lie there", bytes(FLUSH_MAX_BYTES)),
            "flushes fail, or FLUSH_MAX_MB is set higher",
        ),
        Overdue::Age(late) => (
            format!("overdue by {}", long(late)),
            "the ingestion service is not running, its flushes fail, or FLUSH_MAX_AGE_SECS is set higher",
        ),
    };
    format!("{what}: {cause}")
}

fn growth_line(growth: &Growth) -> String {
    let took = Duration::from_millis(growth.milliseconds);
    let sign = |number: i64| if number < 0 { "-" } else { "+" };
    format!(
        "{}{}, {}{} within {}",
        sign(growth.segments),
        counted(growth.segments.unsigned_abs(), "segment"),
        sign(growth.bytes),
        bytes(growth.bytes.unsigned_abs()),
        duration(took)
    )
}

pub(crate) fn snapshot_line(snapshot: &Snapshot, now: u64) -> String {
    let rows =
        snapshot.rows.map_or_else(|| "an unknown number of rows".to_owned(), |rows| counted(rows, "row"));
    let verdict = match snapshot.freshness {
        Freshness::Current => "current: the WAL has as many".to_owned(),
        Freshness::Behind => format!("behind: the WAL has {}", counted(snapshot.wal_rows, "row")),
        Freshness::Flushed => format!(
            "stale: the WAL has {} now, the others were flushed since",
            counted(snapshot.wal_rows, "row")
        ),
        Freshness::Unknown => "how fresh cannot be told: it or the WAL is damaged".to_owned(),
    };
    let written = snapshot.written.and_then(|at| age(at, now));
    let written = written.map(|age| format!(", written {} ago", long(age))).unwrap_or_default();
    format!("{rows}, {verdict}{written}")
}

/// Places that could not be looked into, then damaged files.
fn problems(inspection: &Inspection) -> Vec<(&str, String)> {
    let of_places = inspection.unlisted.iter().map(|place| (place.file.as_str(), place.problem.to_string()));
    let of_files = inspection.damaged();
    let of_files = of_files.filter_map(|file| Some((file.file.as_str(), file.problem.as_ref()?.to_string())));
    of_places.chain(of_files).collect()
}

fn files(text: &mut String, inspection: &Inspection, tier: Tier, look: &Look) -> std::fmt::Result {
    let all: Vec<&FileFacts> = inspection.of_tier(tier).collect();
    if all.is_empty() {
        return Ok(());
    }
    let hidden = all.len().saturating_sub(look.limit);
    writeln!(text, "\n{}", look.paint.strong(tier.name()))?;
    if hidden > 0 {
        let older = counted(hidden as u64, "file");
        writeln!(text, "{older} before these: --limit {} lists all", all.len())?;
    }
    for group in all[hidden..].chunk_by(|a, b| folder_of(a) == folder_of(b)) {
        let rows: Vec<Vec<String>> = group.iter().map(|file| row(file)).collect();
        if let Some((folder, _)) = folder(group[0]) {
            writeln!(text, "{}/", plain(folder))?;
        }
        text.push_str(&table::render_whole_at(&HEADER, &rows, look.width));
    }
    Ok(())
}

const HEADER: [(&str, Align); 10] = [
    ("file", Align::Left),
    ("health", Align::Left),
    ("schema", Align::Right),
    ("rows", Align::Right),
    ("groups", Align::Right),
    ("first span", Align::Left),
    ("spans last", Align::Right),
    ("size", Align::Right),
    ("ratio", Align::Right),
    ("services", Align::Left),
];

fn folder_of(file: &FileFacts) -> Option<&str> {
    folder(file).map(|(folder, _)| folder)
}

/// The folder and the name: a cold file's name carries its day, which its folders say once more.
fn folder(file: &FileFacts) -> Option<(&str, &str)> {
    file.file.rsplit_once('/')
}

fn row(file: &FileFacts) -> Vec<String> {
    let number = |number: Option<u64>| number.map(grouped).unwrap_or_default();
    let lasting =
        file.first_start.zip(file.last_end).map(|(first, last)| i128::from(last) - i128::from(first));
    let lasting = lasting.and_then(|nanos| u64::try_from(nanos).ok()).map(Duration::from_nanos);
    vec![
        plain(folder(file).map_or(file.file.as_str(), |(_, name)| name)),
        file.health.name().to_owned(),
        file.schema.map(|schema| schema.to_string()).unwrap_or_default(),
        number(file.rows),
        number(file.row_groups),
        file.first_start.map(|at| moment(at.cast_unsigned())).unwrap_or_default(),
        lasting.map(duration).unwrap_or_default(),
        bytes(file.size),
        file.compression.map(|ratio| format!("{ratio:.1}")).unwrap_or_default(),
        services(file),
    ]
}

/// The services with the most rows, and how many others.
fn services(file: &FileFacts) -> String {
    let mut names: Vec<(&String, u64)> = file.services.iter().map(|(name, rows)| (name, *rows)).collect();
    names.sort_by_key(|(name, rows)| (std::cmp::Reverse(*rows), *name));
    let shown = names.iter().take(SERVICES_SHOWN).map(|(name, _)| service(name)).collect::<Vec<_>>();
    let hidden = names.len() - shown.len();
    let others = if hidden > 0 { format!(" and {hidden} more") } else { String::new() };
    format!("{}{others}", shown.join(", "))
}
