//! The form of a check's file.
//!
//! Its leading `--` lines are documentation that is read to the letter: the rule in one sentence, `key: value`
//! lines, and behind an empty line paragraphs: why the rule must hold, one that begins `Usually: `, one that
//! begins `Not covered: `. What follows is the query. An unknown key, a key that is given twice, and a part
//! that is missing are errors.

use std::collections::BTreeSet;

use super::{
    catalog::{Check, Examines, Finding, Needs, Scope, Severity},
    investigations,
};

/// `Err` says what is wrong with the text, and not where the text is from.
pub(crate) fn parse(id: &str, family: &str, text: &str) -> Result<Check, String> {
    for name in [id, family] {
        let plain = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '_';
        if name.is_empty() || !name.chars().all(plain) {
            return Err(format!("`{name}` is no name: lower-case letters, digits and `_` make one"));
        }
    }
    let is_header = |line: &&str| line.starts_with("--");
    let header: Vec<&str> = text.lines().take_while(is_header).map(|line| line[2..].trim()).collect();
    let sql: Vec<&str> = text.lines().skip_while(is_header).collect();
    let sql = sql.join("\n");
    if sql.trim().is_empty() {
        return Err("has no query".to_owned());
    }
    let behind_keys = header.iter().position(|line| line.is_empty()).unwrap_or(header.len());
    let (keys, prose) = header.split_at(behind_keys);
    let (rule, keys) = keys.split_first().ok_or("does not begin with `-- ` and its rule")?;
    let Prose { why, usually, not_covered } = prose_of(prose)?;
    let mut check = Check {
        id: id.to_owned(),
        family: family.to_owned(),
        rule: (*rule).to_owned(),
        severity: Severity::Error,
        needs: Needs::Nothing,
        scope: Scope::Store,
        examines: Examines::StoredRows,
        finding: Finding::Broken,
        code: None,
        query: None,
        why,
        usually,
        not_covered,
        sql,
    };
    let mut seen = BTreeSet::new();
    for line in keys {
        let (key, value) = line.split_once(": ").ok_or_else(|| format!("`{line}` is not `key: value`"))?;
        if !seen.insert(key) {
            return Err(format!("`{key}` is given twice"));
        }
        read_key(&mut check, key, value.trim()).map_err(|err| format!("{key}: {err}"))?;
    }
    if check.finding == Finding::Undecided && seen.contains("severity") {
        return Err("severity: `finding: inconclusive` stands for one".to_owned());
    }
    Ok(check)
}

fn read_key(check: &mut Check, key: &str, value: &str) -> Result<(), String> {
    match key {
        "severity" => check.severity = value.parse()?,
        "needs" => check.needs = value.parse()?,
        "scope" => check.scope = value.parse()?,
        "examines" => check.examines = value.parse()?,
        "finding" => check.finding = value.parse()?,
        "code" => check.code = Some(value.to_owned()),
        "query" => {
            check.query = Some(investigations::find(value).map_err(|err| format!("{err}; {}", err.hint()))?);
        }
        _ => {
            let known = "severity, needs, scope, examines, finding, code, query";
            return Err(format!("there is no such key; the keys are: {known}"));
        }
    }
    Ok(())
}

/// Paragraphs, each in one line, joined by empty lines where there are several of a kind.
#[derive(Default)]
struct Prose {
    why: String,
    usually: String,
    not_covered: String,
}

fn prose_of(lines: &[&str]) -> Result<Prose, String> {
    let mut prose = Prose::default();
    for paragraph in lines.split(|line| line.is_empty()).filter(|paragraph| !paragraph.is_empty()) {
        let paragraph = paragraph.join(" ");
        let (of, text) = if let Some(text) = paragraph.strip_prefix("Usually: ") {
            (&mut prose.usually, text)
        } else if let Some(text) = paragraph.strip_prefix("Not covered: ") {
            (&mut prose.not_covered, text)
        } else {
            (&mut prose.why, paragraph.as_str())
        };
        if !of.is_empty() {
            of.push_str("\n\n");
        }
        of.push_str(text);
    }
    match &prose {
        Prose { why, .. } if why.is_empty() => Err("does not say why its rule must hold".to_owned()),
        Prose { usually, .. } if usually.is_empty() => {
            Err("has no paragraph `Usually: `: what a finding means, and what to do".to_owned())
        }
        Prose { not_covered, .. } if not_covered.is_empty() => {
            Err("has no paragraph `Not covered: `: what it does not see".to_owned())
        }
        _ => Ok(prose),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "\
-- A rule.
-- severity: warn
-- needs: run
-- scope: trace
-- examines: files
-- code: missing_parent
-- query: around_row
--
-- Why,
-- in two lines.
--
-- Usually: a crash. Restart it.
--
-- Not covered: x.
SELECT 1
";

    fn error(from: &str, to: &str) -> String {
        parse("id", "family", &WHOLE.replacen(from, to, 1)).unwrap_err()
    }

    #[test]
    fn every_part_is_read() {
        let check = parse("id", "family", WHOLE).unwrap();
        assert_eq!(
            (check.id.as_str(), check.family.as_str(), check.rule.as_str()),
            ("id", "family", "A rule.")
        );
        assert_eq!((check.severity, check.needs), (Severity::Warn, Needs::Run));
        assert_eq!((check.scope, check.examines), (Scope::Trace, Examines::Files));
        assert_eq!((check.finding, check.code.as_deref()), (Finding::Broken, Some("missing_parent")));
        assert_eq!(check.query.map(|query| query.name.as_str()), Some("around_row"));
        assert_eq!(
            (check.why.as_str(), check.usually.as_str()),
            ("Why, in two lines.", "a crash. Restart it.")
        );
        assert_eq!((check.not_covered.as_str(), check.sql.as_str()), ("x.", "SELECT 1"));
    }

    #[test]
    fn keys_have_defaults_and_lines_may_end_as_on_windows() {
        let text =
            "-- A rule.\r\n--\r\n-- Why.\r\n--\r\n-- Usually: u.\r\n--\r\n-- Not covered: x.\r\nSELECT 1\r\n";
        let check = parse("id", "family", text).unwrap();
        assert_eq!((check.severity, check.needs), (Severity::Error, Needs::Nothing));
        assert_eq!((check.scope, check.examines), (Scope::Store, Examines::StoredRows));
        assert_eq!((check.finding, check.code, check.query), (Finding::Broken, None, None));
        assert_eq!(check.rule, "A rule.");
    }

    #[test]
    fn what_is_not_understood_is_said() {
        assert_eq!(error("warn", "dire"), "severity: `dire` is none of `error`, `warn`, `info`");
        assert_eq!(error("needs: run", "needs: luck"), "needs: `luck` is none of `run`, `store`, `index`");
        assert_eq!(error("scope: trace", "scope: all"), "scope: `all` is none of `store`, `trace`");
        assert_eq!(
            error("code: missing_parent", "finding: likely"),
            "finding: `likely` is not `inconclusive`"
        );
        assert!(
            error("examines: files", "examines: all")
                .starts_with("examines: `all` is none of: acked spans, ")
        );
        assert!(error("around_row", "luck").starts_with("query: unknown investigation `luck`"));
        assert!(
            error("code: ", "colour: ").starts_with("colour: there is no such key; the keys are: severity, ")
        );
        assert_eq!(error("scope: trace", "needs: run"), "`needs` is given twice");
        assert_eq!(error("-- scope: trace", "-- scope"), "`scope` is not `key: value`");
    }

    #[test]
    fn what_is_missing_is_said() {
        assert_eq!(error("-- Why,\n-- in two lines.\n", ""), "does not say why its rule must hold");
        assert!(error("Usually: ", "").starts_with("has no paragraph `Usually: `"));
        assert!(error("Not covered: ", "Covered: ").starts_with("has no paragraph `Not covered: `"));
        assert_eq!(error("SELECT 1", ""), "has no query");
        assert_eq!(parse("id", "family", "SELECT 1").unwrap_err(), "does not begin with `-- ` and its rule");
        assert!(parse("Id", "family", WHOLE).unwrap_err().starts_with("`Id` is no name"));
    }

    #[test]
    fn what_is_undecided_has_no_severity() {
        let check = parse("id", "family", &WHOLE.replace("severity: warn", "finding: inconclusive")).unwrap();
        assert_eq!((check.finding, check.weight()), (Finding::Undecided, "inconclusive"));
        let both = error("-- severity: warn", "-- severity: warn\n-- finding: inconclusive");
        assert!(both.starts_with("severity: "), "{both}");
    }
}
