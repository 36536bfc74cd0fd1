//! From a key to the tiers of a store, as forgiving as a path is.

use std::sync::Arc;

use object_store::path::Path;

use super::{Address, Bucket, address::Service};
use crate::{
    base::problem::Problem,
    store::{
        layout::{HOT_SNAPSHOT, Layout, is_date_part},
        problem::FileProblem,
    },
};

/// The store at a URL.
pub(crate) fn find(url: &str) -> Result<Layout, Problem> {
    let address = Address::parse(url)?;
    let bucket = address.connect()?;
    let found = Search { bucket: &bucket }.at(&address.key).map_err(|problem| address.explain(&problem))?;
    found.ok_or_else(|| {
        let what = format!(
            "no store at `{}`: nothing below it is a part of one",
            bucket.shown(&address.key).display()
        );
        Problem::new(what, "name the key under which `spans/parquet` lies, or any below it")
    })
}

impl Address {
    fn explain(&self, problem: &FileProblem) -> Problem {
        let what = format!("cannot list `{}`", self.bucket);
        let hint = match (problem, self.service) {
            (FileProblem::Gone, Service::Http) => "check the address",
            (FileProblem::Gone, _) => "check the name of the bucket, and its region",
            (FileProblem::Unreachable(_), service) => service.reach(),
            (_, service) => service.credentials(),
        };
        let reason = match problem {
            FileProblem::Gone => "there is no such bucket".to_owned(),
            FileProblem::Forbidden(reason) | FileProblem::Unreachable(reason) => reason.clone(),
            other => other.to_string(),
        };
        Problem::new(format!("{what}: {reason}"), hint)
    }
}

struct Search<'b> {
    bucket: &'b Arc<Bucket>,
}

impl Search<'_> {
    fn at(&self, key: &Path) -> Result<Option<Layout>, FileProblem> {
        if let Some(layout) = self.of_file(key)? {
            return Ok(Some(layout));
        }
        for spans in [child(key, "spans"), key.clone()] {
            let layout = self.of_spans(&spans)?;
            if layout.cold.is_some() || layout.wal.is_some() || layout.hot_snapshot.is_some() {
                return Ok(Some(layout));
            }
        }
        let (folders, objects) = self.bucket.names(key)?;
        let ends = |end: &str| objects.iter().any(|name| name.ends_with(end));
        let cold = cold_root(key);
        let holds_cold = ends(".parquet") || folders.iter().any(|name| is_date_part(name));
        let is_empty = folders.is_empty() && objects.is_empty();
        if holds_cold || (cold.filename() == Some("parquet") && !is_empty) {
            // A day alone would make every span of another day look lost.
            let spans = parent(&cold);
            let mut layout = self.of_spans(&spans)?;
            layout.cold = Some(self.bucket.shown(&cold));
            return Ok(Some(layout));
        }
        if ends(".ipc") || (key.filename() == Some("wal") && !is_empty) {
            let mut layout = self.of_spans(&parent(key))?;
            layout.wal = Some(self.bucket.shown(key));
            return Ok(Some(layout));
        }
        Ok(None)
    }

    fn of_file(&self, key: &Path) -> Result<Option<Layout>, FileProblem> {
        let ending = key.filename().and_then(|name| name.rsplit_once('.')).map(|(_, ending)| ending);
        if !matches!(ending, Some("parquet" | "ipc")) || self.bucket.look_at(key)?.is_none() {
            return Ok(None);
        }
        let mut layout = self.empty(&parent(key));
        layout.single_file = true;
        let place = Some(self.bucket.shown(key));
        match ending {
            Some("ipc") => layout.wal = place,
            _ if key.filename() == Some(HOT_SNAPSHOT) => layout.hot_snapshot = place,
            _ => layout.cold = place,
        }
        Ok(Some(layout))
    }

    /// The tiers below a key, as far as anything lies in them.
    fn of_spans(&self, spans: &Path) -> Result<Layout, FileProblem> {
        let folder = |name: &'static str| {
            let key = child(spans, name);
            let (folders, objects) = self.bucket.names(&key)?;
            let is_there = !folders.is_empty() || !objects.is_empty();
            Ok::<_, FileProblem>(is_there.then(|| self.bucket.shown(&key)))
        };
        let mut layout = self.empty(spans);
        layout.cold = folder("parquet")?;
        layout.wal = folder("wal")?;
        let snapshot = child(spans, HOT_SNAPSHOT);
        layout.hot_snapshot = self.bucket.look_at(&snapshot)?.map(|_| self.bucket.shown(&snapshot));
        Ok(layout)
    }

    fn empty(&self, spans: &Path) -> Layout {
        Layout { bucket: Some(Arc::clone(self.bucket)), ..Layout::empty(self.bucket.shown(spans)) }
    }
}

fn child(key: &Path, name: &'static str) -> Path {
    key.clone().join(name)
}

fn parent(key: &Path) -> Path {
    key.parent().unwrap_or_default()
}

/// The cold folder that `year=/month=/day=` folders belong to.
fn cold_root(key: &Path) -> Path {
    let mut key = key.clone();
    while key.filename().is_some_and(is_date_part) {
        key = parent(&key);
    }
    key
}
