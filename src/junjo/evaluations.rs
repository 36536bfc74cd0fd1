//! Evaluations: one orchestrator with one subject, at most one judge or verifier, all of the same attempt.

use super::{
    difference::Difference,
    graph::Look,
    span::{Kind, Outcome},
    trace::Trace,
};
use crate::judge::junjo::key::Key;

/// What all spans of an evaluation share.
pub(super) const SHARED: [Key; 7] = [
    Key::EvaluationClass,
    Key::EvaluationDataset,
    Key::EvaluationRun,
    Key::EvaluationCase,
    Key::EvaluationCaseName,
    Key::EvaluationAttempt,
    Key::EvaluationRevision,
];

pub(crate) fn look_at(trace: &Trace<'_>, index: usize, look: &mut Look<'_>) {
    let span = &trace.spans[index];
    if !span.head.has_attributes {
        return;
    }
    let role = span.text(Key::EvaluationRole).unwrap_or_default();
    match role {
        "orchestrator" => orchestrator(trace, index, look),
        "subject" | "judge" | "verifier" => {}
        other => {
            let difference = Difference::new("evaluation").about(Key::EvaluationRole.name());
            look.add(span, difference.between(Some("orchestrator, subject, judge or verifier"), Some(other)));
        }
    }
}

fn orchestrator(trace: &Trace<'_>, index: usize, look: &mut Look<'_>) {
    let span = &trace.spans[index];
    let parts: Vec<usize> = trace.children[index]
        .iter()
        .copied()
        .filter(|part| trace.spans[*part].kind == Kind::Evaluation && trace.spans[*part].head.has_attributes)
        .collect();
    let of_role = |roles: &[&str]| {
        parts
            .iter()
            .filter(|part| {
                trace.spans[**part].text(Key::EvaluationRole).is_some_and(|role| roles.contains(&role))
            })
            .count()
    };
    let subjects = of_role(&["subject"]);
    if subjects == 0 && span.outcome() == Outcome::Completed && !trace.is_blind {
        let difference = Difference::new("missing_evaluations").about(span.name);
        look.add(span, difference.between(Some(1), Some(0)).because("the subject"));
    }
    for (what, count) in [("subject", subjects), ("judge or verifier", of_role(&["judge", "verifier"]))] {
        if count > 1 {
            look.add(span, Difference::new("evaluation").about(what).between(Some(1), Some(count)));
        }
    }
    if of_role(&["orchestrator"]) > 0 {
        look.add(span, Difference::new("evaluation").about("orchestrator").between(Some(1), Some(2)));
    }
    for part in parts {
        let part = &trace.spans[part];
        for key in SHARED {
            if part.text(key) != span.text(key) {
                let difference = Difference::new("evaluation").about(key.name());
                look.add(part, difference.between(span.text(key), part.text(key)));
            }
        }
    }
}
