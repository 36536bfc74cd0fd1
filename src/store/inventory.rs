//! Lists what a tier's folder, or key, really holds: every entry, also those that the studio ignores.
//!
//! A walk of our own, because a listing table drops zero-byte files and files outside the date
//! folders without a word. Called per tier: segments are read before cold files are listed, so that a
//! flush in between can show a span twice but never hide it. Opens no file.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::UNIX_EPOCH,
};

use chrono::{DateTime, NaiveDateTime};

use super::{
    bucket::{Bucket, Object, list::Listed},
    layout::{HOT_SNAPSHOT, Layout, Tier},
    place::Place,
    problem::FileProblem,
};

/// A directory entry of a tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundFile {
    pub(crate) tier: Tier,
    pub(crate) place: Place,
    /// Relative to the spans folder, with `/`; what reports and tables call the file.
    pub(crate) shown: String,
    pub(crate) size: u64,
    pub(crate) kind: Kind,
    /// When the studio made it, by its name: nanoseconds since the Unix epoch.
    pub(crate) named_at: Option<i64>,
    /// When it was last written to, in nanoseconds since the Unix epoch; none where the system does not say.
    pub(crate) modified_at: Option<i64>,
}

impl FoundFile {
    /// Where a studio puts a cold file of this name, below the cold folder: the day of its flush. None for a
    /// name that no studio gives, and for other tiers.
    pub(crate) fn expected_place(&self) -> Option<String> {
        if self.tier != Tier::Cold || self.kind != Kind::Parquet {
            return None;
        }
        let day = DateTime::from_timestamp_nanos(self.named_at?).format("year=%Y/month=%m/day=%d");
        Some(format!("{day}/{}", self.place.name()?))
    }
}

/// What an entry is to the studio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Parquet,
    Segment,
    /// A write in progress, or left by a crash; the studio never reads it.
    Temp,
    /// Nothing that the studio put there.
    Foreign,
}

impl Kind {
    pub(crate) fn is_data(self) -> bool {
        matches!(self, Self::Parquet | Self::Segment)
    }
}

/// A place that could not be looked at, so that nothing is known of what it holds.
#[derive(Debug, thiserror::Error)]
#[error("cannot look at `{shown}`")]
pub(crate) struct Unlisted {
    pub(crate) tier: Tier,
    pub(crate) path: PathBuf,
    pub(crate) shown: String,
    pub(crate) source: io::Error,
}

/// The entries of one tier, sorted by path.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    pub(crate) files: Vec<FoundFile>,
    pub(crate) unlisted: Vec<Unlisted>,
}

impl Inventory {
    pub(crate) fn data(&self) -> impl Iterator<Item = &FoundFile> {
        self.files.iter().filter(|file| file.kind.is_data())
    }
}

/// Lists one tier as it is now, also when its folder came into being after the layout was found.
pub(crate) fn list(layout: &Layout, tier: Tier) -> Inventory {
    let (place, name) = match tier {
        Tier::Cold => (&layout.cold, "parquet"),
        Tier::Wal => (&layout.wal, "wal"),
        Tier::Hot => (&layout.hot_snapshot, HOT_SNAPSHOT),
    };
    let mut found = if let Some(bucket) = &layout.bucket {
        match (place, layout.single_file) {
            (Some(place), _) => in_bucket(bucket, layout, tier, place),
            (None, true) => Inventory::default(),
            (None, false) => in_bucket(bucket, layout, tier, &layout.spans.join(name)),
        }
    } else {
        let late = || Some(layout.spans.join(name)).filter(|place| !layout.single_file && place.exists());
        let root = place.clone().or_else(late);
        let mut walk = Walk { layout, tier, root: root.as_deref(), found: Inventory::default() };
        walk.tree();
        if tier == Tier::Hot {
            walk.unfinished_snapshot();
        }
        walk.found
    };
    if let Some(since) = layout.written_since {
        found.files.retain(|file| tier != Tier::Hot && file.modified_at.is_none_or(|at| at >= since));
    }
    found.files.sort_by(|a, b| a.place.cmp(&b.place));
    found
}

struct Walk<'a> {
    layout: &'a Layout,
    tier: Tier,
    root: Option<&'a Path>,
    found: Inventory,
}

impl Walk<'_> {
    fn tree(&mut self) {
        let Some(root) = self.root else { return };
        match fs::metadata(root) {
            Ok(metadata) if metadata.is_dir() => self.folder(root),
            Ok(metadata) => self.file(root, &metadata),
            Err(err) => self.unlisted(root, err),
        }
    }

    fn unfinished_snapshot(&mut self) {
        let temp = self.layout.spans.join(HOT_SNAPSHOT).with_extension("parquet.tmp");
        if !self.layout.single_file && !is_absent(&temp) {
            self.entry(&temp);
        }
    }

    fn folder(&mut self, folder: &Path) {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(err) => return self.unlisted(folder, err),
        };
        for entry in entries {
            match entry {
                Ok(entry) => self.entry(&entry.path()),
                Err(err) => self.unlisted(folder, err),
            }
        }
    }

    fn entry(&mut self, path: &Path) {
        match fs::metadata(path) {
            // A link to a folder may lead back up, and every file would be seen twice.
            Ok(metadata) if metadata.is_dir() && path.is_symlink() => {
                self.unlisted(path, io::Error::other("a link to a folder, not followed"));
            }
            Ok(metadata) if metadata.is_dir() => self.folder(path),
            Ok(metadata) => self.file(path, &metadata),
            Err(err) => self.unlisted(path, err),
        }
    }

    fn file(&mut self, path: &Path, metadata: &fs::Metadata) {
        let is_segment = self.layout.single_file || path.parent() == self.root;
        let name = path.file_name().and_then(OsStr::to_str);
        let kind = if metadata.is_file() { kind(self.tier, path, is_segment) } else { Kind::Foreign };
        self.found.files.push(FoundFile {
            tier: self.tier,
            place: Place::Local(path.to_owned()),
            shown: shown(&self.layout.spans, path),
            size: metadata.len(),
            kind,
            named_at: name.and_then(|name| named_at(self.tier, name)),
            modified_at: modified_at(metadata),
        });
    }

    fn unlisted(&mut self, path: &Path, source: io::Error) {
        // Flushes and snapshots remove files while we look; a file that is gone is not a place we could not see.
        if source.kind() == io::ErrorKind::NotFound && !path.is_symlink() {
            return;
        }
        let shown = shown(&self.layout.spans, path);
        self.found.unlisted.push(Unlisted { tier: self.tier, path: path.to_owned(), shown, source });
    }
}

/// What a file is by its name. The studio lists segments without descending.
fn kind(tier: Tier, path: &Path, is_in_its_folder: bool) -> Kind {
    match (tier, path.extension().and_then(OsStr::to_str)) {
        (_, Some("tmp")) => Kind::Temp,
        (Tier::Wal, Some("ipc")) if is_in_its_folder => Kind::Segment,
        (Tier::Cold | Tier::Hot, Some("parquet")) => Kind::Parquet,
        _ => Kind::Foreign,
    }
}

/// One tier of a store whose files are objects. What has come into being since the layout was found is listed, too.
fn in_bucket(bucket: &Arc<Bucket>, layout: &Layout, tier: Tier, root: &Path) -> Inventory {
    let is_one_object = layout.single_file || tier == Tier::Hot;
    let listed = if is_one_object { look_at(bucket, layout, root) } else { bucket.walk(&bucket.key(root)) };
    let spans = bucket.key(&layout.spans);
    let relative = |key: &str| {
        let below = key.strip_prefix(spans.as_ref()).map(|rest| rest.trim_start_matches('/'));
        below.filter(|rest| !rest.is_empty()).unwrap_or(key).to_owned()
    };
    let file = |object: Object| {
        let key = object.key();
        let is_in_its_folder = layout.single_file || bucket.shown(key).parent() == Some(root);
        FoundFile {
            tier,
            shown: relative(key.as_ref()),
            size: object.size(),
            kind: kind(tier, Path::new(key.as_ref()), is_in_its_folder),
            named_at: key.filename().and_then(|name| named_at(tier, name)),
            modified_at: object.modified_at(),
            place: Place::Object(object),
        }
    };
    let unlisted = |(key, problem): (String, FileProblem)| Unlisted {
        tier,
        path: layout.spans.join(relative(&key)),
        shown: relative(&key),
        source: io::Error::other(problem),
    };
    Inventory {
        files: listed.objects.into_iter().map(file).collect(),
        unlisted: listed.unlisted.into_iter().map(unlisted).collect(),
    }
}

/// The one object that the user named, or the snapshot and what is left of an unfinished one.
fn look_at(bucket: &Arc<Bucket>, layout: &Layout, root: &Path) -> Listed {
    let unfinished = (!layout.single_file).then(|| root.with_extension("parquet.tmp"));
    let mut listed = Listed::default();
    for path in [root.to_owned()].into_iter().chain(unfinished) {
        let key = bucket.key(&path);
        match bucket.look_at(&key) {
            Ok(object) => listed.objects.extend(object),
            Err(problem) => listed.unlisted.push((key.to_string(), problem)),
        }
    }
    listed
}

pub(crate) fn modified_at(metadata: &fs::Metadata) -> Option<i64> {
    let since_epoch = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since_epoch.as_nanos()).ok()
}

fn is_absent(path: &Path) -> bool {
    fs::symlink_metadata(path).is_err_and(|err| err.kind() == io::ErrorKind::NotFound)
}

fn shown(spans: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(spans).unwrap_or(path);
    let parts: Vec<_> = relative.iter().map(OsStr::to_string_lossy).collect();
    parts.join("/")
}

/// The time in a name; a temporary file carries the name that it was to get.
pub(crate) fn named_at(tier: Tier, name: &str) -> Option<i64> {
    let name = name.strip_suffix(".tmp").unwrap_or(name);
    match tier {
        Tier::Cold => flushed_at(name.strip_suffix(".parquet")?),
        Tier::Wal => segment_of(name.strip_suffix(".ipc")?),
        Tier::Hot => None,
    }
}

fn flushed_at(stem: &str) -> Option<i64> {
    let (second, nanos) = stem.rsplit_once('_')?;
    let second = NaiveDateTime::parse_from_str(second, "%Y%m%d_%H%M%S").ok()?;
    let is_hex = nanos.len() == 8 && nanos.bytes().all(|byte| byte.is_ascii_hexdigit());
    let nanos = is_hex.then(|| u32::from_str_radix(nanos, 16).ok())??;
    let at = second.and_utc().timestamp().checked_mul(1_000_000_000)?.checked_add(i64::from(nanos))?;
    (nanos < 1_000_000_000).then_some(at)
}

fn segment_of(stem: &str) -> Option<i64> {
    let (nanos, sequence) = stem.strip_prefix("batch_")?.split_once('_')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_number(nanos) && is_number(sequence)).then(|| nanos.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_when() {
        let check = |tier, name, at| assert_eq!(named_at(tier, name), at, "{name}");
        check(Tier::Cold, "20261122_111418_30f27668.parquet", Some(1_795_346_058_821_196_392));
        check(Tier::Cold, "20261122_111418_30f27668.parquet.tmp", Some(1_795_346_058_821_196_392));
        check(Tier::Cold, "20261122_111418_ffffffff.parquet", None);
        check(Tier::Cold, "20261122_111418_+0f27668.parquet", None);
        check(Tier::Cold, "copy.parquet", None);
        check(Tier::Wal, "batch_1795346061456921668_0003.ipc", Some(1_795_346_061_456_921_668));
        check(Tier::Wal, "batch_1795346061456921668_12345.ipc.tmp", Some(1_795_346_061_456_921_668));
        check(Tier::Wal, "batch_99999999999999999999_0003.ipc", None);
        check(Tier::Wal, "batch_1_x.ipc", None);
        check(Tier::Hot, "hot_snapshot.parquet", None);
    }

    #[test]
    fn every_entry_is_listed_as_what_it_is() {
        let dir = tempfile::Builder::new().prefix("100% #ü ").tempdir().unwrap();
        let spans = dir.path().join("spans");
        let names = [
            "parquet/year=2026/b c.parquet",
            "parquet/stray.parquet",
            "parquet/a.parquet.tmp",
            "parquet/x.ipc",
            "wal/b.ipc",
            "wal/a.ipc.tmp",
            "wal/old/c.ipc",
        ];
        for name in names {
            fs::create_dir_all(spans.join(name).parent().unwrap()).unwrap();
            fs::write(spans.join(name), "1234").unwrap();
        }
        let layout = Layout::find(Some(&spans)).unwrap();
        let listed: Vec<(String, Kind)> = Tier::ALL
            .iter()
            .flat_map(|tier| list(&layout, *tier).files)
            .map(|file| (file.shown, file.kind))
            .collect();
        let expected = [
            ("parquet/a.parquet.tmp", Kind::Temp),
            ("parquet/stray.parquet", Kind::Parquet),
            ("parquet/x.ipc", Kind::Foreign),
            ("parquet/year=2026/b c.parquet", Kind::Parquet),
            ("wal/a.ipc.tmp", Kind::Temp),
            ("wal/b.ipc", Kind::Segment),
            ("wal/old/c.ipc", Kind::Foreign),
        ];
        assert_eq!(listed, expected.map(|(name, kind)| (name.to_owned(), kind)));
    }

    #[test]
    fn a_folder_that_the_first_flush_makes_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("wal")).unwrap();
        let layout = Layout::find(Some(dir.path())).unwrap();
        assert!(list(&layout, Tier::Cold).files.is_empty());
        fs::create_dir(dir.path().join("parquet")).unwrap();
        fs::write(dir.path().join("parquet/a.parquet"), "").unwrap();
        fs::write(dir.path().join("hot_snapshot.parquet.tmp"), "").unwrap();
        assert_eq!(list(&layout, Tier::Cold).data().count(), 1);
        assert_eq!(list(&layout, Tier::Hot).files[0].kind, Kind::Temp);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_a_folder_is_not_followed_but_said() {
        let dir = tempfile::tempdir().unwrap();
        let cold = dir.path().join("parquet");
        fs::create_dir(&cold).unwrap();
        std::os::unix::fs::symlink(dir.path(), cold.join("up")).unwrap();
        let found = list(&Layout::find(Some(dir.path())).unwrap(), Tier::Cold);
        assert_eq!((found.files.len(), found.unlisted.len()), (0, 1));
        assert_eq!(found.unlisted[0].shown, "parquet/up");
    }
}
