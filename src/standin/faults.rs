//! Faults: what the stand-in does wrong on purpose, how often, and what it hit.
//!
//! Each armed fault has dice of its own, thrown from the seed and its name: with the same calls in the same order a
//! run repeats, whatever other faults are armed. Only what a fault can change counts as an opportunity.

use std::{
    borrow::Cow,
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::sync::Notify;

pub(crate) use self::catalogue::{Fault, catalogue};
use self::{
    catalogue::Act,
    export::{ExportAct, Treatment},
    files::{FlushAct, IndexAct, SegmentAct, SnapshotAct},
};
use crate::contract::{digest::hash, row::Row};

mod catalogue;
mod cell;
pub(crate) mod expected;
pub(super) mod export;
pub(super) mod files;
mod json;
mod span;
pub(crate) mod spec;
#[cfg(test)]
mod tests;

use spec::{FaultSpec, Trigger};

/// How long a busy stand-in refuses exports.
const BUSY: Duration = Duration::from_secs(1);

/// The faults of one stand-in.
#[derive(Debug)]
pub(super) struct Faults {
    armed: Vec<Armed>,
    began: Instant,
    busy_until: Mutex<Option<Instant>>,
    crash: Notify,
}

#[derive(Debug)]
struct Armed {
    fault: &'static Fault,
    trigger: Trigger,
    dice: Mutex<Dice>,
}

#[derive(Debug)]
struct Dice {
    random: StdRng,
    opportunities: u64,
    strikes: Vec<Hit>,
}

/// What a fault did.
#[derive(Debug, Clone)]
pub(crate) struct Strikes {
    pub(crate) fault: &'static Fault,
    /// How often it could have struck.
    pub(crate) opportunities: u64,
    pub(crate) hits: Vec<Hit>,
}

/// What a fault hit: spans, a file, or both.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) spans: Vec<SpanKey>,
    pub(crate) file: Option<PathBuf>,
}

/// The ids of a span as they were sent, in hex.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SpanKey {
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
}

impl Hit {
    fn spans<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Self {
        Self { spans: rows.into_iter().map(SpanKey::of).collect(), file: None }
    }

    fn file(path: &Path) -> Self {
        Self { spans: Vec::new(), file: Some(path.to_owned()) }
    }
}

impl SpanKey {
    fn of(row: &Row) -> Self {
        Self { trace_id: row.trace_id.clone(), span_id: row.span_id.clone() }
    }
}

impl Armed {
    /// Counts an opportunity, and says whether the fault takes it.
    fn strikes(&self, began: Instant, hit: impl FnOnce() -> Hit) -> bool {
        let mut dice = lock(&self.dice);
        dice.opportunities += 1;
        let strikes = match self.trigger {
            Trigger::Rate(rate) => dice.random.random_bool(rate),
            Trigger::Nth(number) => dice.opportunities == number,
            Trigger::After(time) => dice.strikes.is_empty() && began.elapsed() >= time,
        };
        if strikes {
            dice.strikes.push(hit());
        }
        strikes
    }
}

impl Faults {
    pub(super) fn new(specs: &[FaultSpec], seed: u64) -> Self {
        let arm = |spec: &FaultSpec| {
            let random = StdRng::seed_from_u64(seed ^ hash(spec.fault.name.as_bytes()));
            let dice = Mutex::new(Dice { random, opportunities: 0, strikes: Vec::new() });
            Armed { fault: spec.fault, trigger: spec.trigger, dice }
        };
        Self {
            armed: specs.iter().map(arm).collect(),
            began: Instant::now(),
            busy_until: Mutex::default(),
            crash: Notify::new(),
        }
    }

    pub(super) fn strikes(&self) -> Vec<Strikes> {
        let strikes = |armed: &Armed| {
            let dice = lock(&armed.dice);
            Strikes { fault: armed.fault, opportunities: dice.opportunities, hits: dice.strikes.clone() }
        };
        self.armed.iter().map(strikes).collect()
    }

    /// The acts of one kind whose faults strike now.
    fn striking<A: Copy>(
        &self,
        act: impl Fn(Act) -> Option<A>,
        hit: impl Fn() -> Hit,
    ) -> impl Iterator<Item = A> {
        let wanted = self.armed.iter().filter_map(move |armed| Some((armed, act(armed.fault.act)?)));
        wanted.filter(move |(armed, _)| armed.strikes(self.began, &hit)).map(|(_, act)| act)
    }

    /// What is kept of an export, and how it is answered.
    pub(super) fn export(&self, rows: Vec<Row>) -> (Vec<Row>, Treatment) {
        let mut treatment = Treatment::default();
        // An empty export is how a sender tries its key.
        if rows.is_empty() || self.armed.is_empty() {
            return (rows, treatment);
        }
        let sent = Hit::spans(&rows);
        let mut kept = rows;
        if lock(&self.busy_until).is_some_and(|until| Instant::now() < until) {
            return (Vec::new(), Treatment::BUSY);
        }
        let export = |act| if let Act::Export(act) = act { Some(act) } else { None };
        for act in self.striking(export, || sent.clone()) {
            match act {
                ExportAct::Busy => *lock(&self.busy_until) = Some(Instant::now() + BUSY),
                ExportAct::Restart => self.crash(),
                _ => {}
            }
            kept = act.apply(kept, &mut treatment);
        }
        (kept, treatment)
    }

    /// The rows that go into a segment in place of those that were to.
    pub(super) fn spans<'a>(&self, rows: &'a [Row]) -> Cow<'a, [Row]> {
        let mut changed = Cow::Borrowed(rows);
        for armed in &self.armed {
            let Act::Span(act) = armed.fault.act else { continue };
            let mut index = 0;
            while index < changed.len() {
                let Some(change) = act.change(&changed, index) else {
                    index += 1;
                    continue;
                };
                let hit = || Hit::spans(change.hit.iter().map(|at| &changed[*at]));
                index +=
                    if armed.strikes(self.began, hit) { change.apply(changed.to_mut(), index) } else { 1 };
            }
        }
        changed
    }

    /// Damages a segment that has just got its name, and holds `rows`.
    pub(super) fn segment(
        &self,
        path: &Path,
        rows: &[Row],
        mut further: impl FnMut() -> PathBuf,
    ) -> io::Result<()> {
        let segment = |act| if let Act::Segment(act) = act { Some(act) } else { None };
        let hit = || Hit { file: Some(path.to_owned()), ..Hit::spans(rows) };
        for act in self.striking(segment, hit) {
            match act {
                SegmentAct::Damage(damage) => damage.apply(path)?,
                SegmentAct::Double => drop(fs::copy(path, further())?),
            }
        }
        Ok(())
    }

    /// What goes wrong with the flush into a file.
    pub(super) fn flush(&self, path: &Path) -> Vec<FlushAct> {
        let flush = |act| if let Act::Flush(act) = act { Some(act) } else { None };
        self.striking(flush, || Hit::file(path)).collect()
    }

    pub(super) fn snapshot(&self, path: &Path) -> Vec<SnapshotAct> {
        let snapshot = |act| if let Act::Snapshot(act) = act { Some(act) } else { None };
        self.striking(snapshot, || Hit::file(path)).collect()
    }

    /// What goes wrong when a cold file is indexed.
    pub(super) fn index(&self, path: &Path) -> Vec<IndexAct> {
        let index = |act| if let Act::Index(act) = act { Some(act) } else { None };
        self.striking(index, || Hit::file(path)).collect()
    }

    /// Ends the process in whose place the stand-in is. Whoever called waits for the end.
    pub(super) fn crash(&self) {
        self.crash.notify_one();
    }

    /// Adds what went with the memory to what the fault hit that ended the process.
    pub(super) fn note_lost(&self, rows: &[Row]) {
        for armed in self.armed.iter().filter(|armed| armed.fault.ends_the_service()) {
            if let Some(hit) = lock(&armed.dice).strikes.last_mut() {
                hit.spans = Hit::spans(rows).spans;
            }
        }
    }

    pub(super) async fn crashed(&self) {
        self.crash.notified().await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
