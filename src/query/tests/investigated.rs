//! Each investigation on a store that was made for it, with its exact answer; and the three headline
//! detections beside the audit's verdicts.

use super::*;
use crate::{
    audit::{AuditOptions, examine},
    checks::catalog::built_in,
    judge::runs::choose_runs,
};

const SECOND: i64 = 1_000_000_000;

fn planted(change: impl FnOnce(&mut Vec<Row>)) -> Bench {
    Bench::of(GETTING_STARTED).judged_by("all").change_cold(change)
}

fn other_service(rows: &[Row]) -> String {
    rows.iter().find(|row| row.service_name != rows[0].service_name).unwrap().service_name.clone()
}

fn move_to_service(rows: &mut [Row], row: usize) {
    rows[row].service_name = other_service(rows);
}

fn move_to_resource(rows: &mut [Row], row: usize) {
    let other = other_service(rows);
    rows[row].resource_attributes = rows[row].resource_attributes.replace(&rows[0].service_name, &other);
}

fn give_tags(rows: &mut [Row], row: usize) {
    let other = other_service(rows);
    rows[row].attributes = rows[row].attributes.replace(&rows[0].service_name, &other);
}

#[tokio::test]
async fn pollution() {
    let bench = planted(|rows| {
        move_to_service(rows, 1);
        give_tags(rows, 2);
        move_to_resource(rows, 3);
        // The second name of a sender that has two, which no service has.
        rows[4].resource_attributes = rows[4].resource_attributes.replace("racily-crack-jaybird", "second");
    });
    assert_snapshot!(bench.investigate("pollution", &[]).await, @"
    tier,file,row_number,trace_id,span_id,stored_as,tagged_as,resource_of
    cold,20261123_204443_2326d5ab.parquet,1,fc21ef54dd67657f84fc6675f464117a,a6d08fc69bcb8d43,starkly-vocal-skink,racily-crack-jaybird,racily-crack-jaybird
    cold,20261123_204443_2326d5ab.parquet,2,fc21ef54dd67657f84fc6675f464117a,da5a044ec2613475,racily-crack-jaybird,starkly-vocal-skink,racily-crack-jaybird
    cold,20261123_204443_2326d5ab.parquet,3,fc21ef54dd67657f84fc6675f464117a,e040f2376bac148e,racily-crack-jaybird,racily-crack-jaybird,starkly-vocal-skink
    ");
}

#[tokio::test]
async fn missing_spans() {
    let bench = planted(|rows| drop(rows.remove(7)));
    assert_snapshot!(bench.investigate("missing_spans", &[]).await, @"
    run,service_name,workflow,span,trace_id,span_id,name,acked_at
    75ab2a233443,starkly-vocal-skink,0,2,b4d3387d23375897b0c6ac82858e1495,a3c93db440bb57ec,OddItemsNode,2026-11-23T20:44:43.583789946Z
    ");
}

#[tokio::test]
async fn broken_parents() {
    let bench = planted(|rows| {
        drop(rows.remove(4));
        // A parent in another process, and one of zeros.
        rows[0].trace_flags |= 512;
        rows[1].parent_span_id = Some("0000000000000000".to_owned());
    });
    assert_snapshot!(bench.investigate("broken_parents", &[]).await, @"
    tier,file,row_number,service_name,trace_id,span_id,parent_span_id,name,started_at
    cold,20261123_204443_2326d5ab.parquet,2,racily-crack-jaybird,fc21ef54dd67657f84fc6675f464117a,da5a044ec2613475,f6949a2f68438106,EvenItemsNode,2026-11-23T20:44:43.571197995Z
    cold,20261123_204443_2326d5ab.parquet,3,racily-crack-jaybird,fc21ef54dd67657f84fc6675f464117a,e040f2376bac148e,f6949a2f68438106,FinalNode,2026-11-23T20:44:43.571723622Z
    ");
}

#[tokio::test]
async fn shared_traces() {
    let bench = planted(|rows| move_to_service(rows, 1));
    assert_snapshot!(bench.investigate("shared_traces", &[]).await, @r#"
    trace_id,services,spans,service_names,started_at
    fc21ef54dd67657f84fc6675f464117a,2,5,"racily-crack-jaybird, starkly-vocal-skink",2026-11-23T20:44:43.570526856Z
    "#);
}

#[tokio::test]
async fn service_spans() {
    let bench = planted(|rows| {
        rows.truncate(6);
        move_to_service(rows, 1);
    });
    let answer = bench.investigate("service_spans", &[("service", "racily-crack-jaybird")]).await;
    assert_snapshot!(answer, @"
    tier,file,stored_as,tagged_as,resource_of,rows,first_start,last_start
    cold,20261123_204443_2326d5ab.parquet,racily-crack-jaybird,racily-crack-jaybird,racily-crack-jaybird,4,2026-11-23T20:44:43.570526856Z,2026-11-23T20:44:43.571723622Z
    cold,20261123_204443_2326d5ab.parquet,starkly-vocal-skink,racily-crack-jaybird,racily-crack-jaybird,1,2026-11-23T20:44:43.570848469Z,2026-11-23T20:44:43.570848469Z
    ");
}

#[tokio::test]
async fn around_row() {
    let bench = planted(|rows| give_tags(rows, 2));
    let place = [("file", "2326d5ab.parquet"), ("row", "2"), ("rows", "1")];
    assert_snapshot!(bench.investigate("around_row", &place).await, @r#"
    here,tier,file,row_number,service_name,tagged_as,name,trace_id,span_id,start_time
    "",cold,20261123_204443_2326d5ab.parquet,1,racily-crack-jaybird,racily-crack-jaybird,CountItemsNode,fc21ef54dd67657f84fc6675f464117a,a6d08fc69bcb8d43,2026-11-23T20:44:43.570848469Z
    >,cold,20261123_204443_2326d5ab.parquet,2,racily-crack-jaybird,starkly-vocal-skink,EvenItemsNode,fc21ef54dd67657f84fc6675f464117a,da5a044ec2613475,2026-11-23T20:44:43.571197995Z
    "",cold,20261123_204443_2326d5ab.parquet,3,racily-crack-jaybird,racily-crack-jaybird,FinalNode,fc21ef54dd67657f84fc6675f464117a,e040f2376bac148e,2026-11-23T20:44:43.571723622Z
    "#);
}

#[tokio::test]
async fn duplicates_by_file() {
    let bench = planted(|rows| rows.push(rows[3].clone())).flush_without_deleting();
    assert_snapshot!(bench.investigate("duplicates_by_file", &[]).await, @"
    tier,file,other_tier,other_file,shared_spans
    cold,20261123_204443_2326d5ab.parquet,cold,20261123_204443_2326d5ab.parquet,1
    cold,20261124_000000_00000001.parquet,wal,wal/batch_1795466683733889754_0002.ipc,20
    ");
}

#[tokio::test]
async fn a_span_that_files_share_is_counted_once() {
    let bench = planted(|rows| rows.extend([rows[3].clone(), rows[3].clone(), rows[5].clone()]));
    let answer = bench.investigate("duplicates_by_file", &[]).await;
    assert!(answer.ends_with(",2\n"), "{answer}");
}

#[tokio::test]
async fn a_service_is_looked_for_by_its_whole_name() {
    let bench = Bench::of(GETTING_STARTED);
    let answer = bench.investigate("rate_by_minute", &[("service", "racily_crack_jaybird")]).await;
    assert_eq!(rows(&answer), BTreeMap::new());
    let all = bench.investigate("rate_by_minute", &[]).await;
    assert_eq!(rows(&all).values().sum::<usize>(), 1, "{all}");
}

#[tokio::test]
async fn a_parent_of_zeros_makes_a_root() {
    let bench = planted(|rows| rows[4].parent_span_id = Some("0000000000000000".to_owned()));
    let answer =
        bench.ask("SELECT count(*) AS n FROM traces WHERE root_name IS NULL OR root_service IS NULL").await;
    assert_eq!(answer, "n\n0\n");
}

#[tokio::test]
async fn rate_by_minute() {
    let bench = planted(|rows| {
        for row in &mut rows[..5] {
            row.start_time += 180 * SECOND;
            row.end_time += 180 * SECOND;
        }
        rows[0].status_code = 2;
        rows[0].duration_ns = 7 * SECOND;
    });
    let answer = bench.investigate("rate_by_minute", &[("service", "racily-crack-jaybird")]).await;
    assert_snapshot!(answer, @"
    minute,spans,traces,errors,p50,p95,longest,gap_minutes
    2026-11-23T20:44:00.000000000Z,5,1,0,516 µs,1.8 ms,1.8 ms,
    2026-11-23T20:47:00.000000000Z,5,1,1,475 µs,7.0 s,7.0 s,2
    ");
}

#[tokio::test]
async fn late_arrivals() {
    let bench = planted(|rows| {
        for row in &mut rows[..2] {
            row.end_time -= 7200 * SECOND;
        }
        rows[2].end_time -= 60 * SECOND;
    });
    assert_snapshot!(bench.investigate("late_arrivals", &[]).await, @"
    service_name,tier,file,spans,least_late,most_late,first_end,named_at
    racily-crack-jaybird,cold,20261123_204443_2326d5ab.parquet,2,7200 s,7200 s,2026-11-23T18:44:43.570811423Z,2026-11-23T20:44:43.589747627Z
    ");
    let answer = bench.investigate("late_arrivals", &[("seconds", "30")]).await;
    assert_eq!(rows(&answer), BTreeMap::from([("racily-crack-jaybird".to_owned(), 1)]));
    assert!(answer.contains(",3,60.0 s,7200 s,"), "{answer}");
}

#[tokio::test]
async fn big_attributes() {
    let bench = planted(|rows| {
        rows[0].attributes =
            rows[0].attributes.replacen('{', &format!("{{\"a.big\":\"{}\",", "ü".repeat(2000)), 1);
    });
    assert_snapshot!(bench.investigate("big_attributes", &[("bytes", "3000")]).await, @"
    service_name,name,key,values,largest,total
    racily-crack-jaybird,FirstNode,a.big,1,4000,4000
    ");
}

#[tokio::test]
async fn state_history() {
    // The real SDK's own: a workflow with subflows, one of them in a concurrent node.
    let bench = Bench::of("studio-0.82.1");
    let answer = bench.investigate("state_history", &[("trace", "d1efba3c84ed7638c7c1ed907f48968b")]).await;
    let written: Vec<String> = answer
        .lines()
        .skip(1)
        .map(|line| line.split(',').skip(1).take(6).collect::<Vec<_>>().join(" "))
        .collect();
    assert_snapshot!(written.join("\n"), @"
    SStore GH9ACh1Gvr2vUxpVISb2b 1 0 1 Sub
    SStore GH9ACh1Gvr2vUxpVISb2b 2 1 2 S1
    SStore GH9ACh1Gvr2vUxpVISb2b 3 2 3 Sub
    SStore HBFDnKxu5gweA74jaWNVV 1 0 1 ConcSub
    SStore HBFDnKxu5gweA74jaWNVV 2 1 2 S1
    SStore HBFDnKxu5gweA74jaWNVV 3 2 3 ConcSub
    PStore iOrXCVR7JSmKJMS8lrGF9 1 0 1 A
    PStore iOrXCVR7JSmKJMS8lrGF9 2 1 1 A
    PStore iOrXCVR7JSmKJMS8lrGF9 3 1 2 C
    PStore iOrXCVR7JSmKJMS8lrGF9 4 2 3 ConcSub
    PStore iOrXCVR7JSmKJMS8lrGF9 5 3 4 B
    PStore iOrXCVR7JSmKJMS8lrGF9 6 4 4 Sub
    PStore iOrXCVR7JSmKJMS8lrGF9 7 4 5 Last
    ");
}

#[tokio::test]
async fn failed_runs() {
    let bench = planted(|rows| {
        rows[9].status_code = 2;
        rows[9].status_message = Some("gave up".to_owned());
    });
    assert_snapshot!(bench.investigate("failed_runs", &[]).await, @"
    service_name,span_type,name,start_time,took,raised_in,exception,message,trace_id,span_id
    starkly-vocal-skink,workflow,Getting Started Example Workflow,2026-11-23T20:44:43.568026856Z,1.2 ms,,,gave up,b4d3387d23375897b0c6ac82858e1495,2803a6096eabfe94
    ");
    assert_snapshot!(Bench::of("studio-0.82.1").investigate("failed_runs", &[]).await, @"
    service_name,span_type,name,start_time,took,raised_in,exception,message,trace_id,span_id
    orders-fail,workflow,Fail WF,2026-11-22T11:14:19.502255087Z,4.7 ms,Boom,ValueError,kaboom,e4a89b89197cfbd48073be70ca8ef34f,7119fbbd83ae15fd
    agent-toolfail,agent,Demo Agent,2026-11-22T11:14:20.516880767Z,11.6 ms,tool bad,junjo.agent.errors.AgentToolError,Tool 'bad' service failed.,9ab0bb199365093a7bf9100359320a77,79c200931541d0fd
    ");
}

#[tokio::test]
async fn orphan_families() {
    let bench = planted(|rows| {
        drop(rows.remove(4));
        drop(rows.remove(0));
    });
    assert_snapshot!(bench.investigate("orphan_families", &[]).await, @r#"
    trace_id,missing_parent,children,names,services,files,first_start
    fc21ef54dd67657f84fc6675f464117a,f6949a2f68438106,3,"CountItemsNode, EvenItemsNode, FinalNode",racily-crack-jaybird,1,2026-11-23T20:44:43.570848469Z
    "#);
}

#[tokio::test]
async fn file_contents() {
    let bench = planted(|rows| rows.truncate(7));
    assert_snapshot!(bench.investigate("file_contents", &[("file", "2326d5ab.parquet")]).await, @"
    tier,file,service_name,name,rows,traces,first_row,last_row,first_start,last_start
    cold,20261123_204443_2326d5ab.parquet,racily-crack-jaybird,FirstNode,1,1,0,0,2026-11-23T20:44:43.570600957Z,2026-11-23T20:44:43.570600957Z
    cold,20261123_204443_2326d5ab.parquet,racily-crack-jaybird,CountItemsNode,1,1,1,1,2026-11-23T20:44:43.570848469Z,2026-11-23T20:44:43.570848469Z
    cold,20261123_204443_2326d5ab.parquet,racily-crack-jaybird,EvenItemsNode,1,1,2,2,2026-11-23T20:44:43.571197995Z,2026-11-23T20:44:43.571197995Z
    cold,20261123_204443_2326d5ab.parquet,racily-crack-jaybird,FinalNode,1,1,3,3,2026-11-23T20:44:43.571723622Z,2026-11-23T20:44:43.571723622Z
    cold,20261123_204443_2326d5ab.parquet,racily-crack-jaybird,Getting Started Example Workflow,1,1,4,4,2026-11-23T20:44:43.570526856Z,2026-11-23T20:44:43.570526856Z
    cold,20261123_204443_2326d5ab.parquet,starkly-vocal-skink,FirstNode,1,1,5,5,2026-11-23T20:44:43.568059376Z,2026-11-23T20:44:43.568059376Z
    cold,20261123_204443_2326d5ab.parquet,starkly-vocal-skink,CountItemsNode,1,1,6,6,2026-11-23T20:44:43.568315469Z,2026-11-23T20:44:43.568315469Z
    ");
}

#[tokio::test]
async fn finding() {
    let bench = planted(|rows| rows[1].name.push('x')).judged_by(FIRST_RUN);
    let report = r#"{"version":1,"checks":[{"id":"altered_spans","severity":"error","verdict":"fail","findings":2,
        "samples":[{"id":"altered_spans:0123456789ab","tier":"cold",
        "file":"parquet/year=2026/month=11/day=23/20261123_204443_2326d5ab.parquet","row_number":1,
        "trace_id":"fc21ef54dd67657f84fc6675f464117a","span_id":"a6d08fc69bcb8d43","sent_by":"racily-crack-jaybird",
        "column_name":"name","expected":"CountItemsNode","actual":"CountItemsNodex"}]}]}"#;
    fs::write(ledger(bench.folder.path(), FIRST_RUN).with_file_name("audit.json"), report).unwrap();
    let answer = bench.investigate("finding", &[("id", "altered_spans:0123"), ("rows", "1")]).await;
    // What the check said is at the end of the first line, as JSON.
    let lines = answer.lines().filter(|line| !line.starts_with("note: "));
    let shown: Vec<&str> = lines.map(|line| line.split(",\"{").next().unwrap()).collect();
    assert_snapshot!(shown.join("\n"), @r#"
    finding,check_name,severity,tier,file,row_number,service_name,trace_id,span_id,expected,actual,details
    altered_spans:0123456789ab,altered_spans,error,cold,20261123_204443_2326d5ab.parquet,1,,fc21ef54dd67657f84fc6675f464117a,a6d08fc69bcb8d43,CountItemsNode,CountItemsNodex
    here,tier,file,row_number,service_name,name,trace_id,span_id,start_time
    "",cold,20261123_204443_2326d5ab.parquet,0,racily-crack-jaybird,FirstNode,fc21ef54dd67657f84fc6675f464117a,7aba0dac897b248f,2026-11-23T20:44:43.570600957Z
    >,cold,20261123_204443_2326d5ab.parquet,1,racily-crack-jaybird,CountItemsNodex,fc21ef54dd67657f84fc6675f464117a,a6d08fc69bcb8d43,2026-11-23T20:44:43.570848469Z
    "",cold,20261123_204443_2326d5ab.parquet,2,racily-crack-jaybird,EvenItemsNode,fc21ef54dd67657f84fc6675f464117a,da5a044ec2613475,2026-11-23T20:44:43.571197995Z
    run,service_name,workflow,span,outcome,export,export_ended_at,behind_barrier,n_cold,n_wal,altered,unread_file
    75ab2a233443,racily-crack-jaybird,3,1,acked,1,2026-11-23T20:44:43.583509588Z,true,1,0,true,
    run,export,service_name,first_ordinal,spans,started_at,ended_at,outcome,code,attempts,refusals,n_found
    75ab2a233443,1,racily-crack-jaybird,5,5,2026-11-23T20:44:43.581893336Z,2026-11-23T20:44:43.583509588Z,acked,,1,0,5
    run,rpc,began,ended,success,error
    75ab2a233443,FlushWAL,2026-11-23T20:44:43.589384785Z,2026-11-23T20:44:43.607003357Z,true,""
    "#);
    assert!(
        answer.contains("note: run 75ab2a233443: 1 more findings of altered_spans were counted, not kept"),
        "{answer}"
    );
}

#[test]
fn an_investigation_says_what_it_needs() {
    let found = investigations::find("around_row").unwrap();
    let err = found.bind(&Params::new()).unwrap_err();
    assert_eq!(
        err.to_string(),
        "`around_row` needs `file`: the file, relative to the spans folder, or the end of its path"
    );
    assert_eq!(err.hint(), "e2e-store sql --query around_row --param file=… --param row=… [--param rows=5]");
}

/// Findings of an audit by check, where there are any.
async fn found(bench: &Bench) -> BTreeMap<String, u64> {
    let layout = bench.layout();
    let runs = choose_runs(&bench.folder.path().join("runs"), bench.run.as_str(), &layout).unwrap();
    let options = AuditOptions { wait: false, ..AuditOptions::of(built_in().unwrap()) };
    let report = examine(&layout, &runs, options, |_| {}).await.unwrap();
    let findings =
        report.checked.iter().filter_map(|one| Some((one.check.id.clone(), one.verdict.findings()?.total)));
    findings.collect()
}

/// The headline detections see what the audit sees, by another road.
#[tokio::test]
async fn headline_detections_agree_with_the_audit() {
    type Damage = (&'static str, fn(Bench) -> Bench);
    let damages: &[Damage] = &[
        ("nothing", |bench| bench),
        ("drop_a_leaf", |bench| bench.change_cold(|rows| drop(rows.remove(0)))),
        ("drop_a_root", |bench| bench.change_cold(|rows| drop(rows.remove(4)))),
        ("delete_cold_file", |bench| {
            fs::remove_file(bench.cold()).unwrap();
            bench
        }),
        ("delete_segment", |bench| {
            fs::remove_file(bench.segment()).unwrap();
            bench
        }),
        ("truncate_cold_file", |bench| {
            let bytes = fs::read(bench.cold()).unwrap();
            fs::write(bench.cold(), &bytes[..bytes.len() / 2]).unwrap();
            bench
        }),
        ("move_a_row_to_another_service", |bench| bench.change_cold(|rows| move_to_service(rows, 0))),
        ("move_a_row_to_another_resource", |bench| bench.change_cold(|rows| move_to_resource(rows, 0))),
        ("give_a_row_other_tags", |bench| bench.change_cold(|rows| give_tags(rows, 0))),
        ("store_a_row_twice", |bench| bench.change_cold(|rows| rows.push(rows[3].clone()))),
        ("rename_a_span", |bench| bench.change_cold(|rows| rows[1].name.push('x'))),
        ("damage_a_span_id", |bench| bench.change_cold(|rows| rows[0].span_id.replace_range(..1, "0"))),
        ("flush_without_deleting", Bench::flush_without_deleting),
    ];
    for (name, damage) in damages {
        let bench = damage(Bench::of(GETTING_STARTED).judged_by("all"));
        let found = found(&bench).await;
        let of = |checks: &[&str]| checks.iter().filter_map(|check| found.get(*check)).sum::<u64>();
        for (investigation, checks) in [
            ("pollution", &["polluted_service_name", "polluted_resource", "polluted_attributes"][..]),
            ("missing_spans", &["lost_spans", "pending_spans", "unproven_spans"][..]),
            ("broken_parents", &["orphan_spans"][..]),
        ] {
            let answer = bench.investigate(investigation, &[]).await;
            let rows: usize = rows(&answer).values().sum();
            assert_eq!(rows as u64, of(checks), "{investigation} after {name}: {answer}");
        }
    }
}

/// Real traffic of every profile, odd values included, shows none of the three.
#[tokio::test]
async fn headline_detections_are_silent_on_golden_stores() {
    for store in ["profiles/studio-0.80.0", "profiles/studio-0.82.1", "studio-0.80.0", "studio-0.82.1"] {
        for name in ["pollution", "missing_spans", "broken_parents"] {
            let answer = Bench::of(store).judged_by("all").investigate(name, &[]).await;
            assert_eq!(rows(&answer), BTreeMap::new(), "{name} on {store}");
        }
    }
}
