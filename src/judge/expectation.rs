//! What a run should have left in a store: derived from its plan, or recorded as it was sent.
//!
//! Either way a run is a range of slots, one for each span, and everything else asks by slot. What only one kind
//! knows is none for the other: nobody planned the workflows of a replay.

use std::{ops::Range, path::PathBuf};

use crate::{
    contract::{digest::hash, mapping::ResourceFacts, schema::Schema},
    ledger::{
        expected::{ExpectedSpans, SpanIds},
        history::Export,
    },
    traffic::{
        ids,
        plan::{Plan, SpanPlace},
    },
};

#[derive(Debug)]
pub(crate) enum Expectation {
    Derived(Derived),
    Recorded(Recorded),
}

/// The rows that a plan calls for.
#[derive(Debug)]
pub(crate) struct Derived {
    pub(crate) plan: Plan,
    /// By service: its resource's part of a row.
    pub(crate) resources: Vec<ResourceFacts>,
}

/// The rows that a replay was to leave, by ids and digests.
#[derive(Debug, Default)]
pub(crate) struct Recorded {
    pub(crate) spans: ExpectedSpans,
    pub(crate) services: Vec<String>,
    /// Whether other rows may have its ids: those of its source do.
    pub(crate) keeps_ids: bool,
    /// Where it was read from.
    pub(crate) file: PathBuf,
}

impl Derived {
    pub(crate) fn new(plan: Plan) -> Self {
        let resources = (0..plan.outline.services.len())
            .map(|service| ResourceFacts::of(Some(&plan.resource(service).message)));
        Self { resources: resources.collect(), plan }
    }

    fn span_id(&self, place: &SpanPlace) -> [u8; 8] {
        ids::span_id(self.plan.outline.run, place.workflow, place.position)
    }
}

impl Recorded {
    /// The slots that these ids name. A row whose trace id was damaged is still known by its span id, where that
    /// was made for this replay.
    pub(super) fn find(&self, ids: Option<SpanIds>, span_id: Option<u64>) -> &[u32] {
        let exact = ids.map_or(&[][..], |ids| self.spans.find(ids));
        match span_id {
            Some(span_id) if exact.is_empty() && !self.keeps_ids => self.spans.find_span(span_id),
            _ => exact,
        }
    }

    fn service(&self, slot: u64) -> Option<usize> {
        let service = self.spans.get(slot).service? as usize;
        (service < self.services.len()).then_some(service)
    }

    /// Whether a stored row is the span of a slot, with all of its values.
    pub(super) fn is_as_sent(&self, slot: u64, digest: u64, schema: Schema) -> bool {
        self.spans.get(slot).digests[usize::from(schema == Schema::V2)] == digest
    }
}

impl Expectation {
    /// Expectations with the same call for the same rows.
    pub(super) fn digest(&self) -> u64 {
        let text = match self {
            Self::Derived(Derived { plan, .. }) => format!("{:?}", plan.outline),
            Self::Recorded(Recorded { spans, services, keeps_ids, .. }) => {
                format!("{:?}", (spans.digest(), services, keeps_ids))
            }
        };
        hash(text.as_bytes())
    }

    /// Spans that have a slot: those of the plan, or those that a replay has begun to send.
    pub(crate) fn spans(&self) -> u64 {
        match self {
            Self::Derived(Derived { plan, .. }) => plan.spans(),
            Self::Recorded(recorded) => recorded.spans.len(),
        }
    }

    pub(crate) fn services(&self) -> &[String] {
        match self {
            Self::Derived(Derived { plan, .. }) => &plan.outline.services,
            Self::Recorded(recorded) => &recorded.services,
        }
    }

    /// The slots of an export's spans.
    pub(crate) fn slots_of(&self, export: &Export) -> Range<u64> {
        match self {
            Self::Derived(Derived { plan, .. }) => {
                plan.slots(export.stream as usize, export.first, export.count)
            }
            Self::Recorded(_) => export.first..export.first + u64::from(export.count),
        }
    }

    /// The stream of a slot and its ordinal there, as exports name them.
    pub(crate) fn ordinal(&self, slot: u64) -> (u32, u64) {
        match self {
            Self::Derived(Derived { plan, .. }) => {
                let place = plan.place(slot);
                (place.stream as u32, place.ordinal)
            }
            Self::Recorded(_) => (0, slot),
        }
    }

    /// The one service of an export's spans; none where there may be several.
    pub(crate) fn service_of_export(&self, export: &Export) -> Option<&String> {
        match self {
            Self::Derived(Derived { plan, .. }) => {
                let own = plan.outline.collectors.is_none();
                own.then(|| plan.outline.services.get(export.stream as usize))?
            }
            Self::Recorded(_) => None,
        }
    }

    pub(crate) fn service(&self, slot: u64) -> Option<usize> {
        match self {
            Self::Derived(Derived { plan, .. }) => Some(plan.place(slot).service),
            Self::Recorded(recorded) => recorded.service(slot),
        }
    }

    pub(crate) fn service_name(&self, slot: u64) -> Option<&str> {
        Some(&self.services()[self.service(slot)?])
    }

    pub(crate) fn workflow(&self, slot: u64) -> Option<u64> {
        match self {
            Self::Derived(Derived { plan, .. }) => Some(plan.place(slot).workflow),
            Self::Recorded(_) => None,
        }
    }

    /// The position in its workflow, or the ordinal in its replay.
    pub(crate) fn number(&self, slot: u64) -> u64 {
        match self {
            Self::Derived(Derived { plan, .. }) => plan.place(slot).position.into(),
            Self::Recorded(_) => slot,
        }
    }

    /// None where the record has only a hash of it.
    pub(crate) fn trace_id(&self, slot: u64) -> Option<[u8; 16]> {
        match self {
            Self::Derived(Derived { plan, .. }) => {
                Some(ids::trace_id(plan.outline.run, plan.place(slot).workflow))
            }
            Self::Recorded(recorded) => recorded.spans.get(slot).ids.trace(),
        }
    }

    pub(crate) fn span_id(&self, slot: u64) -> [u8; 8] {
        match self {
            Self::Derived(derived) => derived.span_id(&derived.plan.place(slot)),
            Self::Recorded(recorded) => recorded.spans.get(slot).ids.span().to_be_bytes(),
        }
    }

    pub(crate) fn parent_slot(&self, slot: u64) -> Option<u64> {
        match self {
            Self::Derived(Derived { plan, .. }) => plan.parent_slot(slot),
            Self::Recorded(Recorded { spans, .. }) => {
                let span = spans.get(slot);
                let parent = spans.find(span.ids.sibling(span.parent?)).first()?;
                Some(u64::from(*parent))
            }
        }
    }

    pub(crate) fn parent_span_id(&self, slot: u64) -> Option<[u8; 8]> {
        match self {
            Self::Derived(derived) => {
                Some(derived.span_id(&derived.plan.place(derived.plan.parent_slot(slot)?)))
            }
            Self::Recorded(recorded) => recorded.spans.get(slot).parent.map(u64::to_be_bytes),
        }
    }
}
