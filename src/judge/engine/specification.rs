//! What the rows of a job are held against, in a form that other processes read.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};

use crate::{
    contract::digest::DigestVersion,
    judge::{
        claim::{KnownRun, KnownRuns},
        expectation::{Derived, Expectation, Recorded},
        partial::PROGRAM,
        scope::Scope,
    },
    ledger::{expected::ExpectedSpans, manifest::Manifest},
    traffic::ids::RunId,
};

/// It holds no address, no credential, and nothing that was typed but the scope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Specification {
    /// The program that made it: another would judge otherwise.
    program: String,
    pub(crate) scope: Scope,
    /// Whether the studio has an index to hold files against.
    pub(crate) is_indexed: bool,
    /// Whether a check asks for what rows say of Junjo's executions.
    pub(crate) keeps_records: bool,
    runs: Vec<RunSpecification>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct RunSpecification {
    run: RunId,
    is_wanted: bool,
    /// Of the rows that it calls for.
    digest: u64,
    source: Source,
}

/// What the rows of a run follow from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Source {
    Plan(Box<Manifest>),
    /// Too large to be sent along: executors read it from where it lies.
    Record {
        path: PathBuf,
        is_v1: bool,
        services: Vec<String>,
        keeps_ids: bool,
    },
}

impl Specification {
    pub(crate) fn of(runs: &KnownRuns, scope: &Scope, is_indexed: bool, keeps_records: bool) -> Self {
        Self {
            program: PROGRAM.to_owned(),
            scope: scope.clone(),
            is_indexed,
            keeps_records,
            runs: runs.runs.iter().map(RunSpecification::of).collect(),
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("numbers and texts are JSON")
    }

    /// Refuses what another program made.
    pub(crate) fn decode(bytes: &[u8]) -> anyhow::Result<Self> {
        let specification: Self = serde_json::from_slice(bytes).context("the specification of a job")?;
        let program = &specification.program;
        ensure!(
            program == PROGRAM,
            "the audit is of e2e-store {program}, and this executor is {PROGRAM}: run one build everywhere"
        );
        Ok(specification)
    }

    /// The runs as the coordinator knows them, in its order.
    pub(crate) fn known_runs(&self) -> anyhow::Result<KnownRuns> {
        let known = self.runs.iter().map(RunSpecification::known).collect::<anyhow::Result<Vec<_>>>()?;
        Ok(KnownRuns::new(known))
    }
}

impl RunSpecification {
    fn of(known: &KnownRun) -> Self {
        let source = match &*known.expectation {
            Expectation::Derived(Derived { plan, .. }) => {
                Source::Plan(Box::new(Manifest::new(plan, String::new(), None, 0)))
            }
            Expectation::Recorded(Recorded { spans, services, keeps_ids, file }) => Source::Record {
                path: std::path::absolute(file).unwrap_or_else(|_| file.clone()),
                is_v1: spans.digests() == DigestVersion::V1,
                services: services.clone(),
                keeps_ids: *keeps_ids,
            },
        };
        let (digest, is_wanted) = (known.expectation.digest(), known.is_wanted());
        Self { run: known.run, is_wanted, digest, source }
    }

    fn known(&self) -> anyhow::Result<KnownRun> {
        let expectation = match &self.source {
            Source::Plan(manifest) => Expectation::Derived(Derived::new(manifest.plan()?)),
            Source::Record { path, is_v1, services, keeps_ids } => Expectation::Recorded(Recorded {
                spans: ExpectedSpans::read(path, *is_v1)?,
                services: services.clone(),
                keeps_ids: *keeps_ids,
                file: path.clone(),
            }),
        };
        ensure!(expectation.digest() == self.digest, "run {} is another one here", self.run);
        Ok(KnownRun::new(self.run, Arc::new(expectation), self.is_wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_the_same_on_the_other_side_and_another_program_is_refused() {
        let plan = crate::testing::plan("agent", None, 2, 40);
        let expectation = Arc::new(Expectation::Derived(Derived::new(plan.clone())));
        let runs = KnownRuns::new([KnownRun::new(plan.outline.run, expectation, true)]);
        let scope = Scope { services: vec!["a".to_owned()], from: Some(-1), to: None };
        let specification = Specification::of(&runs, &scope, true, false);
        let read = Specification::decode(&specification.encode()).unwrap();
        assert_eq!(read, specification);
        let known = read.known_runs().unwrap();
        assert_eq!(known.runs[0].expectation.digest(), runs.runs[0].expectation.digest());

        let of_another = Specification { program: "another".to_owned(), ..specification.clone() };
        Specification::decode(&of_another.encode()).unwrap_err();
        let mut changed = specification;
        changed.runs[0].digest ^= 1;
        changed.known_runs().unwrap_err();
    }
}
