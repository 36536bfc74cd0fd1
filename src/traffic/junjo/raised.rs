//! How an executable ends when it does not succeed (`junjo-telemetry`, section 2.8).
//!
//! What is raised passes through every executable that encloses it, and each leaves its own mark: an
//! error with its exception, or the reason of a cancellation. Up to SDK 0.62 a cancellation left
//! none, and an error left its exception twice.

use std::fmt::Write;

use opentelemetry_proto::tonic::trace::v1::{Status, status::StatusCode};

use super::{executable::Kind, sdk::Sdk};
use crate::traffic::{profile::Telemetry, recorded::pair};

/// The outcome of Python code.
pub(crate) type NodeResult = Result<(), Raised>;

#[derive(Debug, Clone)]
pub(crate) enum Raised {
    Failure(Box<Failure>),
    /// The reason, as far as one was given.
    Cancellation(&'static str),
}

/// An exception on its way up.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// None for a builtin class.
    module: Option<&'static str>,
    class: &'static str,
    message: String,
    /// File, line and function, the innermost first.
    frames: Vec<(&'static str, u32, &'static str)>,
    cause: Option<Box<Failure>>,
}

const SDK_FOLDER: &str = "/app/.venv/lib/python3.13/site-packages";

impl Raised {
    /// A builtin exception that the code of an app raises.
    pub(crate) fn error(class: &'static str, message: impl Into<String>) -> Self {
        Self::failure(None, class, message.into(), ("/app/nodes.py", 64, "service"))
    }

    /// An exception of a class of its own module.
    pub(crate) fn error_of(module: &'static str, class: &'static str, message: impl Into<String>) -> Self {
        Self::failure(Some(module), class, message.into(), ("/app/nodes.py", 64, "service"))
    }

    /// No edge leads on from a node.
    pub(super) fn dead_end(telemetry: Telemetry, node: &str) -> Self {
        let message = format!(
            "Check your Graph. No resolved edges. No valid transition found for node or subflow: '{node}'."
        );
        let (module, class) = match telemetry {
            Telemetry::Current => (Some("junjo.graph"), "GraphValidationError"),
            Telemetry::Legacy => (None, "ValueError"),
        };
        Self::failure(module, class, message, ("junjo/graph.py", 318, "get_next_node"))
    }

    /// What the parent of a workflow sees of its failure.
    pub(super) fn by_workflow(self, telemetry: Telemetry, name: &str) -> Self {
        match (self, telemetry) {
            (Self::Failure(cause), Telemetry::Current) => Self::Failure(Box::new(Failure {
                module: Some("junjo.workflow_errors"),
                class: "WorkflowExecutionError",
                message: format!("Workflow execution failed for {name}."),
                frames: vec![("junjo/workflow.py", 655, "execute")],
                cause: Some(cause),
            })),
            (raised, _) => raised,
        }
    }

    /// An error of an agent that has met with something; a cancellation stays one.
    pub(crate) fn by_agent(self, class: &'static str, message: String) -> Self {
        match self {
            Self::Failure(cause) => Self::of_agent(class, message, Some(cause)),
            Self::Cancellation(_) => self,
        }
    }

    /// An error of an agent.
    pub(crate) fn of_agent(class: &'static str, message: String, cause: Option<Box<Failure>>) -> Self {
        Self::Failure(Box::new(Failure {
            module: Some("junjo.agent.errors"),
            class,
            message,
            frames: vec![("junjo/agent/_runtime.py", 177, "run")],
            cause,
        }))
    }

    fn failure(
        module: Option<&'static str>,
        class: &'static str,
        message: String,
        frame: (&'static str, u32, &'static str),
    ) -> Self {
        Self::Failure(Box::new(Failure { module, class, message, frames: vec![frame], cause: None }))
    }
}

impl Failure {
    /// The class as `exception.type` has it: with its module unless that is the builtin one.
    fn qualified_class(&self) -> String {
        self.module.map_or_else(|| self.class.to_owned(), |module| format!("{module}.{}", self.class))
    }

    /// The text that Python prints, outermost call first.
    fn stacktrace(&self) -> String {
        let mut text = self.cause.as_ref().map_or_else(String::new, |cause| {
            let cause = cause.stacktrace();
            format!("{cause}\nThe above exception was the direct cause of the following exception:\n\n")
        });
        text.push_str("Traceback (most recent call last):\n");
        for (file, line, function) in self.frames.iter().rev() {
            let folder = if file.starts_with('/') { "" } else { SDK_FOLDER };
            let slash = if file.starts_with('/') { "" } else { "/" };
            writeln!(text, "  File \"{folder}{slash}{file}\", line {line}, in {function}").ok();
        }
        writeln!(text, "{}: {}", self.qualified_class(), self.message).ok();
        text
    }
}

/// Where the SDK calls what an executable of a kind encloses.
fn frame(kind: Kind) -> (&'static str, u32, &'static str) {
    match kind {
        Kind::Workflow | Kind::Subflow => ("junjo/workflow.py", 432, "execute"),
        Kind::Node => ("junjo/node.py", 235, "execute"),
        Kind::RunConcurrent => ("junjo/run_concurrent.py", 302, "execute"),
        Kind::Agent => ("junjo/agent/_runtime.py", 900, "_execute_admitted"),
    }
}

impl Sdk {
    /// Leaves the mark of an outcome on the current span, an executable's.
    pub(crate) fn mark(&mut self, outcome: &mut NodeResult) {
        match (outcome, self.telemetry) {
            (Ok(()), _) | (Err(Raised::Cancellation(_)), Telemetry::Legacy) => {}
            (Err(Raised::Cancellation(reason)), Telemetry::Current) => {
                let reason = *reason;
                self.span().attributes.push(pair("junjo.cancelled", true));
                self.span().attributes.push(pair("junjo.cancelled_reason", reason));
            }
            (Err(Raised::Failure(failure)), telemetry) => {
                failure.frames.extend(self.enclosing().map(|executable| frame(executable.kind)));
                self.mark_failed(failure, telemetry);
            }
        }
    }

    fn mark_failed(&mut self, failure: &mut Failure, telemetry: Telemetry) {
        let message = match telemetry {
            Telemetry::Current => failure.message.clone(),
            Telemetry::Legacy => format!("{}: {}", failure.class, failure.message),
        };
        self.span().status = Some(Status { message, code: StatusCode::Error.into() });
        self.pass(8_000..30_000);
        self.record_exception(failure);
        match telemetry {
            Telemetry::Current => self.span().attributes.push(pair("error.type", failure.class)),
            Telemetry::Legacy => {
                // The tracer records once more what leaves its context manager.
                let mut again = failure.clone();
                again.frames.push(("opentelemetry/sdk/trace/__init__.py", 1136, "start_as_current_span"));
                again.frames.push(("opentelemetry/trace/__init__.py", 602, "use_span"));
                self.pass(8_000..30_000);
                self.record_exception(&again);
            }
        }
    }

    fn record_exception(&mut self, failure: &Failure) {
        let attributes = vec![
            pair("exception.type", failure.qualified_class()),
            pair("exception.message", failure.message.as_str()),
            pair("exception.stacktrace", failure.stacktrace()),
            pair("exception.escaped", "False"),
        ];
        self.event("exception", attributes);
    }
}
