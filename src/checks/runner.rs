//! Runs checks to the end; one that cannot run becomes a verdict, not a return.

use std::sync::Arc;

use datafusion::{
    arrow::compute::SortOptions,
    config::Dialect,
    error::DataFusionError,
    execution::context::SQLOptions,
    logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Projection, Sort},
    physical_plan::{ExecutionPlan, execute_stream},
    prelude::{DataFrame, SessionContext},
};
use futures::StreamExt;
use serde::Serialize;

use super::{
    baseline::Baseline,
    catalog::{Check, Examines, Finding, Needs, Scope, Severity},
    findings::{Collector, Findings, SampleLimits},
};
use crate::{
    base::temporary,
    index::read::IndexState,
    judge::{
        account::Account,
        judgement::{Depth, Judgement},
    },
    store::{layout::Tier, nesting, precedence},
    tables::{catalog, judged::Judged, provider::Tables},
};

/// What a check told us.
#[derive(Debug)]
pub(crate) enum Verdict {
    Pass,
    Fail(Findings),
    /// The rule is broken, and its severity, less than an error, lets an audit pass.
    Noted(Severity, Findings),
    /// All that was found is in the baseline.
    Accepted(Findings),
    /// It does not apply here.
    Skipped(String),
    /// It applies, but was not settled for these rows.
    Inconclusive(Findings),
    /// The check itself failed.
    Broken(String),
}

/// A check, how much it looked at, and what it told us.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) check: Check,
    pub(crate) examined: u64,
    /// Files that the rows which it looked at lie in; none where it did not look at rows.
    pub(crate) files: Option<u64>,
    pub(crate) verdict: Verdict,
    /// What it read of the files by itself, beyond the one sweep that all share.
    pub(crate) own_scan: Option<OwnScan>,
}

/// What a query that reads stored rows itself cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct OwnScan {
    pub(crate) rows: u64,
    /// Of Parquet files; segments are not counted.
    pub(crate) bytes: u64,
}

impl Verdict {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail(_) => "fail",
            Self::Noted(severity, _) => severity.name(),
            Self::Accepted(_) => "accepted",
            Self::Skipped(_) => "skipped",
            Self::Inconclusive(_) => "inconclusive",
            Self::Broken(_) => "broken",
        }
    }

    pub(crate) fn findings(&self) -> Option<&Findings> {
        match self {
            Self::Fail(findings)
            | Self::Noted(_, findings)
            | Self::Accepted(findings)
            | Self::Inconclusive(findings) => Some(findings),
            Self::Pass | Self::Skipped(_) | Self::Broken(_) => None,
        }
    }

    fn of(check: &Check, findings: Findings) -> Self {
        if findings.total == 0 {
            return Self::Pass;
        }
        if findings.fresh() == 0 {
            return Self::Accepted(findings);
        }
        match (check.finding, check.severity) {
            (Finding::Undecided, _) => Self::Inconclusive(findings),
            (Finding::Broken, Severity::Error) => Self::Fail(findings),
            (Finding::Broken, lesser) => Self::Noted(lesser, findings),
        }
    }
}

impl Checked {
    /// Whether the check went over all that there was.
    pub(crate) fn looked(&self) -> bool {
        !matches!(self.verdict, Verdict::Skipped(_) | Verdict::Broken(_))
    }

    /// What a baseline holds of this check that it did not find again, with what each is about.
    pub(crate) fn stale(&self, baseline: &Baseline) -> Vec<(String, String)> {
        let met = self.verdict.findings().map(|findings| &findings.met);
        let gone = |key: &(String, u128)| met.is_none_or(|met| !met.contains_key(key));
        let of_check = baseline.of_check(&self.check.id).filter(|(key, _)| self.looked() && gone(key));
        of_check.map(|((id, _), accepted)| (id.clone(), accepted.finding.clone())).collect()
    }
}

/// Whether any check asks for what rows say of Junjo's executions.
pub(crate) fn read_records(checks: &[Check], session: &SessionContext) -> bool {
    checks.iter().any(|check| check.examines.are_recorded())
        || checks.iter().any(|check| names_records(check, session))
}

/// Whether a check's query does.
fn names_records(check: &Check, session: &SessionContext) -> bool {
    let reads = || {
        nesting::check(&check.sql).ok()?;
        let state = session.state();
        let statement = state.sql_to_statement(&check.sql, &Dialect::PostgreSQL).ok()?;
        let tables = state.resolve_table_references(&statement).ok()?;
        let may_need =
            |name: &str| catalog::table(name).is_none_or(|table| table.needs == catalog::Needs::Records);
        Some(tables.iter().any(|table| may_need(table.table())))
    };
    // One that cannot be read is broken, and asks for nothing.
    reads().unwrap_or(false)
}

/// Runs `checks` over the tables of a judgement.
///
/// Facts that do not fit into memory at once come in shards of whole traces: a check whose scope is a trace
/// runs once for each.
pub(crate) async fn run_checks(
    session: &SessionContext,
    tables: &Tables,
    judged: &Judged,
    checks: Vec<Check>,
    keeping: SampleLimits<'_>,
) -> Vec<Checked> {
    let mut running: Vec<Running<'_>> =
        checks.into_iter().map(|check| Running::start(check, judged, tables, keeping)).collect();
    let of_scope = |scope: Scope| move |one: &&mut Running<'_>| one.is_open() && one.check.scope == scope;
    for one in running.iter_mut().filter(of_scope(Scope::Store)) {
        one.ask(session, tables).await;
    }
    let shards = judged.facts.facts.shards();
    for (number, shard) in shards.iter().enumerate() {
        let shown = if shards.len() == 1 { Ok(()) } else { judged.show_shard(shard.clone(), number == 0) };
        for one in running.iter_mut().filter(of_scope(Scope::Trace)) {
            match &shown {
                Ok(()) => one.ask(session, tables).await,
                Err(err) => one.outcome = Outcome::Broken(err.to_string()),
            }
        }
    }
    running.into_iter().map(|one| one.finish(&judged.judgement)).collect()
}

/// A check on its way to a verdict.
struct Running<'k> {
    check: Check,
    examined: u64,
    outcome: Outcome<'k>,
    own_scan: Option<OwnScan>,
    keeping: SampleLimits<'k>,
}

enum Outcome<'k> {
    Open(Option<Box<Collector<'k>>>),
    Skipped(String),
    Broken(String),
}

impl<'k> Running<'k> {
    fn start(check: Check, judged: &Judged, tables: &Tables, keeping: SampleLimits<'k>) -> Self {
        let examined = examined(check.examines, judged, tables);
        let without_index = match check.needs {
            Needs::Index => no_index(&check, tables),
            Needs::Nothing | Needs::Run | Needs::WholeStore => None,
        };
        let skipped =
            |examined: u64| without_index.or_else(|| reason_to_skip(&check, &judged.judgement, examined));
        let outcome = match &examined {
            Ok(examined) => skipped(*examined).map_or(Outcome::Open(None), Outcome::Skipped),
            Err(err) => Outcome::Broken(err.strip_backtrace()),
        };
        let examined = examined.unwrap_or_default();
        Self { check, examined, outcome, own_scan: None, keeping }
    }

    fn is_open(&self) -> bool {
        matches!(self.outcome, Outcome::Open(_))
    }

    /// Adds what the query finds now to what it has found.
    async fn ask(&mut self, session: &SessionContext, tables: &Tables) {
        let Outcome::Open(collector) = &mut self.outcome else { return };
        tables.sources.begin_statement();
        match find(session, &self.check, self.keeping, collector).await {
            Ok(scan) => {
                let both =
                    |a: OwnScan, b: OwnScan| OwnScan { rows: a.rows + b.rows, bytes: a.bytes + b.bytes };
                self.own_scan = self.own_scan.into_iter().chain(scan).reduce(both);
            }
            Err(err) => {
                let hint = tables.sources.take_missing().map(|name| format!(": {}", catalog::hint(&name)));
                let told = temporary::trouble(&err).map_or_else(
                    || err.strip_backtrace(),
                    |problem| format!("{problem}; {}", problem.hint()),
                );
                let what = told.replace('\n', " ");
                self.outcome = Outcome::Broken(what + &hint.unwrap_or_default());
            }
        }
    }

    fn finish(self, judgement: &Judgement) -> Checked {
        let Self { check, examined, outcome, own_scan, .. } = self;
        let files = check
            .examines
            .are_rows()
            .then(|| judgement.files_read(Tier::Cold) + judgement.files_read(Tier::Wal));
        let verdict = match outcome {
            Outcome::Skipped(reason) => Verdict::Skipped(reason),
            Outcome::Broken(reason) => Verdict::Broken(reason),
            Outcome::Open(None) => Verdict::Broken("it was never asked".to_owned()),
            Outcome::Open(Some(collector)) => match collector.finish() {
                Ok(findings) => Verdict::of(&check, findings),
                Err(err) => Verdict::Broken(err.to_string()),
            },
        };
        Checked { check, examined, files, verdict, own_scan }
    }
}

/// An index that is there and cannot be read is what an undecided check finds; to others it is none.
fn no_index(check: &Check, tables: &Tables) -> Option<String> {
    match &*tables.sources.index() {
        IndexState::Absent(why) => Some(why.clone()),
        IndexState::Unreadable(_) if check.finding == Finding::Undecided => None,
        IndexState::Unreadable(why) => Some(format!("the studio's index cannot be read: {why}")),
        IndexState::Read(_) => None,
    }
}

fn examined(kind: Examines, judged: &Judged, tables: &Tables) -> Result<u64, DataFusionError> {
    let Judged { judgement, facts, .. } = judged;
    let Account { acked, settled, rejected, partial_exports, retried, indeterminate, .. } = judgement.account;
    let read = |tier: Tier| judgement.files_read(tier);
    Ok(match kind {
        Examines::JunjoExecutions => judged.junjo()?.counts.executions,
        Examines::JunjoGraphs => judged.junjo()?.counts.graphs,
        Examines::JunjoStores => judged.junjo()?.counts.stores,
        Examines::JunjoAgents => judged.junjo()?.counts.agents,
        Examines::JunjoEvaluations => judged.junjo()?.counts.evaluations,
        Examines::PluginSpans => judged.junjo()?.counts.plugin_spans,
        Examines::AckedSpans => acked,
        Examines::SettledSpans => settled,
        Examines::Runs => judgement.judged.len() as u64,
        Examines::RejectedSpans => rejected,
        Examines::PartialSuccesses => partial_exports,
        Examines::RetriedSpans => retried,
        Examines::StoredRows => judgement.rows.total(),
        Examines::PlannedRows => judgement.rows.claimed(),
        Examines::RowsWithWitnesses => judgement.rows.claimed() + judgement.collected.tagged_facts(),
        Examines::StructuralRows => judgement.rows.by_structure,
        Examines::Traces => facts.traces,
        Examines::Resources => judgement.collected.resources().len() as u64,
        Examines::UnansweredSpans => indeterminate,
        Examines::Files => read(Tier::Cold),
        Examines::Segments => read(Tier::Wal),
        Examines::FilesAndSegments => read(Tier::Cold) + read(Tier::Wal),
        Examines::AnyFiles => Tier::ALL.map(read).iter().sum(),
        Examines::DecodedFiles if judgement.depth == Depth::Content => read(Tier::Cold) + read(Tier::Hot),
        Examines::DecodedFiles => 0,
        Examines::Snapshots => read(Tier::Hot),
        Examines::IndexedFiles => match &*tables.sources.index() {
            IndexState::Read(index) => index.files.len() as u64,
            IndexState::Absent(_) | IndexState::Unreadable(_) => 0,
        },
        Examines::Entries => Tier::ALL.map(|tier| judgement.entries(tier)).iter().sum(),
    })
}

fn reason_to_skip(check: &Check, judgement: &Judgement, examined: u64) -> Option<String> {
    match check.needs {
        _ if judgement.depth != Depth::Content && examined == 0 => {
            Some(format!("not looked at (--depth {})", judgement.depth.name()))
        }
        Needs::Run
            if judgement.judged.is_empty()
                && judgement.rows.claimed() + judgement.rows.strays == 0
                && judgement.account.planned == 0 =>
        {
            Some("no run to hold the store against".to_owned())
        }
        Needs::WholeStore if !judgement.whole_store => Some("one file alone cannot tell".to_owned()),
        _ => {
            (examined == 0).then(|| format!("no {}{} here", check.examines.nouns().1, check.examines.since()))
        }
    }
}

async fn find<'k>(
    session: &SessionContext,
    check: &Check,
    keeping: SampleLimits<'k>,
    found: &mut Option<Box<Collector<'k>>>,
) -> Result<Option<OwnScan>, DataFusionError> {
    let only_ask = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    nesting::check(&check.sql).map_err(|err| DataFusionError::Plan(err.to_string()))?;
    precedence::check(&check.sql).map_err(|err| DataFusionError::Plan(err.to_string()))?;
    let frame = session.sql_with_options(&check.sql, only_ask).await?;
    if matches!(frame.logical_plan(), LogicalPlan::Limit(_)) {
        let why =
            "a check has no LIMIT: all of its findings are counted, and --limit says how many are shown";
        return Err(DataFusionError::Plan(why.to_owned()));
    }
    let (state, plan) = frame.into_parts();
    let (plan, order) = unsorted(plan)?;
    let frame = DataFrame::new(state, plan);
    let context = Arc::new(frame.task_ctx());
    let plan = frame.create_physical_plan().await?;
    let mut batches = execute_stream(Arc::clone(&plan), context)?;
    let collector = match found {
        Some(collector) => collector,
        none => none.insert(Box::new(Collector::new(&check.id, &batches.schema(), &order, keeping)?)),
    };
    while let Some(batch) = batches.next().await {
        collector.add(&batch?)?;
    }
    Ok(own_scan(&*plan))
}

/// A query without its outermost `ORDER BY`: what it sorts by becomes further columns, behind its own.
///
/// Findings are counted as they come, and the sample alone is sorted: sorting all of them would take memory for
/// each, and a check of a store that is wholly damaged would fail for want of it.
fn unsorted(plan: LogicalPlan) -> Result<(LogicalPlan, Vec<SortOptions>), DataFusionError> {
    let (columns, sort) = match plan {
        LogicalPlan::Sort(sort @ Sort { fetch: None, .. }) => {
            let columns = sort.input.schema().columns().into_iter().map(Expr::Column).collect();
            (columns, sort)
        }
        // What a query sorts by and does not return.
        LogicalPlan::Projection(Projection { ref expr, ref input, .. }) => match &**input {
            LogicalPlan::Sort(sort @ Sort { fetch: None, .. }) => (expr.clone(), sort.clone()),
            _ => return Ok((plan, Vec::new())),
        },
        other => return Ok((other, Vec::new())),
    };
    let keys = sort.expr.iter().enumerate();
    let keys = keys.map(|(number, key)| key.expr.clone().alias(format!("sorted by {number}")));
    let order =
        sort.expr.iter().map(|key| SortOptions { descending: !key.asc, nulls_first: key.nulls_first });
    let columns: Vec<Expr> = columns;
    let plan = LogicalPlanBuilder::from(sort.input.as_ref().clone())
        .project(columns.into_iter().chain(keys))?
        .build()?;
    Ok((plan, order.collect()))
}

/// What the leaves of a plan that has run read from files.
fn own_scan(plan: &dyn ExecutionPlan) -> Option<OwnScan> {
    let children = plan.children();
    if !children.is_empty() {
        let scans = children.into_iter().filter_map(|child| own_scan(&**child));
        return scans.reduce(|a, b| OwnScan { rows: a.rows + b.rows, bytes: a.bytes + b.bytes });
    }
    let metrics = plan.metrics()?;
    let bytes = metrics.sum_by_name("bytes_scanned")?;
    Some(OwnScan { rows: metrics.output_rows().unwrap_or_default() as u64, bytes: bytes.as_usize() as u64 })
}

#[cfg(test)]
mod tests {
    use std::slice;

    use datafusion::prelude::ParquetReadOptions;

    use super::*;
    use crate::{
        checks::grammar,
        testing::{files, fixture},
    };

    async fn asked(sql: &str) -> Result<(u64, Option<OwnScan>), String> {
        let session = SessionContext::new();
        let cold = files(&fixture("getting-started/studio-0.82.1/spans/parquet"), ".parquet").remove(0);
        session
            .register_parquet("stored_spans", cold.to_string_lossy(), ParquetReadOptions::default())
            .await
            .unwrap();
        let head = "-- A rule.\n--\n-- Why.\n--\n-- Usually: u.\n--\n-- Not covered: x.\n";
        let check = grammar::parse("mine", "user", &format!("{head}{sql}\n")).unwrap();
        let keeping = SampleLimits { samples: 1, baseline: None, all_ids: false };
        let mut found = None;
        let scan = find(&session, &check, keeping, &mut found).await.map_err(|err| err.to_string())?;
        Ok((found.map_or(0, |found| found.finish().unwrap().total), scan))
    }

    #[tokio::test]
    async fn what_a_query_reads_by_itself_is_counted() {
        let (found, scan) =
            asked("SELECT a.name FROM stored_spans a JOIN stored_spans b USING (span_id)").await.unwrap();
        let scan = scan.unwrap();
        assert_eq!((found, scan.rows), (20, 40));
        assert!(scan.bytes > 0, "{scan:?}");
        assert_eq!(asked("SELECT 1 AS one").await.unwrap(), (1, None));
    }

    #[test]
    fn junjo_telemetry_is_kept_for_those_that_ask_for_it() {
        let session =
            crate::store::session::session(crate::base::memory::Memory::default().session()).unwrap();
        for check in crate::checks::catalog::built_in().unwrap() {
            assert_eq!(
                read_records(slice::from_ref(&check), &session),
                check.family == "junjo",
                "{}",
                check.id
            );
        }
        let head = "-- A rule.\n--\n-- Why.\n--\n-- Usually: u.\n--\n-- Not covered: x.\n";
        for (sql, reads) in [
            ("SELECT name FROM executables", true),
            (
                "WITH own AS (SELECT * FROM spans) SELECT * FROM own JOIN (SELECT 1 FROM graph_edges) ON true",
                true,
            ),
            ("SELECT 1 FROM spans WHERE trace_id IN (SELECT trace_id FROM evaluations)", true),
            ("SELECT table_name FROM information_schema.tables", true),
            ("WITH executables AS (SELECT * FROM spans) SELECT * FROM executables", false),
            ("SELECT 'executables' FROM unplanned_rows", false),
            ("SELECT name FRM executables", false),
        ] {
            let check = grammar::parse("mine", "user", &format!("{head}{sql}\n")).unwrap();
            assert_eq!(read_records(slice::from_ref(&check), &session), reads, "{sql}");
        }
    }

    #[tokio::test]
    async fn a_query_can_only_ask() {
        for sql in [
            "COPY (SELECT 1) TO 'stolen.csv'",
            "CREATE TABLE mine AS SELECT 1",
            "DROP TABLE stored_spans",
            "SET datafusion.execution.batch_size = 1",
            "SELECT name FROM stored_spans LIMIT 1",
            "SELECT name FROM nowhere",
        ] {
            assert!(asked(sql).await.is_err(), "{sql}");
        }
    }
}
