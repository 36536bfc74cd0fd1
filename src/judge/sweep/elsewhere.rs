//! Cold files that an engine judges: what comes of each is noted as if it had been read here.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use anyhow::{Context, ensure};
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
};

use super::{
    Sweep,
    file::SweptFile,
    part::{self, Concluded},
    record,
};
use crate::{
    base::notice,
    judge::engine::{
        Engine, FileSummary, Job, Message,
        delivery::{Delivered, Delivery, Ended},
        file::JobFile,
        specification::Specification,
    },
    store::{inventory::FoundFile, problem::FileProblem},
    text::numbers::counted,
};

/// How often a job is sent anew with the files of which nothing came, after the engine has failed.
const ATTEMPTS: u32 = 3;

/// Messages that wait to be noted.
const WAITING: usize = 64;

/// What came of files, by their number; the others are to be read here.
pub(super) type Swept = BTreeMap<usize, SweptFile>;

/// Has files judged by an engine.
pub(super) async fn sweep_files(
    engine: &Arc<dyn Engine>,
    files: &[FoundFile],
    sweep: &Sweep,
) -> anyhow::Result<Swept> {
    let records = sweep.collected.records.is_some();
    let specification = Specification::of(&sweep.runs, &sweep.scope, sweep.is_indexed, records).encode();
    let mut gathering = Gathering::new(files, sweep);
    let mut outstanding = BTreeMap::new();
    for (number, file) in (0..).zip(files) {
        match JobFile::of(number, file) {
            Some(file) => drop(outstanding.insert(number, file)),
            None => gathering.decline("its path is no text"),
        }
    }
    let mut attempts = 0;
    while !outstanding.is_empty() {
        attempts += 1;
        let job =
            Job { specification: specification.clone(), files: outstanding.values().cloned().collect() };
        let (sender, receiver) = mpsc::channel(WAITING);
        let (ran, gathered) = tokio::join!(engine.run(job, sender), gathering.gather(receiver));
        gathered?;
        outstanding.retain(|number, _| !gathering.ended.contains(number));
        match ran {
            Ok(()) => break,
            // All of it had come, whatever happened then.
            Err(_) if outstanding.is_empty() => break,
            Err(err) if attempts == ATTEMPTS => {
                return Err(err).context("the cold files could not be judged");
            }
            Err(err) => notice::note(&format!(
                "the job failed, and is sent again with {}: {err:#}",
                counted(outstanding.len() as u64, "file")
            )),
        }
    }
    for number in outstanding.into_keys() {
        gathering.fail(number, "the engine ended, and nothing of it came".to_owned());
    }
    Ok(gathering.finish())
}

/// The messages of a job, put together and noted.
struct Gathering<'s> {
    files: &'s [FoundFile],
    sweep: &'s Sweep,
    open: BTreeMap<u32, Delivery>,
    ended: BTreeSet<u32>,
    swept: Swept,
    declined: BTreeMap<String, u64>,
}

impl<'s> Gathering<'s> {
    fn new(files: &'s [FoundFile], sweep: &'s Sweep) -> Self {
        Self {
            files,
            sweep,
            open: BTreeMap::new(),
            ended: BTreeSet::new(),
            swept: Swept::new(),
            declined: BTreeMap::new(),
        }
    }

    /// Takes messages until no more come. Files are noted side by side.
    async fn gather(&mut self, mut messages: mpsc::Receiver<Message>) -> anyhow::Result<()> {
        // What a failed attempt left half-sent comes again from its beginning.
        self.open.clear();
        let noting = Arc::new(Semaphore::new(self.sweep.collected.facts.jobs.get()));
        let mut noted = JoinSet::new();
        while let Some(message) = messages.recv().await {
            let number = message.file;
            ensure!((number as usize) < self.files.len(), "the engine tells of a file that nobody asked for");
            if self.ended.contains(&number) {
                self.fail(number, "it came more than once".to_owned());
                continue;
            }
            let Some(ended) = self.open.entry(number).or_default().add(message) else { continue };
            self.open.remove(&number);
            self.ended.insert(number);
            match ended {
                Ended::Declined(reason) => self.decline(&reason),
                Ended::Wrong(what) => self.fail(number, what),
                Ended::Delivered(delivered) => {
                    let (file, sweep) = (self.files[number as usize].clone(), self.sweep.clone());
                    let permit = Arc::clone(&noting).acquire_owned().await?;
                    noted.spawn_blocking(move || {
                        let _permit = permit;
                        (number, note(&file, delivered, &sweep))
                    });
                }
            }
        }
        while let Some(one) = noted.join_next().await {
            let (number, one) = one.context("what came of a file could not be noted")?;
            match one {
                Some(one) => self.keep(number, one),
                None => self.decline("the snapshot may have rows of it"),
            }
        }
        Ok(())
    }

    /// A fault that was met stays.
    fn keep(&mut self, number: u32, one: SweptFile) {
        self.sweep.progress.file_done(&self.files[number as usize]);
        self.swept.entry(number as usize).or_insert(one);
    }

    /// A file is to be read here.
    fn decline(&mut self, reason: &str) {
        *self.declined.entry(reason.to_owned()).or_default() += 1;
    }

    fn fail(&mut self, number: u32, what: String) {
        let record = record::of_ends(&self.files[number as usize], Some(FileProblem::Undelivered(what)));
        self.ended.insert(number);
        self.swept.insert(number as usize, SweptFile::new(record));
    }

    fn finish(self) -> Swept {
        for (reason, files) in &self.declined {
            notice::note(&format!("{} read by the audit itself: {reason}", counted(*files, "file")));
        }
        self.swept
    }
}

/// None for what is to be read here.
fn note(file: &FoundFile, delivered: Delivered, sweep: &Sweep) -> Option<SweptFile> {
    let Delivered { summary, parts, index_keys } = delivered;
    if sweep.flushed.is_watching() && !parts.is_empty() {
        // What is damaged is told when it is noted.
        let mut in_snapshot = parts.iter().filter_map(|part| part::is_in_snapshot(part, sweep).ok());
        if summary.is_bound || in_snapshot.any(|is| is) {
            return None;
        }
    }
    let FileSummary { rows, schema, bytes_scanned, .. } = summary;
    let index_keys = index_keys.filter(|_| sweep.is_indexed);
    let concluded = Concluded { rows, schema, bytes_scanned, index_keys };
    let (mut one, noted) = part::note_file(file, concluded, parts.into_iter().map(Ok), sweep);
    let lacking = match noted {
        Ok(noted) if noted == rows => return Some(one),
        Ok(noted) => format!("{noted} of its {rows} rows are told of"),
        Err(err) => format!("{err:#}"),
    };
    one.record.fail(FileProblem::Undelivered(lacking));
    Some(one)
}
