//! Cases of the compliance suite of Prometheus for receivers of remote write 2.0: what is written, and what is refused.
//!
//! Two rules differ by design, and are tested as such: native histograms are refused, and exemplars are left out.

use std::collections::BTreeMap;

use prost::Message;

use super::messages as rw;
use super::*;
use crate::bodies::STALE_MARKER_BITS;
use crate::{RefusalCode, RefusalCounts};

const NOW: i64 = 1_704_067_200_000;

/// Request that is built sample by sample, with one table of symbols.
#[derive(Default)]
struct RequestBuilder {
    symbols: Vec<String>,
    series: Vec<rw::TimeSeriesV2>,
}

impl RequestBuilder {
    fn symbol(&mut self, text: &str) -> u32 {
        if self.symbols.is_empty() {
            self.symbols.push(String::new());
        }
        let at = self.symbols.iter().position(|symbol| symbol == text).unwrap_or_else(|| {
            self.symbols.push(text.to_owned());
            self.symbols.len() - 1
        });
        u32::try_from(at).unwrap()
    }

    /// Adds a series; the labels are in the order given, since the suite does not sort them.
    fn series(&mut self, labels: &[(&str, &str)], values: &[f64]) -> &mut rw::TimeSeriesV2 {
        let labels_refs = labels.iter().flat_map(|(name, value)| [self.symbol(name), self.symbol(value)]).collect();
        let samples =
            (0..).zip(values).map(|(at, value)| rw::Sample { value: *value, timestamp: NOW + at, start_timestamp: 0 });
        self.series.push(rw::TimeSeriesV2 { labels_refs, samples: samples.collect(), ..Default::default() });
        self.series.last_mut().unwrap()
    }

    fn described(&mut self, labels: &[(&str, &str)], values: &[f64], kind: i32, help: &str, unit: &str) {
        let metadata = Some(rw::MetadataV2 { kind, help_ref: self.symbol(help), unit_ref: self.symbol(unit) });
        self.series(labels, values).metadata = metadata;
    }

    fn decode(&mut self) -> (BodySummary, Rows) {
        self.symbol("");
        let request = rw::Request { symbols: self.symbols.clone(), timeseries: self.series.clone() };
        let mut rows = Rows::default();
        let table = SeriesTable::new(1 << 20);
        let body = request.encode_to_vec();
        let summary =
            decode_remote_write(&body, RemoteWriteVersion::V2, &Limits::default(), &table, &mut rows).unwrap();
        (summary, rows)
    }
}

fn written(summary: &BodySummary) -> (u64, Vec<(RefusalCode, u64)>) {
    (summary.samples, summary.refused.iter().collect())
}

const JOB: &[(&str, &str)] = &[("instance", "localhost:9090"), ("__name__", "up"), ("job", "testjob")];

#[test]
fn single_metrics_with_special_values() {
    let name = RefusalCode::NoMetricName;
    for value in [1.0, f64::from_bits(STALE_MARKER_BITS), f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for (labels, refused) in [
            (&[("__name__", "up")][..], None),
            (JOB, None),
            (&[("__name__", "resource.cpu.usage"), ("job.name", "testjob"), ("instance.name", "localhost:9090")], None),
            (&[("__name__", "resource cpu usage"), ("job name", "testjob"), ("instance name", "localhost:9090")], None),
            (&[("job", "testjob"), ("instance", "localhost:9090")], Some(name)),
            (&[], Some(name)),
            (&[("__name__", "up"), ("job", "test\njob\n")], None),
        ] {
            let mut request = RequestBuilder::default();
            request.series(labels, &[value]);
            let (summary, rows) = request.decode();
            let expected = (u64::from(refused.is_none()), refused.map(|code| (code, 1)).into_iter().collect());
            assert_eq!(written(&summary), expected, "{labels:?}");
            let bits: Vec<u64> = rows.values().iter().map(|value| value.as_f64().to_bits()).collect();
            assert!(bits.iter().all(|bits| *bits == value.to_bits()));
        }
    }
}

#[test]
fn one_bad_series_of_several_leaves_the_others() {
    let instances = ["localhost:9090", "localhost:9091", "localhost:9092", "localhost:9093"];
    for nameless in 0..=4 {
        let mut request = RequestBuilder::default();
        for (at, instance) in instances.into_iter().enumerate() {
            let mut labels = vec![("job", "testjob"), ("instance", instance)];
            labels.extend((at >= nameless).then_some(("__name__", "up")));
            request.series(&labels, &[1.0]);
        }
        let (summary, _) = request.decode();
        let refused = if nameless > 0 { vec![(RefusalCode::NoMetricName, nameless as u64)] } else { vec![] };
        assert_eq!(written(&summary), (4 - nameless as u64, refused));
    }
}

#[test]
fn start_timestamps_are_accepted() {
    let mut request = RequestBuilder::default();
    request.series(&[("__name__", "http_requests_total"), ("job", "api")], &[100.0]).samples[0].start_timestamp =
        NOW - 3_600_000;
    assert_eq!(written(&request.decode().0), (1, vec![]));
}

#[test]
fn metadata_of_each_kind_is_described() {
    for (metric, kind, help, unit, expected) in [
        ("http_requests_total", 1, "Total number of HTTP requests", "requests", Some(MetricKind::Counter)),
        ("cpu_usage_percent", 2, "Current CPU usage percentage", "percent", Some(MetricKind::Gauge)),
        ("request_duration_seconds", 3, "Request duration in seconds", "seconds", Some(MetricKind::Histogram)),
        ("temperature_histogram", 4, "Temperature", "celsius", Some(MetricKind::GaugeHistogram)),
        ("request_latency_summary", 5, "Request latency summary", "seconds", Some(MetricKind::Summary)),
        ("build_info", 6, "Build information", "", Some(MetricKind::Info)),
        ("node_state", 7, "Node state information", "", Some(MetricKind::StateSet)),
        ("simple_counter", 1, "", "", Some(MetricKind::Counter)),
        ("test_metric", 2, "with\nnewlines and \"quotes\"", "bytes/sec", Some(MetricKind::Gauge)),
        ("unknown_metric", 0, "Unknown metric type", "", Some(MetricKind::Unknown)),
        ("nothing", 0, "", "", None),
    ] {
        let mut request = RequestBuilder::default();
        request.described(&[("__name__", metric), ("job", "test")], &[1.0], kind, help, unit);
        request.described(&[("__name__", metric), ("job", "other")], &[1.0], kind, help, unit);
        let (summary, rows) = request.decode();
        assert_eq!((written(&summary), summary.metadata), ((2, vec![]), 0), "{metric}");
        let found: BTreeMap<&str, _> =
            rows.metadata().iter().map(|(name, metadata)| (name.as_str(), metadata)).collect();
        assert_eq!(rows.metadata().len(), usize::from(expected.is_some()), "{metric}");
        if let Some(kind) = expected {
            let metadata = found[metric];
            assert_eq!((metadata.kind, metadata.description.as_str(), metadata.unit.as_str()), (kind, help, unit));
        }
    }
}

#[test]
fn metadata_and_exemplars_without_samples_are_no_error() {
    let mut request = RequestBuilder::default();
    request.described(&[("__name__", "orphan_metric")], &[], 1, "Orphaned metric metadata", "count");
    request.series(&[("__name__", "orphan_exemplar")], &[]).exemplars = vec![rw::CountedMessage {}];
    let (summary, rows) = request.decode();
    assert_eq!((written(&summary), summary.exemplars, rows.metadata().len()), ((0, vec![]), 1, 1));
}

#[test]
fn metadata_of_a_series_without_a_name_is_refused_with_it() {
    for labels in [&[("job", "test")][..], &[("__name__", "")]] {
        let mut request = RequestBuilder::default();
        request.described(labels, &[1.0], 1, "Test help", "unit");
        let (summary, rows) = request.decode();
        assert_eq!(written(&summary), (0, vec![(RefusalCode::NoMetricName, 1)]));
        assert!(rows.metadata().is_empty());
    }
}

#[test]
fn exemplars_are_left_out_and_counted() {
    let mut request = RequestBuilder::default();
    for (metric, values) in
        [("latency_hist", &[0.05, 0.15, 0.08][..]), ("cpu_usage", &[0.85]), ("nan_value", &[f64::NAN])]
    {
        request.series(&[("__name__", metric)], values).exemplars = vec![rw::CountedMessage {}; values.len()];
    }
    let (summary, _) = request.decode();
    assert_eq!((written(&summary), summary.exemplars), ((5, vec![]), 5));
}

#[test]
fn native_histograms_are_refused_and_counted() {
    let mut request = RequestBuilder::default();
    request.described(&[("__name__", "request_duration_seconds")], &[], 3, "Duration", "seconds");
    request.series.last_mut().unwrap().histograms = vec![rw::CountedMessage {}; 3];
    request.series(&[("__name__", "up")], &[1.0]);
    let (summary, rows) = request.decode();
    assert_eq!(written(&summary), (1, vec![(RefusalCode::NativeHistogram, 3)]));
    assert_eq!((summary.histograms, rows.refused().len()), (3, 1));
    assert!(rows.refused()[0].reason.contains("native histograms"));
}

#[test]
fn many_samples_with_metadata_and_exemplars_are_written() {
    let mut request = RequestBuilder::default();
    for number in 0..50 {
        let (metric, series) = (format!("counter_metric_{number}"), format!("series_{number}"));
        let labels = [("series", series.as_str()), ("__name__", metric.as_str())];
        request.described(&labels, &[f64::from(number) * 100.0], 1, &format!("Counter metric {number}"), "count");
        request.series.last_mut().unwrap().exemplars = vec![rw::CountedMessage {}];
    }
    let (summary, rows) = request.decode();
    assert_eq!((written(&summary), summary.exemplars, rows.metadata().len()), ((50, vec![]), 50, 50));
}

#[test]
fn special_characters_and_mixed_times_are_written() {
    let mut request = RequestBuilder::default();
    let labels = [("environment", "test🚀"), ("__name__", "test_metric"), ("job", "test-job_with.special@chars")];
    request.described(&labels, &[42.0], 2, "with äöü, newlines\nand \"quotes\"", "special/units");
    request.series(&[("__name__", "old_metric")], &[1.0]).samples[0].timestamp = NOW - 3_600_000;
    let (summary, rows) = request.decode();
    assert_eq!((written(&summary), rows.metadata().len()), ((2, vec![]), 1));
    assert_eq!(rows.timestamps()[1].as_nanos(), (NOW - 3_600_000) * 1_000_000);
}

#[test]
fn corrupt_bodies_and_empty_ones_write_nothing() {
    let mut rows = Rows::default();
    let mut decode = |body: &[u8]| {
        decode_remote_write(body, RemoteWriteVersion::V2, &Limits::default(), &SeriesTable::new(0), &mut rows)
    };
    assert_eq!(decode(b"").unwrap().refused, RefusalCounts::default());
    assert!(decode(b"0\x0a\xff").is_err());
}
