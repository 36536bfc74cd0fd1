//! A bound on the bytes of requests that are held at once.
//!
//! A client is told to come again where there is no room: waiting here would hold what has come already, and a
//! hundred clients that each wait for room for their second half wait for ever.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::Frame;
use tonic::{Status, body::Body};

/// How much is held, and how much may be.
#[derive(Debug)]
pub(super) struct InFlight {
    limit: u64,
    held: AtomicU64,
}

/// Bytes that are held until this is dropped.
#[derive(Debug)]
pub(super) struct Held {
    of: Arc<InFlight>,
    bytes: u64,
}

impl InFlight {
    pub(super) fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self { limit, held: AtomicU64::new(0) })
    }

    pub(super) fn nothing(self: &Arc<Self>) -> Held {
        Held { of: Arc::clone(self), bytes: 0 }
    }
}

impl Held {
    /// Holds more, or tells the client that there is no room.
    pub(super) fn grow(&mut self, bytes: u64) -> Result<(), Status> {
        let before = self.of.held.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > self.of.limit {
            self.of.held.fetch_sub(bytes, Ordering::Relaxed);
            return Err(Status::unavailable(format!(
                "{} MB of requests wait for the target, which is all that --memory-limit allows",
                self.of.limit >> 20
            )));
        }
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.of.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A body whose bytes are held as they come in.
#[derive(Debug)]
pub(super) struct Counted {
    body: Body,
    held: Held,
}

impl Counted {
    pub(super) fn new(body: Body, held: Held) -> Self {
        Self { body, held }
    }
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
            && let Err(full) = self.held.grow(data.len() as u64)
        {
            return Poll::Ready(Some(Err(full)));
        }
        Poll::Ready(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_given_back() {
        let in_flight = InFlight::new(10);
        let (mut one, mut other) = (in_flight.nothing(), in_flight.nothing());
        one.grow(4).unwrap();
        one.grow(4).unwrap();
        assert_eq!(other.grow(3).unwrap_err().code(), tonic::Code::Unavailable);
        other.grow(2).unwrap();
        drop(one);
        other.grow(8).unwrap();
        drop(other);
        assert_eq!(in_flight.held.load(Ordering::Relaxed), 0);
    }
}
