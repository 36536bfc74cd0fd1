use std::time::Duration;

use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    common::v1::{KeyValue, any_value},
    metrics::v1::{metric::Data, number_data_point::Value},
};

use super::{
    super::{
        cycle::{Cycle, Wal},
        visible::{Figures, IndexView, Visible},
    },
    Health, Metrics,
};
use crate::checks::catalog;

fn metrics() -> Metrics {
    Metrics::new(Duration::from_mins(1)).unwrap()
}

fn not_sent() -> Cycle {
    Cycle::not_sent(None, "refused".to_owned())
}

#[test]
fn every_check_has_a_counter_before_it_finds_anything() {
    let text = metrics().encode().unwrap();
    for check in catalog::built_in().unwrap() {
        let line = format!("e2e_store_findings_total{{check=\"{}\"}} 0", check.id);
        assert!(text.lines().any(|found| found == line), "{line}");
    }
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn health_is_that_of_the_last_cycle_until_it_is_overdue() {
    let metrics = metrics();
    assert_eq!(metrics.health(1), Health::Starting);
    metrics.record(&not_sent(), &Wal::default(), 1_000_000_000);
    assert_eq!(metrics.health(2_000_000_000), Health::Failed);
    assert_eq!(metrics.health(1_000_000_000_000), Health::Overdue);
    let text = metrics.encode().unwrap();
    for line in ["e2e_store_cycles_total{outcome=\"not_sent\"} 1", "e2e_store_studio_up 0"] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
}

#[test]
fn what_the_index_shows_is_measured_and_what_it_does_not_say_is_absent() {
    let metrics = metrics();
    let text = metrics.encode().unwrap();
    assert!(!text.contains("e2e_store_index_") && !text.contains("awaiting_index"), "nobody has looked yet");
    metrics.record_index(&IndexView { state: "absent", figures: None }, &[]);
    let text = metrics.encode().unwrap();
    assert!(text.contains("e2e_store_index_state{state=\"absent\"} 1"), "{text}");
    assert!(!text.contains("e2e_store_index_files"), "{text}");

    let figures = Figures { files: 3, failed: 1, last_work: Some(2_500_000_000) };
    let visible = Visible { spans: 20, after: Duration::from_secs(31) };
    metrics.record_index(&IndexView { state: "read", figures: Some(figures) }, &[visible]);
    metrics.record_awaiting(Some((7, Duration::from_millis(1_500))));
    let text = metrics.encode().unwrap();
    for line in [
        "e2e_store_index_state{state=\"absent\"} 0",
        "e2e_store_index_state{state=\"read\"} 1",
        "e2e_store_index_files 3",
        "e2e_store_index_failed_files 1",
        "e2e_store_index_last_work_timestamp_seconds 2.5",
        "e2e_store_spans_total{outcome=\"visible\"} 20",
        "e2e_store_ack_to_visible_seconds_sum 31.0",
        "e2e_store_ack_to_visible_seconds_bucket{le=\"20.0\"} 0",
        "e2e_store_ack_to_visible_seconds_bucket{le=\"40.0\"} 1",
        "e2e_store_ack_to_visible_seconds_bucket{le=\"+Inf\"} 1",
        "e2e_store_awaiting_index_spans 7",
        "e2e_store_awaiting_index_oldest_seconds 1.5",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
}

fn attribute(attributes: &[KeyValue], key: &str) -> String {
    let value = attributes.iter().find(|one| one.key == key).and_then(|one| one.value.clone()?.value);
    let Some(any_value::Value::StringValue(text)) = value else { return String::new() };
    text
}

/// The samples of an export, as `/metrics` would write them.
fn samples(request: &ExportMetricsServiceRequest) -> Vec<String> {
    let scopes = request.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
    let mut samples = Vec::new();
    for metric in scopes.flat_map(|scope| &scope.metrics) {
        let unit = match metric.unit.as_str() {
            "" => "",
            "s" => "_seconds",
            "By" => "_bytes",
            other => panic!("unit {other}"),
        };
        let (points, total) = match metric.data.as_ref().unwrap() {
            Data::Sum(sum) => (&sum.data_points, "_total"),
            Data::Gauge(gauge) => (&gauge.data_points, ""),
            Data::Histogram(histogram) => {
                let name = format!("{}{unit}", metric.name.replace('.', "_"));
                let point = &histogram.data_points[0];
                assert_eq!(point.bucket_counts.iter().sum::<u64>(), point.count);
                assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
                samples.push(format!("{name}_count {}", point.count));
                continue;
            }
            other => panic!("{other:?}"),
        };
        for point in points {
            let label = point.attributes.first();
            let label =
                label.map(|one| format!("{{{}=\"{}\"}}", one.key, attribute(&point.attributes, &one.key)));
            let value = match point.value.unwrap() {
                Value::AsInt(value) => value.to_string(),
                Value::AsDouble(value) => format!("{value:?}"),
            };
            let name = metric.name.replace('.', "_");
            samples.push(format!("{name}{unit}{total}{} {value}", label.unwrap_or_default()));
        }
    }
    samples
}

#[test]
fn an_export_says_what_the_scraped_text_says() {
    let metrics = metrics();
    metrics.record(&not_sent(), &Wal { files: 2, bytes: 4_096, oldest: 1.5 }, 3_000_000_000);
    let figures = Figures { files: 3, failed: 0, last_work: Some(1_000_000_000) };
    let visible = Visible { spans: 20, after: Duration::from_secs(31) };
    metrics.record_index(&IndexView { state: "read", figures: Some(figures) }, &[visible]);
    metrics.record_export(false);
    let text = metrics.encode().unwrap();
    let scraped: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.contains("_bucket{") && !line.contains("_sum "))
        .collect();
    let mut exported = samples(&metrics.request(9));
    exported.sort();
    let mut wanted: Vec<String> = scraped.into_iter().map(str::to_owned).collect();
    wanted.sort();
    assert_eq!(exported, wanted);
}

#[test]
fn an_export_names_its_watch_and_the_time_that_it_counts_from() {
    let metrics = metrics();
    let [first, second] = [metrics.request(7), metrics.request(8)];
    let resource = first.resource_metrics[0].resource.as_ref().unwrap();
    assert_eq!(attribute(&resource.attributes, "service.name"), "e2e-store");
    assert_eq!(attribute(&resource.attributes, "service.instance.id").len(), 32);
    assert_eq!(Some(resource), second.resource_metrics[0].resource.as_ref());
    let scope = &second.resource_metrics[0].scope_metrics[0];
    let cycles = scope.metrics.iter().find(|metric| metric.name == "e2e_store.cycles").unwrap();
    let Some(Data::Sum(sum)) = &cycles.data else { panic!("{cycles:?}") };
    assert!(sum.is_monotonic && sum.aggregation_temporality == 2, "{sum:?}");
    assert!(sum.data_points.iter().all(|point| point.time_unix_nano == 8 && point.start_time_unix_nano > 8));
}
