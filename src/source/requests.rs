//! Files of OTLP requests as a source.
//!
//! A capture has a file of times and outcomes beside each of its files; other files tell only when their spans
//! ended, and a request is taken to have come in when the last of its own did.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Lines, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;

use super::{
    calls::{self, Call},
    changes::{count_spans, last_end},
    chunk::SourceNotes,
    frames::{Broken, Records},
    otlp_json::Parsed,
    spool::{self, SpoolReader},
};
use crate::base::{regular, temporary::Temporary};

/// What the user named, file by file.
#[derive(Debug, Clone)]
pub(crate) struct RequestFile {
    pub(crate) path: PathBuf,
    /// What reports call it.
    pub(crate) shown: String,
    /// What came through a pipe, which can be read once only.
    pub(crate) spool: Option<Arc<Temporary>>,
}

impl RequestFile {
    pub(crate) fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(match &self.spool {
            Some(spool) => Box::new(SpoolReader::new(Arc::clone(spool))),
            None => Box::new(File::open(&self.path)?),
        })
    }

    /// A pipe's content is kept in a file without a name for as long as it is needed.
    pub(crate) fn of(path: &Path, shown: String) -> anyhow::Result<Self> {
        let spool = spool::is_pipe(path).then(|| spool::keep(path)).transpose()?.map(Arc::new);
        Ok(Self { path: path.to_owned(), shown, spool })
    }
}

/// A request that was read.
#[derive(Debug)]
pub(crate) struct Received {
    /// The place of its first span in the source.
    pub(crate) first_place: u64,
    /// What reports call its file.
    pub(crate) file: Arc<str>,
    /// The number of its first span in that file, from 0.
    pub(crate) first_number: u64,
    /// When it came in, in Unix nanoseconds.
    pub(crate) at: i64,
    pub(crate) request: ExportTraceServiceRequest,
}

/// A walk through files of requests.
pub(crate) struct Requests {
    files: Vec<RequestFile>,
    next: usize,
    current: Option<Current>,
    /// Spans of all files that were read.
    spans: u64,
    /// Whether what the target had refused is sent, too.
    with_refused: bool,
}

struct Current {
    records: Records,
    file: Arc<str>,
    /// Spans of all files before this one.
    before: u64,
    /// Of a capture: its times and outcomes.
    calls: Option<Calls>,
}

impl Requests {
    pub(crate) fn new(files: Vec<RequestFile>, with_refused: bool) -> Self {
        Self { files, next: 0, current: None, spans: 0, with_refused }
    }

    pub(crate) fn next(&mut self, notes: &mut SourceNotes) -> Option<Received> {
        loop {
            let Some(current) = &mut self.current else {
                let file = self.files.get(self.next)?;
                self.next += 1;
                match file.open().and_then(Records::of) {
                    Ok(records) => {
                        let calls = Calls::open(&file.path);
                        let (file, before) = (file.shown.as_str().into(), self.spans);
                        self.current = Some(Current { records, file, before, calls });
                    }
                    Err(err) => notes.trouble(&file.shown, format!("cannot be read: {err}")),
                }
                continue;
            };
            let shown = &self.files[self.next - 1].shown;
            let Some(request) = current.records.next_request() else {
                self.current = None;
                continue;
            };
            let call = current.calls.as_mut().map(Calls::next);
            let request = match request {
                Ok(Parsed { request, extras, .. }) => {
                    notes.beside(extras);
                    request
                }
                Err(Broken { reason, .. }) => {
                    notes.trouble(shown, reason);
                    continue;
                }
            };
            let first_place = self.spans;
            self.spans += count_spans(&request) as u64;
            let call = match call {
                Some(None) => {
                    notes.trouble(shown, "has requests that its file of calls does not tell of");
                    current.calls = None;
                    None
                }
                Some(Some(call)) => Some(call),
                None => None,
            };
            if !self.with_refused && call.as_ref().is_some_and(|call| call.was_refused) {
                notes.skip("that were refused when they were captured", count_spans(&request) as u64);
                continue;
            }
            let at = call.map(|call| call.at.cast_signed()).or_else(|| last_end(&request));
            return Some(Received {
                first_place,
                file: Arc::clone(&current.file),
                first_number: first_place - current.before,
                at: at.unwrap_or_default(),
                request,
            });
        }
    }
}

/// The lines about received requests, in order; those about their answers come later in the same file.
struct Calls {
    received: Lines<BufReader<File>>,
    refused: std::collections::BTreeSet<u64>,
}

impl Calls {
    fn open(file: &Path) -> Option<Self> {
        let path = calls::path_of(file);
        let refused = calls::refused(&path).ok()?;
        let received = BufReader::new(regular::open(&path).ok()?).lines();
        Some(Self { received, refused })
    }

    fn next(&mut self) -> Option<CallOf> {
        for line in self.received.by_ref() {
            let line = line.ok()?;
            if let Ok(Call::Received { request, at, .. }) = serde_json::from_str(&line) {
                return Some(CallOf { at, was_refused: self.refused.contains(&request) });
            }
        }
        None
    }
}

struct CallOf {
    at: u64,
    was_refused: bool,
}
