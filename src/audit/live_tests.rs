//! Audits of a store that is written to and flushed all the while.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::watch;

use super::{AuditOptions, examine, report::AuditReport};
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
    standin::{self, Config},
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

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_under_traffic_and_flushes_has_no_finding() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::new(folder.path().join(".dbdata"), "key".to_owned(), Schema::V2);
    let standin = standin::start(Config { batch_size: 100, ..config }).unwrap();
    let spec = LoadSpec {
        endpoint: standin.endpoint().to_string().parse().unwrap(),
        api_key: Secret("key".to_owned()),
        transport: Transport::plain(Duration::from_secs(30)),
        connections: 1,
        traffic: Traffic::New(PlanRequest {
            services: Services::Drawn(3),
            workflows_per_service: Some(20_000),
            mix: Mix::only(Profile::GettingStarted),
            telemetry: Telemetry::Current,
            collectors: None,
            seed: 1,
        }),
        pace: Pace::Rounds(2),
        duration: None,
        batching: Batching::Workflow,
        straddling: None,
        label: None,
        retry: RetryPolicy::None,
        thresholds: Vec::new(),
        abort_on_fail: false,
        runs: folder.path().join("runs"),
        data_dir: None,
    };
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
