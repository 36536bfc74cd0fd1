//! Diagnostics on stderr, a line each. Results never go here.

use std::io::Write;

use crate::text::escape;

/// Writes one line, or several, without what a terminal would obey. A closed stderr is ignored: there is nowhere left
/// to say so.
pub(crate) fn note(text: &str) {
    writeln!(std::io::stderr(), "{}", escape::lines(text)).ok();
}
