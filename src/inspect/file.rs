//! One file's own account.

use std::{collections::BTreeMap, io, sync::Arc};

use datafusion::{
    arrow::{
        array::{AsArray, RecordBatch},
        datatypes::{ArrowPrimitiveType, TimestampNanosecondType},
    },
    error::DataFusionError,
    execution::TaskContext,
    parquet::file::{
        metadata::{ParquetMetaData, RowGroupMetaData},
        statistics::Statistics,
    },
};
use futures::StreamExt;
use serde::Serialize;

use super::{moment, tier_name};
use crate::{
    contract::schema::Schema,
    store::{
        columns,
        footer::{self, Footer, Unreadable},
        inventory::{FoundFile, Kind},
        layout::Tier,
        scan,
        segment::{Segment, read_segment},
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
    pub(crate) problem: Option<String>,
    /// Whether a flush stumbles over it: not over bytes behind the end marker, which no reader gets to.
    #[serde(skip)]
    pub(crate) stops_a_flush: bool,
    /// 1 or 2; none where its columns are not exactly one era's.
    pub(crate) schema: Option<u8>,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Health {
    Ok,
    /// Nothing of it is known, or not all that was to be read could be.
    Unreadable,
    /// A segment that does not decode to its end.
    Torn,
    /// A segment without its end marker: whole for every reader, and perhaps cut between two messages.
    Unended,
    /// Being written, or left by a crash. The studio never reads it.
    Temporary,
    /// Nothing that a studio writes.
    Foreign,
    /// Listed, and gone when it was opened: a flush or a snapshot took it.
    Gone,
}

impl Health {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unreadable => "unreadable",
            Self::Torn => "torn",
            Self::Unended => "no end",
            Self::Temporary => "temporary",
            Self::Foreign => "foreign",
            Self::Gone => "gone",
        }
    }

    pub(crate) fn is_damaged(self) -> bool {
        matches!(self, Self::Unreadable | Self::Torn | Self::Unended)
    }

    /// Whether the studio reads rows from it.
    pub(crate) fn is_data(self) -> bool {
        !matches!(self, Self::Temporary | Self::Foreign | Self::Gone)
    }
}

impl FileFacts {
    pub(super) async fn of(found: &FoundFile, context: Arc<TaskContext>) -> Self {
        let mut facts = Self::named(found);
        match found.kind {
            Kind::Temp => facts.health = Health::Temporary,
            Kind::Foreign => facts.health = Health::Foreign,
            Kind::Segment => facts.read_segment(found),
            Kind::Parquet => facts.read_parquet(found, context).await,
        }
        facts
    }

    fn named(found: &FoundFile) -> Self {
        Self {
            tier: found.tier,
            file: found.shown.clone(),
            size: found.size,
            health: Health::Ok,
            problem: None,
            stops_a_flush: false,
            schema: None,
            rows: None,
            row_groups: None,
            first_start: None,
            last_end: None,
            services: BTreeMap::new(),
            compression: None,
            named_at: found.named_at,
        }
    }

    fn read_segment(&mut self, found: &FoundFile) {
        match read_segment(&found.path) {
            Ok(segment) => self.add_segment(&segment),
            Err(err) if err.kind() == io::ErrorKind::NotFound => self.health = Health::Gone,
            Err(err) => self.fail(&format!("cannot be read: {err}")),
        }
    }

    fn add_segment(&mut self, segment: &Segment) {
        self.schema = version(&segment.columns);
        self.row_groups = Some(segment.batches.len() as u64);
        self.rows = Some(segment.batches.iter().map(|batch| batch.num_rows() as u64).sum());
        segment.batches.iter().for_each(|batch| self.add(batch));
        if let Some(torn) = &segment.torn {
            self.health = Health::Torn;
            self.problem = Some(torn.to_string());
            self.stops_a_flush = !segment.ended;
        } else if !segment.ended {
            self.health = Health::Unended;
            self.problem = Some("no end-of-stream marker: it may be cut short".to_owned());
        }
    }

    async fn read_parquet(&mut self, found: &FoundFile, context: Arc<TaskContext>) {
        let footer = match footer::footer(&found.path) {
            Ok(footer) => footer,
            Err(Unreadable::Gone) => return self.health = Health::Gone,
            Err(unreadable) => return self.fail(&unreadable.to_string()),
        };
        self.schema = version(&footer.columns);
        self.rows = Some(footer.rows);
        self.row_groups = Some(footer.metadata.num_row_groups() as u64);
        self.compression = compression(&footer.metadata);
        self.first_start = extreme(&footer.metadata, "start_time", Ord::min);
        self.last_end = extreme(&footer.metadata, "end_time", Ord::max);
        let only = only_service(&footer.metadata);
        let mut unknown = Vec::new();
        match only {
            Some(service) => _ = self.services.insert(service, footer.rows),
            None => unknown.push("service_name"),
        }
        for (name, known) in [("start_time", self.first_start), ("end_time", self.last_end)] {
            if known.is_none() {
                unknown.push(name);
            }
        }
        unknown.retain(|name| footer.columns.iter().any(|column| column == name));
        if footer.rows > 0
            && !unknown.is_empty()
            && let Err(err) = self.scan(found, &footer, &unknown, context).await
        {
            self.fail(&scan::reason(&err));
        }
    }

    async fn scan(
        &mut self,
        found: &FoundFile,
        footer: &Footer,
        columns: &[&str],
        context: Arc<TaskContext>,
    ) -> Result<(), DataFusionError> {
        let mut scan = scan::scan_parquet(found, footer, columns, context)?;
        while let Some(batch) = scan.stream.next().await {
            self.add(&batch?);
        }
        Ok(())
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

    fn fail(&mut self, problem: &str) {
        self.health = Health::Unreadable;
        self.problem = Some(problem.to_owned());
    }
}

fn version(columns: &[String]) -> Option<u8> {
    columns::era(columns).map(|schema| match schema {
        Schema::V1 => 1,
        Schema::V2 => 2,
    })
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
