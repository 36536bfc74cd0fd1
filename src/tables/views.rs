//! Tables that are SQL over other tables.

use std::sync::Arc;

use datafusion::{catalog::TableProvider, common::Result, datasource::ViewTable, error::DataFusionError};

use super::{catalog, judged, sources::Sources};
use crate::store::session;

const TRACES: &str = include_str!("../../sql/views/traces.sql");
const SERVICES: &str = include_str!("../../sql/views/services.sql");
const DUPLICATED_SPANS: &str = include_str!("../../sql/views/duplicated_spans.sql");

pub(super) async fn traces(sources: &Arc<Sources>) -> Result<Arc<dyn TableProvider>> {
    view(sources, TRACES, &["spans"]).await
}

pub(super) async fn services(sources: &Arc<Sources>) -> Result<Arc<dyn TableProvider>> {
    view(sources, SERVICES, &["spans"]).await
}

pub(super) async fn duplicated_spans(sources: &Arc<Sources>) -> Result<Arc<dyn TableProvider>> {
    let session = session::session(sources.limits())?;
    let planned =
        session.read_table(sources.judged().await.map(|judged| judged::planned_duplicates(&judged))?)?;
    let unplanned = session.read_table(view(sources, DUPLICATED_SPANS, &["unplanned_rows"]).await?)?;
    Ok(planned.union(unplanned)?.into_view())
}

/// `sql` over the tables that it reads.
async fn view(sources: &Arc<Sources>, sql: &str, reads: &[&str]) -> Result<Arc<dyn TableProvider>> {
    let session = session::session(sources.limits())?;
    for name in reads {
        let table = catalog::table(name)
            .ok_or_else(|| DataFusionError::Internal(format!("a view of `{name}`, which no table is")))?;
        session.register_table(*name, table.make(sources).await?)?;
    }
    let plan = session.sql(sql).await?.into_unoptimized_plan();
    Ok(Arc::new(ViewTable::new(plan, Some(sql.to_owned()))))
}
