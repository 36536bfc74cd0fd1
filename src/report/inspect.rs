//! An inventory for the terminal, and as JSON.

use std::{fmt::Write as _, io::Write, time::Duration};

use serde::Serialize;

use super::{
    document::{Block, Document, Fact, Level, Line, Section, Style, Table, and_more},
    json,
    page::{self, Page},
    table::Align,
};
use crate::{
    inspect::{
        Inspection, Total, age,
        file::FileFacts,
        wal::{FLUSH_MAX_AGE, FLUSH_MAX_BYTES, Growth, NextFlush, Wal},
        words,
    },
    store::layout::Tier,
    text::{
        numbers::{bytes, counted, duration, grouped, long, moment, percent, service},
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
    let page = Page { paint: look.paint, width: look.width };
    out.write_all(page::render(&document(inspection, look), page).as_bytes())?;
    Ok(())
}

fn document(inspection: &Inspection, look: &Look) -> Document {
    let mut facts = vec![Fact::new("store", Line::code(inspection.store.display().to_string()))];
    facts.extend(inspection.totals.iter().map(|total| Fact::new(total.tier.name(), total_line(total))));
    wal(&mut facts, &inspection.wal, look.now);
    if let Some(snapshot) = &inspection.hot_snapshot {
        facts.push(Fact::new("snapshot", words::snapshot(snapshot, look.now)));
    }
    facts.push(Fact::new("not read", NOT_READ));
    let problems = problems(inspection);
    for (file, problem) in problems.iter().take(PROBLEMS_SHOWN) {
        let line = Line::code(*file).and(format!(": {problem}"));
        facts.push(Fact::new(Line::styled(Style::Bad, "damaged"), line));
    }
    let more = and_more(problems.len(), PROBLEMS_SHOWN, " (--format json lists all)");
    facts.extend(more.map(|more| Fact::new("", more)));
    let mut document = Document::default();
    document.add(Section::new([Block::Facts(facts)]));
    for tier in Tier::ALL {
        document.add(files(inspection, tier, look.limit));
    }
    document
}

/// What an inventory does not look at.
const NOT_READ: &str = "pages of Parquet files other than `service_name`: `e2e-store audit` reads them";

#[derive(Serialize)]
struct Json<'a> {
    version: u32,
    #[serde(flatten)]
    inspection: &'a Inspection,
    not_read: &'static str,
}

pub(crate) fn print_json(out: &mut dyn Write, inspection: &Inspection) -> anyhow::Result<()> {
    json::print(out, &Json { version: VERSION, inspection, not_read: NOT_READ })
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

fn wal(facts: &mut Vec<Fact>, wal: &Wal, now: u64) {
    let ago = |at: i64| match age(at, now) {
        Some(age) => format!("{} ago", long(age)),
        None => "in the future".to_owned(),
    };
    if let (Some(oldest), Some(newest)) = (wal.oldest, wal.newest) {
        facts.push(Fact::new("wal age", format!("oldest segment {}, newest {}", ago(oldest), ago(newest))));
    }
    facts.extend(wal.growth.as_ref().map(|growth| Fact::new("growth", growth_line(growth))));
    let last = match wal.last_flush {
        Some(at) => format!("{}, {}", moment(at.cast_unsigned()), ago(at)),
        None => "no cold file, so none is known".to_owned(),
    };
    facts.push(Fact::new("flushed", last));
    let style = match wal.next_flush {
        NextFlush::Nothing | NextFlush::Writes { .. } => Style::Plain,
        NextFlush::Fails { .. } => Style::Bad,
        NextFlush::Unknown { .. } => Style::Doubtful,
    };
    let mut lines = vec![Line::styled(style, words::next_flush(&wal.next_flush))];
    if wal.segments > 0 {
        let share = percent(wal.bytes as f64 / FLUSH_MAX_BYTES as f64);
        let (size, age) = (bytes(FLUSH_MAX_BYTES), long(FLUSH_MAX_AGE));
        let due = format!("due at {size} (now {share}) or {age} after the last, by the studio's defaults");
        lines.push(due.into());
    }
    lines.extend(wal.overdue(now).map(|overdue| Line::styled(Style::Doubtful, words::overdue(overdue))));
    facts.push(Fact::lines("flush", lines));
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

/// Places that could not be looked into, then damaged files.
fn problems(inspection: &Inspection) -> Vec<(&str, String)> {
    let of_places = inspection.unlisted.iter().map(|place| (place.file.as_str(), place.problem.to_string()));
    let of_files = inspection.damaged();
    let of_files = of_files.filter_map(|file| Some((file.file.as_str(), file.problem.as_ref()?.to_string())));
    of_places.chain(of_files).collect()
}

fn files(inspection: &Inspection, tier: Tier, limit: usize) -> Section {
    let all: Vec<&FileFacts> = inspection.of_tier(tier).collect();
    if all.is_empty() {
        return Section::default();
    }
    let mut blocks = Vec::new();
    let hidden = all.len().saturating_sub(limit);
    if hidden > 0 {
        let older = counted(hidden as u64, "file");
        blocks
            .push(Block::Paragraph(format!("{older} before these: --limit {} lists all", all.len()).into()));
    }
    for group in all[hidden..].chunk_by(|a, b| folder_of(a) == folder_of(b)) {
        if let Some((folder, _)) = folder(group[0]) {
            blocks.push(Block::List(vec![Line::code(format!("{folder}/"))]));
        }
        let header = HEADER.map(|(name, align)| (name.to_owned(), align)).to_vec();
        let rows = group.iter().map(|file| row(file).into_iter().map(Line::from).collect()).collect();
        blocks.push(Block::Table(Table { header, rows, ..Table::default() }));
    }
    Section::headed(Level::Part, Line::styled(Style::Strong, tier.name()), blocks)
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
        folder(file).map_or(file.file.as_str(), |(_, name)| name).to_owned(),
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
