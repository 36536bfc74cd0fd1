//! All facts of a store: in memory as far as the budget goes, beyond it in files without a name, of which a
//! process that is killed leaves nothing.
//!
//! Facts lie in buckets by a hash of their trace, so that a bucket holds whole traces. Where there are more
//! than the budget holds, whole buckets go to disk, the last first, so that the others need not. Buckets are
//! grouped into as few shards as fit into the budget; relations within a trace are worked out when a bucket is
//! asked for, and kept where its rows are in memory.

use std::{
    collections::BTreeMap,
    io::{self, Read, Seek, SeekFrom, Write},
    ops::Range,
    panic::resume_unwind,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use super::{fact::Fact, fact_bytes, trace_bucket::TraceBucket};
use crate::base::{
    jobs::Jobs,
    temporary::{self, Temporary},
};

pub(crate) const BUCKETS: usize = 64;

/// Facts that a bucket holds before it makes room for its share of the budget at once. Room that is not used
/// costs no memory; a long list that has to grow costs twice its own.
const FEW: usize = 512;

/// A fact and its kin.
const ROW_BYTES: usize = size_of::<Fact>() + size_of::<super::trace_bucket::Relations>();

/// The facts of the rows that no known plan calls for.
#[derive(Debug)]
pub(crate) struct Facts {
    buckets: Vec<Mutex<Bucket>>,
    families: Vec<OnceLock<Arc<TraceBucket>>>,
    /// The families of the shard that is being asked about.
    shard: Mutex<BTreeMap<usize, Arc<TraceBucket>>>,
    /// Bytes in memory.
    held: AtomicUsize,
    /// Bytes to hold before facts go to disk.
    budget: usize,
    /// How many of the last buckets are on disk.
    on_disk: AtomicUsize,
    /// Buckets, or parts of them, that are worked on at a time.
    pub(crate) jobs: Jobs,
}

#[derive(Debug, Default)]
struct Bucket {
    held: Vec<Fact>,
    spilled: Option<Temporary>,
    rows: usize,
}

impl Bucket {
    /// `share` is how many facts fit into a bucket's part of the budget.
    fn add(&mut self, fact: Fact, share: usize) {
        self.rows += 1;
        if self.held.len() == self.held.capacity() && (FEW..share).contains(&self.held.len()) {
            self.held.reserve_exact(share - self.held.len());
        }
        self.held.push(fact);
    }
}

impl Facts {
    pub(crate) fn new(budget: usize, jobs: Jobs) -> Self {
        Self {
            buckets: (0..BUCKETS).map(|_| Mutex::default()).collect(),
            families: (0..BUCKETS).map(|_| OnceLock::new()).collect(),
            shard: Mutex::default(),
            held: AtomicUsize::new(0),
            budget,
            on_disk: AtomicUsize::new(0),
            jobs,
        }
    }

    /// Adds rows; fails only where the disk takes no more.
    pub(crate) fn extend(&self, facts: impl IntoIterator<Item = Fact>) -> io::Result<()> {
        let mut sorted: [Vec<Fact>; BUCKETS] = std::array::from_fn(|_| Vec::new());
        for fact in facts {
            sorted[bucket_of(fact.trace)].push(fact);
        }
        for (index, facts) in sorted.into_iter().enumerate().filter(|(_, facts)| !facts.is_empty()) {
            self.held.fetch_add(facts.len() * ROW_BYTES, Ordering::Relaxed);
            let mut bucket = self.bucket(index);
            let share = self.budget / BUCKETS / ROW_BYTES;
            for fact in facts {
                bucket.add(fact, share);
            }
            if index >= self.in_memory().end && bucket.held.len() >= FEW {
                self.spill(&mut bucket)?;
            }
        }
        self.shrink_to(self.budget)
    }

    /// Sends buckets to disk until no more than this is in memory.
    fn shrink_to(&self, bytes: usize) -> io::Result<()> {
        while self.held.load(Ordering::Relaxed) > bytes {
            let one_less = |on_disk: usize| (on_disk < BUCKETS).then_some(on_disk + 1);
            let Ok(before) = self.on_disk.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less) else {
                break;
            };
            self.spill(&mut self.bucket(BUCKETS - 1 - before))?;
        }
        Ok(())
    }

    /// No more facts come: makes room for those that are on disk, if any are.
    pub(crate) fn settle(&self) -> io::Result<()> {
        if self.on_disk.load(Ordering::Relaxed) > 0 { self.shrink_to(self.budget / 2) } else { Ok(()) }
    }

    fn in_memory(&self) -> Range<usize> {
        0..BUCKETS - self.on_disk.load(Ordering::Relaxed)
    }

    fn bucket(&self, index: usize) -> std::sync::MutexGuard<'_, Bucket> {
        self.buckets[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spill(&self, bucket: &mut Bucket) -> io::Result<()> {
        self.held.fetch_sub(bucket.held.len() * ROW_BYTES, Ordering::Relaxed);
        let file = match &mut bucket.spilled {
            Some(file) => file,
            none => none.insert(temporary::file()?),
        };
        let mut bytes = Vec::with_capacity(FEW * fact_bytes::LEN);
        for facts in bucket.held.chunks(FEW) {
            bytes.clear();
            for fact in facts {
                bytes.extend_from_slice(&fact_bytes::encode(fact));
            }
            file.write_all(&bytes)?;
        }
        bucket.held = Vec::new();
        Ok(())
    }

    /// Ranges of buckets that can be held at a time, all rows of a trace in one: what is in memory first.
    pub(crate) fn shards(&self) -> Vec<Range<usize>> {
        let in_memory = self.in_memory();
        let room = self.budget.saturating_sub(self.held.load(Ordering::Relaxed));
        let mut shards = vec![in_memory.clone()];
        // What is on disk begins a shard of its own.
        let mut bytes = room;
        for index in in_memory.end..BUCKETS {
            let more = self.bucket(index).rows * ROW_BYTES;
            match shards.last_mut() {
                Some(shard) if bytes + more <= room => shard.end = index + 1,
                _ => {
                    shards.push(index..index + 1);
                    bytes = 0;
                }
            }
            bytes += more;
        }
        shards.retain(|shard| !shard.is_empty());
        shards
    }

    /// All buckets.
    pub(crate) const ALL: Range<usize> = 0..BUCKETS;

    /// Keeps the families of one shard at hand, in place of those of the last.
    pub(crate) fn hold(&self, buckets: Range<usize>) -> io::Result<()> {
        self.shard.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let families = Mutex::new(BTreeMap::new());
        self.each(buckets, |index, family| {
            families.lock().unwrap_or_else(PoisonError::into_inner).insert(index, family);
        })?;
        let families = families.into_inner().unwrap_or_else(PoisonError::into_inner);
        *self.shard.lock().unwrap_or_else(PoisonError::into_inner) = families;
        Ok(())
    }

    /// Calls `look` with each of these buckets' families, in no order and side by side.
    pub(crate) fn each(
        &self,
        buckets: Range<usize>,
        look: impl Fn(usize, Arc<TraceBucket>) + Sync,
    ) -> io::Result<()> {
        let next = AtomicUsize::new(buckets.start);
        let work = || -> io::Result<()> {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= buckets.end {
                    return Ok(());
                }
                look(index, self.family(index)?);
            }
        };
        thread::scope(|scope| {
            let others: Vec<_> = (1..self.jobs.get()).map(|_| scope.spawn(work)).collect();
            let mine = work();
            let theirs =
                others.into_iter().map(|other| other.join().unwrap_or_else(|panic| resume_unwind(panic)));
            theirs.fold(mine, io::Result::and)
        })
    }

    /// A bucket's rows with their relations; kept where all of it is in memory anyway.
    pub(crate) fn family(&self, index: usize) -> io::Result<Arc<TraceBucket>> {
        if let Some(family) = self.families[index].get() {
            return Ok(Arc::clone(family));
        }
        if let Some(family) = self.shard.lock().unwrap_or_else(PoisonError::into_inner).get(&index) {
            return Ok(Arc::clone(family));
        }
        let mut bucket = self.bucket(index);
        let Bucket { held, spilled, rows } = &mut *bucket;
        let Some(file) = spilled else {
            let family = || Arc::new(TraceBucket::of(std::mem::take(held)));
            return Ok(Arc::clone(self.families[index].get_or_init(family)));
        };
        let mut facts = Vec::with_capacity(*rows);
        read_facts(file, &mut facts)?;
        facts.extend_from_slice(held);
        Ok(Arc::new(TraceBucket::of(facts)))
    }
}

fn read_facts(file: &mut Temporary, facts: &mut Vec<Fact>) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    let mut reader = io::BufReader::with_capacity(1 << 18, &mut *file);
    let mut bytes = [0; fact_bytes::LEN];
    loop {
        match reader.read_exact(&mut bytes) {
            Ok(()) => facts.push(fact_bytes::decode(&bytes)),
            Err(err) if err.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(err) => return Err(err),
        }
    }
    file.seek(SeekFrom::End(0)).map(drop)
}

pub(crate) fn bucket_of(trace: u128) -> usize {
    let mixed = (trace as u64 ^ (trace >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 58) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::{
        fact::{Id, Marks},
        interner::Symbol,
        junjo::Execution,
        malformed_ids::IdForm,
    };

    fn fact(trace: u128, span: u64, parent: u64, row_number: u32) -> Fact {
        let form = |id: Id, form: IdForm| form.bits() << (8 + 2 * id as u32);
        let parented = if parent == 0 { form(Id::Parent, IdForm::Null) } else { 0 };
        Fact {
            trace,
            span,
            parent,
            start_time: 1,
            end_time: 2,
            duration: 1,
            content: 7,
            execution: Execution::default(),
            run: Fact::NO_RUN,
            file: Symbol(0),
            row_number,
            service: Symbol(1),
            resource_service: Symbol::NONE,
            tagged_service: Symbol::NONE,
            instance: Symbol::NONE,
            marks: Marks::from_bits(parented.into()),
        }
    }

    fn all(facts: &Facts) -> Vec<Fact> {
        let mut all: Vec<Fact> =
            Facts::ALL.flat_map(|index| facts.family(index).unwrap().facts.clone()).collect();
        all.sort_by_key(|fact| fact.row_number);
        all
    }

    #[test]
    fn what_goes_to_disk_comes_back_and_traces_stay_whole() {
        let rows: Vec<Fact> =
            (0..4_000).map(|row| fact(u128::from(row / 7) + 1, u64::from(row) + 1, 0, row)).collect();
        let (roomy, tight) = (Facts::new(1 << 30, Jobs::default()), Facts::new(1 << 16, Jobs::default()));
        for chunk in rows.chunks(100) {
            roomy.extend(chunk.iter().copied()).unwrap();
            tight.extend(chunk.iter().copied()).unwrap();
        }
        let on_disk = |facts: &Facts| facts.on_disk.load(Ordering::Relaxed);
        assert!(on_disk(&tight) > 0 && on_disk(&roomy) == 0);
        assert_eq!((roomy.shards().len(), tight.shards().len() > 4), (1, true));
        assert_eq!(all(&tight), rows);
        assert_eq!(all(&roomy), rows);
        let traces =
            |facts: &Facts| Facts::ALL.map(|index| facts.family(index).unwrap().traces.len()).sum::<usize>();
        assert_eq!((traces(&tight), traces(&roomy)), (572, 572));
    }

    #[test]
    fn parents_copies_and_cycles_are_found_within_a_trace() {
        // 1 is a root with a copy; 2 its child; 3 and 4 parents of each other; 5 its own; 6 has a parent elsewhere.
        let rows = [(1, 0), (1, 0), (2, 1), (3, 4), (4, 3), (5, 5), (6, 9)];
        let mut facts: Vec<Fact> =
            (0..).zip(rows).map(|(row, (span, parent))| fact(1, span, parent, row)).collect();
        facts[1].content = 8;
        facts.push(fact(2, 9, 0, 7));
        let family = TraceBucket::of(facts);
        let kin = |row: u32| family.kin[family.facts.iter().position(|fact| fact.row_number == row).unwrap()];
        assert_eq!((kin(0).first_copy, kin(1).first_copy, kin(1).last_copy), (0, 0, 1));
        assert!(kin(0).conflicting && kin(1).conflicting && !kin(2).conflicting);
        assert_eq!(family.facts[kin(2).parent as usize].row_number, 0);
        assert!(kin(3).in_cycle && kin(4).in_cycle && !kin(5).in_cycle && !kin(2).in_cycle);
        assert_eq!(kin(6).parent, super::super::trace_bucket::Relations::NONE);
        let trace = family.traces[0];
        assert_eq!((trace.rows, trace.spans, trace.roots, trace.absent_unknown), (7, 6, 1, 1));
        assert!(trace.has_cycle && !family.traces[1].has_cycle);
    }
}
