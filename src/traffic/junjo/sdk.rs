//! The SDK's tracer: a clock, and the spans that are open at its time, each inside the one before.
//!
//! The innermost open span is the *current* one: it is the parent of the next, and carries the
//! events that happen now. An executable takes the innermost open executable as its parent, whether
//! or not spans of other kinds lie between.

use std::ops::Range;

use opentelemetry_proto::tonic::{
    common::v1::KeyValue,
    trace::v1::{Span, span::Event},
};

use super::{executable::Executable, raised::NodeResult};
use crate::traffic::{
    dice::Dice,
    place::Place,
    planned::FLAGS,
    profile::Telemetry,
    recorded::{self, Draft, Recorded, Scope},
};

/// The flags of a span whose parent is known to be in another process.
const REMOTE_PARENT: u32 = FLAGS | 0x200;

/// One trace in the making.
#[derive(Debug)]
pub(crate) struct Sdk {
    pub(crate) telemetry: Telemetry,
    pub(crate) dice: Dice,
    /// Unix nanoseconds.
    pub(crate) now: u64,
    /// What all executables of the trace are about, as an app may say.
    pub(crate) correlation: Option<Correlation>,
    open: Vec<Open>,
    ended: Vec<Draft>,
    /// How many of the open spans are on the other side of a call from another process, if this is a peer's.
    caller: Option<usize>,
}

/// A trusted identity from outside Junjo.
#[derive(Debug, Clone)]
pub(crate) struct Correlation {
    pub(crate) kind: &'static str,
    pub(crate) id: String,
}

#[derive(Debug)]
struct Open {
    draft: Draft,
    executable: Option<Executable>,
}

/// Records the workflow of a place: all spans that are opened and ended again while `run` runs.
/// Its result is on the spans, and not given back.
pub(crate) fn record<T>(place: &Place<'_>, dice: Dice, run: impl FnOnce(&mut Sdk) -> T) -> Vec<Recorded> {
    let mut sdk = Sdk::new(place, dice);
    run(&mut sdk);
    recorded::record(sdk.finish(), place)
}

impl Sdk {
    fn new(place: &Place<'_>, dice: Dice) -> Self {
        Self {
            telemetry: place.telemetry,
            dice,
            now: place.start_time,
            correlation: None,
            open: Vec::new(),
            ended: Vec::new(),
            caller: None,
        }
    }

    /// Lets some nanoseconds of a range go by.
    pub(crate) fn pass(&mut self, nanos: Range<u64>) {
        self.now += self.dice.within(nanos);
    }

    /// Starts a span that is no executable, such as a call of a model.
    pub(crate) fn open(&mut self, name: impl Into<String>) {
        let draft = Draft::new(name, self.now, self.now);
        self.push(draft, None);
    }

    /// Starts the span of an executable, with the attributes that all of them have.
    pub(crate) fn open_executable(&mut self, name: impl Into<String>, executable: Executable) {
        let mut draft = Draft::new(name, self.now, self.now);
        executable.describe(self.telemetry, self.enclosing(), self.correlation.as_ref(), &mut draft.span);
        self.push(draft, Some(executable));
    }

    fn push(&mut self, mut draft: Draft, executable: Option<Executable>) {
        draft.by_peer = self.caller.is_some();
        if self.caller == Some(self.open.len()) {
            draft.span.flags = REMOTE_PARENT;
        }
        self.open.push(Open { draft, executable });
    }

    /// Another process does something that the current span asks it for: it knows that span alone, by its ids.
    pub(crate) fn in_peer<T>(&mut self, serve: impl FnOnce(&mut Self) -> T) -> T {
        let caller = self.caller.replace(self.open.len());
        let served = serve(self);
        self.caller = caller;
        served
    }

    /// Starts what the current span does not wait for, and the root neither.
    pub(crate) fn forget(&mut self, run: impl FnOnce(&mut Self)) {
        let (now, before) = (self.now, self.siblings().len());
        run(self);
        self.now = now;
        for draft in &mut self.siblings()[before..] {
            draft.outlives_root = true;
        }
    }

    /// The current span.
    pub(crate) fn span(&mut self) -> &mut Span {
        &mut self.draft().span
    }

    /// Says which instrumentation the current span is from, where it is not Junjo's.
    pub(crate) fn set_scope(&mut self, scope: Scope) {
        self.draft().scope = scope;
    }

    fn draft(&mut self) -> &mut Draft {
        &mut self.open.last_mut().expect("an app works inside a span").draft
    }

    /// The innermost open executable.
    pub(crate) fn enclosing(&self) -> Option<&Executable> {
        let here = &self.open[self.caller.unwrap_or_default()..];
        here.iter().rev().find_map(|open| open.executable.as_ref())
    }

    /// Something happens: the current span carries it.
    pub(crate) fn event(&mut self, name: &str, attributes: Vec<KeyValue>) {
        let event = Event { time_unix_nano: self.now, name: name.to_owned(), attributes, ..Event::default() };
        self.span().events.push(event);
    }

    /// Ends the current span.
    pub(crate) fn close(&mut self) {
        let Open { mut draft, .. } = self.open.pop().expect("what is closed was open");
        draft.span.end_time_unix_nano = self.now;
        self.siblings().push(draft);
    }

    /// Ends the span of an executable, with what became of it.
    pub(crate) fn close_executable(&mut self, outcome: &mut NodeResult) {
        self.mark(outcome);
        self.close();
    }

    /// The span that ended last inside the current one.
    pub(crate) fn last_child(&mut self) -> Option<&mut Span> {
        self.siblings().last_mut().map(|draft| &mut draft.span)
    }

    /// The ended spans beside which the current span's next child, or the next root, goes.
    fn siblings(&mut self) -> &mut Vec<Draft> {
        match self.open.last_mut() {
            Some(parent) => &mut parent.draft.children,
            None => &mut self.ended,
        }
    }

    /// The root, when its span has ended.
    fn finish(mut self) -> Draft {
        self.ended.pop().expect("an app ends what it opens")
    }
}
