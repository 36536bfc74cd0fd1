//! A scheduler and an executor within this process.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::{Context, anyhow};
use tokio::{
    sync::{Mutex, oneshot},
    task::JoinHandle,
};

use super::{
    SchedulerAddress,
    executor::{self, ExecutorOptions},
    scheduler::{self, SchedulerOptions},
};
use crate::base::memory::Memory;

/// They end when this is dropped.
#[derive(Debug)]
pub(super) struct Standalone {
    pub(super) scheduler: SchedulerAddress,
    services: Mutex<[JoinHandle<anyhow::Result<()>>; 2]>,
}

impl Standalone {
    pub(super) async fn start(memory: Memory) -> anyhow::Result<Self> {
        let bind = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let (tell, told) = oneshot::channel();
        let options = SchedulerOptions { bind: (bind, 0).into() };
        let scheduler = tokio::spawn(async move {
            let ready = |address: SocketAddr| {
                tell.send(address.port()).ok();
                Ok(())
            };
            scheduler::run(&options, ready).await
        });
        let port = told.await.context("the scheduler did not start")?;
        let at = SchedulerAddress { host: bind.to_string(), port };
        let options = ExecutorOptions {
            scheduler: at.clone(),
            bind,
            host: None,
            port: 0,
            task_port: 0,
            memory,
            cores: None,
        };
        let executor = tokio::spawn(executor::run(options, |_| Ok(())));
        Ok(Self { scheduler: at, services: Mutex::new([scheduler, executor]) })
    }

    /// Returns why, if one of them ends.
    pub(super) async fn ended(&self) -> anyhow::Error {
        let mut services = self.services.lock().await;
        let [scheduler, executor] = &mut *services;
        let (which, ended) = tokio::select! {
            ended = scheduler => ("scheduler", ended),
            ended = executor => ("executor", ended),
        };
        let why = match ended {
            Ok(Ok(())) => anyhow!("it was told to"),
            Ok(Err(err)) => err,
            Err(err) => err.into(),
        };
        why.context(format!("the {which} of this process has ended"))
    }
}

impl Drop for Standalone {
    fn drop(&mut self) {
        self.services.get_mut().iter().for_each(JoinHandle::abort);
    }
}
