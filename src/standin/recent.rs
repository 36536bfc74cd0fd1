//! The cold files that this process wrote lately, which a snapshot names to the backend.
//!
//! They bridge the time until the backend has indexed them: at most 20, none older than 120 s.
//! Time enters as a parameter.

use std::{
    collections::VecDeque,
    path::PathBuf,
    time::{Duration, Instant},
};

const MAX_FILES: usize = 20;
const MAX_AGE: Duration = Duration::from_mins(2);

/// Recent cold files, newest first.
#[derive(Debug, Default)]
pub(super) struct RecentCold {
    files: VecDeque<(Instant, PathBuf)>,
}

impl RecentCold {
    pub(super) fn record(&mut self, path: PathBuf, now: Instant) {
        self.files.push_front((now, path));
        self.files.truncate(MAX_FILES);
    }

    pub(super) fn list(&mut self, now: Instant) -> Vec<PathBuf> {
        self.files.retain(|(written, _)| now.duration_since(*written) <= MAX_AGE);
        self.files.iter().map(|(_, path)| path.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_twenty_of_the_last_two_minutes_are_listed() {
        let start = Instant::now();
        let at = |second: u64| start + Duration::from_secs(second);
        let mut recent = RecentCold::default();
        for second in 0..25 {
            recent.record(PathBuf::from(second.to_string()), at(second));
        }
        let names =
            |files: Vec<PathBuf>| files.iter().map(|path| path.display().to_string()).collect::<Vec<_>>();
        let newest_first = |seconds: std::ops::RangeInclusive<u64>| seconds.rev().map(|s| s.to_string());
        assert_eq!(names(recent.list(at(24))), newest_first(5..=24).collect::<Vec<_>>());
        assert_eq!(names(recent.list(at(20 + 120))), newest_first(20..=24).collect::<Vec<_>>());
        assert!(recent.list(at(200)).is_empty());
    }
}
