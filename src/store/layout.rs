//! Finds the tiers of a store from a forgiving path.
//!
//! Any folder of a data directory leads to the whole: the siblings of a cold or WAL folder are found.
//! A tier whose folder is absent beside one that exists is empty, not an error. A single file is a
//! store of its own. Looks at names only; what the folders hold is `inventory`'s.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use super::bucket::Bucket;

/// Where a stored row lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Tier {
    Cold,
    Wal,
    Hot,
}

impl Tier {
    pub(crate) const ALL: [Self; 3] = [Self::Cold, Self::Wal, Self::Hot];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Wal => "wal",
            Self::Hot => "hot",
        }
    }
}

/// The places of one store. A tier without a place is empty. In a bucket, each is the URL that a user would type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    /// The folder that all shown paths are relative to.
    pub(crate) spans: PathBuf,
    /// A folder, or the one file that the user named.
    pub(crate) cold: Option<PathBuf>,
    pub(crate) wal: Option<PathBuf>,
    pub(crate) hot_snapshot: Option<PathBuf>,
    /// The user named one file, so nothing can be said about what is absent.
    pub(crate) single_file: bool,
    /// The one that the store lies in; none where that is a folder of this machine.
    pub(crate) bucket: Option<Arc<Bucket>>,
    /// Where only what is new matters: files that were last written to earlier are no part of the store, and neither is
    /// the snapshot, which is a copy of them. Nanoseconds since the Unix epoch.
    pub(crate) written_since: Option<i64>,
}

/// Why there is no store here.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LayoutError {
    #[error("no such path: `{}`", .0.display())]
    Missing(PathBuf),
    #[error("cannot look into `{}`", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("`{}` is not a data directory, nor a part of one", .0.display())]
    NotAStore(PathBuf),
    #[error("no data directory at {}", .0.iter().map(|place| format!("`{}`", place.display())).collect::<Vec<_>>().join(" or "))]
    NoDefault(Vec<PathBuf>),
}

pub(super) const HOT_SNAPSHOT: &str = "hot_snapshot.parquet";

impl Layout {
    /// The store at `path`, or the first default place that is one.
    pub(crate) fn find(path: Option<&Path>) -> Result<Self, LayoutError> {
        let Some(path) = path else {
            return Self::first_of(default_places());
        };
        Self::at(path)
    }

    /// The part of the store that was written to since a moment.
    pub(crate) fn written_since(self, since: SystemTime) -> Self {
        let nanos = since.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        Self { written_since: i64::try_from(nanos).ok(), ..self }
    }

    /// The folders and files of the store, where nothing may be written.
    pub(crate) fn protected(&self) -> Vec<PathBuf> {
        if self.bucket.is_some() {
            return Vec::new();
        }
        let spans = (!self.single_file).then_some(&self.spans);
        let databases = self.index().and_then(|index| Some(index.parent()?.to_owned()));
        let places = spans.into_iter().chain(&self.cold).chain(&self.wal).chain(&self.hot_snapshot).cloned();
        places.chain(databases.filter(|folder| folder.exists())).collect()
    }

    /// Where the studio's backend keeps the index of this store. By its exact name: the database beside it holds API
    /// keys, and is nobody's to open. None where this is a part of a store alone: it is of the whole.
    pub(crate) fn index(&self) -> Option<PathBuf> {
        let is_whole = !self.single_file && self.written_since.is_none() && self.bucket.is_none();
        is_whole.then(|| parent(&self.spans).join("sqlite").join("metadata.db"))
    }

    /// Where a path inside the studio's container lies here; none for a path of another shape.
    pub(crate) fn on_host(&self, studio_path: &str) -> Option<PathBuf> {
        let (_, within) = studio_path.rsplit_once("/spans/")?;
        let plain = within.split('/').all(|part| !part.is_empty() && part != "..");
        plain.then(|| self.spans.join(within))
    }

    fn first_of(places: Vec<PathBuf>) -> Result<Self, LayoutError> {
        for place in &places {
            match Self::at(place) {
                Err(LayoutError::Missing(_) | LayoutError::NotAStore(_)) => {}
                found_or_unreadable => return found_or_unreadable,
            }
        }
        Err(LayoutError::NoDefault(places))
    }

    fn at(path: &Path) -> Result<Self, LayoutError> {
        let no_store = || LayoutError::NotAStore(path.to_owned());
        let Some(metadata) = look_at(path)? else {
            return Err(LayoutError::Missing(path.to_owned()));
        };
        if metadata.is_file() {
            return Self::of_file(path).ok_or_else(no_store);
        }
        let entries = Entries::of(path).map_err(|source| unreadable(path, source))?;
        for spans in [path.join("spans"), path.to_owned()] {
            if let Some(layout) = Self::of_spans(&spans)? {
                return Ok(layout);
            }
        }
        let cold = cold_root(path);
        if entries.parquet || cold.ends_with("parquet") {
            let spans = parent(cold);
            // A day alone would make every span of another day look lost.
            Self::with_tiers(&spans, Some(cold.to_owned()), folder(spans.join("wal"))?)
        } else if entries.segments || path.ends_with("wal") {
            let spans = parent(path);
            Self::with_tiers(&spans, folder(spans.join("parquet"))?, Some(path.to_owned()))
        } else {
            Err(no_store())
        }
    }

    fn of_file(path: &Path) -> Option<Self> {
        let mut layout = Self::empty(parent(path));
        layout.single_file = true;
        match path.extension().and_then(OsStr::to_str)? {
            "ipc" => layout.wal = Some(path.to_owned()),
            "parquet" if path.file_name() == Some(OsStr::new(HOT_SNAPSHOT)) => {
                layout.hot_snapshot = Some(path.to_owned());
            }
            "parquet" => layout.cold = Some(path.to_owned()),
            _ => return None,
        }
        Some(layout)
    }

    fn of_spans(path: &Path) -> Result<Option<Self>, LayoutError> {
        let layout = Self::with_tiers(path, folder(path.join("parquet"))?, folder(path.join("wal"))?)?;
        let found = layout.cold.is_some() || layout.wal.is_some() || layout.hot_snapshot.is_some();
        Ok(found.then_some(layout))
    }

    fn with_tiers(spans: &Path, cold: Option<PathBuf>, wal: Option<PathBuf>) -> Result<Self, LayoutError> {
        let snapshot = spans.join(HOT_SNAPSHOT);
        let hot_snapshot = look_at(&snapshot)?.map(|_| snapshot);
        Ok(Self { cold, wal, hot_snapshot, ..Self::empty(spans.to_owned()) })
    }

    pub(crate) fn empty(spans: PathBuf) -> Self {
        Self {
            spans,
            cold: None,
            wal: None,
            hot_snapshot: None,
            single_file: false,
            bucket: None,
            written_since: None,
        }
    }
}

/// What a folder looks like from outside.
#[derive(Default)]
struct Entries {
    parquet: bool,
    segments: bool,
}

impl Entries {
    fn of(folder: &Path) -> io::Result<Self> {
        let mut seen = Self::default();
        for entry in fs::read_dir(folder)? {
            let name = PathBuf::from(entry?.file_name());
            let extension = name.extension().and_then(OsStr::to_str);
            seen.parquet |= extension == Some("parquet") || is_date_folder(&name);
            seen.segments |= extension == Some("ipc");
        }
        Ok(seen)
    }
}

fn default_places() -> Vec<PathBuf> {
    let home = std::env::home_dir().map(|home| home.join(".junjo"));
    std::iter::once(PathBuf::from(".dbdata")).chain(home).collect()
}

/// The cold folder that `year=/month=/day=` folders belong to.
fn cold_root(path: &Path) -> &Path {
    path.ancestors().find(|folder| !is_date_folder(folder)).unwrap_or(path)
}

fn is_date_folder(path: &Path) -> bool {
    is_date_part(path.file_name().and_then(OsStr::to_str).unwrap_or_default())
}

/// Whether a folder of this name holds the cold files of a year, a month or a day.
pub(super) fn is_date_part(name: &str) -> bool {
    ["year=", "month=", "day="].iter().any(|part| name.starts_with(part))
}

fn folder(path: PathBuf) -> Result<Option<PathBuf>, LayoutError> {
    let metadata = look_at(&path)?;
    Ok(metadata.is_some_and(|metadata| metadata.is_dir()).then_some(path))
}

/// None when nothing is there. Whatever else keeps us from looking is an error: it may hide a tier.
fn look_at(path: &Path) -> Result<Option<fs::Metadata>, LayoutError> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(err) if matches!(err.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(err) => Err(unreadable(path, err)),
    }
}

fn unreadable(path: &Path, source: io::Error) -> LayoutError {
    LayoutError::Unreadable { path: path.to_owned(), source }
}

/// The folder around `path`, also where the path is a bare name or ends in dots.
fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if path.file_name().is_some() && parent != Path::new("") => parent.to_owned(),
        Some(_) if path.file_name().is_some() => PathBuf::from("."),
        _ => path.join(".."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(parts: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::Builder::new().prefix("a b%20#1 ü").tempdir().unwrap();
        for part in parts {
            let path = dir.path().join(part);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            if part.ends_with('/') {
                fs::create_dir_all(path).unwrap();
            } else {
                fs::write(path, "").unwrap();
            }
        }
        dir
    }

    const WHOLE: [&str; 3] = [
        ".dbdata/spans/wal/batch_1_0001.ipc",
        ".dbdata/spans/parquet/year=2026/month=11/day=22/a.parquet",
        ".dbdata/spans/hot_snapshot.parquet",
    ];

    #[test]
    fn every_folder_of_a_store_leads_to_all_of_it() {
        let dir = store(&WHOLE);
        let spans = dir.path().join(".dbdata/spans");
        for given in [
            ".dbdata",
            ".dbdata/spans",
            ".dbdata/spans/parquet",
            ".dbdata/spans/wal",
            ".dbdata/spans/parquet/",
        ] {
            let layout = Layout::find(Some(&dir.path().join(given))).unwrap();
            assert_eq!(layout.spans, spans, "{given}");
            assert_eq!(layout.cold, Some(spans.join("parquet")), "{given}");
            assert_eq!(layout.wal, Some(spans.join("wal")), "{given}");
            assert_eq!(layout.hot_snapshot, Some(spans.join(HOT_SNAPSHOT)), "{given}");
        }
    }

    #[test]
    fn a_day_leads_to_the_whole_cold_tier() {
        let dir = store(&WHOLE);
        let spans = dir.path().join(".dbdata/spans");
        let layout = Layout::find(Some(&spans.join("parquet/year=2026/month=11"))).unwrap();
        assert_eq!((layout.cold, layout.spans), (Some(spans.join("parquet")), spans));
    }

    #[test]
    fn an_absent_tier_is_empty() {
        let dir = store(&[".dbdata/spans/wal/"]);
        let layout = Layout::find(Some(&dir.path().join(".dbdata"))).unwrap();
        assert_eq!((layout.cold, layout.wal.is_some(), layout.hot_snapshot), (None, true, None));
    }

    #[test]
    fn a_single_file_stands_alone() {
        let dir = store(&WHOLE);
        let layout = Layout::find(Some(&dir.path().join(WHOLE[0]))).unwrap();
        assert!(
            layout.single_file
                && layout.wal.is_some()
                && layout.cold.is_none()
                && layout.hot_snapshot.is_none()
        );
    }

    #[test]
    fn what_is_no_store_is_refused() {
        let dir = store(&["notes/readme.txt"]);
        let find = |part: &str| Layout::find(Some(&dir.path().join(part)));
        assert!(matches!(find("notes"), Err(LayoutError::NotAStore(_))));
        assert!(matches!(find("notes/readme.txt"), Err(LayoutError::NotAStore(_))));
        assert!(matches!(find("nowhere"), Err(LayoutError::Missing(_))));
    }

    #[test]
    fn the_first_default_that_is_a_store_wins() {
        let dir = store(&["one/", "two/spans/wal/"]);
        let places = vec![dir.path().join("none"), dir.path().join("one"), dir.path().join("two")];
        assert_eq!(Layout::first_of(places.clone()).unwrap().spans, dir.path().join("two/spans"));
        assert!(matches!(Layout::first_of(places[..2].to_vec()), Err(LayoutError::NoDefault(_))));
    }
}
