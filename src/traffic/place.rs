//! Where a workflow belongs in its run: all that its spans may depend on besides the seed.

use super::{
    ids::{self, RunId, SpanId, TraceId},
    profile::Telemetry,
};

/// One workflow's place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) run: RunId,
    /// Its number, counted over all services.
    pub(crate) workflow: u64,
    pub(crate) service: &'a str,
    /// The service that it calls, where it calls one.
    pub(crate) peer: &'a str,
    /// The workflow's turn within its service.
    pub(crate) turn: u64,
    /// Which of its profile's shapes it has; below [`super::profile::Profile::variants`].
    pub(crate) variant: u32,
    pub(crate) telemetry: Telemetry,
    /// Unix nanoseconds.
    pub(crate) start_time: u64,
}

impl Place<'_> {
    pub(crate) fn trace_id(&self) -> TraceId {
        ids::trace_id(self.run, self.workflow)
    }

    pub(crate) fn span_id(&self, position: u32) -> SpanId {
        ids::span_id(self.run, self.workflow, position)
    }
}
