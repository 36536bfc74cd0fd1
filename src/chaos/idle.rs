//! Whether the studio's process had anything to do: one that answers nobody and rests waits for itself, one that answers
//! nobody and works, or would if it got a processor or the disk, is only slow, as on a machine that is too busy.

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

/// Looks at the process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Idle {
    /// Unix nanoseconds, and for how many of them its threads had used a processor, or had waited for one or for the
    /// disk.
    looks: Vec<(u64, u64)>,
    waited_for_disk: u64,
}

/// Times are compared that lie so far apart, in nanoseconds.
const STEP: u64 = 500_000_000;

/// A process that sleeps and looks at its timers uses no more than one part in so many.
const A_TRIFLE: u64 = 25;

/// Between two looks that are further apart, in nanoseconds, all that is known is that we did not get to look.
const GAP: u64 = 1_000_000_000;

impl Process {
    pub(crate) fn set(&self, id: u32) {
        self.0.store(id, Ordering::Relaxed);
    }
}

impl Idle {
    pub(crate) fn look(&mut self, process: &Process, now: u64) {
        let id = process.0.load(Ordering::Relaxed);
        let Ok(tasks) = fs::read_dir(format!("/proc/{id}/task")) else { return };
        let (mut busy, mut waits) = (0, false);
        for task in tasks.flatten() {
            let told = |name| fs::read_to_string(task.path().join(name)).unwrap_or_default();
            // On a processor, and ready for one.
            busy +=
                told("schedstat").split(' ').take(2).filter_map(|time| time.parse::<u64>().ok()).sum::<u64>();
            waits |= state(&told("stat")) == Some('D');
        }
        let passed = self.looks.last().map_or(0, |last| now.saturating_sub(last.0));
        if waits || passed > GAP {
            self.waited_for_disk += passed;
        }
        self.looks.push((now, busy + self.waited_for_disk));
    }

    /// Whether the process slept through most of a time; none where nobody looked.
    pub(crate) fn slept(&self, from: u64, until: u64) -> Option<bool> {
        let (mut asleep, mut awake) = (0, 0);
        let mut looks = self.looks.iter().skip_while(|(at, _)| *at < from).take_while(|(at, _)| *at <= until);
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

/// The state of a thread: `D` where it waits for the disk.
fn state(stat: &str) -> Option<char> {
    // The name before it may hold anything.
    stat.rsplit_once(") ")?.1.chars().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_slept_that_used_next_to_nothing_most_of_the_time() {
        let looks = [(1_000, 50), (1_300, 60), (1_600, 400), (2_100, 410), (2_600, 420), (3_100, 900)];
        let looks = looks.map(|(at, used)| (at * 1_000_000, used * 1_000_000)).to_vec();
        let idle = Idle { looks, ..Idle::default() };
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
        assert_eq!(idle.looks.len(), 1);
    }

    #[test]
    fn nobody_rests_while_nobody_can_look() {
        let process = Process::default();
        process.set(std::process::id());
        let mut idle = Idle::default();
        idle.look(&process, 1_000_000_000);
        idle.look(&process, 30_000_000_000);
        assert_eq!(idle.slept(0, 40_000_000_000), Some(false), "the machine stood still");
    }

    #[test]
    fn a_thread_that_waits_for_the_disk_is_known_by_its_state() {
        assert_eq!(state("77 (a) D (b)) D 1 2"), Some('D'));
        assert_eq!(state("77 (tokio) S 1 2"), Some('S'));
        assert_eq!(state(""), None);
    }
}
