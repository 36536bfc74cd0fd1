//! What a path holds that can be sent again.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    calls,
    chunk::{Notes, Trouble},
    frames::{Broken, Form, Records},
    requests::RequestFile,
    rows::StoredFiles,
};
use crate::{
    base::problem::Problem,
    store::{
        find::find_store,
        layout::{Layout, LayoutError},
    },
};

/// A source, by what its files hold.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    Store(StoredFiles),
    Requests(Vec<RequestFile>),
}

/// A source and what it is called.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    pub(crate) source: Source,
    pub(crate) kind: String,
}

/// Records that are looked at for one that can be read.
const PATIENCE: usize = 100;

const HINT: &str = "name a data directory or a file of one, OTLP JSON lines, length-prefixed protobuf, or what \
                    `e2e-store capture` wrote";

impl Source {
    /// What the files are called, and where they are.
    pub(crate) fn files(&self) -> Vec<(&str, &Path)> {
        match self {
            Self::Store(stored) => {
                stored.files.iter().map(|file| (file.shown.as_str(), file.path.as_path())).collect()
            }
            Self::Requests(files) => {
                files.iter().map(|file| (file.shown.as_str(), file.path.as_path())).collect()
            }
        }
    }
}

/// Looks into a path; what of it is of no use is noted.
pub(crate) fn open(path: &Path, notes: &mut Notes) -> anyhow::Result<Opened> {
    let opened = if path.is_file() { open_file(path, notes)? } else { open_folder(path, notes)? };
    if opened.source.files().is_empty() {
        let what = format!("there is nothing to send in `{}`", path.display());
        return Err(Problem::new(what, HINT).into());
    }
    Ok(opened)
}

fn open_file(path: &Path, notes: &mut Notes) -> anyhow::Result<Opened> {
    let no_source = |reason: String| {
        Problem::new(format!("`{}` is nothing that can be sent again", path.display()), HINT)
            .caused_by(reason)
    };
    let form = match readable(path) {
        Ok(form) => form,
        Err(reason) => return Err(no_source(reason).into()),
    };
    if matches!(form, Form::Parquet | Form::Segment) {
        return Ok(store(&find_store(Some(path))?, notes));
    }
    let file = RequestFile { path: path.to_owned(), shown: file_name(path) };
    Ok(Opened { kind: kind(&[&file], form), source: Source::Requests(vec![file]) })
}

fn open_folder(path: &Path, notes: &mut Notes) -> anyhow::Result<Opened> {
    match Layout::find(Some(path)) {
        Ok(layout) => return Ok(store(&layout, notes)),
        Err(LayoutError::NotAStore(_)) => {}
        // Says what to do about it.
        Err(_) => {
            return Err(find_store(Some(path)).err().map_or_else(|| anyhow::anyhow!("gone"), Into::into));
        }
    }
    let mut files: Vec<PathBuf> =
        fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    files.retain(|file| file.is_file() && !file_name(file).ends_with(calls::ENDING));
    files.sort();
    let (mut found, mut form) = (Vec::new(), Form::Empty);
    for file in files {
        let shown = file_name(&file);
        match readable(&file) {
            Ok(one @ (Form::JsonLines | Form::Prefixed)) => {
                form = one;
                found.push(RequestFile { path: file, shown });
            }
            Ok(other) => notes.trouble(&shown, format!("is a {}, and no file of requests", other.name())),
            Err(reason) => notes.trouble(&shown, reason),
        }
    }
    // A capture's files are numbered, and names sort otherwise.
    found.sort_by_key(|file| calls::first_at(&calls::path_of(&file.path)));
    if found.is_empty() {
        let what = format!("`{}` is no data directory, and holds no file of OTLP requests", path.display());
        let problem = Problem::new(what, HINT);
        return Err(match notes.trouble.first() {
            Some(Trouble { file, reason }) => problem.caused_by(format!("`{file}` {reason}")).into(),
            None => problem.into(),
        });
    }
    let kind = kind(&found.iter().collect::<Vec<_>>(), form);
    Ok(Opened { kind, source: Source::Requests(found) })
}

fn store(layout: &Layout, notes: &mut Notes) -> Opened {
    Opened { source: Source::Store(StoredFiles::of(layout, notes)), kind: "store".to_owned() }
}

/// The form of a file of which something can be read.
fn readable(path: &Path) -> Result<Form, String> {
    let mut records = Records::open(path).map_err(|err| format!("cannot be read: {err}"))?;
    match records.form {
        Form::Parquet | Form::Segment => return Ok(records.form),
        Form::Empty => return Err("is an empty file".to_owned()),
        Form::JsonLines | Form::Prefixed => {}
    }
    let mut first = None;
    for _ in 0..PATIENCE {
        match records.next_request() {
            Some(Ok(_)) => return Ok(records.form),
            Some(Err(Broken(reason))) => first = first.or(Some(reason)),
            None => break,
        }
    }
    Err(first.unwrap_or_else(|| "holds no request".to_owned()))
}

fn kind(files: &[&RequestFile], form: Form) -> String {
    let captured = files.iter().any(|file| calls::path_of(&file.path).exists());
    if captured { "capture".to_owned() } else { form.name().to_owned() }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
