//! Lists what lies below a key, folder by folder, so that what cannot be listed stays in its folder.
//!
//! A listing ends at a key that has an empty segment, one of dots, or control characters: no path can hold it. Where the
//! store lists in pages, such a key alone is left out and named; else its folder.

use std::sync::Arc;

use futures::{StreamExt, stream};
use object_store::{
    ListResult, ObjectMeta, ObjectStore, ObjectStoreExt,
    list::{PaginatedListOptions, PaginatedListStore},
    path::Path,
};

use super::{Bucket, Object, reason};
use crate::store::problem::FileProblem;

/// Folders that are listed side by side.
const AT_ONCE: usize = 16;

/// As many keys as a page has.
const PAGE: usize = 1_000;

/// Keys of a folder that are left out one by one.
const BAD_KEYS: usize = 100;

/// Folders are nested so deep at most.
const MOST_PARTS: usize = 100;

/// What was found below a key.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    pub(crate) objects: Vec<Object>,
    /// Folders and keys that could not be listed, as a user would type them, and why.
    pub(crate) unlisted: Vec<(String, FileProblem)>,
}

/// What one folder holds.
#[derive(Default)]
struct Folder {
    objects: Vec<ObjectMeta>,
    folders: Vec<Path>,
    unlisted: Vec<(String, FileProblem)>,
}

impl Bucket {
    /// Everything below a key.
    pub(crate) fn walk(self: &Arc<Self>, root: &Path) -> Listed {
        let (bucket, first) = (Arc::clone(self), root.clone());
        let walked = self.wait(async move {
            let mut all = Folder::default();
            let mut folders = vec![first];
            while !folders.is_empty() {
                let mut listings = stream::iter(folders.drain(..).map(|folder| bucket.folder(folder)))
                    .buffered(AT_ONCE)
                    .collect::<Vec<_>>()
                    .await;
                for listing in &mut listings {
                    folders.append(&mut listing.folders);
                    all.objects.append(&mut listing.objects);
                    all.unlisted.append(&mut listing.unlisted);
                }
            }
            all
        });
        match walked {
            Ok(Folder { objects, unlisted, .. }) => {
                let objects = objects.into_iter().map(|meta| Object::new(self, meta)).collect();
                Listed { objects, unlisted }
            }
            Err(problem) => Listed { objects: Vec::new(), unlisted: vec![(root.to_string(), problem)] },
        }
    }

    /// The object of a key; none where there is none.
    pub(crate) fn look_at(self: &Arc<Self>, key: &Path) -> Result<Option<Object>, FileProblem> {
        let (bucket, of) = (Arc::clone(self), key.clone());
        match self.wait(async move { bucket.store.head(&of).await })? {
            Ok(meta) => Ok(Some(Object::new(self, meta))),
            Err(err) => match reason::problem(&err) {
                FileProblem::Gone => Ok(None),
                problem => Err(problem),
            },
        }
    }

    /// The names of what a folder holds: those of folders, and those of objects.
    pub(super) fn names(self: &Arc<Self>, folder: &Path) -> Result<(Vec<String>, Vec<String>), FileProblem> {
        let (bucket, of) = (Arc::clone(self), folder.clone());
        let listing = self.wait(async move { bucket.folder(of).await })?;
        let name = |key: &Path| key.filename().map(str::to_owned);
        let folders: Vec<String> = listing.folders.iter().filter_map(name).collect();
        let mut objects: Vec<String> =
            listing.objects.iter().filter_map(|meta| name(&meta.location)).collect();
        // A key that cannot be listed is there all the same.
        for (key, problem) in listing.unlisted {
            match problem {
                FileProblem::BadKey(_) => objects.push(key),
                problem => return Err(problem),
            }
        }
        Ok((folders, objects))
    }

    async fn folder(self: &Arc<Self>, folder: Path) -> Folder {
        let mut found = Folder::default();
        match self.store.list_with_delimiter(Some(&folder)).await {
            Ok(listing) => found.add(&folder, listing),
            Err(err) => match (reason::bad_key(&err), &self.pages) {
                (Some(_), Some(pages)) => found.list_around_bad_keys(&folder, &**pages).await,
                (Some((key, what)), None) => {
                    let text = format!("its key `{key}` {what}");
                    found.unlisted.push((folder.to_string(), FileProblem::BadKey(text)));
                }
                (None, _) => found.unlisted.push((folder.to_string(), reason::problem(&err))),
            },
        }
        found
    }
}

impl Folder {
    fn add(&mut self, folder: &Path, listing: ListResult) {
        // Some tools put an empty object in the place of a folder.
        let is_marker = |meta: &ObjectMeta| meta.size == 0 && meta.location == *folder;
        self.objects.extend(listing.objects.into_iter().filter(|meta| !is_marker(meta)));
        // Nobody else's word for it: a server could lead in a circle, or down for ever.
        let is_below =
            |found: &Path| found.prefix_matches(folder) && found.parts_count() > folder.parts_count();
        let (folders, others): (Vec<_>, Vec<_>) = listing
            .common_prefixes
            .into_iter()
            .partition(|found| is_below(found) && found.parts_count() <= MOST_PARTS);
        self.folders.extend(folders);
        let text = format!("it is not below its folder, or more than {MOST_PARTS} deep");
        let unlisted = |folder: Path| (folder.to_string(), FileProblem::BadKey(text.clone()));
        self.unlisted.extend(others.into_iter().map(unlisted));
    }

    /// Goes on behind each key that ends a listing, in ever smaller pages until that is the only one in its page.
    async fn list_around_bad_keys(&mut self, folder: &Path, pages: &dyn PaginatedListStore) {
        let prefix = if folder.is_root() { None } else { Some(format!("{folder}/")) };
        let (mut offset, mut most, mut bad) = (None::<String>, PAGE, 0);
        loop {
            let options = PaginatedListOptions {
                offset: offset.clone(),
                delimiter: Some("/".into()),
                max_keys: Some(most),
                ..PaginatedListOptions::default()
            };
            let err = match pages.list_paginated(prefix.as_deref(), options).await {
                Ok(page) => {
                    let is_last = page.page_token.is_none();
                    let keys = page.result.objects.iter().map(|meta| meta.location.to_string());
                    let folders = page.result.common_prefixes.iter().map(behind_folder);
                    offset = keys.chain(folders).max().or(offset);
                    self.add(folder, page.result);
                    if is_last {
                        return;
                    }
                    continue;
                }
                Err(err) => err,
            };
            match reason::bad_key(&err) {
                Some(_) if most > 1 => most = (most / 10).max(1),
                Some((key, what)) if bad < BAD_KEYS => {
                    self.unlisted.push((key.to_owned(), FileProblem::BadKey(format!("the key {what}"))));
                    offset = Some(if key.ends_with('/') { behind(key) } else { key.to_owned() });
                    (bad, most) = (bad + 1, PAGE);
                }
                Some(_) => {
                    let text = format!("more than {BAD_KEYS} of its keys cannot be listed");
                    return self.unlisted.push((folder.to_string(), FileProblem::BadKey(text)));
                }
                None => return self.unlisted.push((folder.to_string(), reason::problem(&err))),
            }
        }
    }
}

fn behind_folder(folder: &Path) -> String {
    behind(&format!("{folder}/"))
}

/// Behind all keys that begin so.
fn behind(prefix: &str) -> String {
    format!("{prefix}\u{10ffff}")
}
