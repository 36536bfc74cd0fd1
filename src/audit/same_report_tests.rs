//! A store has one report: neither memory nor jobs decide what is found, which samples are kept, or in what order.

use std::{num::NonZeroUsize, time::Duration};

use rand::{SeedableRng, rngs::StdRng};

use super::random_tests::{Written, damages, write_damaged};
use crate::{
    base::{clock::unix_nanos, memory::Memory},
    testing::findings_json,
};

/// The lines of a report in which it differs from another.
fn differences(one: &str, other: &str) -> Vec<String> {
    let lines = one.lines().zip(other.lines()).filter(|(one, other)| one != other);
    let mut differences: Vec<_> = lines.take(5).map(|(one, other)| format!("{one} | {other}")).collect();
    if differences.is_empty() && one != other {
        differences.push(format!("{} and {} bytes", one.len(), other.len()));
    }
    differences
}

async fn report(written: &Written, run: &str, samples: usize, memory: Memory) -> String {
    format!("{:#}", findings_json(&written.audit_with(run, memory, samples).await))
}

#[tokio::test]
async fn a_report_depends_neither_on_memory_nor_on_jobs() {
    let jobs = |jobs: usize| Memory::default().with_jobs(NonZeroUsize::new(jobs));
    let others =
        [("4 jobs", jobs(4)), ("tight", jobs(1).spilling(1 << 15)), ("tighter", jobs(4).spilling(1 << 13))];
    let since = unix_nanos() - Duration::from_hours(3).as_nanos() as u64;
    for seed in 0..damages(8) {
        let written = write_damaged(since, &mut StdRng::seed_from_u64(seed ^ 0x0e0e_0e00));
        for (run, samples) in [("all", 3), ("none", 3), ("none", 1_000)] {
            let first = report(&written, run, samples, jobs(1)).await;
            for (name, memory) in others {
                let other = report(&written, run, samples, memory).await;
                let found = differences(&first, &other);
                assert_eq!(found, Vec::<String>::new(), "seed {seed}, run {run}, {samples} samples, {name}");
            }
        }
    }
}
