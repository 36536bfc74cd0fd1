//! The pages of traces.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use datafusion::{
    arrow::{
        array::AsArray,
        compute::cast,
        datatypes::{DataType, UInt64Type},
    },
    functions::expr_fn::substring,
    functions_aggregate::expr_fn::{count, min},
    logical_expr::{col, lit},
    prelude::SessionContext,
};

use super::{Hidden, SAMPLED, TracePage, known::Known, services::texts};

/// Traces of each file in turn, [`SAMPLED`] in all, or fewer where no file has more beginnings of ids.
pub(super) async fn sample(services: &[String], session: &SessionContext) -> anyhow::Result<Vec<String>> {
    let mut rows = session.table("stored").await?;
    if !services.is_empty() {
        let names = services.iter().map(|name| lit(name.as_str())).collect();
        rows = rows.filter(col("service_name").in_list(names, false))?;
    }
    let by = vec![col("file"), substring(col("trace_id"), lit(1), lit(1))];
    let mut of_file: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for batch in rows.aggregate(by, vec![min(col("trace_id"))])?.collect().await? {
        for (file, trace) in texts(&batch, 0)?.into_iter().zip(texts(&batch, 2)?) {
            if !trace.is_empty() {
                of_file.entry(file).or_default().insert(trace);
            }
        }
    }
    let step = of_file.len().div_ceil(SAMPLED).max(1);
    let mut files: Vec<_> = of_file.into_values().step_by(step).map(BTreeSet::into_iter).collect();
    let mut sample = BTreeSet::new();
    while sample.len() < SAMPLED && !files.is_empty() {
        files.retain_mut(|traces| {
            let next = traces.next().filter(|_| sample.len() < SAMPLED);
            next.map(|trace| sample.insert(trace)).is_some()
        });
    }
    Ok(sample.into_iter().collect())
}

/// One for each of the traces, stored or not.
pub(super) async fn pages(
    traces: &[String],
    known: &Known<'_>,
    session: &SessionContext,
) -> anyhow::Result<Vec<TracePage>> {
    let mut copies: BTreeMap<(String, String), Vec<(String, u64)>> = BTreeMap::new();
    let ids = traces.iter().map(|trace| lit(trace.as_str())).collect();
    let by = ["trace_id", "span_id", "file"].map(col).to_vec();
    let rows = session.table("stored").await?.filter(col("trace_id").in_list(ids, false))?;
    for batch in rows.aggregate(by, vec![count(lit(1))])?.collect().await? {
        let (traces, spans, files) = (texts(&batch, 0)?, texts(&batch, 1)?, texts(&batch, 2)?);
        let counts = cast(batch.column(3), &DataType::UInt64)?;
        let counts = counts.as_primitive::<UInt64Type>();
        for (row, ((trace, span), file)) in traces.into_iter().zip(spans).zip(files).enumerate() {
            copies.entry((trace, span)).or_default().push((file, counts.value(row)));
        }
    }
    traces.iter().map(|trace| page(trace, &copies, known)).collect()
}

fn page(
    trace: &str,
    copies: &BTreeMap<(String, String), Vec<(String, u64)>>,
    known: &Known<'_>,
) -> anyhow::Result<TracePage> {
    let named: HashSet<u32> = known.index.files_of(trace)?.into_iter().collect();
    let hidden_in = |file: &str| known.hidden_from_trace(file, &named);
    let reads = |file: &str| hidden_in(file).is_none();
    let once = known.removes_copies(reads);
    let failure = known.failure(reads);
    let mut page = TracePage { trace_id: trace.to_owned(), failure, ..TracePage::default() };
    let from = (trace.to_owned(), String::new());
    for ((_, span), copies) in copies.range(from..).take_while(|((of, _), _)| of == trace) {
        page.stored += 1;
        let shown: u64 = copies.iter().filter(|(file, _)| reads(file)).map(|(_, rows)| rows).sum();
        let why = match failure {
            None if shown > 0 => {
                page.spans.insert(span.clone(), if once { 1 } else { shown });
                continue;
            }
            None => copies.iter().filter_map(|(file, _)| hidden_in(file)).max().unwrap_or(Hidden::NotIndexed),
            Some(failure) => failure,
        };
        *page.hidden.entry(why).or_default() += 1;
    }
    page.shown = page.spans.len() as u64;
    page.repeated = page.spans.values().filter(|times| **times > 1).count() as u64;
    Ok(page)
}
