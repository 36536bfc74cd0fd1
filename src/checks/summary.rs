//! What the differences of an audit come to: who is stored as whom, and which columns are not as sent.
//!
//! These are not checks. They arrange what checks found, so that a pattern shows.

use datafusion::{arrow::json::ArrayWriter, prelude::SessionContext};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

const MOVED_ROWS: &str = include_str!("../../sql/summaries/moved_rows.sql");
const STAYED_ROWS: &str = include_str!("../../sql/summaries/stayed_rows.sql");
const DIFFERING_COLUMNS: &str = include_str!("../../sql/summaries/differing_columns.sql");
const ALTERED_COLUMNS: &str = include_str!("../../sql/summaries/altered_columns.sql");

#[derive(Debug, Clone, Default)]
pub(crate) struct Summary {
    /// Nothing where every row is stored under the service that sent it.
    pub(crate) pollution: Vec<PollutionCell>,
    /// The most altered column first.
    pub(crate) fidelity: Vec<AlteredColumn>,
    /// All that differs from plans, whichever check finds it.
    pub(crate) differing: Vec<DifferingColumn>,
    /// What could not be summed up, and why.
    pub(crate) problems: Vec<String>,
}

/// Rows of one service that are stored under one name. None is a null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PollutionCell {
    pub(crate) sent_by: Option<String>,
    pub(crate) stored_as: Option<String>,
    pub(crate) rows: u64,
}

/// Differences from plans in one column that are of one kind: `witness`, `content`, `declared`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct DifferingColumn {
    pub(crate) column_name: String,
    pub(crate) kind: String,
    pub(crate) differences: u64,
}

/// A column with values that are not as planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AlteredColumn {
    pub(crate) column_name: String,
    pub(crate) differing: u64,
    pub(crate) file: Option<String>,
    pub(crate) row_number: Option<u64>,
    /// The JSON key, where the column is an object.
    pub(crate) key: Option<String>,
    pub(crate) expected: Option<String>,
    pub(crate) actual: Option<String>,
}

/// Asks the tables of a judgement; what cannot be answered is said.
pub(crate) async fn summarise(session: &SessionContext) -> Summary {
    let mut summary = Summary::default();
    match pollution(session).await {
        Ok(pollution) => summary.pollution = pollution,
        Err(err) => summary.problems.push(format!("the pollution matrix is not known: {err:#}")),
    }
    match rows_of(session, ALTERED_COLUMNS).await {
        Ok(fidelity) => summary.fidelity = fidelity,
        Err(err) => summary.problems.push(format!("fidelity by column is not known: {err:#}")),
    }
    match rows_of(session, DIFFERING_COLUMNS).await {
        Ok(differing) => summary.differing = differing,
        Err(err) => summary.problems.push(format!("what differs from plans is not known: {err:#}")),
    }
    summary
}

/// The cells of the services that a row was moved from or to.
async fn pollution(session: &SessionContext) -> anyhow::Result<Vec<PollutionCell>> {
    let mut cells: Vec<PollutionCell> = rows_of(session, MOVED_ROWS).await?;
    if cells.is_empty() {
        return Ok(cells);
    }
    // Counting the rest takes a look at every planned span.
    let stayed: Vec<PollutionCell> = rows_of(session, STAYED_ROWS).await?;
    let concerned = |service: &Option<String>| {
        cells.iter().any(|cell| cell.sent_by == *service || cell.stored_as == *service)
    };
    let stayed: Vec<_> = stayed.into_iter().filter(|cell| concerned(&cell.sent_by)).collect();
    cells.extend(stayed);
    cells.sort_by(|a, b| (&a.sent_by, &a.stored_as).cmp(&(&b.sent_by, &b.stored_as)));
    Ok(cells)
}

async fn rows_of<T: DeserializeOwned>(session: &SessionContext, sql: &str) -> anyhow::Result<Vec<T>> {
    let batches = session.sql(sql).await?.collect().await?;
    let mut writer = ArrayWriter::new(Vec::new());
    writer.write_batches(&batches.iter().collect::<Vec<_>>())?;
    writer.finish()?;
    let json = writer.into_inner();
    if json.is_empty() { Ok(Vec::new()) } else { Ok(serde_json::from_slice(&json)?) }
}
