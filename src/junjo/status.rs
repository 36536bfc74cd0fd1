//! Outcomes: what a span's status, its attributes and its events say of how it ended.

use super::{
    difference::Difference,
    graph::Look,
    span::{Era, Kind, Outcome, Span},
    trace::{Ancestor, Trace},
};
use crate::judge::junjo::key::Key;

pub(crate) fn look_at(trace: &Trace<'_>, index: usize, look: &mut Look<'_>) {
    let span = &trace.spans[index];
    let is_judged = span.kind.is_executable() || matches!(span.kind, Kind::Operation | Kind::Evaluation);
    // Before 0.63 nothing but the status told.
    if !is_judged || !span.head.has_attributes || matches!(span.era, Era::Legacy | Era::Unknown) {
        return;
    }
    dropped(span, look);
    own(span, look);
    if span.kind.is_in_graph()
        && let Ancestor::Executable(above) = trace.ancestors[index]
    {
        above_failed(span, &trace.spans[above], look);
    }
}

/// What the sender dropped cannot be verified.
fn dropped(span: &Span<'_>, look: &mut Look<'_>) {
    let counts = [("attributes", span.head.dropped_attributes), ("events", span.head.dropped_events)];
    for (what, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
        look.add(span, Difference::new("dropped").about(what).between(Some(0), Some(count)));
    }
}

fn own(span: &Span<'_>, look: &mut Look<'_>) {
    let error = span.text(Key::ErrorType);
    let add = |look: &mut Look<'_>, subject: &str, expected: &str, actual: &str| {
        let difference = Difference::new("outcome").about(subject);
        look.add(span, difference.between(Some(expected), Some(actual)));
    };
    if let Some(error) = error {
        if span.head.status != 2 {
            add(look, "status", "error", status(span.head.status));
        }
        let is_whole = span.head.has_events && span.head.dropped_events == 0;
        let names = |event: &str| event.rsplit('.').next() == Some(error);
        if is_whole
            && !span.exceptions().any(|event| event.members.text(Key::ExceptionType).is_some_and(names))
        {
            add(look, "exception event", error, "none of that type");
        }
    }
    if span.is_cancelled() {
        if error.is_some() {
            add(look, "error.type", "none, since it was cancelled", error.unwrap_or_default());
        }
        if span.text(Key::CancelledReason).is_none() {
            add(look, "cancelled_reason", "a reason", "none");
        }
        if error.is_none() && span.head.status == 2 {
            add(look, "status", "unset, since it was cancelled", "error");
        }
    } else if span.attributes.has(Key::CancelledReason) {
        add(look, "cancelled", "true, since it has a reason", "absent");
    }
    // A program may set the status of a span that is current.
    if span.head.status == 2 && error.is_none() && !span.is_cancelled() {
        let has_exception =
            if span.exceptions().next().is_some() { "an exception event" } else { "no exception event" };
        look.add(span, Difference::new("unexplained_error").about(span.label()).because(has_exception));
    }
}

/// A node that fails, fails what runs it.
fn above_failed(span: &Span<'_>, owner: &Span<'_>, look: &mut Look<'_>) {
    let failed = span.attributes.has(Key::ErrorType) || span.is_cancelled();
    let is_mine = span.parent_runtime_id() == owner.runtime_id();
    let has_end = owner.head.has_attributes && is_mine;
    if has_end && failed && owner.outcome() == Outcome::Completed {
        let difference = Difference::new("outcome").about(format!("outcome of {}", span.label()));
        look.add(owner, difference.between(Some("failed or cancelled"), Some("completed")));
    }
}

fn status(code: i64) -> &'static str {
    match code {
        0 => "unset",
        1 => "ok",
        2 => "error",
        _ => "no status",
    }
}
