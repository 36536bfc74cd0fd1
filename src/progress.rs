//! Progress and notes on standard error; bars only where that is a terminal.

use std::{io::Write, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    report::numbers,
    wire::{ingestion::Refusal, target::Target},
};

pub(crate) fn workflows(total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} workflows, {elapsed}");
    ProgressBar::new(total).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
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
