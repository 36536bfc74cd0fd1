//! What is said to models and by them.

use crate::traffic::dice::Dice;

/// The role that both models are given.
pub(super) const EDITOR: &str = "You edit release notes. Be brief, be exact, invent nothing.";

const CHANGES: [&str; 8] = [
    "fix: a flush no longer waits for an empty segment",
    "feat: `--since` takes durations (\"90m\") and dates",
    "perf: read footers once",
    "fix(ui): Änderungen im Zustand werden wieder angezeigt",
    "docs: explain what a barrier is",
    "feat: traces of several services \u{2192} one view",
    "fix: C:\\data is a path, too",
    "chore: update \u{1f980} toolchain",
];

/// Two to four changes.
pub(super) fn changes(dice: &mut Dice) -> Vec<&'static str> {
    let first = dice.below(CHANGES.len() as u64) as usize;
    let count = 2 + dice.below(3) as usize;
    CHANGES.iter().cycle().skip(first).take(count).copied().collect()
}

pub(super) fn draft_prompt(changes: &[&str]) -> String {
    format!("Write release notes for these commits:\n- {}", changes.join("\n- "))
}

pub(super) fn notes(changes: &[&str], dice: &mut Dice) -> String {
    let version = format!("0.{}.{}", 60 + dice.below(30), dice.below(10));
    let opening = match dice.below(3) {
        0 => "A small release with things that you asked for.",
        1 => "Mostly repairs this time \u{2014} thank you for all reports!",
        _ => "Nothing breaks, much improves.",
    };
    format!("## {version}\n\n{opening}\n\n* {}\n", changes.join("\n* "))
}

pub(super) fn review_prompt(notes: &str) -> String {
    format!("Answer ACCEPT or say what is wrong:\n\n{notes}")
}

pub(super) fn verdict(accepted: bool) -> &'static str {
    if accepted { "ACCEPT" } else { "The opening says nothing. Name the change that matters most." }
}

/// About one token for four bytes.
pub(super) fn tokens(text: &str) -> i64 {
    (text.len() as u64 / 4).cast_signed()
}
