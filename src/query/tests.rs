//! Tables as they are beside their documentation, and each investigation on a store that was made for it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use datafusion::{
    arrow::datatypes::{DataType, Schema as ArrowSchema},
    sql::sqlparser::tokenizer::Location,
};
use insta::assert_snapshot;
use tempfile::TempDir;

use super::{
    diagnostics::Source,
    engine::Engine,
    script::{Piece, pieces},
};
use crate::{
    base::memory::Memory,
    checks::investigations::{self, Params},
    contract::{row::Row, schema::Schema},
    report::rows::{Mode, RowWriter},
    store::{find::find_store, footer::Statistics, layout::Layout},
    tables::{
        catalog::{self, Needs},
        sources::RunChoice,
    },
    testing::{copy_tree, files, fixture, parquet_rows, segment_rows, write_parquet},
};

const GETTING_STARTED: &str = "getting-started/studio-0.82.1";
/// The run whose spans lie in the cold file of that store.
const FIRST_RUN: &str = "75ab2a233443";

/// A copy of a store, to be changed and asked.
struct Bench {
    folder: TempDir,
    run: String,
}

impl Bench {
    fn of(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy_tree(&fixture(name), folder.path());
        Self { folder, run: "latest".to_owned() }
    }

    fn judged_by(self, run: &str) -> Self {
        Self { run: run.to_owned(), ..self }
    }

    fn cold(&self) -> PathBuf {
        files(&self.folder.path().join("spans/parquet"), ".parquet").remove(0)
    }

    fn segment(&self) -> PathBuf {
        files(&self.folder.path().join("spans/wal"), ".ipc").remove(0)
    }

    fn change_cold(self, change: impl FnOnce(&mut Vec<Row>)) -> Self {
        let file = self.cold();
        let mut rows = parquet_rows(&file, Schema::V2);
        change(&mut rows);
        write_parquet(&file, &rows, Schema::V2);
        self
    }

    fn flush_without_deleting(self) -> Self {
        let rows = segment_rows(&self.segment(), Schema::V2);
        write_parquet(&self.cold().with_file_name("20261124_000000_00000001.parquet"), &rows, Schema::V2);
        self
    }

    fn layout(&self) -> Layout {
        find_store(Some(self.folder.path())).unwrap()
    }

    fn engine(&self) -> Engine {
        engine(self.layout(), &self.folder.path().join("runs"), &self.run)
    }

    async fn ask(&self, sql: &str) -> String {
        answers(&self.engine(), sql, &Params::new()).await
    }

    async fn investigate(&self, name: &str, params: &[(&str, &str)]) -> String {
        let found = investigations::find(name).unwrap();
        let given = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        answers(&self.engine(), &found.text, &found.bind(&given).unwrap()).await
    }
}

fn engine(layout: Layout, runs: &Path, run: &str) -> Engine {
    let choice = RunChoice { folder: runs.to_owned(), run: Some(run.to_owned()) };
    Engine::new(layout, Vec::new(), choice, Memory::default(), Statistics::default()).unwrap()
}

/// Answers as tables, one below the other, and the notes. File names are cut to their last part.
async fn answers(engine: &Engine, text: &str, params: &Params) -> String {
    let mut shown = Vec::new();
    for piece in pieces(text) {
        let Piece::Statement(sql) = piece else { panic!("{piece:?}") };
        let mut answer = match engine.ask(&sql, Source { name: "test", text }, params).await {
            Ok(answer) => answer,
            Err(err) => return crate::base::problem::explain(&err),
        };
        let mut writer = RowWriter::new(Mode::Csv, answer.schema.clone(), None);
        while let Some(batch) = answer.next().await {
            match batch {
                Ok(batch) => writer.write(&batch, &mut shown).unwrap(),
                Err(err) => {
                    let source = Source { name: "test", text };
                    let begins = Location { line: sql.line, column: sql.column };
                    return crate::base::problem::explain(&engine.explain(&err, source, begins).await);
                }
            }
        }
        writer.finish(&mut shown).unwrap();
        engine.end_statement();
        for note in engine.take_notes() {
            let note = note.split(" in ").next().unwrap_or_default().to_owned();
            shown.extend(format!("note: {note}\n").into_bytes());
        }
    }
    shortened(&String::from_utf8(shown).unwrap())
}

/// File names without the folder that the fixtures' cold files have in common.
fn shortened(text: &str) -> String {
    text.replace("parquet/year=2026/month=11/day=23/", "")
}

/// Types as far as SQL tells them apart.
fn sql_type(kind: &DataType) -> DataType {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::Dictionary(_, value) => sql_type(value),
        other => other.clone(),
    }
}

fn columns(schema: &ArrowSchema) -> Vec<(String, DataType)> {
    let fields = schema.fields().iter();
    fields.map(|field| (field.name().clone(), sql_type(field.data_type()))).collect()
}

#[tokio::test]
async fn tables_have_the_columns_of_the_catalogue_in_their_order() {
    let engine = Bench::of(GETTING_STARTED).engine();
    for table in catalog::tables() {
        let text = format!("SELECT * FROM {}", table.name);
        let Some(Piece::Statement(sql)) = pieces(&text).pop() else { panic!("a statement") };
        let answer = engine.ask(&sql, Source { name: "test", text: &text }, &Params::new()).await.unwrap();
        assert_eq!(columns(&answer.schema), columns(&table.schema()), "{table:?}");
    }
}

#[tokio::test]
async fn only_what_needs_a_sweep_sweeps() {
    for table in catalog::tables() {
        let bench = Bench::of(GETTING_STARTED);
        let cheap: Vec<_> =
            table.columns().filter(|column| !column.swept).map(|column| column.name).collect();
        let answer = bench.ask(&format!("SELECT {} FROM {}", cheap.join(", "), table.name)).await;
        assert_eq!(
            answer.contains("note: swept"),
            matches!(table.needs, Needs::Sweep | Needs::Records),
            "{table:?}: {answer}"
        );
        for column in table.columns().filter(|column| column.swept) {
            let answer = bench.ask(&format!("SELECT {} FROM {}", column.name, table.name)).await;
            assert!(answer.contains("note: swept"), "{} of {table:?}: {answer}", column.name);
        }
    }
}

#[tokio::test]
async fn an_old_name_leads_to_the_new_one() {
    let answer = Bench::of(GETTING_STARTED).ask("SELECT * FROM swept_files").await;
    assert!(
        answer.starts_with("error: ") && answer.contains("\nhint: ") && answer.contains("`files`"),
        "{answer}"
    );
}

#[tokio::test]
async fn every_investigation_plans_and_binds_its_parameters_as_values() {
    let bench = Bench::of(GETTING_STARTED);
    for one in investigations::all() {
        for param in &one.params {
            assert!(one.text.contains(&format!("${}", param.name)), "{}: {}", one.name, param.name);
        }
        let hostile = one.params.iter().map(|param| {
            let value = if param.default.is_some() || ["row", "export"].contains(&param.name.as_str()) {
                "1"
            } else {
                "'; DROP TABLE spans; --"
            };
            (param.name.as_str(), value)
        });
        let answer = bench.investigate(&one.name, &hostile.collect::<Vec<_>>()).await;
        assert!(!answer.starts_with("error:"), "{}: {answer}", one.name);
    }
}

#[tokio::test]
async fn to_be_described_is_not_to_be_emptied() {
    let bench = Bench::of(GETTING_STARTED);
    let columns = bench
        .ask("SELECT count(*) AS n FROM information_schema.columns WHERE table_name = 'unplanned_rows'")
        .await;
    let described = catalog::table("unplanned_rows").unwrap().columns().count();
    assert_eq!(columns, format!("n\n{described}\n"));
    let beside = "SELECT count(*) AS n FROM spans WHERE name <> 'information_schema.columns' \
        AND EXISTS (SELECT 1 FROM information_schema.tables)";
    assert_eq!(bench.ask(beside).await, "n\n40\n");
    assert!(bench.ask("DESCRIBE delivery").await.contains("behind_barrier"));
}

#[tokio::test]
async fn new_files_are_seen_by_the_next_statement() {
    let bench = Bench::of(GETTING_STARTED);
    let engine = bench.engine();
    let count = async |table: &str| {
        let sql = format!("SELECT count(*) AS n FROM {table}");
        let answer = answers(&engine, &sql, &Params::new()).await;
        answer.lines().nth(1).unwrap().to_owned()
    };
    let tables = ["stored_spans", "spans", "files", "unplannable_rows", "files WHERE decodes"];
    let mut before = Vec::new();
    for table in tables {
        before.push(count(table).await);
    }
    assert_eq!(before, ["60", "40", "3", "0", "3"]);
    let bench = bench.flush_without_deleting().change_cold(|rows| rows[0].span_id = "00".to_owned());
    let mut after = Vec::new();
    for table in tables {
        after.push(count(table).await);
    }
    assert_eq!(after, ["80", "40", "4", "1", "4"]);
    drop(bench);
}

#[tokio::test]
async fn the_merged_view_shows_each_span_once_and_cold_before_wal() {
    let bench = Bench::of(GETTING_STARTED).flush_without_deleting().change_cold(|rows| {
        rows.push(rows[3].clone());
        rows[3].name = "first".to_owned();
    });
    let by_tier =
        bench.ask("SELECT tier, file, count(*) AS n FROM spans GROUP BY tier, file ORDER BY file").await;
    assert_snapshot!(by_tier, @"
    tier,file,n
    cold,20261123_204443_2326d5ab.parquet,20
    cold,20261124_000000_00000001.parquet,20
    ");
    let first = bench.ask("SELECT row_number FROM spans WHERE name = 'first'").await;
    assert_eq!(first, "row_number\n3\n");
    let as_grouped = bench
        .ask("SELECT count(*) AS n FROM (SELECT DISTINCT trace_id, span_id FROM stored_spans WHERE tier <> 'hot')")
        .await;
    assert_eq!(as_grouped, bench.ask("SELECT count(*) AS n FROM spans").await);
    let whole = bench.ask("SELECT count(*) AS n FROM spans WHERE links IS NULL").await;
    assert_eq!(whole, "n\n0\n");
}

#[tokio::test]
async fn a_snapshot_that_is_named_alone_is_shown() {
    let bench = Bench::of(GETTING_STARTED);
    let layout = find_store(Some(&bench.folder.path().join("spans/hot_snapshot.parquet"))).unwrap();
    let engine = engine(layout, Path::new("nowhere"), "none");
    let count = answers(&engine, "SELECT tier, count(*) AS n FROM spans GROUP BY tier", &Params::new()).await;
    assert_eq!(count, "tier,n\nhot,20\n");
}

#[tokio::test]
async fn what_the_plan_calls_for_is_what_was_stored() {
    // Both eras wrote the rows of every profile; 0.82's are in the form of `expected_spans`.
    let bench = Bench::of("profiles/studio-0.82.1").judged_by("all");
    let columns = "trace_id, span_id, parent_span_id, service_name, name, span_kind, start_time, end_time, \
        duration_ns, status_code, status_message, attributes, events, links, trace_flags, trace_state, \
        dropped_attributes_count, resource_attributes";
    let both = bench
        .ask(&format!(
            "SELECT count(*) AS n FROM (SELECT {columns} FROM expected_spans INTERSECT SELECT {columns} FROM spans)"
        ))
        .await;
    assert_eq!(both, bench.ask("SELECT count(*) AS n FROM spans").await);
    let same_ids = bench
        .ask(
            "SELECT count(*) AS n FROM expected_spans JOIN delivery USING (span_id) \
             WHERE expected_spans.run = delivery.run AND expected_spans.outcome = delivery.outcome \
               AND expected_spans.export_ended_at = delivery.export_ended_at \
               AND expected_spans.parent_span_id IS NOT DISTINCT FROM delivery.parent_span_id",
        )
        .await;
    assert!(same_ids.starts_with("n\n515\n"), "{same_ids}");
}

#[tokio::test]
async fn without_runs_their_tables_are_empty_and_say_so() {
    let bench = Bench::of(GETTING_STARTED);
    fs::remove_dir_all(bench.folder.path().join("runs")).unwrap();
    let answer = bench.ask("SELECT count(*) AS n FROM expected_spans").await;
    assert!(answer.starts_with("n\n0\nnote: no run of this store"), "{answer}");
}

#[tokio::test]
async fn what_cannot_be_read_is_named() {
    let bench = Bench::of(GETTING_STARTED);
    let cold = fs::read(bench.cold()).unwrap();
    fs::write(bench.cold(), &cold[..1000]).unwrap();
    let segment = fs::read(bench.segment()).unwrap();
    fs::write(bench.segment(), &segment[..segment.len() - 8]).unwrap();
    let answer = bench.ask("SELECT count(*) AS n FROM spans").await;
    assert_snapshot!(answer, @"
    n
    20
    note: not
    ");
    let files = bench.ask("SELECT tier, health, problem FROM files WHERE health <> 'ok'").await;
    assert_snapshot!(files, @r#"
    tier,health,problem
    cold,unreadable,"the file does not end in `PAR1`: it was cut, or never finished"
    wal,torn,no end-of-stream marker: the segment is cut short
    note: swept 20 rows
    "#);
    // Inside a page, where the footer tells nothing.
    let mut inside = cold;
    inside[300..340].fill(0);
    fs::write(bench.cold(), inside).unwrap();
    let answer = bench.ask("SELECT * FROM stored_spans").await;
    assert!(
        answer.starts_with(
            "error: cannot read `parquet/year=2026/month=11/day=23/20261123_204443_2326d5ab.parquet`: "
        ),
        "{answer}"
    );
    assert!(
        answer.contains("hint: leave out what cannot be read: --without parquet/year=2026/month=11/day=23/20261123_204443_2326d5ab.parquet"),
        "{answer}"
    );
}

#[tokio::test]
async fn errors_point_at_the_place() {
    let bench = Bench::of(GETTING_STARTED);
    let hintless = |answer: String| answer.split("hint:").next().unwrap_or_default().to_owned();
    let answer = hintless(bench.ask("SELECT 1;\nSELECT trace_id,\n       nme\nFROM spans").await);
    assert_snapshot!(answer, @r"
    error: column 'nme' not found
      test, line 3, column 8:
               nme
               ^^^
    ");
    let answer = hintless(bench.ask("SELECT 1; SELECT * FROM nowhere").await);
    assert_snapshot!(answer, @r"
    error: table 'nowhere' not found
      test, line 1, column 25:
        SELECT 1; SELECT * FROM nowhere
                                ^^^^^^^
    ");
    let answer = hintless(bench.ask("SELECT count(* FROM spans").await);
    assert_snapshot!(answer, @r"
    error: Expected: ), found: FROM
      test, line 1, column 16:
        SELECT count(* FROM spans
                       ^^^^
    ");
    assert_snapshot!(bench.ask("SELECT $trace").await, @r"
    error: No value found for placeholder with name $trace
      test, line 1, column 1:
        SELECT $trace
        ^^^^^^
    hint: give it a value: --param trace=VALUE
    ");
}

#[tokio::test]
async fn a_question_that_does_not_fit_is_answered_in_one_partition() {
    let bench = Bench::of(GETTING_STARTED);
    let choice = RunChoice { folder: PathBuf::from("nowhere"), run: Some("none".to_owned()) };
    let small: Memory = "16MB".parse().unwrap();
    let engine = Engine::new(bench.layout(), Vec::new(), choice, small, Statistics::default()).unwrap();
    let sql = "SELECT count(*) AS n FROM (SELECT DISTINCT value, value * 2 AS twice FROM generate_series(1, 1000000))";
    assert_eq!(answers(&engine, sql, &Params::new()).await, "n\n1000000\n");
}

#[tokio::test]
async fn functions_give_what_they_say() {
    let bench = Bench::of(GETTING_STARTED);
    let sql = "SELECT attributes ->> 'junjo.span_type' = 'workflow' AS is_workflow, attr(attributes, 'e2e.span') AS span, \
        run_of(trace_id) AS run, run_of('x') AS none, fmt_time(1795346058602184438) AS time, \
        fmt_duration(-1500000) AS took, fmt_bytes(26214400) AS size FROM spans WHERE span_id IN ( \
        SELECT span_id FROM expected_spans WHERE workflow = 0 AND parent_span_id IS NULL)";
    let bench = bench.judged_by(FIRST_RUN);
    assert_eq!(
        bench.ask(sql).await,
        "is_workflow,span,run,none,time,took,size\n\
         true,4,75ab2a233443,,2026-11-22T11:14:18.602184438Z,'-1.5 ms,26.2 MB\n"
    );
    assert_eq!(
        bench.ask(r#"SELECT attr('{"a.b":1,"a":{"b":2},"c":[true]}', key) AS v FROM (VALUES ('a.b'), ('a'), ('c'), ('d')) AS t(key)"#).await,
        "v\n1\n\"{\"\"b\"\":2}\"\n[true]\n\n"
    );
}

/// An integer that does not fit is an error, however it comes about; one that does is what it always was.
#[tokio::test]
async fn integers_do_not_wrap() {
    const MOST: &str = "9223372036854775807";
    let bench = Bench::of(GETTING_STARTED).judged_by(FIRST_RUN);
    for sql in [
        format!("SELECT {MOST} + 1"),
        format!("SELECT -{MOST} - 2"),
        format!("SELECT {MOST} * 2"),
        format!("SELECT {MOST} + row_number FROM stored_spans"),
        format!("SELECT name FROM stored_spans WHERE row_number + {MOST} > 0"),
        format!("SELECT {MOST} - (0 - row_number) AS a FROM stored_spans ORDER BY a"),
        format!("SELECT sum({MOST}) FROM stored_spans"),
        format!("SELECT service_name, sum({MOST}) FROM stored_spans GROUP BY service_name"),
        format!("SELECT sum({MOST}) OVER (PARTITION BY service_name) FROM stored_spans"),
        format!("SELECT sum({MOST}) OVER (ORDER BY span_id ROWS 2 PRECEDING) FROM stored_spans"),
        format!("SELECT sum(DISTINCT {MOST} - row_number), count(DISTINCT name) FROM stored_spans"),
        "SELECT - CAST(-9223372036854775808 AS BIGINT)".to_owned(),
        "SELECT CAST(100 AS SMALLINT) * CAST(1000 AS SMALLINT)".to_owned(),
        format!("SELECT (SELECT sum({MOST}) FROM stored_spans s WHERE s.name = t.name) FROM stored_spans t"),
    ] {
        let told = bench.ask(&sql).await;
        assert!(told.contains("verflow") || told.contains("does not fit"), "{sql}: {told}");
    }
    let answer = bench
        .ask(
            "SELECT sum(row_number) AS a, sum(DISTINCT row_number) AS b, sum(CASE WHEN row_number < 0 THEN 1 END) AS c, \
             sum(1.5) AS d, 2 + 3 * 4 - 1 AS e, -row_number AS f, count(*) - 40 AS g \
             FROM stored_spans GROUP BY row_number HAVING row_number = 7",
        )
        .await;
    assert_eq!(answer, "a,b,c,d,e,f,g\n21,7,,4.5,13,-7,-37\n");
    let running = bench
        .ask(
            "SELECT sum(row_number) OVER (ORDER BY row_number ROWS 1 PRECEDING) AS a, row_number + 1 FROM stored_spans \
             WHERE tier = 'cold' ORDER BY row_number LIMIT 3",
        )
        .await;
    assert_eq!(running, "a,stored_spans.row_number + Int64(1)\n0,1\n1,2\n3,3\n");
}

/// A damaged time makes one trace's duration unknown, and no other's.
#[tokio::test]
async fn a_duration_that_does_not_fit_is_null() {
    let bench = Bench::of(GETTING_STARTED).change_cold(|rows| {
        rows[0].start_time = i64::MIN;
        rows[0].end_time = i64::MAX;
    });
    let answer = bench.ask("SELECT count(*) AS traces, count(duration_ns) AS durations FROM traces").await;
    assert_eq!(answer, "traces,durations\n8,7\n");
}

mod documents;
mod investigated;
mod pasted;

/// The first cells of an answer's rows.
fn rows(answer: &str) -> BTreeMap<String, usize> {
    let mut rows = BTreeMap::new();
    for line in answer.lines().skip(1).filter(|line| !line.starts_with("note: ")) {
        *rows.entry(line.split(',').next().unwrap_or_default().to_owned()).or_default() += 1;
    }
    rows
}

fn ledger(folder: &Path, run: &str) -> PathBuf {
    folder.join("runs").join(run).join("ledger.ndjson")
}
