//! The kept findings of a check as values, and where in the ledger they lead.

use std::sync::Arc;

use anyhow::Context;
use chrono::DateTime;
use datafusion::arrow::{
    array::RecordBatch,
    datatypes::{FieldRef, Fields, Schema},
    json::ArrayWriter,
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    checks::findings::Findings,
    judge::judgement::{JudgedRun, Judgement},
    ledger::history::{Call, Export},
    text::{keys, numbers::moment},
};

/// What is shown of a check's findings.
#[derive(Debug, Clone)]
pub(crate) struct Evidence {
    /// In the order of the query.
    pub(crate) columns: Vec<Column>,
    pub(crate) samples: Vec<Sample>,
    pub(crate) points_to: PointsTo,
}

#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) is_number: bool,
}

/// One finding; a column that is null is not among its values.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) id: String,
    pub(crate) values: Map<String, Value>,
}

/// Where to look next: what of the ledger and the clock the kept findings lead to, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct PointsTo {
    /// The earliest minute that any of them names, in UTC: of its export, of a column, or of its file's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_minute: Option<String>,
    /// The export that carried the first span of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) export: Option<ExportSeen>,
    /// The first call after that export that succeeded, and so had to bring it to a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) call: Option<CallSeen>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ExportSeen {
    pub(crate) run: String,
    /// None where a collector sent it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) service_name: Option<String>,
    pub(crate) first_ordinal: u64,
    pub(crate) spans: u32,
    pub(crate) outcome: &'static str,
    pub(crate) started_at: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct CallSeen {
    pub(crate) rpc: String,
    pub(crate) began: String,
}

impl Sample {
    /// A value as text; a null is none.
    pub(crate) fn text(&self, column: &str) -> Option<String> {
        self.values.get(column).and_then(text)
    }
}

/// A value as people write it.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Keys that reports put beside a finding's columns.
const RESERVED: [&str; 4] = ["id", "type", "check", "verdict"];

pub(crate) fn gather(judgement: &Judgement, found: &Findings) -> anyhow::Result<Evidence> {
    let fields = found.schema.fields();
    let names = keys::unique(fields.iter().map(|field| field.name().as_str()), &RESERVED);
    let column = |(name, field): (&String, &FieldRef)| Column {
        name: name.clone(),
        is_number: field.data_type().is_numeric(),
    };
    let columns = names.iter().zip(fields).map(column).collect();
    let rows = to_json(&found.samples, &names)?;
    let samples: Vec<Sample> =
        found.ids.iter().zip(rows).map(|(id, values)| Sample { id: id.clone(), values }).collect();
    let times = names.iter().zip(fields).filter(|(_, field)| field.data_type().is_temporal());
    let times: Vec<&str> = times.map(|(name, _)| name.as_str()).collect();
    Ok(Evidence { columns, points_to: points_to(judgement, &samples, &times), samples })
}

/// One object for each row, its keys the names of the columns; a null has no key.
fn to_json(samples: &[RecordBatch], names: &[String]) -> anyhow::Result<Vec<Map<String, Value>>> {
    let mut writer = ArrayWriter::new(Vec::new());
    for batch in samples {
        let schema = batch.schema();
        let fields = names.iter().zip(schema.fields());
        let fields: Fields = fields.map(|(name, field)| field.as_ref().clone().with_name(name)).collect();
        writer.write(&RecordBatch::try_new(Arc::new(Schema::new(fields)), batch.columns().to_vec())?)?;
    }
    writer.finish()?;
    let text = writer.into_inner();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    serde_json::from_slice(&text).context("findings as JSON")
}

fn points_to(judgement: &Judgement, samples: &[Sample], times: &[&str]) -> PointsTo {
    let exports = samples.iter().filter_map(|sample| export_of(judgement, sample));
    let first = exports.min_by_key(|(_, export)| export.started_at);
    let named = || samples.iter().filter_map(|sample| time_of(judgement, sample, times)).min();
    let at = first.map(|(_, export)| export.started_at).or_else(named);
    PointsTo {
        first_minute: at.map(minute),
        export: first.map(|(run, export)| export_seen(judgement, run, export)),
        call: first
            .and_then(|(run, export)| next_call(run, export))
            .map(|call| CallSeen { rpc: call.rpc.to_string(), began: moment(call.began) }),
    }
}

/// The export of a finding's span, or the one that it is about itself.
fn export_of<'j>(judgement: &'j Judgement, sample: &Sample) -> Option<(&'j JudgedRun, &'j Export)> {
    let text = |column: &str| sample.values.get(column).and_then(Value::as_str);
    if let (Some(trace_id), Some(span_id)) = (text("trace_id"), text("span_id")) {
        return judgement.runs.spans_with(trace_id, span_id).into_iter().find_map(|span| {
            let run = judgement.judged.iter().find(|judged| judged.index == span.run)?;
            Some((run, run.export_of(&judgement.known(run).expectation, span.slot)?))
        });
    }
    let first = sample.values.get("first_ordinal")?.as_u64()?;
    let (run_id, service) = (text("run")?, text("service_name"));
    let is_named = |run: &&JudgedRun| judgement.known(run).run.to_string() == run_id;
    judgement.judged.iter().filter(is_named).find_map(|run| {
        let exports = run.history.exports.iter();
        let export = exports.filter(|export| export.first == first).find(|export| {
            let service_name = judgement.known(run).expectation.service_of_export(export);
            service_name.map(String::as_str) == service
        })?;
        Some((run, export))
    })
}

fn export_seen(judgement: &Judgement, run: &JudgedRun, export: &Export) -> ExportSeen {
    ExportSeen {
        run: judgement.known(run).run.to_string(),
        service_name: judgement.known(run).expectation.service_of_export(export).cloned(),
        first_ordinal: export.first,
        spans: export.count,
        outcome: export.outcome.name(),
        started_at: moment(export.started_at),
    }
}

fn next_call<'j>(run: &'j JudgedRun, export: &Export) -> Option<&'j Call> {
    let ended = export.ended_at().unwrap_or(export.started_at);
    let after = |call: &&Call| call.part == export.part && call.success && call.began > ended;
    run.history.calls.iter().filter(after).min_by_key(|call| call.began)
}

/// The earliest time in a finding's columns, else when its file was named.
fn time_of(judgement: &Judgement, sample: &Sample, times: &[&str]) -> Option<u64> {
    let parsed = |column: &&str| {
        let moment = DateTime::parse_from_rfc3339(sample.values.get(*column)?.as_str()?).ok()?;
        u64::try_from(moment.timestamp_nanos_opt()?).ok()
    };
    let in_columns = times.iter().filter_map(parsed).min();
    in_columns.or_else(|| {
        let file = sample.values.get("file")?.as_str()?;
        let named_at = judgement.files.iter().find(|record| record.file == file)?.named_at?;
        u64::try_from(named_at).ok()
    })
}

/// `2026-11-23T22:09Z`.
fn minute(unix_nanos: u64) -> String {
    let moment = moment(unix_nanos);
    moment.get(..16).map_or(moment.clone(), |minute| format!("{minute}Z"))
}
