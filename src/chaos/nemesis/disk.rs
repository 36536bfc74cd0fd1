//! Faults in the data directory of a studio that runs.

use std::time::Duration;

use super::{Flushed, Patient};
use crate::chaos::{files, journal::Effect};

/// What a fault comes to under which no flush may succeed.
fn unless_done(flushed: &Flushed) -> Effect {
    match flushed {
        Flushed::Done => Effect::untried("a flush succeeded all the same"),
        Flushed::Refused(_) | Flushed::NoService(_) => Effect::default(),
    }
}

impl Patient {
    /// Damages the newest segment while the studio runs, and asks for a flush.
    pub(super) async fn damage_segment(&mut self, left: impl Fn(u64) -> u64) -> anyhow::Result<Effect> {
        if self.wait_for_segments().await?.is_none() {
            return Ok(Effect::untried("no segment came about"));
        }
        let Some((segments, all)) = self.data()? else { return Ok(Effect::untried("the WAL is gone")) };
        let Some(newest) = segments.last() else { return Ok(Effect::untried("a flush took all segments")) };
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
    pub(super) async fn fill_disk(&mut self, lasting: Duration) -> anyhow::Result<Effect> {
        if !self.studio.limit_files(Some(0))? {
            return Ok(Effect::untried("the studio is no process of ours whose files can be limited"));
        }
        tokio::time::sleep(lasting).await;
        let flushed = self.flush().await;
        self.studio.limit_files(None)?;
        Ok(unless_done(&flushed?))
    }

    pub(super) async fn take_permission(&mut self, lasting: Duration) -> anyhow::Result<Effect> {
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
        Ok(unless_done(&flushed?))
    }
}
