//! Messages of remote write and OTLP, as far as the benches need them.

use std::collections::HashMap;

use prost::{Message, Oneof};

#[path = "../../../server/tests/support/remote_write_messages.rs"]
mod remote_write_messages;

pub(crate) use remote_write_messages::WriteRequest;
use remote_write_messages::{Label, Sample, TimeSeries};

/// `io.prometheus.write.v2.Request`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Request {
    #[prost(string, repeated, tag = "4")]
    symbols: Vec<String>,
    #[prost(message, repeated, tag = "5")]
    timeseries: Vec<TimeSeriesV2>,
}

#[derive(Clone, PartialEq, Message)]
struct TimeSeriesV2 {
    #[prost(uint32, repeated, tag = "1")]
    labels_refs: Vec<u32>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
    #[prost(message, optional, tag = "5")]
    metadata: Option<Metadata>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Metadata {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(uint32, tag = "3")]
    help_ref: u32,
}

impl WriteRequest {
    /// Returns series as Prometheus sends them of node exporters, each with this number of samples.
    pub(crate) fn of_nodes(series: usize, samples: usize) -> Self {
        let label = |name: &str, value: String| Label { name: name.to_owned(), value };
        let one = |number: usize| TimeSeries {
            labels: vec![
                label("__name__", "node_cpu_seconds_total".to_owned()),
                label("cluster", "eu-west-1".to_owned()),
                label("cpu", (number % 16).to_string()),
                label("instance", format!("node-{}.example.com:9100", number / 128)),
                label("job", "node-exporter".to_owned()),
                label(
                    "mode",
                    ["idle", "user", "system", "iowait", "irq", "nice", "softirq", "steal"][number / 16 % 8].to_owned(),
                ),
            ],
            samples: (0..samples).map(|at| sample(number, at)).collect(),
        };
        Self { timeseries: (0..series).map(one).collect() }
    }
}

#[expect(clippy::cast_precision_loss, clippy::cast_possible_wrap, reason = "small numbers")]
fn sample(number: usize, at: usize) -> Sample {
    Sample { value: number as f64 * 1.5, timestamp: 1_704_067_200_123 + at as i64 * 15_000 }
}

impl Request {
    /// Returns the same series in version 2.0, with metadata.
    pub(crate) fn from_v1(request: &WriteRequest) -> Self {
        let mut symbols = vec![String::new(), "Seconds the CPUs spent in each mode.".to_owned()];
        let mut places = HashMap::new();
        let mut place = |text: &str| {
            *places.entry(text.to_owned()).or_insert_with(|| {
                symbols.push(text.to_owned());
                u32::try_from(symbols.len() - 1).expect("few symbols")
            })
        };
        let series = |series: &TimeSeries| TimeSeriesV2 {
            labels_refs: series.labels.iter().flat_map(|label| [place(&label.name), place(&label.value)]).collect(),
            samples: series.samples.clone(),
            metadata: Some(Metadata { kind: 1, help_ref: 1 }),
        };
        let timeseries = request.timeseries.iter().map(series).collect();
        Self { symbols, timeseries }
    }
}

/// `ExportMetricsServiceRequest` with gauges alone.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct MetricsRequest {
    #[prost(message, repeated, tag = "1")]
    resource_metrics: Vec<ResourceMetrics>,
}

#[derive(Clone, PartialEq, Message)]
struct ResourceMetrics {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scope_metrics: Vec<ScopeMetrics>,
}

#[derive(Clone, PartialEq, Message)]
struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct ScopeMetrics {
    #[prost(message, repeated, tag = "2")]
    metrics: Vec<Metric>,
}

#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct AnyValue {
    #[prost(string, tag = "1")]
    text: String,
}

#[derive(Clone, PartialEq, Message)]
struct Metric {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "3")]
    unit: String,
    #[prost(message, optional, tag = "5")]
    gauge: Option<Gauge>,
}

#[derive(Clone, PartialEq, Message)]
struct Gauge {
    #[prost(message, repeated, tag = "1")]
    data_points: Vec<NumberPoint>,
}

#[derive(Clone, PartialEq, Message)]
struct NumberPoint {
    #[prost(message, repeated, tag = "7")]
    attributes: Vec<KeyValue>,
    #[prost(fixed64, tag = "3")]
    time: u64,
    #[prost(oneof = "Number", tags = "4")]
    value: Option<Number>,
}

#[derive(Clone, Copy, PartialEq, Oneof)]
enum Number {
    #[prost(double, tag = "4")]
    Double(f64),
}

impl MetricsRequest {
    /// Returns gauges of one resource, 20 points each.
    pub(crate) fn of_gauges(points: usize) -> Self {
        let attribute =
            |key: &str, value: String| KeyValue { key: key.to_owned(), value: Some(AnyValue { text: value }) };
        let point = |number: usize| NumberPoint {
            attributes: vec![
                attribute("http.request.method", ["GET", "POST"][number % 2].to_owned()),
                attribute("http.route", format!("/api/v1/items/{}", number / 2 % 10)),
                attribute("server.address", "shop.example.com".to_owned()),
            ],
            time: 1_704_067_200_000_000_000,
            value: Some(Number::Double(sample(number, 0).value)),
        };
        let metric = |number: usize| Metric {
            name: format!("http.server.requests.{number}"),
            unit: "s".to_owned(),
            gauge: Some(Gauge { data_points: (0..20).map(point).collect() }),
        };
        let metrics = (0..points / 20).map(metric).collect();
        let resource = Resource { attributes: vec![attribute("service.name", "shop".to_owned())] };
        let scope_metrics = vec![ScopeMetrics { metrics }];
        Self { resource_metrics: vec![ResourceMetrics { resource: Some(resource), scope_metrics }] }
    }
}
