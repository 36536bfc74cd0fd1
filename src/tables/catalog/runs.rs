//! Tables of what was sent, and of what an audit said.

use std::future::ready;

use super::{Needs, PLANNED, SPAN, Table, flag, number, text, time};
use crate::tables::{by_depth::by_depth, runs};

pub(super) const TABLES: &[Table] = &[
    Table {
        name: "runs",
        about: "one row per run in the runs folder",
        needs: Needs::Ledger,
        columns: &[&[
            text("run", "id of the run"),
            time("created_at", "when it was started"),
            text("profile", "shapes of its traffic"),
            number("services", "planned services"),
            number("workflows", "planned workflows"),
            number("spans", "planned spans"),
            flag("finished", "whether it was sent to its end"),
            flag("asked_for", "whether --run names it; an audit also judges other runs whose spans it finds"),
            text("endpoint", "where it was sent"),
            flag("judged", "whether the store is held against it").swept(),
        ]],
        make: |sources| Box::pin(ready(by_depth(sources, "runs", runs::rows))),
    },
    Table {
        name: "expected_spans",
        about: "one row per planned span of the runs that an audit judges, as studio 0.82 should store it",
        needs: Needs::Ledger,
        columns: &[
            PLANNED,
            &[
                text(
                    "outcome",
                    "outcome of its export: acked, rejected, indeterminate, partial or not_started",
                ),
                time("export_ended_at", "when its export ended, by the generator's clock"),
            ],
            SPAN,
        ],
        make: |sources| Box::pin(sources.expected_spans()),
    },
    Table {
        name: "findings",
        about: "one row per finding that the last audit of a run kept as a sample",
        needs: Needs::SavedAudit,
        columns: &[&[
            text("run", "the run that the audit was saved with"),
            text("finding", "id of the finding: check and hex digits"),
            text("check_name", "id of the check"),
            text("severity", "error, warn or info"),
            text("verdict", "verdict of the check: fail, warn, info or inconclusive"),
            text("tier", "tier of the row, if the finding is about one"),
            text("file", "its file, relative to the spans folder"),
            number("row_number", "its position in the file, from 0"),
            text("service_name", "the service, if the finding names one"),
            text("trace_id", "the trace, if the finding names one"),
            text("span_id", "the span, if the finding names one"),
            text("expected", "expected value, if the check compares"),
            text("actual", "stored value"),
            text("details", "JSON object of all columns of the check"),
        ]],
        make: |sources| Box::pin(ready(sources.findings())),
    },
];
