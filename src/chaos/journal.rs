//! What happened to the studio: its processes and the faults, in the ledger and at hand.

use std::sync::Arc;

use super::{
    checkup::{Audited, Checkup},
    files::Damaged,
};
use crate::{
    base::clock::unix_nanos,
    ledger::{
        chaos::Step,
        entry::{Entry, StudioState},
        writer::LedgerWriter,
    },
};

/// One process of the studio. Times are Unix nanoseconds.
#[derive(Debug, Clone)]
pub(crate) struct Generation {
    pub(crate) started: u64,
    /// When it answered first.
    pub(crate) ready: Option<u64>,
    pub(crate) ended: Option<End>,
}

/// How a process of the studio ended.
#[derive(Debug, Clone)]
pub(crate) struct End {
    /// When it was seen to have ended.
    pub(crate) at: u64,
    pub(crate) by: EndedBy,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EndedBy {
    /// A fault, by its place in the schedule.
    Fault(usize),
    /// Nobody here.
    Itself(String),
    /// The experiment was over.
    Us,
}

/// A fault that began.
#[derive(Debug, Clone)]
pub(crate) struct FaultRecord {
    pub(crate) step: Step,
    pub(crate) began: u64,
    pub(crate) ended: Option<u64>,
    pub(crate) effect: Effect,
    pub(crate) after: Checkup,
}

/// What a fault did, beyond what the studio's processes tell.
#[derive(Debug, Clone, Default)]
pub(crate) struct Effect {
    /// Why it could not be carried out, where that is so.
    pub(crate) untried: Option<String>,
    /// When the flush began that it cut short.
    pub(crate) flush_began: Option<u64>,
    /// The files that it damaged, and the acks that they may hold the spans of.
    pub(crate) damaged: Vec<Damaged>,
    /// What else is to be told of it.
    pub(crate) note: Option<String>,
    /// What a flush said while a damaged file lay there; none where none was asked for, or it went well.
    pub(crate) wedged: Option<String>,
}

impl Effect {
    pub(crate) fn untried(why: impl Into<String>) -> Self {
        Self { untried: Some(why.into()), ..Self::default() }
    }
}

/// Keeps what happened; the ledger gets it as soon as there is one.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    pub(crate) generations: Vec<Generation>,
    pub(crate) faults: Vec<FaultRecord>,
    /// The runs of crowds, by their ids.
    pub(crate) crowds: Vec<String>,
    /// Why the studio could not be brought back.
    pub(crate) gone: Option<String>,
    pub(super) ledger: Option<Arc<LedgerWriter>>,
    /// From before there was a ledger.
    pub(super) waiting: Vec<Entry>,
}

impl Journal {
    pub(crate) fn attach(&mut self, ledger: Arc<LedgerWriter>) -> anyhow::Result<()> {
        self.waiting.drain(..).try_for_each(|entry| ledger.append(&entry))?;
        self.ledger = Some(ledger);
        Ok(())
    }

    /// With what ends the process, where that may outlive us.
    pub(crate) fn started(&mut self, pid: u32, note: String) -> anyhow::Result<()> {
        let at = unix_nanos();
        self.generations.push(Generation { started: at, ready: None, ended: None });
        self.studio(StudioState::Started, at, Some(pid), note)
    }

    pub(crate) fn ready(&mut self) -> anyhow::Result<()> {
        let at = unix_nanos();
        if let Some(last) = self.generations.last_mut() {
            last.ready = Some(at);
        }
        self.studio(StudioState::Ready, at, None, String::new())
    }

    pub(crate) fn ended(&mut self, by: EndedBy) -> anyhow::Result<()> {
        let at = unix_nanos();
        let note = match &by {
            EndedBy::Fault(step) => format!("by fault {step}"),
            EndedBy::Itself(how) => format!("by itself: {how}"),
            EndedBy::Us => "the experiment is over".to_owned(),
        };
        if let Some(last) = self.generations.last_mut() {
            last.ended = Some(End { at, by });
        }
        self.studio(StudioState::Ended, at, None, note)
    }

    pub(crate) fn fault_began(&mut self, step: Step) -> anyhow::Result<()> {
        let began = unix_nanos();
        let number = self.faults.len() as u32;
        self.faults.push(FaultRecord {
            step,
            began,
            ended: None,
            effect: Effect::default(),
            after: Checkup::default(),
        });
        self.record(Entry::FaultBegan { step: number, nemesis: step.nemesis, at: began })
    }

    pub(crate) fn fault_ended(&mut self, effect: Effect) -> anyhow::Result<()> {
        let at = unix_nanos();
        let step = self.faults.len().saturating_sub(1) as u32;
        let tried = effect.untried.is_none();
        let note = effect.untried.clone().or(effect.wedged.clone()).unwrap_or_default();
        if let Some(last) = self.faults.last_mut() {
            last.ended = Some(at);
            last.effect = effect;
        }
        self.record(Entry::FaultEnded { step, at, tried, note })
    }

    /// What was seen of the studio after the last fault.
    pub(crate) fn checked_up(&mut self, after: Checkup) {
        if let Some(last) = self.faults.last_mut() {
            last.after = after;
        }
    }

    /// The spans stored more than once that came about by a fault, where it was audited after it and before it.
    pub(crate) fn twice(&self, fault: usize) -> Option<u64> {
        Some(self.audited(fault)?.twice)
    }

    /// What the audit after a fault counted that the one before it had not.
    pub(crate) fn audited(&self, fault: usize) -> Option<Audited> {
        let mut before = self.faults[..fault].iter().filter(|fault| fault.effect.untried.is_none());
        let before = before.next_back().map_or(Some(Audited::default()), |fault| fault.after.audited)?;
        let after = self.faults[fault].after.audited?;
        Some(Audited {
            lost: after.lost.saturating_sub(before.lost),
            twice: after.twice.saturating_sub(before.twice),
        })
    }

    /// The ledger, once there is one.
    pub(crate) fn ledger(&self) -> Option<Arc<LedgerWriter>> {
        self.ledger.clone()
    }

    fn studio(&mut self, state: StudioState, at: u64, pid: Option<u32>, note: String) -> anyhow::Result<()> {
        let generation = self.generations.len() as u32;
        self.record(Entry::Studio { generation, state, at, pid, note })
    }

    fn record(&mut self, entry: Entry) -> anyhow::Result<()> {
        if let Some(ledger) = &self.ledger {
            return ledger.append(&entry);
        }
        self.waiting.push(entry);
        Ok(())
    }
}
