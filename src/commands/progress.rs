//! Progress and notes on standard error; bars only where that is a terminal.

use std::{io::Write, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::watch;

use crate::{
    report::numbers,
    wire::{ingestion::Refusal, target::Target},
};

pub(crate) fn workflows(total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} workflows  {per_sec}  {eta}");
    ProgressBar::new(total).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Says that an audit waits, and why.
pub(crate) fn waiting(at_most: Duration) {
    note(&format!(
        "waiting up to {}: acked spans are not on disk yet, and no flush or snapshot came after them",
        numbers::duration(at_most)
    ));
}

pub(crate) fn note(text: &str) {
    writeln!(std::io::stderr(), "{text}").ok();
}

/// Turns true at Ctrl-C. A second one ends the process as usual.
pub(crate) fn interrupted() -> watch::Receiver<bool> {
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            note("stopping: what is in flight is waited for");
            stop.send_replace(true);
        }
    });
    stopped
}

/// Says that an internal RPC was answered with a failure.
pub(crate) fn refused(rpc: &str, target: &Target, refusal: &Refusal) {
    let hint = if refusal.unauthenticated {
        "pass the studio's token with --internal-token or JUNJO_INTERNAL_GRPC_TOKEN"
    } else {
        "`e2e-store audit` shows a WAL segment that makes every flush fail, if there is one"
    };
    note(&format!("error: {rpc} failed at `{target}`: {refusal}\nhint: {hint}"));
}
