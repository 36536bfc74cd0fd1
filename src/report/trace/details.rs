//! What is printed below a span: where else it lies, what it says of failures, how it changed a store.

use std::fmt::Write as _;

use serde_json::Value;

use super::Legend;
use crate::{
    audit::executions::Mark,
    checks::finding_id,
    text::{escape::plain, numbers::short, paint::Paint},
    trace::{
        Trace,
        span::{Event, Span},
        state::{Change, Transition},
    },
};

const EVENTS_SHOWN: usize = 20;
const CHANGES_SHOWN: usize = 8;
/// More of a value than any terminal shows in a line; the renderer cuts to its own width.
const VALUE_CHARS: usize = 200;

/// A line below a span, and how it is painted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Detail {
    pub(super) text: String,
    pub(super) tone: Tone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Bad,
    Doubtful,
    Plain,
    Quiet,
}

impl Tone {
    pub(super) fn paint(self, paint: Paint, text: &str) -> String {
        match self {
            Self::Bad => paint.bad(text),
            Self::Doubtful => paint.doubtful(text),
            Self::Plain => text.to_owned(),
            Self::Quiet => paint.quiet(text),
        }
    }
}

pub(super) fn details(trace: &Trace, index: usize, legend: &Legend) -> Vec<Detail> {
    let span = &trace.spans[index];
    let mut details = Vec::new();
    for mark in trace.findings.get(&span.row.span_id).into_iter().flatten() {
        finding(mark, &mut details);
    }
    places(span, legend, &mut details);
    for column in &span.broken {
        add(&mut details, Tone::Bad, format!("its {column} are not valid JSON"));
    }
    if !span.absent.is_empty() {
        add(&mut details, Tone::Bad, format!("no value for {}", span.absent.join(", ")));
    }
    if let Some(message) = &span.row.status_message {
        add(&mut details, Tone::Bad, format!("status: {}", short(message, VALUE_CHARS)));
    }
    let mut events: Vec<(usize, &Event)> = span.events.iter().enumerate().collect();
    events.sort_by_key(|(place, event)| (event.time, *place));
    for (place, event) in events.iter().take(EVENTS_SHOWN) {
        let transition = trace.stores.iter().find_map(|store| {
            let one = store.transitions.iter().find(|one| one.at == (index, *place))?;
            Some((store, one))
        });
        match transition {
            Some((store, transition)) => self::transition(&store.name, transition, &mut details),
            None => add(&mut details, tone(event), event_line(event)),
        }
    }
    if events.len() > EVENTS_SHOWN {
        add(&mut details, Tone::Quiet, format!("and {} more events", events.len() - EVENTS_SHOWN));
    }
    details
}

fn add(details: &mut Vec<Detail>, tone: Tone, text: String) {
    details.push(Detail { text, tone });
}

/// As the report of an audit marks the span.
fn finding(mark: &Mark, details: &mut Vec<Detail>) {
    let tone = match mark.verdict {
        "fail" => Tone::Bad,
        "info" => Tone::Quiet,
        _ => Tone::Doubtful,
    };
    let text = short(&mark.text, VALUE_CHARS);
    add(details, tone, format!("{} {}: {text}", mark.word(), finding_id::shown(&mark.id)));
}

fn places(span: &Span, legend: &Legend, details: &mut Vec<Detail>) {
    if span.is_repeated() || span.places.len() > 2 {
        let all: Vec<String> = span.places.iter().map(|place| legend.place(place)).collect();
        let tone = if span.is_repeated() { Tone::Doubtful } else { Tone::Quiet };
        add(details, tone, format!("copies at {}", all.join(", ")));
    }
    if !span.differing.is_empty() {
        add(details, Tone::Bad, format!("its copies differ in {}", span.differing.join(", ")));
    }
}

fn tone(event: &Event) -> Tone {
    if event.name == "exception" || event.name.contains("error") { Tone::Bad } else { Tone::Quiet }
}

/// An exception by its type and message, any other event by its name.
fn event_line(event: &Event) -> String {
    let name = short(&event.name, 60);
    let text = |key| event.text(key).map(|text| short(text, VALUE_CHARS));
    match (text("exception.type"), text("exception.message")) {
        (Some(kind), Some(message)) => format!("{name}: {kind}: {message}"),
        (Some(kind), None) => format!("{name}: {kind}"),
        (None, _) => format!("event {name}"),
    }
}

fn transition(store: &str, transition: &Transition, details: &mut Vec<Detail>) {
    let mut head = format!("{} on {}", short(&transition.action, 60), short(store, 60));
    if let Some((before, after)) = transition.revisions {
        write!(head, ", revision {before} to {after}").ok();
    }
    if transition.changes.is_empty() && transition.problem.is_none() {
        head += ": nothing visible changed";
    }
    add(details, Tone::Quiet, head);
    for change in transition.changes.iter().take(CHANGES_SHOWN) {
        add(details, Tone::Plain, format!("  {}", change_line(change)));
    }
    if transition.changes.len() > CHANGES_SHOWN {
        let hidden = transition.changes.len() - CHANGES_SHOWN;
        add(details, Tone::Quiet, format!("  and {hidden} more changes"));
    }
    if let Some(problem) = &transition.problem {
        add(details, Tone::Bad, format!("  {}", plain(problem)));
    }
}

/// As in a diff: `+` what came, `-` what went, `~` what became something else.
fn change_line(change: &Change) -> String {
    let path = if change.path.is_empty() { "(all)".to_owned() } else { short(&change.path, 80) };
    let before = change.before.as_ref().map_or_else(|| "?".to_owned(), value);
    let after = change.after.as_ref().map_or_else(|| "?".to_owned(), value);
    let from = change.from.as_deref().map(|from| short(from, 80)).unwrap_or_default();
    match change.op {
        "add" => format!("+ {path}  {after}"),
        "remove" => format!("- {path}  {before}"),
        "replace" => format!("~ {path}  {before} → {after}"),
        op => format!("{op} {from}{}{path}", if from.is_empty() { "" } else { " → " }),
    }
}

fn value(value: &Value) -> String {
    short(&value.to_string(), VALUE_CHARS)
}
