//! Carries out a schedule of faults, and brings the studio back after each.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::process::Signal;
use tokio::{net::TcpStream, sync::watch};

use super::{
    checkup::{Auditor, Checkup},
    files::{self, data_files},
    flush::{Before, FlushPoint},
    idle::Process,
    journal::{Effect, EndedBy, Journal},
    process::Studio,
};
use crate::{
    base::{clock::unix_nanos, problem::Problem},
    ledger::chaos::{ChaosPlan, Nemesis, Step},
    send::{
        barrier::{BarrierMethod, BarrierOutcome, run_barrier},
        pace::{Closed, Pace},
        planner::{PlanRequest, Services, Traffic},
        run::{self, LoadSpec, Secret},
        unit::Batching,
    },
    store::find::find_store,
    text::numbers::{counted, grouped},
    traffic::dice::Dice,
    wire::{
        exporter::Exporter,
        relay::{Relay, Weather},
        target::Target,
        transport::Transport,
    },
};

/// How long a studio may take until it answers.
const READY_WITHIN: Duration = Duration::from_mins(1);

/// How long one call may take that asks whether it does.
const PROBE: Duration = Duration::from_secs(2);

const POLL: Duration = Duration::from_millis(10);

/// How long a studio elsewhere may take to end.
const SILENT_WITHIN: Duration = Duration::from_secs(30);

/// Flushes that are begun to be cut.
const FLUSHES: usize = 5;

/// How long segments may take to come about: beyond the timer of the studio's WAL.
const SEGMENT_WITHIN: Duration = Duration::from_secs(15);

/// A flush after a fault is waited for so long at least.
const FLUSHES_WITHIN: Duration = Duration::from_secs(2);

/// What was written so lately may not be on the disk when power goes.
const UNSYNCED: Duration = Duration::from_secs(5);

/// Spans of an SDK's export at most, where nothing else is said to it.
const FULL_BATCH: u32 = 512;

/// How late requests come.
const LATE: Duration = Duration::from_millis(300);

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
    pub(crate) door: Door,
    pub(crate) internal: Internal,
    /// Between the exporters and the studio, where a fault needs it.
    pub(crate) relay: Option<Relay>,
    /// Between the studio and who asks for flushes, where a fault needs it.
    pub(crate) internal_relay: Option<Relay>,
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
        self.journal.started(pid)?;
        let began = Instant::now();
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
        let was_killed = self.studio.end(signal).await?;
        if self.studio.is_elsewhere() {
            self.wait_for_silence().await;
        }
        self.journal.ended(EndedBy::Fault(self.journal.faults.len() - 1))?;
        Ok(was_killed)
    }

    /// Until nobody listens any more, or a while is over: a process elsewhere cannot be waited for.
    async fn wait_for_silence(&self) {
        let began = Instant::now();
        while began.elapsed() < SILENT_WITHIN
            && TcpStream::connect(self.door.endpoint.address()).await.is_ok()
        {
            tokio::time::sleep(10 * POLL).await;
        }
    }

    /// Asks for a flush and kills the studio at a point of it, as often as that takes.
    async fn cut_flush(&mut self, point: FlushPoint, down: Duration) -> anyhow::Result<Effect> {
        let Some(group) = self.studio.group() else {
            return Ok(Effect::untried("a studio behind --stop is signalled too late"));
        };
        for _ in 0..FLUSHES {
            let Some(before) = self.wait_for_segments().await? else {
                return Ok(Effect::untried("no segment came about"));
            };
            let flush_began = Some(unix_nanos());
            let before = Arc::new(before);
            let is_over = Arc::new(AtomicBool::new(false));
            let watching = {
                let (before, is_over) = (Arc::clone(&before), Arc::clone(&is_over));
                tokio::task::spawn_blocking(move || before.kill_at(point, group, &is_over))
            };
            let method = match point {
                FlushPoint::InSnapshot => BarrierMethod::Snapshot,
                FlushPoint::BeforeRename | FlushPoint::BeforeDeletes => BarrierMethod::Flush,
            };
            let flushed = self.call(method).await;
            is_over.store(true, Ordering::Relaxed);
            let was_killed = watching.await?;
            match flushed? {
                _ if was_killed => {}
                Flushed::Done => continue,
                Flushed::Refused(why) | Flushed::NoService(why) => return Ok(Effect::untried(why)),
            }
            self.end(Signal::KILL).await?;
            let was_cut = before.was_cut(point)?;
            tokio::time::sleep(down).await;
            self.bring_back().await?;
            if was_cut {
                return Ok(Effect { flush_began, ..Effect::default() });
            }
        }
        Ok(Effect::untried(format!("{FLUSHES} flushes were over before they could be cut")))
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

    /// Kills the studio and lets its youngest files be empty or short.
    async fn lose_power(&mut self, number: usize, down: Duration) -> anyhow::Result<Effect> {
        self.end(Signal::KILL).await?;
        let mut files = Vec::new();
        if let (Some(cold), Some(wal)) = self.folders()? {
            files = data_files(&wal, "ipc")?;
            files.extend(data_files(&cold, "parquet")?);
        }
        let synced = unix_nanos().saturating_sub(UNSYNCED.as_nanos() as u64);
        let mut dice = Dice::at(self.seed, number as u64);
        let mut damaged = Vec::new();
        for file in files.iter().filter(|file| file.written > synced) {
            match dice.below(3) {
                0 => damaged.push(files::damage(file, &files, 0)?),
                1 => damaged.push(files::damage(file, &files, dice.below(file.size.max(1)))?),
                _ => {}
            }
        }
        tokio::time::sleep(down).await;
        let mut effect = Effect { damaged, ..Effect::default() };
        if let Err(err) = self.start().await {
            effect.wedged = Some(err.to_string());
        } else if !effect.damaged.is_empty() {
            effect.wedged = self.flush().await?.refusal();
        }
        files::take_away(&effect.damaged, &self.damaged_folder())?;
        if self.studio.id().is_none() {
            self.bring_back().await?;
        }
        Ok(effect)
    }

    /// Ends the studio with segments in its WAL, starts another version, and asks that for a flush.
    async fn upgrade(&mut self, down: Duration) -> anyhow::Result<Effect> {
        let Some(command) = self.upgrade_to.clone() else {
            return Ok(Effect::untried("no other version is known: see --upgrade-to"));
        };
        if self.wait_for_segments().await?.is_none() {
            return Ok(Effect::untried("no segment came about"));
        }
        self.end(Signal::TERM).await?;
        let (mut segments, mut all) = (Vec::new(), Vec::new());
        if let (Some(cold), Some(wal)) = self.folders()? {
            segments = data_files(&wal, "ipc")?;
            all.clone_from(&segments);
            all.extend(data_files(&cold, "parquet")?);
        }
        tokio::time::sleep(down).await;
        self.studio.replace(command);
        self.bring_back().await?;
        let wedged = self.flush().await?.refusal();
        let mut effect = Effect { wedged, ..Effect::default() };
        if effect.wedged.is_some() {
            effect.damaged = segments.iter().map(|file| files::held(file, &all)).collect();
            files::take_away(&effect.damaged, &self.damaged_folder())?;
        }
        Ok(effect)
    }

    /// Damages the newest segment while the studio runs, and asks for a flush.
    async fn damage_segment(&mut self, left: impl Fn(u64) -> u64) -> anyhow::Result<Effect> {
        if self.wait_for_segments().await?.is_none() {
            return Ok(Effect::untried("no segment came about"));
        }
        let (Some(cold), Some(wal)) = self.folders()? else { return Ok(Effect::untried("the WAL is gone")) };
        let segments = data_files(&wal, "ipc")?;
        let Some(newest) = segments.last() else { return Ok(Effect::untried("a flush took all segments")) };
        let mut all = segments.clone();
        all.extend(data_files(&cold, "parquet")?);
        let damaged = vec![files::damage(newest, &all, left(newest.size))?];
        let flushed = self.flush().await?;
        files::take_away(&damaged, &self.damaged_folder())?;
        let mut effect = Effect { damaged, ..Effect::default() };
        match flushed {
            Flushed::NoService(why) => effect.untried = Some(why),
            flushed => effect.wedged = flushed.refusal(),
        }
        Ok(effect)
    }

    /// Lets no byte be written, and asks for a flush meanwhile.
    async fn fill_disk(&mut self, lasting: Duration) -> anyhow::Result<Effect> {
        if !self.studio.limit_files(Some(0))? {
            return Ok(Effect::untried("the studio is no process of ours whose files can be limited"));
        }
        tokio::time::sleep(lasting).await;
        let flushed = self.flush().await;
        self.studio.limit_files(None)?;
        Ok(match flushed? {
            Flushed::Done => Effect::untried("a flush succeeded all the same"),
            Flushed::Refused(_) | Flushed::NoService(_) => Effect::default(),
        })
    }

    async fn take_permission(&mut self, lasting: Duration) -> anyhow::Result<Effect> {
        if rustix::process::geteuid().is_root() {
            return Ok(Effect::untried("permissions do not bind root"));
        }
        let (Some(cold), Some(wal)) = self.folders()? else {
            return Ok(Effect::untried("the store has no folders"));
        };
        let locked = files::lock(&[cold, wal])?;
        tokio::time::sleep(lasting).await;
        let flushed = self.flush().await;
        locked.unlock()?;
        Ok(match flushed? {
            Flushed::Done => Effect::untried("a flush succeeded all the same"),
            Flushed::Refused(_) | Flushed::NoService(_) => Effect::default(),
        })
    }

    async fn weather(&self, nemesis: Nemesis, lasting: Duration) -> Effect {
        let Some(relay) = &self.relay else { return Effect::untried("there is no relay") };
        relay.set(match nemesis {
            Nemesis::Delay => Weather::Delay(LATE),
            Nemesis::Drop => Weather::Drop,
            Nemesis::ResetBefore => Weather::ResetBefore,
            Nemesis::ResetAfter => Weather::ResetAfter,
            Nemesis::HalfOpen => Weather::HalfOpen,
            _ => Weather::Slow,
        });
        tokio::time::sleep(lasting).await;
        relay.set(Weather::Fair);
        Effect::default()
    }

    /// Lets a crowd of exporters come, each of a service of its own. What they send is a run of its own.
    async fn crowd(
        &mut self,
        number: usize,
        lasting: Duration,
        stop: watch::Receiver<bool>,
    ) -> anyhow::Result<Effect> {
        let Traffic::New(request) = &self.load.traffic else {
            return Ok(Effect::untried("the traffic is planned elsewhere"));
        };
        let load = LoadSpec {
            traffic: Traffic::New(PlanRequest {
                services: Services::Drawn(self.crowd as u64),
                seed: self.seed.wrapping_add(number as u64 + 1),
                ..request.clone()
            }),
            pace: Pace::Closed(Closed { in_flight: self.crowd, ..Closed::default() }),
            duration: Some(lasting),
            batching: Batching::Spans(FULL_BATCH),
            label: Some(format!("crowd of fault {number}")),
            ..self.load.clone()
        };
        let began = Instant::now();
        // A studio may refuse some who come at once.
        let prepared = loop {
            match run::prepare(&load).await {
                Ok(prepared) => break prepared,
                Err(err) if began.elapsed() > FLUSHES_WITHIN => return Ok(Effect::untried(err.to_string())),
                Err(_) => tokio::time::sleep(10 * POLL).await,
            }
        };
        let sent = Box::pin(prepared.perform(stop, |_, _| ())).await?;
        let token = self.internal.token.as_ref().map(|token| token.0.as_str());
        let flush = run_barrier(BarrierMethod::Flush, &self.internal.endpoint, token, &sent.ledger);
        // One that does not come is asked for again, and an audit waits for what it would have brought.
        if let Ok(flushed) = tokio::time::timeout(FLUSHES_WITHIN, flush).await {
            flushed?;
        }
        let total = sent.summary.total();
        let came = counted(self.crowd as u64, "exporter");
        let (acked, unknown) = (grouped(total.taken()), grouped(total.indeterminate));
        let note =
            format!("{came}: {acked} spans acked, {} rejected, {unknown} unknown", grouped(total.refused()));
        self.journal.crowds.push(sent.manifest.run_id.clone());
        Ok(Effect { note: Some(note), ..Effect::default() })
    }

    /// Asks for a flush through a bad network. Its answer, if there is one, is of no matter.
    async fn mislead_flush(&self, nemesis: Nemesis, lasting: Duration) -> anyhow::Result<Effect> {
        let Some(relay) = &self.internal_relay else { return Ok(Effect::untried("there is no relay")) };
        relay.set(match nemesis {
            Nemesis::InternalDelay => Weather::Delay(LATE),
            Nemesis::InternalDrop => Weather::Drop,
            Nemesis::InternalReset => Weather::ResetBefore,
            _ => Weather::HalfOpen,
        });
        let through: Target = relay.address.to_string().parse()?;
        let asking = self.call_at(&through, BarrierMethod::Flush);
        let (asked, ()) = tokio::join!(tokio::time::timeout(lasting, asking), tokio::time::sleep(lasting));
        relay.set(Weather::Fair);
        asked.ok().transpose()?;
        Ok(Effect::default())
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
