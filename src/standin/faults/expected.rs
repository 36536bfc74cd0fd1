//! Which checks find which fault, as runs have shown it.

use std::fmt;

use super::{
    catalogue::Act,
    export::ExportAct,
    files::{Damage, FlushAct, IndexAct, SegmentAct, SnapshotAct},
    json::JsonAct,
    span::SpanAct,
};
use crate::contract::schema::column;

/// The checks that fire when a fault has struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expected {
    /// All of these do.
    pub(crate) all: &'static [&'static str],
    /// At least one of these does, where there are any: which depends on the span that was hit.
    pub(crate) any: &'static [&'static str],
    /// These may.
    pub(crate) also: &'static [&'static str],
}

impl Expected {
    const NONE: Self = Self { all: &[], any: &[], also: &[] };

    const fn all(all: &'static [&'static str]) -> Self {
        Self { all, ..Self::NONE }
    }

    const fn any(any: &'static [&'static str]) -> Self {
        Self { any, ..Self::NONE }
    }

    const fn and_any(self, any: &'static [&'static str]) -> Self {
        Self { any, ..self }
    }

    const fn also(self, also: &'static [&'static str]) -> Self {
        Self { also, ..self }
    }
}

/// `a, b or c`: all of the first, and one of the last where there are several.
impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let any = self.any.join(" or ");
        let parts = self.all.iter().copied().chain([any.as_str()]).filter(|part| !part.is_empty());
        f.write_str(&parts.collect::<Vec<_>>().join(", "))
    }
}

impl Act {
    /// Where the run that was sent is at hand.
    pub(super) fn expected(self) -> Expected {
        match self {
            Self::Export(act) => of_export(act),
            Self::Span(act) => of_span(act),
            Self::Segment(SegmentAct::Damage(Damage::Remove))
            | Self::Flush(FlushAct::Damage(Damage::Remove)) => LOST,
            Self::Segment(SegmentAct::Damage(Damage::Tear | Damage::Poison)) => {
                Expected::all(&["torn_segments", "wedged_wal"]).and_any(NOT_PROVEN)
            }
            Self::Segment(SegmentAct::Damage(Damage::Empty)) => {
                Expected::all(&["empty_files", "wedged_wal"]).and_any(NOT_PROVEN)
            }
            Self::Flush(FlushAct::Damage(Damage::Tear | Damage::Poison)) => {
                Expected::all(&["unproven_spans", "unreadable_files"])
            }
            Self::Flush(FlushAct::Damage(Damage::Empty)) => Expected::all(&["unproven_spans", "empty_files"]),
            Self::Segment(SegmentAct::Double) | Self::Flush(FlushAct::Double | FlushAct::Crash) => {
                Expected::all(&["duplicate_spans"])
            }
            Self::Snapshot(SnapshotAct::Stale | SnapshotAct::MissSegment) => {
                Expected::all(&["stale_hot_snapshot"])
            }
            Self::Index(IndexAct::Miss | IndexAct::Lag) => {
                Expected::any(&["unindexed_files", "unread_folder"])
            }
            Self::Index(IndexAct::Double) => Expected::all(&["changed_files"]),
        }
    }

    /// What structure alone shows for certain, of rows whose plan is not known.
    pub(super) fn shown_by_structure(self) -> &'static [&'static str] {
        match self {
            Self::Span(SpanAct::SwapServiceNames | SpanAct::Alter(column::SERVICE_NAME)) => {
                &["polluted_service_name"]
            }
            Self::Span(SpanAct::TakeResource) => &["polluted_attributes"],
            Self::Span(SpanAct::Alter(column::RESOURCE_ATTRIBUTES)) => &["polluted_resource"],
            Self::Span(SpanAct::Alter(column::START_TIME | column::END_TIME | column::DURATION_NS)) => {
                &["wrong_durations"]
            }
            Self::Span(SpanAct::Json(_, JsonAct::Nan | JsonAct::Cut)) => &["invalid_json"],
            Self::Span(SpanAct::Json(_, JsonAct::KeyOrder)) => &["noncanonical_events"],
            Self::Export(ExportAct::Double)
            | Self::Span(SpanAct::Double)
            | Self::Segment(SegmentAct::Double)
            | Self::Flush(FlushAct::Double | FlushAct::Crash) => &["duplicate_spans"],
            Self::Segment(SegmentAct::Damage(Damage::Tear | Damage::Poison)) => {
                &["torn_segments", "wedged_wal"]
            }
            Self::Segment(SegmentAct::Damage(Damage::Empty)) => &["empty_files", "wedged_wal"],
            Self::Flush(FlushAct::Damage(Damage::Tear | Damage::Poison)) => &["unreadable_files"],
            Self::Flush(FlushAct::Damage(Damage::Empty)) => &["empty_files"],
            Self::Snapshot(_) | Self::Index(_) => self.expected().all,
            Self::Export(_) | Self::Span(_) | Self::Segment(_) | Self::Flush(_) => &[],
        }
    }
}

/// A flush that failed held the later ones back, or the time for it was long past.
const NOT_PROVEN: &[&str] = &["pending_spans", "unproven_spans"];

const LOST: Expected = Expected::all(&["lost_spans"]).also(&["orphan_spans"]);

fn of_export(act: ExportAct) -> Expected {
    match act {
        ExportAct::StoreAndRefuse => Expected::all(&["refused_but_stored"]),
        ExportAct::Hang => Expected::all(&["recovered_spans"]),
        ExportAct::FalsePartial => Expected::all(&["partial_success_broken"]),
        ExportAct::Drop => Expected::all(&["lost_spans"]),
        ExportAct::Double => Expected::all(&["duplicate_spans"]),
        ExportAct::Restart => LOST,
        // As they should be: what was refused is not stored, and what was said to be kept is.
        ExportAct::Refuse(_) | ExportAct::Partial | ExportAct::Slow | ExportAct::Busy => Expected::NONE,
    }
}

fn of_span(act: SpanAct) -> Expected {
    const ALTERED: Expected = Expected::all(&["altered_spans"]);
    const OF_ATTRIBUTES: Expected = Expected::any(&["altered_spans", "polluted_attributes"]);
    const OF_RESOURCE: Expected = Expected::any(&["altered_spans", "polluted_resource"]);

    match act {
        SpanAct::Drop => LOST,
        SpanAct::Double => Expected::all(&["duplicate_spans"]),
        SpanAct::SwapServiceNames | SpanAct::Alter(column::SERVICE_NAME) => {
            Expected::all(&["polluted_service_name"])
        }
        SpanAct::TakeResource => {
            Expected::all(&["polluted_service_name", "polluted_resource"]).also(&["altered_spans"])
        }
        SpanAct::WrongParent | SpanAct::LoseParent | SpanAct::Alter(column::PARENT_SPAN_ID) => {
            Expected::all(&["orphan_spans"])
        }
        SpanAct::Alter(column::SPAN_ID) => {
            Expected::all(&["lost_spans", "unexpected_spans"]).also(&["orphan_spans"])
        }
        // The values are the same: only the form is another, and only of rows without a plan is form judged.
        SpanAct::Json(_, JsonAct::KeyOrder) => Expected::NONE,
        SpanAct::Alter(column::ATTRIBUTES) | SpanAct::Json(column::ATTRIBUTES, _) => OF_ATTRIBUTES,
        SpanAct::Alter(column::RESOURCE_ATTRIBUTES) | SpanAct::Json(column::RESOURCE_ATTRIBUTES, _) => {
            OF_RESOURCE
        }
        SpanAct::WrongTrace | SpanAct::Shift | SpanAct::CutTimes | SpanAct::Alter(_) | SpanAct::Json(..) => {
            ALTERED
        }
    }
}
