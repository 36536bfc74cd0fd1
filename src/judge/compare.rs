//! A stored row beside the row that its plan calls for.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_128;

use super::expectation::Derived;
use crate::{
    contract::{
        canonical_json::CanonicalJson,
        loss::{Losses, Lost},
        row::{Cell, Row},
        schema::{Schema, column},
    },
    store::rows::StoredCells,
    traffic::{plan::SpanPlace, workflow::Workflow},
};

/// What makes a difference of a column one of pollution, rather than of content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum DifferenceKind {
    /// It changes who the row says it is from.
    Witness,
    Content,
    /// A value that the store cannot hold is there in another form than the one it should have got.
    Declared,
}

/// One value that is not what the plan calls for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Difference {
    pub(crate) column: usize,
    /// The JSON key, where the column is an object and both texts are valid.
    pub(crate) key: Option<String>,
    pub(crate) kind: DifferenceKind,
    /// Null where there is no value.
    pub(crate) expected: Option<String>,
    pub(crate) actual: Option<String>,
    /// Whether both values are JSON texts of one length, as after damage to the text.
    has_same_form: bool,
}

impl Difference {
    fn new(
        column: usize,
        key: Option<String>,
        kind: DifferenceKind,
        expected: Option<String>,
        actual: Option<String>,
    ) -> Self {
        let length =
            |value: &Option<String>| value.as_ref().filter(|text| text.starts_with('"')).map(String::len);
        let has_same_form = length(&expected).is_some() && length(&expected) == length(&actual);
        let (expected, actual) = shorten(expected, actual);
        Self { column, key, kind, expected, actual, has_same_form }
    }
}

/// Makes expected rows, keeping the last workflows since a trace's rows lie close together.
pub(crate) struct Comparer<'r> {
    workflows: Vec<Option<(usize, u64, Workflow<'r>)>>,
    row: Row,
}

const KEPT_WORKFLOWS: usize = 64;
const SHOWN_CHARS: usize = 240;
/// So many of the characters that two long values have in common are shown before they differ.
const SHOWN_BEFORE: usize = 40;

impl<'r> Comparer<'r> {
    pub(crate) fn new() -> Self {
        Self { workflows: (0..KEPT_WORKFLOWS).map(|_| None).collect(), row: Row::default() }
    }

    /// When the plan lets a span begin, in Unix nanoseconds.
    pub(crate) fn planned_start(
        &mut self,
        run_index: usize,
        run: &'r Derived,
        place: SpanPlace,
        schema: Schema,
    ) -> i64 {
        kept(&mut self.workflows, run_index, run, place).write_row(place.position, schema, &mut self.row);
        self.row.start_time
    }

    /// What differs in a row, and whether its every byte is as planned: JSON may be written in another order or with
    /// spaces and still mean the same.
    pub(crate) fn differences(
        &mut self,
        run_index: usize,
        run: &'r Derived,
        place: SpanPlace,
        schema: Schema,
        stored: &StoredCells<'_>,
        losses: &mut Losses,
    ) -> (Vec<Difference>, bool) {
        let workflow = kept(&mut self.workflows, run_index, run, place);
        losses.count(workflow.lost(place.position, schema));
        let resource = &run.resources[place.service];
        if resource.is_of(schema, stored) && workflow.is_row(place.position, schema, stored) {
            return (Vec::new(), true);
        }
        resource.write(schema, &mut self.row);
        workflow.write_row(place.position, schema, &mut self.row);
        let (mut differences, is_exact) = compared(&self.row, stored);
        for difference in differences.iter_mut().filter(|difference| difference.column == column::ATTRIBUTES)
        {
            let lost = difference.key.as_deref().map(|key| workflow.lost_of(place.position, key));
            if lost.is_some_and(Lost::any) && !difference.has_same_form {
                difference.kind = DifferenceKind::Declared;
            }
        }
        (differences, is_exact)
    }
}

/// Nothing for a row that is as expected, up to the order and spacing of JSON text.
pub(crate) fn differences(expected: &Row, stored: &StoredCells<'_>) -> Vec<Difference> {
    compared(expected, stored).0
}

fn compared(expected: &Row, stored: &StoredCells<'_>) -> (Vec<Difference>, bool) {
    let (mut differences, mut is_exact) = (Vec::new(), true);
    for (column, (expected, stored)) in expected.cells().into_iter().zip(stored).enumerate() {
        // What a column would hold that the file lacks is unknown; that it lacks it is said of the file.
        match stored {
            Some(actual) if *actual != expected => {
                is_exact = false;
                compare_column(column, expected, *actual, &mut differences);
            }
            _ => {}
        }
    }
    (differences, is_exact)
}

/// The workflow of a place, made where it is not at hand.
fn kept<'k, 'r>(
    workflows: &'k mut [Option<(usize, u64, Workflow<'r>)>],
    run_index: usize,
    run: &'r Derived,
    place: SpanPlace,
) -> &'k Workflow<'r> {
    let kept = &mut workflows[place.workflow as usize % KEPT_WORKFLOWS];
    if !matches!(kept, Some((index, number, _)) if (*index, *number) == (run_index, place.workflow)) {
        *kept = None;
    }
    let (.., workflow) =
        kept.get_or_insert_with(|| (run_index, place.workflow, run.plan.workflow(place.workflow)));
    workflow
}

fn compare_column(column: usize, expected: Cell<'_>, actual: Cell<'_>, out: &mut Vec<Difference>) {
    match column {
        column::SERVICE_NAME => out.push(whole(column, DifferenceKind::Witness, expected, actual)),
        column::ATTRIBUTES => compare_json(column, expected, actual, |key| key.starts_with("e2e."), out),
        column::RESOURCE_ATTRIBUTES => {
            let witness = |key: &str| matches!(key, "e2e.run" | "service.instance.id" | "service.name");
            compare_json(column, expected, actual, witness, out);
        }
        column::EVENTS | column::LINKS => compare_json(column, expected, actual, |_| false, out),
        _ => out.push(whole(column, DifferenceKind::Content, expected, actual)),
    }
}

fn compare_json(
    column: usize,
    expected: Cell<'_>,
    actual: Cell<'_>,
    is_witness: impl Fn(&str) -> bool,
    out: &mut Vec<Difference>,
) {
    let parse = |cell: Cell<'_>| CanonicalJson::parse(cell.text()?).ok();
    match (parse(expected), parse(actual)) {
        (Some(expected), Some(actual)) if expected == actual => {}
        (Some(CanonicalJson::Object(expected)), Some(CanonicalJson::Object(actual))) => {
            let keys: BTreeSet<&String> = expected.keys().chain(actual.keys()).collect();
            let differing = keys.into_iter().filter(|key| expected.get(*key) != actual.get(*key));
            let keys: Vec<&String> = differing.collect();
            let kind = if keys.iter().any(|key| is_witness(key)) {
                DifferenceKind::Witness
            } else {
                DifferenceKind::Content
            };
            out.extend(keys.into_iter().map(|key| {
                let text = |of: &BTreeMap<String, String>| of.get(key).cloned();
                Difference::new(column, Some(key.clone()), kind, text(&expected), text(&actual))
            }));
        }
        _ => out.push(whole(column, DifferenceKind::Content, expected, actual)),
    }
}

fn whole(column: usize, kind: DifferenceKind, expected: Cell<'_>, actual: Cell<'_>) -> Difference {
    let show = |cell: Cell<'_>| match cell {
        Cell::Text(text) => Some(text.to_owned()),
        Cell::Number(number) => Some(number.to_string()),
        Cell::Null => None,
    };
    Difference::new(column, None, kind, show(expected), show(actual))
}

/// Cuts both values after so many characters. Where they begin alike for longer than is good to read, that is left out
/// behind their first character, which tells what kind of JSON value it is: two values that differ must look different.
fn shorten(expected: Option<String>, actual: Option<String>) -> (Option<String>, Option<String>) {
    let common = match (&expected, &actual) {
        (Some(expected), Some(actual)) => {
            expected.chars().zip(actual.chars()).take_while(|(one, other)| one == other).count()
        }
        _ => 0,
    };
    let skip = if common > SHOWN_CHARS / 2 { common - SHOWN_BEFORE } else { 0 };
    let cut = |text: String| cut(&text, skip);
    (expected.map(cut), actual.map(cut))
}

/// A text from so many characters on, as long as is shown; a digest stands for the rest, so that values that differ
/// there differ in what is kept of them.
fn cut(text: &str, skip: usize) -> String {
    let from = if skip == 0 { Some(0) } else { text.char_indices().nth(skip).map(|(at, _)| at) };
    let rest = from.map_or("", |from| &text[from..]);
    let shown = match rest.char_indices().nth(SHOWN_CHARS) {
        None => rest.to_owned(),
        Some((end, _)) => {
            let digest = XxHash3_128::oneshot(text.as_bytes()) >> 64;
            format!("{}… #{digest:016x}", &rest[..end])
        }
    };
    match text.chars().next() {
        Some(first) if skip > 0 => format!("{first}…{shown}"),
        _ => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_differ_look_different() {
        let shortened = |expected: &str, actual: &str| {
            let (expected, actual) = shorten(Some(expected.to_owned()), Some(actual.to_owned()));
            (expected.unwrap_or_default(), actual.unwrap_or_default())
        };
        let long = |end: &str| format!("\"{}{end}\"", "ä".repeat(400));
        let (expected, actual) = shortened(&long("left"), &long("right"));
        let before = "ä".repeat(SHOWN_BEFORE);
        assert_eq!((expected, actual), (format!("\"…{before}left\""), format!("\"…{before}right\"")));

        let (expected, actual) = shortened(&format!("x{}", long("")), &long(""));
        assert_eq!([&expected, &actual].map(|text| text.chars().count()), [SHOWN_CHARS + 19; 2]);
        assert_ne!(expected, actual);
        // What differs far behind the first difference.
        let behind = |end: &str| shortened("short", &format!("{}{end}", "z".repeat(500))).1;
        assert_ne!(behind("a"), behind("b"));
        assert_eq!(shortened("abc", "abd"), ("abc".to_owned(), "abd".to_owned()));
        let (_, shorter) = shortened(&"y".repeat(200), &"y".repeat(150));
        assert_eq!(shorter, format!("y…{}", "y".repeat(SHOWN_BEFORE)));
    }

    #[test]
    fn json_is_compared_as_it_was_written() {
        let found = |expected: &str, actual: &str| {
            let mut found = Vec::new();
            compare_column(column::ATTRIBUTES, Cell::Text(expected), Cell::Text(actual), &mut found);
            found.into_iter().map(|one| (one.key, one.expected, one.actual)).collect::<Vec<_>>()
        };
        assert_eq!(found(r#"{"a":1e16,"b":[]}"#, r#"{"b": [], "a":1e+16}"#), []);
        for (expected, actual) in [("0.0", "-0.0"), ("0.1", "0.09999999999999999"), ("1", "1.0")] {
            let [expected_text, actual_text] =
                [expected, actual].map(|value| format!(r#"{{"a":{value},"b":1}}"#));
            let difference = (Some("a".to_owned()), Some(expected.to_owned()), Some(actual.to_owned()));
            assert_eq!(found(&expected_text, &actual_text), [difference]);
        }
    }
}
