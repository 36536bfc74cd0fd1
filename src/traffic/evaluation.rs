//! Attempts of an evaluation, as SDKs from 0.67 on record them.
//!
//! The orchestrator is the root. Below it the subject runs the target, and a verifier or a judge
//! looks at the result. Their spans carry the same ids and name no executable. Five attempts take
//! turns: a node that is verified, an agent with a judge, a verifier that raises, a target that
//! fails, and the generation of a case. Models are fixtures.

use std::{ops::Range, sync::LazyLock};

use serde_json::json;

use super::{
    agent::fixture,
    dice::Dice,
    graph::{Declaration, Graph, Node},
    junjo::{
        executable::CONTRACT,
        flow::Definition,
        raised::{NodeResult, Raised},
        sdk::{self, Sdk},
        store::StoreClass,
    },
    place::Place,
    recorded::{Recorded, pair},
};

/// The longest that an attempt takes, in nanoseconds.
pub(crate) const LONGEST: u64 = 400_000_000;

pub(crate) const VARIANTS: u32 = ATTEMPTS.len() as u32;

const STEP: Range<u64> = 20_000..200_000;

static DECLARATION: Declaration =
    Declaration { nodes: &[Node::Class("RateNode")], edges: &[], source: 0, sinks: &[0] };

static GRAPH: LazyLock<Graph> = LazyLock::new(|| Graph::new(&DECLARATION));

static STORE: StoreClass = StoreClass { name: "RateStore", fields: &["parcel", "cents"] };

/// What one of the roles does.
type Act = fn(&mut Sdk) -> NodeResult;

/// What happens in an attempt.
struct Attempt {
    span: &'static str,
    subject: Act,
    /// The role that looks at the result, with what it does.
    evaluator: Option<(&'static str, Act)>,
}

const ATTEMPT: &str = "junjo.evaluation.attempt";
const GENERATION: &str = "junjo.evaluation.dataset_generation";
const QUESTION: &str = "What does a parcel of 2 kg cost?";

const ATTEMPTS: [Attempt; 5] = [
    Attempt { span: ATTEMPT, subject: |sdk| rate(sdk, false), evaluator: Some(("verifier", |_| Ok(()))) },
    Attempt {
        span: ATTEMPT,
        subject: |sdk| {
            fixture::answer(sdk, QUESTION, "It costs 4.90 euros.");
            Ok(())
        },
        evaluator: Some(("judge", |sdk| {
            let passed = sdk.dice.below(4) > 0;
            fixture::judge(sdk, QUESTION, passed);
            Ok(())
        })),
    },
    Attempt {
        span: ATTEMPT,
        subject: |sdk| rate(sdk, false),
        evaluator: Some(("verifier", |_| Err(Raised::error("RuntimeError", "the price list is not there")))),
    },
    Attempt { span: ATTEMPT, subject: |sdk| rate(sdk, true), evaluator: None },
    Attempt { span: GENERATION, subject: |sdk| rate(sdk, false), evaluator: None },
];

pub(crate) fn record(place: &Place<'_>, dice: Dice) -> Vec<Recorded> {
    let &Attempt { span, subject, evaluator } = &ATTEMPTS[place.variant as usize];
    sdk::record(place, dice, |sdk| {
        let case = Case::new(span, &mut sdk.dice);
        open(sdk, span, "orchestrator", &case);
        let mut ended = role(sdk, "subject", &case, subject);
        if let (Ok(()), Some((name, evaluate))) = (&ended, evaluator) {
            ended = role(sdk, name, &case, evaluate);
        }
        sdk.pass(STEP);
        sdk.mark(&mut ended);
        sdk.pass(STEP);
        sdk.close();
    })
}

const OF_AN_ATTEMPT: [&str; 4] = [
    "junjo.evaluation.dataset.id",
    "junjo.evaluation.run.id",
    "junjo.evaluation.case.id",
    "junjo.evaluation.attempt.id",
];

/// What all spans of an attempt name.
struct Case {
    run_class: &'static str,
    ids: Vec<(&'static str, String)>,
    revision: String,
}

impl Case {
    fn new(span: &str, dice: &mut Dice) -> Self {
        let generates = span == GENERATION;
        let (run_class, keys) = if generates {
            ("dataset_generation", &["junjo.evaluation.dataset.id"][..])
        } else {
            ("evaluation", &OF_AN_ATTEMPT[..])
        };
        let mut ids: Vec<_> = keys.iter().map(|key| (*key, dice.nano_id().as_str().to_owned())).collect();
        ids.extend(generates.then(|| ("junjo.evaluation.case.key", format!("parcel-{}", dice.below(100)))));
        Self { run_class, ids, revision: format!("{:016x}", dice.roll()).repeat(3)[..40].to_owned() }
    }
}

fn role(sdk: &mut Sdk, name: &str, case: &Case, run: Act) -> NodeResult {
    sdk.pass(STEP);
    open(sdk, &format!("junjo.evaluation.{name}"), name, case);
    sdk.pass(STEP);
    let mut ended = run(sdk);
    sdk.pass(STEP);
    sdk.mark(&mut ended);
    sdk.close();
    ended
}

fn open(sdk: &mut Sdk, span: &str, role: &str, case: &Case) {
    sdk.open(span);
    let attributes = &mut sdk.span().attributes;
    attributes.extend([
        pair("junjo.evaluation.context.version", 1),
        pair("junjo.evaluation.run_class", case.run_class),
        pair("junjo.evaluation.role", role),
        pair("junjo.telemetry.contract_version", CONTRACT),
    ]);
    attributes.extend(case.ids.iter().map(|(key, id)| pair(key, id.as_str())));
    attributes.push(pair("junjo.evaluation.source.revision", case.revision.as_str()));
}

/// The workflow that is made of a node to evaluate it.
fn rate(sdk: &mut Sdk, fails: bool) -> NodeResult {
    let definition = Definition { name: "Evaluate RateNode", graph: &GRAPH, store: &STORE };
    let state = json!({ "parcel": "2 kg", "cents": null });
    let ended = sdk.workflow(&definition, state, |flow| {
        flow.node(0, |flow| {
            if fails {
                return Err(Raised::error("ValueError", "no rate for 2 kg"));
            }
            flow.set_state("set_cents", json!({ "cents": 490 }));
            Ok(())
        })
    });
    let message = "Node target execution failed: WorkflowExecutionError.";
    let target_failed = |_| Raised::error_of("junjo.evaluation.targets", "TargetExecutionError", message);
    ended.map_err(target_failed)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::traffic::{
        junjo::tests::trace::{Seen, Trace},
        profile::{Profile, Telemetry},
    };

    fn role_of(seen: &Seen) -> Option<&str> {
        seen.has("junjo.evaluation.role").then(|| seen.text("junjo.evaluation.role"))
    }

    #[test]
    fn an_attempt_has_one_orchestrator_one_subject_and_at_most_one_evaluator_with_the_same_ids() {
        let expected = [
            (&["orchestrator", "subject", "verifier"][..], &[][..]),
            (&["judge", "orchestrator", "subject"], &[]),
            (&["orchestrator", "subject", "verifier"], &["verifier", "orchestrator"]),
            (&["orchestrator", "subject"], &["subject", "orchestrator"]),
            (&["orchestrator", "subject"], &[]),
        ];
        for (variant, (roles, failed)) in (0..).zip(expected) {
            for seed in 0..20 {
                let trace = Trace::of(Profile::Evaluation, variant, Telemetry::Current, seed, 0);
                let of_roles: Vec<_> = trace.spans.iter().filter(|seen| role_of(seen).is_some()).collect();
                let mut found: Vec<_> = of_roles.iter().filter_map(|seen| role_of(seen)).collect();
                found.sort_unstable();
                assert_eq!(found, roles);
                let is_failed = |seen: &&&Seen| seen.status().0 == 2;
                let now_failed: Vec<_> =
                    of_roles.iter().filter(is_failed).filter_map(|seen| role_of(seen)).collect();
                assert_eq!(now_failed, failed);
                let ids = |seen: &&Seen| {
                    let id = |(key, _): &(&String, _)| {
                        key.starts_with("junjo.evaluation.") && *key != "junjo.evaluation.role"
                    };
                    seen.attributes
                        .iter()
                        .filter(id)
                        .map(|(key, id)| format!("{key}={id}"))
                        .collect::<Vec<_>>()
                };
                assert_eq!(of_roles.iter().map(ids).collect::<BTreeSet<_>>().len(), 1);
                let root = trace.spans.last().unwrap();
                assert_eq!((role_of(root), root.parent), (Some("orchestrator"), None));
                trace.check_keys();
                trace.check_times();
                let took = root.span.end_time_unix_nano - root.span.start_time_unix_nano;
                assert!(took <= LONGEST, "{took}");
            }
        }
    }

    #[test]
    fn models_are_fixtures_and_say_so() {
        let trace = Trace::of(Profile::Evaluation, 1, Telemetry::Current, 7, 0);
        let asked: Vec<_> = trace.spans.iter().filter(|seen| seen.has("junjo.agent.model.name")).collect();
        assert_eq!(asked.len(), 2);
        assert!(asked.iter().all(|seen| seen.attributes["junjo.model.fixture"] == true));
    }
}
