//! What healthy programs do and a store may show while they run and after: no error, and no warning that is not true.
//!
//! Each case is tried with one trace and with many, in both eras, young and old.

use std::fmt::Write as _;

use clap::ValueEnum;

use super::bench::{Bench, beside_junjo, fired};
use crate::{
    audit::random_tests,
    base::clock,
    contract::{row::Row, schema::Schema},
    testing::{files, plan, write_parquet},
    traffic::{
        plan::Plan,
        profile::{Profile, Telemetry},
    },
};

const MINUTE: i64 = 60_000_000_000;
const HOUR: i64 = 60 * MINUTE;

const NOW: i64 = MINUTE;
const SOON: i64 = 61 * MINUTE;
const HOURS_LATER: i64 = 5 * HOUR;
const DAYS_LATER: i64 = 26 * HOUR;

const MANY: usize = 100;

/// A stored span; ids of 0 are none, times are in milliseconds.
#[derive(Clone)]
struct Span {
    id: u64,
    parent: u64,
    /// Kind, own id, owner's id, and whether in the keys of SDK 0.62.
    junjo: Option<(&'static str, &'static str, &'static str, bool)>,
    times: (i64, i64),
    service: &'static str,
    remote: bool,
    event: Option<(&'static str, i64)>,
    instance: &'static str,
}

fn span(id: u64, parent: u64, times: (i64, i64)) -> Span {
    Span { id, parent, junjo: None, times, service: "shop", remote: false, event: None, instance: "i-shop" }
}

impl Span {
    fn is(self, kind: &'static str, own: &'static str, owner: &'static str) -> Self {
        Self { junjo: Some((kind, own, owner, false)), ..self }
    }

    fn was(self, kind: &'static str, own: &'static str, owner: &'static str) -> Self {
        Self { junjo: Some((kind, own, owner, true)), ..self }
    }

    fn remote(self) -> Self {
        Self { remote: true, ..self }
    }

    fn of(self, service: &'static str) -> Self {
        Self { service, ..self }
    }

    fn with(self, event: &'static str, at: i64) -> Self {
        Self { event: Some((event, at)), ..self }
    }

    fn attributes(&self, trace: usize) -> String {
        let Some((kind, own, owner, legacy)) = self.junjo else { return "{}".to_owned() };
        let (own_key, owner_key) = match (legacy, kind) {
            (_, "operation") => ("", "junjo.agent.runtime_id"),
            (true, _) => ("junjo.id", "junjo.parent_id"),
            (false, _) => ("junjo.executable_runtime_id", "junjo.parent_executable_runtime_id"),
        };
        let mut text = "{".to_owned();
        for (key, id) in [(own_key, own), (owner_key, owner)] {
            if !key.is_empty() && !id.is_empty() {
                write!(text, r#""{key}":"{id}{trace}","#).unwrap();
            }
        }
        if kind == "operation" {
            text.pop();
        } else {
            write!(text, r#""junjo.span_type":"{kind}""#).unwrap();
        }
        text + "}"
    }

    fn row(&self, trace: usize, schema: Schema, origin: i64) -> Row {
        let id = |id: u64| format!("{:016x}", trace as u64 * 1_000 + id);
        let at = |millis: i64| origin + millis * 1_000_000;
        let (start, end) = (at(self.times.0), at(self.times.1));
        let events = self.event.map_or_else(|| "[]".to_owned(), |(name, time)| match schema {
            Schema::V1 => format!(r#"[{{"attributes":{{}},"name":"{name}","timeUnixNano":{}}}]"#, at(time)),
            Schema::V2 => format!(
                r#"[{{"attributes":{{}},"droppedAttributesCount":0,"name":"{name}","timeUnixNano":"{}"}}]"#,
                at(time)
            ),
        });
        Row {
            span_id: id(self.id),
            trace_id: format!("{:032x}", trace + 1),
            parent_span_id: (self.parent != 0).then(|| id(self.parent)),
            service_name: self.service.to_owned(),
            name: "a span".to_owned(),
            start_time: start,
            end_time: end,
            duration_ns: end - start,
            attributes: self.attributes(trace),
            events,
            links: "[]".to_owned(),
            trace_flags: if self.remote { 0x300 } else { 0x100 },
            resource_attributes: format!(
                r#"{{"service.instance.id":"{}","service.name":"{}"}}"#,
                self.instance, self.service
            ),
            ..Row::default()
        }
    }
}

/// What a trace shows, how long ago it came to rest, and what fires in the eras 1 and 2; `#2` is twice the number of
/// traces.
type Case = (&'static str, fn() -> Vec<Span>, &'static [(i64, &'static str, &'static str)]);

const SILENT: &[(i64, &str, &str)] = &[(NOW, "", ""), (SOON, "", ""), (DAYS_LATER, "", "")];

/// A workflow whose node started another one that has not ended.
fn outliving(keys: fn(Span, &'static str, &'static str, &'static str) -> Span) -> Vec<Span> {
    vec![
        keys(span(1, 0, (0, 90)), "workflow", "short", ""),
        keys(span(2, 1, (10, 80)), "node", "starter", "short"),
        // 3, the workflow that is still open, is a child of 2.
        keys(span(4, 3, (30, 40)), "node", "load", "long"),
    ]
}

const CASES: &[Case] = &[
    (
        "a workflow outlives the root that started it",
        || outliving(Span::is),
        &[
            (NOW, "running_parents: info, #1", "running_parents: info, #1"),
            (SOON, "unresolved_parents: warn, #1", "unresolved_parents: warn, #1"),
            (HOURS_LATER, "unresolved_parents: warn, #1", "unresolved_parents: warn, #1"),
            (DAYS_LATER, "orphan_spans: #1", "orphan_spans: #1"),
        ],
    ),
    (
        "the same with SDK 0.62",
        || outliving(Span::was),
        &[
            (NOW, "running_parents: info, #1", "running_parents: info, #1"),
            (HOURS_LATER, "unresolved_parents: warn, #1", "unresolved_parents: warn, #1"),
            (DAYS_LATER, "orphan_spans: #1", "orphan_spans: #1"),
        ],
    ),
    (
        "a background job outlives the root, or a span is never ended",
        || {
            vec![
                span(1, 0, (0, 90)).is("workflow", "w", ""),
                span(2, 1, (10, 80)).is("node", "n", "w"),
                span(4, 3, (30, 40)),
                span(5, 3, (40, 50)),
                span(6, 3, (50, 60)).is("workflow", "below", "n"),
            ]
        },
        &[
            (NOW, "running_parents: info, #3", "running_parents: info, #3"),
            (SOON, "unresolved_parents: warn, #3", "unresolved_parents: warn, #3"),
            (DAYS_LATER, "unresolved_parents: warn, #3", "unresolved_parents: warn, #3"),
        ],
    ),
    (
        "the root is still open",
        || vec![span(2, 1, (10, 80)).is("node", "n", "w"), span(3, 1, (80, 90)).is("subflow", "s", "w")],
        &[
            (NOW, "running_parents: info, #2", "running_parents: info, #2"),
            (SOON, "unresolved_parents: warn, #2", "unresolved_parents: warn, #2"),
            (DAYS_LATER, "rootless_traces: #1", "rootless_traces: #1"),
        ],
    ),
    (
        // Without flags nobody knows that it is no gateway that exports elsewhere.
        "the root is of other instrumentation, and never ended",
        || vec![span(2, 1, (10, 80)), span(3, 1, (80, 90)).is("workflow", "w", "")],
        &[
            (NOW, "remote_parents: info, #2", "running_parents: info, #2"),
            (DAYS_LATER, "remote_parents: info, #2", "unresolved_parents: warn, #2"),
        ],
    ),
    (
        "a group runs again, and has not ended",
        || {
            vec![
                span(1, 0, (0, 9)),
                span(2, 9, (10, 50)).is("run_concurrent", "group", "w"),
                span(3, 2, (20, 40)).is("node", "item", "group"),
                span(5, 4, (60, 70)).is("node", "item", "group"),
            ]
        },
        &[
            (NOW, "running_parents: info, #2", "running_parents: info, #2"),
            (
                DAYS_LATER,
                "orphan_spans: #1; unresolved_parents: warn, #1",
                "orphan_spans: #1; unresolved_parents: warn, #1",
            ),
        ],
    ),
    (
        "a legacy workflow runs twice in one trace, and the second time has not ended",
        || {
            vec![
                span(1, 0, (0, 5)),
                span(2, 1, (10, 50)).was("workflow", "w", ""),
                span(3, 2, (20, 40)).was("node", "n", "w"),
                span(5, 4, (60, 70)).was("node", "n", "w"),
            ]
        },
        &[
            (NOW, "running_parents: info, #1", "running_parents: info, #1"),
            (DAYS_LATER, "unresolved_parents: warn, #1", "unresolved_parents: warn, #1"),
        ],
    ),
    (
        "a span between a node and its workflow is gone, and the workflow has ended",
        || {
            vec![
                span(1, 0, (0, 100)).is("workflow", "w", ""),
                span(3, 2, (20, 40)).is("node", "n", "w"),
                span(5, 4, (50, 60)).is("subflow", "s", "w"),
            ]
        },
        &[
            (NOW, "orphan_spans: #2", "orphan_spans: #2"),
            (DAYS_LATER, "orphan_spans: #2", "orphan_spans: #2"),
        ],
    ),
    (
        "a tool's span is gone, and its agent has ended",
        || {
            vec![
                span(1, 0, (0, 100)).is("agent", "a", ""),
                span(2, 1, (20, 40)).is("operation", "", "a"),
                span(4, 3, (50, 60)).is("operation", "", "a"),
            ]
        },
        &[(NOW, "orphan_spans: #1", "orphan_spans: #1")],
    ),
    (
        "a workflow is gone below the call of a service that exports elsewhere",
        || vec![span(2, 1, (0, 100)).remote(), span(4, 3, (20, 40)).is("node", "n", "w")],
        &[
            (
                NOW,
                "remote_parents: info, #1; running_parents: info, #1",
                "remote_parents: info, #1; running_parents: info, #1",
            ),
            (
                DAYS_LATER,
                "remote_parents: info, #1; rootless_traces: #1",
                "orphan_spans: #1; remote_parents: info, #1; unlisted_traces: warn, #1",
            ),
        ],
    ),
    (
        "a workflow and an agent are not awaited, and one starts when its parent has ended",
        || {
            vec![
                span(1, 0, (0, 100)).is("workflow", "w", ""),
                span(2, 1, (10, 20)).is("node", "n", "w"),
                span(3, 2, (15, 500)).is("workflow", "loose", "n"),
                span(4, 2, (30, 200)).is("agent", "agent", "n"),
                span(5, 4, (40, 90)).is("operation", "", "agent"),
                span(6, 5, (100, 300)).is("workflow", "later", "agent"),
                span(7, 2, (200, 300)),
            ]
        },
        SILENT,
    ),
    (
        "a child of each kind that Junjo awaits ends after its parent",
        || {
            vec![
                span(1, 0, (0, 100)).is("workflow", "w", ""),
                span(2, 1, (10, 120)).is("node", "n", "w"),
                span(3, 1, (10, 120)).is("subflow", "s", "w"),
                span(4, 1, (10, 120)).is("run_concurrent", "g", "w"),
                span(5, 4, (10, 130)).is("node", "item", "g"),
                span(6, 2, (10, 100)).is("agent", "a", "n"),
                span(7, 6, (10, 110)).is("operation", "", "a"),
            ]
        },
        &[(NOW, "children_outside_parents: warn, #5", "children_outside_parents: warn, #5")],
    ),
    (
        "a workflow starts before the node that started it",
        || {
            vec![
                span(1, 0, (0, 100)).is("workflow", "w", ""),
                span(2, 1, (10, 20)).is("node", "n", "w"),
                span(3, 2, (5, 15)).is("workflow", "early", "n"),
            ]
        },
        &[(NOW, "children_outside_parents: warn, #1", "children_outside_parents: warn, #1")],
    ),
    (
        "an item of a failed group of SDK 0.62 goes on",
        || {
            vec![
                span(1, 0, (0, 100)).was("workflow", "w", ""),
                span(2, 1, (10, 20)).was("run_concurrent", "g", "w"),
                span(3, 2, (11, 19)).was("node", "fails", "g"),
                span(4, 2, (11, 150)).was("subflow", "s", "g"),
                span(5, 4, (12, 140)).was("node", "inner", "s"),
            ]
        },
        SILENT,
    ),
    (
        "a span of other instrumentation has an end of its own, before what it notes",
        || vec![span(1, 0, (0, 50)).with("exception", 51), span(2, 1, (0, 40)).with("note", 45)],
        SILENT,
    ),
    (
        "an event lies before its span, or after one of Junjo's own",
        || {
            vec![
                span(1, 0, (0, 100)).with("exception", -1),
                span(2, 1, (10, 50)).is("workflow", "w", "").with("exception", 51),
                span(3, 2, (20, 40)).was("node", "n", "w").with("set_state", 41),
                span(4, 2, (20, 40)).is("operation", "", "w").with("set_state", 19),
            ]
        },
        &[(NOW, "events_outside_spans: warn, #4", "events_outside_spans: warn, #4")],
    ),
    (
        "two services of one process call each other",
        || {
            vec![
                span(1, 0, (0, 100)),
                Span { instance: "i-shop", ..span(2, 1, (10, 20)).of("stock") },
                span(3, 2, (12, 18)).is("workflow", "w", "").of("stock"),
            ]
        },
        &[(
            NOW,
            "mixed_service_traces: info, #1; shared_instances: info, 1",
            "mixed_service_traces: info, #1; shared_instances: info, 1",
        )],
    ),
];

#[tokio::test]
async fn healthy_programs_cause_no_error_and_no_false_warning() {
    let mut wrong = Vec::new();
    for (name, trace, expectations) in CASES {
        for (age, era_1, era_2) in *expectations {
            for (store, schema, expected) in
                [("studio-0.80.0", Schema::V1, era_1), ("studio-0.82.1", Schema::V2, era_2)]
            {
                for traces in if schema == Schema::V1 { &[MANY][..] } else { &[1, MANY] } {
                    // These spans carry ids alone: what Junjo records of its executions beside is not there.
                    let fired = beside_junjo(&fired_by(store, schema, &trace(), *traces, *age).await);
                    let expected = of_traces(expected, *traces);
                    if fired != expected {
                        wrong.push(format!(
                            "{name}, {} min, {store}, {traces} traces: {fired}, not {expected}",
                            age / MINUTE
                        ));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Replaces all rows of a store by copies of a trace that came to rest so long ago.
async fn fired_by(store: &str, schema: Schema, trace: &[Span], traces: usize, age: i64) -> String {
    let last = trace.iter().map(|span| span.times.1).max().unwrap() * 1_000_000;
    let origin = now() - age - last;
    let rows = (0..traces).flat_map(|number| trace.iter().map(move |span| span.row(number, schema, origin)));
    fired_by_rows(store, schema, &rows.collect::<Vec<_>>()).await
}

async fn fired_by_rows(store: &str, schema: Schema, rows: &[Row]) -> String {
    let bench = Bench::of(store, schema);
    for file in files(&bench.folder.path().join("spans"), "") {
        if file != bench.cold() {
            std::fs::remove_file(file).unwrap();
        }
    }
    write_parquet(&bench.cold(), rows, schema);
    fired(&bench.audit("none").await)
}

fn now() -> i64 {
    i64::try_from(clock::unix_nanos()).unwrap()
}

/// What may be told of healthy traffic, beyond nothing.
const REMARKS: [&str; 3] = ["running_parents: info", "remote_parents: info", "mixed_service_traces: info"];

/// All profiles in one store, each workflow stored as far as it has come.
#[tokio::test]
async fn traffic_of_every_profile_is_silent_while_it_comes_in_and_after() {
    let mut wrong = Vec::new();
    for telemetry in Telemetry::value_variants() {
        let profiles = Profile::value_variants().iter().filter(|profile| profile.exists_in(*telemetry));
        // What the adversarial profile sends is odd by design, and without its run nobody knows that.
        let names =
            profiles.filter(|profile| **profile != Profile::Adversarial).map(|profile| profile.name());
        let mix = names.collect::<Vec<_>>().join(",");
        for (age, stored) in [(MINUTE, 1), (MINUTE, 2), (MINUTE, 3), (MINUTE, 4), (SOON, 4), (DAYS_LATER, 4)]
        {
            let mut outline = plan(&mix, None, 2, 35).outline;
            outline.telemetry = *telemetry;
            outline.base_time = (now() - age).cast_unsigned();
            let plan = Plan::new(outline).unwrap();
            for (store, schema) in [("studio-0.80.0", Schema::V1), ("studio-0.82.1", Schema::V2)] {
                let rows = rows_in_part(&plan, schema, stored);
                let fired = fired_by_rows(store, schema, &rows).await;
                let remarks = if stored < 4 { &REMARKS[..] } else { &REMARKS[2..] };
                let is_remark = |one: &str| remarks.iter().any(|remark| one.starts_with(remark));
                if !fired.split("; ").all(|one| one.is_empty() || is_remark(one)) {
                    wrong.push(format!("{telemetry:?} {store}, {stored}/4, {} min: {fired}", age / MINUTE));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The first quarters of each workflow's spans.
fn rows_in_part(plan: &Plan, schema: Schema, quarters: u64) -> Vec<Row> {
    let slots = 0..plan.spans();
    let is_stored = |slot: u64| {
        let place = plan.place(slot);
        let ordinals = plan.ordinals(place.workflow);
        u64::from(place.position) * 4 < (ordinals.end - ordinals.start) * quarters
    };
    let rows = random_tests::rows(plan, schema).into_iter().zip(slots);
    rows.filter(|(_, slot)| is_stored(*slot)).map(|(row, _)| row).collect()
}

fn of_traces(expected: &str, traces: usize) -> String {
    let counted = expected.split('#').enumerate().map(|(index, part)| match part.chars().next() {
        Some(digit) if index > 0 => {
            format!("{}{}", digit.to_digit(10).unwrap() as usize * traces, &part[1..])
        }
        _ => part.to_owned(),
    });
    counted.collect()
}
