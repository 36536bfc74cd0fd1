//! Functions that questions about spans need and SQL lacks.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, SecondsFormat, Utc};
use datafusion::{
    arrow::{
        array::{ArrayRef, AsArray, StringArray},
        datatypes::{DataType, Int64Type},
    },
    common::Result,
    execution::FunctionRegistry,
    logical_expr::{ColumnarValue, Volatility, create_udf},
    prelude::SessionContext,
};
use datafusion_functions_json::udfs::json_as_text_udf;

use crate::{
    text::numbers,
    traffic::ids::{self, TraceId},
};

/// Our own functions: how they are called, and what they tell.
pub(crate) const FUNCTIONS: [(&str, &str); 5] = [
    ("attr(json, key)", "a value of a JSON object as text; dots in the key are part of it"),
    ("fmt_time(ns)", "Unix nanoseconds as UTC with all nine digits"),
    ("fmt_duration(ns)", "nanoseconds in the unit that suits them"),
    ("fmt_bytes(n)", "bytes in the unit that suits them"),
    ("run_of(trace_id)", "the e2e-store run that a trace id names; null for any other trace"),
];

/// Adds the JSON operators and functions, and our own.
pub(crate) fn register(session: &mut SessionContext) -> Result<()> {
    datafusion_functions_json::register_all(session)?;
    session.register_udf(Arc::new(json_as_text_udf().as_ref().clone().with_aliases(["attr"])))?;
    of_number(session, "fmt_time", fmt_time);
    of_number(session, "fmt_duration", fmt_duration);
    of_number(session, "fmt_bytes", |bytes| numbers::bytes(bytes.unsigned_abs()));
    of_text(session, "run_of", run_of);
    Ok(())
}

fn of_number(session: &SessionContext, name: &'static str, of: fn(i64) -> String) {
    let invoke = move |arguments: &[ColumnarValue]| {
        let arrays = ColumnarValue::values_to_arrays(arguments)?;
        let numbers = arrays[0].as_primitive::<Int64Type>().iter();
        let texts: ArrayRef = Arc::new(numbers.map(|number| number.map(of)).collect::<StringArray>());
        Ok(ColumnarValue::Array(texts))
    };
    let function =
        create_udf(name, vec![DataType::Int64], DataType::Utf8, Volatility::Immutable, Arc::new(invoke));
    session.register_udf(function);
}

fn of_text(session: &SessionContext, name: &'static str, of: fn(&str) -> Option<String>) {
    let invoke = move |arguments: &[ColumnarValue]| {
        let arrays = ColumnarValue::values_to_arrays(arguments)?;
        let texts = arrays[0].as_string_view().iter();
        let texts: ArrayRef = Arc::new(texts.map(|text| text.and_then(of)).collect::<StringArray>());
        Ok(ColumnarValue::Array(texts))
    };
    let function =
        create_udf(name, vec![DataType::Utf8View], DataType::Utf8, Volatility::Immutable, Arc::new(invoke));
    session.register_udf(function);
}

fn fmt_time(nanos: i64) -> String {
    DateTime::<Utc>::from_timestamp_nanos(nanos).to_rfc3339_opts(SecondsFormat::Nanos, true)
}

fn fmt_duration(nanos: i64) -> String {
    let magnitude = numbers::duration(Duration::from_nanos(nanos.unsigned_abs()));
    if nanos < 0 { format!("-{magnitude}") } else { magnitude }
}

fn run_of(trace_id: &str) -> Option<String> {
    let mut id = TraceId::default();
    const_hex::decode_to_slice(trace_id, &mut id).ok()?;
    Some(ids::claimed_trace(id)?.run.to_string())
}
