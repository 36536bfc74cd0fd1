//! JSON as reports print it: whole, valid, and without a character that a terminal would obey.

use std::io::Write;

use serde::Serialize;

use crate::text::escape;

/// Over several lines, with an end of the last.
pub(crate) fn pretty(value: &impl Serialize) -> anyhow::Result<Vec<u8>> {
    Ok((escape::json(serde_json::to_string_pretty(value)?) + "\n").into_bytes())
}

/// On one line, with its end.
pub(crate) fn line(value: &impl Serialize) -> anyhow::Result<Vec<u8>> {
    Ok((escape::json(serde_json::to_string(value)?) + "\n").into_bytes())
}

/// Prints a report.
pub(crate) fn print(out: &mut dyn Write, value: &impl Serialize) -> anyhow::Result<()> {
    out.write_all(&pretty(value)?)?;
    Ok(())
}
