//! Metrics in the text form of OpenMetrics.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text},
    metrics::MetricType,
    registry::{Registry, Unit as PrometheusUnit},
};

use super::values::{Histogram, Metric, Number, Points, Unit, Values};

pub(super) fn render(values: Values) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix(super::PREFIX);
    registry.register_collector(Box::new(values));
    let mut rendered = String::new();
    text::encode(&mut rendered, &registry)?;
    Ok(rendered)
}

impl Collector for Values {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.metrics().iter().try_for_each(|metric| encode(metric, &mut encoder))
    }
}

fn encode(metric: &Metric<'_>, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let unit = metric.unit.map(|unit| match unit {
        Unit::Seconds => PrometheusUnit::Seconds,
        Unit::Bytes => PrometheusUnit::Bytes,
    });
    let kind = match metric.points {
        Points::Counter(_) | Points::Counters { .. } => MetricType::Counter,
        Points::Gauge(_) | Points::Gauges { .. } => MetricType::Gauge,
        Points::Histogram(_) => MetricType::Histogram,
        Points::Info(..) => MetricType::Info,
    };
    let mut encoder = encoder.encode_descriptor(metric.name, metric.about, unit.as_ref(), kind)?;
    match &metric.points {
        Points::Counter(value) => counter(&mut encoder, *value),
        Points::Counters { label, of } => of.iter().try_for_each(|(name, value)| {
            counter(&mut encoder.encode_family(&[(*label, name.as_str())])?, *value)
        }),
        Points::Gauge(value) => gauge(&mut encoder, *value),
        Points::Gauges { label, of } => of
            .iter()
            .try_for_each(|(name, value)| gauge(&mut encoder.encode_family(&[(*label, *name)])?, *value)),
        Points::Histogram(of) => histogram(&mut encoder, of),
        Points::Info(name, text) => encoder.encode_info(&[(*name, *text)]),
    }
}

fn counter(encoder: &mut MetricEncoder<'_>, value: u64) -> fmt::Result {
    encoder.encode_counter::<NoLabelSet, _, u64>(&value, None)
}

fn gauge(encoder: &mut MetricEncoder<'_>, value: Number) -> fmt::Result {
    match value {
        Number::Count(value) => encoder.encode_gauge(&value),
        Number::Real(value) => encoder.encode_gauge(&value),
    }
}

/// The last bucket has no bound.
fn histogram(encoder: &mut MetricEncoder<'_>, of: &Histogram) -> fmt::Result {
    let bounds = of.bounds.iter().copied().chain([f64::INFINITY]);
    let buckets: Vec<(f64, u64)> = bounds.zip(of.counts.iter().copied()).collect();
    encoder.encode_histogram::<NoLabelSet>(of.sum, of.count(), &buckets, None)
}
