//! Outcomes: an error or a cancellation shows on everything that it passed through.

use super::{
    Profile,
    trace::{Seen, Trace, text},
};

const ERROR: i32 = 2;

pub(super) fn check(trace: &Trace) {
    for seen in &trace.spans {
        let (code, message) = seen.status();
        let failed = code == ERROR;
        let cancelled = seen.has("junjo.cancelled");
        assert_eq!(seen.has("error.type"), failed, "{seen:?}");
        assert_eq!(seen.has("junjo.cancelled_reason"), cancelled, "{seen:?}");
        assert!(!(failed && cancelled), "{seen:?}");
        assert!(failed || (code, message) == (0, ""), "{seen:?}");

        let exceptions = seen.events("exception");
        assert_eq!(exceptions.len(), usize::from(failed), "{seen:?}");
        for (_, exception) in exceptions {
            let class = text(&exception["exception.type"]);
            assert_eq!(class.rsplit('.').next(), Some(seen.text("error.type")));
            assert_eq!(text(&exception["exception.message"]), message);
            assert!(text(&exception["exception.stacktrace"]).ends_with(&format!("{class}: {message}\n")));
            assert_eq!(exception["exception.escaped"], "False");
        }
        if let Some(parent) = trace.parent(seen) {
            check_parent(seen, parent);
        }
    }
    let root = &trace.spans[trace.spans.len() - 1];
    let hooks = trace.spans.iter().flat_map(|seen| seen.span.events.iter());
    let hooks: Vec<_> = hooks.map(|event| event.name.as_str()).filter(|name| name.contains("hook")).collect();
    match (trace.profile, trace.variant) {
        (Profile::Failing, 4) => assert_eq!((hooks, root.status().0), (vec!["junjo.hook_error"], 0)),
        (Profile::Failing, _) | (Profile::FanOut, 1) => {
            assert_eq!((hooks, root.status().0), (vec![], ERROR));
        }
        (Profile::Cancelled, 2) => assert_eq!(hooks, ["junjo.hook_delivery_cancelled"]),
        (Profile::Cancelled, _) => assert!(root.has("junjo.cancelled")),
        _ => assert_eq!(root.status().0, 0),
    }
}

/// A failure fails what encloses it, as another error where that is a workflow's failure to its
/// parent; a cancellation cancels it, unless a sibling's failure was the cause.
fn check_parent(seen: &Seen, parent: &Seen) {
    if seen.has("error.type") {
        let error = if seen.kind() == "subflow" { "WorkflowExecutionError" } else { seen.text("error.type") };
        assert_eq!(parent.text("error.type"), error);
    }
    if seen.has("junjo.cancelled") {
        let by_sibling = parent.kind() == "run_concurrent" && parent.has("error.type");
        let reason = seen.text("junjo.cancelled_reason");
        assert!(by_sibling && reason == "sibling_failed" || parent.text("junjo.cancelled_reason") == reason);
    }
}

pub(super) fn check_legacy(trace: &Trace) {
    for seen in &trace.spans {
        let (code, message) = seen.status();
        let exceptions = seen.events("exception");
        assert_eq!(exceptions.len(), if code == ERROR { 2 } else { 0 }, "{seen:?}");
        for (_, exception) in exceptions {
            let class = text(&exception["exception.type"]).rsplit('.').next().unwrap().to_owned();
            assert_eq!(format!("{class}: {}", text(&exception["exception.message"])), message);
        }
        if let Some(parent) = trace.parent(seen).filter(|_| code == ERROR) {
            assert_eq!(parent.status(), (code, message));
        }
        let others = seen.span.events.iter().find(|event| !matches!(&*event.name, "set_state" | "exception"));
        assert_eq!(others, None);
    }
}
