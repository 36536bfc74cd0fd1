//! A clock of the studio's own: libfaketime, preloaded into its process, reads from a file how far it is off.
//!
//! Only the time of day is moved, as by a hand or by NTP; what a program measures by the monotonic clock goes on. Times
//! of files are the kernel's and stay right. A program that asks the kernel itself for the time, as a static one does,
//! is not reached.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::base::temporary;

/// The first is made for programs with threads.
const LIBRARIES: [&str; 2] = ["libfaketimeMT.so.1", "libfaketime.so.1"];

/// Where libraries lie: directly, or by architecture.
const ROOTS: [&str; 3] = ["/usr/lib", "/usr/lib64", "/usr/local/lib"];

/// The library looks at its file again after so many seconds.
const LOOKS_AFTER: &str = "1";

/// The library of a studio's clock, and the file that it reads.
#[derive(Debug)]
pub(crate) struct Clock {
    library: PathBuf,
    folder: TempDir,
    /// Processes that were started with it.
    processes: Vec<u32>,
}

impl Clock {
    /// None where the library is not installed.
    pub(crate) fn find() -> anyhow::Result<Option<Self>> {
        let Some(library) = ROOTS.iter().find_map(|root| library_below(Path::new(root))) else {
            return Ok(None);
        };
        let clock = Self { library, folder: temporary::folder()?, processes: Vec::new() };
        clock.step(0)?;
        Ok(Some(clock))
    }

    /// What a process is started with whose clock it is.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let others = env::var("LD_PRELOAD").ok().filter(|others| !others.is_empty());
        let preloaded = [Some(self.library.display().to_string()), others].into_iter().flatten();
        vec![
            ("LD_PRELOAD", preloaded.collect::<Vec<_>>().join(":")),
            ("FAKETIME_TIMESTAMP_FILE", self.file().display().to_string()),
            ("FAKETIME_CACHE_DURATION", LOOKS_AFTER.to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("NO_FAKE_STAT", "1".to_owned()),
        ]
    }

    /// Notes a process that was started with it.
    pub(crate) fn started(&mut self, process: u32) {
        self.processes.push(process);
    }

    /// Lets the clock be off by so many seconds from now on.
    pub(crate) fn step(&self, seconds: i64) -> io::Result<()> {
        let next = self.folder.path().join("next");
        fs::write(&next, format!("{seconds:+}\n"))?;
        fs::rename(next, self.file())
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("clock")
    }
}

impl Drop for Clock {
    /// Removes what the library leaves of a process that was killed.
    fn drop(&mut self) {
        for process in &self.processes {
            for left in ["faketime_shm_", "sem.faketime_sem_"] {
                fs::remove_file(format!("/dev/shm/{left}{process}")).ok();
            }
        }
    }
}

fn library_below(root: &Path) -> Option<PathBuf> {
    let by_architecture = fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut folders: Vec<PathBuf> = [root.to_owned()].into_iter().chain(by_architecture).collect();
    folders.sort();
    let all = folders.iter().flat_map(|folder| LIBRARIES.map(|name| folder.join("faketime").join(name)));
    all.into_iter().find(|library| library.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_found_directly_or_by_architecture_and_the_one_for_threads_first() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(library_below(root.path()), None);
        assert_eq!(library_below(&root.path().join("absent")), None);
        for (folder, name) in [
            ("x86_64-linux-gnu/faketime", LIBRARIES[1]),
            ("x86_64-linux-gnu/faketime", LIBRARIES[0]),
            ("faketime", LIBRARIES[1]),
        ] {
            let folder = root.path().join(folder);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(name), "").unwrap();
            assert_eq!(library_below(root.path()), Some(folder.join(name)));
        }
    }

    #[test]
    fn the_file_says_how_far_the_clock_is_off() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock { library: "a.so".into(), folder, processes: Vec::new() };
        for (seconds, text) in [(0, "+0\n"), (3_600, "+3600\n"), (-3_600, "-3600\n")] {
            clock.step(seconds).unwrap();
            assert_eq!(fs::read_to_string(clock.file()).unwrap(), text);
        }
    }
}
