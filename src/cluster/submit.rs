//! Jobs on their way to a scheduler, and their messages back.

use std::{pin::pin, sync::Arc, time::Duration};

use anyhow::{Context, anyhow};
use async_trait::async_trait;
use ballista_core::{execution_plans::execute_physical_plan, extension::SessionConfigExt};
use datafusion::error::DataFusionError;
use datafusion_proto::protobuf::PhysicalPlanNode;
use futures::StreamExt;
use tokio::{sync::mpsc::Sender, time::timeout};

use super::{
    ClusterAddress, SchedulerAddress,
    codec::Codec,
    messages,
    scan::{groups, scan},
    session_config,
    standalone::Standalone,
};
use crate::{
    base::{memory::Memory, notice},
    judge::engine::{Engine, Job, Message},
    text::numbers,
};

/// After which silence it is said that nothing comes.
const PATIENCE: Duration = Duration::from_secs(30);

/// A cluster as a coordinator sees it.
#[derive(Debug)]
struct Cluster {
    scheduler: SchedulerAddress,
    /// What of it runs in this process.
    standalone: Option<Standalone>,
}

/// The engine at an address, if anybody answers there. `memory` is for an executor within this process.
pub(crate) async fn engine(address: &ClusterAddress, memory: Memory) -> anyhow::Result<Arc<dyn Engine>> {
    Ok(match address {
        ClusterAddress::Scheduler(scheduler) => {
            scheduler.reach().await?;
            Arc::new(Cluster { scheduler: scheduler.clone(), standalone: None })
        }
        ClusterAddress::Standalone => {
            let standalone = Standalone::start(memory).await?;
            Arc::new(Cluster { scheduler: standalone.scheduler.clone(), standalone: Some(standalone) })
        }
    })
}

#[async_trait]
impl Engine for Cluster {
    async fn run(&self, job: Job, messages: Sender<Message>) -> anyhow::Result<()> {
        let ended = async {
            match &self.standalone {
                Some(standalone) => standalone.ended().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            ran = self.submit(job, messages) => ran,
            why = ended => Err(why),
        }
    }
}

impl Cluster {
    async fn submit(&self, job: Job, messages: Sender<Message>) -> anyhow::Result<()> {
        let codec = Codec::new(Memory::default());
        let plan = scan(job.specification, groups(job.files), codec.judges());
        let config = session_config(&codec);
        let settings = config.ballista_config();
        let session = format!("{:016x}", rand::random::<u64>());
        let url = format!("http://{}", self.scheduler);
        let submitted =
            execute_physical_plan::<PhysicalPlanNode>(url, &settings, plan, &*codec, session, config);
        let failed = || format!("the job at the scheduler {}", self.scheduler);
        let failure = |err: DataFusionError| anyhow!("{}", err.strip_backtrace());
        let mut batches = self.patiently(submitted).await.map_err(failure).with_context(failed)?;
        while let Some(batch) = self.patiently(batches.next()).await {
            for message in messages::read(&batch.map_err(failure).with_context(failed)?)? {
                messages.send(message).await.context("nobody waits for the messages of a job")?;
            }
        }
        Ok(())
    }

    /// Results come when the job has ended, and a scheduler without executors waits for one for ever: that nothing comes
    /// is said from time to time, ever more seldom.
    async fn patiently<T>(&self, work: impl Future<Output = T>) -> T {
        let scheduler = &self.scheduler;
        let mut work = pin!(work);
        let mut waited = Duration::ZERO;
        loop {
            let patience = PATIENCE.max(waited);
            if let Ok(done) = timeout(patience, &mut work).await {
                return done;
            }
            waited += patience;
            notice::note(&format!(
                "waiting for the cluster at {scheduler}, for {} now: results come when all files are judged, and \
                 there must be an executor (`e2e-store cluster executor --scheduler {scheduler}`)",
                numbers::duration(waited)
            ));
        }
    }
}
