//! The last step of completeness: found spans that the studio's pages find, too.

use std::collections::{BTreeMap, HashMap};

use datafusion::{
    arrow::{
        array::AsArray,
        compute::cast,
        datatypes::{DataType, Int64Type},
    },
    prelude::SessionContext,
};
use futures::StreamExt;

use super::coverage::Completeness;
use crate::{index::read::IndexState, judge::judgement::Judgement, tables::sources::Sources};

/// Files and traces of files that no page finds.
const HIDDEN: &str = "SELECT (SELECT count(*) FROM visible_files WHERE state NOT IN ('indexed', 'recent')) \
    + (SELECT count(*) FROM index_differences WHERE is_missing AND entry = 'trace_files')";

const HIDDEN_ROWS: &str = "\
    SELECT span.trace_id, span.span_id FROM stored_spans span JOIN visible_files file ON file.file = span.file \
    WHERE file.state NOT IN ('indexed', 'recent') \
    UNION ALL \
    SELECT span.trace_id, span.span_id FROM stored_spans span JOIN index_differences entry \
    ON entry.file = span.file AND entry.trace_id = span.trace_id \
    WHERE entry.is_missing AND entry.entry = 'trace_files'";

/// Says of each service how many of its found spans are visible, where there is an index: those with a copy in the
/// WAL, or in a file that the index leads to as it is.
pub(super) async fn note(
    completeness: &mut [Completeness],
    judgement: &Judgement,
    sources: &Sources,
    session: &SessionContext,
) -> anyhow::Result<()> {
    if completeness.is_empty() || !matches!(&*sources.index(), IndexState::Read(_)) {
        return Ok(());
    }
    let hidden = hidden(judgement, session).await?;
    for service in completeness {
        let key = (service.run.clone(), service.service.clone());
        let hidden = hidden.get(&key).copied().unwrap_or_default();
        service.visible = Some(service.found.saturating_sub(hidden));
    }
    Ok(())
}

/// By run and service: spans of which no copy is visible.
async fn hidden(
    judgement: &Judgement,
    session: &SessionContext,
) -> anyhow::Result<BTreeMap<(String, String), u64>> {
    let counted = session.sql(HIDDEN).await?.collect().await?;
    let any = counted.first().is_some_and(|batch| batch.column(0).as_primitive::<Int64Type>().value(0) > 0);
    if !any {
        return Ok(BTreeMap::new());
    }
    let mut copies: HashMap<(usize, u64), u64> = HashMap::new();
    let mut batches = session.sql(HIDDEN_ROWS).await?.execute_stream().await?;
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        let text = |column: usize| cast(batch.column(column), &DataType::Utf8);
        let (traces, spans) = (text(0)?, text(1)?);
        let (traces, spans) = (traces.as_string::<i32>(), spans.as_string::<i32>());
        for row in 0..batch.num_rows() {
            for span in judgement.runs.spans_with(traces.value(row), spans.value(row)) {
                *copies.entry((span.run, span.slot)).or_default() += 1;
            }
        }
    }
    let mut hidden: BTreeMap<(String, String), u64> = BTreeMap::new();
    for ((run, slot), copies) in copies {
        let known = &judgement.runs.runs[run];
        if copies >= u64::from(known.tally().get(slot).found()) {
            let service = known.expectation.service_name(slot).unwrap_or_default();
            *hidden.entry((known.run.to_string(), service.to_owned())).or_default() += 1;
        }
    }
    Ok(hidden)
}
