//! Whether the studio's process had anything to do: one that answers nobody and rests waits for itself, one that answers
//! nobody and works is only slow, as on a machine that is too busy.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

/// The process of a studio, where it is one of ours; it changes with each start.
#[derive(Debug, Clone, Default)]
pub(crate) struct Process(Arc<AtomicU32>);

/// Looks at the process: Unix nanoseconds, and the nanoseconds of a processor that its threads had used by then.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Idle(Vec<(u64, u64)>);

/// Times are compared that lie so far apart, in nanoseconds.
const STEP: u64 = 500_000_000;

/// A process that sleeps and looks at its timers uses no more than one part in so many.
const A_TRIFLE: u64 = 25;

impl Process {
    pub(crate) fn set(&self, id: u32) {
        self.0.store(id, Ordering::Relaxed);
    }
}

impl Idle {
    pub(crate) fn look(&mut self, process: &Process, now: u64) {
        let id = process.0.load(Ordering::Relaxed);
        let Ok(tasks) = fs::read_dir(format!("/proc/{id}/task")) else { return };
        let used = |told: String| told.split_whitespace().next()?.parse::<u64>().ok();
        let told = tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok());
        self.0.push((now, told.filter_map(used).sum()));
    }

    /// Whether the process slept through most of a time; none where nobody looked.
    pub(crate) fn slept(&self, from: u64, until: u64) -> Option<bool> {
        let (mut asleep, mut awake) = (0, 0);
        let mut looks = self.0.iter().skip_while(|(at, _)| *at < from).take_while(|(at, _)| *at <= until);
        let mut last = looks.next()?;
        for look in looks {
            let passed = look.0 - last.0;
            if passed >= STEP {
                let used = look.1.saturating_sub(last.1);
                *(if used * A_TRIFLE <= passed { &mut asleep } else { &mut awake }) += passed;
                last = look;
            }
        }
        (asleep + awake > 0).then_some(asleep > awake)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_slept_that_used_next_to_nothing_most_of_the_time() {
        let looks = [(1_000, 50), (1_300, 60), (1_600, 400), (2_100, 410), (2_600, 420), (3_100, 900)];
        let idle = Idle(looks.map(|(at, used)| (at * 1_000_000, used * 1_000_000)).to_vec());
        let slept = |from: u64, until: u64| idle.slept(from * 1_000_000, until * 1_000_000);
        assert_eq!(slept(1_000, 2_600), Some(true), "busy for 600 ms and asleep for 1 s");
        assert_eq!(slept(2_100, 3_100), Some(false));
        assert_eq!(slept(1_000, 1_300), None, "too short to tell");
        assert_eq!(slept(4_000, 9_000), None);
    }

    #[test]
    fn only_a_process_that_is_there_is_seen() {
        let process = Process::default();
        let mut idle = Idle::default();
        idle.look(&process, 1);
        assert_eq!(idle, Idle::default());
        process.set(std::process::id());
        idle.look(&process, 2);
        assert_eq!(idle.0.len(), 1);
    }
}
