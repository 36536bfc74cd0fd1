//! What went wrong with a statement, with the place in its text.

use datafusion::{
    common::{DataFusionError, Diagnostic, SchemaError},
    sql::sqlparser::tokenizer::Location,
};

use super::statement::Refusal;
use crate::{base::problem::Problem, store::scan, tables::catalog, text::escape};

/// Text that statements were taken from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    /// What it is called where places in it are named: `-c`, a file, standard input.
    pub(crate) name: &'a str,
    pub(crate) text: &'a str,
}

/// Longer lines are shown in part.
const SHOWN_CHARS: usize = 100;

/// Turns a refusal into words.
pub(crate) fn of_refusal(refusal: Refusal, source: Source<'_>, begins: Location) -> Problem {
    match refusal {
        Refusal::Unparsable(err) => of_error(&err, source, begins, None),
        Refusal::Ambiguous(err) => {
            let hint = "as in `(a IS DISTINCT FROM b) AND c`: the parser would take `b AND c` together";
            Problem::new(format!("{err}{}", shown(source, begins, None)), hint)
        }
        Refusal::TooDeep(err) => {
            Problem::new(format!("{err}{}", shown(source, begins, None)), "ask in several statements")
        }
        Refusal::NotReading(what) => {
            let what = format!("{what} is refused: `sql` only reads{}", shown(source, begins, None));
            Problem::new(what, "write a SELECT; WITH names parts of it, -o writes its rows to a file")
        }
    }
}

/// Turns an error into words. Where it knows no place, the statement's beginning stands for it. `missing` is a name
/// in the statement that no table has.
pub(crate) fn of_error(
    err: &DataFusionError,
    source: Source<'_>,
    begins: Location,
    missing: Option<&str>,
) -> Problem {
    let diagnostic = diagnostic(err);
    let message = diagnostic.map_or_else(|| message(err), |diagnostic| diagnostic.message.clone());
    let (message, parsed_at) = without_place(&message);
    // A node that the parser gave no place has line 0.
    let span = diagnostic.and_then(|diagnostic| diagnostic.span).filter(|span| span.start.line > 0);
    let at = span.map(|span| Location { line: span.start.line, column: span.start.column });
    let end = span.filter(|span| span.start.line == span.end.line);
    let end =
        end.map(|span| in_source(Location { line: span.end.line, column: span.end.column }, begins).column);
    let place = shown(source, at.or(parsed_at).map_or(begins, |at| in_source(at, begins)), end);
    Problem::new(format!("{message}{place}"), hint(err, diagnostic, missing))
}

/// A place in a statement as one of the text that it was cut from.
fn in_source(at: Location, begins: Location) -> Location {
    let column = if at.line == 1 { begins.column + at.column.saturating_sub(1) } else { at.column };
    Location { line: begins.line + at.line.saturating_sub(1), column }
}

/// Whether damaged bytes may be what it is about.
pub(super) fn blames_a_file(err: &DataFusionError) -> bool {
    scan::is_of_a_file(err)
}

/// What is wrong with files that were found to be damaged.
pub(super) fn of_files(damaged: &[(String, String)]) -> Option<Problem> {
    let (file, reason) = damaged.first()?;
    let others = match damaged.len() {
        1 => String::new(),
        more => format!(", nor {} more", more - 1),
    };
    let leave_out: Vec<_> = damaged.iter().map(|(file, _)| format!("--without {file}")).collect();
    let hint = format!("leave out what cannot be read: {}", leave_out.join(" "));
    Some(Problem::new(format!("cannot read `{file}`: {reason}{others}"), hint))
}

fn diagnostic(err: &DataFusionError) -> Option<&Diagnostic> {
    err.diagnostic().or_else(|| match err {
        DataFusionError::Collection(errors) => errors.iter().find_map(diagnostic),
        DataFusionError::Context(_, inner) => diagnostic(inner),
        _ => None,
    })
}

/// The first sentence without the layers that it came through.
fn message(err: &DataFusionError) -> String {
    let root = err.find_root();
    let text = match root {
        DataFusionError::SQL(parser, _) => parser.to_string(),
        other => other.strip_backtrace(),
    };
    let wrappers = [
        "sql parser error: ",
        "Error during planning: ",
        "Schema error: ",
        "Execution error: ",
        "This feature is not implemented: ",
        "Arrow error: ",
        "Resources exhausted: ",
    ];
    let text = wrappers.iter().fold(text, |text, wrapper| match text.strip_prefix(wrapper) {
        Some(inner) => inner.to_owned(),
        None => text,
    });
    // What follows are lists of candidates, over many lines.
    text.lines().next().unwrap_or_default().trim_end_matches('.').to_owned()
}

/// A parser's ` at Line: 1, Column: 8`, cut off and read.
fn without_place(message: &str) -> (String, Option<Location>) {
    let Some((before, place)) = message.split_once(" at Line: ") else {
        return (message.to_owned(), None);
    };
    let digits = |text: &str| -> Option<u64> {
        let end = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
        text[..end].parse().ok()
    };
    let at = place
        .split_once("Column: ")
        .and_then(|(line, column)| Some(Location { line: digits(line)?, column: digits(column)? }));
    (before.to_owned(), at)
}

/// The line of a place, with carets below it.
fn shown(source: Source<'_>, at: Location, end_column: Option<u64>) -> String {
    let number = usize::try_from(at.line.max(1)).unwrap_or(usize::MAX);
    let Some(line) = source.text.lines().nth(number - 1) else {
        return String::new();
    };
    let column = usize::try_from(at.column.max(1)).unwrap_or(usize::MAX) - 1;
    let wide = end_column.and_then(|end| usize::try_from(end.checked_sub(at.column)?).ok());
    let word = || line.chars().skip(column).take_while(|char| char.is_alphanumeric() || *char == '_').count();
    let carets = wide.unwrap_or_else(word).clamp(1, SHOWN_CHARS);
    // A long line is shown from where the trouble can be seen.
    let first = if column + carets > SHOWN_CHARS { column.saturating_sub(SHOWN_CHARS / 2) } else { 0 };
    let part: String = line.chars().skip(first).take(SHOWN_CHARS).collect();
    let part = escape::plain(&part.replace('\t', " "));
    let below = format!("{}{}", " ".repeat(column - first), "^".repeat(carets));
    format!("\n  {}, line {number}, column {}:\n    {part}\n    {below}", source.name, column + 1)
}

fn hint(err: &DataFusionError, diagnostic: Option<&Diagnostic>, missing: Option<&str>) -> String {
    if let DataFusionError::ResourcesExhausted(_) = err.find_root() {
        return "allow more with --memory-limit, or ask for fewer columns and rows".to_owned();
    }
    let said = message(err);
    if let Some((_, name)) = said.split_once("placeholder with name $") {
        return format!("give it a value: --param {name}=VALUE");
    }
    if let Some(missing) = missing {
        return catalog::hint(missing);
    }
    if let DataFusionError::SchemaError(schema, _) = err.find_root()
        && let SchemaError::FieldNotFound { valid_fields, .. } = schema.as_ref()
        && !valid_fields.is_empty()
    {
        let mut names: Vec<&str> = valid_fields.iter().map(datafusion::common::Column::name).collect();
        names.dedup();
        return format!("the columns are: {}", names.join(", "));
    }
    let helps = diagnostic.map(|diagnostic| {
        let helps = diagnostic.helps.iter().map(|help| &help.message);
        let notes = diagnostic.notes.iter().map(|note| &note.message);
        helps.chain(notes).map(String::as_str).collect::<Vec<_>>().join("; ")
    });
    match helps {
        Some(helps) if !helps.is_empty() => helps,
        _ => "`.tables` lists the tables, `.schema TABLE` their columns, `.help` the rest".to_owned(),
    }
}
