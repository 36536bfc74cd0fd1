//! Faults that end the studio at a point of its work, or let it find another state than it left.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rustix::process::Signal;

use super::{Flushed, Patient};
use crate::{
    base::clock::unix_nanos,
    chaos::{files, flush::FlushPoint, journal::Effect},
    send::barrier::BarrierMethod,
    traffic::dice::Dice,
};

/// Flushes that are begun to be cut.
const FLUSHES: usize = 5;

/// What was written so lately may not be on the disk when power goes.
const UNSYNCED: Duration = Duration::from_secs(5);

impl Patient {
    /// Asks for a flush and kills the studio at a point of it, as often as that takes.
    pub(super) async fn cut_flush(&mut self, point: FlushPoint, down: Duration) -> anyhow::Result<Effect> {
        for _ in 0..FLUSHES {
            // Another one after each kill.
            let Some(group) = self.studio.group() else {
                return Ok(Effect::untried("a studio behind --stop is signalled too late"));
            };
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

    /// Kills the studio and lets its youngest files be empty or short.
    pub(super) async fn lose_power(&mut self, number: usize, down: Duration) -> anyhow::Result<Effect> {
        self.end(Signal::KILL).await?;
        let (_, files) = self.data()?.unwrap_or_default();
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
    pub(super) async fn upgrade(&mut self, down: Duration) -> anyhow::Result<Effect> {
        let Some(command) = self.upgrade_to.clone() else {
            return Ok(Effect::untried("no other version is known: see --upgrade-to"));
        };
        if self.wait_for_segments().await?.is_none() {
            return Ok(Effect::untried("no segment came about"));
        }
        self.end(Signal::TERM).await?;
        let (segments, all) = self.data()?.unwrap_or_default();
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
}
