//! Audits of a store that is written to and flushed all the while.

use std::{
    path::Path,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::{AuditOptions, coverage::BarrierCoverage, examine, report::AuditReport, verdict::Overall};
use crate::{
    checks::catalog::built_in,
    contract::schema::Schema,
    judge::runs::choose_runs,
    send::{
        pace::Pace,
        planner::{PlanRequest, Services, Traffic},
        run::{LoadSpec, Secret, prepare},
        unit::Batching,
    },
    standin::{self, Config, StandIn},
    store::layout::Layout,
    testing::files,
    traffic::{
        mix::Mix,
        profile::{Profile, Telemetry},
    },
    wire::{ingestion::Ingestion, retry::RetryPolicy, transport::Transport},
};

/// With the suite; `E2E_STORE_LIVE_AUDITS=100` is the whole experiment.
const AUDITS: usize = 12;
const ROWS: u64 = 1_000;

/// Judges the store as it is, without waiting; `run` is `latest` or `none`.
async fn audit(folder: &Path, run: &str) -> AuditReport {
    let layout = Layout::find(Some(&folder.join(".dbdata"))).unwrap();
    let runs = choose_runs(&folder.join("runs"), run, &layout).unwrap();
    let options = AuditOptions { wait: false, samples: 3, ..AuditOptions::of(built_in().unwrap()) };
    examine(&layout, &runs, options, |_| {}).await.unwrap()
}

/// Everything but spans that may be written yet.
fn findings(report: &AuditReport) -> Vec<String> {
    let wrong =
        report.checked.iter().filter(|one| matches!(one.verdict.name(), "fail" | "broken" | "inconclusive"));
    wrong.filter(|one| one.check.id != "pending_spans").map(|one| format!("{one:?}")).collect()
}

/// Traffic of three services into the stand-in.
fn load(folder: &Path, standin: &StandIn, workflows_per_service: u64) -> LoadSpec {
    LoadSpec {
        endpoint: standin.endpoint().to_string().parse().unwrap(),
        api_key: Secret("key".to_owned()),
        transport: Transport::plain(Duration::from_secs(30)),
        connections: 1,
        traffic: Traffic::New(PlanRequest {
            services: Services::Drawn(3),
            workflows_per_service: Some(workflows_per_service),
            mix: Mix::only(Profile::GettingStarted),
            telemetry: Telemetry::Current,
            collectors: None,
            seed: 1,
        }),
        pace: Pace::Rounds(2),
        duration: None,
        batching: Batching::Workflow,
        straddling: None,
        chaos: None,
        label: None,
        retry: RetryPolicy::None,
        thresholds: Vec::new(),
        abort_on_fail: false,
        runs: folder.join("runs"),
        data_dir: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_under_traffic_and_flushes_has_no_finding() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::new(folder.path().join(".dbdata"), "key".to_owned(), Schema::V2);
    let standin = standin::start(Config { batch_size: 100, ..config }).unwrap();
    let spec = load(folder.path(), &standin, 20_000);
    let (stop, stopped) = watch::channel(false);
    let generator =
        tokio::spawn(async move { prepare(&spec).await.unwrap().perform(stopped, |_, _| {}).await.unwrap() });

    let target = standin.internal_endpoint().to_string().parse().unwrap();
    let flushing = Arc::new(AtomicBool::new(true));
    let still = Arc::clone(&flushing);
    let flusher = tokio::spawn(async move {
        let mut ingestion = Ingestion::connect(&target, None).await.unwrap();
        while still.load(Ordering::Relaxed) {
            ingestion.flush().await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let spans = folder.path().join(".dbdata/spans");
    while files(&spans, ".ipc").is_empty() && files(&spans, ".parquet").is_empty() {
        assert!(!generator.is_finished(), "the generator ended by itself");
        tokio::task::yield_now().await;
    }
    let wanted = std::env::var("E2E_STORE_LIVE_AUDITS").ok().and_then(|audits| audits.parse().ok());
    let (mut audits, mut rows) = (0, 0);
    while audits < wanted.unwrap_or(AUDITS) || rows < ROWS {
        let report = audit(folder.path(), if audits % 2 == 0 { "latest" } else { "none" }).await;
        assert_eq!(findings(&report), Vec::<String>::new());
        let judged = report.coverage.rows;
        rows = rows.max(judged.as_planned + judged.by_structure);
        audits += 1;
    }
    stop.send_replace(true);
    generator.await.unwrap();
    flushing.store(false, Ordering::Relaxed);
    flusher.await.unwrap();
    standin.stop().await.unwrap();
}

/// Waits for what is awaited of a store's files.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_mins(1), "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// While a flush runs, the studio's timer waits: what was acked meanwhile is in memory for longer than the timer needs,
/// and is not lost.
#[expect(clippy::await_holding_lock, reason = "whoever holds the gate holds the flush back")]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_a_slow_flush_holds_back_is_pending_and_not_lost() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::new(folder.path().join(".dbdata"), "key".to_owned(), Schema::V2);
    let gate = Arc::clone(&config.flush_gate);
    let standin = standin::start(config).unwrap();
    let (_stop, stopped) = watch::channel(false);
    let send = async || {
        let spec = load(folder.path(), &standin, 2);
        prepare(&spec).await.unwrap().perform(stopped.clone(), |_, _| {}).await.unwrap();
    };
    send().await;

    let held = gate.lock().unwrap_or_else(PoisonError::into_inner);
    let target = standin.internal_endpoint().to_string().parse().unwrap();
    let flush = tokio::spawn(async move {
        Ingestion::connect(&target, None).await.unwrap().flush().await.unwrap();
    });
    let spans = folder.path().join(".dbdata/spans");
    until("a flush is under way", || !files(&spans, ".parquet.tmp").is_empty()).await;
    send().await;
    let judge = async |settle: Duration| {
        let layout = Layout::find(Some(&folder.path().join(".dbdata"))).unwrap();
        let runs = choose_runs(&folder.path().join("runs"), "latest", &layout).unwrap();
        let options = AuditOptions { settle, ..AuditOptions::of(built_in().unwrap()) };
        examine(&layout, &runs, options, |_| {}).await.unwrap()
    };
    let told = |report: &AuditReport| {
        let told =
            report.checked.iter().filter(|one| !matches!(one.verdict.name(), "pass" | "skipped" | "info"));
        told.map(|one| format!("{}: {}", one.check.id, one.verdict.name())).collect::<Vec<_>>()
    };
    let during = judge(Duration::from_millis(100)).await;
    assert_eq!(
        (told(&during), during.overall),
        (vec!["pending_spans: inconclusive".to_owned()], Overall::Inconclusive)
    );
    let run = during.coverage.runs.iter().find(|run| run.barrier == BarrierCoverage::Pending).unwrap();
    assert_eq!((run.found, run.acked), (0, run.planned));

    drop(held);
    flush.await.unwrap();
    // The timer comes some seconds after the flush.
    let after = judge(Duration::from_secs(10)).await;
    assert_eq!((told(&after), after.overall), (Vec::new(), Overall::Pass));
    standin.stop().await.unwrap();
}
