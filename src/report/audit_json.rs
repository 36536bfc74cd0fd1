//! An audit for machines: one JSON object, or one a line. `docs/audit.schema.json` has its form.

use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{audit_words as words, json, sql_line::sql_line};
use crate::{
    audit::{
        coverage::{Completeness, Coverage, RowCoverage, RunCoverage, SkippedFiles, TierCoverage},
        evidence::{PointsTo, Sample},
        executions::Execution,
        limits::Limit,
        report::{AuditReport, BaselineUse},
        verdict::Overall,
    },
    checks::{
        runner::{Checked, OwnScan, Verdict},
        summary::{AlteredColumn, PollutionCell},
    },
    judge::{
        cache::{
            recheck::Recheck,
            usage::{Amount, CacheUse},
        },
        scope::Scope,
    },
    text::numbers::moment,
};

/// The form of `--format json` and of what is saved with a run.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Json<'a> {
    version: u32,
    verdict: Overall,
    because: Vec<String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    limited_by: &'a [Limit],
    coverage: CoverageJson<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache: Option<CacheJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline: Option<&'a BaselineUse>,
    completeness: &'a [Completeness],
    pollution: &'a [PollutionCell],
    fidelity: &'a [AlteredColumn],
    /// Junjo executions with findings.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    executions: &'a [Execution],
    /// What could not be summed up.
    problems: &'a [String],
    checks: Vec<CheckJson<'a>>,
}

#[derive(Serialize)]
struct CoverageJson<'a> {
    store: &'a Path,
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<&'a str>,
    tiers: &'a [TierCoverage],
    rows: &'a RowCoverage,
    depth: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<ScopeJson<'a>>,
    bytes_scanned: u64,
    runs: Vec<RunJson<'a>>,
    other_runs: Vec<OtherRunJson<'a>>,
    not_read: Vec<NotReadJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<SkippedJson>,
    /// Seconds.
    took: f64,
}

/// What the audit took from its cache, and what it read.
#[derive(Serialize)]
struct CacheJson<'a> {
    file: &'a Path,
    taken: FilesJson,
    read: FilesJson,
    #[serde(skip_serializing_if = "Option::is_none")]
    recheck: Option<RecheckJson>,
    differing: &'a [String],
    /// The files that were taken, by when they were read.
    conclusions: Vec<ReadAtJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_per_row: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unusable: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_written: Option<&'a str>,
}

#[derive(Serialize)]
struct FilesJson {
    files: u64,
    rows: u64,
    bytes_scanned: u64,
}

#[derive(Serialize)]
struct RecheckJson {
    percent: f64,
    seed: u64,
    files: u64,
}

#[derive(Serialize)]
struct ReadAtJson<'a> {
    read_at: String,
    files: &'a [String],
}

#[derive(Serialize)]
struct ScopeJson<'a> {
    services: &'a [String],
    from: Option<String>,
    to: Option<String>,
}

#[derive(Serialize)]
struct RunJson<'a> {
    run: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    replay_of: Option<&'a Path>,
    planned: u64,
    acked: u64,
    rejected: u64,
    indeterminate: u64,
    not_started: u64,
    found: u64,
    unfinished: bool,
    barrier: BarrierJson,
    #[serde(skip_serializing_if = "Option::is_none")]
    lost: Option<LostJson>,
}

/// Acked spans that are lost, and between which acks.
#[derive(Serialize)]
struct LostJson {
    spans: u64,
    first_acked_at: String,
    last_acked_at: String,
    seconds: f64,
}

#[derive(Serialize)]
struct BarrierJson {
    kind: &'static str,
    text: String,
}

#[derive(Serialize)]
struct OtherRunJson<'a> {
    run: &'a str,
    why: String,
}

#[derive(Serialize)]
struct NotReadJson<'a> {
    file: &'a str,
    why: String,
}

#[derive(Serialize)]
struct CheckJson<'a> {
    id: &'a str,
    family: &'a str,
    /// Of a check whose findings are undecided: `inconclusive`.
    severity: &'static str,
    rule: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    examined: u64,
    /// What `examined` counts.
    examines: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    own_scan: Option<OwnScan>,
    /// All of them, those that a baseline accepts, too.
    findings: u64,
    accepted: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    points_to: Option<&'a PointsTo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sql: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usually: Option<&'a str>,
    samples: Vec<Value>,
}

/// The whole report with up to `limit` samples of each check, ending in a line's end.
pub(crate) fn render(report: &AuditReport, limit: usize) -> anyhow::Result<Vec<u8>> {
    let json = Json {
        version: VERSION,
        verdict: report.overall,
        because: report.because.iter().map(words::reason).collect(),
        limited_by: &report.limits,
        coverage: coverage_json(&report.coverage),
        cache: report.cache.as_ref().map(cache_json),
        baseline: report.baseline.as_ref(),
        completeness: &report.completeness,
        pollution: &report.summary.pollution,
        fidelity: &report.summary.fidelity,
        executions: &report.executions,
        problems: &report.summary.problems,
        checks: report.checked.iter().map(|one| check_json(report, one, limit)).collect(),
    };
    json::pretty(&json)
}

fn coverage_json(coverage: &Coverage) -> CoverageJson<'_> {
    let other_runs = coverage.other_runs.iter();
    let other_runs =
        other_runs.map(|other| OtherRunJson { run: &other.run, why: words::not_judged(&other.why) });
    let not_read = coverage.not_read.iter();
    let not_read = not_read.map(|one| NotReadJson { file: &one.file, why: words::not_read(&one.why) });
    CoverageJson {
        store: &coverage.store,
        of: coverage.of.as_deref(),
        tiers: &coverage.tiers,
        rows: &coverage.rows,
        depth: coverage.depth.name(),
        scope: (!coverage.scope.is_all()).then(|| scope_json(&coverage.scope)),
        bytes_scanned: coverage.bytes_scanned,
        runs: coverage.runs.iter().map(run_json).collect(),
        other_runs: other_runs.collect(),
        not_read: not_read.collect(),
        skipped: coverage.skipped.map(|SkippedFiles { files, bytes, before }| SkippedJson {
            files,
            bytes,
            before: moment(before.cast_unsigned()),
        }),
        took: coverage.took.as_secs_f64(),
    }
}

fn cache_json(used: &CacheUse) -> CacheJson<'_> {
    let files = |of: Amount| FilesJson { files: of.files, rows: of.rows, bytes_scanned: of.bytes };
    let recheck = |Recheck { share, seed }: Recheck| RecheckJson {
        percent: share.percent(),
        seed,
        files: used.rechecked,
    };
    let conclusions = used.conclusions.iter();
    CacheJson {
        file: &used.file,
        taken: files(used.taken),
        read: files(used.read),
        recheck: used.recheck.map(recheck),
        differing: &used.differing,
        conclusions: conclusions.map(|of| ReadAtJson { read_at: moment(of.at), files: &of.files }).collect(),
        size: used.size,
        bytes_per_row: used.bytes_per_row(),
        unusable: used.unusable.as_deref(),
        not_written: used.not_written.as_deref(),
    }
}

/// Cold files that were flushed before the judged runs began, and were not read.
#[derive(Serialize)]
struct SkippedJson {
    files: u64,
    bytes: u64,
    /// Their names tell an earlier time.
    before: String,
}

fn scope_json(scope: &Scope) -> ScopeJson<'_> {
    let time = |at: Option<i64>| at.map(|at| moment(at.cast_unsigned()));
    ScopeJson { services: &scope.services, from: time(scope.from), to: time(scope.to) }
}

fn run_json(run: &RunCoverage) -> RunJson<'_> {
    let (kind, text) = words::barrier(&run.barrier);
    RunJson {
        run: &run.run,
        replay_of: run.replay_of.as_deref(),
        planned: run.planned,
        acked: run.acked,
        rejected: run.rejected,
        indeterminate: run.indeterminate,
        not_started: run.not_started,
        found: run.found,
        unfinished: run.unfinished,
        barrier: BarrierJson { kind, text },
        lost: run.lost.map(|lost| LostJson {
            spans: lost.spans,
            first_acked_at: moment(lost.first_acked),
            last_acked_at: moment(lost.last_acked),
            seconds: (lost.last_acked - lost.first_acked) as f64 / 1e9,
        }),
    }
}

/// One object a line, each with its `type`: the audit, then each check, followed by its findings.
pub(crate) fn render_lines(report: &AuditReport, limit: usize) -> anyhow::Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut line = |value: &Value| -> anyhow::Result<()> {
        text.extend(json::line(value)?);
        Ok(())
    };
    line(&json!({
        "type": "audit",
        "version": VERSION,
        "verdict": report.overall,
        "because": words::reasons(report),
        "limited_by": report.limits,
        "coverage": coverage_json(&report.coverage),
        "cache": report.cache.as_ref().map(cache_json),
        "baseline": report.baseline,
    }))?;
    for one in &report.checked {
        let check = check_json(report, one, 0);
        let mut value = typed("check", serde_json::to_value(check)?);
        value.remove("samples");
        line(&Value::Object(value))?;
        for sample in samples(report, one, limit) {
            let mut value = typed("finding", sample_json(sample));
            value.insert("check".to_owned(), one.check.id.clone().into());
            value.insert("verdict".to_owned(), one.verdict.name().into());
            line(&Value::Object(value))?;
        }
    }
    Ok(text)
}

fn typed(of: &str, value: Value) -> Map<String, Value> {
    let Value::Object(mut map) = value else { return Map::new() };
    map.insert("type".to_owned(), of.into());
    map
}

fn check_json<'r>(report: &'r AuditReport, checked: &'r Checked, limit: usize) -> CheckJson<'r> {
    let Checked { check, examined, files, verdict, own_scan } = checked;
    let found = verdict.findings();
    let evidence = report.evidence.get(&check.id).filter(|evidence| !evidence.samples.is_empty());
    CheckJson {
        id: &check.id,
        family: &check.family,
        severity: check.weight(),
        rule: &check.rule,
        code: check.code.as_deref(),
        verdict: verdict.name(),
        reason: match verdict {
            Verdict::Skipped(reason) | Verdict::Broken(reason) => Some(reason),
            _ => None,
        },
        examined: *examined,
        examines: check.examines.nouns().1,
        files: *files,
        own_scan: *own_scan,
        findings: found.map_or(0, |findings| findings.total),
        accepted: found.map_or(0, |findings| findings.accepted),
        points_to: evidence.map(|evidence| &evidence.points_to),
        sql: evidence.and_then(|evidence| sql_line(&report.sql_command, check, evidence)),
        usually: evidence.map(|_| check.usually.as_str()),
        samples: samples(report, checked, limit).iter().map(sample_json).collect(),
    }
}

/// Up to `limit` of a check's samples.
pub(crate) fn samples<'r>(report: &'r AuditReport, checked: &Checked, limit: usize) -> &'r [Sample] {
    let samples = report.evidence.get(&checked.check.id).map_or(&[][..], |evidence| &evidence.samples);
    &samples[..limit.min(samples.len())]
}

/// The columns of a finding and its id.
fn sample_json(sample: &Sample) -> Value {
    let mut values = sample.values.clone();
    values.insert("id".to_owned(), sample.id.clone().into());
    Value::Object(values)
}
