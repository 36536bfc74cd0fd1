//! The tables `files`, `row_groups` and `segments`: a listing as rows.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray},
        error::ArrowError,
    },
    parquet::file::metadata::RowGroupMetaData,
};

use super::listing::{Contents, Listing, Looked, SegmentFacts, start_times};

pub(crate) type Columns = Vec<(&'static str, ArrayRef)>;

pub(crate) fn text<T: AsRef<str>>(values: impl Iterator<Item = Option<T>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

pub(crate) fn number(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.collect::<Int64Array>())
}

pub(crate) fn flag(values: impl Iterator<Item = bool>) -> ArrayRef {
    Arc::new(values.map(Some).collect::<BooleanArray>())
}

pub(crate) fn time(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.collect::<TimestampNanosecondArray>().with_timezone("UTC"))
}

pub(crate) fn table(columns: Columns) -> Result<RecordBatch, ArrowError> {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
}

pub(crate) fn files(listing: &Listing) -> Result<RecordBatch, ArrowError> {
    let all = || listing.files.iter();
    let groups = |one: &Looked| match &one.contents {
        Contents::Parquet(footer) => i64::try_from(footer.metadata.num_row_groups()).ok(),
        Contents::Segment(_) | Contents::None => None,
    };
    table(vec![
        ("tier", text(all().map(|one| Some(one.file.tier.name())))),
        ("file", text(all().map(|one| Some(&one.file.shown)))),
        ("size", number(all().map(|one| Some(one.file.size.cast_signed())))),
        ("health", text(all().map(|one| Some(one.health.name())))),
        ("problem", text(all().map(|one| one.problem.as_ref().map(ToString::to_string)))),
        ("rows", number(all().map(|one| one.rows().map(u64::cast_signed)))),
        ("schema_version", number(all().map(Looked::schema_version))),
        ("named_at", time(all().map(|one| one.file.named_at))),
        ("modified_at", time(all().map(|one| one.file.modified_at))),
        ("row_groups", number(all().map(groups))),
        ("first_start", time(all().map(|one| Some(one.times()?.0)))),
        ("last_start", time(all().map(|one| Some(one.times()?.1)))),
    ])
}

struct Group<'a> {
    of: &'a Looked,
    index: i64,
    first_row: i64,
    metadata: &'a RowGroupMetaData,
    start_times: Option<(i64, i64)>,
}

pub(crate) fn row_groups(listing: &Listing) -> Result<RecordBatch, ArrowError> {
    let groups: Vec<_> = listing.files.iter().flat_map(groups_of).collect();
    let all = || groups.iter();
    table(vec![
        ("tier", text(all().map(|group| Some(group.of.file.tier.name())))),
        ("file", text(all().map(|group| Some(&group.of.file.shown)))),
        ("row_group", number(all().map(|group| Some(group.index)))),
        ("first_row", number(all().map(|group| Some(group.first_row)))),
        ("rows", number(all().map(|group| Some(group.metadata.num_rows())))),
        ("stored_bytes", number(all().map(|group| Some(group.metadata.compressed_size())))),
        ("plain_bytes", number(all().map(|group| Some(group.metadata.total_byte_size())))),
        ("first_start", time(all().map(|group| Some(group.start_times?.0)))),
        ("last_start", time(all().map(|group| Some(group.start_times?.1)))),
    ])
}

fn groups_of(of: &Looked) -> Vec<Group<'_>> {
    let Contents::Parquet(footer) = &of.contents else { return Vec::new() };
    let mut first_row = 0;
    let group = |(index, metadata)| {
        let group = Group { of, index, first_row, metadata, start_times: start_times(footer, metadata) };
        first_row += group.metadata.num_rows();
        group
    };
    (0..).zip(footer.metadata.row_groups()).map(group).collect()
}

pub(crate) fn segments(listing: &Listing) -> Result<RecordBatch, ArrowError> {
    let segments: Vec<(&Looked, &SegmentFacts)> = listing.files.iter().filter_map(segment_of).collect();
    let all = || segments.iter().copied();
    table(vec![
        ("file", text(all().map(|(one, _)| Some(&one.file.shown)))),
        ("size", number(all().map(|(one, _)| Some(one.file.size.cast_signed())))),
        ("rows", number(all().map(|(_, facts)| Some(facts.rows.cast_signed())))),
        ("batches", number(all().map(|(_, facts)| Some(facts.batches.cast_signed())))),
        ("ended", flag(all().map(|(_, facts)| facts.ended))),
        ("torn_at", number(all().map(|(_, facts)| facts.torn_at.map(u64::cast_signed)))),
        ("problem", text(all().map(|(one, _)| one.problem.as_ref().map(ToString::to_string)))),
        ("schema_version", number(all().map(|(one, _)| one.schema_version()))),
        ("named_at", time(all().map(|(one, _)| one.file.named_at))),
        ("first_start", time(all().map(|(_, facts)| Some(facts.times?.0)))),
        ("last_start", time(all().map(|(_, facts)| Some(facts.times?.1)))),
    ])
}

fn segment_of(one: &Looked) -> Option<(&Looked, &SegmentFacts)> {
    match &one.contents {
        Contents::Segment(facts) => Some((one, facts)),
        Contents::Parquet(_) | Contents::None => None,
    }
}
