//! Findings as rows of text and as JSON.

use anyhow::Context;
use datafusion::arrow::{
    array::RecordBatch,
    json::ArrayWriter,
    util::display::{ArrayFormatter, FormatOptions},
};
use serde_json::Value;

use super::{
    numbers::short,
    table::{self, Align},
};
use crate::checks::runner::Findings;

/// Expected and actual values are cut before they are kept; names may have any length.
const CELL_CHARS: usize = 300;

/// The kept findings as a table; columns that are null throughout are left out.
pub(crate) fn render(findings: &Findings) -> anyhow::Result<String> {
    let options = FormatOptions::new().with_null("");
    let mut rows: Vec<Vec<String>> = Vec::new();
    for batch in &findings.samples {
        let columns: Vec<_> = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options))
            .collect::<Result<_, _>>()?;
        for row in 0..batch.num_rows() {
            rows.push(
                columns.iter().map(|column| short(&column.value(row).to_string(), CELL_CHARS)).collect(),
            );
        }
    }
    let shown: Vec<usize> = (0..findings.schema.fields().len())
        .filter(|&column| rows.iter().any(|row| !row[column].is_empty()))
        .collect();
    let header: Vec<(&str, Align)> = shown
        .iter()
        .map(|&column| {
            let field = findings.schema.field(column);
            (field.name().as_str(), if field.data_type().is_numeric() { Align::Right } else { Align::Left })
        })
        .collect();
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| shown.iter().map(|&column| row[column].clone()).collect()).collect();
    Ok(table::render_whole(&header, &rows))
}

/// The kept findings as JSON objects.
pub(crate) fn to_json(samples: &[RecordBatch]) -> anyhow::Result<Vec<Value>> {
    let mut writer = ArrayWriter::new(Vec::new());
    writer.write_batches(&samples.iter().collect::<Vec<_>>())?;
    writer.finish()?;
    let text = writer.into_inner();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    serde_json::from_slice(&text).context("findings as JSON")
}
