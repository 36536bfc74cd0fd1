//! A workflow whose nodes ask models (`junjo-telemetry`, section 2.7).
//!
//! Junjo records nothing of a model call: the spans inside these nodes are those of other
//! instrumentation, with scopes and keys of its own. One model drafts release notes, another one
//! reviews them. Three stories, taken in turn: accepted at once, accepted at the second try, and
//! drafted after an outage.

use std::sync::LazyLock;

use serde_json::json;

mod google;
mod prose;
mod xai;

use super::{
    dice::Dice,
    graph::{Declaration, Graph, Node},
    junjo::{
        flow::{Definition, Flow},
        raised::NodeResult,
        sdk,
        store::StoreClass,
    },
    place::Place,
    recorded::Recorded,
};

/// The longest that a workflow takes, in nanoseconds.
pub(crate) const LONGEST: u64 = 350_000_000;

pub(crate) const VARIANTS: u32 = STORIES.len() as u32;

struct Story {
    drafts: u32,
    /// Calls that fail before the first draft.
    outages: u32,
}

const STORIES: [Story; 3] =
    [Story { drafts: 1, outages: 0 }, Story { drafts: 2, outages: 0 }, Story { drafts: 1, outages: 1 }];

const DRAFT: usize = 0;
const PUBLISH: usize = 1;
const REVIEW: usize = 2;

static DECLARATION: Declaration = Declaration {
    nodes: &[Node::Class("DraftNotesNode"), Node::Class("PublishNotesNode"), Node::Class("ReviewNotesNode")],
    edges: &[(DRAFT, REVIEW, None), (REVIEW, DRAFT, Some("NeedsWork")), (REVIEW, PUBLISH, None)],
    source: DRAFT,
    sinks: &[PUBLISH],
};

static GRAPH: LazyLock<Graph> = LazyLock::new(|| Graph::new(&DECLARATION));

static STORE: StoreClass =
    StoreClass { name: "ReleaseNotesStore", fields: &["changes", "draft", "accepted", "published"] };

pub(crate) fn record(place: &Place<'_>, mut dice: Dice) -> Vec<Recorded> {
    let story = &STORIES[place.variant as usize];
    let definition = Definition { name: "Release Notes Workflow", graph: &GRAPH, store: &STORE };
    let changes = prose::changes(&mut dice);
    let state = json!({ "changes": changes, "draft": null, "accepted": false, "published": false });
    sdk::record(place, dice, |sdk| sdk.workflow(&definition, state, |flow| write(flow, story, &changes)))
}

fn write(flow: &mut Flow<'_>, story: &Story, changes: &[&str]) -> NodeResult {
    for draft in 1..=story.drafts {
        let accepted = draft == story.drafts;
        let notes = prose::notes(changes, &mut flow.sdk.dice);
        flow.node(DRAFT, |flow| {
            let prompt = prose::draft_prompt(changes);
            for _ in 0..story.outages {
                google::fail(flow.sdk, &prompt);
            }
            google::generate(flow.sdk, &prompt, &notes);
            flow.set_state("set_draft", json!({ "draft": notes }));
            Ok(())
        })?;
        flow.node(REVIEW, |flow| {
            xai::sample(flow.sdk, &prose::review_prompt(&notes), prose::verdict(accepted));
            flow.set_state("set_accepted", json!({ "accepted": accepted }));
            Ok(())
        })?;
    }
    flow.node(PUBLISH, |flow| {
        flow.set_state("set_published", json!({ "published": true }));
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use opentelemetry_proto::tonic::{
        common::v1::any_value::Value,
        trace::v1::{Span, span::SpanKind, status::StatusCode},
    };
    use proptest::prelude::*;

    use super::*;
    use crate::traffic::{ids::RunId, planned::SCOPE, profile::Telemetry};

    fn workflow(variant: u32, telemetry: Telemetry, seed: u64) -> Vec<Recorded> {
        let run = RunId::from_bits(seed);
        let place = Place {
            run,
            workflow: 3,
            service: "notes",
            peer: "p",
            turn: 3,
            variant,
            telemetry,
            start_time: 1_000,
        };
        record(&place, Dice::at(seed, 3))
    }

    fn value<'a>(span: &'a Span, key: &str) -> Option<&'a Value> {
        let pair = span.attributes.iter().find(|pair| pair.key == key)?;
        pair.value.as_ref()?.value.as_ref()
    }

    proptest! {
        #[test]
        fn model_calls_are_foreign_spans_inside_nodes(variant in 0..VARIANTS, seed: u64) {
            for telemetry in [Telemetry::Current, Telemetry::Legacy] {
                let spans = workflow(variant, telemetry, seed);
                for Recorded { scope, span, .. } in &spans {
                    let foreign = scope.scope.name != SCOPE;
                    let keys = || span.attributes.iter().map(|pair| pair.key.as_str());
                    prop_assert_eq!(keys().collect::<BTreeSet<_>>().len(), keys().count());
                    prop_assert_eq!(foreign, !keys().any(|key| key.starts_with("junjo.")));
                    let of_a_model = keys().any(|key| matches!(key, "openinference.span.kind" | "gen_ai.provider.name"));
                    prop_assert_eq!(foreign, of_a_model);
                    if foreign {
                        let parent = spans.iter().find(|other| other.span.span_id == span.parent_span_id).unwrap();
                        let kind = Value::StringValue("node".to_owned());
                        prop_assert_eq!(value(&parent.span, "junjo.span_type"), Some(&kind));
                    }
                }
                let root = &spans.last().unwrap().span;
                prop_assert!(root.end_time_unix_nano - root.start_time_unix_nano <= LONGEST);
            }
        }
    }

    #[test]
    fn calls_look_as_their_instrumentation_leaves_them() {
        let calls = |variant| {
            let spans = workflow(variant, Telemetry::Current, 7);
            let calls = spans.into_iter().filter(|recorded| recorded.scope.scope.name != SCOPE);
            calls
                .map(|Recorded { span, .. }| {
                    let code = span.status.as_ref().unwrap().code();
                    let finish = value(&span, "gen_ai.response.finish_reasons");
                    (span.name.clone(), span.kind(), code, matches!(finish, Some(Value::ArrayValue(_))))
                })
                .collect::<Vec<_>>()
        };
        let draft = |code| ("AsyncGenerateContent".to_owned(), SpanKind::Internal, code, false);
        let draft_done = || draft(StatusCode::Ok);
        let review = || ("chat.sample grok-4".to_owned(), SpanKind::Client, StatusCode::Unset, true);
        assert_eq!(calls(0), [draft_done(), review()]);
        assert_eq!(calls(1), [draft_done(), review(), draft_done(), review()]);
        assert_eq!(calls(2), [draft(StatusCode::Error), draft_done(), review()]);
    }
}
