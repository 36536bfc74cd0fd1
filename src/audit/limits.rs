//! What an audit was told to leave out or to take less seriously, by flags or by the settings file.
//!
//! A pass says nothing of what was left out, so every report names it.

use std::path::PathBuf;

use serde::Serialize;

/// One instruction that changes what a verdict covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Limit {
    /// The flag, as `--only`, or the key of the settings file, as `audit.skip`.
    pub(crate) option: &'static str,
    pub(crate) values: Vec<String>,
    /// The settings file; none for a flag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<PathBuf>,
}

impl Limit {
    /// None where the flag was not given.
    pub(crate) fn of_flag(option: &'static str, values: Vec<String>) -> Option<Self> {
        (!values.is_empty()).then_some(Self { option, values, file: None })
    }

    /// Of a flag that takes no value.
    pub(crate) fn of_switch(option: &'static str) -> Self {
        Self { option, values: Vec::new(), file: None }
    }
}
