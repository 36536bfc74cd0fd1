//! Writes what passed the proxy: requests into a file that collectors can read, calls beside it.
//!
//! A thread of its own, because disks block. A request is written whole or not at all: where that fails, the
//! file is cut back to its last whole one, and nothing more is recorded.

use std::{
    cell::RefCell,
    collections::HashMap,
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, Seek, Write},
    path::{Path, PathBuf},
    rc::Rc,
    sync::{Arc, atomic::Ordering},
};

use tokio::sync::mpsc;

use crate::{
    base::{clock::unix_nanos, notice, private, problem::Problem},
    source::calls::{self, Call},
    store::bytes::read_at,
    wire::{
        outcome::ExportOutcome,
        proxy::{Passed, Queue},
    },
};

/// What a recording came to.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) requests: u64,
    pub(crate) bytes: u64,
    pub(crate) files: Vec<PathBuf>,
    pub(crate) acked: u64,
    pub(crate) refused: u64,
    /// Whose answer nobody knows, or that was taken in part.
    pub(crate) other: u64,
    /// Requests that passed and were not recorded.
    pub(crate) missed: u64,
    /// Why the recording ended before the capture did.
    pub(crate) failed: Option<String>,
}

impl Recorded {
    fn count(&mut self, call: &Call) {
        match call {
            Call::Received { bytes, .. } => {
                self.requests += 1;
                self.bytes += bytes;
            }
            Call::Answered { outcome: ExportOutcome::Acked, .. } => self.acked += 1,
            Call::Answered { outcome: ExportOutcome::Rejected { .. }, .. } => self.refused += 1,
            Call::Answered { .. } => self.other += 1,
            Call::Missed { .. } => {}
        }
    }
}

/// Where to record.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The first file. Later ones have a number before the ending.
    pub(crate) first: PathBuf,
    /// Bytes after which a new file is begun.
    pub(crate) rotate: u64,
}

type Calls = Rc<RefCell<BufWriter<File>>>;

struct Recorder {
    place: Place,
    current: Option<Current>,
    /// Where the answers of requests in flight belong.
    in_flight: HashMap<u64, Calls>,
    recorded: Recorded,
}

struct Current {
    requests: BufWriter<File>,
    calls: Calls,
    /// Of requests with their lengths.
    length: u64,
}

impl Place {
    /// A file where the name has an ending; else a folder for files.
    pub(crate) fn at(path: &Path, rotate: u64) -> Result<Self, Problem> {
        let is_file = path.extension().is_some() && !path.is_dir();
        let first = if is_file { path.to_owned() } else { path.join("capture.binpb") };
        let place = Self { first, rotate };
        if place.first.exists() {
            let what = format!("`{}` is there already", place.first.display());
            return Err(Problem::new(what, "a capture never overwrites another: name another place with -o"));
        }
        Ok(place)
    }

    fn file(&self, number: usize) -> PathBuf {
        if number == 0 {
            return self.first.clone();
        }
        let part = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
        let (stem, ending) = (part(self.first.file_stem()), part(self.first.extension()));
        self.first.with_file_name(format!("{stem}.{}.{ending}", number + 1))
    }
}

/// Begins the first file, so that a bad place is known before anything passes.
pub(crate) fn begin(
    place: Place,
) -> Result<impl FnOnce(mpsc::UnboundedReceiver<Passed>, Arc<Queue>) -> Recorded + Send, Problem> {
    let folder = place.first.parent().filter(|folder| !folder.as_os_str().is_empty());
    let begun = folder.map_or(Ok(()), private::create_folder).and_then(|()| open(&place.file(0)));
    let files = begun.map_err(|err| {
        let what = format!("cannot record into `{}`", place.first.display());
        Problem::new(what, "name another place with -o").caused_by(err)
    })?;
    Ok(move |passed, queue: Arc<Queue>| record(place, files, passed, &queue))
}

fn open(path: &Path) -> io::Result<(File, File)> {
    let new = |path: &Path| private::options().read(true).append(true).create_new(true).open(path);
    Ok((new(path)?, new(&calls::path_of(path))?))
}

/// Records until the proxy has gone.
fn record(
    place: Place,
    (requests, calls): (File, File),
    mut passed: mpsc::UnboundedReceiver<Passed>,
    queue: &Queue,
) -> Recorded {
    let mut recorder =
        Recorder { place, current: None, in_flight: HashMap::new(), recorded: Recorded::default() };
    recorder.recorded.files.push(recorder.place.file(0));
    recorder.current = Some(Current::new(requests, calls));
    let mut missed = 0;
    loop {
        let next = if let Ok(next) = passed.try_recv() {
            Some(next)
        } else {
            recorder.guarded(Recorder::flush);
            passed.blocking_recv()
        };
        let Some(next) = next else { break };
        let bytes = match &next {
            Passed::Received { message, .. } => message.len() as u64,
            Passed::Answered { .. } => 0,
            Passed::Ended => break,
        };
        recorder.guarded(|recorder| recorder.write(next));
        queue.bytes.fetch_sub(bytes, Ordering::Relaxed);
        let now_missed = queue.missed.load(Ordering::Relaxed);
        if now_missed > missed {
            let requests = now_missed - missed;
            missed = now_missed;
            recorder.guarded(|recorder| recorder.tell(&Call::Missed { requests, at: unix_nanos() }));
        }
    }
    recorder.guarded(Recorder::flush);
    recorder.recorded.missed += queue.missed.load(Ordering::Relaxed);
    if recorder.recorded.failed.is_some() {
        recorder.recount();
    }
    recorder.recorded
}

impl Recorder {
    /// Does what can fail; after the first failure nothing more is written.
    fn guarded(&mut self, work: impl FnOnce(&mut Self) -> io::Result<()>) {
        if let Err(err) = work(self) {
            self.in_flight.clear();
            if let Some(current) = self.current.take() {
                current.cut();
            }
            notice::note(&format!(
                "error: recording has ended: {err}\nrequests are forwarded as before; what was recorded is whole"
            ));
            self.recorded.failed = Some(err.to_string());
        }
    }

    fn write(&mut self, passed: Passed) -> io::Result<()> {
        match passed {
            Passed::Received { request, at, message } => {
                let is_full = |current: &Current| current.length > 0 && current.length >= self.place.rotate;
                if self.current.as_ref().is_some_and(is_full) {
                    self.rotate()?;
                }
                let Some(current) = &mut self.current else {
                    self.recorded.missed += 1;
                    return Ok(());
                };
                let bytes = message.len() as u64;
                let offset = current.length;
                let received = Call::Received { request, at, offset, bytes };
                self.recorded.count(&received);
                current.write(&message)?;
                write_call(&current.calls, &received)?;
                self.in_flight.insert(request, Rc::clone(&current.calls));
            }
            Passed::Answered { request, at, outcome } => {
                // The answer to a request that is not in a file is nobody's business.
                let Some(calls) = self.in_flight.remove(&request) else { return Ok(()) };
                let answered = Call::Answered { request, at, outcome };
                self.recorded.count(&answered);
                write_call(&calls, &answered)?;
            }
            Passed::Ended => {}
        }
        Ok(())
    }

    /// Counts what is in the files, after some of what was written did not get there.
    fn recount(&mut self) {
        let passed = self.recorded.requests + self.recorded.missed;
        let Recorded { files, failed, .. } = std::mem::take(&mut self.recorded);
        let mut there = Recorded { failed, ..Recorded::default() };
        for file in &files {
            let mut count = || -> io::Result<()> {
                calls::read(&calls::path_of(file))?.try_for_each(|call| call.map(|call| there.count(&call)))
            };
            if let Err(err) = count() {
                notice::note(&format!("calls of `{}` cannot be read back: {err}", file.display()));
            }
        }
        there.missed = passed.saturating_sub(there.requests);
        self.recorded = Recorded { files, ..there };
    }

    fn tell(&mut self, call: &Call) -> io::Result<()> {
        self.current.as_ref().map_or(Ok(()), |current| write_call(&current.calls, call))
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.flush()?;
        let path = self.place.file(self.recorded.files.len());
        let (requests, calls) = open(&path)?;
        self.recorded.files.push(path);
        self.current = Some(Current::new(requests, calls));
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        for calls in self.in_flight.values() {
            calls.borrow_mut().flush()?;
        }
        if let Some(current) = &mut self.current {
            current.requests.flush()?;
            current.calls.borrow_mut().flush()?;
        }
        Ok(())
    }
}

impl Current {
    fn new(requests: File, calls: File) -> Self {
        Self {
            requests: BufWriter::with_capacity(1 << 18, requests),
            calls: Rc::new(RefCell::new(BufWriter::new(calls))),
            length: 0,
        }
    }

    fn write(&mut self, message: &[u8]) -> io::Result<()> {
        let length = u32::try_from(message.len()).map_err(io::Error::other)?;
        self.length += 4 + u64::from(length);
        self.requests.write_all(&length.to_be_bytes())?;
        self.requests.write_all(message)
    }

    /// Leaves whole requests only, and calls about them: what the system has not taken is dropped, and half of a
    /// request cut off.
    fn cut(self) {
        let (file, _unwritten) = self.requests.into_parts();
        let Ok(length) = file.metadata().map(|metadata| metadata.len()) else { return };
        let whole = whole_requests(&file, length);
        let calls = Rc::try_unwrap(self.calls).map(RefCell::into_inner);
        let calls_cut = calls.map_or(Ok(()), |calls| cut_calls(calls, whole));
        if file.set_len(whole).and(calls_cut).is_err() {
            notice::note("the end of the last recorded file is not whole, and could not be cut off");
        }
    }
}

/// How long the whole requests at a file's beginning are.
fn whole_requests(file: &File, length: u64) -> u64 {
    let mut offset = 0;
    let mut prefix = [0; 4];
    while read_at(file, offset, &mut prefix).is_ok() {
        let end = offset + 4 + u64::from(u32::from_be_bytes(prefix));
        if end > length {
            break;
        }
        offset = end;
    }
    offset
}

/// Cuts calls off from the first on that tells of a request beyond this end.
fn cut_calls(calls: BufWriter<File>, end: u64) -> io::Result<()> {
    let (mut file, _unwritten) = calls.into_parts();
    file.rewind()?;
    let (mut kept, mut line) = (0, Vec::new());
    let mut lines = BufReader::new(&file);
    loop {
        line.clear();
        let read = lines.read_until(b'\n', &mut line)? as u64;
        let is_whole = line.ends_with(b"\n");
        let beyond =
            matches!(serde_json::from_slice(&line), Ok(Call::Received { offset, .. }) if offset >= end);
        if !is_whole || beyond {
            return file.set_len(kept);
        }
        kept += read;
    }
}

fn write_call(calls: &Calls, call: &Call) -> io::Result<()> {
    let mut line = serde_json::to_vec(call)?;
    line.push(b'\n');
    calls.borrow_mut().write_all(&line)
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, OpenOptions},
        io::Read,
    };

    use super::*;
    use crate::{
        source::frames::Records,
        wire::outcome::{ExportOutcome, GrpcCode},
    };

    fn received(request: u64, message: &'static [u8]) -> Passed {
        Passed::Received { request, at: request, message: bytes::Bytes::from_static(message) }
    }

    fn answered(request: u64, outcome: ExportOutcome) -> Passed {
        Passed::Answered { request, at: 100 + request, outcome }
    }

    #[test]
    fn requests_and_calls_are_told_file_by_file() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::at(folder.path(), 4).unwrap();
        let (passed, receiver) = mpsc::unbounded_channel();
        let refused = ExportOutcome::Rejected { code: GrpcCode::Unauthenticated };
        // The answer to the first comes when its file is full.
        for one in [
            received(0, b"\x0a\x00"),
            received(1, b""),
            answered(0, refused),
            answered(1, ExportOutcome::Acked),
            Passed::Ended,
        ] {
            passed.send(one).unwrap();
        }
        let queue = Arc::new(Queue::default());
        queue.missed.store(3, Ordering::Relaxed);
        let recorded = begin(place.clone()).unwrap()(receiver, queue);
        assert_eq!((recorded.requests, recorded.bytes, recorded.missed), (2, 2, 3));
        assert_eq!((recorded.acked, recorded.refused, recorded.failed.as_ref()), (1, 1, None));
        let names: Vec<_> = recorded.files.iter().map(|file| file.file_name().unwrap().to_owned()).collect();
        assert_eq!(names, ["capture.binpb", "capture.2.binpb"]);

        assert_eq!(fs::read(&recorded.files[0]).unwrap(), b"\0\0\0\x02\x0a\x00");
        let mut records = Records::open(&recorded.files[0]).unwrap();
        assert!(records.next_request().unwrap().is_ok() && records.next_request().is_none());
        let calls = |file: usize| {
            let mut text = String::new();
            File::open(calls::path_of(&recorded.files[file])).unwrap().read_to_string(&mut text).unwrap();
            let told = |line: &str| !line.contains("missed");
            text.lines().filter(|line| told(line)).collect::<Vec<_>>().join("\n")
        };
        insta::assert_snapshot!(calls(0), @r#"
        {"event":"received","request":0,"at":0,"offset":0,"bytes":2}
        {"event":"answered","request":0,"at":100,"outcome":"rejected","code":"UNAUTHENTICATED"}
        "#);
        insta::assert_snapshot!(calls(1), @r#"
        {"event":"received","request":1,"at":1,"offset":0,"bytes":0}
        {"event":"answered","request":1,"at":101,"outcome":"acked"}
        "#);
        assert_eq!(calls::refused(&calls::path_of(&recorded.files[0])).unwrap().len(), 1);
        assert!(Place::at(folder.path(), 4).is_err(), "a capture is never overwritten");
    }

    #[test]
    fn calls_about_what_is_not_in_the_file_are_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calls");
        let file = OpenOptions::new().read(true).append(true).create_new(true).open(&path).unwrap();
        let calls = Rc::new(RefCell::new(BufWriter::new(file)));
        let received = |request| Call::Received { request, at: 1, offset: 6 * request, bytes: 2 };
        let answered = |request| Call::Answered { request, at: 2, outcome: ExportOutcome::Acked };
        for call in [received(0), received(1), answered(0), received(2), answered(1)] {
            write_call(&calls, &call).unwrap();
        }
        calls.borrow_mut().write_all(b"{\"event\":\"rec").unwrap();
        calls.borrow_mut().flush().unwrap();
        cut_calls(Rc::try_unwrap(calls).unwrap().into_inner(), 12).unwrap();
        let kept: Vec<Call> = calls::read(&path).unwrap().map(Result::unwrap).collect();
        assert_eq!(kept, [received(0), received(1), answered(0)]);
    }

    #[test]
    fn half_a_request_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("requests");
        fs::write(&path, b"\0\0\0\x02ab\0\0\0\x05ab").unwrap();
        let file = OpenOptions::new().read(true).append(true).open(&path).unwrap();
        assert_eq!(whole_requests(&file, 12), 6);
        fs::write(&path, b"\0\0").unwrap();
        assert_eq!(whole_requests(&file, 2), 0);
    }
}
