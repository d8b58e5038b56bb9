use proptest::prelude::*;
use prost::Message;

use super::otlp_proto as otlp;
use super::remote_write_proto as rw;
use super::*;
use crate::formats::test_support::Decoded;

fn decoded(decode: impl FnOnce(&Limits, &mut Rows) -> Result<BodySummary, IngestError>) -> (Decoded, BodySummary) {
    let mut rows = Rows::with_capacity(1000);
    let summary = decode(&Limits::default(), &mut rows).unwrap();
    let mut decoded = Decoded::default();
    decoded.take(&rows);
    (decoded, summary)
}

fn label(name: &str, value: &str) -> rw::Label {
    rw::Label { name: name.to_owned(), value: value.to_owned() }
}

#[test]
fn remote_write_1_keeps_the_bits_of_values() {
    let series = rw::TimeSeries {
        labels: vec![label("__name__", "up"), label("empty", ""), label("job", "a")],
        samples: vec![
            rw::Sample { value: 1.5, timestamp: 1_704_067_200_123 },
            rw::Sample { value: f64::from_bits(STALE_MARKER_BITS), timestamp: 1_704_067_260_000 },
            rw::Sample { value: 1.0, timestamp: i64::MAX },
        ],
        exemplars: vec![otlp_proto::CountedMessage {}],
        histograms: vec![otlp_proto::CountedMessage {}],
    };
    let nameless =
        rw::TimeSeries { labels: vec![label("job", "a")], samples: series.samples.clone(), ..Default::default() };
    let metadata = rw::MetricMetadata { kind: 2, family: "up".to_owned(), help: "h".to_owned(), unit: String::new() };
    let body = rw::RemoteWriteRequest { timeseries: vec![series, nameless], metadata: vec![metadata] }.encode_to_vec();
    let (decoded, summary) = decoded(|limits, rows| decode_remote_write(&body, RemoteWriteVersion::V1, limits, rows));
    assert_eq!(summary, BodySummary { samples: 2, histograms: 1, exemplars: 1 });
    let bits = "[\"up{job=\\\"a\\\"} 1704067200123000000 3ff8000000000000\", \
        \"up{job=\\\"a\\\"} 1704067260000000000 7ff0000000000002\"]";
    assert!(decoded.text().starts_with(bits), "{}", decoded.text());
    assert_eq!(decoded.refused.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 1, 2]);
    assert!(decoded.metadata[0].starts_with("up ") && decoded.metadata[0].contains("Gauge"));
}

#[test]
fn a_body_of_another_implementation_is_read() {
    // Written by the Python package protobuf from the published field numbers.
    let hex = "0a2c0a0e0a085f5f6e616d655f5f120275700a080a036a6f62120161121009000000000000f83f10fbe8c792cc31";
    let body: Vec<u8> = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
    let (found, _) = decoded(|limits, rows| decode_remote_write(&body, RemoteWriteVersion::V1, limits, rows));
    assert_eq!(found.good(), [("up{job=\"a\"}".to_owned(), 1_704_067_200_123_000_000, timestrata::Value::F64(1.5))]);
}

#[test]
fn remote_write_2_resolves_symbols() {
    let symbols = ["", "__name__", "up", "job", "a", "help"].map(str::to_owned).to_vec();
    let series = |labels_refs: Vec<u32>| rw::TimeSeriesV2 {
        labels_refs,
        samples: vec![rw::Sample { value: 1.0, timestamp: 5 }],
        metadata: Some(rw::MetadataV2 { kind: 1, help_ref: 5, unit_ref: 0 }),
        ..Default::default()
    };
    let timeseries = vec![series(vec![1, 2, 3, 4]), series(vec![1, 99]), series(vec![1])];
    let body = rw::Request { symbols, timeseries }.encode_to_vec();
    let (decoded, summary) = decoded(|limits, rows| decode_remote_write(&body, RemoteWriteVersion::V2, limits, rows));
    assert_eq!((summary.samples, decoded.points[0].0.as_str(), decoded.points[0].1), (1, "up{job=\"a\"}", 5_000_000));
    assert_eq!(decoded.refused.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 3]);
    assert!(decoded.metadata[0].contains("Counter") && decoded.metadata[0].contains("help"));
    let version = RemoteWriteVersion::from_content_type;
    assert_eq!(version("application/x-protobuf"), Some(RemoteWriteVersion::V1));
    assert_eq!(version("application/x-protobuf;proto=io.prometheus.write.v2.Request"), Some(RemoteWriteVersion::V2));
    assert_eq!(version("application/x-protobuf;proto=x"), None);
    assert_eq!(version("application/json"), None);
}

const OTLP_JSON: &str = r#"{"resourceMetrics":[{"resource":{"attributes":[
  {"key":"service.name","value":{"stringValue":"shop"}},{"key":"service.namespace","value":{"stringValue":"eu"}},
  {"key":"service.instance.id","value":{"stringValue":"i1"}},{"key":"host.name","value":{"stringValue":"h"}}]},
 "scopeMetrics":[{"metrics":[
  {"name":"cpu.time","unit":"s","description":"d","sum":{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":[
    {"attributes":[{"key":"cpu.id","value":{"intValue":"3"}}],"timeUnixNano":"1704067200000000000","asInt":"7"}]}},
  {"name":"load","gauge":{"dataPoints":[{"timeUnixNano":"1704067201000000000","asDouble":0.5,"flags":1}]}},
  {"name":"lat","unit":"ms","histogram":{"aggregationTemporality":"AGGREGATION_TEMPORALITY_CUMULATIVE","dataPoints":[
    {"timeUnixNano":"1704067200000000000","count":"6","sum":12.5,"bucketCounts":["1","2","3"],"explicitBounds":[0.5,10]}]}},
  {"name":"q","summary":{"dataPoints":[{"timeUnixNano":"1704067200000000000","count":"2","sum":3,
    "quantileValues":[{"quantile":0.5,"value":1}]}]}},
  {"name":"d","sum":{"aggregationTemporality":1,"dataPoints":[]}},
  {"name":"e","exponentialHistogram":{"aggregationTemporality":2,"dataPoints":[{},{}]}}]}]}]}"#;

#[test]
fn otlp_has_the_names_of_prometheus() {
    let (found, summary) =
        decoded(|limits, rows| decode_otlp_json(OTLP_JSON.as_bytes(), OtlpOptions::default(), limits, rows));
    let tags = "instance=\"i1\",job=\"eu/shop\"";
    let keys: Vec<&str> = found.points.iter().map(|(key, ..)| key.as_str()).collect();
    let expected = [
        format!("cpu_time_seconds_total{{cpu_id=\"3\",{tags}}}"),
        format!("load{{{tags}}}"),
        "lat_milliseconds_bucket{instance=\"i1\",job=\"eu/shop\",le=\"0.5\"}".to_string(),
        "lat_milliseconds_bucket{instance=\"i1\",job=\"eu/shop\",le=\"10\"}".to_string(),
        "lat_milliseconds_bucket{instance=\"i1\",job=\"eu/shop\",le=\"+Inf\"}".to_string(),
        format!("lat_milliseconds_sum{{{tags}}}"),
        format!("lat_milliseconds_count{{{tags}}}"),
        format!("q{{{tags},quantile=\"0.5\"}}"),
        format!("q_sum{{{tags}}}"),
        format!("q_count{{{tags}}}"),
        format!("target_info{{host_name=\"h\",{tags}}}"),
    ];
    assert_eq!(keys, expected);
    let values: Vec<f64> = found.points.iter().map(|(_, _, value)| value.as_f64()).collect();
    assert_eq!((values[0], &values[2..7]), (7.0, [1.0, 3.0, 6.0, 12.5, 6.0].as_slice()));
    assert_eq!(values[1].to_bits(), STALE_MARKER_BITS);
    assert_eq!(found.points[10].1, 1_704_067_201_000_000_000);
    assert_eq!((summary.samples, summary.histograms), (11, 2));
    assert!(found.refused[0].1.contains("delta") && found.refused[1].1.contains("exponential"), "{:?}", found.refused);
    let options = OtlpOptions::with_names(OtlpNames::Unchanged);
    let (unchanged, _) = decoded(|limits, rows| decode_otlp_json(OTLP_JSON.as_bytes(), options, limits, rows));
    assert!(unchanged.points[0].0.starts_with("cpu.time{cpu.id=\"3\""), "{:?}", unchanged.points);
}

#[test]
fn otlp_in_protobuf_and_in_json_are_the_same() {
    let request = super::otlp_json::parse_request(OTLP_JSON.as_bytes()).unwrap();
    let body = request.encode_to_vec();
    assert_eq!(otlp::MetricsRequest::decode(&body[..]).unwrap(), request);
    let (json, _) =
        decoded(|limits, rows| decode_otlp_json(OTLP_JSON.as_bytes(), OtlpOptions::default(), limits, rows));
    let (protobuf, _) = decoded(|limits, rows| decode_otlp(&body, OtlpOptions::default(), limits, rows));
    assert_eq!(protobuf.text(), json.text());
    // The same request as the messages of the Python package opentelemetry-proto 1.45 serialize it.
    let published = include_bytes!("../../tests/data/otlp_metrics.bin");
    let (foreign, _) = decoded(|limits, rows| decode_otlp(published, OtlpOptions::default(), limits, rows));
    assert_eq!(foreign.text(), json.text());
    let mut rows = Rows::with_capacity(10);
    for body in [
        "",
        "{}",
        "[1]",
        "{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[{\"gauge\":{\"dataPoints\":[{\"asInt\":\"x\"}]}}]}]}]}",
    ] {
        let result = decode_otlp_json(body.as_bytes(), OtlpOptions::default(), &Limits::default(), &mut rows);
        assert!(result.is_err(), "{body}");
    }
}

#[test]
fn more_series_than_the_limit_are_an_error() {
    let limits = Limits { series: 2, ..Limits::default() };
    let mut rows = Rows::with_capacity(10);
    assert!(decode_otlp_json(OTLP_JSON.as_bytes(), OtlpOptions::default(), &limits, &mut rows).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_or_refused(noise in proptest::collection::vec(any::<u8>(), 0..60), at: usize, byte: u8) {
        let limits = Limits::default();
        let mut rows = Rows::with_capacity(10);
        let mut body = super::otlp_json::parse_request(OTLP_JSON.as_bytes()).unwrap().encode_to_vec();
        let len = body.len();
        body[at % len] = byte;
        for bytes in [&noise[..], &body[..]] {
            let _ = decode_otlp(bytes, OtlpOptions::default(), &limits, &mut rows);
            let _ = decode_remote_write(bytes, RemoteWriteVersion::V1, &limits, &mut rows);
            let _ = decode_remote_write(bytes, RemoteWriteVersion::V2, &limits, &mut rows);
        }
        let mut json = OTLP_JSON.as_bytes().to_vec();
        json[at % OTLP_JSON.len()] = byte;
        let _ = decode_otlp_json(&json, OtlpOptions::default(), &limits, &mut rows);
    }
}
