//! Runs against a stand-in with faults, and what an audit says of them.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use tempfile::TempDir;
use tokio::sync::watch;

use super::files;
use crate::{
    audit::{AuditOptions, examine, report::AuditReport},
    checks::catalog::built_in,
    contract::schema::Schema,
    judge::{reading::OldFiles, runs::choose_runs},
    send::{
        barrier::{self, BarrierMethod, BarrierOutcome},
        pace::Pace,
        planner::{PlanRequest, Services, Traffic},
        run::{LoadSpec, Secret, prepare},
        unit::Batching,
    },
    standin::{
        self, Config,
        faults::{Strikes, spec::FaultSpec},
    },
    store::layout::Layout,
    traffic::{mix::Mix, profile::Telemetry},
    wire::{ingestion::Ingestion, retry::RetryPolicy, target::Target, transport::Transport},
};

const KEY: &str = "key";
const DAY: Duration = Duration::from_hours(24);

/// Longer than the stand-in answers with the snapshot before.
const PAST_SNAPSHOT_CACHE: Duration = Duration::from_millis(1_050);

/// A store that several runs were sent to: two were flushed, of the others there is a snapshot.
pub(crate) struct Trial {
    pub(crate) folder: TempDir,
    pub(crate) strikes: Option<Strikes>,
}

/// Where a trial sends, and what it is about.
struct Scene<'a> {
    folder: &'a Path,
    endpoint: Target,
    internal: Target,
    fault: Option<FaultSpec>,
    seed: u64,
}

impl Trial {
    pub(crate) async fn of(fault: Option<FaultSpec>, seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = Config {
            batch_size: 40,
            index: true,
            faults: fault.into_iter().collect(),
            seed,
            ..Config::new(folder.path().join(".dbdata"), KEY.to_owned(), Schema::V2)
        };
        let mut stand_in = standin::start(config).unwrap();
        let target = |address: SocketAddr| address.to_string().parse::<Target>().unwrap();
        let scene = Scene {
            folder: folder.path(),
            endpoint: target(stand_in.endpoint()),
            internal: target(stand_in.internal_endpoint()),
            fault,
            seed,
        };
        tokio::select! {
            ended = stand_in.wait() => panic!("the stand-in failed: {ended:?}"),
            () = scene.play() => {}
        }
        if scene.is_about("file") {
            // Only what has been there for a while is missed in an index.
            age_cold_files(&folder.path().join(".dbdata/spans/parquet"));
        }
        stand_in.index().await.unwrap();
        let strikes = stand_in.strikes().pop();
        stand_in.stop().await.unwrap();
        Self { folder, strikes }
    }

    pub(crate) async fn audit(&self, run: &str) -> AuditReport {
        let layout = Layout::find(Some(&self.folder.path().join(".dbdata"))).unwrap();
        let runs = choose_runs(&self.folder.path().join("runs"), run, &layout).unwrap();
        let options = AuditOptions {
            settle: Duration::ZERO,
            wait: false,
            samples: 1_000,
            old_files: OldFiles::Read,
            ..AuditOptions::of(built_in().unwrap())
        };
        examine(&layout, &runs, options, |_| {}).await.unwrap()
    }
}

/// How many findings each check has that did not pass.
pub(crate) fn findings(report: &AuditReport) -> BTreeMap<String, u64> {
    let count =
        |one: &crate::checks::runner::Checked| one.verdict.findings().map_or(0, |findings| findings.total);
    let loud = report.checked.iter().filter(|one| !matches!(one.verdict.name(), "pass" | "skipped"));
    let loud = loud.filter(|one| one.check.id != "declared_losses");
    loud.map(|one| (one.check.id.clone(), count(one))).collect()
}

impl Scene<'_> {
    fn is_about(&self, opportunity: &str) -> bool {
        self.fault.is_some_and(|spec| spec.fault.opportunity() == opportunity)
    }

    async fn play(&self) {
        for (mix, workflows) in [("getting-started=1,adversarial=2", 20), ("getting-started=1,llm=3", 4)] {
            let ledger = self.send(mix, workflows).await;
            // A service that was ended is flushed when it is back.
            for _ in 0..2 {
                let flushed = barrier::run_barrier(BarrierMethod::Flush, &self.internal, None, &ledger).await;
                if matches!(flushed.unwrap(), BarrierOutcome::Flushed { .. }) {
                    break;
                }
                self.connected().await;
            }
        }
        self.send("getting-started", 2).await;
        self.connected().await.snapshot().await.ok();
        if self.is_about("snapshot") {
            tokio::time::sleep(PAST_SNAPSHOT_CACHE).await;
            self.send("getting-started", 2).await;
            self.connected().await.snapshot().await.ok();
        }
    }

    async fn send(&self, mix: &str, workflows: u64) -> std::sync::Arc<crate::ledger::writer::LedgerWriter> {
        let spec = LoadSpec {
            endpoint: self.endpoint.clone(),
            api_key: Secret(KEY.to_owned()),
            transport: Transport::plain(Duration::from_secs(3)),
            connections: 1,
            traffic: Traffic::New(PlanRequest {
                services: Services::Drawn(2),
                workflows_per_service: Some(workflows),
                mix: mix.parse::<Mix>().unwrap(),
                telemetry: Telemetry::Current,
                collectors: None,
                seed: self.seed,
            }),
            pace: Pace::Rounds(1),
            duration: None,
            batching: Batching::Workflow,
            straddling: None,
            label: None,
            retry: RetryPolicy::None,
            thresholds: Vec::new(),
            abort_on_fail: false,
            chaos: None,
            runs: self.folder.join("runs"),
            data_dir: None,
        };
        let (_stop, stopped) = watch::channel(false);
        prepare(&spec).await.unwrap().perform(stopped, |_, _| {}).await.unwrap().ledger
    }

    async fn connected(&self) -> Ingestion {
        let began = Instant::now();
        loop {
            match Ingestion::connect(&self.internal, None).await {
                Ok(ingestion) => return ingestion,
                Err(problem) => assert!(began.elapsed() < Duration::from_secs(20), "{problem}"),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Makes all cold files a day older, by their names and by their times.
fn age_cold_files(cold: &Path) {
    for file in files(cold, ".parquet") {
        let name = file.file_name().unwrap().to_str().unwrap();
        let (flushed, rest) = (&name[..15], &name[15..]);
        let flushed = chrono::NaiveDateTime::parse_from_str(flushed, "%Y%m%d_%H%M%S").unwrap() - DAY;
        let place = flushed.format("year=%Y/month=%m/day=%d/%Y%m%d_%H%M%S").to_string();
        let place: PathBuf = cold.join(format!("{place}{rest}"));
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::rename(&file, &place).unwrap();
        let handle = fs::OpenOptions::new().write(true).open(place).unwrap();
        handle.set_modified(SystemTime::now() - DAY).unwrap();
    }
}
