//! What the parts of a file say, noted as if its rows had been read here.

use anyhow::{Context, ensure};

use super::{Sweep, file::SweptFile, record};
use crate::{
    judge::{
        interner::Symbol,
        junjo::{record::Head, records},
        partial::{keys, part},
        tally::Evidence,
    },
    store::inventory::FoundFile,
    traffic::ids::RunId,
};

/// A file that was read to its end elsewhere, or before.
#[derive(Debug)]
pub(super) struct Concluded {
    pub(super) rows: u64,
    pub(super) schema: Option<i64>,
    pub(super) bytes_scanned: u64,
    /// Where the studio has an index.
    pub(super) index_keys: Option<Vec<u8>>,
}

/// Gives back how many rows the parts are of, or why they could not be noted.
pub(super) fn note_file(
    file: &FoundFile,
    concluded: Concluded,
    parts: impl IntoIterator<Item = anyhow::Result<impl AsRef<[u8]>>>,
    sweep: &Sweep,
) -> (SweptFile, anyhow::Result<u64>) {
    let Concluded { rows, schema, bytes_scanned, index_keys } = concluded;
    let mut one = SweptFile::new(record::of_ends(file, None));
    (one.record.rows, one.record.schema, one.bytes_scanned) = (rows, schema, bytes_scanned);
    one.record.index_keys = index_keys.and_then(|bytes| keys::decode(&bytes));
    sweep.progress.rows(rows as usize);
    let name = sweep.collected.names.name(&file.shown);
    let noted = parts.into_iter().map(|part| note(part?.as_ref(), name, sweep)).sum();
    (one, noted)
}

/// Gives back how many rows a part is of.
fn note(bytes: &[u8], file: Symbol, sweep: &Sweep) -> anyhow::Result<u64> {
    let Sweep { collected, runs, .. } = sweep;
    let mut part = part::decode(bytes, &collected.names, file).context("damaged")?;
    for (counted, is_altered) in [(&part.counted, false), (&part.altered, true)] {
        for (run, slots) in counted {
            let known = runs.known(*run).context("another run")?;
            for slot in slots {
                ensure!(*slot < known.tally().len(), "another plan");
                known.tally().count(*slot, Evidence::Cold, is_altered);
            }
        }
    }
    for stray in &part.output.strays {
        runs.meet(stray.run.parse().context("a run")?);
    }
    for text in &part.malformed {
        collected.odd.trace(Some(text));
        collected.odd.span(Some(text));
    }
    if let Some(all) = &collected.records {
        for record in records::split(&part.records) {
            Head::decode(record)?;
            all.add(record)?;
        }
    }
    let rows = part.output.rows;
    collected.take(&mut part.output)?;
    Ok(rows.total() + rows.out_of_scope)
}

/// Whether a row of a part may be one that the snapshot has, too: of such rows more is to be known than a part says.
pub(super) fn is_in_snapshot(bytes: &[u8], sweep: &Sweep) -> anyhow::Result<bool> {
    let part = part::decode(bytes, &sweep.collected.names, Symbol::NONE).context("damaged")?;
    let output = &part.output;
    let is_faulty = !(output.strays.is_empty() && output.differing.is_empty() && part.altered.is_empty());
    let mut spans = output.facts.iter().map(|fact| fact.span).chain(counted_spans(&part.counted, sweep));
    Ok(is_faulty || spans.any(|span| sweep.flushed.wants_span(span)))
}

/// The ids of the spans of runs that rows count for.
fn counted_spans(counted: &[(RunId, Vec<u64>)], sweep: &Sweep) -> impl Iterator<Item = u64> {
    counted.iter().flat_map(move |(run, slots)| {
        let expectation = sweep.runs.known(*run).map(|known| &*known.expectation);
        let slots = slots.iter().map(move |slot| expectation.map(|of| u64::from_be_bytes(of.span_id(*slot))));
        slots.flatten()
    })
}
