//! Ctrl-C: the first asks a command to finish, the second ends it. SIGTERM, by which services are stopped.

use std::{
    io,
    sync::atomic::{AtomicU32, Ordering},
};

use indicatif::ProgressBar;
use tokio::sync::watch;

use super::notice;

/// Of the process, for whoever waits on a thread where nothing can be polled.
static PRESSES: AtomicU32 = AtomicU32::new(0);

/// How often Ctrl-C was pressed until now.
pub(crate) fn presses() -> u32 {
    PRESSES.load(Ordering::Relaxed)
}

/// How often Ctrl-C was pressed so far.
#[derive(Debug, Clone)]
pub(crate) struct Interrupts(watch::Receiver<u32>);

#[cfg(unix)]
fn signals() -> io::Result<tokio::signal::unix::Signal> {
    tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())
}

#[cfg(windows)]
fn signals() -> io::Result<tokio::signal::windows::CtrlC> {
    tokio::signal::windows::ctrl_c()
}

/// Ctrl-C, and the signal by which services are stopped.
#[derive(Debug)]
pub(crate) struct StopSignals {
    interrupts: Interrupts,
    #[cfg(unix)]
    terminated: Option<tokio::signal::unix::Signal>,
}

impl StopSignals {
    /// Returns at the first of them.
    pub(crate) async fn received(&mut self) {
        let interrupts = self.interrupts.clone();
        tokio::select! {
            () = interrupts.pressed(1) => {}
            () = self.terminated() => {}
        }
    }

    #[cfg(unix)]
    async fn terminated(&mut self) {
        match &mut self.terminated {
            Some(terminated) => _ = terminated.recv().await,
            None => std::future::pending().await,
        }
    }

    #[cfg(not(unix))]
    async fn terminated(&mut self) {
        std::future::pending().await
    }
}

impl Interrupts {
    /// Counts from now on, for the rest of the process. The handler is there when this returns: line editing
    /// puts back the one that it found.
    pub(crate) fn listen() -> Self {
        let (count, counted) = watch::channel(0);
        if let Ok(mut presses) = signals() {
            tokio::spawn(async move {
                while presses.recv().await.is_some() {
                    PRESSES.fetch_add(1, Ordering::Relaxed);
                    count.send_modify(|pressed| *pressed += 1);
                }
            });
        }
        Self(counted)
    }

    /// Returns when Ctrl-C has been pressed `times` times.
    pub(crate) async fn pressed(&self, times: u32) {
        let mut count = self.0.clone();
        // The sender lives as long as the process; if it ever went, nobody could press any more.
        if count.wait_for(|pressed| *pressed >= times).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// From now on SIGTERM ends the process only through what is returned.
    pub(crate) fn stop_signals(&self) -> StopSignals {
        StopSignals {
            interrupts: self.clone(),
            #[cfg(unix)]
            terminated: {
                use tokio::signal::unix::{SignalKind, signal};
                signal(SignalKind::terminate()).ok()
            },
        }
    }

    /// How often Ctrl-C was pressed until now.
    pub(crate) fn so_far(&self) -> u32 {
        *self.0.borrow()
    }

    /// Returns when Ctrl-C has been pressed more often than `before`.
    pub(crate) async fn after(&self, before: u32) {
        self.pressed(before.saturating_add(1)).await;
    }

    /// Turns true at the first Ctrl-C, which is answered above the bar.
    pub(crate) fn stop_with(&self, bar: ProgressBar) -> watch::Receiver<bool> {
        let (stop, stopped) = watch::channel(false);
        let interrupts = self.clone();
        tokio::spawn(async move {
            interrupts.pressed(1).await;
            if !bar.is_finished() {
                bar.suspend(|| {
                    notice::note("stopping: what is in flight is waited for; Ctrl-C again ends at once");
                });
            }
            stop.send_replace(true);
        });
        stopped
    }
}
