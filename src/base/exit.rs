//! How a command ends: the exit codes.

/// How a command ended, where it did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Clean,
    /// Something was found, or a call was refused.
    Found,
    /// The answer is not known, or the work was cut short.
    Unknown,
}
