//! The scheduler's process: it knows the executors, and gives tasks to them. It judges nothing.

use std::{net::SocketAddr, sync::Arc};

use anyhow::{Context, anyhow};
use ballista_scheduler::{
    cluster::BallistaCluster,
    config::SchedulerConfig,
    scheduler_process::{create_scheduler, start_grpc_service_with_listener},
};
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use tokio::net::TcpListener;

use super::{LOOK, MOST_BYTES, SILENCE, codec::Codec, session_config};
use crate::base::{memory::Memory, problem::Problem};

#[derive(Debug, Clone)]
pub(crate) struct SchedulerOptions {
    pub(crate) bind: SocketAddr,
}

/// Serves until it is dropped. Says by `ready` where.
pub(crate) async fn run(
    options: &SchedulerOptions,
    ready: impl FnOnce(SocketAddr) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind(options.bind).await.map_err(|err| {
        let what = format!("cannot listen on {}", options.bind);
        Problem::new(what, "name another port with --bind, or 0 for a free one").caused_by(err)
    })?;
    let address = listener.local_addr().context("the scheduler's address")?;
    let codec = Codec::new(Memory::default());
    let shared = Arc::clone(&codec);
    let config = SchedulerConfig {
        bind_host: address.ip().to_string(),
        external_host: address.ip().to_string(),
        bind_port: address.port(),
        grpc_server_max_decoding_message_size: MOST_BYTES as u32,
        grpc_server_max_encoding_message_size: MOST_BYTES as u32,
        grpc_client_max_message_size: MOST_BYTES as u32,
        executor_timeout_seconds: SILENCE,
        expire_dead_executor_interval_seconds: LOOK,
        no_executors_grace_period_seconds: SILENCE,
        override_config_producer: Some(Arc::new(move || session_config(&shared))),
        override_physical_codec: Some(codec),
        ..SchedulerConfig::default()
    };
    let cluster = BallistaCluster::new_from_config(&config).await.map_err(|err| anyhow!("{err}"))?;
    let scheduler = create_scheduler::<LogicalPlanNode, PhysicalPlanNode>(cluster, Arc::new(config)).await;
    let scheduler = scheduler.map_err(|err| anyhow!("{err}"))?;
    ready(address)?;
    start_grpc_service_with_listener(listener, scheduler).await.map_err(|err| anyhow!("{err}"))
}
