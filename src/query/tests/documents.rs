//! `docs/checks.md`, `docs/sql.md` and `docs/faults.md` are made of the catalogues: `UPDATE_DOCS=1` writes them anew.

use std::fmt::Write as _;

use super::*;
use crate::{
    checks::catalog::{Check, Needs as CheckNeeds, built_in},
    standin::faults::catalogue,
    tables::functions::FUNCTIONS,
};

const MADE: &str =
    "<!-- Made of the catalogue by `UPDATE_DOCS=1 cargo test --lib documents`. Do not edit. -->";

/// A value inside a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn anchor(title: &str) -> String {
    format!("[`{title}`](#{title})")
}

fn checks() -> String {
    let checks = built_in().unwrap();
    let mut text = format!(
        "# Checks\n\n{MADE}\n\nA check is a query for the rows that break a rule. A finding of severity `error` fails an \
         audit (exit code 1); `warn` and `info` are reported. Findings of `inconclusive` checks say that a rule could not \
         be decided (exit code 2). `e2e-store checks ID` prints one check with its SQL, and the SQL runs in \
         `e2e-store sql` as it is. [auditing](auditing.md) tells how to select checks and add your own.\n"
    );
    let mut family = "";
    for check in &checks {
        if check.family != family {
            family = &check.family;
            write!(text, "\n## {family}\n\n| check | severity | rule |\n|---|---|---|\n").unwrap();
            for one in checks.iter().filter(|one| one.family == family) {
                writeln!(text, "| {} | {} | {} |", anchor(&one.id), one.weight(), cell(&one.rule)).unwrap();
            }
        }
        explain(check, &mut text);
    }
    text
}

fn explain(check: &Check, text: &mut String) {
    let Check { id, family, why, usually, not_covered, .. } = check;
    write!(text, "\n### {id}\n\n**{}**\n\n{why}\n\n**Likely cause.** {}\n\n", check.rule, capital(usually))
        .unwrap();
    write!(text, "**Not covered.** {}\n\n", capital(not_covered)).unwrap();
    let needs = match check.needs {
        CheckNeeds::Nothing => "",
        CheckNeeds::Run => " · needs a run",
        CheckNeeds::WholeStore => " · needs the whole store",
        CheckNeeds::Index => " · needs the studio's index",
    };
    write!(text, "{} · examines {}{needs}", check.weight(), check.examines.nouns().1).unwrap();
    if let Some(query) = check.query {
        write!(text, " · shown by [`{0}`](sql.md#{0})", query.name).unwrap();
    }
    if let Some(code) = &check.code {
        write!(text, " · studio code `{code}`").unwrap();
    }
    writeln!(text, " · [SQL](../sql/checks/{family}/{id}.sql)").unwrap();
}

fn sql() -> String {
    let mut text = format!(
        "# Tables, functions and investigations\n\n{MADE}\n\nWhat `e2e-store sql` and the [checks](checks.md) can read. The \
         dialect is PostgreSQL's. Tables that need a sweep read the whole store once, and again when files or ledgers have \
         changed; of `files` and `runs` only some columns do. [querying](querying.md) tells how to ask.\n\n## Tables\n\n\
         | table | one row per | needs |\n|---|---|---|\n"
    );
    for table in catalog::tables() {
        let about = table.about.strip_prefix("one row per ").unwrap_or(table.about);
        writeln!(text, "| {} | {} | {} |", anchor(table.name), cell(about), table.needs.name()).unwrap();
    }
    for table in catalog::tables() {
        write!(
            text,
            "\n### {}\n\n{}.\n\n| column | type | meaning |\n|---|---|---|\n",
            table.name,
            capital(table.about)
        )
        .unwrap();
        for column in table.columns() {
            let sweep = if column.swept { " (needs a sweep)" } else { "" };
            let about = cell(column.about);
            writeln!(text, "| `{}` | {} | {about}{sweep} |", column.name, column.kind.sql_name()).unwrap();
        }
    }
    text.push_str("\n## Functions\n\n| function | result |\n|---|---|\n");
    for (call, about) in FUNCTIONS {
        writeln!(text, "| `{call}` | {} |", cell(about)).unwrap();
    }
    text.push_str("\nThe JSON operators `->`, `->>` and `?` and the functions `json_get…` are there, too.\n\n## Investigations\n\n");
    text.push_str("`e2e-store sql --query NAME` runs one. A parameter without a default must be given.\n");
    for one in investigations::all() {
        write!(text, "\n### {}\n\n{}\n", one.name, one.about).unwrap();
        if !one.explanation.is_empty() {
            write!(text, "\n{}\n", one.explanation.replace('\n', " ")).unwrap();
        }
        write!(text, "\n```console\n$ {}\n```\n", one.usage()).unwrap();
        if !one.params.is_empty() {
            text.push_str("\n| parameter | default | meaning |\n|---|---|---|\n");
            for param in &one.params {
                let default =
                    param.default.as_deref().map_or(String::new(), |default| format!("`{default}`"));
                writeln!(text, "| `{}` | {default} | {} |", param.name, cell(&param.about)).unwrap();
            }
        }
    }
    text
}

fn faults() -> String {
    let mut text = format!(
        "# Faults of the stand-in\n\n{MADE}\n\n`e2e-store serve --fault NAME` plants one, as often as its trigger says: \
         `NAME=RATE` at each opportunity with this\nprobability, `NAME@N` at the Nth opportunity, `NAME@TIME` once after \
         this time. The option is repeatable. `--seed` decides\nwhat a rate hits: each fault has dice of its own, and only \
         what it can change is an opportunity.\n\nThe checks are those that find it where the run that was sent is at \
         hand, and those that find it for certain by structure\nalone. Without any, the stand-in does what a sender must \
         expect, or what no rule forbids.\n\n\
         | fault | per | default | effect | found by | by structure |\n|---|---|---|---|---|---|\n"
    );
    let linked = |names: &str| {
        let word =
            |word: &str| if word == "or" { word.to_owned() } else { format!("[`{word}`](checks.md#{word})") };
        let names = names.split(", ").filter(|names| !names.is_empty());
        names
            .map(|some| some.split(' ').map(word).collect::<Vec<_>>().join(" "))
            .collect::<Vec<_>>()
            .join(", ")
    };
    for fault in catalogue() {
        writeln!(
            text,
            "| `{}` | {} | `{}` | {} | {} | {} |",
            fault.name,
            fault.opportunity(),
            fault.trigger,
            fault.about,
            linked(&fault.expected().to_string()),
            linked(&fault.shown_by_structure().join(", ")),
        )
        .unwrap();
    }
    text
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

#[test]
fn documents_are_made_of_the_catalogues() {
    for (name, made) in [("checks.md", checks()), ("sql.md", sql()), ("faults.md", faults())] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
        if std::env::var_os("UPDATE_DOCS").is_some() {
            fs::write(&path, &made).unwrap();
        }
        let written = fs::read_to_string(&path).unwrap_or_default();
        let differs = made.lines().zip(written.lines()).find(|(made, written)| made != written);
        assert!(
            made == written,
            "docs/{name} is not what the catalogue says; UPDATE_DOCS=1 writes it: {differs:?}"
        );
    }
}
