//! The shapes of traffic.
//!
//! A profile is a function from a workflow's place and dice to its spans. The number of its spans
//! and who is whose parent depend on the variant alone, so that a span's place in its run can be
//! worked out without making any span.

use std::{
    collections::BTreeMap,
    sync::{LazyLock, OnceLock},
};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::{
    adversarial, agent,
    dice::Dice,
    distributed, evaluation,
    ids::{self, RunId},
    junjo::{background, composite, e2e, fan_out, getting_started, orders, polling},
    llm, openai_agents,
    place::Place,
    recorded::Recorded,
    workflow::Workflow,
};

/// A shape of traffic that this binary can make again.
///
/// A mix takes its profiles in this order: a further one is added at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Profile {
    GettingStarted,
    E2e,
    Composite,
    Failing,
    Cancelled,
    Loop,
    Agent,
    Llm,
    Minimal,
    Adversarial,
    Background,
    FanOut,
    Evaluation,
    OpenaiAgents,
    Distributed,
}

/// The keys that Junjo's spans carry.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Telemetry {
    /// Telemetry contract 2, as of SDK 0.65 to 0.68.
    #[default]
    Current,
    /// The keys of SDK 0.44 to 0.62.
    Legacy,
}

impl Telemetry {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
    pub(crate) fn is_current(&self) -> bool {
        *self == Self::Current
    }
}

/// What all workflows of one profile, variant and telemetry share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    /// By position: the parent's; none for the root.
    pub(crate) parents: Vec<Option<u32>>,
    /// By position: whether the service that it calls sends the span.
    pub(crate) by_peer: Vec<bool>,
}

impl Shape {
    /// Spans in one workflow.
    pub(crate) fn spans(&self) -> u32 {
        self.parents.len() as u32
    }
}

impl Profile {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::GettingStarted => "getting-started",
            Self::Minimal => "minimal",
            Self::E2e => "e2e",
            Self::Composite => "composite",
            Self::Failing => "failing",
            Self::Cancelled => "cancelled",
            Self::Loop => "loop",
            Self::Adversarial => "adversarial",
            Self::Agent => "agent",
            Self::Llm => "llm",
            Self::Background => "background",
            Self::FanOut => "fan-out",
            Self::Evaluation => "evaluation",
            Self::OpenaiAgents => "openai-agents",
            Self::Distributed => "distributed",
        }
    }

    /// What it is for, in one line.
    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::GettingStarted => "Junjo's getting-started example: four nodes and one state change",
            Self::Minimal => "one small root span, for raw throughput",
            Self::E2e => "the studio's end-to-end test app: a state of 500 words",
            Self::Composite => "concurrent groups and nested subflows that write their parents' stores",
            Self::Failing => "errors in a node, a group and a subflow, a dead end, a broken hook",
            Self::Cancelled => "cancelled in a node, in a group, while a hook runs",
            Self::Loop => "nodes that run several times, and writes that change nothing",
            Self::Adversarial => "edge values of all fields, any two together in 149 workflows",
            Self::Agent => "an agent whose tool runs a workflow; failed, cancelled, over its limit",
            Self::Llm => "nodes with model calls inside, recorded by other instrumentation than Junjo's",
            Self::Background => "a workflow or a job that outlives the root that started it",
            Self::FanOut => "a concurrent group inside another one; one that fails with its inner group",
            Self::Evaluation => "attempts of an evaluation: subject, verifier or judge, and fixture models",
            Self::OpenaiAgents => "the OpenAI Agents plugin: tools, a handoff, a guardrail, a late exception",
            Self::Distributed => "a workflow that calls the next service: two services in one trace",
        }
    }

    /// How many shapes its workflows have; successive workflows take turns.
    pub(crate) fn variants(self) -> u32 {
        match self {
            Self::GettingStarted | Self::Minimal | Self::E2e => 1,
            Self::Composite => composite::VARIANTS,
            Self::Failing => orders::FAILING_VARIANTS,
            Self::Cancelled => orders::CANCELLED_VARIANTS,
            Self::Loop => polling::VARIANTS,
            Self::Adversarial => adversarial::VARIANTS,
            Self::Agent => agent::VARIANTS,
            Self::Llm => llm::VARIANTS,
            Self::Background => background::VARIANTS,
            Self::FanOut => fan_out::VARIANTS,
            Self::Evaluation => evaluation::VARIANTS,
            Self::OpenaiAgents => openai_agents::VARIANTS,
            Self::Distributed => distributed::VARIANTS,
        }
    }

    /// Whether the SDK of that time could have sent it.
    pub(crate) fn exists_in(self, telemetry: Telemetry) -> bool {
        match telemetry {
            Telemetry::Current => true,
            Telemetry::Legacy => !matches!(self, Self::Agent | Self::Evaluation | Self::OpenaiAgents),
        }
    }

    /// The longest that one of its workflows takes, in nanoseconds.
    pub(crate) fn longest(self) -> u64 {
        match self {
            Self::GettingStarted => 3_000_000,
            Self::Minimal => 101_000,
            Self::E2e | Self::Composite | Self::Failing | Self::Cancelled | Self::Loop | Self::FanOut => {
                12_000_000
            }
            Self::Adversarial => adversarial::LONGEST,
            Self::Agent => agent::LONGEST,
            Self::Llm => llm::LONGEST,
            Self::Background => background::LONGEST,
            Self::Evaluation => evaluation::LONGEST,
            Self::OpenaiAgents => openai_agents::LONGEST,
            Self::Distributed => distributed::LONGEST,
        }
    }

    /// The spans of a workflow whose profile has no encoder of its own.
    pub(crate) fn record(self, place: &Place<'_>, dice: Dice) -> Vec<Recorded> {
        match self {
            Self::Minimal => Vec::new(),
            Self::GettingStarted => getting_started::record(place, dice),
            Self::E2e => e2e::record(place, dice),
            Self::Composite => composite::record(place, dice),
            Self::Failing => orders::record_failing(place, dice),
            Self::Cancelled => orders::record_cancelled(place, dice),
            Self::Loop => polling::record(place, dice),
            Self::Adversarial => adversarial::record(place, dice),
            Self::Agent => agent::record(place, dice),
            Self::Llm => llm::record(place, dice),
            Self::Background => background::record(place, dice),
            Self::FanOut => fan_out::record(place, dice),
            Self::Evaluation => evaluation::record(place, dice),
            Self::OpenaiAgents => openai_agents::record(place, dice),
            Self::Distributed => distributed::record(place, dice),
        }
    }

    pub(crate) fn shape(self, telemetry: Telemetry, variant: u32) -> &'static Shape {
        let kind = (self, telemetry, variant);
        SHAPES[&kind].get_or_init(|| sample_shape(kind))
    }
}

type ShapeKey = (Profile, Telemetry, u32);

/// Read off a workflow of each kind when it is first asked for; a property test holds all others to it.
static SHAPES: LazyLock<BTreeMap<ShapeKey, OnceLock<Shape>>> = LazyLock::new(|| {
    let profiles = Profile::value_variants().iter().copied();
    let kinds = profiles.flat_map(|profile| {
        let telemetries = Telemetry::value_variants().iter().copied();
        telemetries.filter(move |telemetry| profile.exists_in(*telemetry)).flat_map(move |telemetry| {
            (0..profile.variants()).map(move |variant| (profile, telemetry, variant))
        })
    });
    kinds.map(|kind| (kind, OnceLock::new())).collect()
});

fn sample_shape((profile, telemetry, variant): ShapeKey) -> Shape {
    let run = RunId::from_bits(0);
    let place = Place { run, workflow: 0, service: "", peer: "", turn: 0, variant, telemetry, start_time: 0 };
    let workflow = Workflow::new(profile, place, Dice::at(0, 0));
    let position = |parent| ids::claimed_span(run, parent).map(|claim| claim.position);
    let parents: Vec<_> = workflow.parents().into_iter().map(|parent| parent.and_then(position)).collect();
    let by_peer = (0..parents.len() as u32).map(|position| workflow.is_by_peer(position)).collect();
    Shape { parents, by_peer }
}
