//! Executables: who a span says it is, and who encloses it (`junjo-telemetry`, sections 2.1, 2.3).

use opentelemetry_proto::tonic::trace::v1::Span;

use super::sdk::Correlation;
use crate::traffic::{dice::NanoId, profile::Telemetry, recorded::pair};

/// The version of the telemetry contract that current spans name.
pub(crate) const CONTRACT: i64 = 2;

/// What kind of thing runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Workflow,
    Subflow,
    Node,
    RunConcurrent,
    Agent,
}

/// The identity of one execution.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Executable {
    pub(crate) kind: Kind,
    pub(crate) definition_id: NanoId,
    pub(crate) runtime_id: NanoId,
    pub(crate) structural_id: &'static str,
    /// The structural id of the graph that it runs or runs in; agents have none.
    pub(crate) graph_id: Option<&'static str>,
}

impl Kind {
    /// The `junjo.span_type`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Workflow => "workflow",
            Self::Subflow => "subflow",
            Self::Node => "node",
            Self::RunConcurrent => "run_concurrent",
            Self::Agent => "agent",
        }
    }

    /// Nodes keep silent about the kind of what encloses them.
    fn names_the_kind_of_its_parent(self) -> bool {
        !matches!(self, Self::Node | Self::RunConcurrent)
    }
}

impl Executable {
    /// A node or `RunConcurrent`: a definition that runs under its own id.
    pub(super) fn node(kind: Kind, id: NanoId, structural_id: &'static str, graph_id: &'static str) -> Self {
        Self { kind, definition_id: id, runtime_id: id, structural_id, graph_id: Some(graph_id) }
    }

    /// Puts the attributes that every executable has on its span.
    pub(super) fn describe(
        &self,
        telemetry: Telemetry,
        parent: Option<&Self>,
        correlation: Option<&Correlation>,
        span: &mut Span,
    ) {
        match telemetry {
            Telemetry::Current => self.describe_current(parent, correlation, span),
            Telemetry::Legacy => self.describe_legacy(parent, span),
        }
    }

    fn describe_current(&self, parent: Option<&Self>, correlation: Option<&Correlation>, span: &mut Span) {
        span.attributes.extend([
            pair("junjo.telemetry.contract_version", CONTRACT),
            pair("junjo.span_type", self.kind.name()),
            pair("junjo.executable_definition_id", self.definition_id.as_str()),
            pair("junjo.executable_runtime_id", self.runtime_id.as_str()),
            pair("junjo.executable_structural_id", self.structural_id),
        ]);
        if let Some(graph_id) = self.graph_id {
            span.attributes.push(pair("junjo.enclosing_graph_structural_id", graph_id));
        }
        if let Some(Correlation { kind, id }) = correlation {
            span.attributes.push(pair("junjo.correlation.type", *kind));
            span.attributes.push(pair("junjo.correlation.id", id.as_str()));
        }
        let Some(parent) = parent else { return };
        span.attributes.extend([
            pair("junjo.parent_executable_definition_id", parent.definition_id.as_str()),
            pair("junjo.parent_executable_runtime_id", parent.runtime_id.as_str()),
            pair("junjo.parent_executable_structural_id", parent.structural_id),
        ]);
        if self.kind.names_the_kind_of_its_parent() {
            span.attributes.push(pair("junjo.parent_executable_type", parent.kind.name()));
        }
    }

    fn describe_legacy(&self, parent: Option<&Self>, span: &mut Span) {
        span.attributes.push(pair("junjo.span_type", self.kind.name()));
        if let Some(parent) = parent {
            span.attributes.push(pair("junjo.parent_id", parent.definition_id.as_str()));
        }
        span.attributes.push(pair("junjo.id", self.definition_id.as_str()));
    }
}
