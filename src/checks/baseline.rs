//! Findings that were looked at once and accepted.
//!
//! A baseline is a file of finding ids, each with how often it occurred: what occurs more often than that is
//! new again. It accepts nothing that is not in it, and what is in it and no longer found is stale.

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, Serialize};

use crate::base::{problem::Problem, regular};

const VERSION: u32 = 1;

/// Accepted findings by id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Baseline(BTreeMap<String, Accepted>);

/// One of a baseline's findings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Accepted {
    /// What it is about, for people.
    pub(crate) finding: String,
    /// Of several findings with the same id, how many.
    pub(crate) count: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    findings: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    check: String,
    finding: String,
    #[serde(default = "one", skip_serializing_if = "is_one")]
    count: u64,
}

fn one() -> u64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_one(count: &u64) -> bool {
    *count == 1
}

impl Baseline {
    pub(crate) fn load(path: &Path) -> Result<Self, Problem> {
        let hint = "`e2e-store audit --write-baseline FILE` writes one";
        let text = regular::read(path).map_err(|err| {
            Problem::new(format!("cannot read baseline `{}`", path.display()), hint).caused_by(err)
        })?;
        let unknown = || Problem::new(format!("`{}` is not a baseline", path.display()), hint);
        let file: File = serde_json::from_slice(&text).map_err(|err| unknown().caused_by(err))?;
        if file.version != VERSION {
            let why = format!("its version is {}, and {VERSION} is understood here", file.version);
            return Err(unknown().caused_by(why));
        }
        let mut baseline = Self::default();
        for Entry { id, finding, count, .. } in file.findings {
            baseline.note(id, finding, count);
        }
        Ok(baseline)
    }

    /// How often a finding is accepted.
    pub(crate) fn count(&self, id: &str) -> u64 {
        self.0.get(id).map_or(0, |accepted| accepted.count)
    }

    /// The ids of a check's findings, in order.
    pub(crate) fn of_check(&self, check: &str) -> impl Iterator<Item = (&String, &Accepted)> {
        self.0.iter().filter(move |(id, _)| check_of(id) == check)
    }

    /// Adds so many findings with the same id.
    pub(crate) fn note(&mut self, id: String, finding: String, count: u64) {
        self.0.entry(id).or_insert(Accepted { finding, count: 0 }).count += count;
    }

    pub(crate) fn extend(&mut self, other: Self) {
        for (id, Accepted { finding, count }) in other.0 {
            self.note(id, finding, count);
        }
    }

    /// How many ids there are.
    pub(crate) fn len(&self) -> u64 {
        self.0.len() as u64
    }

    /// How many findings that are.
    pub(crate) fn total(&self) -> u64 {
        self.0.values().map(|accepted| accepted.count).sum()
    }

    /// The form of its file.
    pub(crate) fn to_json(&self) -> anyhow::Result<Vec<u8>> {
        let entry = |(id, accepted): (&String, &Accepted)| Entry {
            id: id.clone(),
            check: check_of(id).to_owned(),
            finding: accepted.finding.clone(),
            count: accepted.count,
        };
        let file = File { version: VERSION, findings: self.0.iter().map(entry).collect() };
        let mut text = serde_json::to_vec_pretty(&file)?;
        text.push(b'\n');
        Ok(text)
    }
}

/// The check that a finding's id names.
fn check_of(id: &str) -> &str {
    id.split(':').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(text: &str) -> Result<Baseline, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("baseline.json");
        std::fs::write(&path, text).unwrap();
        Baseline::load(&path)
            .map_err(|err| format!("{:#}", anyhow::Error::from(err)).replace(path.to_str().unwrap(), "FILE"))
    }

    #[test]
    fn a_baseline_is_read_as_it_was_written() {
        let mut baseline = Baseline::default();
        for (id, count) in [("b:2", 1), ("a:1", 1), ("b:2", 2)] {
            baseline.note(id.to_owned(), format!("what {id} is"), count);
        }
        assert_eq!((baseline.count("b:2"), baseline.count("a:1"), baseline.count("a:2")), (3, 1, 0));
        assert_eq!((baseline.of_check("b").count(), baseline.total()), (1, 4));
        let text = String::from_utf8(baseline.to_json().unwrap()).unwrap();
        insta::assert_snapshot!(text, @r#"
        {
          "version": 1,
          "findings": [
            {
              "id": "a:1",
              "check": "a",
              "finding": "what a:1 is"
            },
            {
              "id": "b:2",
              "check": "b",
              "finding": "what b:2 is",
              "count": 3
            }
          ]
        }
        "#);
        assert_eq!(loaded(&text), Ok(baseline));
    }

    #[test]
    fn what_is_no_baseline_is_refused() {
        let err = |text: &str| loaded(text).unwrap_err();
        assert!(err("").starts_with("`FILE` is not a baseline: EOF"), "{}", err(""));
        assert!(err(r#"{"version":1,"checks":[]}"#).contains("unknown field `checks`"));
        assert_eq!(
            err(r#"{"version":2,"findings":[]}"#),
            "`FILE` is not a baseline: its version is 2, and 1 is understood here"
        );
    }
}
