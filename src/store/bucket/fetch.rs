//! The bytes of an object: whole with one GET, or of a large one only the ends, where no more is looked at.

use std::{
    collections::VecDeque,
    io::{self, Write},
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use bytes::Bytes;
use futures::StreamExt;
use object_store::{GetOptions, GetRange, GetResult, ObjectStore};

use super::{Object, reason};
use crate::{
    base::{
        memory::decode_budget,
        temporary::{self, Temporary},
    },
    store::{
        bytes::{Extent, read_at},
        problem::FileProblem,
    },
};

/// What is read of the beginning of a file where only its ends are.
const HEAD: u64 = 16;
/// The footer of a studio's file takes some twenty kilobytes.
const FOOTER: u64 = 512 << 10;

/// Files that are kept at most: each takes a handle.
const KEPT_FILES: usize = 128;

/// An object that is being read.
#[derive(Debug)]
pub(crate) struct ObjectBytes {
    object: Object,
    /// How much of its end is read where its ends are.
    tail_length: u64,
    head: OnceLock<Bytes>,
    tail: OnceLock<Bytes>,
    whole: OnceLock<Arc<Temporary>>,
}

/// Objects that were fetched last.
#[derive(Debug, Default)]
pub(super) struct Kept(VecDeque<Slot>);

/// An object, and its bytes once they have come: who wants them while they come waits for them.
#[derive(Debug, Clone)]
struct Slot {
    object: Object,
    fetched: Arc<Mutex<Option<Arc<Temporary>>>>,
}

impl Kept {
    /// The place of an object, which is the last to go now.
    fn slot(&mut self, object: &Object) -> Slot {
        let known = self.0.iter().position(|slot| slot.object == *object);
        let slot = known.and_then(|known| self.0.remove(known));
        let slot = slot.unwrap_or_else(|| Slot { object: object.clone(), fetched: Arc::default() });
        self.0.push_back(slot.clone());
        slot
    }

    /// Drops what was used longest ago and is not in use.
    fn shrink(&mut self, budget: u64) {
        let mut bytes: u64 = self.0.iter().map(|slot| slot.object.meta.size).sum();
        let mut files = self.0.len();
        self.0.retain(|slot| {
            let stays = (files <= KEPT_FILES && bytes <= budget) || slot.is_in_use();
            if !stays {
                bytes -= slot.object.meta.size;
                files -= 1;
            }
            stays
        });
    }
}

impl Slot {
    /// Whether it is being fetched, or read.
    fn is_in_use(&self) -> bool {
        match self.fetched.try_lock().as_deref() {
            Ok(Some(file)) => Arc::strong_count(file) > 1,
            Ok(None) => Arc::strong_count(&self.fetched) > 1,
            Err(_) => true,
        }
    }
}

impl ObjectBytes {
    pub(crate) fn open(object: &Object, extent: Extent) -> io::Result<Self> {
        let tail_length = match extent {
            Extent::Ends => HEAD,
            Extent::Footer | Extent::Whole => FOOTER,
        };
        // Two requests for the ends of a small object would be more than one for all of it.
        let is_fetched_whole = extent == Extent::Whole || object.meta.size <= HEAD + tail_length;
        let whole =
            if is_fetched_whole { Some(object.fetch().map_err(io::Error::other)?) } else { object.kept() };
        Ok(Self {
            object: object.clone(),
            tail_length,
            head: OnceLock::new(),
            tail: OnceLock::new(),
            whole: whole.map(OnceLock::from).unwrap_or_default(),
        })
    }

    pub(crate) fn size(&self) -> u64 {
        self.object.meta.size
    }

    pub(crate) fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        let end = offset.saturating_add(bytes.len() as u64);
        let size = self.size();
        if end > size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let tail = size.saturating_sub(self.tail_length);
        let part = if self.whole.get().is_some() {
            None
        } else if end <= HEAD {
            self.part(&self.head, 0..HEAD)?.map(|head| (0, head))
        } else if offset >= tail {
            self.part(&self.tail, tail..size)?.map(|bytes| (tail, bytes))
        } else {
            None
        };
        let Some((begins, part)) = part else {
            return read_at(self.whole()?.as_file(), offset, bytes);
        };
        let from = (offset - begins) as usize;
        bytes.copy_from_slice(&part[from..from + bytes.len()]);
        Ok(())
    }

    /// None where the server gives whole files only.
    fn part<'b>(&self, known: &'b OnceLock<Bytes>, range: Range<u64>) -> io::Result<Option<&'b Bytes>> {
        if let Some(bytes) = known.get() {
            return Ok(Some(bytes));
        }
        let bytes = self.object.fetch_part(range).map_err(io::Error::other)?;
        Ok(bytes.map(|bytes| known.get_or_init(|| bytes)))
    }

    fn whole(&self) -> io::Result<&Temporary> {
        if let Some(whole) = self.whole.get() {
            return Ok(whole);
        }
        let whole = self.object.fetch().map_err(io::Error::other)?;
        Ok(self.whole.get_or_init(|| whole))
    }
}

impl Object {
    fn all_kept(&self) -> MutexGuard<'_, Kept> {
        self.bucket.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of it, if it was fetched and kept.
    fn kept(&self) -> Option<Arc<Temporary>> {
        let slot = self.all_kept().0.iter().find(|slot| slot.object == *self)?.clone();
        slot.fetched.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All of it, by one GET, unless it was kept.
    pub(in crate::store) fn fetch(&self) -> Result<Arc<Temporary>, FileProblem> {
        let slot = self.all_kept().slot(self);
        let mut fetched = slot.fetched.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &*fetched {
            return Ok(Arc::clone(file));
        }
        let (bucket, object) = (Arc::clone(&self.bucket), self.clone());
        let file = Arc::new(self.bucket.wait(async move { object.get_whole(&*bucket.store).await })??);
        *fetched = Some(Arc::clone(&file));
        self.all_kept().shrink(decode_budget());
        Ok(file)
    }

    async fn get_whole(&self, store: &dyn ObjectStore) -> Result<Temporary, FileProblem> {
        let unkept = |err: io::Error| FileProblem::Unkept(err.to_string());
        let mut file = temporary::file().map_err(unkept)?;
        let whole = self.get(store, None).await?;
        let whole = whole.ok_or_else(|| FileProblem::Unreachable("the server gives no file".to_owned()))?;
        let mut parts = whole.into_stream();
        let mut length = 0;
        while let Some(part) = parts.next().await {
            let part = part.map_err(|err| reason::problem(&err))?;
            length += part.len() as u64;
            if length > self.meta.size {
                return Err(FileProblem::Changed);
            }
            file.write_all(&part).map_err(unkept)?;
        }
        if length < self.meta.size {
            let text = format!("the answer ended after {length} of {} bytes", self.meta.size);
            return Err(FileProblem::Unreachable(text));
        }
        Ok(file)
    }

    fn fetch_part(&self, range: Range<u64>) -> Result<Option<Bytes>, FileProblem> {
        let (bucket, object) = (Arc::clone(&self.bucket), self.clone());
        self.bucket.wait(async move {
            let length = range.end - range.start;
            let Some(got) = object.get(&*bucket.store, Some(GetRange::Bounded(range))).await? else {
                return Ok(None);
            };
            let bytes = got.bytes().await.map_err(|err| reason::problem(&err))?;
            if bytes.len() as u64 == length { Ok(Some(bytes)) } else { Err(FileProblem::Changed) }
        })?
    }

    /// Of the version that was listed, and of no other; none where the server gives whole files only.
    async fn get(
        &self,
        store: &dyn ObjectStore,
        range: Option<GetRange>,
    ) -> Result<Option<GetResult>, FileProblem> {
        let listed = self.meta.e_tag.as_deref();
        // A weak tag never matches, by the rules of HTTP.
        let if_match = listed.filter(|tag| !tag.starts_with("W/")).map(str::to_owned);
        let options = GetOptions { if_match, range, ..GetOptions::default() };
        let got = match store.get_opts(&self.meta.location, options).await {
            Err(object_store::Error::NotSupported { .. }) => return Ok(None),
            got => got.map_err(|err| reason::problem(&err))?,
        };
        let same_tag = match (listed, got.meta.e_tag.as_deref()) {
            (Some(listed), Some(got)) => bare(listed) == bare(got),
            // Without a tag there is the time, which has whole seconds.
            _ => got.meta.last_modified.timestamp() == self.meta.last_modified.timestamp(),
        };
        if same_tag && got.meta.size == self.meta.size { Ok(Some(got)) } else { Err(FileProblem::Changed) }
    }
}

/// Some services quote a tag in an answer and not in a listing.
fn bare(tag: &str) -> &str {
    tag.trim_start_matches("W/").trim_matches('"')
}

#[cfg(test)]
mod tests {
    use object_store::{ObjectStoreExt, memory::InMemory, path::Path};

    use super::{super::Bucket, *};

    /// A bucket with an object of so many bytes under each of these keys.
    async fn bucket(keys: &[&str], size: usize) -> (Arc<InMemory>, Vec<Object>) {
        let store = Arc::new(InMemory::new());
        let bucket = Bucket::new("s3://test".to_owned(), Arc::<InMemory>::clone(&store), None);
        let mut objects = Vec::new();
        for key in keys {
            let key = Path::from(*key);
            let bytes: Vec<u8> = (0..size).map(|at| at as u8).collect();
            store.put(&key, bytes.into()).await.unwrap();
            objects.push(Object::new(&bucket, store.head(&key).await.unwrap()));
        }
        (store, objects)
    }

    #[tokio::test]
    async fn what_is_kept_is_not_asked_for_again_and_the_oldest_goes_first() {
        let (store, objects) = bucket(&["a", "b", "c"], 100).await;
        let held = objects[0].fetch().unwrap();
        objects[1].fetch().unwrap();
        objects[2].fetch().unwrap();
        store.delete(&Path::from("b")).await.unwrap();
        assert!(objects[1].fetch().is_ok());
        objects[0].all_kept().shrink(200);
        let kept = || objects.iter().map(|object| object.kept().is_some()).collect::<Vec<_>>();
        assert_eq!(kept(), [true, true, false], "the first is in use, the second was asked for again");
        drop(held);
        objects[0].all_kept().shrink(0);
        assert_eq!(kept(), [false; 3]);
        assert_eq!(objects[1].fetch().err(), Some(FileProblem::Gone));
    }

    #[tokio::test]
    async fn of_a_large_object_the_ends_are_read_by_themselves() {
        let size = (HEAD + FOOTER) as usize + 1_000;
        let (store, objects) = bucket(&["a"], size).await;
        let bytes = ObjectBytes::open(&objects[0], Extent::Footer).unwrap();
        let read = |offset: u64, length: usize| {
            let mut read = vec![0; length];
            bytes.read_at(offset, &mut read).map(|()| read[0] == offset as u8)
        };
        assert!(read(0, 4).unwrap() && read(size as u64 - 8, 8).unwrap());
        assert!(read(size as u64, 1).is_err());
        assert!(objects[0].kept().is_none());
        assert!(read(100, 10).unwrap());
        assert!(objects[0].kept().is_some());
        // The version that was listed, or none.
        store.put(&Path::from("a"), vec![0; size].into()).await.unwrap();
        objects[0].all_kept().0.clear();
        assert_eq!(objects[0].fetch().err(), Some(FileProblem::Changed));
    }
}
