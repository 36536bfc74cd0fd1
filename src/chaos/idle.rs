//! Whether the studio's process had anything to do: one that answers nobody and rests waits for itself, one that answers
//! nobody and works, or would if it got a processor or the disk, is only slow, as on a machine that is too busy. Who is
//! too busy for its answers is no witness either.

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

/// Looks at the process, and at this one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Idle {
    looks: Vec<Look>,
    waited_for_disk: u64,
}

/// A time in Unix nanoseconds, and for how many of them the threads of the studio, and ours, had used a processor by
/// then, or had waited for one or for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    at: u64,
    studio: u64,
    ours: u64,
}

/// Times are compared that lie so far apart, in nanoseconds.
const STEP: u64 = 500_000_000;

/// A process that sleeps and looks at its timers uses no more than one part in so many.
const A_TRIFLE: u64 = 25;

/// Our own one, which sends meanwhile, is too busy when it uses one part in so many, or waits for it.
const A_LOT: u64 = 2;

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
        let Some((studio, waits)) = busy(&id.to_string()) else { return };
        let (ours, _) = busy("self").unwrap_or_default();
        let passed = self.looks.last().map_or(0, |last| now.saturating_sub(last.at));
        if waits || passed > GAP {
            self.waited_for_disk += passed;
        }
        self.looks.push(Look { at: now, studio: studio + self.waited_for_disk, ours });
    }

    /// Whether the process slept through most of a time; none where nobody looked.
    pub(crate) fn slept(&self, from: u64, until: u64) -> Option<bool> {
        let (mut asleep, mut awake) = (0, 0);
        let mut looks =
            self.looks.iter().skip_while(|look| look.at < from).take_while(|look| look.at <= until);
        let mut last = looks.next()?;
        for look in looks {
            let passed = look.at - last.at;
            if passed >= STEP {
                let (studio, ours) =
                    (look.studio.saturating_sub(last.studio), look.ours.saturating_sub(last.ours));
                let rests = studio * A_TRIFLE <= passed && ours * A_LOT <= passed;
                *(if rests { &mut asleep } else { &mut awake }) += passed;
                last = look;
            }
        }
        (asleep + awake > 0).then_some(asleep > awake)
    }
}

/// For how long the threads of a process were on a processor or ready for one, and whether one waits for the disk; none
/// where there is no such process.
fn busy(process: &str) -> Option<(u64, bool)> {
    let (mut busy, mut waits) = (0, false);
    for task in fs::read_dir(format!("/proc/{process}/task")).ok()?.flatten() {
        let told = |name| fs::read_to_string(task.path().join(name)).unwrap_or_default();
        let times = told("schedstat");
        busy += times.split(' ').take(2).filter_map(|time| time.parse::<u64>().ok()).sum::<u64>();
        waits |= state(&told("stat")) == Some('D');
    }
    Some((busy, waits))
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
        let idle = |ours: u64| {
            let looks = looks.map(|(at, studio)| Look {
                at: at * 1_000_000,
                studio: studio * 1_000_000,
                ours: at * 1_000_000 * ours / 100,
            });
            Idle { looks: looks.to_vec(), ..Idle::default() }
        };
        let slept_beside =
            |ours: u64, from: u64, until: u64| idle(ours).slept(from * 1_000_000, until * 1_000_000);
        assert_eq!(slept_beside(90, 1_000, 2_600), Some(false), "we had no time for its answers");
        let slept = |from: u64, until: u64| slept_beside(10, from, until);
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
