//! Where the sweep puts what it notes: shared by its workers, bounded in memory.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use datafusion::error::Result;

use super::{
    claim::KnownRuns,
    contested::{ContestedRow, ContestedRows},
    differing::{DifferingRow, DifferingRows},
    disk_map::DiskMap,
    encode,
    evidence::{Address, StoredDifference},
    fact::Fact,
    facts::Facts,
    hidden_rows::{self, HiddenRow},
    interner::{Interner, Symbol},
    judgement::RowCounts,
    junjo::records::Records,
    malformed_ids::MalformedIds,
    spool::Spool,
    unplannable::{self, Stray},
};
use crate::{base::memory::Budget, contract::loss::Losses, traffic::ids::RunId};

/// What the rows of one file, or of a part of it, said.
#[derive(Debug, Default)]
pub(crate) struct FileOutput {
    pub(crate) facts: Vec<Fact>,
    pub(crate) differences: Vec<StoredDifference>,
    pub(crate) strays: Vec<Stray>,
    pub(crate) differing: Vec<DifferingRow>,
    pub(crate) contested: Vec<ContestedRow>,
    pub(crate) hidden_rows: Vec<HiddenRow>,
    pub(crate) rows: RowCounts,
    pub(crate) losses: Losses,
}

/// The notes of all files.
#[derive(Debug)]
pub(crate) struct SweepOutput {
    pub(crate) names: Arc<Interner>,
    pub(crate) odd: Arc<MalformedIds>,
    pub(crate) facts: Arc<Facts>,
    /// Rows with telemetry of Junjo's, among those of the facts; none where nobody asks for them.
    pub(crate) records: Option<Arc<Records>>,
    pub(crate) differences: Arc<Spool>,
    pub(crate) strays: Arc<Spool>,
    pub(crate) hidden_rows: Arc<Spool>,
    /// Rows of recorded runs.
    pub(crate) differing: Arc<DifferingRows>,
    contested: ContestedRows,
    /// By file and row: a digest of what is not as planned there.
    alterations: Mutex<DiskMap>,
    state: Mutex<State>,
}

/// What is kept in memory whatever its size: it grows with what is wrong, and with the variety of resources.
#[derive(Debug, Default)]
struct State {
    rows: RowCounts,
    losses: Losses,
    tagged: u64,
    /// Runs that trace ids name and nobody knows.
    strange_runs: BTreeSet<RunId>,
    resources: HashMap<ResourceKey, ResourceRows>,
    /// The spans of segments that no plan calls for, and those of them that were met in a cold file.
    in_segments: HashSet<(u128, u64)>,
    in_both: HashSet<(u128, u64)>,
}

/// The parts of a resource that tell whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ResourceKey {
    pub(crate) service: Symbol,
    pub(crate) resource_service: Symbol,
    pub(crate) instance: Symbol,
}

/// How many rows have a resource, and one of them: the first by file and row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResourceRows {
    pub(crate) rows: u64,
    pub(crate) file: Symbol,
    pub(crate) row_number: u32,
    pub(crate) in_wal: bool,
}

impl SweepOutput {
    pub(crate) fn new(budget: Budget, keeps_records: bool) -> Self {
        Self {
            names: Arc::default(),
            odd: Arc::new(MalformedIds::new(budget.notes / 2)),
            facts: Arc::new(Facts::new(budget.facts, budget.jobs)),
            records: keeps_records.then(|| Arc::new(Records::new(budget.notes))),
            differences: Arc::new(Spool::new(encode::differences_schema(), budget.notes)),
            strays: Arc::new(Spool::new(unplannable::schema(), budget.notes / 4)),
            hidden_rows: Arc::new(Spool::new(hidden_rows::schema(), budget.notes / 4)),
            differing: Arc::new(DifferingRows::new(budget.notes)),
            contested: ContestedRows::new(budget.notes / 4),
            alterations: Mutex::new(DiskMap::new(budget.notes / 4)),
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what `notes` hold, and empties them.
    pub(crate) fn take(&self, notes: &mut FileOutput) -> Result<()> {
        self.note(notes);
        self.note_alterations(&notes.differences)?;
        self.differences.push(encode::differences(&notes.differences)?)?;
        self.strays.push(unplannable::batch(&notes.strays)?)?;
        self.hidden_rows.push(hidden_rows::batch(&notes.hidden_rows)?)?;
        self.differing.push(&notes.differing)?;
        self.contested.push(&notes.contested)?;
        self.facts.extend(notes.facts.drain(..))?;
        *notes = FileOutput::default();
        Ok(())
    }

    /// After all files: counts the rows for which several spans were in question.
    pub(crate) fn settle(&self, runs: &KnownRuns) -> Result<()> {
        self.contested.settle(runs, |row, in_scope| {
            let mut rows = RowCounts::default();
            if in_scope {
                rows.differing = 1;
                self.differing.push(&[row])?;
            } else {
                rows.out_of_scope = 1;
            }
            self.state().rows += rows;
            Ok(())
        })
    }

    fn note(&self, notes: &FileOutput) {
        let mut state = self.state();
        state.rows += notes.rows;
        state.losses += notes.losses;
        for fact in &notes.facts {
            state.tagged += u64::from(fact.tagged_service != Symbol::NONE);
            if fact.run != Fact::NO_RUN {
                state.strange_runs.insert(RunId::from_bits(fact.run));
            }
            state.note_resource(fact);
            let id = (fact.trace, fact.span);
            if !state.in_segments.is_empty() && !fact.in_wal() && state.in_segments.contains(&id) {
                state.in_both.insert(id);
            }
        }
    }

    /// Adds differences that were found beside the sweep.
    pub(crate) fn explain(&self, differences: &[StoredDifference]) -> Result<()> {
        self.note_alterations(differences)?;
        self.differences.push(encode::differences(differences)?)
    }

    /// Rows that were taken for differing are as planned.
    pub(crate) fn acquit(&self, rows: u64) {
        let counts = &mut self.state().rows;
        counts.differing -= rows;
        counts.as_planned += rows;
    }

    /// Remembers a digest of each row's differences, which come one behind the other.
    fn note_alterations(&self, differences: &[StoredDifference]) -> io::Result<()> {
        let mut alterations = self.alterations.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = differences.chunk_by(|one, next| one.address == next.address);
        for row in rows {
            let digest = row.iter().fold(0, |digest: u64, found| {
                let mut hasher = DefaultHasher::new();
                let difference = found.difference.as_ref();
                let difference = difference.map(|found| (found.column, &found.key, &found.actual));
                (digest, difference, found.of_row).hash(&mut hasher);
                hasher.finish()
            });
            let Address { file, row_number, .. } = &row[0].address;
            alterations.insert(place(self.names.name(file), *row_number), digest.into())?;
        }
        Ok(())
    }

    /// Remembers the spans of a segment, so that those are known which a cold file has, too.
    pub(crate) fn watch(&self, facts: &[Fact]) {
        self.state().in_segments.extend(facts.iter().map(|fact| (fact.trace, fact.span)));
    }

    /// Whether a cold file that was read since [`Self::watch`] has one of these spans.
    pub(crate) fn overlap(&self, facts: &[Fact]) -> bool {
        let state = self.state();
        !state.in_both.is_empty() && facts.iter().any(|fact| state.in_both.contains(&(fact.trace, fact.span)))
    }

    pub(crate) fn rows(&self) -> RowCounts {
        self.state().rows
    }

    pub(crate) fn losses(&self) -> Losses {
        self.state().losses
    }

    /// Rows that no known plan calls for and that say who sent them.
    pub(crate) fn tagged_facts(&self) -> u64 {
        self.state().tagged
    }

    /// Runs that stored rows are of and whose folder is not at hand.
    pub(crate) fn strange_runs(&self) -> BTreeSet<RunId> {
        self.state().strange_runs.clone()
    }

    /// The resources of rows that no known plan calls for, by their names' numbers.
    pub(crate) fn resources(&self) -> Vec<(ResourceKey, ResourceRows)> {
        let mut resources: Vec<_> = self.state().resources.iter().map(|(key, rows)| (*key, *rows)).collect();
        resources.sort_by_key(|(key, _)| *key);
        resources
    }

    /// A digest of what of a planned row is not as planned; none where all of it is.
    pub(crate) fn alteration(&self, file: &str, row_number: u64) -> io::Result<Option<u64>> {
        let mut alterations = self.alterations.lock().unwrap_or_else(PoisonError::into_inner);
        let digest = alterations.get(place(self.names.name(file), row_number))?;
        Ok(digest.map(|digest| digest as u64))
    }
}

/// A row of a file as a number; rows of a file are neighbours.
fn place(file: Symbol, row_number: u64) -> u128 {
    u128::from(file.0) << 64 | u128::from(row_number)
}

impl State {
    fn note_resource(&mut self, fact: &Fact) {
        let key = ResourceKey {
            service: fact.service,
            resource_service: fact.resource_service,
            instance: fact.instance,
        };
        let here =
            ResourceRows { rows: 0, file: fact.file, row_number: fact.row_number, in_wal: fact.in_wal() };
        let known = self.resources.entry(key).or_insert(here);
        known.rows += 1;
        if (here.file, here.row_number) < (known.file, known.row_number) {
            *known = ResourceRows { rows: known.rows, ..here };
        }
    }
}
