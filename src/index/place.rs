//! From a path inside the studio's container to the cold file here that it names.
//!
//! The folders above are the container's; from the date folders on the paths are the same. A file that lies elsewhere
//! below the cold folder, such as in a backup inside of it, is told from its original by the longest end that agrees.

use std::collections::HashMap;

/// The cold files of a store by the ends of their paths.
#[derive(Debug)]
pub(crate) struct Places<'f> {
    /// By what [`key`] leaves: paths below the cold folder, each with its number.
    by_key: HashMap<&'f str, Vec<(&'f str, u32)>>,
}

impl<'f> Places<'f> {
    /// Of paths below the cold folder.
    pub(crate) fn of(files: impl Iterator<Item = &'f str>) -> Self {
        let mut by_key: HashMap<&str, Vec<(&str, u32)>> = HashMap::new();
        for (number, below) in (0..).zip(files) {
            by_key.entry(key(below)).or_default().push((below, number));
        }
        Self { by_key }
    }

    /// The number of the file that a path of the index names, and the folder that stands before its part.
    pub(crate) fn find<'p>(&self, path: &'p str) -> Option<(u32, &'p str)> {
        let fits = |below: &str| {
            let folder = path.strip_suffix(below)?;
            (folder.is_empty() || folder.ends_with('/')).then_some(folder)
        };
        let found = self.by_key.get(key(path))?.iter();
        let fitting = found.filter_map(|(below, number)| Some((below.len(), *number, fits(below)?)));
        fitting.max_by_key(|(length, ..)| *length).map(|(_, number, folder)| (number, folder))
    }
}

/// A path from its last `year=` on; where it has none, its file's name.
fn key(path: &str) -> &str {
    let from = path.rfind("/year=").map(|slash| slash + 1);
    let from = from.or(path.starts_with("year=").then_some(0));
    let from = from.or(path.rfind('/').map(|slash| slash + 1));
    path.get(from.unwrap_or_default()..).unwrap_or(path)
}

/// Where a path of the index lies below a cold folder, as far as its shape tells.
pub(crate) fn below_cold(path: &str) -> &str {
    match path.rsplit_once("/parquet/") {
        Some((_, below)) if !path.contains("/year=") || below.contains("year=") => below,
        _ => key(path),
    }
}

/// The folder before what [`below_cold`] gives.
pub(crate) fn folder(path: &str) -> &str {
    path.strip_suffix(below_cold(path)).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_the_container_is_found_by_its_end() {
        let files = [
            "year=2026/month=11/day=23/a.parquet",
            "backup/year=2026/month=11/day=23/a.parquet",
            "stray.parquet",
        ];
        let places = Places::of(files.iter().copied());
        let find = |path: &'static str| places.find(path);
        let container = "/app/.dbdata/spans/parquet/";
        for (number, file) in (0..).zip(files) {
            let path = format!("{container}{file}");
            assert_eq!(places.find(&path), Some((number, container)), "{file}");
            assert_eq!((below_cold(&path), folder(&path)), (file, container));
        }
        assert_eq!(find("/data/year=2026/month=11/day=23/a.parquet"), Some((0, "/data/")));
        assert_eq!(find("year=2026/month=11/day=23/a.parquet"), Some((0, "")));
        assert_eq!(find("/app/year=2026/month=11/day=24/a.parquet"), None);
        assert_eq!(find("/app/notyear=2026/month=11/day=23/a.parquet"), None);
        assert_eq!(find("/app/tray.parquet"), None);
    }
}
