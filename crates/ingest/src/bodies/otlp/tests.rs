use proptest::prelude::*;

use super::messages as otlp;
use super::*;
use crate::bodies::STALE_MARKER_BITS;
use crate::formats::test_support::Decoded;
use crate::{RefusalCode, RefusalCounts};

const TIME: &str = "1704067200000000000";

/// Decodes JSON, and the same request in protobuf, and compares the results.
fn decode_with(options: OtlpOptions, json: &str) -> (Decoded, BodySummary, Vec<RefusalCode>) {
    let mut rows = Rows::default();
    let (limits, table) = (Limits::default(), SeriesTable::new(1 << 20));
    let summary = decode_otlp_json(json.as_bytes(), options, &limits, &table, &mut rows).unwrap();
    let mut decoded = Decoded::default();
    decoded.take(&rows);
    assert_eq!(summary.samples, rows.values().len() as u64);
    let codes = rows.refused().iter().map(|row| row.code).collect();
    // Known series give the same points.
    rows.reset();
    assert_eq!(decode_otlp_json(json.as_bytes(), options, &limits, &table, &mut rows), Ok(summary));
    let mut again = Decoded::default();
    again.take(&rows);
    assert!(again.metadata.is_empty(), "metadata is handed out once");
    again.metadata.clone_from(&decoded.metadata);
    assert_eq!(again.text(), decoded.text());
    (decoded, summary, codes)
}

fn decode(json: &str) -> (Decoded, BodySummary, Vec<RefusalCode>) {
    decode_with(OtlpOptions::default(), json)
}

/// Returns a request with these attributes of the resource and these metrics.
fn request(resource: &str, metrics: &str) -> String {
    format!(
        r#"{{"resourceMetrics":[{{"resource":{{"attributes":[{resource}]}},"scopeMetrics":[{{"metrics":[{metrics}]}}]}}]}}"#
    )
}

fn gauge(name: &str, point: &str) -> String {
    format!(r#"{{"name":"{name}","gauge":{{"dataPoints":[{{{point}}}]}}}}"#)
}

fn attribute(key: &str, value: &str) -> String {
    format!(r#"{{"key":"{key}","value":{value}}}"#)
}

fn counts(pairs: &[(RefusalCode, u64)]) -> RefusalCounts {
    pairs.iter().copied().collect()
}

const SHOP: &str = r#"{"resourceMetrics":[{"resource":{"attributes":[
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
fn each_type_has_the_names_of_prometheus() {
    let (found, summary, codes) = decode(SHOP);
    let tags = "instance=\"i1\",job=\"eu/shop\"";
    let keys: Vec<&str> = found.points.iter().map(|(key, ..)| key.as_str()).collect();
    let expected = [
        format!("cpu_time_seconds_total{{cpu_id=\"3\",{tags}}}"),
        format!("load{{{tags}}}"),
        format!("lat_milliseconds_bucket{{{tags},le=\"0.5\"}}"),
        format!("lat_milliseconds_bucket{{{tags},le=\"10\"}}"),
        format!("lat_milliseconds_bucket{{{tags},le=\"+Inf\"}}"),
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
    assert_eq!(codes, [RefusalCode::DeltaTemporality, RefusalCode::ExponentialHistogram]);
    assert_eq!(summary.refused, counts(&[(RefusalCode::ExponentialHistogram, 2)]));
    assert!(found.refused[0].1.contains("choose cumulative") && found.refused[1].1.contains("choose explicit buckets"));
    // Metadata has the unit in the words of the name.
    assert!(found.metadata[0].starts_with("cpu_time_seconds_total ") && found.metadata[0].contains("\"seconds\""));
    assert!(found.metadata[0].contains("Counter") && found.metadata[0].contains("\"d\""), "{:?}", found.metadata);
}

#[test]
fn names_may_stay_as_they_were_sent() {
    let (unchanged, ..) = decode_with(OtlpOptions::with_names(OtlpNames::Unchanged), SHOP);
    assert!(unchanged.points[0].0.starts_with("cpu.time{cpu.id=\"3\""), "{:?}", unchanged.points);
    assert!(unchanged.points[2].0.starts_with("lat_bucket{"));
    assert!(unchanged.points[10].0.starts_with("target_info{host.name=\"h\""));
    assert!(unchanged.metadata[0].starts_with("cpu.time ") && unchanged.metadata[0].contains("\"s\""));
}

#[test]
fn protobuf_and_json_are_the_same() {
    let request = json::parse_request(SHOP.as_bytes()).unwrap();
    let body = request.encode_to_vec();
    assert_eq!(otlp::MetricsRequest::decode(&body[..]).unwrap(), request);
    let (json, ..) = decode(SHOP);
    // The same request as the messages of the Python package opentelemetry-proto 1.45 serialize it.
    let published = include_bytes!("../../../tests/data/otlp_metrics.bin");
    for body in [&body[..], published] {
        let mut rows = Rows::default();
        let table = SeriesTable::new(1 << 20);
        decode_otlp(body, OtlpOptions::default(), &Limits::default(), &table, &mut rows).unwrap();
        let mut decoded = Decoded::default();
        decoded.take(&rows);
        assert_eq!(decoded.text(), json.text());
    }
}

#[test]
fn attributes_of_each_type_are_tags() {
    let point = [
        attribute("text", r#"{"stringValue":"a b"}"#),
        attribute("empty", r#"{"stringValue":""}"#),
        attribute("none", "{}"),
        attribute("bool", r#"{"boolValue":true}"#),
        attribute("int", r#"{"intValue":-5}"#),
        attribute("double", r#"{"doubleValue":1e21}"#),
        attribute("bytes", r#"{"bytesValue":"Zm9v"}"#),
        attribute("list", r#"{"arrayValue":{"values":[{"stringValue":"x\""},{"intValue":"1"},{}]}}"#),
        attribute("map", r#"{"kvlistValue":{"values":[{"key":"k","value":{"doubleValue":0.5}}]}}"#),
        attribute("unknown", r#"{"futureValue":1}"#),
        // Equal labels are joined in the order of the keys.
        attribute("z_z", r#"{"stringValue":"second"}"#),
        attribute("z.z", r#"{"stringValue":"first"}"#),
        attribute("job", r#"{"stringValue":"of the point"}"#),
    ]
    .join(",");
    let metric = gauge("m", &format!(r#""attributes":[{point}],"timeUnixNano":{TIME},"asInt":1"#));
    let (found, ..) = decode(&request(&attribute("service.name", r#"{"stringValue":"of the resource"}"#), &metric));
    let expected = "m{bool=\"true\",bytes=\"Zm9v\",double=\"1e+21\",int=\"-5\",job=\"of the resource\",\
        list=\"[\\\"x\\\\\\\"\\\",1,]\",map=\"{\\\"k\\\":0.5}\",text=\"a b\",z_z=\"first;second\"}";
    assert_eq!(found.good()[0].0, expected);
}

#[test]
fn the_resource_gives_job_and_instance_and_target_info() {
    let metric = gauge("m", &format!(r#""timeUnixNano":"{TIME}","asDouble":1"#));
    let text = |key: &str| attribute(key, r#"{"stringValue":"x"}"#);
    for (resource, expected) in [
        (vec![], &["m"][..]),
        (vec![text("host")], &["m"]),
        (vec![text("service.namespace")], &["m"]),
        (vec![text("service.name")], &["m{job=\"x\"}"]),
        (
            vec![text("service.instance.id"), text("host"), text("2nd")],
            &["m{instance=\"x\"}", "target_info{host=\"x\",instance=\"x\",key_2nd=\"x\"}"],
        ),
        (
            vec![text("service.name"), text("service.namespace"), text("a.b")],
            &["m{job=\"x/x\"}", "target_info{a_b=\"x\",job=\"x/x\"}"],
        ),
    ] {
        let (found, ..) = decode(&request(&resource.join(","), &metric));
        let keys: Vec<String> = found.good().into_iter().map(|(key, ..)| key).collect();
        assert_eq!(keys, expected);
    }
}

#[test]
fn each_bad_point_is_refused_alone() {
    let good = gauge("good", &format!(r#""timeUnixNano":{TIME},"asDouble":1"#));
    let at = |rest: &str| format!(r#""timeUnixNano":{TIME},{rest}"#);
    let histogram = |rest: &str| {
        format!(r#"{{"name":"h","histogram":{{"aggregationTemporality":2,"dataPoints":[{{{}}}]}}}}"#, at(rest))
    };
    let sum = |temporality: &str| {
        format!(r#"{{"name":"s","sum":{{{temporality}"dataPoints":[{{{0}}},{{{0}}}]}}}}"#, at(r#""asInt":1"#))
    };
    let key = |key: &str| {
        let attributes = attribute(key, r#"{"stringValue":"x"}"#);
        gauge("m", &at(&format!(r#""asInt":1,"attributes":[{attributes}]"#)))
    };
    for (metric, code, points) in [
        (gauge("m", r#""asDouble":1"#), RefusalCode::NoTime, 1),
        (gauge("m", r#""timeUnixNano":"18446744073709551615","asDouble":1"#), RefusalCode::TimeRange, 1),
        (gauge("m", &at(r#""flags":0"#)), RefusalCode::NoValue, 1),
        (gauge("@", &at(r#""asInt":1"#)), RefusalCode::NoMetricName, 1),
        (key("字符"), RefusalCode::EmptyLabelName, 1),
        (key(""), RefusalCode::EmptyLabelName, 1),
        (key("__name__"), RefusalCode::ReservedLabelName, 1),
        (histogram(r#""bucketCounts":[1,2],"explicitBounds":[1,2]"#), RefusalCode::InvalidHistogram, 1),
        (histogram(r#""bucketCounts":[1,2,3],"explicitBounds":[2,1]"#), RefusalCode::InvalidHistogram, 1),
        (sum(r#""aggregationTemporality":1,"#), RefusalCode::DeltaTemporality, 2),
        (sum(r#""aggregationTemporality":"AGGREGATION_TEMPORALITY_DELTA","#), RefusalCode::DeltaTemporality, 2),
        (sum(r#""aggregationTemporality":0,"#), RefusalCode::NoTemporality, 2),
        (sum(""), RefusalCode::NoTemporality, 2),
    ] {
        let (found, summary, codes) = decode(&request("", &[good.clone(), metric.clone(), good.clone()].join(",")));
        assert_eq!((found.points.len(), codes), (2, vec![code]), "{metric}");
        assert_eq!(summary.refused, counts(&[(code, points)]), "{metric}");
        assert_eq!(found.refused[0].0, 2);
    }
}

#[test]
fn a_histogram_is_refused_whole() {
    let attributes: Vec<String> =
        (0..256).map(|number| attribute(&format!("a{number}"), r#"{"stringValue":"x"}"#)).collect();
    let point = format!(r#""timeUnixNano":{TIME},"attributes":[{}],"count":1,"sum":1"#, attributes.join(","));
    let metric = format!(r#"{{"name":"h","histogram":{{"aggregationTemporality":2,"dataPoints":[{{{point}}}]}}}}"#);
    // The buckets have one more tag than the sum may have.
    let (found, summary, codes) = decode(&request("", &metric));
    assert_eq!((found.points.len(), summary.samples, codes), (0, 0, vec![RefusalCode::LabelLimit]));
}

#[test]
fn histograms_without_buckets_or_sum_and_stale_ones_are_read() {
    let histogram = |rest: &str| {
        let point = format!(r#""timeUnixNano":{TIME},{rest}"#);
        format!(r#"{{"name":"h","histogram":{{"aggregationTemporality":2,"dataPoints":[{{{point}}}]}}}}"#)
    };
    let points = |metric: &str| {
        let (found, ..) = decode(&request("", metric));
        found.good().into_iter().map(|(key, _, value)| (key, value.as_f64())).collect::<Vec<_>>()
    };
    let named =
        |pairs: &[(&str, f64)]| pairs.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect::<Vec<_>>();
    assert_eq!(points(&histogram(r#""count":"3""#)), named(&[("h_bucket{le=\"+Inf\"}", 3.0), ("h_count", 3.0)]));
    assert_eq!(
        points(&histogram(r#""count":3,"bucketCounts":[1,2],"explicitBounds":["Infinity"]"#)),
        named(&[("h_bucket{le=\"+Inf\"}", 3.0), ("h_count", 3.0)])
    );
    let stale = points(&histogram(r#""flags":1,"count":3,"sum":1,"bucketCounts":[1,2],"explicitBounds":[1]"#));
    assert_eq!(stale.len(), 4);
    assert!(stale.iter().all(|(_, value)| value.to_bits() == STALE_MARKER_BITS));
    // A stale marker needs no value.
    let (found, ..) = decode(&request("", &gauge("m", &format!(r#""timeUnixNano":{TIME},"flags":1"#))));
    assert_eq!(found.points[0].2.as_f64().to_bits(), STALE_MARKER_BITS);
}

#[test]
fn the_spellings_of_json_are_read() {
    let value = |point: &str| {
        let (found, ..) = decode(&request("", &gauge("m", point)));
        found.good().into_iter().map(|(_, time, value)| (time, value.as_f64())).next()
    };
    for (point, expected) in [
        (r#""timeUnixNano":"5","asInt":"-3""#, -3.0),
        (r#""timeUnixNano":5,"asInt":3"#, 3.0),
        (r#""timeUnixNano":5.0,"asInt":3e2"#, 300.0),
        (r#""timeUnixNano":5,"asDouble":"1.5""#, 1.5),
        (r#""timeUnixNano":5,"asDouble":"Infinity""#, f64::INFINITY),
        (r#""timeUnixNano":5,"asDouble":"-Infinity""#, f64::NEG_INFINITY),
        (r#""timeUnixNano":5,"asDouble":null,"asInt":1,"attributes":null"#, 1.0),
        (r#""timeUnixNano":5,"asInt":1,"later":{"x":[1]},"startTimeUnixNano":"4""#, 1.0),
        (r#""timeUnixNano":5,"asInt":1,"exemplars":[{"traceId":"00ff","spanId":"0a","asInt":1}]"#, 1.0),
    ] {
        assert_eq!(value(point), Some((5, expected)), "{point}");
    }
    let (_, summary, _) =
        decode(&request("", &gauge("m", r#""timeUnixNano":5,"asInt":1,"exemplars":[{"traceId":"00ff"},{}]"#)));
    assert_eq!(summary.exemplars, 2);
    for body in ["{}", r#"{"resourceMetrics":null}"#, r#"{"resourceMetrics":[]}"#, r#"{"later":1}"#] {
        assert_eq!(decode(body).1, BodySummary::default(), "{body}");
    }
}

#[test]
fn what_is_not_of_the_protocol_is_an_error_and_changes_nothing() {
    let table = SeriesTable::new(1 << 20);
    let mut rows = Rows::default();
    let options = OtlpOptions::default();
    let bad_number = request("", &gauge("m", r#""timeUnixNano":1,"asInt":"x""#));
    for body in ["", "[1]", "1", "{", r#"{"resourceMetrics":{}}"#, &bad_number] {
        let result = decode_otlp_json(body.as_bytes(), options, &Limits::default(), &table, &mut rows);
        assert!(result.unwrap_err().message.starts_with("the body is not an OTLP metrics request: "), "{body}");
    }
    let mut body = json::parse_request(SHOP.as_bytes()).unwrap().encode_to_vec();
    body.extend([0x0a, 9]);
    assert!(decode_otlp(&body, options, &Limits::default(), &table, &mut rows).is_err());
    assert_eq!((rows.values().len(), rows.refused().len(), rows.metadata().len()), (0, 0, 0));
}

#[test]
fn texts_that_are_not_utf8_refuse_their_metric_or_point() {
    let attributes = attribute("host", r#"{"stringValue":"QQQQ"}"#);
    let bad_value = gauge("m", &format!(r#""timeUnixNano":{TIME},"asInt":1,"attributes":[{attributes}]"#));
    let bad_name = gauge("QQQQ", &format!(r#""timeUnixNano":{TIME},"asInt":1"#));
    for metric in [bad_value, bad_name] {
        let good = gauge("good", &format!(r#""timeUnixNano":{TIME},"asInt":1"#));
        let json = request("", &format!("{metric},{good}"));
        let mut body = json::parse_request(json.as_bytes()).unwrap().encode_to_vec();
        let at = body.windows(4).position(|window| window == b"QQQQ").unwrap();
        body[at] = 0xff;
        let mut rows = Rows::default();
        let table = SeriesTable::new(1 << 20);
        let summary = decode_otlp(&body, OtlpOptions::default(), &Limits::default(), &table, &mut rows).unwrap();
        assert_eq!((summary.samples, summary.refused), (1, counts(&[(RefusalCode::InvalidUtf8, 1)])));
    }
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_or_refused(noise in proptest::collection::vec(any::<u8>(), 0..60), at: usize, byte: u8) {
        let table = SeriesTable::new(1 << 20);
        let limits = Limits::default();
        let mut rows = Rows::default();
        let mut body = json::parse_request(SHOP.as_bytes()).unwrap().encode_to_vec();
        let len = body.len();
        body[at % len] = byte;
        for bytes in [&noise[..], &body[..]] {
            let before = rows.values().len() as u64;
            let found = decode_otlp(bytes, OtlpOptions::default(), &limits, &table, &mut rows);
            let pushed = found.as_ref().map_or(0, |summary| summary.samples);
            prop_assert_eq!(before + pushed, rows.values().len() as u64);
            // What is refused is no protobuf of version 3, which has no groups, for another implementation either.
            if found.is_err_and(|error| !error.message.contains("unknown encoding")) {
                prop_assert!(otlp::MetricsRequest::decode(bytes).is_err());
            }
        }
        let mut json = SHOP.as_bytes().to_vec();
        json[at % SHOP.len()] = byte;
        let _ = decode_otlp_json(&json, OtlpOptions::default(), &limits, &table, &mut rows);
    }
}
