//! The figures of a hunt, and a line for each mutant that the matrix does not kill.

use std::fmt::Write as _;

use super::{Hunt, found::Kill, reason, subjects::Subject};

const INTRODUCTION: &str = "\
## Mutants of the checks

<!-- Made by `scripts/mutants`. Do not edit. -->

Each check and each view is changed in one place at a time: a condition dropped or negated, AND for OR, `<` for `<=`, `=`
for `<>`, NULL for a value, a branch of a union, a key or a kind of a join, a member of a list. A mutant is killed where a
planted defect or a clean store makes it find anything else than the check.

";

pub(super) fn page(hunt: &Hunt) -> String {
    let sum = |count: fn(&Subject) -> usize| hunt.subjects.iter().map(count).sum::<usize>();
    let judged = sum(|subject| subject.judged().count());
    let killed = judged - hunt.alive();
    let share = |part: usize| format!("{part} ({:.1} %)", 100.0 * part as f64 / judged as f64);
    let mut text = INTRODUCTION.to_owned();
    let mut line = |what: &str| writeln!(text, "{what}").expect("a text takes all");
    line("| figure | |\n|---|---|");
    line(&format!("| mutants | {judged} of {} checks and views |", hunt.subjects.len()));
    line(&format!("| killed | {} in {} audits |", share(killed), hunt.cases));
    let by_demand = sum(|subject| subject.shown_by(Kill::Demand).count());
    line(&format!("| by what `selftest` demands | {} |", share(by_demand)));
    let by_count = sum(|subject| subject.shown_by(Kill::Count).count());
    line(&format!("| by another number of findings where none is demanded | {by_count} |"));
    let by_rows = sum(|subject| subject.shown_by(Kill::Rows).count());
    line(&format!("| by the rows of findings alone | {by_rows} |"));
    let refused = sum(|subject| subject.mutants.iter().filter(|mutant| mutant.is_refused).count());
    line(&format!("| refused by the engine, and not counted | {refused} |"));
    line(&format!("| alive | {} |", hunt.alive()));
    line("\n| check | mutant that lives | why no defect can show it |\n|---|---|---|");
    for subject in &hunt.subjects {
        for mutant in subject.alive() {
            let reason = reason(&subject.original.id, &mutant.name).unwrap_or("**none**");
            line(&format!("| {} | {} | {reason} |", subject.original.id, cell(&mutant.name)));
        }
    }
    for (kill, what) in [
        (Kill::Count, "Killed by another number of findings, which no expectation states"),
        (Kill::Rows, "Killed by the rows of its findings alone"),
    ] {
        line(&format!("\n{what}:\n\n| check | mutant | shown by |\n|---|---|---|"));
        for subject in &hunt.subjects {
            for (mutant, case) in subject.shown_by(kill) {
                line(&format!("| {} | {} | {} |", subject.original.id, cell(&mutant.name), cell(case)));
            }
        }
    }
    text
}

/// A text in a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").split_whitespace().collect::<Vec<_>>().join(" ")
}
