//! A bucket, or another place that is spoken to by HTTP, in which the files of a store are objects.
//!
//! Readers of a store are synchronous, and so is what they call here: requests run on threads of their own, and
//! whoever reads waits for them. An object is fetched with one GET into a temporary file without a name, pinned to the
//! e-tag of the listing; what was fetched last is kept, up to what may be decoded at a time. Nothing that is said here
//! contains a credential: of an error only the reason is told, never the request.

use std::{
    cmp::Ordering,
    fmt, io,
    path::{Path as FilePath, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError, mpsc},
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use object_store::{ObjectMeta, ObjectStore, list::PaginatedListStore, path::Path};
use tokio::runtime::{Builder, Runtime};

use self::fetch::Kept;
pub(crate) use self::{address::Address, fetch::ObjectBytes};
use super::problem::FileProblem;
use crate::{
    base::{interrupt, notice},
    text::numbers,
};

mod address;
mod connect;
mod fetch;
pub(crate) mod find;
pub(crate) mod list;
mod reason;

/// How long nothing may be heard before that is said.
const PATIENCE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(100);

pub(crate) struct Bucket {
    /// As `s3://bucket` or `https://host:port`, without a slash at its end.
    name: String,
    store: Arc<dyn ObjectStore>,
    /// To list around a key that no listing can hold; none where the store has no pages.
    pages: Option<Arc<dyn PaginatedListStore>>,
    kept: Mutex<Kept>,
    /// When it was last said that an answer is waited for.
    said: Mutex<Option<Instant>>,
}

/// An object as it was listed.
#[derive(Clone)]
pub(crate) struct Object {
    bucket: Arc<Bucket>,
    meta: Arc<ObjectMeta>,
}

impl Bucket {
    fn new(
        name: String,
        store: Arc<dyn ObjectStore>,
        pages: Option<Arc<dyn PaginatedListStore>>,
    ) -> Arc<Self> {
        Arc::new(Self { name, store, pages, kept: Mutex::default(), said: Mutex::default() })
    }

    fn paged(name: String, store: impl ObjectStore + PaginatedListStore) -> Arc<Self> {
        let store = Arc::new(store);
        let pages: Arc<dyn PaginatedListStore> = store.clone();
        Self::new(name, store, Some(pages))
    }

    /// What reports call a key: the text that a user would type for it.
    pub(super) fn shown(&self, key: &Path) -> PathBuf {
        PathBuf::from(if key.is_root() { self.name.clone() } else { format!("{}/{key}", self.name) })
    }

    /// The key of a path that was made by [`Bucket::shown`], or below one.
    pub(super) fn key(&self, shown: &FilePath) -> Path {
        let text = shown.to_string_lossy();
        Path::parse(text.strip_prefix(&self.name).unwrap_or(&text)).unwrap_or_default()
    }

    /// Waits for requests that run elsewhere.
    fn wait<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, FileProblem> {
        let (done, result) = mpsc::channel();
        let pressed = interrupt::presses();
        runtime()?.spawn(async move {
            // Whoever asked may have been interrupted.
            done.send(work.await).ok();
        });
        let began = Instant::now();
        loop {
            match result.recv_timeout(POLL) {
                Ok(result) => return Ok(result),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    return Err(FileProblem::Unreachable(
                        "the request ended in an error of this program".to_owned(),
                    ));
                }
            }
            if interrupt::presses() > pressed {
                return Err(FileProblem::Unreachable("interrupted".to_owned()));
            }
            self.say_that_it_takes_long(began.elapsed());
        }
    }

    /// Once for all that wait, and not more often than that.
    fn say_that_it_takes_long(&self, waited: Duration) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if waited < PATIENCE || said.is_some_and(|said| said.elapsed() < PATIENCE * 2) {
            return;
        }
        *said = Some(Instant::now());
        notice::note(&format!("waiting for `{}`, for {} now", self.name, numbers::duration(waited)));
    }
}

/// Threads that nothing else runs on, so that whoever waits for them may block its own.
fn runtime() -> Result<&'static Runtime, FileProblem> {
    static RUNTIME: OnceLock<io::Result<Runtime>> = OnceLock::new();
    let made = RUNTIME.get_or_init(|| {
        Builder::new_multi_thread().worker_threads(2).thread_name("requests").enable_all().build()
    });
    made.as_ref().map_err(|err| FileProblem::Unreachable(err.to_string()))
}

impl Object {
    fn new(bucket: &Arc<Bucket>, meta: ObjectMeta) -> Self {
        Self { bucket: Arc::clone(bucket), meta: Arc::new(meta) }
    }

    /// As another process listed it; none for a key that cannot be asked for.
    pub(crate) fn listed(
        bucket: &Arc<Bucket>,
        key: &str,
        size: u64,
        modified_at: Option<i64>,
        e_tag: Option<String>,
    ) -> Option<Self> {
        let last_modified = DateTime::from_timestamp_nanos(modified_at.unwrap_or_default());
        let location = Path::parse(key).ok()?;
        Some(Self::new(bucket, ObjectMeta { location, last_modified, size, e_tag, version: None }))
    }

    pub(crate) fn bucket_name(&self) -> &str {
        &self.bucket.name
    }

    pub(crate) fn key(&self) -> &Path {
        &self.meta.location
    }

    pub(crate) fn e_tag(&self) -> Option<&str> {
        self.meta.e_tag.as_deref()
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.meta.location.filename()
    }

    pub(super) fn size(&self) -> u64 {
        self.meta.size
    }

    /// When it was put there, in nanoseconds since the Unix epoch; most services tell whole seconds.
    pub(super) fn modified_at(&self) -> Option<i64> {
        self.meta.last_modified.timestamp_nanos_opt()
    }

    /// Its URL and its e-tag.
    pub(super) fn versioned(&self) -> String {
        format!("{self} {}", self.meta.e_tag.as_deref().unwrap_or_default())
    }

    /// What tells it from another version of itself; ordered as paths are.
    fn identity(&self) -> (&str, &FilePath, Option<&str>, u64, DateTime<Utc>) {
        let ObjectMeta { location, e_tag, size, last_modified, .. } = &*self.meta;
        (&self.bucket.name, FilePath::new(location.as_ref()), e_tag.as_deref(), *size, *last_modified)
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.bucket.name, self.meta.location)
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Its store may hold credentials, which nobody should print.
impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl PartialEq for Bucket {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Bucket {}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for Object {}

impl Ord for Object {
    fn cmp(&self, other: &Self) -> Ordering {
        self.identity().cmp(&other.identity())
    }
}

impl PartialOrd for Object {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
