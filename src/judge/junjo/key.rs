//! The attributes of Junjo that are judged, each with its number in a record.

use std::sync::LazyLock;

macro_rules! keys {
    ($($name:ident = $text:literal,)*) => {
        /// An attribute of a span or of an event.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[expect(clippy::enum_variant_names, reason = "one of them is of the key `key`")]
        #[repr(u8)]
        pub(crate) enum Key { $($name),* }

        impl Key {
            const ALL: &[Self] = &[$(Self::$name),*];

            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

keys! {
    AgentAdmitted = "junjo.agent.tool_call.admitted_count",
    AgentCompleted = "junjo.agent.tool_call.completed_count",
    AgentDefinition = "junjo.agent.definition_snapshot",
    KeyOfAgent = "junjo.agent.key",
    AgentLimitModels = "junjo.agent.limit.model_requests",
    AgentLimitTools = "junjo.agent.limit.tool_calls",
    AgentModelRequests = "junjo.agent.model_request.count",
    AgentName = "junjo.agent.name",
    AgentOperations = "junjo.agent.operation.count",
    AgentOutcome = "junjo.agent.outcome",
    AgentReason = "junjo.agent.termination_reason",
    AgentRequested = "junjo.agent.tool_call.requested_count",
    AgentRuntimeId = "junjo.agent.runtime_id",
    AgentStarted = "junjo.agent.tool_call.started_count",
    AgentStateAvailable = "junjo.agent.state.available",
    AgentStateEnd = "junjo.agent.state.end",
    AgentStateEndMode = "junjo.agent.state.end.mode",
    AgentStateEndPolicy = "junjo.agent.state.end.policy",
    AgentStateStart = "junjo.agent.state.start",
    AgentStateStartMode = "junjo.agent.state.start.mode",
    AgentStateStartPolicy = "junjo.agent.state.start.policy",
    AgentStoreId = "junjo.agent.store.id",
    AgentUsage = "junjo.agent.usage",
    Cancelled = "junjo.cancelled",
    CancelledReason = "junjo.cancelled_reason",
    ContractVersion = "junjo.telemetry.contract_version",
    CorrelationId = "junjo.correlation.id",
    CorrelationType = "junjo.correlation.type",
    DefinitionId = "junjo.executable_definition_id",
    ErrorType = "error.type",
    EvaluationAttempt = "junjo.evaluation.attempt.id",
    EvaluationCase = "junjo.evaluation.case.id",
    EvaluationCaseName = "junjo.evaluation.case.key",
    EvaluationClass = "junjo.evaluation.run_class",
    EvaluationDataset = "junjo.evaluation.dataset.id",
    EvaluationRevision = "junjo.evaluation.source.revision",
    EvaluationRole = "junjo.evaluation.role",
    EvaluationRun = "junjo.evaluation.run.id",
    EventId = "id",
    ExceptionType = "exception.type",
    GraphId = "junjo.enclosing_graph_structural_id",
    GraphSnapshot = "junjo.workflow.execution_graph_snapshot",
    GraphStructure = "junjo.workflow.graph_structure",
    LegacyId = "junjo.id",
    LegacyParentId = "junjo.parent_id",
    ModelOrdinal = "junjo.agent.model_request.ordinal",
    ModelResponse = "junjo.agent.model.response",
    ModelResponseType = "junjo.agent.model.response_type",
    ModelUsage = "junjo.agent.model.usage",
    NodeCount = "junjo.workflow.node.count",
    OperationSequence = "junjo.agent.operation.sequence",
    OperationType = "junjo.agent.operation_type",
    ParentDefinitionId = "junjo.parent_executable_definition_id",
    ParentRuntimeId = "junjo.parent_executable_runtime_id",
    ParentStoreId = "junjo.workflow.parent_store.id",
    ParentStructuralId = "junjo.parent_executable_structural_id",
    ParentType = "junjo.parent_executable_type",
    Patch = "junjo.state_json_patch",
    PatchMode = "junjo.state_json_patch.mode",
    PatchPolicy = "junjo.state_json_patch.policy",
    PluginData = "junjo.openai_agents.span.data",
    PluginSchema = "junjo.openai_agents.schema_version",
    PluginSourceParent = "junjo.openai_agents.source.parent_span_id",
    PluginSourceSpan = "junjo.openai_agents.source.span_id",
    PluginSourceTrace = "junjo.openai_agents.source.trace_id",
    PluginTrace = "junjo.openai_agents.trace.id",
    PluginType = "junjo.openai_agents.span.type",
    Reconstructable = "junjo.store.reconstructable",
    RevisionAfter = "junjo.store.revision.after",
    RevisionBefore = "junjo.store.revision.before",
    RevisionEnd = "junjo.store.revision.end",
    RevisionStart = "junjo.store.revision.start",
    RuntimeId = "junjo.executable_runtime_id",
    SpanType = "junjo.span_type",
    StateEnd = "junjo.workflow.state.end",
    StateEndMode = "junjo.workflow.state.end.mode",
    StateEndPolicy = "junjo.workflow.state.end.policy",
    StateStart = "junjo.workflow.state.start",
    StateStartMode = "junjo.workflow.state.start.mode",
    StateStartPolicy = "junjo.workflow.state.start.policy",
    StoreAction = "junjo.store.action",
    StoreId = "junjo.store.id",
    StoreName = "junjo.store.name",
    StructuralId = "junjo.executable_structural_id",
    ToolArguments = "junjo.agent.tool.requested_arguments",
    ToolCallId = "junjo.agent.tool_call.id",
    ToolName = "junjo.agent.tool.name",
    ToolOrdinal = "junjo.agent.tool_call.ordinal",
    ToolResult = "junjo.agent.tool.result",
    ToolStructuralId = "junjo.agent.tool.structural_id",
    TransitionCount = "junjo.store.transition.count",
    TransitionSequence = "junjo.store.transition.sequence",
    WorkflowStoreId = "junjo.workflow.store.id",
}

/// Keys by the length of their names, so that one is held against a few others.
static BY_LENGTH: LazyLock<Vec<Vec<(&str, Key)>>> = LazyLock::new(|| {
    let mut by_length = Vec::new();
    for key in Key::ALL {
        let name = key.name();
        if by_length.len() <= name.len() {
            by_length.resize(name.len() + 1, Vec::new());
        }
        by_length[name.len()].push((name, *key));
    }
    by_length
});

impl Key {
    pub(crate) fn of(text: &str) -> Option<Self> {
        let alike = BY_LENGTH.get(text.len())?;
        alike.iter().find(|(name, _)| *name == text).map(|(_, key)| *key)
    }

    pub(super) fn number(self) -> u8 {
        self as u8
    }

    pub(super) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_by_its_name_and_by_its_number() {
        for key in Key::ALL {
            assert_eq!(Key::of(key.name()), Some(*key));
            assert_eq!(Key::from_number(key.number()), Some(*key));
        }
        assert!(Key::ALL.len() < 256 && Key::of("junjo.other").is_none());
    }
}
