//! One span with telemetry of Junjo's: what it is, and of which era.

use crate::judge::junjo::{
    key::Key,
    record::{Event, EventKind, Head, Members, Record, Value},
};

/// A count as it is compared with what spans state.
pub(crate) fn counted(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// What a span is to Junjo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Workflow,
    Subflow,
    Node,
    RunConcurrent,
    Agent,
    /// A model request or a tool call of an agent.
    Operation,
    Evaluation,
    /// A span of the OpenAI Agents plugin.
    Plugin,
    /// A span of another library that carries events of a store.
    Foreign,
}

impl Kind {
    fn of(attributes: &Members<'_>) -> Self {
        match attributes.text(Key::SpanType) {
            Some("workflow") => Self::Workflow,
            Some("subflow") => Self::Subflow,
            Some("node") => Self::Node,
            Some("run_concurrent") => Self::RunConcurrent,
            Some("agent") => Self::Agent,
            _ if attributes.has(Key::OperationType) || attributes.has(Key::OperationSequence) => {
                Self::Operation
            }
            _ if attributes.has(Key::EvaluationRole) => Self::Evaluation,
            _ if attributes.has(Key::PluginSchema) || attributes.has(Key::PluginSourceSpan) => Self::Plugin,
            _ => Self::Foreign,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Workflow => "workflow",
            Self::Subflow => "subflow",
            Self::Node => "node",
            Self::RunConcurrent => "run_concurrent",
            Self::Agent => "agent",
            Self::Operation => "operation",
            Self::Evaluation => "evaluation",
            Self::Plugin => "openai_agents",
            Self::Foreign => "foreign",
        }
    }

    /// Whether it is an executable, which has ids of its own.
    pub(crate) fn is_executable(self) -> bool {
        matches!(self, Self::Workflow | Self::Subflow | Self::Node | Self::RunConcurrent | Self::Agent)
    }

    /// Whether it runs a graph.
    pub(crate) fn is_flow(self) -> bool {
        matches!(self, Self::Workflow | Self::Subflow)
    }

    /// Whether its owner's graph has it as a node.
    pub(crate) fn is_in_graph(self) -> bool {
        matches!(self, Self::Subflow | Self::Node | Self::RunConcurrent)
    }
}

/// Which generation of attributes a span has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Era {
    /// SDKs up to 0.62: `junjo.id`.
    Legacy,
    /// SDK 0.63: today's ids and graphs, no contract version.
    Unversioned,
    /// SDK 0.64.
    Contract1,
    /// SDK 0.65 and later: sequences, revisions, agents.
    Contract2,
    /// A contract version that nobody knows, or what is no version.
    Unknown,
}

impl Era {
    fn of(attributes: &Members<'_>) -> Self {
        match attributes.get(Key::ContractVersion).map(Value::number) {
            Some(Some(1)) => Self::Contract1,
            Some(Some(2)) => Self::Contract2,
            Some(_) => Self::Unknown,
            None if attributes.has(Key::LegacyId) => Self::Legacy,
            None => Self::Unversioned,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Unversioned => "0.63",
            Self::Contract1 => "contract_1",
            Self::Contract2 => "contract_2",
            Self::Unknown => "unknown",
        }
    }
}

/// How an executable ended, as far as its span says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Completed,
    Failed,
    Cancelled,
}

impl Outcome {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A span as it is analysed.
#[derive(Debug)]
pub(crate) struct Span<'b> {
    pub(crate) head: Head,
    pub(crate) name: &'b str,
    pub(crate) attributes: Members<'b>,
    pub(crate) events: Vec<Event<'b>>,
    pub(crate) kind: Kind,
    pub(crate) era: Era,
}

impl<'b> Span<'b> {
    pub(crate) fn of(record: Record<'b>) -> Self {
        let Record { head, name, attributes, events } = record;
        let (kind, era) = (Kind::of(&attributes), Era::of(&attributes));
        Self { head, name, attributes, events, kind, era }
    }

    pub(crate) fn text(&self, key: Key) -> Option<&'b str> {
        self.attributes.text(key)
    }

    pub(crate) fn number(&self, key: Key) -> Option<i64> {
        self.attributes.number(key)
    }

    /// The id of this execution; of a legacy one that of its object.
    pub(crate) fn runtime_id(&self) -> Option<&'b str> {
        self.text(Key::RuntimeId).or_else(|| self.text(Key::LegacyId)).filter(|id| !id.is_empty())
    }

    pub(crate) fn definition_id(&self) -> Option<&'b str> {
        self.text(Key::DefinitionId).or_else(|| self.text(Key::LegacyId))
    }

    /// The runtime id of the executable that it names as its parent.
    pub(crate) fn parent_runtime_id(&self) -> Option<&'b str> {
        self.text(Key::ParentRuntimeId).or_else(|| self.text(Key::LegacyParentId)).filter(|id| !id.is_empty())
    }

    /// The id that its owner's graph has it under.
    pub(crate) fn graph_node_id(&self) -> Option<&'b str> {
        if self.kind == Kind::Subflow { self.definition_id() } else { self.runtime_id() }
    }

    pub(crate) fn store_id(&self) -> Option<&'b str> {
        self.text(Key::WorkflowStoreId).or_else(|| self.text(Key::AgentStoreId)).filter(|id| !id.is_empty())
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.attributes.get(Key::Cancelled).and_then(Value::flag) == Some(true)
    }

    pub(crate) fn outcome(&self) -> Outcome {
        if self.is_cancelled() {
            Outcome::Cancelled
        } else if self.attributes.has(Key::ErrorType) || self.head.status == 2 {
            Outcome::Failed
        } else {
            Outcome::Completed
        }
    }

    pub(crate) fn state_events(&self) -> impl Iterator<Item = &Event<'b>> {
        self.events.iter().filter(|event| event.kind == EventKind::SetState)
    }

    pub(crate) fn exceptions(&self) -> impl Iterator<Item = &Event<'b>> {
        self.events.iter().filter(|event| event.kind == EventKind::Exception)
    }

    /// For findings: what it is and what it is called.
    pub(crate) fn label(&self) -> String {
        format!("{} {}", self.kind.name(), self.name)
    }
}
