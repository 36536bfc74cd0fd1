//! What a stand-in with `--durable` does that no studio does: damage to the log blocks nothing, and a start puts in
//! order what a crash left.
//!
//! No row is removed that is not in a cold file. A file that cannot be used is renamed and stays.

use std::{
    collections::HashSet,
    ffi::OsStr,
    fs,
    io::{self, BufReader},
    path::{Path, PathBuf},
};

use anyhow::Context;
use datafusion::{
    arrow::{
        array::RecordBatch,
        error::ArrowError,
        ipc::reader::StreamReader,
        row::{RowConverter, SortField},
    },
    parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder,
};

use super::{
    folder::{self, Folder},
    wal,
};
use crate::contract::schema::Schema;

/// What a file that cannot be used is called, behind its name.
const SET_ASIDE: &str = "bad";

/// Whole rows, in a form that compares.
type Keys = HashSet<Box<[u8]>>;

/// Renames the segments that a flush would fail on, and takes them from the list.
pub(super) fn set_aside_damaged(segments: &mut Vec<PathBuf>, schema: Schema) -> anyhow::Result<()> {
    let (whole, damaged) = segments.drain(..).partition(|segment| rows(segment, schema).is_some());
    *segments = whole;
    damaged.iter().try_for_each(|segment| set_aside(segment))
}

/// Names whole segments that were not named yet, and removes segments whose rows a cold file holds.
pub(super) fn reconcile(folder: &Folder, schema: Schema) -> anyhow::Result<()> {
    for unfinished in unfinished(folder)? {
        match rows(&unfinished, schema) {
            Some(batches) if batches.iter().any(|batch| batch.num_rows() > 0) => {
                fs::rename(&unfinished, unfinished.with_extension(""))?;
            }
            Some(_) | None => set_aside(&unfinished)?,
        }
    }
    let cold = cold_files(&folder.root().join("spans/parquet"))?;
    for segment in wal::segments(folder)? {
        let Some(batches) = rows(&segment, schema) else { continue };
        let mut keys = Keys::new();
        batches.iter().try_for_each(|batch| add_keys(batch, &mut keys))?;
        let is_stored = |file: &PathBuf| stored_keys(file).is_ok_and(|stored| keys.is_subset(&stored));
        let modified = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
        // A flush writes its file after all of its segments.
        let mut later = cold.iter().filter(|file| modified(file) >= modified(&segment));
        if !keys.is_empty() && later.any(is_stored) {
            fs::remove_file(&segment)?;
        }
    }
    Ok(())
}

/// The batches of a segment; none where a flush would fail on it.
fn rows(segment: &Path, schema: Schema) -> Option<Vec<RecordBatch>> {
    let reader = StreamReader::try_new(BufReader::new(folder::open(segment).ok()?), None).ok()?;
    let batches: Result<Vec<_>, ArrowError> = reader.collect();
    batches.ok().filter(|all| all.iter().all(|batch| batch.schema().fields() == schema.stored().fields()))
}

fn set_aside(path: &Path) -> anyhow::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(SET_ASIDE);
    fs::rename(path, &name).with_context(|| format!("cannot set `{}` aside", path.display()))
}

/// Segments that were being written.
fn unfinished(folder: &Folder) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder.wal())? {
        let path = entry?.path();
        if path.extension() == Some(OsStr::new("tmp")) {
            found.push(path);
        }
    }
    Ok(found)
}

fn cold_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.extend(cold_files(&entry.path())?);
        } else if entry.path().extension() == Some(OsStr::new("parquet")) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn stored_keys(file: &Path) -> anyhow::Result<Keys> {
    let mut stored = Keys::new();
    for batch in ParquetRecordBatchReaderBuilder::try_new(folder::open(file)?)?.build()? {
        add_keys(&batch?, &mut stored)?;
    }
    Ok(stored)
}

fn add_keys(batch: &RecordBatch, keys: &mut Keys) -> anyhow::Result<()> {
    let fields =
        batch.schema().fields().iter().map(|field| SortField::new(field.data_type().clone())).collect();
    let rows = RowConverter::new(fields)?.convert_columns(batch.columns())?;
    keys.extend(rows.iter().map(|row| row.data().into()));
    Ok(())
}
