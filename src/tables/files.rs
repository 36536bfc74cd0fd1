//! The tables `files`, `row_groups` and `segments`.

use std::{collections::HashMap, path::Path};

use datafusion::{
    arrow::{
        array::{ArrayRef, RecordBatch},
        datatypes::SchemaRef,
    },
    common::Result,
};

use super::{
    judged::Judged,
    listing::{Contents, GroupFacts, Listing, Looked, SegmentFacts},
    sources::Sources,
    unknown_column,
};
use crate::{
    base::arrays::{flag, number, text, time},
    judge::judgement::{Depth, FileRecord, SnapshotRecord},
    store::{
        health::Health,
        inventory::Kind,
        layout::{Layout, Tier},
    },
};

/// Columns that are read from footers and frames, also beside a sweep.
const LISTED: [&str; 3] = ["row_groups", "first_start", "last_start"];

/// A file by its listing, by a sweep, or by both.
#[derive(Clone, Copy)]
struct File<'a> {
    looked: Option<&'a Looked>,
    record: Option<&'a FileRecord>,
}

/// Files as they are listed; as the sweep met them, where there is one.
pub(super) fn rows(sources: &Sources, judged: Option<&Judged>, schema: &SchemaRef) -> Result<RecordBatch> {
    let needs_listing = judged.is_none() || LISTED.iter().any(|name| schema.index_of(name).is_ok());
    let listing = needs_listing.then(|| sources.listing());
    let looked = listing.iter().flat_map(|listing| listing.files());
    let files: Vec<File<'_>> = match judged {
        None => looked.map(|looked| File { looked: Some(looked), record: None }).collect(),
        Some(judged) => {
            let looked: HashMap<&str, &Looked> =
                looked.map(|looked| (looked.file.shown.as_str(), looked)).collect();
            let mut records: Vec<&FileRecord> = judged.judgement.files.iter().collect();
            records.sort_by_key(|record| (record.tier, &record.file));
            let file = |record: &'_ FileRecord| looked.get(record.file.as_str()).copied();
            records.into_iter().map(|record| File { looked: file(record), record: Some(record) }).collect()
        }
    };
    let cold = cold_folder(sources.layout());
    super::batch(schema, files.len(), |name| column(&files, judged, cold.as_deref(), name))
}

/// What the paths of cold files begin with; none where one file was named, whose place is not known.
fn cold_folder(layout: &Layout) -> Option<String> {
    if layout.single_file {
        return None;
    }
    let cold = layout
        .cold
        .as_deref()
        .map_or(Some(Path::new("parquet")), |cold| cold.strip_prefix(&layout.spans).ok())?;
    let parts = cold.iter().map(|part| part.to_string_lossy() + "/");
    Some(parts.collect())
}

impl<'a> File<'a> {
    fn tier(self) -> Option<Tier> {
        self.record.map(|record| record.tier).or(self.looked.map(|looked| looked.file.tier))
    }

    fn name(self) -> Option<&'a str> {
        let listed = self.looked.map(|looked| looked.file.shown.as_str());
        self.record.map(|record| record.file.as_str()).or(listed)
    }

    fn size(self) -> Option<i64> {
        let size = self.record.map(|record| record.size).or(self.looked.map(|looked| looked.file.size));
        size.map(u64::cast_signed)
    }

    fn named_at(self) -> Option<i64> {
        self.record.map_or_else(|| self.looked?.file.named_at, |record| record.named_at)
    }

    fn modified_at(self) -> Option<i64> {
        self.record.map_or_else(|| self.looked?.file.modified_at, |record| record.modified_at)
    }

    fn expected_place(self) -> Option<String> {
        self.record.map_or_else(|| self.looked?.file.expected_place(), |record| record.expected_place.clone())
    }

    /// Of cold files alone: temporary files and strangers have no place of theirs.
    fn is_misplaced(self, cold: Option<&str>) -> Option<bool> {
        let cold = cold?;
        let has_place = match (self.record, self.looked) {
            (Some(record), _) => !matches!(
                record.health,
                Health::Temporary | Health::Foreign | Health::NotRead | Health::Skipped
            ),
            (None, looked) => looked?.file.kind == Kind::Parquet,
        };
        let has_place = has_place && self.tier() == Some(Tier::Cold);
        has_place.then(|| {
            let place = self.expected_place().map(|place| format!("{cold}{place}"));
            place.as_deref() != self.name()
        })
    }

    fn row_groups(self) -> Option<i64> {
        match &self.looked?.contents {
            Contents::Parquet(file) => i64::try_from(file.groups.len()).ok(),
            Contents::Segment(_) | Contents::None => None,
        }
    }
}

fn column(files: &[File<'_>], judged: Option<&Judged>, cold: Option<&str>, name: &str) -> Result<ArrayRef> {
    let all = || files.iter();
    let times = |file: &File<'_>| file.looked?.times();
    let records = || files.iter().map(|file| file.record);
    let snapshot = |of: fn(&SnapshotRecord) -> u64| {
        number(records().map(|record| Some(of(record?.snapshot.as_ref()?).cast_signed())))
    };
    let read_began = judged.map(|judged| judged.judgement.read_began.cast_signed());
    let counted = judged.is_some_and(|judged| judged.judgement.depth > Depth::Files);
    let age =
        |record: &FileRecord| Some(read_began?.saturating_sub(record.modified_at?).max(0) / 1_000_000_000);
    let is_settled = |record: &FileRecord| Some(record.modified_at? < judged?.settled_before);
    Ok(match name {
        "tier" => text(all().map(|file| Some(file.tier()?.name()))),
        "file" => text(all().map(|file| file.name())),
        "size" => number(all().map(|file| file.size())),
        "named_at" => time(all().map(|file| file.named_at())),
        "modified_at" => time(all().map(|file| file.modified_at())),
        "expected_place" => text(all().map(|file| file.expected_place())),
        "misplaced" => flag(all().map(|file| file.is_misplaced(cold))),
        "row_groups" => number(all().map(|file| file.row_groups())),
        "first_start" => time(all().map(|file| Some(times(file)?.0))),
        "last_start" => time(all().map(|file| Some(times(file)?.1))),
        "health" => text(records().map(|record| Some(record?.health.name()))),
        "problem" => text(records().map(|record| record?.problem.as_ref().map(ToString::to_string))),
        "rows" => number(records().map(|record| record.filter(|_| counted).map(|it| it.rows.cast_signed()))),
        "schema_version" => number(records().map(|record| record?.schema)),
        "decodes" => flag(records().map(|record| Some(record?.decodes))),
        "age_seconds" => number(records().map(|record| age(record?))),
        "settled" => flag(records().map(|record| is_settled(record?))),
        "flushed_rows" => snapshot(|record| record.flushed),
        "lacking_rows" => snapshot(|record| record.lacking),
        other => return unknown_column("files", other),
    })
}

struct Group<'a> {
    of: &'a Looked,
    index: i64,
    first_row: i64,
    facts: &'a GroupFacts,
}

pub(super) fn row_groups(listing: &Listing, schema: &SchemaRef) -> Result<RecordBatch> {
    let groups: Vec<_> = listing.files().flat_map(groups_of).collect();
    let all = || groups.iter();
    super::batch(schema, groups.len(), |name| {
        Ok(match name {
            "tier" => text(all().map(|group| Some(group.of.file.tier.name()))),
            "file" => text(all().map(|group| Some(&group.of.file.shown))),
            "row_group" => number(all().map(|group| Some(group.index))),
            "first_row" => number(all().map(|group| Some(group.first_row))),
            "rows" => number(all().map(|group| Some(group.facts.rows))),
            "stored_bytes" => number(all().map(|group| Some(group.facts.stored_bytes))),
            "plain_bytes" => number(all().map(|group| Some(group.facts.plain_bytes))),
            "first_start" => time(all().map(|group| Some(group.facts.start_times?.0))),
            "last_start" => time(all().map(|group| Some(group.facts.start_times?.1))),
            other => return unknown_column("row_groups", other),
        })
    })
}

fn groups_of(of: &Looked) -> Vec<Group<'_>> {
    let Contents::Parquet(file) = &of.contents else { return Vec::new() };
    let mut first_row = 0;
    let mut groups = Vec::new();
    for (index, facts) in (0..).zip(&file.groups) {
        groups.push(Group { of, index, first_row, facts });
        first_row += facts.rows;
    }
    groups
}

pub(super) fn segments(listing: &Listing, schema: &SchemaRef) -> Result<RecordBatch> {
    let segments: Vec<(&Looked, &SegmentFacts)> = listing.files().filter_map(segment_of).collect();
    let all = || segments.iter().copied();
    super::batch(schema, segments.len(), |name| {
        Ok(match name {
            "file" => text(all().map(|(one, _)| Some(&one.file.shown))),
            "size" => number(all().map(|(one, _)| Some(one.file.size.cast_signed()))),
            "rows" => number(all().map(|(_, facts)| Some(facts.rows.cast_signed()))),
            "batches" => number(all().map(|(_, facts)| Some(facts.batches.cast_signed()))),
            "ended" => flag(all().map(|(_, facts)| Some(facts.ended))),
            "torn_at" => number(all().map(|(_, facts)| facts.torn_at.map(u64::cast_signed))),
            "problem" => text(all().map(|(one, _)| one.problem.as_ref().map(ToString::to_string))),
            "schema_version" => number(all().map(|(one, _)| one.schema_version())),
            "named_at" => time(all().map(|(one, _)| one.file.named_at)),
            "first_start" => time(all().map(|(_, facts)| Some(facts.times?.0))),
            "last_start" => time(all().map(|(_, facts)| Some(facts.times?.1))),
            other => return unknown_column("segments", other),
        })
    })
}

fn segment_of(one: &Looked) -> Option<(&Looked, &SegmentFacts)> {
    match &one.contents {
        Contents::Segment(facts) => Some((one, facts)),
        Contents::Parquet(_) | Contents::None => None,
    }
}
