//! Progress and notes on standard error; bars only where that is a terminal.

use std::{io::Write, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    ledger::manifest::Manifest,
    load::summary::{Summary, per_second},
    report::numbers,
    wire::{ingestion::Refusal, target::Target},
};

/// A run's progress in one line.
#[derive(Debug)]
pub(crate) struct LoadProgress(ProgressBar);

/// A bar of all planned workflows or, where only time ends the run, none.
pub(crate) fn load(manifest: &Manifest) -> LoadProgress {
    let (bar, template) = if manifest.config.open_ended {
        (ProgressBar::no_length(), "{elapsed} {msg}")
    } else {
        let planned = manifest.config.num_services * manifest.config.workflows_per_service;
        (ProgressBar::new(planned), "{bar:20} {elapsed} {msg}")
    };
    let style = ProgressStyle::with_template(template);
    LoadProgress(bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
}

impl LoadProgress {
    pub(crate) fn bar(&self) -> ProgressBar {
        self.0.clone()
    }

    pub(crate) fn show(&self, summary: &Summary, elapsed: Duration) {
        if self.0.is_hidden() {
            return;
        }
        let total = summary.total();
        let p95 = Duration::from_micros(summary.response.value_at_quantile(0.95));
        self.0.set_position(total.issued.workflows + total.not_started.workflows);
        self.0.set_message(format!(
            "{} workflows, {}/s; acked {} rejected {} unknown {}; p95 {}",
            numbers::grouped(total.issued.workflows),
            numbers::grouped(per_second(total.issued.workflows, elapsed) as u64),
            numbers::grouped(total.taken()),
            numbers::grouped(total.refused()),
            numbers::grouped(total.indeterminate),
            numbers::duration(p95)
        ));
    }

    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

/// Says that an audit waits, and why.
pub(crate) fn waiting(at_most: Duration) {
    note(&format!(
        "waiting up to {}: acked spans are absent, and no flush or snapshot of the run came after them",
        numbers::duration(at_most)
    ));
}

pub(crate) fn note(text: &str) {
    writeln!(std::io::stderr(), "{text}").ok();
}

/// Says that an internal RPC was answered with a failure.
pub(crate) fn refused(rpc: &str, target: &Target, refusal: &Refusal) {
    note(&format!("error: {rpc} failed at `{target}`: {refusal}\nhint: {}", refusal.hint()));
}
