//! Faults between the studio and who calls it.

use std::time::Duration;

use super::Patient;
use crate::{
    chaos::journal::Effect, ledger::chaos::Nemesis, send::barrier::BarrierMethod, wire::relay::Weather,
};

/// How late requests come.
const LATE: Duration = Duration::from_millis(300);

impl Patient {
    pub(super) async fn weather(&self, nemesis: Nemesis, lasting: Duration) -> Effect {
        let Some(route) = &self.route else { return Effect::untried("there is no relay") };
        route.set(match nemesis {
            Nemesis::Delay => Weather::Delay(LATE),
            Nemesis::Drop => Weather::Drop,
            Nemesis::ResetBefore => Weather::ResetBefore,
            Nemesis::ResetAfter => Weather::ResetAfter,
            Nemesis::HalfOpen => Weather::HalfOpen,
            _ => Weather::Slow,
        });
        tokio::time::sleep(lasting).await;
        route.set(Weather::Fair);
        Effect::default()
    }

    /// Asks for a flush through a bad network. Its answer, if there is one, is of no matter.
    pub(super) async fn mislead_flush(&self, nemesis: Nemesis, lasting: Duration) -> anyhow::Result<Effect> {
        let Some(route) = &self.internal_route else { return Ok(Effect::untried("there is no relay")) };
        route.set(match nemesis {
            Nemesis::InternalDelay => Weather::Delay(LATE),
            Nemesis::InternalDrop => Weather::Drop,
            Nemesis::InternalReset => Weather::ResetBefore,
            _ => Weather::HalfOpen,
        });
        let through = route.entrance()?;
        let asking = self.call_at(&through, BarrierMethod::Flush);
        let (asked, ()) = tokio::join!(tokio::time::timeout(lasting, asking), tokio::time::sleep(lasting));
        route.set(Weather::Fair);
        asked.ok().transpose()?;
        Ok(Effect::default())
    }
}
