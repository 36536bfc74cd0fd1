//! Planned traffic into a stand-in, and the calls of its internal service.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{sync::watch, time::sleep};

use crate::{
    ledger::writer::LedgerWriter,
    send::{
        barrier::{self, BarrierMethod, BarrierOutcome},
        pace::Pace,
        planner::{PlanRequest, Services, Traffic},
        run::{LoadSpec, Secret, prepare},
        unit::Batching,
    },
    standin::StandIn,
    traffic::profile::Telemetry,
    wire::{ingestion::Ingestion, retry::RetryPolicy, target::Target, transport::Transport},
};

pub(super) const KEY: &str = "selftest";

/// As long as an export may take; what a fault never answers takes all of it.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(3);
/// A stand-in that a fault has ended is back long before.
const RESTART_TIMEOUT: Duration = Duration::from_secs(20);

/// Where to send, and where the runs are kept.
pub(super) struct Sender {
    endpoint: Target,
    internal: Target,
    telemetry: Telemetry,
    runs: PathBuf,
    seed: u64,
}

impl Sender {
    pub(super) fn to(
        stand_in: &StandIn,
        telemetry: Telemetry,
        runs: PathBuf,
        seed: u64,
    ) -> anyhow::Result<Self> {
        let target = |address: SocketAddr| address.to_string().parse::<Target>();
        let (endpoint, internal) = (target(stand_in.endpoint())?, target(stand_in.internal_endpoint())?);
        Ok(Self { endpoint, internal, telemetry, runs, seed })
    }

    /// Sends a run of two services.
    pub(super) async fn send(
        &self,
        mix: &str,
        workflows_per_service: u64,
    ) -> anyhow::Result<Arc<LedgerWriter>> {
        let spec = LoadSpec {
            endpoint: self.endpoint.clone(),
            api_key: Secret(KEY.to_owned()),
            transport: Transport::plain(EXPORT_TIMEOUT),
            connections: 1,
            traffic: Traffic::New(PlanRequest {
                services: Services::Drawn(2),
                workflows_per_service: Some(workflows_per_service),
                mix: mix.parse()?,
                telemetry: self.telemetry,
                collectors: None,
                seed: self.seed,
            }),
            pace: Pace::Rounds(1),
            duration: None,
            batching: Batching::Workflow,
            straddling: None,
            label: None,
            retry: RetryPolicy::None,
            thresholds: Vec::new(),
            abort_on_fail: false,
            chaos: None,
            runs: self.runs.clone(),
            data_dir: None,
        };
        let (_stop, stopped) = watch::channel(false);
        let performed = Box::pin(prepare(&spec)).await?.perform(stopped, |_, _| {}).await?;
        Ok(performed.ledger)
    }

    /// A barrier in the ledger; one that a fault has kept from coming is tried once more.
    pub(super) async fn run_barrier(&self, via: BarrierMethod, ledger: &LedgerWriter) -> anyhow::Result<()> {
        for _ in 0..2 {
            match barrier::run_barrier(via, &self.internal, None, ledger).await? {
                BarrierOutcome::Flushed { .. } | BarrierOutcome::Snapshot { .. } => break,
                BarrierOutcome::Refused { .. } | BarrierOutcome::Unreachable(_) => {
                    self.connected().await?;
                }
            }
        }
        Ok(())
    }

    /// A snapshot that no ledger tells of. What it says is not of interest: faults make it fail.
    pub(super) async fn snapshot(&self) -> anyhow::Result<()> {
        self.connected().await?.snapshot().await.ok();
        Ok(())
    }

    /// The internal service, once it is there.
    async fn connected(&self) -> anyhow::Result<Ingestion> {
        let began = Instant::now();
        loop {
            match Ingestion::connect(&self.internal, None).await {
                Ok(ingestion) => return Ok(ingestion),
                Err(problem) if began.elapsed() > RESTART_TIMEOUT => return Err(problem.into()),
                Err(_) => sleep(Duration::from_millis(10)).await,
            }
        }
    }
}
