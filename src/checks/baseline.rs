//! Findings that were looked at once and accepted.
//!
//! A baseline is a file of finding ids with digests of their values, each with how often it occurred: what has other
//! values, or occurs more often than that, is new again. It accepts nothing that is not in it, and what is in it and no longer found is stale.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    path::Path,
};

use serde::{Deserialize, Serialize};

use crate::{
    base::{problem::Problem, regular},
    text::shell,
};

const VERSION: u32 = 2;

/// A baseline accepts findings that somebody looked at. More than these are damage, which memory need not hold.
const MOST: usize = 250_000;

/// Accepted findings by their ids and the digests of their values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Baseline {
    findings: BTreeMap<(String, u128), Accepted>,
    /// Findings that are not in it, since it holds as many as it may.
    left_out: u64,
}

/// One of a baseline's findings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Accepted {
    /// What it is about, for people.
    pub(crate) finding: String,
    /// Of several findings with the same id, how many.
    pub(crate) count: u64,
}

/// What is read of a file of any version.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    findings: Vec<FileEntry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileEntry {
    id: String,
    check: String,
    finding: String,
    /// The digest of what it says beside what it is about, in hex.
    values: String,
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
        let found: Version = serde_json::from_slice(&text).map_err(|err| unknown().caused_by(err))?;
        if found.version < VERSION {
            let what = format!(
                "baseline `{}` has version {}: since version {VERSION}, ids are longer and a finding is accepted with its \
                 values alone",
                path.display(),
                found.version
            );
            let hint = format!(
                "write it anew: `e2e-store audit --write-baseline {}`",
                shell::quote(&path.display().to_string())
            );
            return Err(Problem::new(what, hint));
        }
        if found.version > VERSION {
            let why = format!("its version is {}, and {VERSION} is understood here", found.version);
            return Err(unknown().caused_by(why));
        }
        let file: File = serde_json::from_slice(&text).map_err(|err| unknown().caused_by(err))?;
        let mut baseline = Self::default();
        for FileEntry { id, finding, values, count, .. } in file.findings {
            let values = u128::from_str_radix(&values, 16)
                .map_err(|err| unknown().caused_by(format!("values `{values}` of `{id}`: {err}")))?;
            baseline.note(id, values, || finding, count);
        }
        Ok(baseline)
    }

    /// How often a finding is accepted with such values.
    pub(crate) fn count(&self, id: &str, values: u128) -> u64 {
        self.findings.get(&(id.to_owned(), values)).map_or(0, |accepted| accepted.count)
    }

    /// A check's findings by their ids and values, in order.
    pub(crate) fn of_check(&self, check: &str) -> impl Iterator<Item = (&(String, u128), &Accepted)> {
        self.findings.iter().filter(move |((id, _), _)| check_of(id) == check)
    }

    /// Adds so many findings with the same id and values.
    pub(crate) fn note(&mut self, id: String, values: u128, finding: impl FnOnce() -> String, count: u64) {
        let full = self.findings.len() >= MOST;
        match self.findings.entry((id, values)) {
            Entry::Occupied(known) => known.into_mut().count += count,
            Entry::Vacant(_) if full => self.left_out += count,
            Entry::Vacant(new) => drop(new.insert(Accepted { finding: finding(), count })),
        }
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.left_out += other.left_out;
        for ((id, values), Accepted { finding, count }) in other.findings {
            self.note(id, values, || finding, count);
        }
    }

    /// How many different findings there are.
    pub(crate) fn len(&self) -> u64 {
        self.findings.len() as u64
    }

    /// How many findings that are.
    pub(crate) fn total(&self) -> u64 {
        self.findings.values().map(|accepted| accepted.count).sum()
    }

    /// The form of its file; an error where there are more findings than it may hold.
    pub(crate) fn to_json(&self) -> anyhow::Result<Vec<u8>> {
        if self.left_out > 0 {
            let what = format!("{} findings are too many for a baseline", self.total() + self.left_out);
            let hint = format!("a baseline holds {MOST} at most: `--only` or `--skip` choose the checks");
            return Err(Problem::new(what, hint).into());
        }
        let entry = |((id, values), accepted): (&(String, u128), &Accepted)| FileEntry {
            id: id.clone(),
            check: check_of(id).to_owned(),
            finding: accepted.finding.clone(),
            values: format!("{values:032x}"),
            count: accepted.count,
        };
        let file = File { version: VERSION, findings: self.findings.iter().map(entry).collect() };
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
            baseline.note(id.to_owned(), 7, || format!("what {id} is"), count);
        }
        assert_eq!((baseline.count("b:2", 7), baseline.count("a:1", 7), baseline.count("a:2", 7)), (3, 1, 0));
        assert_eq!(baseline.count("b:2", 8), 0);
        assert_eq!((baseline.of_check("b").count(), baseline.total()), (1, 4));
        let text = String::from_utf8(baseline.to_json().unwrap()).unwrap();
        insta::assert_snapshot!(text, @r#"
        {
          "version": 2,
          "findings": [
            {
              "id": "a:1",
              "check": "a",
              "finding": "what a:1 is",
              "values": "00000000000000000000000000000007"
            },
            {
              "id": "b:2",
              "check": "b",
              "finding": "what b:2 is",
              "values": "00000000000000000000000000000007",
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
        assert!(err(r#"{"version":2,"checks":[]}"#).contains("unknown field `checks`"));
        assert_eq!(
            err(r#"{"version":3,"findings":[]}"#),
            "`FILE` is not a baseline: its version is 3, and 2 is understood here"
        );
        assert!(err(r#"{"version":1,"findings":[]}"#).starts_with("baseline `FILE` has version 1: since"));
    }
}
