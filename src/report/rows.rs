//! Rows of any query, as people or programs read them.
//!
//! Nanoseconds are printed in full, nulls are told apart from empty text, and nothing is cut but
//! cells of a table that would not fit the terminal, which the writer then says. A value that has no text is an error.

use std::{
    io::{self, Write},
    sync::Arc,
};

use datafusion::arrow::{
    array::RecordBatch,
    datatypes::{DataType, Fields, Schema, SchemaRef},
    error::ArrowError,
    json::writer::{LineDelimited, Writer as JsonWriter, WriterBuilder},
    util::display::{ArrayFormatter, FormatOptions},
};

use self::grid::Grid;
use crate::text::{
    escape::{self, plain},
    keys,
    wrap::{pad, width},
};

mod grid;

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Mode {
    /// Aligned columns; rows too wide for the terminal become one line per value
    Table,
    /// One array of objects
    Json,
    /// One object per line
    Ndjson,
    /// Comma-separated values with a header, quoted as RFC 4180 has it; control characters are escaped, and what a
    /// spreadsheet would compute begins with an apostrophe
    Csv,
    /// A table for Markdown
    Markdown,
    /// One line per value
    Vertical,
}

impl Mode {
    pub(crate) const ALL: [Self; 6] =
        [Self::Table, Self::Json, Self::Ndjson, Self::Csv, Self::Markdown, Self::Vertical];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Markdown => "markdown",
            Self::Vertical => "vertical",
        }
    }

    /// The form that the ending of a file's name asks for.
    pub(crate) fn of_ending(ending: &str) -> Option<Self> {
        Some(match ending {
            "json" => Self::Json,
            "ndjson" | "jsonl" => Self::Ndjson,
            "csv" => Self::Csv,
            "md" => Self::Markdown,
            "txt" => Self::Table,
            _ => return None,
        })
    }
}

/// Writes one answer, batch by batch.
pub(crate) struct RowWriter {
    schema: SchemaRef,
    form: Form,
    rows: u64,
}

enum Form {
    Grid(Grid),
    Vertical,
    Json,
    Ndjson,
    Csv,
    Markdown,
}

/// What came of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) rows: u64,
    /// Whether cells were cut to fit the terminal.
    pub(crate) cut: bool,
}

const NULL: &str = "NULL";

impl RowWriter {
    /// `width` is the terminal's, where there is one to fit.
    pub(crate) fn new(mode: Mode, schema: SchemaRef, width: Option<usize>) -> Self {
        let form = match mode {
            Mode::Table => {
                let columns = schema.fields().iter();
                Form::Grid(Grid::new(
                    columns.map(|field| (plain(field.name()), field.data_type().is_numeric())).collect(),
                    width,
                ))
            }
            Mode::Vertical => Form::Vertical,
            Mode::Json => Form::Json,
            Mode::Ndjson => Form::Ndjson,
            Mode::Csv => Form::Csv,
            Mode::Markdown => Form::Markdown,
        };
        Self { schema, form, rows: 0 }
    }

    pub(crate) fn write(&mut self, batch: &RecordBatch, out: &mut dyn Write) -> anyhow::Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        match &mut self.form {
            Form::Grid(grid) => grid.add(texts(batch, |text| plain(&text))?, out)?,
            Form::Vertical => write_vertical(&self.schema, batch, self.rows, out)?,
            Form::Json => {
                for line in json_lines(batch)?.lines() {
                    out.write_all(if self.rows == 0 { b"[" } else { b",\n" })?;
                    out.write_all(line.as_bytes())?;
                    self.rows += 1;
                }
                return Ok(());
            }
            Form::Ndjson => out.write_all(json_lines(batch)?.as_bytes())?,
            Form::Csv => {
                if self.rows == 0 {
                    write_csv_header(&self.schema, out)?;
                }
                write_csv(batch, out)?;
            }
            Form::Markdown => {
                if self.rows == 0 {
                    write_markdown_header(&self.schema, out)?;
                }
                for row in texts(batch, |text| in_markdown(&text))? {
                    writeln!(out, "| {} |", row.join(" | "))?;
                }
            }
        }
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    pub(crate) fn finish(self, out: &mut dyn Write) -> io::Result<Written> {
        let mut cut = false;
        match self.form {
            Form::Grid(grid) => cut = grid.finish(out)?,
            Form::Json if self.rows == 0 => out.write_all(b"[]\n")?,
            Form::Json => out.write_all(b"]\n")?,
            Form::Csv if self.rows == 0 => write_csv_header(&self.schema, out)?,
            Form::Markdown if self.rows == 0 => write_markdown_header(&self.schema, out)?,
            Form::Csv | Form::Markdown | Form::Vertical | Form::Ndjson => {}
        }
        Ok(Written { rows: self.rows, cut })
    }
}

/// With columns of which no two have one name: an object names a key once.
fn with_unique_names(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let schema = batch.schema();
    let names = || schema.fields().iter().map(|field| field.name().as_str());
    let unique = keys::unique(names(), &[]);
    if names().eq(unique.iter().map(String::as_str)) {
        return Ok(batch.clone());
    }
    let fields = schema.fields().iter().zip(unique);
    let fields: Fields = fields.map(|(field, name)| field.as_ref().clone().with_name(name)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), batch.columns().to_vec())
}

/// Row by row, what each value says.
fn texts(batch: &RecordBatch, show: impl Fn(String) -> String) -> Result<Vec<Vec<String>>, ArrowError> {
    let formatters = formatters(batch, NULL)?;
    let row = |row| formatters.iter().map(|column| Ok(show(column.value(row).try_to_string()?))).collect();
    (0..batch.num_rows()).map(row).collect()
}

fn formatters<'a>(batch: &'a RecordBatch, null: &'a str) -> Result<Vec<ArrayFormatter<'a>>, ArrowError> {
    let options = |kind: &DataType| {
        FormatOptions::new()
            .with_display_error(false)
            .with_null(null)
            .with_timestamp_format(Some(LOCAL))
            .with_timestamp_tz_format(Some(if is_elsewhere(kind) { ZONED } else { UTC }))
    };
    let columns = batch.columns().iter();
    columns.map(|column| ArrayFormatter::try_new(column, &options(column.data_type()))).collect()
}

const UTC: &str = "%Y-%m-%dT%H:%M:%S%.9fZ";
const ZONED: &str = "%Y-%m-%dT%H:%M:%S%.9f%:z";
const LOCAL: &str = "%Y-%m-%dT%H:%M:%S%.9f";

/// Whether times of this type are another zone's than UTC.
fn is_elsewhere(kind: &DataType) -> bool {
    matches!(kind, DataType::Timestamp(_, Some(zone)) if !matches!(&**zone, "UTC" | "+00:00" | "Z"))
}

fn json_lines(batch: &RecordBatch) -> anyhow::Result<String> {
    let elsewhere = batch.columns().iter().any(|column| is_elsewhere(column.data_type()));
    all_have_text(batch)?;
    let builder = WriterBuilder::new()
        .with_explicit_nulls(true)
        .with_timestamp_format(LOCAL.to_owned())
        .with_timestamp_tz_format(if elsewhere { ZONED } else { UTC }.to_owned());
    let mut writer: JsonWriter<_, LineDelimited> = builder.build(Vec::new());
    writer.write(&with_unique_names(batch)?)?;
    writer.finish()?;
    Ok(escape::json(String::from_utf8(writer.into_inner())?))
}

/// The writer of JSON puts the text of an error where a time has none, quotes and all.
fn all_have_text(batch: &RecordBatch) -> Result<(), ArrowError> {
    let may_fail = |kind: &DataType| kind.is_temporal() || kind.is_nested();
    for (column, formatter) in batch.columns().iter().zip(formatters(batch, "")?) {
        if may_fail(column.data_type()) {
            (0..batch.num_rows()).try_for_each(|row| formatter.value(row).try_to_string().map(drop))?;
        }
    }
    Ok(())
}

fn write_vertical(
    schema: &SchemaRef,
    batch: &RecordBatch,
    before: u64,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let names: Vec<String> = schema.fields().iter().map(|field| plain(field.name())).collect();
    let rows = texts(batch, |text| escape::lines(&text))?;
    Ok(write_paragraphs(&names, &rows, before, out)?)
}

/// One paragraph per row, one line per value.
fn write_paragraphs(
    names: &[String],
    rows: &[Vec<String>],
    before: u64,
    out: &mut dyn Write,
) -> io::Result<()> {
    let widest = names.iter().map(|name| width(name)).max().unwrap_or_default();
    for (number, row) in (before..).zip(rows) {
        if number > 0 {
            writeln!(out)?;
        }
        for (column, (name, value)) in names.iter().zip(row).enumerate() {
            let mark = if column == 0 { '-' } else { ' ' };
            let mut lines = value.split('\n');
            let first = lines.next().unwrap_or_default();
            writeln!(out, "{}", format!("{mark} {}  {first}", pad(name, widest)).trim_end())?;
            for line in lines {
                writeln!(out, "{}", format!("  {:widest$}  {line}", "").trim_end())?;
            }
        }
    }
    Ok(())
}

fn write_csv_header(schema: &SchemaRef, out: &mut dyn Write) -> io::Result<()> {
    let names: Vec<String> = schema.fields().iter().map(|field| escape::csv(field.name())).collect();
    writeln!(out, "{}", names.join(","))
}

/// Null is nothing between two commas, empty text a pair of quotes.
fn write_csv(batch: &RecordBatch, out: &mut dyn Write) -> anyhow::Result<()> {
    let formatters = formatters(batch, "")?;
    // The nulls of a column without a type, and of a dictionary's values, count, too.
    let nulls: Vec<_> = batch.columns().iter().map(|column| column.logical_nulls()).collect();
    for row in 0..batch.num_rows() {
        let cell = |(column, formatter): (usize, &ArrayFormatter<'_>)| {
            if nulls[column].as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                return Ok(String::new());
            }
            let text = formatter.value(row).try_to_string()?;
            // A number is no formula, whatever its sign is.
            let is_number = batch.column(column).data_type().is_numeric();
            Ok(if is_number { escape::csv_quoted(&text).into_owned() } else { escape::csv(&text) })
        };
        let cells: Result<Vec<String>, ArrowError> = formatters.iter().enumerate().map(cell).collect();
        writeln!(out, "{}", cells?.join(","))?;
    }
    Ok(())
}

fn write_markdown_header(schema: &SchemaRef, out: &mut dyn Write) -> io::Result<()> {
    let names: Vec<String> = schema.fields().iter().map(|field| in_markdown(field.name())).collect();
    let rule =
        schema.fields().iter().map(|field| if field.data_type().is_numeric() { "---:" } else { "---" });
    writeln!(out, "| {} |\n| {} |", names.join(" | "), rule.collect::<Vec<_>>().join(" | "))
}

fn in_markdown(text: &str) -> String {
    plain(text).replace('|', "\\|")
}

#[cfg(test)]
mod tests;
