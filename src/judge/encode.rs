//! Notes of the sweep as record batches, the form in which they are spooled and read by tables.

use std::sync::LazyLock;

use datafusion::arrow::{
    array::{ArrayRef, RecordBatch},
    datatypes::SchemaRef,
    error::ArrowError,
};

use super::{
    compare::DifferenceKind,
    evidence::{Address, Attempts, Sighting, StoredDifference},
};
use crate::{
    base::arrays::{self, Kind, number, text},
    contract::schema,
};

static DIFFERENCES: LazyLock<SchemaRef> = LazyLock::new(|| {
    arrays::schema(&[
        ("tier", Kind::Text),
        ("file", Kind::Text),
        ("row_number", Kind::Number),
        ("run", Kind::Text),
        ("sent_by", Kind::Text),
        ("workflow", Kind::Number),
        ("span", Kind::Number),
        ("trace_id", Kind::Text),
        ("span_id", Kind::Text),
        ("column_name", Kind::Text),
        ("key", Kind::Text),
        ("kind", Kind::Text),
        ("cause", Kind::Text),
        ("expected", Kind::Text),
        ("actual", Kind::Text),
    ])
});

pub(crate) fn differences_schema() -> SchemaRef {
    SchemaRef::clone(&DIFFERENCES)
}

pub(crate) fn differences(differences: &[StoredDifference]) -> Result<RecordBatch, ArrowError> {
    let kind = |found: &StoredDifference| match found.difference.as_ref().map(|difference| difference.kind) {
        Some(DifferenceKind::Witness) => "witness",
        Some(DifferenceKind::Declared) => "declared",
        Some(DifferenceKind::Content) | None => "content",
    };
    let of = || differences.iter().map(|found| found.difference.as_ref());
    let [tier, file, row_number] = address(differences.iter().map(|found| &found.address));
    let columns = vec![
        tier,
        file,
        row_number,
        text(differences.iter().map(|found| Some(found.run.to_string()))),
        text(differences.iter().map(|found| found.service.as_ref())),
        number(differences.iter().map(|found| found.workflow.map(u64::cast_signed))),
        number(differences.iter().map(|found| Some(found.number.cast_signed()))),
        text(differences.iter().map(|found| found.trace_id.as_ref())),
        text(differences.iter().map(|found| Some(&found.span_id))),
        text(of().map(|found| Some(schema::column_name(found?.column)))),
        text(of().map(|found| found?.key.as_ref())),
        text(differences.iter().map(|found| Some(kind(found)))),
        text(of().map(|found| found.is_none().then_some("source_unavailable"))),
        text(of().map(|found| found?.expected.as_ref())),
        text(of().map(|found| found?.actual.as_ref())),
    ];
    RecordBatch::try_new(differences_schema(), columns)
}

static SIGHTINGS: LazyLock<SchemaRef> = LazyLock::new(|| {
    arrays::schema(&[
        ("tier", Kind::Text),
        ("file", Kind::Text),
        ("row_number", Kind::Number),
        ("run", Kind::Text),
        ("trace_id", Kind::Text),
        ("span_id", Kind::Text),
        ("attempts", Kind::Number),
        ("refusals", Kind::Number),
        ("differing", Kind::Text),
    ])
});

pub(crate) fn sightings_schema() -> SchemaRef {
    SchemaRef::clone(&SIGHTINGS)
}

pub(crate) fn sightings(seen: &[Sighting]) -> Result<RecordBatch, ArrowError> {
    let attempts = |of: fn(Attempts) -> u32| number(seen.iter().map(|one| one.attempts.map(of)));
    let [tier, file, row_number] = address(seen.iter().map(|one| &one.address));
    let columns = vec![
        tier,
        file,
        row_number,
        text(seen.iter().map(|one| Some(one.run.to_string()))),
        text(seen.iter().map(|one| Some(&one.trace_id))),
        text(seen.iter().map(|one| Some(&one.span_id))),
        attempts(|attempts| attempts.made),
        attempts(|attempts| attempts.refused),
        text(seen.iter().map(|one| one.alteration.map(|digest| format!("{digest:016x}")))),
    ];
    RecordBatch::try_new(sightings_schema(), columns)
}

fn address<'a>(of: impl Iterator<Item = &'a Address> + Clone) -> [ArrayRef; 3] {
    [
        text(of.clone().map(|at| Some(at.tier.name()))),
        text(of.clone().map(|at| Some(&*at.file))),
        number(of.map(|at| Some(at.row_number.cast_signed()))),
    ]
}
