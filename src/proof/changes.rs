//! What a damage did to a store, and whether findings name it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use super::{
    fired::ALWAYS,
    rows::{files, parquet_rows, segment_rows},
};
use crate::{
    audit::{evidence::Sample, report::AuditReport},
    contract::{row::Row, schema::Schema},
    standin::faults::Hit,
};

/// Checks of one file beside others: they name the one that stands out, whichever of them was touched.
const OF_ONE_BESIDE_OTHERS: [&str; 3] = ["mixed_schemas", "stale_hot_snapshot", "wedged_wal"];

/// The files and spans that were touched.
#[derive(Debug, Default)]
pub(super) struct Touched {
    files: BTreeSet<String>,
    spans: BTreeSet<String>,
    traces: BTreeSet<String>,
}

/// What the files of a store hold.
pub(super) struct Contents(BTreeMap<PathBuf, (Vec<u8>, Vec<Row>)>);

impl Contents {
    pub(super) fn of(spans: &Path, schema: Schema) -> anyhow::Result<Self> {
        let mut contents = BTreeMap::new();
        for file in files(spans, "")? {
            // A file that does not read has no rows to be told apart.
            let rows = match file.extension().and_then(|extension| extension.to_str()) {
                Some("parquet") => parquet_rows(&file, schema).unwrap_or_default(),
                Some("ipc") => segment_rows(&file, schema).unwrap_or_default(),
                _ => Vec::new(),
            };
            contents.insert(file.clone(), (fs::read(&file)?, rows));
        }
        Ok(Self(contents))
    }

    /// What differs in `after`.
    pub(super) fn touched(&self, after: &Self) -> Touched {
        let mut touched = Touched::default();
        let paths: BTreeSet<&PathBuf> = self.0.keys().chain(after.0.keys()).collect();
        let nothing = (Vec::new(), Vec::new());
        for path in paths {
            let [(bytes, rows), (later_bytes, later_rows)] =
                [self, after].map(|contents| contents.0.get(path).unwrap_or(&nothing));
            let is_there = self.0.contains_key(path) == after.0.contains_key(path);
            if is_there && bytes == later_bytes {
                continue;
            }
            touched.files.extend(path.file_name().map(|name| name.to_string_lossy().into_owned()));
            for (ours, theirs) in [(rows, later_rows), (later_rows, rows)] {
                let mut theirs: Vec<&Row> = theirs.iter().collect();
                for row in ours {
                    match theirs.iter().position(|other| *other == row) {
                        Some(at) => drop(theirs.swap_remove(at)),
                        None => touched.add(&row.trace_id, &row.span_id),
                    }
                }
            }
        }
        touched
    }
}

impl Touched {
    pub(super) fn by(hits: &[Hit]) -> Self {
        let mut touched = Self::default();
        for hit in hits {
            let name = hit.file.as_ref().and_then(|file| file.file_name());
            touched.files.extend(name.map(|name| name.to_string_lossy().into_owned()));
            hit.spans.iter().for_each(|span| touched.add(&span.trace_id, &span.span_id));
        }
        touched
    }

    fn add(&mut self, trace_id: &str, span_id: &str) {
        self.spans.insert(span_id.to_owned());
        self.traces.insert(trace_id.to_owned());
    }

    /// Whether a finding is of what was touched; none where it says nothing of where it is.
    fn is_of(&self, sample: &Sample) -> Option<bool> {
        let of_file = ["file", "first_file"].map(|column| {
            let file = sample.text(column).filter(|_| !self.files.is_empty())?;
            Some(self.files.iter().any(|touched| file.ends_with(touched.as_str())))
        });
        let named = |column: &str, set: &BTreeSet<String>| {
            sample.text(column).filter(|_| !self.spans.is_empty()).map(|id| set.contains(&id))
        };
        let of_span = [
            named("span_id", &self.spans),
            named("parent_span_id", &self.spans),
            named("trace_id", &self.traces),
        ];
        of_span.into_iter().chain(of_file).flatten().reduce(|one, other| one || other)
    }

    /// The findings, as `check: where`, that are of something else.
    pub(super) fn astray(&self, report: &AuditReport) -> Vec<String> {
        let mut astray = Vec::new();
        for (check, evidence) in report.evidence.iter().filter(|(check, _)| is_of_places(check)) {
            let elsewhere = evidence.samples.iter().filter(|sample| self.is_of(sample) == Some(false));
            astray.extend(elsewhere.map(|sample| format!("{check}: {:?}", sample.values)));
        }
        astray
    }

    /// The spans that none of these checks names, though they name others.
    pub(super) fn unnamed<'a>(
        &self,
        report: &AuditReport,
        checks: impl Iterator<Item = &'a str>,
    ) -> Vec<String> {
        let samples = checks.filter_map(|check| report.evidence.get(check)).flat_map(|one| &one.samples);
        let named: BTreeSet<String> = samples.filter_map(|sample| sample.text("span_id")).collect();
        if named.is_empty() { Vec::new() } else { self.spans.difference(&named).cloned().collect() }
    }

    /// How many places there are to be found.
    pub(super) fn places(&self) -> usize {
        self.spans.len().max(self.files.len())
    }
}

fn is_of_places(check: &str) -> bool {
    check != ALWAYS && !OF_ONE_BESIDE_OTHERS.contains(&check)
}
