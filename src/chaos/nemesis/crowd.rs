//! More exporters at once than a studio may be made for.

use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::{FLUSHES_WITHIN, POLL, Patient};
use crate::{
    chaos::journal::Effect,
    send::{
        barrier::{BarrierMethod, run_barrier},
        pace::{Closed, Pace},
        planner::{PlanRequest, Services, Traffic},
        run::{self, LoadSpec},
        unit::Batching,
    },
    text::numbers::{counted, grouped},
};

/// Spans of an SDK's export at most, where nothing else is said to it.
const FULL_BATCH: u32 = 512;

impl Patient {
    /// Lets a crowd of exporters come, each of a service of its own. What they send is a run of its own.
    pub(super) async fn crowd(
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
}
