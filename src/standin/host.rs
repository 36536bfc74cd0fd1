//! The threads that a stand-in runs on, and its servers.
//!
//! A stand-in has a runtime of its own: ending it breaks every connection and drops every call in
//! flight, as the end of a process does, and its callers may run on any runtime. File work that has
//! begun is waited for, so that nothing is written after `stop` has returned.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    time::Duration,
};

use anyhow::Context;
use tokio::{
    runtime::{Builder, Runtime},
    task::{self, JoinSet},
};
use tonic::{
    service::Routes,
    transport::{Server, server::TcpIncoming},
};

/// Ample for the largest flush; a stuck disk must not hang the caller for ever.
const LONGEST_FILE_WORK: Duration = Duration::from_mins(1);

/// A runtime with servers and background tasks on it.
#[derive(Debug)]
pub(super) struct Host {
    /// `None` only while it is being stopped.
    runtime: Option<Runtime>,
    tasks: JoinSet<anyhow::Result<()>>,
}

impl Host {
    pub(super) fn new() -> anyhow::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .thread_name("stand-in")
            .enable_all()
            .build()
            .context("cannot start the stand-in's threads")?;
        Ok(Self { runtime: Some(runtime), tasks: JoinSet::new() })
    }

    /// Serves `routes` and gRPC health on a loopback port; 0 takes a free one.
    pub(super) fn serve(&mut self, port: u16, routes: Routes) -> anyhow::Result<SocketAddr> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let listener = TcpListener::bind(address).with_context(|| format!("cannot listen on `{address}`"))?;
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;

        let (_, health) = tonic_health::server::health_reporter();
        let routes = routes.add_service(health);
        self.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
            let served = Server::builder().add_routes(routes).serve_with_incoming(incoming).await;
            served.with_context(|| format!("the server on `{address}` failed"))
        });
        Ok(address)
    }

    pub(super) fn spawn(&mut self, task: impl Future<Output = anyhow::Result<()>> + Send + 'static) {
        if let Some(runtime) = &self.runtime {
            self.tasks.spawn_on(task, runtime.handle());
        }
    }

    /// Returns when the first of the tasks has ended.
    pub(super) async fn wait(&mut self) -> anyhow::Result<()> {
        match self.tasks.join_next().await {
            Some(ended) => ended?,
            None => Ok(()),
        }
    }

    pub(super) async fn stop(&mut self) -> anyhow::Result<()> {
        if let Some(runtime) = self.runtime.take() {
            task::spawn_blocking(move || runtime.shutdown_timeout(LONGEST_FILE_WORK)).await?;
        }
        Ok(())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
