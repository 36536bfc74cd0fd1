//! Ctrl-C: the first asks a command to finish, the second ends it.

use indicatif::ProgressBar;
use tokio::sync::watch;

use crate::progress;

/// How often Ctrl-C was pressed so far.
#[derive(Debug, Clone)]
pub(crate) struct Interrupts(watch::Receiver<u32>);

impl Interrupts {
    /// Counts from now on, for the rest of the process.
    pub(crate) fn listen() -> Self {
        let (count, counted) = watch::channel(0);
        tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() {
                count.send_modify(|pressed| *pressed += 1);
            }
        });
        Self(counted)
    }

    /// Returns when Ctrl-C has been pressed so often.
    pub(crate) async fn pressed(&self, times: u32) {
        let mut count = self.0.clone();
        // The sender lives as long as the process; if it ever went, nobody could press any more.
        if count.wait_for(|pressed| *pressed >= times).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Returns when Ctrl-C is pressed from now on.
    pub(crate) async fn again(&self) {
        let before = *self.0.borrow();
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
                    progress::note("stopping: what is in flight is waited for; Ctrl-C again ends at once");
                });
            }
            stop.send_replace(true);
        });
        stopped
    }
}
