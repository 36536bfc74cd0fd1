//! Turns a decoder's panic into data, without a word on stderr.
//!
//! Damaged input makes the Arrow and Parquet readers panic in places. Such a panic is a fact about
//! the file, so the process-wide hook stays silent on a thread that is inside a guarded call and
//! forwards everything else to the hook that was installed before it. Needs `panic = "unwind"`.

use std::{
    any::Any,
    cell::Cell,
    panic::{self, AssertUnwindSafe},
    pin::Pin,
    sync::Once,
    task::{Context, Poll},
};

use datafusion::{
    arrow::{array::RecordBatch, datatypes::SchemaRef},
    common::DataFusionError,
    execution::{RecordBatchStream, SendableRecordBatchStream},
};
use futures::Stream;

thread_local! {
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// What a decoder, or the engine of queries, said when it panicked.
#[derive(Debug, thiserror::Error)]
#[error("the code that reads it panicked: {0}")]
pub(crate) struct Panicked(String);

/// Runs `work`; a panic inside becomes a value.
///
/// Whatever `work` leaves half done must not be used after a panic.
pub(crate) fn catch_panic<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    install_hook();
    DEPTH.set(DEPTH.get() + 1);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    DEPTH.set(DEPTH.get() - 1);
    result.map_err(|payload| Panicked(message(payload.as_ref())))
}

fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if DEPTH.get() == 0 {
                previous(info);
            }
        }));
    });
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("without a reason").to_owned()
}

/// A stream of batches whose panics are its last error.
pub(crate) struct Guarded {
    inner: Option<SendableRecordBatchStream>,
    schema: SchemaRef,
}

impl Guarded {
    pub(crate) fn new(inner: SendableRecordBatchStream) -> Self {
        Self { schema: inner.schema(), inner: Some(inner) }
    }
}

impl Stream for Guarded {
    type Item = Result<RecordBatch, DataFusionError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(inner) = self.inner.as_mut() else {
            return Poll::Ready(None);
        };
        match catch_panic(|| inner.as_mut().poll_next(cx)) {
            Ok(polled) => polled,
            Err(panicked) => {
                let abandoned = self.inner.take();
                let dropped = catch_panic(|| drop(abandoned));
                let error = DataFusionError::External(Box::new(dropped.err().unwrap_or(panicked)));
                Poll::Ready(Some(Err(error)))
            }
        }
    }
}

impl RecordBatchStream for Guarded {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_message() {
        let caught = catch_panic(|| -> u8 { panic!("offset {} is odd", 7) });
        assert_eq!(caught.unwrap_err().to_string(), "the code that reads it panicked: offset 7 is odd");
    }

    #[test]
    fn guards_nest() {
        let outer = catch_panic(|| catch_panic(|| panic!("inner")).is_err());
        assert!(outer.unwrap());
        assert_eq!(DEPTH.get(), 0);
    }
}
