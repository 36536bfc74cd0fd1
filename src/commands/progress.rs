//! Progress and notes on standard error; bars only where that is a terminal.

use std::{
    convert::Infallible,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::{
    base::notice,
    judge::progress::{Position, Progress},
    ledger::manifest::Manifest,
    send::summary::{Summary, per_second},
    text::numbers,
    wire::{ingestion::Refusal, target::Target},
};

/// The progress of a run or a replay in one line.
#[derive(Debug)]
pub(crate) struct SendProgress {
    bar: ProgressBar,
    unit: SendUnit,
}

#[derive(Debug, Clone, Copy)]
enum SendUnit {
    Workflows,
    Spans,
}

/// A bar of all planned workflows or, where only time ends the run, none.
pub(crate) fn load(manifest: &Manifest) -> SendProgress {
    let planned = manifest.config.num_services * manifest.config.workflows_per_service;
    SendProgress::new(SendUnit::Workflows, (!manifest.config.open_ended).then_some(planned))
}

/// No bar, where only time ends a run.
#[cfg(target_os = "linux")]
pub(crate) fn timed() -> SendProgress {
    SendProgress::new(SendUnit::Workflows, None)
}

/// A bar of all spans.
pub(crate) fn replay(spans: u64) -> SendProgress {
    SendProgress::new(SendUnit::Spans, Some(spans))
}

impl SendProgress {
    fn new(unit: SendUnit, planned: Option<u64>) -> Self {
        let template = if planned.is_some() { "{bar:20} {elapsed} {msg}" } else { "{elapsed} {msg}" };
        let bar = planned.map_or_else(ProgressBar::no_length, ProgressBar::new);
        let style = ProgressStyle::with_template(template);
        Self { bar: bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())), unit }
    }

    pub(crate) fn bar(&self) -> ProgressBar {
        self.bar.clone()
    }

    pub(crate) fn show(&self, summary: &Summary, elapsed: Duration) {
        if self.bar.is_hidden() {
            return;
        }
        let total = summary.total();
        let (issued, not_started, unit) = match self.unit {
            SendUnit::Workflows => (total.issued.workflows, total.not_started.workflows, "workflows"),
            SendUnit::Spans => (total.issued.spans, total.not_started.spans, "spans"),
        };
        let p95 = Duration::from_micros(summary.response.value_at_quantile(0.95));
        self.bar.set_position(issued + not_started);
        self.bar.set_message(format!(
            "{} {unit}, {}/s; acked {} rejected {} unknown {}; p95 {}",
            numbers::grouped(issued),
            numbers::grouped(per_second(issued, elapsed) as u64),
            numbers::grouped(total.taken()),
            numbers::grouped(total.refused()),
            numbers::grouped(total.indeterminate),
            numbers::duration(p95)
        ));
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Who is told how far an audit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Audience {
    /// A bar, where standard error is a terminal
    Auto,
    /// A JSON object a line on standard error, about once a second
    Json,
    None,
}

const BAR_EVERY: Duration = Duration::from_millis(100);
const LINE_EVERY: Duration = Duration::from_secs(1);

/// Shows how far a sweep is, for as long as it is polled.
pub(crate) async fn sweep(progress: &Progress, audience: Audience) -> Infallible {
    let began = Instant::now();
    match audience {
        Audience::None => std::future::pending().await,
        Audience::Json => loop {
            tokio::time::sleep(LINE_EVERY).await;
            notice::note(&line(progress.position(), began.elapsed()));
        },
        Audience::Auto => {
            let style = ProgressStyle::with_template("{bar:20} {bytes} of {total_bytes}  {msg}  {eta} left");
            let bar = ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            let bar = Cleared(bar);
            loop {
                tokio::time::sleep(BAR_EVERY).await;
                let at = progress.position();
                bar.0.set_length(at.bytes);
                bar.0.set_position(at.bytes_done);
                bar.0.set_message(format!(
                    "{} rows, {} of {} files",
                    numbers::grouped(at.rows),
                    numbers::grouped(at.files_done),
                    numbers::grouped(at.files)
                ));
            }
        }
    }
}

/// A bar that is gone when nobody polls it any more.
struct Cleared(ProgressBar);

impl Drop for Cleared {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn line(at: Position, elapsed: Duration) -> String {
    #[derive(Serialize)]
    struct Line {
        #[serde(flatten)]
        at: Position,
        elapsed_seconds: f64,
        /// Of the sweep; the checks follow.
        left_seconds: Option<f64>,
    }
    let rate = at.bytes_done as f64 / elapsed.as_secs_f64();
    let left = (at.bytes_done > 0).then(|| at.bytes.saturating_sub(at.bytes_done) as f64 / rate);
    let line = Line { at, elapsed_seconds: elapsed.as_secs_f64(), left_seconds: left };
    serde_json::to_string(&line).unwrap_or_default()
}

/// What an audit had read when it was interrupted.
pub(crate) fn covered(at: Position) -> String {
    format!(
        "interrupted: {} of {} files, {} of {} and {} rows were read, and nothing was judged",
        numbers::grouped(at.files_done),
        numbers::grouped(at.files),
        numbers::bytes(at.bytes_done),
        numbers::bytes(at.bytes),
        numbers::grouped(at.rows)
    )
}

/// Says that an audit waits, and why.
pub(crate) fn waiting(at_most: Duration) {
    notice::note(&format!(
        "waiting up to {}: acked spans are absent, and no flush or snapshot of the run came after them",
        numbers::duration(at_most)
    ));
}

/// Says that an internal RPC was answered with a failure.
pub(crate) fn refused(rpc: &str, target: &Target, refusal: &Refusal) {
    notice::note(&format!("error: {rpc} failed at `{target}`: {refusal}\nhint: {}", refusal.hint()));
}
