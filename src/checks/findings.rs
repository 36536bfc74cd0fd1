//! What a check returned: all of it counted, the first rows kept, each with its id.

use std::{collections::BTreeMap, sync::Arc};

use datafusion::arrow::{
    array::{ArrayRef, RecordBatch},
    compute::SortOptions,
    datatypes::{Schema, SchemaRef},
    error::ArrowError,
};

use super::{
    baseline::Baseline,
    finding_id::{Identity, finding_id},
    sample::Sample,
};

/// Findings that are kept of each check, unless more are asked for.
pub(crate) const KEPT: usize = 1_000;

/// How much of a check's findings is kept, and which of them were accepted before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SampleLimits<'a> {
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
    /// The first that are not accepted, in the check's order.
    pub(crate) samples: Vec<RecordBatch>,
    /// The ids of the samples, in their order.
    pub(crate) ids: Vec<String>,
    /// How often each of a baseline's findings occurred.
    pub(crate) met: BTreeMap<(String, u128), u64>,
    /// All of them, where [`SampleLimits::all_ids`] asks for it.
    pub(crate) noted: Baseline,
}

impl Findings {
    pub(crate) fn fresh(&self) -> u64 {
        self.total - self.accepted
    }
}

/// Takes a check's rows, batch by batch and in any order.
pub(crate) struct Collector<'a> {
    check: String,
    keeping: SampleLimits<'a>,
    identity: Identity,
    sample: Sample,
    findings: Findings,
}

impl<'a> Collector<'a> {
    /// Of batches with this schema, the last columns of which are what their rows are sorted by.
    pub(crate) fn new(
        check: &str,
        schema: &SchemaRef,
        order: &[SortOptions],
        keeping: SampleLimits<'a>,
    ) -> Result<Self, ArrowError> {
        let (columns, keys) = schema.fields().split_at(schema.fields().len() - order.len());
        let columns = Arc::new(Schema::new(columns));
        let keys: Vec<_> =
            keys.iter().map(|key| key.data_type().clone()).zip(order.iter().copied()).collect();
        Ok(Self {
            check: check.to_owned(),
            keeping,
            identity: Identity::of(&columns),
            sample: Sample::new(keeping.samples, &columns, &keys)?,
            findings: Findings {
                total: 0,
                accepted: 0,
                schema: columns,
                samples: Vec::new(),
                ids: Vec::new(),
                met: BTreeMap::new(),
                noted: Baseline::default(),
            },
        })
    }

    pub(crate) fn add(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        self.findings.total += batch.num_rows() as u64;
        let (columns, keys) = batch.columns().split_at(self.findings.schema.fields().len());
        let rows = RecordBatch::try_new(Arc::clone(&self.findings.schema), columns.to_vec())?;
        // Without a baseline nobody asks for the ids of rows that are not kept.
        if self.keeping.baseline.is_some() || self.keeping.all_ids {
            self.add_known(&rows, keys)
        } else {
            let candidates = self.sample.candidates(keys, 0..rows.num_rows())?;
            let about = self.identity.read(&rows, candidates.iter().copied())?;
            let ids = about.iter().map(|about| finding_id(&self.check, about)).collect();
            self.sample.add(&rows, keys, &candidates, ids)
        }
    }

    /// Looks at the id of each row.
    fn add_known(&mut self, rows: &RecordBatch, keys: &[ArrayRef]) -> Result<(), ArrowError> {
        let mut fresh = BTreeMap::new();
        let values = self.identity.values(rows)?;
        for (row, about) in self.identity.read(rows, 0..rows.num_rows())?.into_iter().enumerate() {
            let id = finding_id(&self.check, &about);
            if self.keeping.all_ids {
                self.findings.noted.note(id.clone(), values[row], || shown(&about), 1);
            }
            if self.accepts(&id, values[row]) {
                self.findings.accepted += 1;
            } else {
                fresh.insert(row, id);
            }
        }
        let candidates = self.sample.candidates(keys, fresh.keys().copied())?;
        let ids = candidates.iter().filter_map(|row| fresh.remove(row)).collect();
        self.sample.add(rows, keys, &candidates, ids)
    }

    pub(crate) fn finish(self) -> Result<Findings, ArrowError> {
        let Self { sample, mut findings, .. } = self;
        (findings.samples, findings.ids) = sample.finish(&findings.schema)?;
        Ok(findings)
    }

    fn accepts(&mut self, id: &str, values: u128) -> bool {
        let accepted = self.keeping.baseline.map_or(0, |baseline| baseline.count(id, values));
        if accepted == 0 {
            return false;
        }
        let met = self.findings.met.entry((id.to_owned(), values)).or_default();
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
    use datafusion::arrow::array::{Array, StringArray};

    use super::*;

    fn collected(keeping: SampleLimits<'_>, batches: &[&[&str]]) -> Findings {
        // Sorted by the file, which is there a second time for that.
        let sorted = |files: &[&str]| {
            let files: ArrayRef = Arc::new(StringArray::from(files.to_vec()));
            RecordBatch::try_from_iter([("file", Arc::clone(&files)), ("order", files)]).unwrap()
        };
        let order = [SortOptions::default()];
        let mut collector = Collector::new("check", &sorted(&[]).schema(), &order, keeping).unwrap();
        for files in batches {
            collector.add(&sorted(files)).unwrap();
        }
        collector.finish().unwrap()
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
        let keeping = SampleLimits { samples: 3, baseline: None, all_ids: false };
        let findings = collected(keeping, &[&["e", "b"], &["d", "a"], &["c"]]);
        assert_eq!((findings.total, findings.fresh()), (5, 5));
        assert_eq!(kept(&findings), ["a", "b", "c"]);
        assert_eq!(findings.ids.len(), 3);
        assert_eq!(findings.noted, Baseline::default());
    }

    #[test]
    fn what_a_baseline_accepts_is_counted_and_leaves_room_for_the_rest() {
        let all = SampleLimits { samples: 0, baseline: None, all_ids: true };
        let baseline = collected(all, &[&["a", "b"], &["b", "gone"]]).noted;
        assert_eq!(baseline.total(), 4);

        let keeping = SampleLimits { samples: 2, baseline: Some(&baseline), all_ids: true };
        let findings = collected(keeping, &[&["a", "x", "b"], &["b", "b", "y"]]);
        assert_eq!((findings.total, findings.accepted, findings.fresh()), (6, 3, 3));
        assert_eq!(kept(&findings), ["b", "x"], "a third `b` is one more than was accepted");
        assert_eq!(findings.met.values().sum::<u64>(), 4);
        assert_eq!(findings.noted.total(), 6, "a baseline that is written holds all");
    }
}
