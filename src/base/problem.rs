//! An error that the user can act upon: what failed, where, and what to type next.

use std::{error::Error, fmt::Write as _, io};

use crate::text::escape;

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

/// A problem, or one that an error of input and output was made of.
fn problem<'e>(err: &'e (dyn Error + 'static)) -> Option<&'e Problem> {
    let inside = || err.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref::<Problem>();
    err.downcast_ref::<Problem>().or_else(inside)
}

/// Further lines of a message are set in, so that none passes for a hint or for another error.
fn continued(message: &str) -> String {
    message.replace('\n', "\n  ").replace("\n    ", "\n  ")
}

/// `error:`, its causes, and a hint where there is one; none of it is obeyed by a terminal.
pub(crate) fn explain(err: &anyhow::Error) -> String {
    let mut text = format!("error: {}\n", continued(&err.to_string()));
    let mut last = err.to_string();
    for cause in err.chain().skip(1) {
        let cause = cause.to_string();
        // Several libraries repeat their cause in their own words.
        if !last.contains(&cause) {
            writeln!(text, "  caused by: {}", cause.replace('\n', "\n    ")).ok();
            last = cause;
        }
    }
    let hint = err.chain().find_map(problem).map(Problem::hint);
    if let Some(hint) = hint {
        writeln!(text, "hint: {hint}").ok();
    }
    escape::lines(&text)
}
