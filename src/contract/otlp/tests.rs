use clap::ValueEnum;
use proptest::prelude::*;

use super::*;
use crate::{
    contract::{mapping::rows, row::Row},
    testing,
    traffic::profile::Profile,
};

/// Sends a row and stores what was sent, by both schemas' mapping.
fn round_trip(row: &Row, schema: Schema, changes: &Changes) -> (Row, Row, Losses) {
    let cells = stored(row, schema);
    let resource = SentResource::of(&cells, &changes.scrub, |_| None).unwrap();
    let mut row_to_span = RowToSpan::default();
    let mut message = b"before".to_vec();
    let losses = row_to_span.write_span(&cells, changes, &mut message).unwrap();
    resource.write(&mut row_to_span.expected.row);
    let span = Span::decode(&message[6..]).unwrap();
    let sent = ResourceSpans {
        resource: Some(Message::decode(&*resource.message).unwrap()),
        scope_spans: vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }],
        ..ResourceSpans::default()
    };
    let [v1] = rows(std::slice::from_ref(&sent), Schema::V1).try_into().unwrap();
    let [v2] = rows(&[sent], Schema::V2).try_into().unwrap();
    let Expected { row, events_v1 } = row_to_span.expected;
    assert_eq!(row, v2);
    assert_eq!(events_v1, v1.events);
    assert_eq!(row.attributes, v1.attributes);
    (v1, v2, losses)
}

/// A row as a file of a schema has it.
fn stored(row: &Row, schema: Schema) -> Cells<'_> {
    let in_v1 = |column: usize| Schema::V1.stored().index_of(column_name(column)).is_ok();
    let cells = row.cells();
    std::array::from_fn(|column| (schema == Schema::V2 || in_v1(column)).then_some(cells[column]))
}

fn fixture_rows() -> Vec<(Schema, Row)> {
    let mut all = Vec::new();
    for (schema, studio) in [(Schema::V1, "studio-0.80.0"), (Schema::V2, "studio-0.82.1")] {
        for folder in [studio, &format!("profiles/{studio}")] {
            let spans = testing::fixture(folder).join("spans");
            for file in testing::files(&spans, ".parquet") {
                all.extend(testing::parquet_rows(&file, schema).into_iter().map(|row| (schema, row)));
            }
            for file in testing::files(&spans, ".ipc") {
                all.extend(testing::segment_rows(&file, schema).into_iter().map(|row| (schema, row)));
            }
        }
        let mapped = testing::fixture("mapping").join(format!("{studio}.parquet"));
        all.extend(testing::parquet_rows(&mapped, schema).into_iter().map(|row| (schema, row)));
    }
    assert!(all.len() > 700, "{} rows", all.len());
    all
}

#[test]
fn every_row_of_a_real_studio_comes_back_as_it_is() {
    let mut disagreeing = 0;
    for (schema, mut row) in fixture_rows() {
        let (v1, v2, _) = round_trip(&row, schema, &Changes::default());
        let stored = if schema == Schema::V1 { v1 } else { v2 };
        // A doubled `service.name`: the resource's own travels.
        disagreeing += usize::from(stored.service_name != row.service_name);
        row.service_name.clone_from(&stored.service_name);
        assert_eq!(stored, row);
    }
    assert_eq!(disagreeing, 56);
}

#[test]
fn every_planned_span_comes_back_as_it_is() {
    for profile in Profile::value_variants() {
        let plan = testing::plan(profile.name(), None, 2, 80);
        for schema in [Schema::V1, Schema::V2] {
            let mut planned = Row::default();
            for number in 0..plan.workflows() {
                let workflow = plan.workflow(number);
                let ordinals = plan.ordinals(number);
                for position in 0..(ordinals.end - ordinals.start) as u32 {
                    let resource = plan.resource(plan.sender_of(number, position)).message;
                    mapping::ResourceFacts::of(Some(&resource)).write(schema, &mut planned);
                    workflow.write_row(position, schema, &mut planned);
                    let (v1, v2, _) = round_trip(&planned, schema, &Changes::default());
                    assert_eq!(if schema == Schema::V1 { v1 } else { v2 }, planned);
                }
            }
        }
    }
}

#[test]
fn ids_times_and_scrubbed_keys_change_everywhere_and_nothing_else_does() {
    let changes = Changes {
        remap: IdRemap { key: Some(7), shift: 1_000 },
        scrub: Scrub::new(&["gen_ai.request.model".to_owned(), "service.version".to_owned()], &[]).unwrap(),
    };
    let back = |id: &str| {
        let mut bytes = const_hex::decode(id).unwrap();
        changes.remap.original(&mut bytes);
        const_hex::encode(bytes)
    };
    for (schema, row) in fixture_rows() {
        let (_, sent, losses) = round_trip(&row, schema, &changes);
        assert_eq!((back(&sent.trace_id), back(&sent.span_id)), (row.trace_id.clone(), row.span_id.clone()));
        assert_eq!(sent.parent_span_id.as_deref().map(back), row.parent_span_id);
        assert_eq!(sent.start_time.wrapping_sub(row.start_time), 1_000);
        assert_eq!(sent.duration_ns, row.duration_ns);
        assert!(!sent.attributes.contains("\"gen_ai.request.model\":"), "{}", sent.attributes);
        assert_eq!(losses.scrubbed.attributes > 0, {
            let kept = round_trip(&row, schema, &Changes { scrub: Scrub::default(), ..changes.clone() }).1;
            (&kept.attributes, &kept.events, &kept.links) != (&sent.attributes, &sent.events, &sent.links)
        });
    }
}

#[test]
fn what_is_no_row_of_a_studio_is_refused_and_leaves_nothing() {
    let (_, good) = fixture_rows().pop().unwrap();
    for (column, value, said) in [
        (column::TRACE_ID, "xyz", "`trace_id` is not hexadecimal"),
        (column::ATTRIBUTES, "[1]", "`attributes` is not JSON of the form that a studio writes"),
        (column::ATTRIBUTES, r#"{"a":1"#, "`attributes` is not JSON of the form that a studio writes"),
        (column::ATTRIBUTES, r#"{"a":01}"#, "`attributes` is not JSON of the form that a studio writes"),
        (
            column::ATTRIBUTES,
            r#"{"a":"\ud800"}"#,
            "`attributes` is not JSON of the form that a studio writes",
        ),
        (column::EVENTS, r#"[{"other":1}]"#, "`events` is not JSON of the form that a studio writes"),
        (column::LINKS, r#"[{"spanId":"0"}]"#, "`links` is not JSON of the form that a studio writes"),
    ] {
        let mut cells = good.cells().map(Some);
        cells[column] = Some(Cell::Text(value));
        let mut out = b"before".to_vec();
        let refused = RowToSpan::default().write_span(&cells, &Changes::default(), &mut out);
        assert_eq!(refused.unwrap_err().to_string(), said, "{value}");
        assert_eq!(out, b"before");
    }
    let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(60), "]".repeat(60));
    let mut cells = good.cells().map(Some);
    cells[column::ATTRIBUTES] = Some(Cell::Text(&deep));
    let refused = RowToSpan::default().write_span(&cells, &Changes::default(), &mut Vec::new());
    assert_eq!(refused.unwrap_err(), Unsendable::NotJson("attributes", JsonError::TooDeep));
    cells[column::ATTRIBUTES] = None;
    let refused = RowToSpan::default().write_span(&cells, &Changes::default(), &mut Vec::new());
    assert_eq!(refused.unwrap_err(), Unsendable::NoValue("attributes"));
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        any::<f64>().prop_filter("finite", |double| double.is_finite()).prop_map(Into::into),
        "\\PC*|[\\x00-\\x1f\"\\\\/]*".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
            proptest::collection::btree_map("[a-z\"é]{0,3}", inner, 0..5)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    /// Whatever an attribute holds, and however it is written, the expected text is what will be stored.
    #[test]
    fn the_expected_text_is_what_is_stored(value in json(), pretty: bool) {
        let object = serde_json::json!({ "b": value, "a": 1 });
        let mut text = if pretty {
            serde_json::to_string_pretty(&object).unwrap()
        } else {
            object.to_string()
        };
        if pretty {
            text = text.replace('/', "\\/");
        }
        let row = Row {
            trace_id: "0b".repeat(16),
            span_id: "0C".repeat(8),
            attributes: text.clone(),
            events: format!(r#"[{{"attributes":{text},"name":"n","timeUnixNano":"5"}}]"#),
            links: format!(r#"[{{"traceId":"","attributes":{text}}}]"#),
            resource_attributes: text,
            ..Row::default()
        };
        let (_, stored, _) = round_trip(&row, Schema::V2, &Changes::default());
        let again = round_trip(&stored, Schema::V2, &Changes::default()).1;
        prop_assert_eq!(stored, again);
    }
}
