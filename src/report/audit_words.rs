//! The words of an audit's typed data: reasons, limits, barriers, runs that were not judged, evidence.

use std::{fmt::Write as _, time::Duration};

use crate::{
    audit::{
        coverage::{BarrierCoverage, NotJudged, NotReadWhy, RowCoverage},
        evidence::{CallSeen, ExportSeen, PointsTo},
        limits::Limit,
        report::AuditReport,
        verdict::Reason,
    },
    checks::runner::{Checked, OwnScan, Verdict},
    judge::{
        cache::{
            recheck::Recheck,
            usage::{Amount, CacheUse},
        },
        judgement::Losses,
    },
    text::numbers::{bytes, counted, duration, grouped, moment, service},
};

/// Values of a limit that are named where a line has to be short.
const VALUES_SHOWN: usize = 6;

/// Why the verdict is what it is, and what could not be summed up.
pub(crate) fn reasons(report: &AuditReport) -> Vec<String> {
    report.because.iter().map(reason).chain(report.summary.problems.iter().cloned()).collect()
}

pub(crate) fn reason(reason: &Reason) -> String {
    match reason {
        Reason::NewestRunUnreadable => {
            "the newest run may be one whose manifest cannot be read; --run names another".to_owned()
        }
        Reason::ShardsMissing { run, shards } => {
            let shards = shards.join(", ");
            format!("run {run}: the folders of shards {shards} are absent, and what they sent is unknown")
        }
        Reason::NothingAcked { run, is_scoped } => {
            let part = if *is_scoped { " within the scope" } else { "" };
            format!("run {run}: nothing{part} was acked, so nothing can be lost")
        }
        Reason::ExpectationUnreadable { run, why } => {
            format!("run {run}: the records of what was sent cannot be read: {why}")
        }
        Reason::SourceUnavailable { run, why } => {
            format!("run {run}: which columns differ is not known of all rows: {why}")
        }
        Reason::NotRead { file, problem, is_of_rights, others } => {
            let others = if *others > 0 { format!(", and {} more", grouped(*others)) } else { String::new() };
            let remedy = if *is_of_rights {
                "; give this user permission to read files and to list and enter folders (`chmod -R u+rX`)"
            } else {
                ""
            };
            format!("not everything could be read: `{file}`{others}: {problem}{remedy}")
        }
        Reason::ChangedUnseen { file, others } => {
            let others = if *others > 0 { format!(", and {} more", grouped(*others)) } else { String::new() };
            format!(
                "`{file}`{others}: another content than the cache remembers, with the same size and time of \
                 modification; every file was read again"
            )
        }
        Reason::NoRowJudged { depth } => {
            format!("only files were examined (--depth {}): no row was judged", depth.name())
        }
        Reason::Uncovered { column, differences, check } => format!(
            "{} from the plan in `{column}` not judged: {check} did not run (--allow-uncovered accepts that)",
            counted(*differences, "difference")
        ),
        Reason::NothingToJudge => "no row was judged".to_owned(),
        Reason::NothingExamined => "no check that ran had anything to examine".to_owned(),
        Reason::Undecided { spans } => format!(
            "{} neither found nor known to be lost, and no selected check covers that (pending_spans, unproven_spans)",
            counted(*spans, "acked span")
        ),
        Reason::WarningsFail => "warnings fail this audit (--fail-on warn)".to_owned(),
        Reason::SpansRefused { spans } => format!("{} refused", counted(*spans, "span")),
        Reason::SpansNotSent { spans } => {
            format!("{} of the source cannot be sent, and were not", counted(*spans, "span"))
        }
        Reason::SourceNotRead { file, problem, others } => {
            let others = if *others > 0 { format!(", and {} more", grouped(*others)) } else { String::new() };
            format!("not all of the source was read and sent: `{file}`{others}: {problem}")
        }
        Reason::OutcomeUnknown { spans } => {
            format!("{} sent with an unknown outcome", counted(*spans, "span"))
        }
        Reason::ThresholdMissed { threshold } => format!("threshold not met: {threshold}"),
        Reason::BarrierRefused { text } => text.clone(),
        Reason::Interrupted => "interrupted before everything was sent".to_owned(),
        Reason::PagesDiffer { studio, differences } => format!(
            "the studio at {studio} shows other than predicted: {}",
            counted(*differences, "difference")
        ),
        Reason::IndexNotRead { why } => format!("what the studio's pages find is not known: {why}"),
    }
}

/// `--only lost_spans, --skip links`; empty where nothing was left out.
pub(crate) fn limits(report: &AuditReport, most: usize) -> String {
    report.limits.iter().map(|limit| self::limit(limit, most)).collect::<Vec<_>>().join(", ")
}

/// All limits on a line that people read.
pub(crate) fn limits_in_short(report: &AuditReport) -> String {
    limits(report, VALUES_SHOWN)
}

fn limit(Limit { option, values, file }: &Limit, most: usize) -> String {
    let shown = values.iter().take(most).map(String::as_str).collect::<Vec<_>>().join(",");
    let more = match values.len().saturating_sub(most) {
        0 => String::new(),
        hidden => format!(" and {hidden} more"),
    };
    let file = file.as_ref().map(|file| format!(" (`{}`)", file.display())).unwrap_or_default();
    let shown = if shown.is_empty() { shown } else { format!(" {shown}") };
    format!("{option}{shown}{more}{file}")
}

/// `40 rows: 38 match the plan, 2 differ, 0 unplanned`.
pub(crate) fn rows(rows: &RowCoverage) -> String {
    let RowCoverage { as_planned, differing, by_structure, unexpected, out_of_scope } = *rows;
    let mut text = format!(
        "{}: {} match the plan, {} differ, {} unplanned",
        counted(as_planned + differing + by_structure + unexpected, "row"),
        grouped(as_planned),
        grouped(differing),
        grouped(by_structure)
    );
    for (count, what) in [(unexpected, "without a place in a plan"), (out_of_scope, "out of scope")] {
        if count > 0 {
            write!(text, ", {} {what}", grouped(count)).ok();
        }
    }
    text
}

/// What an audit took from its cache, and how far that is to be trusted.
pub(crate) fn cache(used: &CacheUse) -> Vec<String> {
    let CacheUse { unusable, not_written, taken, read, rechecked, recheck, conclusions, size, .. } = used;
    let files = |of: &Amount| format!("{}, {}", counted(of.files, "cold file"), counted(of.rows, "row"));
    let mut lines = vec![format!("{} remembered; read {}", files(taken), files(read))];
    if let Some(oldest) = conclusions.first() {
        lines.push(format!("the oldest as read {}: damage since then may not show", moment(oldest.at)));
    }
    if let Some(Recheck { share, seed }) = recheck {
        let percent = share.percent();
        lines.push(format!("{rechecked} of the files read again to compare ({percent} %, seed {seed})"));
    }
    if let Some(why) = unusable {
        lines.push(format!("what was in it was not used: {why}"));
    }
    if let Some(why) = not_written {
        lines.push(format!("not written: {why}"));
    }
    if let Some(size) = size {
        let per_row = used.bytes_per_row().map(|per_row| format!(", {per_row:.1} bytes a row"));
        lines.push(bytes(*size) + &per_row.unwrap_or_default());
    }
    lines
}

/// The name of a barrier in machine formats, and its text.
pub(crate) fn barrier(barrier: &BarrierCoverage) -> (&'static str, String) {
    let called = |rpc: &str, at: u64, after| {
        format!("{rpc} at {}, {} after the last ack", moment(at), duration(after))
    };
    match *barrier {
        BarrierCoverage::NothingAcked => ("nothing acked", "none needed: nothing was acked".to_owned()),
        BarrierCoverage::Flush { at, after } => ("flush", called("FlushWAL", at, after)),
        BarrierCoverage::Snapshot { at, after } => ("snapshot", called("PrepareHotSnapshot", at, after)),
        BarrierCoverage::Settled { after } => {
            ("settled", format!("no flush after the last ack, but {} until the read", duration(after)))
        }
        BarrierCoverage::Pending => {
            ("none", "none: acked spans may still be in the studio's memory".to_owned())
        }
        BarrierCoverage::NotNeeded => {
            ("none", "none, and none needed: every acked span was found".to_owned())
        }
    }
}

/// `100 acked spans, acked within 1.2 s, from 2026-11-23T20:44:41Z on`.
pub(crate) fn losses(Losses { spans, first_acked, last_acked }: Losses) -> String {
    let within = duration(Duration::from_nanos(last_acked - first_acked));
    format!("{}, acked within {within}, from {} on", counted(spans, "acked span"), moment(first_acked))
}

pub(crate) fn not_judged(why: &NotJudged) -> String {
    match why {
        NotJudged::Depth(depth) => format!("not looked for (--depth {})", depth.name()),
        NotJudged::OtherRunChosen => "its rows here were compared; another run is judged".to_owned(),
        NotJudged::OneFile => "its rows here were compared; one file cannot show what is absent".to_owned(),
        NotJudged::NoSpanHere => {
            "sent to this store, and none of its spans is here; `--run all` judges it".to_owned()
        }
        NotJudged::NotOfThisStore => "none of its spans is in this store".to_owned(),
        NotJudged::OtherStore(store) => format!("its manifest names another store, `{}`", store.display()),
        NotJudged::RunsLeftOut => "its rows are here, and runs were left out (--run none)".to_owned(),
        NotJudged::FolderAbsent => "its rows are here, and its folder is not among the runs".to_owned(),
        NotJudged::Unreadable(error) => format!("cannot be judged: {error}"),
    }
}

pub(crate) fn not_read(why: &NotReadWhy) -> String {
    match why {
        NotReadWhy::Temporary => "temporary: the studio ignores it".to_owned(),
        NotReadWhy::Foreign => "not a file of the studio's".to_owned(),
        NotReadWhy::Problem(problem) => problem.clone(),
    }
}

/// Where the first of the findings was seen; empty where nothing is known.
pub(crate) fn first_seen(points_to: &PointsTo) -> String {
    let PointsTo { first_minute, export, call } = points_to;
    let mut parts = Vec::new();
    if let Some(ExportSeen { run, service_name, first_ordinal, spans, outcome, started_at }) = export {
        let sender = service_name.as_ref().map_or("a collector".to_owned(), |name| service(name));
        let last = first_ordinal + u64::from(*spans).saturating_sub(1);
        parts.push(format!(
            "{started_at}, the export of {sender} with its spans {first_ordinal} to {last} (run {run}, {outcome})"
        ));
    }
    if let Some(CallSeen { rpc, began }) = call {
        parts.push(format!("{rpc} at {began} was the first call after it"));
    }
    match first_minute {
        Some(minute) if parts.is_empty() => parts.push(minute.clone()),
        _ => {}
    }
    parts.join("; ")
}

/// The nouns under which findings are counted: `5 of 20 retried spans`, `2 findings in 40 planned rows in 2 files`.
pub(crate) fn note(one: &Checked) -> String {
    let (noun, nouns) = one.check.examines.nouns();
    let mut examined = format!("{} {}", grouped(one.examined), if one.examined == 1 { noun } else { nouns });
    if let Some(files) = one.files {
        write!(examined, " in {}", counted(files, "file")).ok();
    }
    let of = |found: u64| match found {
        found if found <= one.examined && is_of_one(one) => format!("{} of {examined}", grouped(found)),
        found => format!("{} in {examined}", counted(found, "finding")),
    };
    let mut note = match &one.verdict {
        Verdict::Skipped(reason) | Verdict::Broken(reason) => reason.clone(),
        Verdict::Pass => examined.clone(),
        Verdict::Accepted(found) => of(found.total),
        Verdict::Inconclusive(found) | Verdict::Fail(found) | Verdict::Noted(_, found) => of(found.fresh()),
    };
    let accepted = one.verdict.findings().map_or(0, |found| found.accepted);
    if accepted > 0 && !matches!(one.verdict, Verdict::Accepted(_)) {
        write!(note, "; {} more accepted", grouped(accepted)).ok();
    }
    if let Some(OwnScan { rows, bytes: size }) = one.own_scan {
        write!(note, "; read {} by itself, {}", counted(rows, "row"), bytes(size)).ok();
    }
    note
}

/// Whether each finding is about one thing that was examined. A row may have several: one for each of its columns or
/// keys; others are about many rows at once.
fn is_of_one(one: &Checked) -> bool {
    const NAMES_ONE: [&str; 5] = ["row_number", "span_id", "trace_id", "file", "first_ordinal"];
    const NAMES_A_PART: [&str; 2] = ["column_name", "key"];
    let Some(found) = one.verdict.findings() else { return false };
    let has =
        |names: &[&str]| found.schema.fields().iter().any(|column| names.contains(&column.name().as_str()));
    has(&NAMES_ONE) && !has(&NAMES_A_PART)
}
