//! What a path holds that can be sent again.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::{
    calls,
    chunk::{SourceNotes, Trouble},
    digest,
    frames::{Broken, Form, Records},
    requests::RequestFile,
    rows::StoredFiles,
    spool,
};
use crate::{
    base::{problem::Problem, url},
    store::{
        bytes::{Extent, FileBytes, Sequential},
        find::find_store,
        layout::{Layout, LayoutError},
        place::Place,
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

/// Lines of another text that are passed over for a request; requests of other signals, as many as there are.
const PATIENCE: u64 = 1_000;

const HINT: &str = "name a data directory or a file of one, OTLP JSON, length-prefixed protobuf, or what \
                    `e2e-store capture` wrote";

impl Source {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Store(stored) => stored.files.len(),
            Self::Requests(files) => files.len(),
        }
    }

    /// What the files are called, and their bytes.
    pub(crate) fn bytes(&self) -> Vec<(&str, digest::Bytes<'_>)> {
        match self {
            Self::Store(stored) => {
                let bytes = |place| -> digest::Bytes<'_> { Box::new(move || open_bytes(place)) };
                let files = stored.files.iter();
                files.map(|file| (file.shown.as_str(), bytes(&file.place))).collect()
            }
            Self::Requests(files) => {
                let bytes = |file| -> digest::Bytes<'_> { Box::new(move || RequestFile::open(file)) };
                files.iter().map(|file| (file.shown.as_str(), bytes(file))).collect()
            }
        }
    }
}

fn open_bytes(place: &Place) -> io::Result<Box<dyn Read + Send>> {
    Ok(Box::new(Sequential::from(FileBytes::open(place, Extent::Whole)?)))
}

/// Looks into a path; what of it is of no use is noted.
pub(crate) fn open(path: &Path, notes: &mut SourceNotes) -> anyhow::Result<Opened> {
    let opened = if url::scheme(path).is_some() {
        store(&find_store(Some(path))?, notes)
    } else if path.is_dir() || (!path.exists() && !spool::is_pipe(path)) {
        open_folder(path, notes)?
    } else {
        open_file(path, notes)?
    };
    if opened.source.len() == 0 {
        let what = format!("there is nothing to send in `{}`", path.display());
        return Err(Problem::new(what, HINT).into());
    }
    Ok(opened)
}

fn open_file(path: &Path, notes: &mut SourceNotes) -> anyhow::Result<Opened> {
    let no_source = |reason: String| {
        Problem::new(format!("`{}` is nothing that can be sent again", path.display()), HINT)
            .caused_by(reason)
    };
    if !spool::is_pipe(path) && !path.is_file() {
        return Err(no_source("it is neither a file nor a pipe".to_owned()).into());
    }
    let file = RequestFile::of(path, file_name(path))?;
    let form = match readable(&file) {
        Ok(form) => form,
        Err(reason) => return Err(no_source(reason).into()),
    };
    if matches!(form, Form::Parquet | Form::Segment) {
        if file.spool.is_some() {
            let reason = format!("a {} is not read from a pipe: name the file", form.name());
            return Err(no_source(reason).into());
        }
        return Ok(store(&find_store(Some(path))?, notes));
    }
    Ok(Opened { kind: kind(&[&file], form), source: Source::Requests(vec![file]) })
}

fn open_folder(path: &Path, notes: &mut SourceNotes) -> anyhow::Result<Opened> {
    match Layout::find(Some(path)) {
        Ok(layout) => return Ok(store(&layout, notes)),
        Err(LayoutError::NotAStore(_)) => {}
        // Says what to do about it.
        Err(_) => {
            return Err(find_store(Some(path)).err().map_or_else(|| anyhow::anyhow!("gone"), Into::into));
        }
    }
    let mut entries: Vec<PathBuf> =
        fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    entries.sort();
    let (mut files, others): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.is_file());
    for other in others {
        let reason = if other.is_dir() { "is a folder: name it by itself" } else { "is no file" };
        notes.trouble(&file_name(&other), reason);
    }
    files.retain(|file| !file_name(file).ends_with(calls::ENDING));
    let (mut found, mut form) = (Vec::new(), Form::Empty);
    for file in files {
        let shown = file_name(&file);
        let file = RequestFile { path: file, shown: shown.clone(), spool: None };
        match readable(&file) {
            Ok(one @ (Form::JsonLines | Form::Prefixed)) => {
                form = one;
                found.push(file);
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

fn store(layout: &Layout, notes: &mut SourceNotes) -> Opened {
    Opened { source: Source::Store(StoredFiles::of(layout, notes)), kind: "store".to_owned() }
}

/// The form of a file of which something can be read.
fn readable(file: &RequestFile) -> Result<Form, String> {
    let records = file.open().and_then(Records::of);
    let mut records = records.map_err(|err| format!("cannot be read: {err}"))?;
    match records.form {
        Form::Parquet | Form::Segment => return Ok(records.form),
        Form::Empty => return Err("is an empty file".to_owned()),
        Form::JsonLines | Form::Prefixed => {}
    }
    let (mut first, mut foreign) = (None, 0);
    let mut others = BTreeMap::new();
    while let Some(record) = records.next_request() {
        match record {
            Ok(parsed) if !parsed.is_of_other_signals => return Ok(records.form),
            Ok(parsed) => {
                for (what, count) in parsed.extras.ignored {
                    *others.entry(what).or_insert(0) += count;
                }
            }
            Err(Broken { reason, is_foreign }) => {
                first = first.or(Some(reason));
                foreign += u64::from(is_foreign);
                if foreign > PATIENCE && others.is_empty() {
                    break;
                }
            }
        }
    }
    if let Some(first) = first {
        return Err(first);
    }
    let others: Vec<String> = others.iter().map(|(what, count)| format!("{count} of: {what}")).collect();
    Err(if others.is_empty() {
        "holds no request".to_owned()
    } else {
        format!("holds no spans, but {}", others.join(", "))
    })
}

fn kind(files: &[&RequestFile], form: Form) -> String {
    let captured = files.iter().any(|file| calls::path_of(&file.path).exists());
    if captured { "capture".to_owned() } else { form.name().to_owned() }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
