//! What a check returned: all of it counted, the first rows kept, each with its id.

use std::collections::BTreeMap;

use datafusion::arrow::{
    array::{RecordBatch, UInt64Array},
    compute::take_record_batch,
    datatypes::SchemaRef,
    error::ArrowError,
};

use super::{
    baseline::Baseline,
    finding_id::{Identity, finding_id},
};

/// Findings that are kept of each check, unless more are asked for.
pub(crate) const KEPT: usize = 1_000;

/// How much of a check's findings is kept, and which of them were accepted before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keeping<'a> {
    /// So many of those that are not accepted, with all that they say.
    pub(crate) samples: usize,
    pub(crate) baseline: Option<&'a Baseline>,
    /// The ids of all, for a baseline that is to be written.
    pub(crate) all_ids: bool,
}

/// All findings counted, the first few kept.
#[derive(Debug, Clone)]
pub(crate) struct Findings {
    pub(crate) total: u64,
    /// Of them, those that a baseline accepts.
    pub(crate) accepted: u64,
    pub(crate) schema: SchemaRef,
    /// The first that are not accepted.
    pub(crate) samples: Vec<RecordBatch>,
    /// The ids of the samples, in their order.
    pub(crate) ids: Vec<String>,
    /// How often each of a baseline's findings occurred.
    pub(crate) met: BTreeMap<String, u64>,
    /// All of them, where [`Keeping::all_ids`] asks for it.
    pub(crate) noted: Baseline,
}

impl Findings {
    pub(crate) fn fresh(&self) -> u64 {
        self.total - self.accepted
    }
}

/// Takes a check's rows, batch by batch.
pub(crate) struct Collector<'a> {
    check: String,
    keeping: Keeping<'a>,
    identity: Identity,
    findings: Findings,
}

impl<'a> Collector<'a> {
    pub(crate) fn new(check: &str, schema: SchemaRef, keeping: Keeping<'a>) -> Self {
        Self {
            check: check.to_owned(),
            keeping,
            identity: Identity::of(&schema),
            findings: Findings {
                total: 0,
                accepted: 0,
                schema,
                samples: Vec::new(),
                ids: Vec::new(),
                met: BTreeMap::new(),
                noted: Baseline::default(),
            },
        }
    }

    pub(crate) fn add(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        self.findings.total += batch.num_rows() as u64;
        let room = self.keeping.samples - self.findings.ids.len();
        // Without a baseline nobody asks for the ids of rows that are not kept.
        let looked_at = if self.keeping.baseline.is_some() || self.keeping.all_ids {
            batch.num_rows()
        } else {
            room.min(batch.num_rows())
        };
        let mut kept = Vec::new();
        for (row, about) in self.identity.read(batch, 0..looked_at)?.into_iter().enumerate() {
            let id = finding_id(&self.check, &about);
            if self.keeping.all_ids {
                self.findings.noted.note(id.clone(), shown(&about), 1);
            }
            if self.accepts(&id) {
                self.findings.accepted += 1;
            } else if kept.len() < room {
                kept.push(row as u64);
                self.findings.ids.push(id);
            }
        }
        if kept.len() == batch.num_rows() && !kept.is_empty() {
            self.findings.samples.push(batch.clone());
        } else if !kept.is_empty() {
            // A copy: a slice would hold on to the whole batch.
            self.findings.samples.push(take_record_batch(batch, &UInt64Array::from(kept))?);
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Findings {
        self.findings
    }

    fn accepts(&mut self, id: &str) -> bool {
        let accepted = self.keeping.baseline.map_or(0, |baseline| baseline.count(id));
        if accepted == 0 {
            return false;
        }
        let met = self.findings.met.entry(id.to_owned()).or_default();
        *met += 1;
        *met <= accepted
    }
}

/// What a finding is about, in a line.
fn shown(about: &[(String, String)]) -> String {
    let pairs = about.iter().map(|(name, value)| format!("{name}={value}"));
    pairs.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{Array, StringArray};

    use super::*;

    fn batch(files: &[&str]) -> RecordBatch {
        let files = Arc::new(StringArray::from(files.to_vec()));
        RecordBatch::try_from_iter([("file", files as _)]).unwrap()
    }

    fn collected(keeping: Keeping<'_>, batches: &[&[&str]]) -> Findings {
        let mut collector = Collector::new("check", batch(&[]).schema(), keeping);
        for files in batches {
            collector.add(&batch(files)).unwrap();
        }
        collector.finish()
    }

    fn kept(findings: &Findings) -> Vec<String> {
        let rows = findings.samples.iter().flat_map(|batch| {
            let files = batch.column(0).as_any().downcast_ref::<StringArray>().unwrap().clone();
            (0..files.len()).map(move |row| files.value(row).to_owned())
        });
        rows.collect()
    }

    #[test]
    fn all_are_counted_and_the_first_are_kept_with_their_ids() {
        let keeping = Keeping { samples: 3, baseline: None, all_ids: false };
        let findings = collected(keeping, &[&["a", "b"], &["c", "d"], &["e"]]);
        assert_eq!((findings.total, findings.fresh()), (5, 5));
        assert_eq!(kept(&findings), ["a", "b", "c"]);
        assert_eq!(findings.ids.len(), 3);
        assert_eq!(findings.noted, Baseline::default());
    }

    #[test]
    fn what_a_baseline_accepts_is_counted_and_leaves_room_for_the_rest() {
        let all = Keeping { samples: 0, baseline: None, all_ids: true };
        let baseline = collected(all, &[&["a", "b"], &["b", "gone"]]).noted;
        assert_eq!(baseline.total(), 4);

        let keeping = Keeping { samples: 2, baseline: Some(&baseline), all_ids: true };
        let findings = collected(keeping, &[&["a", "x", "b"], &["b", "b", "y"]]);
        assert_eq!((findings.total, findings.accepted, findings.fresh()), (6, 3, 3));
        assert_eq!(kept(&findings), ["x", "b"], "a third `b` is one more than was accepted");
        assert_eq!(findings.met.values().sum::<u64>(), 4);
        assert_eq!(findings.noted.total(), 6, "a baseline that is written holds all");
    }
}
