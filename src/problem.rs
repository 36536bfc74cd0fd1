//! An error that the user can act upon: what failed, where, and what to type next.

use std::error::Error;

/// A failure with a hint. Causes hang below it as its source.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub(crate) struct Problem {
    what: String,
    hint: String,
    #[source]
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Problem {
    /// `what` and `hint` are lower-case fragments with values in backticks.
    pub(crate) fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into(), cause: None }
    }

    pub(crate) fn caused_by(self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { cause: Some(cause.into()), ..self }
    }

    pub(crate) fn hint(&self) -> &str {
        &self.hint
    }
}
