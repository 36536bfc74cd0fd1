//! What is told of each damage: which rows, which causes, which values. Each case on stores of both eras.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
};

use datafusion::{
    arrow::datatypes::DataType,
    parquet::file::{
        metadata::{PageIndexPolicy, ParquetMetaDataReader},
        page_index::column_index::ColumnIndexMetaData,
    },
};
use serde_json::{Map, Value, json};

use super::{
    bench::{Bench, without_waiting},
    planned,
};
use crate::{
    audit::{AuditOptions, examine, random_tests, report::AuditReport, verdict::Overall},
    base::panic_guard::catch_panic,
    contract::{row::Row, schema::Schema},
    judge::runs::choose_runs,
    proof::damages,
    store::find::find_store,
    testing::{files, parquet_rows, segment_rows, write_in_pages, write_parquet},
};

/// A check and what of one of its findings is expected; null where it is enough that it fires.
type Told = Vec<(&'static str, Value)>;

/// A name, and a damage that says what is to be told of it.
type Case = (String, Box<dyn Fn(&Bench) -> Told>);

fn case(name: impl Into<String>, damage: impl Fn(&Bench) -> Told + 'static) -> Case {
    (name.into(), Box::new(damage))
}

async fn audit(bench: &Bench, run: &str) -> AuditReport {
    let layout = find_store(Some(bench.folder.path())).unwrap();
    let runs = choose_runs(&bench.runs(), run, &layout).unwrap();
    let options = AuditOptions { samples: 1_000, ..without_waiting() };
    examine(&layout, &runs, options, |_| {}).await.unwrap()
}

/// The findings of each check that fired, cut to the cells that are expected of it.
fn told(report: &AuditReport, expected: &Told) -> BTreeMap<String, BTreeSet<String>> {
    let fired = report.evidence.iter().filter(|(check, _)| *check != "declared_losses");
    let of_check = |check: &str| -> Option<Vec<&String>> {
        let cells = expected.iter().find(|(of, _)| *of == check)?.1.as_object()?;
        Some(cells.keys().collect())
    };
    fired
        .map(|(check, evidence)| {
            let Some(keys) = of_check(check) else { return (check.clone(), BTreeSet::new()) };
            let cell = |sample: &Map<String, Value>, key: &String| {
                (key.clone(), sample.get(key).cloned().unwrap_or_default())
            };
            let samples = evidence.samples.iter();
            let cut =
                samples.map(|sample| keys.iter().map(|key| cell(&sample.values, key)).collect::<Map<_, _>>());
            (check.clone(), cut.map(|cells| Value::Object(cells).to_string()).collect())
        })
        .collect()
}

fn as_sets(expected: &Told) -> BTreeMap<String, BTreeSet<String>> {
    let mut sets: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (check, cells) in expected {
        let of_check = sets.entry((*check).to_owned()).or_default();
        if !cells.is_null() {
            of_check.insert(cells.to_string());
        }
    }
    sets
}

/// What is wrong with what is told of cases, each on a copy of each store.
async fn wrong(cases: &[Case], stores: &[(&str, Schema)], run: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, damage) in cases {
        for (store, schema) in stores {
            let bench = Bench::of(store, *schema);
            let expected = damage(&bench);
            let report = audit(&bench, run).await;
            let (found, wanted) = (told(&report, &expected), as_sets(&expected));
            if found != wanted {
                wrong.push(format!("{name} on {store}: {found:#?}, not {wanted:#?}"));
            }
            if report.overall == Overall::Pass {
                wrong.push(format!("{name} on {store} passed"));
            }
        }
    }
    wrong
}

/// Rows of a file: one, or all.
const EXTENTS: [(&str, usize); 2] = [("one", 1), ("all", usize::MAX)];

/// The rows of a file that are damaged: the fourth, or all.
fn hit(rows: &mut [Row], extent: usize) -> impl Iterator<Item = (usize, &mut Row)> {
    let all = extent > 1;
    rows.iter_mut().enumerate().filter(move |(row, _)| all || *row == 3)
}

fn change_segment(bench: &Bench, change: impl FnOnce(&mut Vec<Row>)) {
    let mut rows = segment_rows(&bench.segment(), bench.schema);
    change(&mut rows);
    random_tests::write_segment(&bench.segment(), &rows, bench.schema);
}

/// A column of a planned row, another value for it, and both as a finding has them.
type Change = fn(&mut Row) -> (Value, Value);

const COLUMNS: [(&str, Change); 9] = [
    ("name", |row| {
        let before = row.name.clone();
        row.name.push('x');
        (before.into(), row.name.clone().into())
    }),
    ("span_kind", |row| {
        let before = row.span_kind;
        row.span_kind = if before == 5 { 4 } else { 5 };
        (before.to_string().into(), row.span_kind.to_string().into())
    }),
    ("status_code", |row| {
        let before = row.status_code;
        row.status_code = if before == 2 { 1 } else { 2 };
        (before.to_string().into(), row.status_code.to_string().into())
    }),
    ("duration_ns", |row| {
        let before = row.duration_ns;
        row.duration_ns += 1;
        (before.to_string().into(), row.duration_ns.to_string().into())
    }),
    ("status_message", |row| {
        let before = row.status_message.replace("an error".to_owned());
        (before.map_or(Value::Null, Value::from), "an error".into())
    }),
    ("start_time", |row| {
        row.start_time += 1;
        (Value::Null, Value::Null)
    }),
    ("end_time", |row| {
        row.end_time -= 1;
        (Value::Null, Value::Null)
    }),
    ("events", |row| {
        row.events = r#"[{"attributes":{},"name":"made up","timeUnixNano":"1"}]"#.to_owned();
        (Value::Null, Value::Null)
    }),
    ("attributes", |row| {
        row.attributes = row.attributes.replacen('{', r#"{"made.up":1,"#, 1);
        (Value::Null, Value::Null)
    }),
];

/// Each column of one row and of all rows, in a cold file and in a segment.
#[tokio::test]
async fn a_changed_value_is_told_with_its_row_and_both_values() {
    let mut cases = Vec::new();
    for (column, change) in COLUMNS {
        for (extent, rows) in EXTENTS {
            for tier in ["cold", "wal"] {
                cases.push(case(format!("{column} of {extent} in {tier}"), move |bench| {
                    let mut told = Told::new();
                    let mut damage = |all: &mut Vec<Row>| {
                        for (row, changed) in hit(all, rows) {
                            let (expected, actual) = change(changed);
                            let mut cells = json!({"tier": tier, "row_number": row, "column_name": column});
                            // Of times and JSON it is enough that the column is told.
                            if !(expected.is_null() && actual.is_null()) {
                                (cells["expected"], cells["actual"]) = (expected, actual);
                            }
                            told.push(("altered_spans", cells));
                        }
                    };
                    if tier == "cold" {
                        bench.change_cold(damage);
                    } else {
                        change_segment(bench, &mut damage);
                        told.push(("snapshot_differs_from_wal", Value::Null));
                        told.push(("stale_hot_snapshot", Value::Null));
                    }
                    told
                }));
            }
        }
    }
    assert_eq!(wrong(&cases, &planned::STORES, "all").await, Vec::<String>::new());
}

fn other_service(rows: &[Row], row: usize) -> String {
    let other = rows.iter().find(|other| other.service_name != rows[row].service_name);
    other.map_or_else(|| "another".to_owned(), |other| other.service_name.clone())
}

/// Another service, one that nobody has, and none: without a run, in one row and in all.
#[tokio::test]
async fn a_service_that_contradicts_its_resource_is_told_with_its_row_and_both() {
    let mut cases = Vec::new();
    for kind in ["other", "unknown", "empty"] {
        for (extent, rows) in EXTENTS {
            for tier in ["cold", "wal"] {
                cases.push(case(format!("{kind} service of {extent} in {tier}"), move |bench| {
                    let mut told = Told::new();
                    let mut damage = |all: &mut Vec<Row>| {
                        let before = all.clone();
                        for (row, changed) in hit(all, rows) {
                            let service = match kind {
                                "other" => other_service(&before, row),
                                "unknown" => "nobody".to_owned(),
                                _ => String::new(),
                            };
                            let expected = std::mem::replace(&mut changed.service_name, service.clone());
                            let cells = json!({"tier": tier, "row_number": row, "expected": expected, "actual": service});
                            told.push(("service_mismatch", cells));
                        }
                    };
                    if tier == "cold" {
                        bench.change_cold(damage);
                    } else {
                        change_segment(bench, &mut damage);
                        told.push(("snapshot_differs_from_wal", Value::Null));
                        told.push(("stale_hot_snapshot", Value::Null));
                    }
                    told
                }));
            }
        }
    }
    assert_eq!(wrong(&cases, &GOLDEN, "none").await, Vec::<String>::new());
}

const GOLDEN: [(&str, Schema); 2] = [("studio-0.80.0", Schema::V1), ("studio-0.82.1", Schema::V2)];

#[tokio::test]
async fn a_row_that_a_snapshot_should_not_have_is_told_with_its_cause() {
    let mut cases = Vec::new();
    for (extent, rows) in EXTENTS {
        for cause in ["changed_in_wal", "changed_in_cold", "extra_copy", "nowhere"] {
            cases.push(case(format!("{cause} of {extent}"), move |bench| {
                if cause == "changed_in_cold" {
                    damages::copies::flush(bench).unwrap();
                }
                let mut told = Told::new();
                // Rows of the WAL that the snapshot lacks, or that a flush took with it, make it stale, too.
                if matches!((cause, extent), ("changed_in_wal" | "nowhere", _) | ("changed_in_cold", "one")) {
                    told.push(("stale_hot_snapshot", Value::Null));
                }
                let finding = |row: usize| {
                    ("snapshot_differs_from_wal", json!({"tier": "hot", "row_number": row, "cause": cause}))
                };
                bench.change_snapshot(|all| {
                    let copies: Vec<Row> = hit(all, rows).map(|(_, row)| row.clone()).collect();
                    if cause == "extra_copy" {
                        told.extend((all.len()..all.len() + copies.len()).map(finding));
                        all.extend(copies);
                        return;
                    }
                    for (row, changed) in hit(all, rows) {
                        if cause == "nowhere" {
                            changed.span_id = format!("{:016x}", row + 1);
                        } else {
                            changed.name.push('x');
                        }
                        told.push(finding(row));
                    }
                });
                told
            }));
        }
    }
    assert_eq!(wrong(&cases, &planned::STORES, "all").await, Vec::<String>::new());
}

/// Every id of a parent in one row and in all, changed to none, to a sibling and to nobody.
#[tokio::test]
async fn a_changed_parent_is_told_with_its_row() {
    let mut cases = Vec::new();
    for (extent, rows) in EXTENTS {
        for parent in ["none", "nobody", "itself"] {
            cases.push(case(format!("{parent} as the parent of {extent}"), move |bench| {
                let mut told = Told::new();
                bench.change_cold(|all| {
                    for (row, changed) in hit(all, rows).filter(|(_, row)| row.parent_span_id.is_some()) {
                        changed.parent_span_id = match parent {
                            "none" => None,
                            "nobody" => Some(format!("{:016x}", row + 1)),
                            _ => Some(changed.span_id.clone()),
                        };
                        let cells = json!({
                            "tier": "cold",
                            "row_number": row,
                            "span_id": changed.span_id,
                            "parent_span_id": changed.parent_span_id,
                            "cause": "parent id changed",
                        });
                        told.push(("orphan_spans", cells));
                    }
                });
                told
            }));
        }
    }
    assert_eq!(wrong(&cases, &planned::STORES, "all").await, Vec::<String>::new());
}

/// Where no span id of a run is left, its rows are known by what they say, and the run by its rows: though another run
/// is the one that must be there, and of one file alone, too.
#[tokio::test]
async fn span_ids_that_nobody_planned_are_told_though_none_is_left() {
    for (store, schema) in planned::STORES {
        for (extent, rows) in EXTENTS {
            let bench = Bench::of(store, schema);
            let mut expected = Vec::new();
            bench.change_cold(|all| {
                for (row, changed) in hit(all, rows) {
                    changed.span_id = format!("{:016x}", row + 1);
                    expected.push((Value::from(row), Value::from(changed.span_id.clone())));
                }
            });
            let cold = find_store(Some(&bench.cold())).unwrap();
            let runs = choose_runs(&bench.runs(), "latest", &cold).unwrap();
            let options = AuditOptions { samples: 1_000, ..without_waiting() };
            for report in
                [audit(&bench, "latest").await, examine(&cold, &runs, options, |_| {}).await.unwrap()]
            {
                assert_eq!(report.overall, Overall::Fail, "{extent} on {store}");
                let samples = &report.evidence["unexpected_spans"].samples;
                let told: Vec<_> = samples
                    .iter()
                    .map(|sample| (sample.values["row_number"].clone(), sample.values["span_id"].clone()))
                    .collect();
                assert_eq!(told, expected, "{extent} on {store}");
            }
        }
    }
}

/// Columns that a studio never leaves null, in both eras, and the check that finds one: a null is no JSON.
const NOT_NULL: [(&str, &str); 10] = [
    ("service_name", "null_values"),
    ("name", "null_values"),
    ("span_kind", "null_values"),
    ("start_time", "null_values"),
    ("end_time", "null_values"),
    ("duration_ns", "null_values"),
    ("status_code", "null_values"),
    ("attributes", "invalid_json"),
    ("events", "invalid_json"),
    ("resource_attributes", "invalid_json"),
];

#[tokio::test]
async fn a_null_where_none_may_be_is_told_with_its_row_and_column() {
    for (store, schema) in GOLDEN {
        for (column, check) in NOT_NULL {
            for (rows, count) in [(3..4, 1), (0..usize::MAX, usize::MAX)] {
                let bench = Bench::of(store, schema);
                let all = parquet_rows(&bench.cold(), schema).len();
                bench.set_null(column, rows.clone());
                let report = audit(&bench, "none").await;
                assert_eq!(report.overall, Overall::Fail, "{column} on {store}");
                let samples = &report.evidence[check].samples;
                let told: Vec<_> = samples
                    .iter()
                    .map(|sample| (&sample.values["row_number"], &sample.values["column_name"]))
                    .collect();
                let expected: Vec<Value> =
                    (rows.start..rows.start + count.min(all)).map(Value::from).collect();
                let column = Value::from(column);
                let expected: Vec<_> = expected.iter().map(|row| (row, &column)).collect();
                assert_eq!(told, expected, "on {store}");
            }
        }
    }
}

#[tokio::test]
async fn a_column_of_another_type_is_told_with_its_file_and_both_types() {
    for (store, schema) in planned::STORES {
        for (column, kind, right) in [
            ("duration_ns", DataType::Float64, "Int64"),
            ("duration_ns", DataType::Int32, "Int64"),
            ("span_kind", DataType::Float32, "Int8"),
            ("span_kind", DataType::Int16, "Int8"),
            ("status_code", DataType::Int64, "Int8"),
            ("name", DataType::Binary, "Utf8"),
            ("start_time", DataType::Int64, "Timestamp"),
        ] {
            let bench = Bench::of(store, schema);
            damages::columns::store_as(&bench, column, &kind).unwrap();
            let report = audit(&bench, "all").await;
            assert_eq!(report.overall, Overall::Fail, "{column} on {store}");
            let samples = &report.evidence["unreadable_files"].samples;
            let [sample] = &samples[..] else { panic!("{samples:?}") };
            let problem = sample.text("problem").unwrap();
            let names = [format!("`{column}`"), kind.to_string(), right.to_owned()];
            assert!(names.iter().all(|name| problem.contains(name)), "{problem}: {names:?}");
            assert_eq!(sample.values["tier"], "cold");
        }
    }
}

/// The bytes of a column's page index, to be changed in place: the column index, or the offset index.
fn edit_index(file: &std::path::Path, column: &str, of_offsets: bool, edit: impl FnOnce(&mut [u8])) {
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&File::open(file).unwrap()).unwrap();
    let columns = metadata.row_group(0).columns();
    let chunk = columns.iter().find(|chunk| chunk.column_path().string() == column).unwrap();
    let (offset, length) = if of_offsets {
        (chunk.offset_index_offset(), chunk.offset_index_length())
    } else {
        (chunk.column_index_offset(), chunk.column_index_length())
    };
    let (offset, length) = (offset.unwrap() as usize, length.unwrap() as usize);
    let mut bytes = fs::read(file).unwrap();
    edit(&mut bytes[offset..offset + length]);
    fs::write(file, bytes).unwrap();
}

fn position(bytes: &[u8], of: &[u8]) -> usize {
    bytes.windows(of.len()).rposition(|window| window == of).expect("the value in the index")
}

/// A file of either tier that has statistics, written anew, and its rows.
fn written(bench: &Bench, tier: &str) -> (std::path::PathBuf, Vec<Row>) {
    let file = if tier == "cold" { bench.cold() } else { bench.snapshot() };
    let rows = parquet_rows(&file, bench.schema);
    write_parquet(&file, &rows, bench.schema);
    (file, rows)
}

#[tokio::test]
async fn a_false_page_index_is_told_with_its_column_page_and_values() {
    let mut cases = Vec::new();
    for tier in ["cold", "hot"] {
        let finding = move |column: &str, statistic: &str| json!({"tier": tier, "row_group_index": 0, "page": 0, "column_name": column, "statistic": statistic});
        cases.push(case(format!("the least text of a page in {tier}"), move |bench| {
            let (file, rows) = written(bench, tier);
            let least = rows.iter().map(|row| row.trace_id.clone()).min().unwrap();
            edit_index(&file, "trace_id", false, |bytes| {
                let at = bytes.windows(32).position(|window| window == least.as_bytes()).unwrap();
                bytes[at] = b'z';
            });
            let mut cells = finding("trace_id", "min");
            (cells["expected"], cells["actual"]) = (least.clone().into(), format!("z{}", &least[1..]).into());
            vec![("false_statistics", cells)]
        }));
        cases.push(case(format!("the greatest number of a page in {tier}"), move |bench| {
            let (file, rows) = written(bench, tier);
            let most = rows.iter().map(|row| row.start_time).max().unwrap();
            edit_index(&file, "start_time", false, |bytes| {
                let at = position(bytes, &most.to_le_bytes());
                bytes[at] ^= 1;
            });
            let mut cells = finding("start_time", "max");
            (cells["expected"], cells["actual"]) = (most.to_string().into(), (most ^ 1).to_string().into());
            vec![("false_statistics", cells)]
        }));
        cases.push(case(format!("the nulls of a page in {tier}"), move |bench| {
            let (file, rows) = written(bench, tier);
            let nulls = rows.iter().filter(|row| row.parent_span_id.is_none()).count();
            edit_index(&file, "parent_span_id", false, |bytes| {
                let at = position(bytes, &[0x19, 0x16, nulls as u8 * 2]);
                bytes[at + 2] += 2;
            });
            let mut cells = finding("parent_span_id", "null_count");
            (cells["expected"], cells["actual"]) = (nulls.to_string().into(), (nulls + 1).to_string().into());
            vec![("false_statistics", cells)]
        }));
        cases.push(case(format!("a page of nulls alone in {tier}"), move |bench| {
            let (file, _) = written(bench, tier);
            // The list of one truth comes first.
            edit_index(&file, "name", false, |bytes| bytes[2] = 1);
            let mut cells = finding("name", "null_page");
            (cells["expected"], cells["actual"]) = ("false".into(), "true".into());
            vec![("false_statistics", cells)]
        }));
        cases.push(case(format!("the second of several pages in {tier}"), move |bench| {
            let (file, rows) = written(bench, tier);
            write_in_pages(&file, &rows, bench.schema, 6);
            let least = rows[6..12].iter().map(|row| row.end_time).min().unwrap();
            edit_index(&file, "end_time", false, |bytes| {
                let at = bytes.windows(8).position(|window| window == least.to_le_bytes()).unwrap();
                bytes[at] ^= 1;
            });
            let mut cells = finding("end_time", "min");
            cells["page"] = 1.into();
            (cells["expected"], cells["actual"]) = (least.to_string().into(), (least ^ 1).to_string().into());
            vec![("false_statistics", cells)]
        }));
        cases.push(case(format!("the place of a page in {tier}"), move |bench| {
            let (file, _) = written(bench, tier);
            // The list's head and the structure's; then the offset as a number of variable length.
            edit_index(&file, "span_id", true, |bytes| bytes[3] ^= 2);
            let cells = json!({"tier": tier, "column_name": "span_id", "statistic": "offset_index"});
            vec![("false_statistics", cells)]
        }));
    }
    assert_eq!(wrong(&cases, &planned::STORES, "all").await, Vec::<String>::new());
}

/// What readers prune by, as they read it: where pages lie, what their values are, and how many are null.
struct IndexAsRead {
    pages: Vec<String>,
    /// None where nobody is told.
    nulls: Vec<Option<i64>>,
}

impl IndexAsRead {
    /// None where no reader gets to it.
    fn of(file: &std::path::Path) -> Option<Self> {
        let opened = File::open(file).unwrap();
        let read = || {
            let reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Required);
            reader.parse_and_finish(&opened)
        };
        let metadata = catch_panic(read).ok()?.ok()?;
        let offsets = metadata.offset_index()?.iter().flatten();
        let mut pages: Vec<String> = offsets.map(|index| format!("{:?}", index.page_locations())).collect();
        let mut nulls = Vec::new();
        for index in metadata.column_index()?.iter().flatten() {
            let count = usize::try_from(index.num_pages()).unwrap();
            nulls.extend((0..count).map(|page| index.null_count(page)));
            let are_null: Vec<_> = (0..count).map(|page| index.is_null_page(page)).collect();
            let values = match index {
                ColumnIndexMetaData::INT32(index) => {
                    format!(
                        "{:?}",
                        index.min_values_iter().chain(index.max_values_iter()).collect::<Vec<_>>()
                    )
                }
                ColumnIndexMetaData::INT64(index) => {
                    format!(
                        "{:?}",
                        index.min_values_iter().chain(index.max_values_iter()).collect::<Vec<_>>()
                    )
                }
                ColumnIndexMetaData::BYTE_ARRAY(index) => {
                    format!(
                        "{:?}",
                        index.min_values_iter().chain(index.max_values_iter()).collect::<Vec<_>>()
                    )
                }
                other => format!("{other:?}"),
            };
            pages.push(format!("{are_null:?} {values}"));
        }
        Some(Self { pages, nulls })
    }

    /// Whether it says something else: who is told no count of nulls prunes by none.
    fn differs(&self, other: &Self) -> bool {
        let mut nulls = self.nulls.iter().zip(&other.nulls);
        self.pages != other.pages || nulls.any(|(mine, other)| other.is_some() && mine != other)
    }
}

/// Whatever bit of an index is flipped: it is found, or no reader sees another index.
#[tokio::test]
async fn no_flipped_bit_of_a_page_index_is_silent() {
    let bench = Bench::of("getting-started/studio-0.82.1", Schema::V2);
    // Alone, so that each audit is short.
    let file = bench.folder.path().join("20261123_204443_00000001.parquet");
    let rows = parquet_rows(&bench.cold(), bench.schema);
    write_in_pages(&file, &rows, bench.schema, 6);
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&File::open(&file).unwrap()).unwrap();
    let chunks =
        metadata.row_groups().iter().flat_map(datafusion::parquet::file::metadata::RowGroupMetaData::columns);
    let place =
        |offset: Option<i64>, length: Option<i32>| (offset.unwrap() as usize, length.unwrap() as usize);
    let places = chunks.flat_map(|chunk| {
        [
            place(chunk.column_index_offset(), chunk.column_index_length()),
            place(chunk.offset_index_offset(), chunk.offset_index_length()),
        ]
    });
    let bits: Vec<usize> = places.flat_map(|(offset, length)| offset * 8..(offset + length) * 8).collect();
    let before = (fs::read(&file).unwrap(), IndexAsRead::of(&file).expect("an index"));
    let layout = find_store(Some(&file)).unwrap();
    let runs = choose_runs(&bench.runs(), "none", &layout).unwrap();
    for bit in bits.into_iter().step_by(397) {
        let mut bytes = before.0.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(&file, bytes).unwrap();
        let Some(after) = IndexAsRead::of(&file).filter(|after| before.1.differs(after)) else { continue };
        let report = examine(&layout, &runs, without_waiting(), |_| {}).await.unwrap();
        let is_found = report.evidence.contains_key("false_statistics");
        let changed = before.1.pages.iter().zip(&after.pages).find(|(before, after)| before != after);
        assert!(is_found, "bit {} of byte {}: {changed:?}", bit % 8, bit / 8);
    }
}

/// Ledger and manifest, held against each other and against what is stored.
#[tokio::test]
async fn a_ledger_that_was_changed_is_told_with_the_spans_that_it_is_about() {
    const ACKED: &str = r#""outcome":"acked""#;
    /// What of the run in the cold file an edit of its first acked export is about: five spans.
    fn edited(bench: &Bench, to: &str) -> (String, Vec<String>) {
        bench.edit_ledger(0, |text| text.replacen(ACKED, to, 1));
        let run = super::first_run(bench);
        let rows = parquet_rows(&bench.cold(), bench.schema);
        let line = |export: &Value| export["outcome"].is_string() && !to.is_empty();
        let text = fs::read_to_string(bench.ledger(0)).unwrap();
        let ended = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).find(line).unwrap();
        assert_eq!(ended["event"], "export_ended");
        (run, rows.into_iter().map(|row| row.span_id).collect())
    }
    for (store, schema) in planned::STORES {
        for (to, check, count) in [
            (r#""outcome":"rejected","code":"UNAVAILABLE""#, "refused_but_stored", 5),
            (r#""outcome":"indeterminate","code":"UNAVAILABLE""#, "recovered_spans", 5),
            (r#""outcome":"partial","rejected_spans":2"#, "partial_success_broken", 1),
        ] {
            let bench = Bench::of(store, schema);
            let (run, stored) = edited(&bench, to);
            let report = audit(&bench, "all").await;
            let contradicting = &report.evidence["ledger_contradicts_results"].samples;
            assert_eq!(contradicting.len(), 1, "{check} on {store}");
            assert_eq!(contradicting[0].text("run"), Some(run), "{check} on {store}");
            let samples = &report.evidence[check].samples;
            assert_eq!(samples.len(), count, "{check} on {store}");
            for sample in samples {
                if check == "partial_success_broken" {
                    let cells = ["spans", "rejected_spans", "expected", "actual"];
                    assert_eq!(cells.map(|cell| sample.values[cell].clone()), [5, 2, 3, 5].map(Value::from));
                } else {
                    assert!(stored.contains(&sample.text("span_id").unwrap()));
                    assert_eq!(sample.values["n_cold"], 1);
                }
            }
        }
    }
}

/// Files that hold nothing, or nothing of a studio's, are told by their names.
#[tokio::test]
async fn a_file_without_spans_is_told_with_its_name_and_size() {
    let named = |bench: &Bench, ending: &str, part: &str| {
        let spans = bench.folder.path().join("spans");
        let found =
            files(&spans, ending).into_iter().find(|file| file.to_string_lossy().contains(part)).unwrap();
        let shown = found.strip_prefix(&spans).unwrap().to_str().unwrap().to_owned();
        (shown, fs::metadata(found).unwrap().len())
    };
    let cases = vec![
        case("a segment without a row", move |bench| {
            damages::files::segment_without_a_row(bench).unwrap();
            let (file, size) = named(bench, ".ipc", "_0009");
            vec![("empty_files", json!({"tier": "wal", "file": file, "size": size, "rows": 0}))]
        }),
        case("a cold file without a row", move |bench| {
            damages::files::cold_file_without_a_row(bench).unwrap();
            let (file, size) = named(bench, ".parquet", "_235959_");
            vec![("empty_files", json!({"tier": "cold", "file": file, "size": size, "rows": 0}))]
        }),
        case("a foreign file", move |bench| {
            damages::files::foreign_beside(bench).unwrap();
            let (file, size) = named(bench, ".parquet", "_235959_");
            vec![("unreadable_files", json!({"tier": "cold", "file": file, "size": size, "rows_read": 0}))]
        }),
        case("a cold file without a byte", move |bench| {
            let file = bench.cold().with_file_name("20261123_235959_00000001.parquet");
            fs::write(&file, "").unwrap();
            let (file, _) = named(bench, ".parquet", "_235959_");
            vec![("empty_files", json!({"tier": "cold", "file": file, "size": 0}))]
        }),
        case("half a cold file", move |bench| {
            let file = bench.cold().with_file_name("20261123_235959_00000001.parquet");
            fs::copy(bench.cold(), &file).unwrap();
            damages::files::truncate(&file).unwrap();
            let (file, size) = named(bench, ".parquet", "_235959_");
            vec![("unreadable_files", json!({"tier": "cold", "file": file, "size": size, "rows_read": 0}))]
        }),
    ];
    assert_eq!(wrong(&cases, &planned::STORES, "all").await, Vec::<String>::new());
}

/// Nudges the first float among the attributes of a row, and tells its key.
fn nudged(row: &mut Row, nudge: fn(f64) -> f64) -> Option<String> {
    let mut attributes: Map<String, Value> = serde_json::from_str(&row.attributes).ok()?;
    let (key, value) = attributes.iter().find_map(|(key, value)| {
        let float = value.is_f64().then(|| value.as_f64()).flatten()?;
        Some((key.clone(), float))
    })?;
    attributes.insert(key.clone(), nudge(value).into());
    row.attributes = Value::Object(attributes).to_string();
    Some(key)
}

/// The neighbour of a float, and a zero's other sign, are other values.
#[tokio::test]
async fn a_float_is_another_by_its_last_bit_and_by_its_sign() {
    for (store, schema) in [("profiles/studio-0.80.0", Schema::V1), ("profiles/studio-0.82.1", Schema::V2)] {
        let nudges: [fn(f64) -> f64; 3] = [f64::next_up, f64::next_down, |value| -value];
        for nudge in nudges {
            let bench = Bench::of(store, schema);
            let mut told = None;
            for file in files(&bench.folder.path().join("spans/parquet"), ".parquet") {
                let mut rows = parquet_rows(&file, schema);
                told = rows
                    .iter_mut()
                    .enumerate()
                    .find_map(|(row, changed)| nudged(changed, nudge).map(|key| (row, key)));
                if told.is_some() {
                    write_parquet(&file, &rows, schema);
                    break;
                }
            }
            let (row, key) = told.expect("a float among the attributes");
            let report = audit(&bench, "all").await;
            let samples = &report.evidence["altered_spans"].samples;
            let [sample] = &samples[..] else { panic!("{samples:?}") };
            assert_eq!((&sample.values["row_number"], &sample.values["key"]), (&row.into(), &key.into()));
        }
    }
}
