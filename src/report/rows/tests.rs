use std::sync::Arc;

use datafusion::arrow::{
    array::{ArrayRef, Int64Array, StringArray, TimestampNanosecondArray, TimestampSecondArray},
    datatypes::Field,
};
use insta::assert_snapshot;

use super::*;

fn batch() -> RecordBatch {
    let times = TimestampNanosecondArray::from(vec![Some(1_795_346_058_602_000_000), None]);
    let columns: [(&str, ArrayRef); 3] = [
        ("at", Arc::new(times.with_timezone("UTC"))),
        ("text", Arc::new(StringArray::from(vec![Some("a|\"b\",\n\u{1b}[31m"), Some("")]))),
        ("n", Arc::new(Int64Array::from(vec![Some(7), None]))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn written(mode: Mode, batches: &[RecordBatch], width: Option<usize>) -> String {
    let mut out = Vec::new();
    let mut writer = RowWriter::new(mode, batch().schema(), width);
    for batch in batches {
        writer.write(batch, &mut out).unwrap();
    }
    let written = writer.finish(&mut out).unwrap();
    let cut = if written.cut { "(cut)\n" } else { "" };
    String::from_utf8(out).unwrap() + cut
}

#[test]
fn each_mode_has_its_form() {
    let shown = |mode| written(mode, &[batch()], None);
    assert_snapshot!(shown(Mode::Table), @r#"
    at                              text                   n
    2026-11-22T11:14:18.602000000Z  a|"b",\n\u{1b}[31m     7
    NULL                                                NULL
    "#);
    assert_snapshot!(shown(Mode::Vertical), @r#"
    - at    2026-11-22T11:14:18.602000000Z
      text  a|"b",
            \u{1b}[31m
      n     7

    - at    NULL
      text
      n     NULL
    "#);
    assert_snapshot!(shown(Mode::Json), @r#"
    [{"at":"2026-11-22T11:14:18.602000000Z","text":"a|\"b\",\n\u001b[31m","n":7},
    {"at":null,"text":"","n":null}]
    "#);
    assert_snapshot!(shown(Mode::Ndjson), @r#"
    {"at":"2026-11-22T11:14:18.602000000Z","text":"a|\"b\",\n\u001b[31m","n":7}
    {"at":null,"text":"","n":null}
    "#);
    assert_eq!(
        shown(Mode::Csv),
        "at,text,n\n2026-11-22T11:14:18.602000000Z,\"a|\"\"b\"\",\n\\u{1b}[31m\",7\n,\"\",\n"
    );
    assert_snapshot!(shown(Mode::Markdown), @r#"
    | at | text | n |
    | --- | --- | ---: |
    | 2026-11-22T11:14:18.602000000Z | a\|"b",\n\u{1b}[31m | 7 |
    | NULL |  | NULL |
    "#);
}

#[test]
fn no_rows_are_still_an_answer() {
    let shown = Mode::ALL.map(|mode| written(mode, &[], None));
    let expected =
        ["at  text  n\n", "[]\n", "", "at,text,n\n", "| at | text | n |\n| --- | --- | ---: |\n", ""];
    assert_eq!(shown, expected);
}

#[test]
fn batches_are_one_answer() {
    let twice = |mode| written(mode, &[batch(), batch()], None);
    let json: serde_json::Value = serde_json::from_str(&twice(Mode::Json)).unwrap();
    assert_eq!(json.as_array().map(Vec::len), Some(4));
    assert_eq!(twice(Mode::Markdown).matches("---:").count(), 1);
    assert_eq!(twice(Mode::Vertical).matches("\n\n").count(), 3);
}

#[test]
fn a_table_is_cut_to_a_terminal_only_where_ids_stay_whole() {
    let long = "x".repeat(60);
    let columns: [(&str, ArrayRef); 2] = [
        ("id", Arc::new(StringArray::from(vec!["0123456789abcdef0123456789abcdef"]))),
        ("long", Arc::new(StringArray::from(vec![long.as_str()]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let shown = |width| {
        let mut out = Vec::new();
        let mut writer = RowWriter::new(Mode::Table, batch.schema(), Some(width));
        writer.write(&batch, &mut out).unwrap();
        let written = writer.finish(&mut out).unwrap();
        (String::from_utf8(out).unwrap(), written.cut)
    };
    let (text, cut) = shown(80);
    assert!(cut && text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(text.contains("0123456789abcdef0123456789abcdef  xxx"), "{text}");
    let (text, cut) = shown(60);
    assert!(!cut && text.contains(&long) && text.starts_with("- id"), "{text}");
    assert!(!shown(120).1);
}

#[test]
fn an_object_names_a_key_once_and_hides_nothing() {
    let text = |text: &str| Arc::new(StringArray::from(vec![text])) as ArrayRef;
    let fields = ["n", "n"].map(|name| Field::new(name, DataType::Utf8, true));
    let schema = Arc::new(Schema::new(fields.to_vec()));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![text("a\u{9b}"), text("=b")]).unwrap();
    let shown = |mode| {
        let mut out = Vec::new();
        let mut writer = RowWriter::new(mode, Arc::clone(&schema), None);
        writer.write(&batch, &mut out).unwrap();
        writer.finish(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    assert_eq!(shown(Mode::Ndjson), "{\"n\":\"a\\u009b\",\"n_2\":\"=b\"}\n");
    assert_eq!(shown(Mode::Csv), "n,n\na\\u{9b},'=b\n");
}

#[test]
fn a_time_without_a_text_is_an_error_and_no_cell() {
    let times = TimestampSecondArray::from(vec![i64::MAX]);
    let batch = RecordBatch::try_from_iter([("at", Arc::new(times) as ArrayRef)]).unwrap();
    for mode in Mode::ALL {
        let mut out = Vec::new();
        let mut writer = RowWriter::new(mode, batch.schema(), None);
        assert!(writer.write(&batch, &mut out).is_err(), "{}", mode.name());
    }
}
