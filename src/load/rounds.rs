//! The rounds of a run.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, future::join_all, stream};
use tokio::sync::{mpsc, watch};

use super::summary::Summary;
use crate::{
    clock::unix_nanos,
    ledger::{entry::Entry, writer::LedgerWriter},
    traffic::{
        otlp,
        plan::{Plan, Resource},
    },
    wire::exporter::{Exporter, Reply},
};

/// A run's parts, shared by its rounds.
#[derive(Debug)]
struct Job {
    plan: Plan,
    resources: Vec<Resource>,
    exporters: Vec<Exporter>,
    ledger: LedgerWriter,
}

/// One export's account on its way to the summary.
#[derive(Debug)]
struct Sent {
    service: usize,
    spans: u64,
    reply: Reply,
    micros: u64,
}

/// Sends all rounds of a plan; `progress` hears of each finished workflow.
///
/// When `stop` turns true no new round starts; those in flight end by themselves. An error means
/// that the ledger could not be written: what was sent is then no longer accounted for.
pub(crate) async fn run(
    plan: Plan,
    exporters: Vec<Exporter>,
    ledger: LedgerWriter,
    concurrency: u64,
    stop: watch::Receiver<bool>,
    mut progress: impl FnMut(u64),
) -> anyhow::Result<(Summary, LedgerWriter)> {
    let mut summary = Summary::new(plan.services.len());
    let resources = (0..plan.services.len()).map(|service| plan.resource(service)).collect();
    let rounds = plan.workflows_per_service;
    let planned = plan.workflows();
    let job = Arc::new(Job { plan, resources, exporters, ledger });
    let (sent, mut received) = mpsc::unbounded_channel();

    let window = usize::try_from(concurrency).unwrap_or(usize::MAX);
    let sending = {
        let (job, stop) = (Arc::clone(&job), stop.clone());
        tokio::spawn(async move {
            stream::iter(0..rounds)
                .take_while(|_| std::future::ready(!*stop.borrow()))
                .map(|round| tokio::spawn(run_round(Arc::clone(&job), round, sent.clone())))
                .buffer_unordered(window)
                .map(|joined| joined.map_err(anyhow::Error::from).and_then(|written| written))
                // The first line that cannot be written ends the run: what follows would have no account.
                .try_for_each(|()| std::future::ready(Ok(())))
                .await
        })
    };
    while let Some(Sent { service, spans, reply, micros }) = received.recv().await {
        summary.record(service, spans, reply, micros);
        progress(1);
    }
    sending.await??;
    summary.interrupted = *stop.borrow() && summary.total().workflows < planned;
    let job = Arc::into_inner(job).expect("all rounds have ended");
    Ok((summary, job.ledger))
}

async fn run_round(job: Arc<Job>, round: u64, sent: mpsc::UnboundedSender<Sent>) -> anyhow::Result<()> {
    let services = 0..job.plan.services.len();
    let workflows = services.map(|service| run_workflow(&job, job.plan.workflow_at(service, round), &sent));
    join_all(workflows).await.into_iter().collect()
}

async fn run_workflow(job: &Job, number: u64, sent: &mpsc::UnboundedSender<Sent>) -> anyhow::Result<()> {
    let service = job.plan.service_of(number);
    let (first, count) = job.plan.ordinals(number);
    let request = encode(job, number, service);
    let stream = u32::try_from(service)?;
    let started = Entry::ExportStarted { export: number, stream, first, count, at: unix_nanos() };
    job.ledger.append(&started)?;

    let called = Instant::now();
    let reply = job.exporters[service].clone().export(request).await;
    let micros = u64::try_from(called.elapsed().as_micros()).unwrap_or(u64::MAX);

    job.ledger.append(&Entry::ExportEnded { export: number, at: unix_nanos(), outcome: reply.outcome })?;
    sent.send(Sent { service, spans: count.into(), reply, micros }).ok();
    Ok(())
}

fn encode(job: &Job, number: u64, service: usize) -> Bytes {
    let workflow = job.plan.workflow(number);
    let mut request = Vec::with_capacity(8_192);
    otlp::write_export(&job.resources[service], Plan::spans_of(&workflow), &mut request);
    request.into()
}
