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

use super::{
    judgement::Judgement,
    reading::{self, DEFAULT_SETTLE, Question},
};
use crate::{
    ledger::runs,
    load::run::{Order, Services, prepare},
    span::schema::Schema,
    standin::{self, Config},
    store::{
        layout::Layout,
        session::{Limits, session},
    },
    wire::ingestion::Ingestion,
};

const AUDITS: usize = 25;
const ROWS: u64 = 1_000;

/// What an audit would find: lost or altered spans, copies, rows that were never sent.
fn findings(judgement: &Judgement) -> Vec<String> {
    let mut found = Vec::new();
    let tally = |run: usize| judgement.runs.runs[run].tally();
    for judged in &judgement.judged {
        let tally = tally(judged.index);
        for state in (0..tally.len()).map(|slot| tally.get(slot)) {
            let lost = state.standing() == Some(super::tally::Standing::Durable) && state.found() == 0;
            let unexpected =
                state.standing() == Some(super::tally::Standing::NotStarted) && state.found() > 0;
            if lost || unexpected || state.altered() || state.found() > 1 {
                found.push(format!("{state:?}"));
            }
        }
    }
    let trouble = judgement.files.iter().filter(|file| file.health.hides_rows());
    found.extend(trouble.map(|file| format!("{file:?}")));
    found.extend(judgement.facts.iter().map(|fact| format!("{fact:?}")));
    found
}

async fn audit(folder: &Path) -> Judgement {
    let layout = Layout::find(Some(&folder.join(".dbdata"))).unwrap();
    let known = runs::load_all(&folder.join("runs")).unwrap().runs;
    let wanted: Vec<_> = known.iter().map(|run| run.plan.run).collect();
    let question = Question {
        layout: &layout,
        known: &known,
        wanted: &wanted,
        only_wanted: false,
        whole_store: true,
        settle: DEFAULT_SETTLE,
        wait: false,
    };
    let session = session(Limits { memory: 64 << 20, partitions: 1, batch_rows: 8_192 }).unwrap();
    reading::read(&question, &session, |_| {}).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_under_traffic_and_flushes_has_no_finding() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::new(folder.path().join(".dbdata"), "key".to_owned(), Schema::V2);
    let standin = standin::start(Config { batch_size: 100, ..config }).unwrap();
    let order = Order {
        endpoint: standin.endpoint().to_string().parse().unwrap(),
        api_key: "key".to_owned(),
        timeout: Duration::from_secs(30),
        services: Services::Drawn(3),
        workflows_per_service: 20_000,
        concurrency: 2,
        seed: 1,
        runs: folder.path().join("runs"),
        data_dir: None,
    };
    let (stop, stopped) = watch::channel(false);
    let generator =
        tokio::spawn(async move { prepare(&order).await.unwrap().perform(stopped, |_| {}).await.unwrap() });

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
    let (mut audits, mut rows) = (0, 0);
    while audits < AUDITS || rows < ROWS {
        audits += 1;
        let judgement = audit(folder.path()).await;
        assert_eq!(findings(&judgement), Vec::<String>::new());
        rows = rows.max(judgement.rows.total());
    }
    stop.send_replace(true);
    generator.await.unwrap();
    flushing.store(false, Ordering::Relaxed);
    flusher.await.unwrap();
    standin.stop().await.unwrap();
}
