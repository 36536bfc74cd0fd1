//! A watch of a stand-in, with an OTLP endpoint for its metrics.

use clap::Parser;
use opentelemetry_proto::tonic::metrics::v1::{metric::Data, number_data_point::Value};
use tempfile::TempDir;
use tonic::{Code, Status};

use super::*;
use crate::{
    contract::schema::Schema,
    standin::{self, Config, StandIn},
    wire::fake_collector::{Answer, FakeCollector},
};

/// A stand-in with an index, and a folder for the runs.
pub(super) struct Studio {
    pub(super) stand_in: StandIn,
    runs: TempDir,
    _data: TempDir,
}

#[derive(Parser)]
struct CommandLine {
    #[command(flatten)]
    watch: WatchArgs,
}

impl Studio {
    pub(super) fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let config = Config::new(data.path().join("store"), "a-studio's-key".to_owned(), Schema::V2);
        let stand_in = standin::start(Config { index: true, ..config }).unwrap();
        Self { stand_in, runs: tempfile::tempdir().unwrap(), _data: data }
    }

    /// A watch of it, with what is typed beside that.
    pub(super) fn args(&self, more: &[&str]) -> WatchArgs {
        let store = self.stand_in.data_dir().display().to_string();
        let runs = self.runs.path().display().to_string();
        let endpoint = self.stand_in.endpoint().to_string();
        let internal = self.stand_in.internal_endpoint().to_string();
        let own =
            ["watch", &store, "--runs", &runs, "--endpoint", &endpoint, "--internal-endpoint", &internal];
        let key = ["--api-key", "a-studio's-key", "--via", "flush", "--every", "10ms"];
        CommandLine::try_parse_from([&own[..], &key, more].concat()).unwrap().watch
    }

    async fn watch(&self, more: &[&str]) -> (Exit, String) {
        let mut out = Vec::new();
        let exit = run(&self.args(more), &mut out, &Interrupts::listen()).await.unwrap();
        (exit, String::from_utf8(out).unwrap())
    }
}

/// A counter of the last export, by the value of its label.
fn counter(collector: &FakeCollector, name: &str, label: &str) -> Option<i64> {
    let seen = collector.seen();
    let (_, last) = seen.last()?;
    let mut metrics =
        last.resource_metrics.iter().flat_map(|one| &one.scope_metrics).flat_map(|one| &one.metrics);
    let Some(Data::Sum(sum)) = &metrics.find(|metric| metric.name == name)?.data else { return None };
    let is_labelled = |text: &str| text.contains(&format!("StringValue(\"{label}\")"));
    let point = sum.data_points.iter().find(|point| is_labelled(&format!("{:?}", point.attributes)))?;
    match point.value? {
        Value::AsInt(value) => Some(value),
        Value::AsDouble(_) => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_otlp_endpoint_gets_the_metrics_and_no_secret_of_the_studio() {
    let (studio, collector) = (Studio::start(), FakeCollector::answering([]).await);
    let target = collector.target().to_string();
    let more = ["--cycles", "2", "--otlp-metrics", &target, "--otlp-metrics-header", "x-tenant=blue"];
    let (exit, told) = studio.watch(&more).await;
    assert_eq!(exit, Exit::Clean, "{told}");
    assert_eq!(counter(&collector, "e2e_store.cycles", "pass"), Some(2), "{told}");
    assert_eq!(counter(&collector, "e2e_store.spans", "found"), Some(40));
    assert_eq!(counter(&collector, "e2e_store.findings", "lost_spans"), Some(0));
    for (metadata, _) in collector.seen() {
        assert_eq!(metadata.get("x-tenant").unwrap(), "blue");
        assert!(!format!("{metadata:?}").contains("a-studio's-key"), "{metadata:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_otlp_endpoint_that_refuses_or_hangs_delays_no_cycle_and_is_counted() {
    let studio = Studio::start();
    let refused = Answer::Status(Status::new(Code::PermissionDenied, "no"));
    let collector = FakeCollector::answering([refused]).await;
    let target = collector.target().to_string();
    let (exit, told) = studio.watch(&["--cycles", "3", "--otlp-metrics", &target]).await;
    assert_eq!((exit, told.matches("PASS").count()), (Exit::Clean, 3), "{told}");
    assert_eq!(counter(&collector, "e2e_store.metrics_exports", "failed"), Some(1));

    let silent = FakeCollector::answering([Answer::Hang]).await;
    let began = Instant::now();
    let target = silent.target().to_string();
    let (exit, told) = studio.watch(&["--cycles", "3", "--otlp-metrics", &target]).await;
    assert_eq!((exit, told.matches("PASS").count()), (Exit::Clean, 3), "{told}");
    assert_eq!(silent.seen().len(), 1);
    assert!(began.elapsed() < Duration::from_mins(1), "{told}");
}
