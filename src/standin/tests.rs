//! The stand-in from outside: gRPC calls go in, files come out.

use std::{
    fs::{self, File},
    time::{Duration, Instant},
};

use datafusion::{
    arrow::{
        array::{AsArray, RecordBatch},
        ipc::reader::StreamReader,
    },
    parquet::{
        arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder},
        basic::Compression,
    },
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, trace_service_client::TraceServiceClient},
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use tempfile::TempDir;
use tonic::{Code, Request, Status, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use super::*;
use crate::proto::{
    FlushWalRequest, FlushWalResponse, PrepareHotSnapshotRequest, PrepareHotSnapshotResponse,
    ValidateApiKeyRequest, internal_auth_service_client::InternalAuthServiceClient,
    internal_ingestion_service_client::InternalIngestionServiceClient,
};

const KEY: &str = "a-key";
const TOKEN: &str = "a-token";

/// A stand-in in a folder that goes away with it, and what its callers do to it.
struct Scene {
    dir: TempDir,
    standin: StandIn,
}

impl Scene {
    fn new(adapt: impl Fn(&mut Config)) -> Self {
        Self::in_folder(TempDir::new().unwrap(), adapt)
    }

    fn in_folder(dir: TempDir, adapt: impl Fn(&mut Config)) -> Self {
        let mut config = Config::new(dir.path().join("data"), KEY.to_owned(), Schema::V2);
        adapt(&mut config);
        Self { standin: start(config).unwrap(), dir }
    }

    async fn stop(self) -> TempDir {
        self.standin.stop().await.unwrap();
        self.dir
    }

    /// The names of what lies in the log's folder, without times and numbers.
    fn endings(&self) -> Vec<String> {
        let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        let ending = |path| name(path).split_once('.').unwrap().1.to_owned();
        self.files("wal", "").iter().map(ending).collect()
    }

    async fn export(&self, names: &[&str]) -> Result<(), Status> {
        let mut client = TraceServiceClient::new(channel(self.standin.endpoint()).await);
        client.export(with("x-junjo-api-key", Some(KEY), request(names))).await.map(|_| ())
    }

    async fn internal(&self) -> InternalIngestionServiceClient<Channel> {
        InternalIngestionServiceClient::new(channel(self.standin.internal_endpoint()).await)
    }

    async fn flush(&self) -> FlushWalResponse {
        self.internal().await.flush_wal(FlushWalRequest {}).await.unwrap().into_inner()
    }

    async fn snapshot(&self) -> PrepareHotSnapshotResponse {
        let answer = self.internal().await.prepare_hot_snapshot(PrepareHotSnapshotRequest {}).await;
        answer.unwrap().into_inner()
    }

    /// All files under `folder` of the store whose name ends with `ending`, in order.
    fn files(&self, folder: &str, ending: &str) -> Vec<PathBuf> {
        let mut folders = vec![self.standin.data_dir().join("spans").join(folder)];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.to_str().unwrap().ends_with(ending) {
                    files.push(path);
                }
            }
        }
        files.sort();
        files
    }

    /// The names of the spans in each segment.
    fn segments(&self) -> Vec<Vec<String>> {
        let read = |path: &PathBuf| StreamReader::try_new(File::open(path).unwrap(), None).unwrap();
        let names = |path| read(path).flat_map(|batch| names(&batch.unwrap())).collect();
        self.files("wal", ".ipc").iter().map(names).collect()
    }

    /// The names of the spans in each cold file.
    fn cold(&self) -> Vec<Vec<String>> {
        self.files("parquet", ".parquet").iter().map(|path| parquet_names(path)).collect()
    }
}

fn parquet_names(path: &Path) -> Vec<String> {
    let reader = ParquetRecordBatchReader::try_new(File::open(path).unwrap(), 1024).unwrap();
    reader.flat_map(|batch| names(&batch.unwrap())).collect()
}

fn names(batch: &RecordBatch) -> Vec<String> {
    let column = batch.column_by_name("name").unwrap().as_string::<i32>();
    column.iter().flatten().map(str::to_owned).collect()
}

async fn channel(address: SocketAddr) -> Channel {
    Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
}

fn with<T>(name: &'static str, value: Option<&'static str>, message: T) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(value) = value {
        request.metadata_mut().insert(name, value.parse().unwrap());
    }
    request
}

fn request(names: &[&str]) -> ExportTraceServiceRequest {
    let span = |name: &&str| Span { name: (*name).to_owned(), ..Span::default() };
    let scope = ScopeSpans { spans: names.iter().map(span).collect(), ..ScopeSpans::default() };
    let resource_spans = vec![ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: not within 20 s");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn spans_go_from_memory_to_segments_to_one_cold_file() {
    for schema in [Schema::V1, Schema::V2] {
        let scene = Scene::new(|config| {
            config.batch_size = 2;
            config.schema = schema;
        });
        scene.export(&[]).await.unwrap();
        scene.export(&["a", "b", "c"]).await.unwrap();
        assert_eq!(scene.segments(), [["a", "b"]]);

        assert_eq!(scene.flush().await, FlushWalResponse { success: true, error_message: String::new() });
        assert_eq!(scene.cold(), [["a", "b", "c"]]);
        assert_eq!(scene.files("wal", "").len(), 0);
        assert!(scene.flush().await.success, "an empty log flushes to nothing");

        let [path] = &scene.files("parquet", "")[..] else { panic!("one cold file") };
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
        assert_eq!(reader.schema().fields(), schema.stored().fields());
        let column = reader.metadata().row_group(0).column(0);
        assert_eq!(column.compression(), Compression::LZ4_RAW);
        assert!(column.statistics().is_some());
    }
}

#[tokio::test]
async fn a_call_without_the_right_secret_is_refused() {
    let scene = Scene::new(|config| config.internal_token = Some(TOKEN.to_owned()));
    let auth = start_auth_only(0, KEY.to_owned(), Some(TOKEN.to_owned())).unwrap();
    let mut traces = TraceServiceClient::new(channel(scene.standin.endpoint()).await);
    let mut internal = scene.internal().await;
    let mut keys = InternalAuthServiceClient::new(channel(auth.endpoint()).await);

    for key in [None, Some("another")] {
        let refused = traces.export(with("x-junjo-api-key", key, request(&["a"]))).await;
        assert_eq!(refused.unwrap_err().code(), Code::Unauthenticated);
    }
    for (token, code) in
        [(None, Code::Unauthenticated), (Some("another"), Code::Unauthenticated), (Some(TOKEN), Code::Ok)]
    {
        let token = |message| with("x-junjo-internal-token", token, message);
        let code_of = |result: Result<(), Status>| result.map_or_else(|status| status.code(), |()| Code::Ok);
        let flushed = internal.flush_wal(token(()).map(|()| FlushWalRequest {})).await.map(|_| ());
        let prepared =
            internal.prepare_hot_snapshot(token(()).map(|()| PrepareHotSnapshotRequest {})).await.map(|_| ());
        let request = ValidateApiKeyRequest { api_key: KEY.to_owned() };
        let validated = keys.validate_api_key(token(()).map(|()| request)).await.map(|_| ());
        assert_eq!([flushed, prepared, validated].map(code_of), [code; 3]);
    }
    for (api_key, is_valid) in [(KEY, true), ("another", false), ("", false)] {
        let request = ValidateApiKeyRequest { api_key: api_key.to_owned() };
        let answer = keys.validate_api_key(with("x-junjo-internal-token", Some(TOKEN), request)).await;
        assert_eq!(answer.unwrap().into_inner().is_valid, is_valid, "{api_key:?}");
    }
    auth.stop().await.unwrap();
}

#[tokio::test]
async fn an_export_that_would_fill_the_memory_is_refused() {
    let scene = Scene::new(|_| {});
    let spans = vec![Span::default(); 1_000_000];
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }],
    };
    let mut client = TraceServiceClient::new(channel(scene.standin.endpoint()).await);
    for (key, code) in [(Some("wrong"), Code::Unauthenticated), (Some(KEY), Code::ResourceExhausted)] {
        let refused = client.export(with("x-junjo-api-key", key, request.clone())).await.unwrap_err();
        assert_eq!(refused.code(), code);
    }
    scene.export(&["a"]).await.unwrap();
    assert!(scene.flush().await.success);
    assert_eq!(scene.cold(), [["a"]]);
}

#[tokio::test]
async fn an_oversized_or_compressed_request_is_refused() {
    let scene = Scene::new(|_| {});
    let huge = "x".repeat(4 * 1024 * 1024);
    assert_eq!(scene.export(&[&huge]).await.unwrap_err().code(), Code::OutOfRange);

    let mut client = TraceServiceClient::new(channel(scene.standin.endpoint()).await);
    let mut compressed = with("x-junjo-api-key", Some(KEY), request(&["a"]));
    compressed.metadata_mut().insert("grpc-encoding", "gzip".parse().unwrap());
    assert_eq!(client.export(compressed).await.unwrap_err().code(), Code::Unimplemented);

    scene.export(&["b"]).await.unwrap();
    scene.flush().await;
    assert_eq!(scene.cold(), [["b"]]);
}

#[tokio::test]
async fn both_ports_report_their_health() {
    let scene = Scene::new(|_| {});
    for address in [scene.standin.endpoint(), scene.standin.internal_endpoint()] {
        let mut client = HealthClient::new(channel(address).await);
        let answer = client.check(HealthCheckRequest::default()).await.unwrap();
        assert_eq!(answer.into_inner().status().as_str_name(), "SERVING");
    }
}

#[tokio::test]
async fn only_a_folder_of_its_own_is_used() {
    let dir = TempDir::new().unwrap();
    let (foreign, file, empty) =
        (dir.path().join("foreign"), dir.path().join("file"), dir.path().join("empty"));
    fs::create_dir_all(foreign.join("spans")).unwrap();
    fs::create_dir(&empty).unwrap();
    fs::write(&file, "").unwrap();

    for (path, accepted) in
        [(&foreign, false), (&file, false), (&empty, true), (&empty, true), (&dir.path().join("a/b"), true)]
    {
        let started = start(Config::new(path.clone(), KEY.to_owned(), Schema::V2));
        match started {
            Ok(standin) => {
                assert!(accepted && standin.data_dir().join("spans/wal").is_dir());
                standin.stop().await.unwrap();
            }
            Err(err) => assert!(!accepted && err.to_string().contains(path.to_str().unwrap()), "{err:#}"),
        }
    }
    assert_eq!(fs::read_dir(&foreign).unwrap().count(), 1);
}

#[cfg(unix)]
#[tokio::test]
async fn no_link_leads_out_of_the_folder() {
    use std::os::unix::fs::symlink;
    let dir = TempDir::new().unwrap();
    let outside = dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let victim = outside.join("victim.ipc");
    fs::write(&victim, "precious").unwrap();
    let marked = |name: &str| {
        let data = dir.path().join(name);
        fs::create_dir_all(data.join("spans/wal")).unwrap();
        fs::write(data.join(".e2e-store-stand-in"), "").unwrap();
        data
    };
    let start = |data: &Path| start(Config::new(data.to_owned(), KEY.to_owned(), Schema::V2));

    let data = dir.path().join("marker-is-a-link");
    fs::create_dir(&data).unwrap();
    symlink(&victim, data.join(".e2e-store-stand-in")).unwrap();
    assert!(start(&data).is_err());
    let data = dir.path().join("marker-leads-nowhere");
    fs::create_dir(&data).unwrap();
    symlink(outside.join("made"), data.join(".e2e-store-stand-in")).unwrap();
    assert!(start(&data).is_err());
    for linked in ["spans", "spans/wal", "spans/parquet"] {
        let data = marked(&linked.replace('/', "-"));
        if linked != "spans/parquet" {
            fs::remove_dir_all(data.join(linked)).unwrap();
        }
        symlink(&outside, data.join(linked)).unwrap();
        assert!(start(&data).is_err(), "{linked}");
    }
    let names = |folder: &Path| {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>()
    };
    assert_eq!(names(&outside), ["victim.ipc"]);

    // Files that are links are not read as segments and not written through.
    let scene = Scene::in_folder(TempDir::new().unwrap(), |_| {});
    let spans = scene.standin.data_dir().join("spans");
    symlink(&victim, spans.join("hot_snapshot.parquet.tmp")).unwrap();
    symlink(&victim, spans.join("hot_snapshot.parquet")).unwrap();
    scene.export(&["a"]).await.unwrap();
    assert_eq!(scene.snapshot().await.row_count, 1);
    assert_eq!(parquet_names(&spans.join("hot_snapshot.parquet")), ["a"]);
    symlink(&victim, spans.join("wal/batch_0_0001.ipc")).unwrap();
    assert!(!scene.flush().await.success);
    fs::remove_file(spans.join("wal/batch_0_0001.ipc")).unwrap();
    symlink(&outside, spans.join("parquet/year=2001")).unwrap();
    assert!(scene.flush().await.success, "another year");
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    assert_eq!(names(&outside), ["victim.ipc"]);
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_has_one_stand_in_and_one_reader() {
    use std::os::unix::fs::PermissionsExt;
    let scene = Scene::new(|_| {});
    let data = scene.standin.data_dir().to_owned();
    let again = || start(Config::new(data.clone(), KEY.to_owned(), Schema::V2));
    assert!(again().unwrap_err().to_string().contains("in use by another stand-in"));
    scene.export(&["a"]).await.unwrap();
    scene.flush().await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let cold = scene.files("parquet", ".parquet").remove(0);
    assert_eq!((mode(&data), mode(cold.parent().unwrap()), mode(&cold)), (0o700, 0o700, 0o600));
    let dir = scene.stop().await;
    again().unwrap().stop().await.unwrap();
    drop(dir);
}

#[tokio::test]
async fn a_torn_segment_wedges_every_flush_and_snapshot() {
    for (kept_bytes, message) in [(0, "Expected schema message"), (700, "fill whole buffer")] {
        let scene = Scene::new(|config| config.batch_size = 1);
        scene.export(&["a", "b"]).await.unwrap();
        let torn = &scene.files("wal", ".ipc")[1];
        File::options().write(true).open(torn).unwrap().set_len(kept_bytes).unwrap();

        for attempt in 1..=2 {
            let (flushed, prepared) = (scene.flush().await, scene.snapshot().await);
            assert_eq!((flushed.success, prepared.success), (false, false));
            for text in [&flushed.error_message, &prepared.error_message] {
                assert!(text.contains(message), "{text}");
            }
            let unfinished = scene.files("parquet", ".parquet.tmp");
            assert_eq!(unfinished.len(), attempt);
            assert!(unfinished.iter().all(|path| path.metadata().unwrap().len() == 4));
        }
        assert_eq!(scene.files("wal", ".ipc").len(), 2);
        assert_eq!(scene.cold().len(), 0);
    }
}

#[tokio::test]
async fn segments_that_a_studio_left_behind_are_flushed_by_its_own_era_only() {
    for (left_by, rows, error_message) in [
        ("studio-0.82.1/spans/wal/batch_1795346061456921668_0003.ipc", Some(42), ""),
        (
            "studio-0.80.0/spans/wal/batch_1795346065404657582_0003.ipc",
            None,
            "Incorrect number of rows, expected 8 != 0 rows",
        ),
    ] {
        let scene = Scene::new(|_| {});
        let left = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(left_by);
        fs::copy(left, scene.standin.data_dir().join("spans/wal/batch_1_0001.ipc")).unwrap();
        let flushed = scene.flush().await;
        assert!(flushed.error_message.ends_with(error_message), "{}", flushed.error_message);
        assert_eq!(flushed.success, rows.is_some());
        assert_eq!(scene.cold().first().map(Vec::len), rows);
    }
}

#[tokio::test]
async fn a_snapshot_is_a_copy_that_is_repeated_for_a_second() {
    let scene = Scene::new(|_| {});
    let path = scene.standin.data_dir().join("spans/hot_snapshot.parquet");
    assert_eq!(scene.snapshot().await, PrepareHotSnapshotResponse { success: true, ..Default::default() });

    scene.export(&["a"]).await.unwrap();
    let first = scene.snapshot().await;
    assert_eq!((first.success, first.row_count), (true, 1));
    assert_eq!(first.snapshot_path, path.to_str().unwrap());
    assert_eq!(first.file_size_bytes.cast_unsigned(), path.metadata().unwrap().len());
    assert_eq!(parquet_names(&path), ["a"]);
    assert_eq!(scene.segments(), [["a"]]);

    scene.flush().await;
    let cold = scene.files("parquet", "").iter().map(|path| path.display().to_string()).collect();
    assert_eq!(scene.snapshot().await, PrepareHotSnapshotResponse { recent_cold_paths: cold, ..first });
    assert_eq!(parquet_names(&path), ["a"], "a flush leaves the snapshot");

    let deadline = Instant::now() + Duration::from_secs(20);
    while !scene.snapshot().await.snapshot_path.is_empty() {
        assert!(Instant::now() < deadline, "the empty log is never noticed");
    }
    assert!(!path.exists());
}

#[tokio::test]
async fn time_and_size_move_spans_without_being_asked() {
    let scene = Scene::new(|_| {});
    scene.export(&["a"]).await.unwrap();
    assert_eq!(scene.files("wal", "").len(), 0);
    until("the timer writes a segment", || scene.segments() == [["a"]]).await;

    let scene = Scene::new(|config| {
        config.batch_size = 1;
        config.flush_max_bytes = 1;
    });
    scene.export(&["a"]).await.unwrap();
    until("a full log is flushed", || scene.cold() == [["a"]]).await;
}

#[tokio::test]
async fn a_stop_forgets_what_is_only_in_memory() {
    let scene = Scene::new(|config| config.batch_size = 2);
    scene.export(&["a", "b", "c"]).await.unwrap();
    let mut open = scene.internal().await;
    let restarted = Scene::in_folder(scene.stop().await, |_| {});
    assert!(open.flush_wal(FlushWalRequest {}).await.is_err(), "no connection survives");
    restarted.flush().await;
    assert_eq!(restarted.cold(), [["a", "b"]]);
}

#[tokio::test]
async fn a_failing_segment_keeps_spans_up_to_the_one_that_filled_it() {
    let scene = Scene::new(|config| config.batch_size = 2);
    let wal = scene.standin.data_dir().join("spans/wal");
    fs::remove_dir(&wal).unwrap();
    for names in [["a", "b", "lost"], ["c", "lost", "lost"]] {
        assert_eq!(scene.export(&names).await.unwrap_err().code(), Code::Internal);
    }
    fs::create_dir(&wal).unwrap();
    scene.flush().await;
    assert_eq!(scene.cold(), [["a", "b", "c"]]);
}

#[expect(clippy::await_holding_lock, reason = "whoever holds the gate holds the flush back")]
#[tokio::test]
async fn a_flush_whose_caller_goes_away_stores_nothing_twice() {
    let gate = Arc::<Mutex<()>>::default();
    let scene = Scene::new(|config| config.flush_gate = Arc::clone(&gate));
    scene.export(&["a"]).await.unwrap();
    let held = gate.lock().unwrap();
    let mut internal = scene.internal().await;
    let unfinished = || scene.files("parquet", ".tmp");
    tokio::select! {
        flushed = internal.flush_wal(FlushWalRequest {}) => panic!("{flushed:?}"),
        () = async { while unfinished().is_empty() { tokio::task::yield_now().await } } => {}
    }
    drop(held);
    assert!(scene.flush().await.success);
    assert_eq!(scene.cold(), [["a"]]);
    assert!(scene.segments().is_empty());
}

#[tokio::test]
async fn what_a_stop_forgets_is_counted() {
    let scene = Scene::new(|config| config.batch_size = 2);
    scene.export(&["a", "b", "c"]).await.unwrap();
    let Scene { dir, standin } = scene;
    assert_eq!(standin.stop().await.unwrap().map(|unwritten| unwritten.spans), Some(1));
    drop(dir);
}

#[tokio::test]
async fn a_durable_one_flushes_when_it_is_stopped_and_takes_nothing_after() {
    let scene = Scene::new(|config| config.durable = true);
    scene.export(&["a"]).await.unwrap();
    scene.standin.service.storage.close().await.unwrap();
    assert_eq!(scene.export(&["b"]).await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(scene.cold(), [["a"]]);
    let Scene { dir, standin } = scene;
    assert_eq!(standin.stop().await.unwrap(), None);
    drop(dir);
}

#[tokio::test]
async fn a_durable_one_sets_damaged_segments_aside() {
    for kept_bytes in [0, 700] {
        let scene = Scene::new(|config| (config.batch_size, config.durable) = (1, true));
        scene.export(&["a", "b"]).await.unwrap();
        let torn = &scene.files("wal", ".ipc")[0];
        File::options().write(true).open(torn).unwrap().set_len(kept_bytes).unwrap();
        assert_eq!((scene.snapshot().await.success, scene.flush().await.success), (true, true));
        assert_eq!(scene.cold(), [["b"]]);
        assert_eq!(scene.endings(), ["ipc.bad"]);
        assert!(scene.flush().await.success, "nothing but what is set aside");
        assert_eq!(scene.cold().len(), 1);
    }
}

#[tokio::test]
async fn a_durable_one_puts_in_order_what_a_crash_left() {
    let scene = Scene::new(|config| config.batch_size = 1);
    let wal = scene.standin.data_dir().join("spans/wal");
    scene.export(&["a"]).await.unwrap();
    // A crash between the rename of a flush and its deletes.
    let (flushed, kept) = (scene.files("wal", ".ipc").remove(0), scene.dir.path().join("kept"));
    fs::copy(&flushed, &kept).unwrap();
    assert!(scene.flush().await.success);
    fs::rename(&kept, &flushed).unwrap();
    // Crashes before the rename of a segment, and while it was written.
    scene.export(&["b"]).await.unwrap();
    let segment = scene.files("wal", ".ipc").remove(1);
    fs::rename(&segment, segment.with_extension("ipc.tmp")).unwrap();
    fs::write(wal.join("batch_1_0001.ipc.tmp"), "ARROW").unwrap();
    scene.export(&["c"]).await.unwrap();
    let dir = scene.stop().await;

    let restarted = Scene::in_folder(dir, |config| config.durable = true);
    assert_eq!(restarted.segments(), [["b"], ["c"]]);
    assert!(restarted.flush().await.success);
    assert_eq!(restarted.cold(), [vec!["a"], vec!["b", "c"]]);
    assert_eq!(restarted.endings(), ["ipc.tmp.bad"]);
}
