//! Work on a thread of its own.

use std::thread;

use tokio::{runtime::Handle, sync::oneshot};

/// The work may block, and when the thread ends, the memory of its buffers goes back to all others.
pub(crate) fn start<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> oneshot::Receiver<T> {
    let (sender, receiver) = oneshot::channel();
    let runtime = Handle::current();
    thread::spawn(move || {
        // Whoever asked may have been interrupted.
        sender.send(runtime.block_on(work)).ok();
    });
    receiver
}
