//! Which checks there are, the users' own among them, and which of them run how severely.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    catalog::{self, Check, Finding, Severity, built_in},
    grammar,
};
use crate::base::{problem::Problem, regular};

/// The family of users' checks that lie in no folder of their own.
const OWN_FAMILY: &str = "user";

/// The built-in checks, and those of a folder of the user's where one is named.
pub(crate) fn with_own(folder: Option<&Path>) -> anyhow::Result<Vec<Check>> {
    let mut checks = built_in()?;
    let Some(folder) = folder else { return Ok(checks) };
    let mut from: BTreeMap<String, PathBuf> = BTreeMap::new();
    for (family, path) in own_files(folder)? {
        let unread = |err: io::Error| unreadable(&path, err);
        let text = regular::read_to_string(&path).map_err(unread)?;
        let check = grammar::parse(&name(path.file_stem()), &family, &text).map_err(|err| {
            let what = format!("check `{}`: {err}", path.display());
            Problem::new(what, "`e2e-store checks lost_spans` shows a whole one; the README has the grammar")
        })?;
        let other = match from.insert(check.id.clone(), path.clone()) {
            Some(other) => Some(format!("of `{}`", other.display())),
            None if checks.iter().any(|known| known.id == check.id) => Some("of a built-in check".to_owned()),
            None => None,
        };
        if let Some(other) = other {
            let what = format!("check `{}` has the id {other}", path.display());
            return Err(Problem::new(what, "give its file another name").into());
        }
        checks.push(check);
    }
    if from.is_empty() {
        let what = format!("there is no check in `{}`", folder.display());
        return Err(
            Problem::new(what, "a check is a file that ends in `.sql`, there or in a folder of it").into()
        );
    }
    catalog::sort(&mut checks);
    Ok(checks)
}

/// The files of checks in a folder, each with its family: a folder's name, or `user`.
fn own_files(folder: &Path) -> Result<Vec<(String, PathBuf)>, Problem> {
    let mut files = Vec::new();
    for path in entries(folder)? {
        if path.is_dir() {
            let family = name(path.file_name());
            for path in entries(&path)? {
                if path.is_dir() {
                    let what = format!("`{}` lies too deep for a family of checks", path.display());
                    return Err(Problem::new(what, "families are the folders right below that of --checks"));
                }
                files.push((family.clone(), path));
            }
        } else {
            files.push((OWN_FAMILY.to_owned(), path));
        }
    }
    files.retain(|(_, path)| path.extension() == Some(OsStr::new("sql")));
    Ok(files)
}

/// In order of their names; hidden ones are not for us.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, Problem> {
    let hidden = |path: &PathBuf| name(path.file_name()).starts_with('.');
    let read = || -> io::Result<Vec<PathBuf>> {
        let entries: Vec<_> =
            fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
        let mut entries: Vec<_> = entries.into_iter().filter(|path| !hidden(path)).collect();
        entries.sort();
        Ok(entries)
    };
    read().map_err(|err| unreadable(folder, err))
}

fn unreadable(path: &Path, err: io::Error) -> Problem {
    let what = format!("cannot read `{}`", path.display());
    Problem::new(what, "--checks names a folder with checks, one `.sql` file each").caused_by(err)
}

fn name(part: Option<&OsStr>) -> String {
    part.unwrap_or_default().to_string_lossy().into_owned()
}

/// Those of `checks` that `only` names, all if it is empty, less those that `skip` names: by id or by family.
pub(crate) fn select(checks: Vec<Check>, only: &[String], skip: &[String]) -> Result<Vec<Check>, Problem> {
    let named = |check: &Check, name: &String| check.id == *name || check.family == *name;
    if let Some(unknown) = only.iter().chain(skip).find(|name| !checks.iter().any(|check| named(check, name)))
    {
        return Err(unknown_check(unknown, &checks, true));
    }
    let selected = |check: &Check| {
        let by = |names: &[String]| names.iter().any(|name| named(check, name));
        (only.is_empty() || by(only)) && !by(skip)
    };
    Ok(checks.into_iter().filter(selected).collect())
}

const ALIKE_SHOWN: usize = 3;

/// The check of that id.
pub(crate) fn find(checks: Vec<Check>, id: &str) -> Result<Check, Problem> {
    match checks.iter().position(|check| check.id == id) {
        Some(found) => Ok(checks.into_iter().nth(found).expect("the position is one of them")),
        None => Err(unknown_check(id, &checks, false)),
    }
}

/// Gives checks another severity; of several for one check the last counts.
pub(crate) fn change_severities<'a>(
    checks: &mut [Check],
    changes: impl IntoIterator<Item = (&'a String, Severity)>,
) -> Result<(), Problem> {
    for (id, severity) in changes {
        match checks.iter_mut().find(|check| check.id == *id) {
            Some(check) if check.finding == Finding::Undecided => {
                let what = format!("check `{id}` has no severity: its findings make the audit inconclusive");
                return Err(Problem::new(what, format!("--skip {id} leaves it out")));
            }
            Some(check) => check.severity = severity,
            None => return Err(unknown_check(id, checks, false)),
        }
    }
    Ok(())
}

fn unknown_check(name: &str, checks: &[Check], or_family: bool) -> Problem {
    let noun = if or_family { " or family" } else { "" };
    let words: Vec<&str> = name.split('_').filter(|word| word.len() > 2).collect();
    let shares = |check: &&Check| words.iter().any(|word| check.id.contains(word));
    let alike: Vec<_> =
        checks.iter().filter(shares).take(ALIKE_SHOWN).map(|check| check.id.as_str()).collect();
    let hint = if alike.is_empty() {
        "`e2e-store checks` lists them".to_owned()
    } else {
        format!("like it are `{}`; `e2e-store checks` lists all", alike.join("`, `"))
    };
    Problem::new(format!("there is no check{noun} `{name}`"), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHECK: &str = "-- A rule.\n--\n-- Why.\n--\n-- Usually: u.\n--\n-- Not covered: x.\nSELECT 1\n";

    /// The checks that are not ours in a folder of such files, or what is wrong with it.
    fn own(files: &[(&str, &str)]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        match with_own(Some(folder.path())) {
            Ok(checks) => {
                let ours = built_in().unwrap();
                let own = checks.into_iter().filter(|check| !ours.contains(check));
                own.map(|check| format!("{}/{}", check.family, check.id)).collect()
            }
            Err(err) => vec![err.to_string().replace(folder.path().to_str().unwrap(), "DIR")],
        }
    }

    #[test]
    fn the_users_checks_lie_in_a_folder_or_in_families_of_it() {
        let files = [
            ("mine.sql", CHECK),
            ("house/yours.sql", CHECK),
            ("links/theirs.sql", CHECK),
            ("notes.md", ""),
            (".git/x.sql", ""),
        ];
        assert_eq!(own(&files), ["house/yours", "links/theirs", "user/mine"]);
    }

    #[test]
    fn what_cannot_be_a_check_is_said_with_its_file() {
        assert_eq!(own(&[("notes.md", "")]), ["there is no check in `DIR`"]);
        assert_eq!(
            own(&[("a.sql", "SELECT 1")]),
            ["check `DIR/a.sql`: does not begin with `-- ` and its rule"]
        );
        assert_eq!(own(&[("a/b/c.sql", CHECK)]), ["`DIR/a/b` lies too deep for a family of checks"]);
        assert_eq!(
            own(&[("lost_spans.sql", CHECK)]),
            ["check `DIR/lost_spans.sql` has the id of a built-in check"]
        );
        assert_eq!(
            own(&[("a/mine.sql", CHECK), ("mine.sql", CHECK)]),
            ["check `DIR/mine.sql` has the id of `DIR/a/mine.sql`"]
        );
    }

    #[test]
    fn checks_are_selected_by_id_and_by_family() {
        let ids = |only: &[&str], skip: &[&str]| {
            let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
            match select(built_in().unwrap(), &names(only), &names(skip)) {
                Ok(checks) => checks.into_iter().map(|check| check.id).collect::<Vec<_>>(),
                Err(err) => vec![err.to_string()],
            }
        };
        assert_eq!(ids(&["lost_spans", "orphan_spans"], &[]), ["lost_spans", "orphan_spans"]);
        let pollution = ids(&["pollution"], &["polluted_resource"]);
        assert!(pollution.iter().all(|id| id != "polluted_resource"), "{pollution:?}");
        assert!(pollution.iter().any(|id| id == "polluted_service_name"), "{pollution:?}");
        assert!(!ids(&[], &["delivery"]).contains(&"lost_spans".to_owned()));
        assert_eq!(ids(&["luck"], &[]), ["there is no check or family `luck`"]);
        assert_eq!(ids(&[], &["luck"]), ["there is no check or family `luck`"]);
    }

    #[test]
    fn the_last_severity_counts() {
        let mut checks = built_in().unwrap();
        let id = "lost_spans".to_owned();
        change_severities(&mut checks, [(&id, Severity::Info), (&id, Severity::Warn)]).unwrap();
        assert_eq!(find(checks.clone(), &id).unwrap().severity, Severity::Warn);
        for undecided in ["pending_spans", "unproven_spans"].map(str::to_owned) {
            let err = change_severities(&mut checks, [(&undecided, Severity::Warn)]).unwrap_err();
            assert!(err.hint().contains("--skip"), "{err}");
        }
        let luck = "luck".to_owned();
        let err = change_severities(&mut checks, [(&luck, Severity::Warn)]).unwrap_err();
        assert_eq!(err.to_string(), "there is no check `luck`");
    }
}
