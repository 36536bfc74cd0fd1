//! Every fault that the stand-in knows: its name, what it does, and when it strikes where nothing is said.

use std::sync::LazyLock;

use tonic::Code;

use super::{
    expected::Expected,
    export::ExportAct,
    files::{Damage, FlushAct, IndexAct, SegmentAct, SnapshotAct},
    json::JsonAct,
    span::SpanAct,
    spec::Trigger,
};
use crate::{
    contract::schema::{COLUMN_COUNT, column, column_name},
    wire::outcome::GrpcCode,
};

/// Something that can go wrong.
#[derive(Debug, PartialEq)]
pub(crate) struct Fault {
    pub(crate) name: String,
    pub(crate) about: String,
    pub(super) act: Act,
    /// Where nothing is said.
    pub(crate) trigger: Trigger,
}

/// What is done, by where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Export(ExportAct),
    Span(SpanAct),
    Segment(SegmentAct),
    Flush(FlushAct),
    Snapshot(SnapshotAct),
    Index(IndexAct),
}

impl Act {
    fn opportunity(self) -> &'static str {
        match self {
            Self::Export(_) => "export",
            Self::Span(_) => "span",
            Self::Segment(_) => "segment",
            Self::Flush(_) => "flush",
            Self::Snapshot(_) => "snapshot",
            Self::Index(_) => "file",
        }
    }

    fn trigger(self) -> Trigger {
        match self {
            Self::Export(ExportAct::Hang | ExportAct::Busy | ExportAct::Restart) => Trigger::Nth(10),
            Self::Export(_) => Trigger::Rate(0.05),
            Self::Span(_) => Trigger::Rate(0.01),
            Self::Index(IndexAct::Double | IndexAct::Miss) | Self::Segment(_) | Self::Flush(_) => {
                Trigger::Nth(1)
            }
            Self::Snapshot(_) | Self::Index(IndexAct::Lag) => Trigger::Rate(1.0),
        }
    }
}

impl Fault {
    /// What there is one opportunity for each of.
    pub(crate) fn opportunity(&self) -> &'static str {
        self.act.opportunity()
    }

    /// Whether the service ends, so that spans may be in memory whose ack nobody got.
    pub(crate) fn ends_the_service(&self) -> bool {
        matches!(self.act, Act::Export(ExportAct::Restart) | Act::Flush(FlushAct::Crash))
    }

    /// The checks that find it where the run that was sent is at hand.
    pub(crate) fn expected(&self) -> Expected {
        self.act.expected()
    }

    /// The checks that find it for certain where no run is.
    pub(crate) fn shown_by_structure(&self) -> &'static [&'static str] {
        self.act.shown_by_structure()
    }
}

/// All faults, in the order of a span's way.
pub(crate) fn catalogue() -> &'static [Fault] {
    static CATALOGUE: LazyLock<Vec<Fault>> = LazyLock::new(|| {
        let acts = exports().chain(spans()).chain(columns()).chain(json()).chain(files());
        let fault =
            |(name, about, act): (String, String, Act)| Fault { name, about, act, trigger: act.trigger() };
        acts.map(fault).collect()
    });
    &CATALOGUE
}

type Named = (String, String, Act);

fn named<A: Copy>(acts: &'static [(&str, &str, A)], act: fn(A) -> Act) -> impl Iterator<Item = Named> {
    acts.iter().map(move |(name, about, one)| ((*name).to_owned(), (*about).to_owned(), act(*one)))
}

fn exports() -> impl Iterator<Item = Named> {
    const EXPORTS: [(&str, &str, ExportAct); 9] = [
        ("store-and-refuse", "an export is stored and answered with UNAVAILABLE", ExportAct::StoreAndRefuse),
        ("hang", "an export is stored and never answered", ExportAct::Hang),
        ("partial-success", "one span of an export is refused, and the answer says so", ExportAct::Partial),
        (
            "false-partial-success",
            "an export is stored, and the answer says that one span was refused",
            ExportAct::FalsePartial,
        ),
        ("slow", "an export takes half a second longer", ExportAct::Slow),
        ("backpressure", "exports of one second are refused with RESOURCE_EXHAUSTED", ExportAct::Busy),
        ("drop-export", "an export is acked and not stored", ExportAct::Drop),
        ("double-export", "an export is stored twice", ExportAct::Double),
        ("restart", "the service ends without a flush and starts again", ExportAct::Restart),
    ];
    let codes = (1..=16).map(Code::from_i32).map(|code| {
        let name = GrpcCode::from(code).to_string();
        let kebab = name.to_lowercase().replace('_', "-");
        let about = format!("an export is refused with {name}");
        (format!("refuse-{kebab}"), about, Act::Export(ExportAct::Refuse(code)))
    });
    named(&EXPORTS, Act::Export).chain(codes)
}

fn spans() -> impl Iterator<Item = Named> {
    const SPANS: [(&str, &str, SpanAct); 9] = [
        ("drop-span", "an acked span is not stored", SpanAct::Drop),
        ("double-span", "a span is stored twice", SpanAct::Double),
        (
            "swap-service-names",
            "two spans of a segment have each other's service name",
            SpanAct::SwapServiceNames,
        ),
        ("take-resource", "a span is filed under another service's resource", SpanAct::TakeResource),
        ("wrong-parent", "the parent of a span is another span of its trace", SpanAct::WrongParent),
        ("lose-parent", "a span has no parent any more", SpanAct::LoseParent),
        ("wrong-trace", "a span is filed under another trace", SpanAct::WrongTrace),
        ("shift-times", "start and end of a span are an hour later", SpanAct::Shift),
        ("cut-times", "start and end of a span are cut to microseconds", SpanAct::CutTimes),
    ];
    named(&SPANS, Act::Span)
}

fn columns() -> impl Iterator<Item = Named> {
    (0..COLUMN_COUNT).map(|column| {
        let name = column_name(column);
        let about = match column {
            column if column::JSON.contains(&column) => format!("`{name}` of a span is empty"),
            _ => format!("`{name}` of a span has another value"),
        };
        (format!("alter-{}", name.replace('_', "-")), about, Act::Span(SpanAct::Alter(column)))
    })
}

fn json() -> impl Iterator<Item = Named> {
    const KINDS: [(&str, &str, JsonAct); 9] = [
        ("int-to-float", "an int in {} is a float", JsonAct::IntToFloat),
        ("round-float", "a float in {} has 32 bits of precision", JsonAct::RoundFloat),
        ("nan", "a number in {} is the word NaN", JsonAct::Nan),
        ("key-order", "two keys of an object in {} have changed places", JsonAct::KeyOrder),
        ("drop-key", "a key of an object in {} is gone", JsonAct::DropKey),
        ("truncate-text", "a text in {} has lost its second half", JsonAct::TruncateText),
        ("normalise-text", "an accented letter in {} is in the other Unicode form", JsonAct::NormaliseText),
        ("lose-nested", "an array or object inside {} is empty", JsonAct::LoseNested),
        ("cut", "the second half of {} is gone", JsonAct::Cut),
    ];
    const OF_ARRAYS: [(&str, &str, JsonAct); 2] = [
        ("reorder", "two items of {} have changed places", JsonAct::Reorder),
        ("drop-item", "an item of {} is gone", JsonAct::DropItem),
    ];
    const OF_EVENTS: [(&str, &str, JsonAct); 1] =
        [("cut-time", "the time of one of {} is cut to microseconds", JsonAct::CutTime)];
    let columns: [(usize, &[_], &[_]); 4] = [
        (column::ATTRIBUTES, &[], &[]),
        (column::EVENTS, &OF_ARRAYS, &OF_EVENTS),
        (column::LINKS, &OF_ARRAYS, &[]),
        (column::RESOURCE_ATTRIBUTES, &[], &[]),
    ];
    columns.into_iter().flat_map(|(column, more, further)| {
        let name = column_name(column);
        let kinds = KINDS.iter().chain(more).chain(further);
        kinds.map(move |(kind, about, act): &(&str, &str, JsonAct)| {
            let about = about.replace("{}", &format!("`{name}`"));
            (format!("{}-{kind}", name.replace('_', "-")), about, Act::Span(SpanAct::Json(column, *act)))
        })
    })
}

fn files() -> impl Iterator<Item = Named> {
    const SEGMENTS: [(&str, &str, SegmentAct); 5] = [
        ("drop-segment", "a segment vanishes", SegmentAct::Damage(Damage::Remove)),
        ("tear-segment", "a segment loses its second half", SegmentAct::Damage(Damage::Tear)),
        ("empty-segment", "a segment loses all its bytes", SegmentAct::Damage(Damage::Empty)),
        ("poison-segment", "the first bytes of a segment are others", SegmentAct::Damage(Damage::Poison)),
        ("double-segment", "a segment is written twice", SegmentAct::Double),
    ];
    const FLUSHES: [(&str, &str, FlushAct); 6] = [
        (
            "drop-flush",
            "the segments of a flush go, and no cold file comes",
            FlushAct::Damage(Damage::Remove),
        ),
        ("double-flush", "a flush writes every row twice", FlushAct::Double),
        (
            "crash-in-flush",
            "the service ends after a cold file has its name and before its segments go, and starts again",
            FlushAct::Crash,
        ),
        ("tear-cold-file", "a cold file loses its second half", FlushAct::Damage(Damage::Tear)),
        ("empty-cold-file", "a cold file loses all its bytes", FlushAct::Damage(Damage::Empty)),
        ("poison-cold-file", "the first bytes of a cold file are others", FlushAct::Damage(Damage::Poison)),
    ];
    const SNAPSHOTS: [(&str, &str, SnapshotAct); 2] = [
        ("stale-snapshot", "the snapshot before is answered for a new one", SnapshotAct::Stale),
        ("snapshot-misses-segment", "a snapshot lacks the newest segment", SnapshotAct::MissSegment),
    ];
    const INDEX: [(&str, &str, IndexAct); 3] = [
        ("index-misses-file", "a cold file is never indexed", IndexAct::Miss),
        ("index-doubles-file", "the counts of a cold file are doubled in the index", IndexAct::Double),
        ("index-lags", "the indexer puts a cold file off", IndexAct::Lag),
    ];
    named(&SEGMENTS, Act::Segment)
        .chain(named(&FLUSHES, Act::Flush))
        .chain(named(&SNAPSHOTS, Act::Snapshot))
        .chain(named(&INDEX, Act::Index))
}
