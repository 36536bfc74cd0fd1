//! A cold file as a job names it: where it lies, and what tells it from another in its place.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};

use crate::{
    base::problem::Problem,
    store::{
        bucket::{Address, Bucket, Object},
        inventory::{self, FoundFile, Kind},
        layout::Tier,
        place::Place,
    },
};

/// One file of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct JobFile {
    /// Its place in the job.
    pub(crate) number: u32,
    place: JobPlace,
    /// What reports call it.
    shown: String,
    pub(crate) size: u64,
    /// Unix nanoseconds.
    modified_at: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum JobPlace {
    /// From the root.
    Path(PathBuf),
    Object {
        /// As `s3://bucket`.
        bucket: String,
        key: String,
        e_tag: Option<String>,
    },
}

impl JobFile {
    /// None for what only this process can name.
    pub(crate) fn of(number: u32, file: &FoundFile) -> Option<Self> {
        let place = match &file.place {
            Place::Local(path) => {
                let path = std::path::absolute(path).ok()?;
                path.to_str()?;
                JobPlace::Path(path)
            }
            Place::Object(object) => JobPlace::Object {
                bucket: object.bucket_name().to_owned(),
                key: object.key().to_string(),
                e_tag: object.e_tag().map(str::to_owned),
            },
        };
        let &FoundFile { ref shown, size, modified_at, .. } = file;
        Some(Self { number, place, shown: shown.clone(), size, modified_at })
    }

    /// The file as this process finds it, or why it is not the one that was meant.
    pub(crate) fn find(&self, buckets: &Buckets) -> Result<FoundFile, String> {
        let (place, name) = match &self.place {
            JobPlace::Path(path) => {
                self.is_at(path)?;
                (Place::Local(path.clone()), path.file_name().and_then(|name| name.to_str()))
            }
            JobPlace::Object { bucket, key, e_tag } => {
                let bucket = buckets.connected(bucket).map_err(|problem| problem.to_string())?;
                let object = Object::listed(&bucket, key, self.size, self.modified_at, e_tag.clone());
                let object = object.ok_or("its key is none that can be asked for")?;
                (Place::Object(object), key.rsplit('/').next())
            }
        };
        Ok(FoundFile {
            tier: Tier::Cold,
            place,
            shown: self.shown.clone(),
            size: self.size,
            kind: Kind::Parquet,
            named_at: name.and_then(|name| inventory::named_at(Tier::Cold, name)),
            modified_at: self.modified_at,
        })
    }

    fn is_at(&self, path: &Path) -> Result<(), String> {
        let metadata = fs::metadata(path).map_err(|err| format!("`{}`: {err}", path.display()))?;
        let is_same = (metadata.len(), inventory::modified_at(&metadata)) == (self.size, self.modified_at);
        if is_same { Ok(()) } else { Err(format!("another file lies at `{}`", path.display())) }
    }
}

/// The buckets that files of a job lie in, each connected to once, with the credentials of this process.
#[derive(Debug, Default)]
pub(crate) struct Buckets(Mutex<BTreeMap<String, Arc<Bucket>>>);

impl Buckets {
    fn connected(&self, name: &str) -> Result<Arc<Bucket>, Problem> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = known.get(name) {
            return Ok(Arc::clone(bucket));
        }
        let bucket = Address::parse(name)?.connect()?;
        known.insert(name.to_owned(), Arc::clone(&bucket));
        Ok(bucket)
    }
}
