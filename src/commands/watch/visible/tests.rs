use super::{super::tests::Studio, *};
use crate::commands::watch::cycle::{Canary, Ended};

const LONG: Duration = Duration::from_hours(24);

#[tokio::test(flavor = "multi_thread")]
async fn a_cycle_is_visible_when_the_index_names_a_file_for_all_that_it_sent() {
    let studio = Studio::start();
    let args = studio.args(&[]);
    let settings = crate::settings::Settings::resolve(Some(&args.otlp), &args.internal).unwrap();
    let canary = Canary::new(&args, settings).unwrap();
    let metrics = Arc::new(Metrics::new(LONG).unwrap());
    let shared = Shared {
        database: Some(studio.stand_in.data_dir().join("sqlite/metadata.db")),
        keep: LONG,
        metrics: Arc::clone(&metrics),
        waiting: Mutex::default(),
    };

    let mut cycle = canary.cycle().await;
    assert!(matches!(&cycle.ended, Ended::Judged(judged) if judged.on_disk_after.is_some()));
    let awaited = cycle.awaited.take().unwrap();
    assert_eq!((awaited.traces.len(), awaited.services.len(), awaited.spans()), (4, 2, 20));
    shared.waiting().cycles.push(awaited);
    shared.look();
    shared.tell_awaiting();
    let text = metrics.encode().unwrap();
    assert!(text.contains("e2e_store_index_state{state=\"read\"} 1"), "{text}");
    assert!(text.contains("e2e_store_awaiting_index_spans 20"), "{text}");
    assert!(text.contains("e2e_store_ack_to_visible_seconds_count 0"), "{text}");

    studio.stand_in.index().await.unwrap();
    shared.look();
    shared.tell_awaiting();
    let text = metrics.encode().unwrap();
    assert!(text.contains("e2e_store_index_files 1"), "{text}");
    assert!(text.contains("e2e_store_awaiting_index_spans 0"), "{text}");
    assert!(text.contains("e2e_store_ack_to_visible_seconds_count 1"), "{text}");
    assert!(text.contains("e2e_store_spans_total{outcome=\"visible\"} 20"), "{text}");
    let became_visible = std::mem::take(&mut shared.waiting().became_visible);
    assert_eq!(became_visible.len(), 1);
}

#[test]
fn without_an_index_nothing_is_waited_for() {
    let metrics = Arc::new(Metrics::new(LONG).unwrap());
    let shared =
        Shared { database: None, keep: LONG, metrics: Arc::clone(&metrics), waiting: Mutex::default() };
    let services = vec![("one".to_owned(), 5)];
    shared.waiting().cycles.push(Awaited { acked_at: Instant::now(), traces: Vec::new(), services });
    shared.look();
    shared.tell_awaiting();
    assert!(shared.waiting().cycles.is_empty());
    let text = metrics.encode().unwrap();
    assert!(text.contains("e2e_store_index_state{state=\"absent\"} 1"), "{text}");
    assert!(!text.contains("e2e_store_awaiting_index"), "{text}");
}
