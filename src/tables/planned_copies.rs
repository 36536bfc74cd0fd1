//! The planned half of `duplicated_spans`: one row per planned span that was found more than once.
//!
//! Worked out when it is first asked for, from the copies themselves, and kept as they are: in memory as far as
//! their budget goes, beyond it on disk.

use std::sync::{Arc, LazyLock, OnceLock};

use datafusion::{
    arrow::{
        array::{Array, AsArray, RecordBatch, StringViewArray},
        datatypes::{Int64Type, SchemaRef},
        error::ArrowError,
    },
    catalog::TableProvider,
    common::Result,
    error::DataFusionError,
};

use crate::{
    base::arrays::{self, Kind, flag, number, text},
    judge::{encode, spool::Spool},
    store::{layout::Tier, lazy_table::lazy_table},
};

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    arrays::schema(&[
        ("trace_id", Kind::Text),
        ("span_id", Kind::Text),
        ("copies", Kind::Number),
        ("wal_copies", Kind::Number),
        ("cold_files", Kind::Number),
        ("wal_files", Kind::Number),
        ("copies_differ", Kind::Flag),
        ("sent", Kind::Number),
        ("attempts", Kind::Number),
        ("first_file", Kind::Text),
        ("first_row_number", Kind::Number),
        ("tier", Kind::Text),
        ("file", Kind::Text),
        ("row_number", Kind::Number),
    ])
});

/// Copies in the order of their spans, files and rows.
const ORDER: [&str; 9] =
    ["trace_id", "span_id", "file", "row_number", "tier", "run", "attempts", "refusals", "differing"];

/// Of each, how many of [`ORDER`] tell a span.
const SPAN: usize = 2;

/// The spans whose copies `sightings` holds.
pub(super) fn planned_duplicates(sightings: &Arc<Spool>) -> Arc<dyn TableProvider> {
    let sightings = Arc::clone(sightings);
    let spans: OnceLock<Result<Arc<Spool>, Arc<DataFusionError>>> = OnceLock::new();
    lazy_table(SchemaRef::clone(&SCHEMA), move || {
        let spans = spans.get_or_init(|| spans_of(&sightings).map_err(Arc::new));
        spans.as_ref().map_err(|err| DataFusionError::Shared(Arc::clone(err)))?.batches()
    })
}

fn spans_of(sightings: &Spool) -> Result<Arc<Spool>> {
    let schema = encode::sightings_schema();
    let order = ORDER.iter().map(|name| schema.index_of(name)).collect::<Result<_, ArrowError>>()?;
    let spans = Arc::new(Spool::new(SchemaRef::clone(&SCHEMA), sightings.budget()));
    for part in sightings.grouped(order, SPAN)? {
        spans.push(spans_of_part(&part?)?)?;
    }
    Ok(spans)
}

/// Copies of one span, by their places in a part.
struct Span {
    first: usize,
    last: usize,
}

fn spans_of_part(rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let texts = |column: usize| rows.column(column).as_string_view();
    let numbers = |column: usize| rows.column(column).as_primitive::<Int64Type>();
    let [traces, ids, files, tiers, differing] = [0, 1, 2, 4, 8].map(texts);
    let [row_numbers, attempts, refusals] = [3, 6, 7].map(numbers);
    let mut spans: Vec<Span> = Vec::new();
    for row in 0..rows.num_rows() {
        match spans.last_mut() {
            Some(span) if same(traces, span.first, row) && same(ids, span.first, row) => span.last = row,
            _ => spans.push(Span { first: row, last: row }),
        }
    }
    let all = || spans.iter();
    let copies = |span: &Span| (span.last - span.first + 1) as u32;
    let wal_copies = |span: &Span| {
        (span.first..=span.last).filter(|row| tiers.value(*row) == Tier::Wal.name()).count() as u32
    };
    // Copies are sorted by their files.
    let count_files = |span: &Span, tier: Tier| {
        let of_tier = (span.first..=span.last).filter(|row| tiers.value(*row) == tier.name());
        of_tier.filter(|row| *row == span.first || !same(files, row - 1, *row)).count() as u32
    };
    let differ = |span: &Span| (span.first..span.last).any(|row| !same(differing, row, row + 1));
    let most_attempts = |span: &Span| {
        let known = (span.first..=span.last).filter(|row| attempts.is_valid(*row));
        known.map(|row| attempts.value(row)).max()
    };
    let sent = |span: &Span| {
        let of = |row: usize| {
            (attempts.is_valid(row) && refusals.is_valid(row))
                .then(|| attempts.value(row) - refusals.value(row))
        };
        (span.first..=span.last).filter_map(of).max().unwrap_or(1)
    };
    let columns = vec![
        text(all().map(|span| Some(traces.value(span.first)))),
        text(all().map(|span| Some(ids.value(span.first)))),
        number(all().map(|span| Some(copies(span)))),
        number(all().map(|span| Some(wal_copies(span)))),
        number(all().map(|span| Some(count_files(span, Tier::Cold)))),
        number(all().map(|span| Some(count_files(span, Tier::Wal)))),
        flag(all().map(|span| Some(differ(span)))),
        number(all().map(|span| Some(sent(span)))),
        number(all().map(most_attempts)),
        text(all().map(|span| Some(files.value(span.first)))),
        number(all().map(|span| Some(row_numbers.value(span.first)))),
        text(all().map(|span| Some(tiers.value(span.last)))),
        text(all().map(|span| Some(files.value(span.last)))),
        number(all().map(|span| Some(row_numbers.value(span.last)))),
    ];
    RecordBatch::try_new(SchemaRef::clone(&SCHEMA), columns)
}

fn same(of: &StringViewArray, one: usize, other: usize) -> bool {
    match (of.is_valid(one), of.is_valid(other)) {
        (true, true) => of.value(one) == of.value(other),
        (one, other) => one == other,
    }
}
