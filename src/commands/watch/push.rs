//! Sends metrics to an OTLP endpoint after each cycle, beside the cycles: an endpoint that hangs or refuses delays none.
//!
//! Values are cumulative, so that what one export could not bring the next one does. Failures are counted, and told
//! when they begin and when they end.

use std::{sync::Arc, time::Duration};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use tokio::{sync::watch, task::JoinHandle};

use super::metrics::Metrics;
use crate::{
    base::{clock::unix_nanos, notice},
    wire::{metrics::MetricsExporter, target::Target},
};

/// The last export of a watch that ends by itself may take so long.
const LAST: Duration = Duration::from_secs(5);

/// Exports that go on in the background.
#[derive(Debug)]
pub(super) struct Push {
    metrics: Arc<Metrics>,
    /// The newest values: those that were not sent yet are superseded.
    newest: watch::Sender<Option<ExportMetricsServiceRequest>>,
    task: JoinHandle<()>,
}

impl Push {
    pub(super) fn start(exporter: MetricsExporter, target: &Target, metrics: Arc<Metrics>) -> Self {
        let (newest, to_send) = watch::channel(None);
        let task = tokio::spawn(send_on(exporter, target.to_string(), Arc::clone(&metrics), to_send));
        Self { metrics, newest, task }
    }

    pub(super) fn send(&self) {
        self.newest.send_replace(Some(self.metrics.request(unix_nanos())));
    }

    /// Waits a while for the last export.
    pub(super) async fn finish(self) {
        drop(self.newest);
        tokio::time::timeout(LAST, self.task).await.ok();
    }
}

/// Until nothing is sent any more.
async fn send_on(
    mut exporter: MetricsExporter,
    target: String,
    metrics: Arc<Metrics>,
    mut to_send: watch::Receiver<Option<ExportMetricsServiceRequest>>,
) {
    let mut was_taken = true;
    while to_send.changed().await.is_ok() {
        let Some(request) = to_send.borrow_and_update().clone() else { continue };
        let sent = exporter.export(request).await;
        metrics.record_export(sent.is_ok());
        match &sent {
            Err(why) if was_taken => notice::note(&format!("`{target}` does not take the metrics: {why}")),
            Ok(()) if !was_taken => notice::note(&format!("`{target}` takes the metrics again")),
            Ok(()) | Err(_) => {}
        }
        was_taken = sent.is_ok();
    }
}
