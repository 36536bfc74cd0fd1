//! Carries out a schedule of faults, and brings the studio back after each.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::sync::watch;

use super::{
    journal::{EndedBy, Journal},
    process::Studio,
};
use crate::{
    base::problem::Problem,
    ledger::chaos::{ChaosPlan, Nemesis, Step},
    send::run::Secret,
    wire::{exporter::Exporter, target::Target, transport::Transport},
};

/// How long a studio may take until it answers.
const READY_WITHIN: Duration = Duration::from_mins(1);

/// How long one call may take that asks whether it does.
const PROBE: Duration = Duration::from_secs(2);

const POLL: Duration = Duration::from_millis(10);

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
    pub(crate) journal: Journal,
}

impl Patient {
    /// Starts the studio and waits until it takes an export.
    pub(crate) async fn start(&mut self) -> anyhow::Result<()> {
        let pid = self.studio.start()?;
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
        mut stop: watch::Receiver<bool>,
    ) -> anyhow::Result<()> {
        for step in &plan.steps {
            if !self.watch_until(began + Duration::from_millis(step.at_ms), &mut stop).await? {
                return Ok(());
            }
            self.journal.fault_began(*step)?;
            let untried = self.inflict(*step).await?;
            self.journal.fault_ended(untried)?;
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

    /// Why a fault could not be carried out comes back.
    async fn inflict(&mut self, Step { nemesis, for_ms, .. }: Step) -> anyhow::Result<Option<String>> {
        let lasting = Duration::from_millis(for_ms);
        match nemesis {
            Nemesis::Sigterm => self.restart(Signal::TERM, lasting).await,
            Nemesis::Sigkill => self.restart(Signal::KILL, lasting).await,
            Nemesis::Freeze => {
                self.studio.signal(Signal::STOP)?;
                tokio::time::sleep(lasting).await;
                self.studio.signal(Signal::CONT)?;
                Ok(None)
            }
        }
    }

    async fn restart(&mut self, signal: Signal, down: Duration) -> anyhow::Result<Option<String>> {
        let was_killed = self.studio.end(signal).await?;
        self.journal.ended(EndedBy::Fault(self.journal.faults.len() - 1))?;
        tokio::time::sleep(down).await;
        self.bring_back().await?;
        Ok(was_killed.then(|| format!("it did not end within 30 s of {signal:?} and was killed")))
    }
}
