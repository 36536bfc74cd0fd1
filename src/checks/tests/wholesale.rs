//! Damage to one row and to all rows: the same verdict, with much memory and with the least that an audit starts with.

use std::{fs, path::Path};

use tempfile::TempDir;

use super::bench::without_waiting;
use crate::{
    audit::{
        AuditOptions, examine,
        random_tests::{rows, write_segment},
        report::AuditReport,
        verdict::Overall,
    },
    base::{clock, memory::Memory},
    checks::{catalog::Severity, runner::Verdict},
    contract::{row::Row, schema::Schema},
    judge::runs::choose_runs,
    ledger::{entry::Entry, manifest::Manifest, runs},
    store::find::find_store,
    testing::{plan, write_parquet},
    traffic::plan::Plan,
    wire::outcome::ExportOutcome,
};

const ROWS: usize = 5_000;

/// Rows of a trace that no run sent.
const TRACE: usize = 5;
const START: i64 = 1_795_346_058_000_000_000;
const HOUR: i64 = 3_600_000_000_000;

/// The rows of both tiers, and the lines of the ledger.
struct Stored {
    cold: Vec<Row>,
    wal: Vec<Row>,
    ledger: Vec<String>,
}

/// Which part of a store is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    One,
    All,
}

/// A check, and the damage that it finds.
type Case = (&'static str, fn(&mut Stored, Extent));

impl Stored {
    /// Changes a leaf of the first trace, or all rows.
    fn each(&mut self, extent: Extent, change: impl Fn(&mut Row, usize)) {
        self.some(extent, |_| true, change);
    }

    /// Changes a leaf of the first trace, or all rows that have a parent.
    fn each_child(&mut self, extent: Extent, change: impl Fn(&mut Row, usize)) {
        self.some(extent, |row| row.parent_span_id.is_some(), change);
    }

    fn some(&mut self, extent: Extent, which: impl Fn(&Row) -> bool, change: impl Fn(&mut Row, usize)) {
        let leaf = leaf(&self.cold);
        for (index, row) in self.cold.iter_mut().enumerate() {
            if (extent == Extent::All && which(row)) || index == leaf {
                change(row, index);
            }
        }
    }

    /// The first root, or all of them, with what is left.
    fn drop_roots(&mut self, extent: Extent) {
        let mut dropped = 0;
        self.cold.retain(|row| {
            let drops = row.parent_span_id.is_none() && (extent == Extent::All || dropped == 0);
            dropped += usize::from(drops);
            !drops
        });
    }

    fn copies(&self, extent: Extent) -> Vec<Row> {
        match extent {
            Extent::One => vec![self.cold[leaf(&self.cold)].clone()],
            Extent::All => self.cold.clone(),
        }
    }

    /// Changes the first line of its kind, or all of them.
    fn edit_ledger(&mut self, extent: Extent, from: &str, to: &str) {
        let lines = self.ledger.iter_mut().filter(|line| line.contains(from));
        for line in lines.take(if extent == Extent::One { 1 } else { usize::MAX }) {
            *line = line.replace(from, to);
        }
    }
}

fn leaf(rows: &[Row]) -> usize {
    let is_parent = |span: &str| rows.iter().take(50).any(|row| row.parent_span_id.as_deref() == Some(span));
    rows.iter().position(|row| row.parent_span_id.is_some() && !is_parent(&row.span_id)).unwrap_or_default()
}

fn service(name: &str, instance: &str) -> String {
    format!(r#"{{"service.instance.id":"{instance}","service.name":"{name}"}}"#)
}

/// Roots with four children each, of two services in turn.
fn foreign() -> Vec<Row> {
    let row = |index: usize| {
        let (trace, place) = (index / TRACE, index % TRACE);
        let name = format!("app-{}", trace % 2);
        let start = START + i64::try_from(trace * 1_000_000 + place * 1_000).unwrap();
        let attributes = match place {
            0 => format!(r#"{{"junjo.executable_runtime_id":"w{trace}"}}"#),
            _ => format!(
                r#"{{"junjo.executable_runtime_id":"n{index}","junjo.parent_executable_runtime_id":"w{trace}"}}"#
            ),
        };
        let end = start + if place == 0 { 100_000 } else { 500 };
        Row {
            span_id: format!("{:016x}", index + 1),
            trace_id: format!("{:032x}", trace + 1),
            parent_span_id: (place > 0).then(|| format!("{:016x}", trace * TRACE + 1)),
            resource_attributes: service(&name, &format!("i-{name}")),
            service_name: name,
            name: "a span".to_owned(),
            start_time: start,
            end_time: end,
            duration_ns: end - start,
            attributes,
            events: "[]".to_owned(),
            links: "[]".to_owned(),
            trace_flags: 256,
            ..Row::default()
        }
    };
    (0..ROWS).map(row).collect()
}

const FOREIGN: &[Case] = &[
    ("invalid_json", |stored, extent| {
        stored.each(extent, |row, _| {
            (row.attributes, row.events, row.resource_attributes) = ("{".into(), "{}".into(), "{}x".into());
        });
    }),
    ("invalid_json", |stored, extent| stored.each(extent, |row, _| row.events.clear())),
    ("duplicate_json_keys", |stored, extent| {
        stored.each(extent, |row, _| row.attributes = r#"{"a":1,"a":2}"#.to_owned());
    }),
    ("noncanonical_events", |stored, extent| {
        stored.each(extent, |row, _| row.attributes = r#"{"a": 1}"#.to_owned());
    }),
    ("malformed_ids", |stored, extent| {
        stored.each(extent, |row, index| {
            let odd = "0123456789".repeat(30);
            row.span_id = format!("{index} {odd}");
            row.trace_id = format!("{index} {odd}");
            row.parent_span_id = Some(format!("{index} parent {odd}"));
        });
    }),
    ("malformed_ids", |stored, extent| stored.each(extent, |row, _| row.trace_id.clear())),
    ("malformed_ids", |stored, extent| stored.each(extent, |row, _| row.span_id.clear())),
    ("orphan_spans", |stored, extent| {
        stored.each_child(extent, |row, index| row.parent_span_id = Some(format!("ffff{index:012x}")));
    }),
    ("unresolved_parents", |stored, extent| {
        stored.each_child(extent, |row, index| {
            row.attributes = "{}".to_owned();
            row.parent_span_id = Some(format!("ffff{index:012x}"));
        });
    }),
    ("running_parents", |stored, extent| {
        let ago = i64::try_from(clock::unix_nanos()).unwrap() - HOUR / 2 - START;
        stored.cold.iter_mut().for_each(|row| {
            row.start_time += ago;
            row.end_time += ago;
        });
        stored.drop_roots(extent);
    }),
    ("parent_in_other_trace", |stored, extent| {
        stored.each_child(extent, |row, index| {
            let other = (index / TRACE + 1) % (ROWS / TRACE) * TRACE;
            row.parent_span_id = Some(format!("{:016x}", other + 1));
        });
    }),
    ("parent_cycles", |stored, extent| {
        // Two children of each trace become each other's parents.
        let traces = if extent == Extent::One { 1 } else { ROWS / TRACE };
        for trace in 0..traces {
            for (child, parent) in [(1, 2), (2, 1)] {
                let parent = stored.cold[trace * TRACE + parent].span_id.clone();
                stored.cold[trace * TRACE + child].parent_span_id = Some(parent);
            }
        }
    }),
    ("parent_cycles", |stored, extent| {
        // One ring of all rows, in one trace.
        let rows = if extent == Extent::One { 2 } else { ROWS };
        for index in 0..rows {
            stored.cold[index].trace_id = format!("{:032x}", 1);
            stored.cold[index].parent_span_id = Some(format!("{:016x}", (index + 1) % rows + 1));
        }
    }),
    ("self_parents", |stored, extent| {
        stored.each(extent, |row, _| row.parent_span_id = Some(row.span_id.clone()));
    }),
    ("rootless_traces", |stored, extent| stored.drop_roots(extent)),
    ("several_roots", |stored, extent| stored.each(extent, |row, _| row.parent_span_id = None)),
    ("remote_parents", |stored, extent| {
        stored.drop_roots(extent);
        stored.cold.iter_mut().for_each(|row| row.trace_flags = 0x300);
    }),
    ("child_of_other_service", |stored, extent| {
        stored.each_child(extent, |row, _| {
            row.service_name = if row.service_name == "app-0" { "app-1" } else { "app-0" }.to_owned();
            row.resource_attributes = service(&row.service_name, &format!("i-{}", row.service_name));
        });
    }),
    ("mixed_service_traces", |stored, extent| {
        stored.each_child(extent, |row, _| {
            row.service_name = "other".to_owned();
            row.resource_attributes = service("other", "i-other");
        });
    }),
    ("polluted_attributes", |stored, extent| {
        stored.each(extent, |row, _| row.attributes = r#"{"e2e.service":"other"}"#.to_owned());
    }),
    ("polluted_resource", |stored, extent| {
        stored.each(extent, |row, _| {
            row.attributes = format!(r#"{{"e2e.service":"{}"}}"#, row.service_name);
            row.resource_attributes = service("other", "i-other");
        });
    }),
    ("polluted_service_name", |stored, extent| {
        stored.each(extent, |row, index| {
            row.attributes = format!(r#"{{"e2e.service":"{}"}}"#, row.service_name);
            row.service_name = format!("other {}", index % 7);
        });
    }),
    ("service_mismatch", |stored, extent| stored.each(extent, |row, _| row.service_name.clear())),
    ("service_mismatch", |stored, extent| {
        stored.each(extent, |row, _| row.service_name = "nobody".to_owned());
    }),
    ("service_mismatch", |stored, extent| {
        stored.each(extent, |row, _| {
            row.service_name = if row.service_name == "app-0" { "app-1" } else { "app-0" }.to_owned();
        });
    }),
    ("service_mismatch", |stored, extent| {
        stored.each(extent, |row, index| row.service_name = format!("nobody {index}"));
    }),
    ("service_mismatch", |stored, extent| {
        stored.each(extent, |row, _| {
            (row.attributes, row.resource_attributes) = ("{}".to_owned(), "{}".to_owned());
        });
    }),
    ("shared_instances", |stored, extent| {
        stored.each(extent, |row, _| row.resource_attributes = service(&row.service_name, "i-app-1"));
    }),
    ("children_outside_parents", |stored, extent| {
        stored.each_child(extent, |row, _| {
            row.end_time += HOUR;
            row.duration_ns += HOUR;
        });
    }),
    ("events_outside_spans", |stored, extent| {
        stored.each(extent, |row, _| {
            row.events =
                r#"[{"attributes":{},"droppedAttributesCount":0,"name":"e","timeUnixNano":"7"}]"#.to_owned();
        });
    }),
    ("inverted_intervals", |stored, extent| {
        stored.each(extent, |row, _| {
            (row.start_time, row.end_time) = (row.end_time, row.start_time);
            row.duration_ns = -row.duration_ns;
        });
    }),
    ("times_out_of_range", |stored, extent| {
        stored.each(extent, |row, _| (row.start_time, row.duration_ns) = (7, row.end_time - 7));
    }),
    ("wrong_durations", |stored, extent| stored.each(extent, |row, _| row.duration_ns += 1)),
    ("duplicate_spans", |stored, extent| stored.cold.extend(stored.copies(extent))),
    ("conflicting_duplicates", |stored, extent| {
        stored.cold.extend(stored.copies(extent));
        stored.cold[ROWS..].iter_mut().for_each(|row| row.name.push('x'));
    }),
    ("overlapping_spans", |stored, extent| stored.wal = stored.copies(extent)),
];

const ACKED: &str = r#""outcome":"acked""#;

const PLANNED: &[Case] = &[
    ("lost_spans", |stored, extent| {
        stored.cold.truncate(if extent == Extent::One { stored.cold.len() - 1 } else { 1 });
    }),
    ("altered_spans", |stored, extent| stored.each(extent, |row, _| row.name.push('x'))),
    ("altered_spans", |stored, extent| stored.each(extent, |row, _| row.start_time += 1)),
    ("altered_spans", |stored, extent| stored.each(extent, |row, _| row.attributes = "{".to_owned())),
    ("altered_spans", |stored, extent| {
        stored.each(extent, |row, index| row.trace_id = format!("{index} {}", "x".repeat(200)));
    }),
    ("polluted_attributes", |stored, extent| {
        stored.each(extent, |row, _| {
            (row.attributes, row.resource_attributes) = ("{}".to_owned(), "{}".to_owned());
        });
    }),
    ("polluted_resource", |stored, extent| {
        stored.each(extent, |row, _| row.resource_attributes = service("other", "i-other"));
    }),
    ("polluted_service_name", |stored, extent| stored.each(extent, |row, _| row.service_name.clear())),
    ("polluted_service_name", |stored, extent| {
        stored.each(extent, |row, index| row.service_name = format!("nobody {index}"));
    }),
    ("orphan_spans", |stored, extent| {
        stored.each_child(extent, |row, index| row.parent_span_id = Some(format!("{index:016x}")));
    }),
    ("unexpected_spans", |stored, extent| {
        stored.each(extent, |row, index| row.span_id = format!("ffff{index:012x}"));
    }),
    ("unexpected_spans", |stored, extent| {
        stored.ledger.retain(|line| extent == Extent::One && !line.contains("\"export\":0,"));
    }),
    ("refused_but_stored", |stored, extent| {
        stored.edit_ledger(extent, ACKED, r#""outcome":"rejected","code":"UNAVAILABLE""#);
    }),
    ("partial_success_broken", |stored, extent| {
        stored.edit_ledger(extent, ACKED, r#""outcome":"partial","rejected_spans":2"#);
    }),
    ("recovered_spans", |stored, extent| {
        stored.edit_ledger(extent, ACKED, r#""outcome":"indeterminate","code":"UNAVAILABLE""#);
    }),
    ("duplicate_spans", |stored, extent| stored.cold.extend(stored.copies(extent))),
    ("conflicting_duplicates", |stored, extent| {
        let rows = stored.cold.len();
        stored.cold.extend(stored.copies(extent));
        stored.cold[rows..].iter_mut().for_each(|row| row.name.push('x'));
    }),
    ("overlapping_spans", |stored, extent| stored.wal = stored.copies(extent)),
    ("retry_duplicates", |stored, extent| {
        stored.cold.extend(stored.copies(extent));
        let retried = |line: &String| match line.strip_prefix(r#"{"event":"export_started","export":"#) {
            Some(rest) => {
                let export = rest.split(',').next().unwrap_or_default();
                let ended = r#""outcome":"indeterminate","code":"UNAVAILABLE""#;
                let retry =
                    format!(r#"{{"event":"export_retried","export":{export},"attempt":2,"at":1,{ended}}}"#);
                vec![line.clone(), retry]
            }
            None => vec![line.clone()],
        };
        stored.ledger = stored.ledger.iter().flat_map(retried).collect();
    }),
];

/// Writes a store, with the run that sent it where there is one.
fn write(stored: &Stored, sent: Option<&Plan>) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let day = folder.path().join("spans/parquet/year=2026/month=11/day=22");
    fs::create_dir_all(&day).unwrap();
    write_parquet(&day.join("20261122_120000_00000001.parquet"), &stored.cold, Schema::V2);
    if !stored.wal.is_empty() {
        let wal = folder.path().join("spans/wal");
        fs::create_dir_all(&wal).unwrap();
        write_segment(&wal.join("batch_1795346200000000001_0001.ipc"), &stored.wal, Schema::V2);
    }
    if let Some(plan) = sent {
        let manifest = Manifest::new(plan, "localhost:1".to_owned(), None, 1_795_346_000_000_000_000);
        let (run, _) = runs::create(&folder.path().join("runs"), &manifest).unwrap();
        let mut lines = stored.ledger.join("\n");
        if !lines.is_empty() {
            lines.push('\n');
        }
        fs::write(run.join("ledger.ndjson"), lines).unwrap();
    }
    folder
}

/// The ledger of exports of 50 spans that were all taken.
fn acked(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    let at = 1_795_346_100_000_000_000;
    let mut export = 0;
    for stream in 0..plan.streams() {
        let mut first = 0;
        while first < plan.spans_of_stream(stream) {
            let count = 50.min(plan.spans_of_stream(stream) - first) as u32;
            for entry in [
                Entry::ExportStarted { export, stream: stream as u32, first, count, at },
                Entry::ExportEnded { export, at, outcome: ExportOutcome::Acked },
            ] {
                lines.push(serde_json::to_string(&entry).unwrap());
            }
            (first, export) = (first + u64::from(count), export + 1);
        }
    }
    lines
}

async fn audit(folder: &Path, run: &str, memory: Memory) -> AuditReport {
    let layout = find_store(Some(folder)).unwrap();
    let runs = choose_runs(&folder.join("runs"), run, &layout).unwrap();
    examine(&layout, &runs, AuditOptions { memory, ..without_waiting() }, |_| {}).await.unwrap()
}

/// Each check with its verdict, its findings and the ids of those that are shown.
fn told(report: &AuditReport) -> Vec<String> {
    let one = |one: &crate::checks::runner::Checked| {
        let found = one.verdict.findings().map(|found| (found.total, found.ids.clone()));
        let reason = match &one.verdict {
            Verdict::Broken(reason) => reason,
            _ => "",
        };
        format!("{}: {} {reason} {found:?}", one.check.id, one.verdict.name())
    };
    let silent = |one: &&crate::checks::runner::Checked| !matches!(one.verdict.name(), "pass" | "skipped");
    report.checked.iter().filter(silent).map(one).collect()
}

/// What is wrong with the audits of a damaged store.
async fn wrong(folder: &Path, run: &str, check: &str) -> Option<String> {
    let (least, usual) = ("16MB".parse().unwrap(), Memory::default());
    let reports = [audit(folder, run, least).await, audit(folder, run, usual).await];
    let [least, usual] = reports.each_ref().map(told);
    if let Some(broken) = least.iter().chain(&usual).find(|told| told.contains(": broken ")) {
        return Some(broken.clone());
    }
    if least != usual {
        return Some(format!("with the least memory {least:?}, else {usual:?}"));
    }
    for report in &reports {
        let found = report.checked.iter().find(|one| one.check.id == check).unwrap();
        if found.verdict.findings().is_none() {
            return Some(format!("{check} is silent beside {least:?}"));
        }
        if found.check.severity == Severity::Error && report.overall != Overall::Fail {
            return Some(format!("{:?}: {:?}", report.overall, report.because));
        }
        if !report.summary.problems.is_empty() {
            return Some(format!("{:?}", report.summary.problems));
        }
    }
    None
}

async fn try_all(cases: &[Case], sent: Option<&Plan>, rows: &[Row], ledger: &[String]) -> Vec<String> {
    let run = if sent.is_some() { "all" } else { "none" };
    let mut all = Vec::new();
    for (number, (check, damage)) in cases.iter().enumerate() {
        for extent in [Extent::One, Extent::All] {
            let mut stored = Stored { cold: rows.to_vec(), wal: Vec::new(), ledger: ledger.to_vec() };
            damage(&mut stored, extent);
            let folder = write(&stored, sent);
            let problem = wrong(folder.path(), run, check).await;
            all.extend(problem.map(|problem| format!("{number} ({check}), {extent:?}: {problem:.2000}")));
        }
    }
    all
}

#[tokio::test]
async fn one_damaged_row_and_all_of_them_are_found_by_structure_with_any_memory() {
    let rows = foreign();
    let healthy = write(&Stored { cold: rows.clone(), wal: Vec::new(), ledger: Vec::new() }, None);
    let report = audit(healthy.path(), "none", Memory::default()).await;
    assert_eq!((told(&report), report.overall), (Vec::new(), Overall::Pass));
    assert_eq!(try_all(FOREIGN, None, &rows, &[]).await, Vec::<String>::new());
}

#[tokio::test]
async fn one_damaged_row_and_all_of_them_are_found_by_their_plan_with_any_memory() {
    let plan = plan("getting-started", None, 2, 500);
    let rows = rows(&plan, Schema::V2);
    assert_eq!(rows.len(), ROWS);
    let ledger = acked(&plan);
    assert_eq!(try_all(PLANNED, Some(&plan), &rows, &ledger).await, Vec::<String>::new());
}
