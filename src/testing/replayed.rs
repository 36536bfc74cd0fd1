//! Replays for tests: sent through the stand-in, or made of generated runs whose stores are at hand.

use std::{fs, path::Path, path::PathBuf, sync::Arc, time::Duration};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;

use super::files;
use crate::{
    contract::{digest::hash, id_remap::IdRemap, schema::Schema},
    ledger::{
        expected::ExpectationWriter,
        replay::{Options, ReplayManifest},
        runs::{self, Run},
    },
    send::{
        barrier::{self, BarrierMethod},
        run::Secret,
    },
    source::run::{self, Route, ShiftTime},
    standin::{self, Config},
    traffic::export::{EncodedResource, Encoder},
    wire::{retry::RetryPolicy, transport::Transport},
};

const KEY: &str = "key";

/// A store that holds what a replay sent.
pub(crate) struct Replayed {
    pub(crate) folder: TempDir,
    /// The folder of the run.
    pub(crate) run: PathBuf,
    pub(crate) manifest: ReplayManifest,
}

impl Replayed {
    /// Sends a source twice over, each time with ids of its own.
    pub(crate) async fn new(source: &Path, schema: Schema) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stand_in =
            standin::start(Config::new(folder.path().join(".dbdata"), KEY.to_owned(), schema)).unwrap();
        let route = Route {
            endpoint: stand_in.endpoint().to_string().parse().unwrap(),
            api_key: Secret(KEY.to_owned()),
            transport: Transport::plain(Duration::from_secs(10)),
            connections: 1,
            in_flight: 4,
            retry: RetryPolicy::None,
            runs: folder.path().join("runs"),
            data_dir: None,
        };
        let options = Options { loops: 2, ..options() };
        let mut surveyed = run::prepare(source, options, true).await.unwrap();
        surveyed.renew(true, ShiftTime::Now, run::now());
        let begun = run::begin(&surveyed, &route, run::now()).unwrap();
        let exporters = run::connect(&route).await.unwrap();
        let (_stop, stopped) = watch::channel(false);
        let replayed = run::perform(surveyed, begun, exporters, &route, stopped, |_, _| {}).await.unwrap();
        let internal = stand_in.internal_endpoint().to_string().parse().unwrap();
        barrier::run_barrier(BarrierMethod::Flush, &internal, None, &replayed.ledger).await.unwrap();
        stand_in.stop().await.unwrap();
        Self { folder, run: replayed.folder, manifest: replayed.manifest }
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join(".dbdata")
    }

    pub(crate) fn runs(&self) -> PathBuf {
        self.folder.path().join("runs")
    }

    pub(crate) fn cold_file(&self) -> PathBuf {
        files(&self.data_dir(), ".parquet").remove(0)
    }
}

fn options() -> Options {
    Options { pace: "max".to_owned(), loops: 1, ..Options::default() }
}

/// Makes replays of the generated runs of a folder: of sources that give the rows that the runs sent, with fresh
/// ids that are those of the runs.
pub(crate) async fn make_replays(runs: &Path) {
    for run in runs::load_all(runs).unwrap().runs {
        make_replay(&run, &run.parts[0].folder).await;
    }
}

async fn make_replay(run: &Run, folder: &Path) {
    let key = 0x0123_4567_89ab_cdef;
    let source = folder.join("source.bin");
    fs::write(&source, source_of(run, IdRemap { key: Some(key), shift: 0 })).unwrap();
    let mut surveyed = run::prepare(&source, options(), true).await.unwrap();
    let manifest = json!({
        "version": ReplayManifest::VERSION,
        "kind": "replay",
        "run_id": run.manifest.run_id,
        "created_at": run.manifest.created_at,
        "source": { "path": source, "kind": surveyed.kind, "files": 1, "digest": surveyed.digest },
        "options": options(),
        "id_key": format!("{key:016x}"),
        "shift_nanos": 0,
        "spans": surveyed.spans(),
        "services": [],
        "endpoint": run.manifest.endpoint,
        "results": run.manifest.results,
    });
    let mut manifest: ReplayManifest = serde_json::from_value(manifest).unwrap();
    run::restore(&mut surveyed, &manifest).unwrap();
    let services = Arc::clone(&surveyed.recipe.services);
    let mut expected = ExpectationWriter::open(&runs::expected_path(folder), 0).unwrap();
    run::make(Arc::new(surveyed.recipe), |draft| Ok(expected.append(&draft.expectations)?)).await.unwrap();
    manifest.services = services.beyond(0).unwrap();
    manifest.write(&runs::manifest_path(folder)).unwrap();
    let ledger = runs::ledger_path(folder);
    let text = fs::read_to_string(&ledger).unwrap();
    let lines = text.split_inclusive('\n').map(|line| as_recorded(run, line));
    fs::write(&ledger, lines.collect::<String>()).unwrap();
}

/// Requests in the order of the plan's slots, whose ids become those of the plan.
fn source_of(run: &Run, remap: IdRemap) -> Vec<u8> {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use prost::Message;

    let plan = &run.plan;
    let resources = EncodedResource::all(plan);
    let mut encoder = Encoder::new(plan, &resources);
    let mut source = Vec::new();
    for stream in 0..plan.streams() {
        for first in (0..plan.spans_of_stream(stream)).step_by(5) {
            let count = (plan.spans_of_stream(stream) - first).min(5) as u32;
            let mut bytes = Vec::new();
            encoder.write(stream, first, count, &mut bytes);
            let mut request = ExportTraceServiceRequest::decode(&*bytes).unwrap();
            for span in request
                .resource_spans
                .iter_mut()
                .flat_map(|of| &mut of.scope_spans)
                .flat_map(|of| &mut of.spans)
            {
                for id in [&mut span.trace_id, &mut span.span_id, &mut span.parent_span_id] {
                    remap.original(id);
                }
                for link in &mut span.links {
                    remap.original(&mut link.trace_id);
                    remap.original(&mut link.span_id);
                }
            }
            source.extend_from_slice(&(request.encoded_len() as u32).to_be_bytes());
            source.extend_from_slice(&request.encode_to_vec());
        }
    }
    source
}

/// A line of a generated run's ledger as that of a replay, which has one stream.
fn as_recorded(run: &Run, line: &str) -> String {
    let mut entry: Value = serde_json::from_str(line).unwrap();
    if entry["event"] == "export_started" {
        let number = |name: &str| entry[name].as_u64().unwrap();
        let slots = run.plan.slots(number("stream") as usize, number("first"), number("count") as u32);
        (entry["stream"], entry["first"]) = (0.into(), slots.start.into());
    }
    format!("{entry}\n")
}

/// Takes from a replay's records what version 2 of its manifest did not have.
pub(crate) fn as_version_2(replayed: &Replayed) {
    let path = runs::expected_path(&replayed.run);
    let bytes = fs::read(&path).unwrap();
    let records = bytes[16..].chunks_exact(56).flat_map(|record| {
        let trace = hash(&record[..16]).to_le_bytes();
        [&trace, &record[16..24], &record[32..48]].concat()
    });
    fs::write(&path, records.collect::<Vec<u8>>()).unwrap();
    let manifest = ReplayManifest { version: 2, ..replayed.manifest.clone() };
    manifest.write(&runs::manifest_path(&replayed.run)).unwrap();
}
