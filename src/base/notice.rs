//! Diagnostics on stderr, a line each. Results never go here.

use std::io::Write;

/// Writes one line. A closed stderr is ignored: there is nowhere left to say so.
pub(crate) fn note(text: &str) {
    writeln!(std::io::stderr(), "{text}").ok();
}
