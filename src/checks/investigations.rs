//! The named investigations of `sql`, one file each in `sql/queries`, and the grammar of their heads.
//!
//! The leading `--` lines say in one sentence what it answers, then `param: name (default value): text` for each
//! of its parameters, and after an empty line what else there is to say. Parameters are values that the query names
//! with a `$`; they never become part of its text. A check names the one that shows its findings.

use std::{collections::BTreeMap, sync::LazyLock};

use include_dir::{Dir, include_dir};

use crate::base::problem::Problem;

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/sql/queries");

static ALL: LazyLock<Vec<Investigation>> = LazyLock::new(|| {
    let mut all: Vec<Investigation> = FILES
        .files()
        .map(|file| {
            let name = file.path().file_stem().unwrap_or_default().to_string_lossy();
            parse(&name, file.contents_utf8().unwrap_or_default())
                .unwrap_or_else(|err| panic!("a built-in investigation cannot be read: `{name}`: {err}"))
        })
        .collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
});

/// Values for the names behind a `$` in a statement.
pub(crate) type Params = BTreeMap<String, String>;

/// A question that comes with the tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Investigation {
    /// The file's stem.
    pub(crate) name: String,
    pub(crate) about: String,
    pub(crate) params: Vec<Param>,
    pub(crate) explanation: String,
    /// The whole file.
    pub(crate) text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Param {
    pub(crate) name: String,
    /// One without a default must be given.
    pub(crate) default: Option<String>,
    pub(crate) about: String,
}

/// All investigations by name.
pub(crate) fn all() -> &'static [Investigation] {
    &ALL
}

pub(crate) fn find(name: &str) -> Result<&'static Investigation, Problem> {
    all().iter().find(|one| one.name == name).ok_or_else(|| {
        let names: Vec<_> = all().iter().map(|one| one.name.as_str()).collect();
        let hint = format!("the investigations are: {}", names.join(", "));
        Problem::new(format!("unknown investigation `{name}`"), hint)
    })
}

impl Investigation {
    /// The parameters that must be given.
    pub(crate) fn required(&self) -> impl Iterator<Item = &str> {
        self.params.iter().filter(|param| param.default.is_none()).map(|param| param.name.as_str())
    }

    /// The values that it runs with: those given, and defaults for the others.
    pub(crate) fn bind(&self, given: &Params) -> Result<Params, Problem> {
        if let Some(unknown) = given.keys().find(|name| !self.params.iter().any(|param| param.name == **name))
        {
            let what = format!("`{}` has no parameter `{unknown}`", self.name);
            return Err(Problem::new(what, self.usage()));
        }
        let mut bound = Params::new();
        for param in &self.params {
            let value = given.get(&param.name).or(param.default.as_ref());
            let Some(value) = value else {
                let what = format!("`{}` needs `{}`: {}", self.name, param.name, param.about);
                return Err(Problem::new(what, self.usage()));
            };
            bound.insert(param.name.clone(), value.clone());
        }
        Ok(bound)
    }

    /// What to type.
    pub(crate) fn usage(&self) -> String {
        let params = self.params.iter().map(|param| match &param.default {
            Some(default) => format!(" [--param {}={default}]", param.name),
            None => format!(" --param {}=…", param.name),
        });
        format!("e2e-store sql --query {}{}", self.name, params.collect::<Vec<_>>().concat())
    }
}

fn parse(name: &str, text: &str) -> Result<Investigation, String> {
    let header: Vec<&str> =
        text.lines().take_while(|line| line.starts_with("--")).map(|line| line[2..].trim()).collect();
    let (keys, explanation) =
        header.split_at(header.iter().position(|line| line.is_empty()).unwrap_or(header.len()));
    let (about, keys) = keys.split_first().ok_or("does not say what it answers")?;
    Ok(Investigation {
        name: name.to_owned(),
        about: (*about).to_owned(),
        params: keys.iter().map(|line| param(line)).collect::<Result<_, _>>()?,
        explanation: explanation.join("\n").trim().to_owned(),
        text: text.to_owned(),
    })
}

/// `param: name: text` or `param: name (default value): text`.
fn param(line: &str) -> Result<Param, String> {
    let wrong = || format!("`{line}` is not `param: name (default value): text`");
    let (head, about) =
        line.strip_prefix("param: ").and_then(|rest| rest.split_once(": ")).ok_or_else(wrong)?;
    let (name, default) = match head.split_once(" (default ") {
        Some((name, default)) => (name, Some(default.strip_suffix(')').ok_or_else(wrong)?.to_owned())),
        None => (head, None),
    };
    Ok(Param { name: name.to_owned(), default, about: about.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_to_the_letter() {
        let text = "-- What it answers.\n-- param: row: a place\n-- param: rows (default 5): how many\n--\n-- More.\nSELECT 1\n";
        let parsed = parse("name", text).unwrap();
        assert_eq!((parsed.about.as_str(), parsed.explanation.as_str()), ("What it answers.", "More."));
        assert_eq!(parsed.usage(), "e2e-store sql --query name --param row=… [--param rows=5]");
        let wrong = parse("name", "-- A.\n-- rows: x\n").unwrap_err();
        assert_eq!(wrong, "`rows: x` is not `param: name (default value): text`");

        let given = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let bound = parsed.bind(&given(&[("row", "7")])).unwrap();
        assert_eq!(bound, given(&[("row", "7"), ("rows", "5")]));
        assert_eq!(parsed.bind(&given(&[])).unwrap_err().to_string(), "`name` needs `row`: a place");
        assert_eq!(parsed.bind(&given(&[("x", "")])).unwrap_err().to_string(), "`name` has no parameter `x`");
    }
}
