//! Carries out a schedule of faults, and brings the studio back after each.

mod clock;
mod crash;
mod crowd;
mod disk;
mod network;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use tokio::{net::TcpStream, sync::watch};

use super::{
    checkup::{Auditor, Checkup},
    clock::Clock,
    files::{DataFile, data_files},
    flush::{Before, FlushPoint},
    idle::Process,
    journal::{Effect, EndedBy, Journal},
    process::Studio,
};
use crate::{
    base::problem::Problem,
    ledger::chaos::{ChaosPlan, Nemesis, Step},
    send::{
        barrier::{BarrierMethod, BarrierOutcome, run_barrier},
        run::{LoadSpec, Secret},
    },
    store::find::find_store,
    text::secrets,
    wire::{exporter::Exporter, route::Route, target::Target, transport::Transport},
};

/// How long a studio may take until it answers.
const READY_WITHIN: Duration = Duration::from_mins(1);

/// How long a service elsewhere may take from its start until it listens.
const LISTENS_WITHIN: Duration = Duration::from_secs(5);

/// How long one call may take that asks whether it does.
const PROBE: Duration = Duration::from_secs(2);

/// How far the clock is stepped, in seconds.
const CLOCK_STEP: i64 = 3_600;

const POLL: Duration = Duration::from_millis(10);

/// How long a studio elsewhere may take to end.
const SILENT_WITHIN: Duration = Duration::from_secs(30);

/// How long segments may take to come about: beyond the timer of the studio's WAL.
const SEGMENT_WITHIN: Duration = Duration::from_secs(15);

/// A flush after a fault is waited for so long at least.
const FLUSHES_WITHIN: Duration = Duration::from_secs(2);

/// Where the studio answers.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    pub(crate) endpoint: Target,
    pub(crate) api_key: Secret,
    pub(crate) transport: Transport,
}

/// A studio in trouble: its process, where it answers, and what happened so far.
#[derive(Debug)]
pub(crate) struct Patient {
    pub(crate) studio: Studio,
    /// The studio's own, where a fault needs it and it can be had.
    pub(crate) clock: Option<Clock>,
    pub(crate) door: Door,
    pub(crate) internal: Internal,
    /// Between the exporters and the studio, where a fault needs it.
    pub(crate) route: Option<Route>,
    /// Between the studio and who asks for flushes, where a fault needs it.
    pub(crate) internal_route: Option<Route>,
    pub(crate) data_dir: PathBuf,
    /// What was damaged is kept in it.
    pub(crate) run_folder: PathBuf,
    /// The command that starts another version.
    pub(crate) upgrade_to: Option<String>,
    /// Of the plan.
    pub(crate) seed: u64,
    pub(crate) crowd: usize,
    /// For those who look whether it has anything to do.
    pub(crate) process: Process,
    /// The last audit between faults.
    pub(crate) audit_took: Duration,
    /// The traffic that a crowd comes on top of.
    pub(crate) load: LoadSpec,
    pub(crate) journal: Journal,
}

/// Where the studio flushes.
#[derive(Debug, Clone)]
pub(crate) struct Internal {
    pub(crate) endpoint: Target,
    pub(crate) token: Option<Secret>,
}

impl Patient {
    /// Starts the studio and waits until it takes an export.
    pub(crate) async fn start(&mut self) -> anyhow::Result<()> {
        let pid = self.studio.start()?;
        if !self.studio.is_elsewhere() {
            self.process.set(pid);
        }
        if let Some(clock) = &mut self.clock {
            clock.started(pid);
        }
        let last_resort = self.studio.launch().last_resort(pid);
        let ends_it = last_resort.map(|command| format!("`{}` ends it", self.shown(&command)));
        self.journal.started(pid, ends_it.unwrap_or_default())?;
        self.wait_until_it_answers(self.studio.is_elsewhere()).await
    }

    /// A command of the user's, without secrets.
    pub(crate) fn shown(&self, command: &str) -> String {
        let token = self.internal.token.as_ref().map_or("", |token| &token.0);
        secrets::without(command, &[&self.door.api_key.0, token]).into_owned()
    }

    /// A service that was still ending when it was started stays down: with `again` it is started again while nobody
    /// listens.
    async fn wait_until_it_answers(&mut self, again: bool) -> anyhow::Result<()> {
        let began = Instant::now();
        let mut started = began;
        let transport = Transport { timeout: PROBE, ..self.door.transport.clone() };
        loop {
            let why = match Exporter::open(&self.door.endpoint, &self.door.api_key.0, &transport).await {
                Ok(mut exporter) => match exporter.prove().await {
                    Ok(()) => return self.journal.ready(),
                    Err(refused) => refused.problem,
                },
                Err(problem) => problem,
            };
            let log = self.studio.launch().log.display().to_string();
            if let Some(status) = self.studio.ended()? {
                self.journal.ended(EndedBy::Itself(status.to_string()))?;
                let what = format!("the studio ended before it answered: {status}");
                return Err(Problem::new(what, format!("`{log}` has what it printed")).into());
            }
            let is_overdue = again && started.elapsed() > LISTENS_WITHIN;
            if is_overdue && TcpStream::connect(self.door.endpoint.address()).await.is_err() {
                self.studio.start()?;
                started = Instant::now();
            }
            if began.elapsed() > READY_WITHIN {
                let what = format!("the studio does not answer within {} s", READY_WITHIN.as_secs());
                return Err(Problem::new(what, format!("`{log}` has what it printed")).caused_by(why).into());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Starts the studio again; what keeps it from coming back is noted and ends the faults.
    async fn bring_back(&mut self) -> anyhow::Result<()> {
        if let Err(err) = self.start().await {
            self.journal.gone = Some(err.to_string());
        }
        Ok(())
    }

    /// Starts the studio again if it has ended by itself.
    pub(crate) async fn heal(&mut self) -> anyhow::Result<()> {
        if self.journal.gone.is_none()
            && let Some(status) = self.studio.ended()?
        {
            self.journal.ended(EndedBy::Itself(status.to_string()))?;
            self.bring_back().await?;
        }
        Ok(())
    }

    /// Starts the studio again if it has ended by itself. That of one elsewhere is seen by its silence alone.
    pub(crate) async fn settle(&mut self) -> anyhow::Result<()> {
        self.heal().await?;
        if self.journal.gone.is_none()
            && self.studio.is_elsewhere()
            && let Err(err) = self.wait_until_it_answers(false).await
        {
            self.journal.ended(EndedBy::Itself(err.to_string()))?;
            self.journal.gone = Some(err.to_string());
        }
        Ok(())
    }

    /// Carries out a plan that began at a moment, until its time is up, the studio is gone, or `stop` turns true.
    pub(crate) async fn suffer(
        &mut self,
        plan: &ChaosPlan,
        began: Instant,
        auditor: &Auditor,
        mut stop: watch::Receiver<bool>,
    ) -> anyhow::Result<()> {
        let due = |at_ms: u64| began + Duration::from_millis(at_ms);
        for (number, step) in plan.steps.iter().enumerate() {
            if !self.watch_until(due(step.at_ms), &mut stop).await? {
                return Ok(());
            }
            self.journal.fault_began(*step)?;
            if Instant::now() > due(plan.duration_ms) {
                self.journal.fault_ended(Effect::untried("the traffic was over by then"))?;
                continue;
            }
            let effect = self.inflict(number, *step, stop.clone()).await?;
            let is_tried = effect.untried.is_none();
            self.journal.fault_ended(effect)?;
            if is_tried && self.journal.gone.is_none() {
                let next = plan.steps.get(number + 1).map_or(plan.duration_ms, |next| next.at_ms);
                let checkup = self.check_up(auditor, due(next)).await?;
                self.journal.checked_up(checkup);
            }
        }
        self.watch_until(began + Duration::from_millis(plan.duration_ms), &mut stop).await?;
        Ok(())
    }

    /// Waits, and starts a studio again that ends by itself. Says whether to go on.
    async fn watch_until(
        &mut self,
        moment: Instant,
        stop: &mut watch::Receiver<bool>,
    ) -> anyhow::Result<bool> {
        loop {
            self.heal().await?;
            if *stop.borrow() || self.journal.gone.is_some() {
                return Ok(false);
            }
            let left = moment.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(true);
            }
            tokio::select! {
                () = tokio::time::sleep(left.min(10 * POLL)) => {}
                _ = stop.wait_for(|stop| *stop) => {}
            }
        }
    }

    /// Asks for flushes until one succeeds or it is time for the next fault, and audits where there is time for it.
    async fn check_up(&mut self, auditor: &Auditor, next: Instant) -> anyhow::Result<Checkup> {
        let began = Instant::now();
        let next = next.max(began + FLUSHES_WITHIN);
        let mut checkup = Checkup::default();
        while checkup.flushed_after.is_none() && Instant::now() < next {
            match tokio::time::timeout_at(next.into(), self.flush()).await {
                Ok(Ok(Flushed::Done)) => checkup.flushed_after = Some(began.elapsed()),
                Ok(Ok(Flushed::Refused(_))) => tokio::time::sleep(10 * POLL).await,
                Ok(Ok(Flushed::NoService(_))) => return Ok(checkup),
                Ok(Err(err)) => return Err(err),
                Err(_) => break,
            }
        }
        checkup.no_flush_within = checkup.flushed_after.is_none().then(|| began.elapsed());
        if checkup.flushed_after.is_some() {
            checkup.audited = auditor.so_far(&self.journal.crowds, &mut self.audit_took, next).await?;
        }
        Ok(checkup)
    }

    async fn inflict(
        &mut self,
        number: usize,
        step: Step,
        interrupted: watch::Receiver<bool>,
    ) -> anyhow::Result<Effect> {
        let lasting = Duration::from_millis(step.for_ms);
        match step.nemesis {
            Nemesis::Sigterm => self.restart(Signal::TERM, lasting).await,
            Nemesis::Sigkill => self.restart(Signal::KILL, lasting).await,
            Nemesis::KillInFlush => self.cut_flush(FlushPoint::BeforeRename, lasting).await,
            Nemesis::KillInDeletes => self.cut_flush(FlushPoint::BeforeDeletes, lasting).await,
            Nemesis::KillInSnapshot => self.cut_flush(FlushPoint::InSnapshot, lasting).await,
            Nemesis::Upgrade => self.upgrade(lasting).await,
            Nemesis::PowerLoss => self.lose_power(number, lasting).await,
            Nemesis::TornSegment => self.damage_segment(|size| size / 2).await,
            Nemesis::EmptySegment => self.damage_segment(|_| 0).await,
            Nemesis::Freeze => {
                self.studio.signal(Signal::STOP)?;
                tokio::time::sleep(lasting).await;
                self.studio.signal(Signal::CONT)?;
                Ok(Effect::default())
            }
            Nemesis::ClockForward => self.step_clock(CLOCK_STEP, lasting).await,
            Nemesis::ClockBack => self.step_clock(-CLOCK_STEP, lasting).await,
            Nemesis::Crowd => self.crowd(number, lasting, interrupted).await,
            Nemesis::DiskFull => self.fill_disk(lasting).await,
            Nemesis::ReadOnly => self.take_permission(lasting).await,
            Nemesis::Delay
            | Nemesis::Drop
            | Nemesis::ResetBefore
            | Nemesis::ResetAfter
            | Nemesis::HalfOpen
            | Nemesis::Slow => Ok(self.weather(step.nemesis, lasting).await),
            Nemesis::InternalDelay
            | Nemesis::InternalDrop
            | Nemesis::InternalReset
            | Nemesis::InternalHalfOpen => self.mislead_flush(step.nemesis, lasting).await,
        }
    }

    async fn restart(&mut self, signal: Signal, down: Duration) -> anyhow::Result<Effect> {
        let was_killed = self.end(signal).await?;
        tokio::time::sleep(down).await;
        self.bring_back().await?;
        let why = || Effect::untried(format!("it did not end within 30 s of {signal:?} and was killed"));
        Ok(if was_killed { why() } else { Effect::default() })
    }

    /// Ends the process by the fault that is on; whether it had to be killed comes back.
    async fn end(&mut self, signal: Signal) -> anyhow::Result<bool> {
        let was_killed = self.stop(signal).await?;
        self.journal.ended(EndedBy::Fault(self.journal.faults.len() - 1))?;
        Ok(was_killed)
    }

    /// Stops the studio, wherever it is; whether it had to be killed comes back.
    pub(crate) async fn stop(&mut self, signal: Signal) -> anyhow::Result<bool> {
        let mut was_killed = self.studio.end(signal).await?;
        if self.studio.is_elsewhere() && !self.falls_silent().await {
            self.studio.signal(Signal::KILL)?;
            was_killed = true;
            self.falls_silent().await;
        }
        Ok(was_killed)
    }

    /// Waits until nobody listens any more, or a while is over: a process elsewhere cannot be waited for.
    async fn falls_silent(&self) -> bool {
        let began = Instant::now();
        while TcpStream::connect(self.door.endpoint.address()).await.is_ok() {
            if began.elapsed() > SILENT_WITHIN {
                return false;
            }
            tokio::time::sleep(10 * POLL).await;
        }
        true
    }

    /// What lies in the store, once there are segments to flush.
    async fn wait_for_segments(&self) -> anyhow::Result<Option<Before>> {
        let began = Instant::now();
        while began.elapsed() < SEGMENT_WITHIN {
            if let (Some(cold), Some(wal)) = self.folders()? {
                let before = Before::of(&cold, &wal)?;
                if before.has_segments() {
                    return Ok(Some(before));
                }
            }
            tokio::time::sleep(10 * POLL).await;
        }
        Ok(None)
    }

    async fn flush(&self) -> anyhow::Result<Flushed> {
        self.call(BarrierMethod::Flush).await
    }

    async fn call(&self, method: BarrierMethod) -> anyhow::Result<Flushed> {
        self.call_at(&self.internal.endpoint, method).await
    }

    /// A call of the internal service, in the ledger.
    async fn call_at(&self, endpoint: &Target, method: BarrierMethod) -> anyhow::Result<Flushed> {
        let Some(ledger) = self.journal.ledger() else {
            return Ok(Flushed::NoService("there is no ledger yet".to_owned()));
        };
        let token = self.internal.token.as_ref().map(|token| token.0.as_str());
        Ok(match run_barrier(method, endpoint, token, &ledger).await? {
            BarrierOutcome::Flushed { .. } | BarrierOutcome::Snapshot { .. } => Flushed::Done,
            BarrierOutcome::Refused { refusal, .. } => Flushed::Refused(refusal.to_string()),
            BarrierOutcome::Unreachable(problem) => Flushed::NoService(problem.to_string()),
        })
    }

    /// Where cold files and segments lie, as far as they do.
    fn folders(&self) -> anyhow::Result<(Option<PathBuf>, Option<PathBuf>)> {
        let layout = find_store(Some(&self.data_dir))?;
        Ok((layout.cold, layout.wal))
    }

    /// The segments, and beside them the cold files, too; none where the store has no folders.
    fn data(&self) -> anyhow::Result<Option<(Vec<DataFile>, Vec<DataFile>)>> {
        let (Some(cold), Some(wal)) = self.folders()? else { return Ok(None) };
        let segments = data_files(&wal, "ipc")?;
        let mut all = segments.clone();
        all.extend(data_files(&cold, "parquet")?);
        Ok(Some((segments, all)))
    }

    fn damaged_folder(&self) -> PathBuf {
        self.run_folder.join("damaged")
    }
}

/// What came of a flush that a fault needs.
enum Flushed {
    Done,
    Refused(String),
    NoService(String),
}

impl Flushed {
    fn refusal(self) -> Option<String> {
        match self {
            Self::Refused(why) => Some(why),
            Self::Done | Self::NoService(_) => None,
        }
    }
}
