//! One file's own account.

use std::{collections::BTreeMap, sync::Arc};

use datafusion::{
    arrow::{
        array::{AsArray, RecordBatch},
        datatypes::{ArrowPrimitiveType, TimestampNanosecondType},
    },
    execution::TaskContext,
    parquet::file::{
        metadata::{ParquetMetaData, RowGroupMetaData},
        statistics::Statistics,
    },
};
use serde::Serialize;

use super::{moment, tier_name};
use crate::{
    contract::schema::Schema,
    store::{
        footer::Footer,
        health::Health,
        inventory::FoundFile,
        layout::Tier,
        open::{OpenedFile, open},
        problem::FileProblem,
    },
};

/// What is known of a file without reading its wide columns.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct FileFacts {
    #[serde(serialize_with = "tier_name")]
    pub(crate) tier: Tier,
    pub(crate) file: String,
    pub(crate) size: u64,
    pub(crate) health: Health,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<FileProblem>,
    /// 1 or 2; none where its columns are not exactly one era's.
    pub(crate) schema: Option<i64>,
    pub(crate) rows: Option<u64>,
    /// Of a segment: its batches.
    pub(crate) row_groups: Option<u64>,
    #[serde(serialize_with = "moment")]
    pub(crate) first_start: Option<i64>,
    #[serde(serialize_with = "moment")]
    pub(crate) last_end: Option<i64>,
    /// Rows by service.
    pub(crate) services: BTreeMap<String, u64>,
    /// Bytes before compression for each byte in the file; segments are not compressed.
    pub(crate) compression: Option<f64>,
    /// When the studio made it, by its name.
    #[serde(serialize_with = "moment")]
    pub(crate) named_at: Option<i64>,
}

impl FileFacts {
    pub(super) async fn of(found: &FoundFile, context: Arc<TaskContext>) -> Self {
        let opened = open(found);
        let mut facts = Self::opened(found, &opened);
        let unknown = match opened.footer() {
            Some(footer) => facts.add_footer(footer, &opened.known_columns()),
            None => vec!["service_name", "start_time", "end_time"],
        };
        if opened.rows().is_some_and(|rows| rows > 0) && !unknown.is_empty() {
            let mut rows = opened.into_rows(&unknown, context);
            while let Some(batch) = rows.next().await {
                match batch {
                    Ok(batch) => facts.add(&batch),
                    Err(problem) => facts.fail(problem),
                }
            }
        }
        facts
    }

    fn opened(found: &FoundFile, opened: &OpenedFile) -> Self {
        let groups = opened.footer().map(|footer| footer.metadata.num_row_groups());
        let batches = opened.segment().map(|segment| segment.batches.len());
        Self {
            tier: found.tier,
            file: found.shown.clone(),
            size: found.size,
            health: opened.health,
            problem: opened.problem.clone(),
            schema: opened.era().map(Schema::version),
            rows: opened.rows(),
            row_groups: groups.or(batches).map(|groups| groups as u64),
            first_start: None,
            last_end: None,
            services: BTreeMap::new(),
            compression: opened.footer().and_then(|footer| compression(&footer.metadata)),
            named_at: found.named_at,
        }
    }

    /// Whether a flush stumbles over it: not over bytes behind the end marker, which no reader gets to.
    pub(super) fn stops_a_flush(&self) -> bool {
        self.problem.as_ref().is_some_and(FileProblem::stops_readers)
    }

    /// Takes over what the statistics tell, and returns the columns that have to be read.
    fn add_footer(&mut self, footer: &Footer, known: &[String]) -> Vec<&'static str> {
        let is_known = |name: &str| known.iter().any(|column| column == name);
        let mut unknown = Vec::new();
        if is_known("start_time") {
            self.first_start = extreme(&footer.metadata, "start_time", Ord::min);
        }
        if is_known("end_time") {
            self.last_end = extreme(&footer.metadata, "end_time", Ord::max);
        }
        match only_service(&footer.metadata).filter(|_| is_known("service_name")) {
            Some(service) => _ = self.services.insert(service, footer.rows),
            None => unknown.push("service_name"),
        }
        for (name, found) in [("start_time", self.first_start), ("end_time", self.last_end)] {
            if found.is_none() {
                unknown.push(name);
            }
        }
        unknown.retain(|name| is_known(name));
        unknown
    }

    /// Notes services and times of a batch, as far as it has the columns.
    fn add(&mut self, batch: &RecordBatch) {
        if let Some(names) =
            batch.column_by_name("service_name").and_then(|column| column.as_string_view_opt())
        {
            for name in names {
                let name = name.unwrap_or_default();
                match self.services.get_mut(name) {
                    Some(rows) => *rows += 1,
                    None => _ = self.services.insert(name.to_owned(), 1),
                }
            }
        }
        let first = times(batch, "start_time").min();
        self.first_start = self.first_start.into_iter().chain(first).min();
        let last = times(batch, "end_time").max();
        self.last_end = self.last_end.into_iter().chain(last).max();
    }

    fn fail(&mut self, problem: FileProblem) {
        self.health = problem.health(self.tier);
        self.problem = Some(problem);
    }
}

fn times<'b>(batch: &'b RecordBatch, name: &str) -> impl Iterator<Item = i64> + use<'b> {
    type Time = <TimestampNanosecondType as ArrowPrimitiveType>::Native;
    let column =
        batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<TimestampNanosecondType>());
    column.into_iter().flat_map(|column| column.iter().flatten().map(|time: Time| time))
}

fn compression(metadata: &ParquetMetaData) -> Option<f64> {
    let columns = || metadata.row_groups().iter().flat_map(RowGroupMetaData::columns);
    let plain: i64 = columns().map(|column| column.uncompressed_size().max(0)).fold(0, i64::saturating_add);
    let stored: i64 = columns().map(|column| column.compressed_size().max(0)).fold(0, i64::saturating_add);
    (stored > 0).then(|| plain as f64 / stored as f64)
}

/// The outermost value of a time column by the statistics of all row groups; none where one lacks them.
fn extreme(metadata: &ParquetMetaData, name: &str, outer: impl Fn(i64, i64) -> i64) -> Option<i64> {
    let mut found = None;
    for statistics in statistics(metadata, name) {
        let Some(Statistics::Int64(values)) = statistics else { return None };
        let value = outer(*values.min_opt()?, *values.max_opt()?);
        found = Some(found.map_or(value, |found| outer(found, value)));
    }
    found
}

/// The one service of a file whose statistics name no other.
fn only_service(metadata: &ParquetMetaData) -> Option<String> {
    let mut only: Option<&[u8]> = None;
    for statistics in statistics(metadata, "service_name") {
        let Some(Statistics::ByteArray(values)) = statistics else { return None };
        let (least, most) = (values.min_opt()?.data(), values.max_opt()?.data());
        let exact = values.min_is_exact() && values.max_is_exact() && values.null_count_opt() == Some(0);
        if !exact || least != most || only.is_some_and(|only| only != least) {
            return None;
        }
        only = Some(least);
    }
    String::from_utf8(only?.to_vec()).ok()
}

/// What each row group that has rows says of a column.
fn statistics<'m>(metadata: &'m ParquetMetaData, name: &str) -> impl Iterator<Item = Option<&'m Statistics>> {
    let groups = metadata.row_groups().iter().filter(|group| group.num_rows() > 0);
    groups.map(move |group| {
        let column = group.columns().iter().find(|column| column.column_path().string() == name);
        column.and_then(|column| column.statistics())
    })
}
