use std::{fs, path::PathBuf};

use tempfile::TempDir;
use tokio::sync::watch;

use super::*;
use crate::{
    contract::schema::Schema,
    send::{
        barrier::{self, BarrierMethod},
        run::Secret,
    },
    source::run::{Route, ShiftTime},
    standin::{self, Config},
    testing,
    wire::{retry::RetryPolicy, transport::Transport},
};

const KEY: &str = "key";

/// A store that holds what a replay sent.
pub(crate) struct Replayed {
    pub(crate) folder: TempDir,
    pub(crate) run: PathBuf,
    pub(crate) manifest: ReplayManifest,
}

impl Replayed {
    /// Sends a source twice over, each time with ids of its own.
    pub(crate) async fn new(source: &Path, schema: Schema) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().join(".dbdata");
        let stand_in = standin::start(Config::new(data_dir, KEY.to_owned(), schema)).unwrap();
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
        let options = crate::ledger::replay::Options {
            pace: "max".to_owned(),
            loops: 2,
            ..crate::ledger::replay::Options::default()
        };
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

    pub(crate) fn cold_file(&self) -> PathBuf {
        testing::files(&self.folder.path().join(".dbdata"), ".parquet").remove(0)
    }

    async fn proof(&self) -> Proof {
        let layout = Layout::find(Some(&self.folder.path().join(".dbdata"))).unwrap();
        prove(&self.run, &self.manifest, &layout, Duration::ZERO, false, |_| {}).await.unwrap()
    }
}

fn golden() -> PathBuf {
    testing::fixture("profiles/studio-0.82.1")
}

#[tokio::test]
async fn what_was_sent_is_found_as_it_was_sent_in_either_schema() {
    for studio in ["profiles/studio-0.80.0", "profiles/studio-0.82.1", "studio-0.80.0", "studio-0.82.1"] {
        for schema in [Schema::V1, Schema::V2] {
            let proof = Replayed::new(&testing::fixture(studio), schema).await.proof().await;
            assert_eq!(proof.verdict(), Verdict::Pass, "{studio} {schema:?}\n{proof:#?}");
            assert_eq!(proof.reckoning.account.planned, proof.reckoning.as_sent);
            assert!(proof.remarks().is_empty());
        }
    }
}

#[tokio::test]
async fn a_changed_value_is_named_with_its_column() {
    for schema in [Schema::V1, Schema::V2] {
        let replayed = Replayed::new(&golden(), schema).await;
        let file = replayed.cold_file();
        let mut rows = testing::parquet_rows(&file, schema);
        let sent = rows[3].name.clone();
        rows[3].name.push('x');
        // The same values in another form are the same.
        rows[5].attributes = format!(" {}", rows[5].attributes);
        testing::write_parquet(&file, &rows, schema);
        let proof = replayed.proof().await;
        assert_eq!(proof.verdict(), Verdict::Fail);
        assert_eq!(proof.reckoning.altered.total, 1, "{:#?}", proof.differences);
        let [difference] = proof.differences.as_slice() else { panic!("{:#?}", proof.differences) };
        assert_eq!((difference.address.row_number, difference.column), (3, "name"));
        assert_eq!(difference.expected.as_ref(), Some(&sent));
        assert_eq!(difference.actual, Some(format!("{sent}x")));
    }
}

#[tokio::test]
async fn lost_and_doubled_spans_are_counted() {
    let replayed = Replayed::new(&golden(), Schema::V2).await;
    let file = replayed.cold_file();
    let rows = testing::parquet_rows(&file, Schema::V2);
    testing::write_parquet(&file, &[&rows[2..], &rows[4..5]].concat(), Schema::V2);
    let proof = replayed.proof().await;
    let Reckoning { lost, duplicates, altered, .. } = &proof.reckoning;
    assert_eq!((lost.total, duplicates.total, altered.total), (2, 1, 0));
    assert_eq!(duplicates.kept[0].id(), rows[4].span_id);
}

#[tokio::test]
async fn what_a_broken_file_may_hold_is_not_called_lost() {
    let replayed = Replayed::new(&golden(), Schema::V2).await;
    let file = replayed.cold_file();
    fs::write(&file, &fs::read(&file).unwrap()[..100]).unwrap();
    let proof = replayed.proof().await;
    assert_eq!(proof.verdict(), Verdict::Open);
    assert_eq!(proof.reckoning.unproven.total, proof.reckoning.account.planned);
    assert_eq!(proof.reckoning.unread.len(), 1);
}

#[tokio::test]
async fn a_source_that_is_gone_leaves_the_columns_unnamed() {
    let source = tempfile::tempdir().unwrap();
    testing::copy_tree(&testing::fixture("studio-0.82.1"), source.path());
    let replayed = Replayed::new(source.path(), Schema::V2).await;
    let file = replayed.cold_file();
    let mut rows = testing::parquet_rows(&file, Schema::V2);
    rows[0].name.push('x');
    testing::write_parquet(&file, &rows, Schema::V2);
    drop(source);
    let proof = replayed.proof().await;
    assert_eq!((proof.verdict(), proof.reckoning.altered.total), (Verdict::Fail, 1));
    assert!(proof.unexplained.is_some());
}
