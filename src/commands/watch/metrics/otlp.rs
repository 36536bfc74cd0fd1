//! Metrics as an OTLP export, cumulative since the watch began.

use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value},
    metrics::v1::{
        AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint,
        ResourceMetrics, ScopeMetrics, Sum, metric::Data, number_data_point::Value,
    },
    resource::v1::Resource,
};

use super::values::{self, Number, Points, Unit, Values};

/// When values began to be counted and when they were read, in Unix nanoseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Interval {
    pub(super) began: u64,
    pub(super) now: u64,
}

/// `instance` tells one watch from another.
pub(super) fn request(values: &Values, instance: &str, interval: Interval) -> ExportMetricsServiceRequest {
    let version = env!("CARGO_PKG_VERSION");
    let attributes = vec![
        text("service.name", "e2e-store"),
        text("service.version", version),
        text("service.instance.id", instance),
    ];
    let scope = InstrumentationScope {
        name: "e2e-store watch".to_owned(),
        version: version.to_owned(),
        ..Default::default()
    };
    let metrics = values.metrics().iter().map(|metric| translate(metric, interval)).collect();
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(Resource { attributes, ..Resource::default() }),
            scope_metrics: vec![ScopeMetrics { scope: Some(scope), metrics, schema_url: String::new() }],
            schema_url: String::new(),
        }],
    }
}

/// Names with a dot behind the prefix and without their unit: Prometheus makes its own names of them.
fn translate(metric: &values::Metric<'_>, interval: Interval) -> Metric {
    let point = |attributes, value| number(attributes, value, interval);
    let gauge = |data_points| Data::Gauge(Gauge { data_points });
    let (suffix, data) = match &metric.points {
        Points::Counter(value) => ("", sum(vec![point(Vec::new(), count(*value))])),
        Points::Counters { label, of } => {
            let points = of.iter().map(|(name, value)| point(vec![text(label, name)], count(*value)));
            ("", sum(points.collect()))
        }
        Points::Gauge(value) => ("", gauge(vec![point(Vec::new(), of_number(*value))])),
        Points::Gauges { label, of } => {
            let points = of.iter().map(|(name, value)| point(vec![text(label, name)], of_number(*value)));
            ("", gauge(points.collect()))
        }
        Points::Histogram(of) => ("", histogram(of, interval)),
        Points::Info(name, value) => ("_info", gauge(vec![point(vec![text(name, value)], Value::AsInt(1))])),
    };
    Metric {
        name: format!("{}.{}{suffix}", super::PREFIX, metric.name),
        description: metric.about.to_owned(),
        unit: match metric.unit {
            None => "",
            Some(Unit::Seconds) => "s",
            Some(Unit::Bytes) => "By",
        }
        .to_owned(),
        metadata: Vec::new(),
        data: Some(data),
    }
}

fn sum(data_points: Vec<NumberDataPoint>) -> Data {
    let aggregation_temporality = AggregationTemporality::Cumulative.into();
    Data::Sum(Sum { data_points, aggregation_temporality, is_monotonic: true })
}

fn histogram(of: &values::Histogram, interval: Interval) -> Data {
    let point = HistogramDataPoint {
        start_time_unix_nano: interval.began,
        time_unix_nano: interval.now,
        count: of.count(),
        sum: Some(of.sum),
        bucket_counts: of.counts.clone(),
        explicit_bounds: of.bounds.to_vec(),
        ..HistogramDataPoint::default()
    };
    let aggregation_temporality = AggregationTemporality::Cumulative.into();
    Data::Histogram(Histogram { data_points: vec![point], aggregation_temporality })
}

fn number(attributes: Vec<KeyValue>, value: Value, interval: Interval) -> NumberDataPoint {
    NumberDataPoint {
        attributes,
        start_time_unix_nano: interval.began,
        time_unix_nano: interval.now,
        value: Some(value),
        ..NumberDataPoint::default()
    }
}

fn count(value: u64) -> Value {
    Value::AsInt(value.cast_signed())
}

fn of_number(value: Number) -> Value {
    match value {
        Number::Count(value) => count(value),
        Number::Real(value) => Value::AsDouble(value),
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) };
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}
