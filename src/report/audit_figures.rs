//! The figures of an audit: key figures, completeness as bars, the pollution matrix as a heat map, its time line.

use std::collections::{BTreeMap, BTreeSet};

use chrono::DateTime;

use super::{
    audit_document::{is_complete, service},
    figure::{Bar, Bars, Heat, HeatCell, HeatRow, KeyFigure, Mark, Tone},
};
use crate::{
    audit::{coverage::Completeness, report::AuditReport},
    checks::{runner::Checked, summary::PollutionCell},
    ledger::activity::Activity,
    text::numbers::{self, bytes, counted, duration, grouped, percent},
};

/// Services with a bar each.
const SERVICES_SHOWN: usize = 200;
/// A larger matrix is no picture any more.
const MATRIX_SHOWN: usize = 24;

/// The numbers that tell how much was proved, and how it went.
pub(super) fn key_figures(report: &AuditReport) -> Vec<KeyFigure> {
    let figure = |value: String, label, tone| KeyFigure { value, label, tone };
    let mut figures = Vec::new();
    let services = &report.completeness;
    if !services.is_empty() {
        let Completeness { acked, found, missing, .. } = Completeness::total(services);
        figures.push(figure(grouped(acked), "spans acked", Tone::Neutral));
        figures.push(figure(grouped(found), "spans found", Tone::Neutral));
        let tone = if missing == 0 { Tone::Good } else { Tone::Bad };
        figures.push(figure(grouped(missing), "acked spans missing", tone));
    }
    let count = |name: &str| report.checked.iter().filter(|one| one.verdict.name() == name).count() as u64;
    for (name, label, tone) in [
        ("fail", "checks failed", Tone::Bad),
        ("broken", "checks broken", Tone::Bad),
        ("inconclusive", "checks inconclusive", Tone::Doubtful),
        ("warn", "checks with warnings", Tone::Doubtful),
        ("pass", "checks passed", Tone::Good),
    ] {
        match count(name) {
            0 if name != "fail" => {}
            0 => figures.push(figure("0".to_owned(), label, Tone::Good)),
            some => figures.push(figure(grouped(some), label, tone)),
        }
    }
    let unread = report.coverage.not_read.len() as u64;
    if unread > 0 {
        figures.push(figure(grouped(unread), "files not read in full", Tone::Doubtful));
    }
    let coverage = &report.coverage;
    figures.push(figure(bytes(coverage.bytes_scanned), "read", Tone::Neutral));
    figures.push(figure(duration(coverage.took), "audit time", Tone::Neutral));
    figures
}

/// Found spans of each service, those with something missing first; nothing where no run was judged.
pub(super) fn completeness(services: &[Completeness]) -> Option<Bars> {
    let mut order: Vec<&Completeness> = services.iter().collect();
    order.sort_by_key(|service| (std::cmp::Reverse(service.missing), is_complete(service)));
    let bar = |of: &&Completeness| {
        let Completeness { spans, found, missing, acked, .. } = **of;
        let share = if spans == 0 { 0.0 } else { found as f64 / spans as f64 };
        let tone = match (missing, is_complete(of)) {
            (0, true) => Tone::Good,
            (0, false) => Tone::Doubtful,
            _ => Tone::Bad,
        };
        let numbers = [percent(share), grouped(spans), grouped(acked), grouped(found), grouped(missing)];
        Bar { label: numbers::service(&of.service), share, tone, numbers: numbers.into() }
    };
    let hidden = services.len().saturating_sub(SERVICES_SHOWN);
    let header = ["service", "found", "share", "planned", "acked", "found", "missing"];
    (!services.is_empty()).then(|| Bars {
        header: header.map(str::to_owned).into(),
        rows: order.iter().take(SERVICES_SHOWN).map(bar).collect(),
        note: (hidden > 0)
            .then(|| format!("and {} (--format json lists all)", counted(hidden as u64, "more service"))),
    })
}

/// Rows by sender and stored name, as far as the matrix can be taken in; nothing where no row was moved, or where it is
/// too large.
pub(super) fn pollution(cells: &[PollutionCell]) -> Option<Heat> {
    let senders: BTreeSet<&Option<String>> = cells.iter().map(|cell| &cell.sent_by).collect();
    let names: BTreeSet<&Option<String>> = cells.iter().map(|cell| &cell.stored_as).collect();
    if cells.is_empty() || senders.len() > MATRIX_SHOWN || names.len() > MATRIX_SHOWN {
        return None;
    }
    let counts: BTreeMap<_, u64> =
        cells.iter().map(|cell| ((&cell.sent_by, &cell.stored_as), cell.rows)).collect();
    let row = |sender: &&Option<String>| HeatRow {
        label: service(sender.as_ref()),
        cells: names
            .iter()
            .map(|name| HeatCell {
                count: counts.get(&(*sender, *name)).copied().unwrap_or_default(),
                tone: if name == sender { Tone::Good } else { Tone::Bad },
            })
            .collect(),
    };
    Some(Heat {
        corner: "sent by \\ stored as".to_owned(),
        columns: names.iter().map(|name| service(name.as_ref())).collect(),
        rows: senders.iter().map(row).collect(),
    })
}

/// Where the first findings of each check lie on a run's time line.
pub(super) fn findings(report: &AuditReport, activity: &Activity) -> Vec<Mark> {
    let mark = |one: &Checked| {
        let fresh = one.verdict.findings()?.fresh();
        let points_to = &report.evidence.get(&one.check.id)?.points_to;
        let exact = points_to.export.as_ref().map(|export| export.started_at.clone());
        let minute = points_to.first_minute.as_ref().map(|minute| minute.replace('Z', ":00Z"));
        let at = DateTime::parse_from_rfc3339(&exact.or(minute)?).ok()?.timestamp_nanos_opt()?;
        let x = activity.seconds(u64::try_from(at).ok()?);
        // A minute is named by its beginning.
        let x = if (-60.0..0.0).contains(&x) { 0.0 } else { x };
        let is_inside = (0.0..=activity.length()).contains(&x);
        let name = format!("first of {} ({})", one.check.id, counted(fresh, "finding"));
        (fresh > 0 && is_inside).then_some(Mark { x, name, tone: Tone::Bad })
    };
    report.checked.iter().filter_map(mark).collect()
}
