//! Steps of the studio's clock.

use std::time::{Duration, Instant};

use super::{POLL, Patient, SEGMENT_WITHIN};
use crate::{
    base::clock::unix_nanos,
    chaos::{files::DataFile, journal::Effect},
};

const SECOND: i64 = 1_000_000_000;

impl Patient {
    /// Lets the clock be off for a while, has a file named by it, and asks for a flush meanwhile.
    pub(super) async fn step_clock(&mut self, seconds: i64, lasting: Duration) -> anyhow::Result<Effect> {
        let Some(clock) = &self.clock else {
            return Ok(Effect::untried(if self.studio.is_elsewhere() {
                "the clock of a studio behind --stop is out of reach"
            } else {
                "libfaketime is not installed (Debian: `apt-get install libfaketime`)"
            }));
        };
        let began = Instant::now();
        clock.step(seconds)?;
        let told = self.in_another_time(seconds, began + lasting).await;
        clock.step(0)?;
        told
    }

    async fn in_another_time(&self, seconds: i64, until: Instant) -> anyhow::Result<Effect> {
        if !self.is_told_by_a_file(seconds * SECOND).await? {
            return Ok(Effect::untried(
                "no file was named by the other clock: is the studio a static program?",
            ));
        }
        let wedged = self.flush().await?.refusal();
        tokio::time::sleep_until(until.into()).await;
        Ok(Effect { wedged, ..Effect::default() })
    }

    /// Waits for a file whose name tells a time that is so many nanoseconds off.
    async fn is_told_by_a_file(&self, off: i64) -> anyhow::Result<bool> {
        let (since, began) = (unix_nanos(), Instant::now());
        let tells = |file: &DataFile| {
            let expected = file.written.saturating_add_signed(off);
            file.written >= since
                && file.named().is_some_and(|named| named.abs_diff(expected) < off.unsigned_abs() / 2)
        };
        while began.elapsed() < SEGMENT_WITHIN {
            if self.data()?.is_some_and(|(_, all)| all.iter().any(tells)) {
                return Ok(true);
            }
            tokio::time::sleep(10 * POLL).await;
        }
        Ok(false)
    }
}
