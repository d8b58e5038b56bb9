use proptest::prelude::*;
use prost::Message;

use super::messages as rw;
use super::*;
use crate::bodies::{MAX_REFUSED_ROWS, STALE_MARKER_BITS};
use crate::formats::test_support::Decoded;
use crate::{RefusalCode, RefusalCounts};

/// Outcome of a body: rows, summary, and the codes of refused rows.
struct Outcome {
    decoded: Decoded,
    summary: BodySummary,
    codes: Vec<(u64, RefusalCode)>,
}

fn decode_with(table: &SeriesTable, version: RemoteWriteVersion, body: &[u8]) -> Result<Outcome, IngestError> {
    let mut rows = Rows::default();
    let summary = decode_remote_write(body, version, &Limits::default(), table, &mut rows)?;
    let mut decoded = Decoded::default();
    decoded.take(&rows);
    let codes = rows.refused().iter().map(|row| (row.line, row.code)).collect();
    assert_eq!(summary.samples, rows.values().len() as u64);
    Ok(Outcome { decoded, summary, codes })
}

fn decode(version: RemoteWriteVersion, body: &impl Message) -> Outcome {
    decode_with(&SeriesTable::new(1 << 20), version, &body.encode_to_vec()).unwrap()
}

fn label(name: &str, value: &str) -> rw::Label {
    rw::Label { name: name.to_owned(), value: value.to_owned() }
}

fn sample(value: f64, timestamp: i64) -> rw::Sample {
    rw::Sample { value, timestamp, start_timestamp: 0 }
}

fn series(labels: &[(&str, &str)]) -> rw::TimeSeries {
    let labels = labels.iter().map(|(name, value)| label(name, value)).collect();
    rw::TimeSeries { labels, samples: vec![sample(1.0, 5)], ..Default::default() }
}

fn request(timeseries: Vec<rw::TimeSeries>) -> rw::RemoteWriteRequest {
    rw::RemoteWriteRequest { timeseries, metadata: Vec::new() }
}

fn counts(pairs: &[(RefusalCode, u64)]) -> RefusalCounts {
    pairs.iter().copied().collect()
}

#[test]
fn version_1_keeps_the_bits_of_values() {
    let first = rw::TimeSeries {
        samples: vec![
            sample(1.5, 1_704_067_200_123),
            sample(f64::from_bits(STALE_MARKER_BITS), -1),
            sample(1.0, i64::MAX),
        ],
        exemplars: vec![rw::CountedMessage {}],
        histograms: vec![rw::CountedMessage {}],
        ..series(&[("__name__", "up"), ("empty", ""), ("job", "a")])
    };
    let metadata = rw::MetricMetadata { kind: 2, family: "up".to_owned(), help: "h".to_owned(), unit: String::new() };
    let body = rw::RemoteWriteRequest { timeseries: vec![first, series(&[("job", "a")])], metadata: vec![metadata] };
    let Outcome { decoded, summary, codes } = decode(RemoteWriteVersion::V1, &body);
    let bits = "[\"up{job=\\\"a\\\"} 1704067200123000000 3ff8000000000000\", \
        \"up{job=\\\"a\\\"} -1000000 7ff0000000000002\"]";
    assert!(decoded.text().starts_with(bits), "{}", decoded.text());
    assert_eq!((summary.samples, summary.histograms, summary.exemplars), (2, 1, 1));
    let [histogram, time, name] = [RefusalCode::NativeHistogram, RefusalCode::TimeRange, RefusalCode::NoMetricName];
    assert_eq!(codes, [(1, histogram), (1, time), (2, name)]);
    assert_eq!(summary.refused, counts(&[(histogram, 1), (time, 1), (name, 1)]));
    assert!(decoded.metadata[0].starts_with("up ") && decoded.metadata[0].contains("Gauge"));
}

#[test]
fn a_body_of_another_implementation_is_read() {
    // Written by the Python package protobuf from the published field numbers.
    let hex = "0a2c0a0e0a085f5f6e616d655f5f120275700a080a036a6f62120161121009000000000000f83f10fbe8c792cc31";
    let body: Vec<u8> = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
    let found = decode_with(&SeriesTable::new(1 << 20), RemoteWriteVersion::V1, &body).unwrap().decoded;
    assert_eq!(found.good(), [("up{job=\"a\"}".to_owned(), 1_704_067_200_123_000_000, timestrata::Value::F64(1.5))]);
}

#[test]
fn each_bad_series_is_refused_alone() {
    let many: Vec<(String, String)> = (0..257).map(|n| (format!("l{n}"), "v".to_owned())).collect();
    let mut crowded = vec![("__name__", "m")];
    crowded.extend(many.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let good: &[(&str, &str)] = &[("b", "1"), ("__name__", "m"), ("a", "2")];
    for (labels, code) in [
        (&[][..], RefusalCode::NoMetricName),
        (&[("a", "b")], RefusalCode::NoMetricName),
        (&[("__name__", "")], RefusalCode::NoMetricName),
        (&[("__name__", "m"), ("__name__", "n")], RefusalCode::DuplicateLabel),
        (&[("__name__", "m"), ("a", "1"), ("a", "2")], RefusalCode::DuplicateLabel),
        (&[("__name__", "m"), ("", "1")], RefusalCode::EmptyLabelName),
        (&crowded, RefusalCode::LabelLimit),
    ] {
        let body = request(vec![series(good), series(labels), series(good)]);
        let Outcome { decoded, summary, codes } = decode(RemoteWriteVersion::V1, &body);
        assert_eq!((codes, summary.samples), (vec![(2, code)], 2), "{labels:?}");
        // Labels need not be sorted.
        assert_eq!(decoded.points[0].0, "m{a=\"2\",b=\"1\"}");
    }
}

#[test]
fn texts_that_are_not_utf8_refuse_their_series() {
    let body = request(vec![series(&[("__name__", "m"), ("a", "QQQQ")]), series(&[("__name__", "m")])]);
    let mut bytes = body.encode_to_vec();
    let at = bytes.windows(4).position(|window| window == b"QQQQ").unwrap();
    bytes[at] = 0xff;
    let outcome = decode_with(&SeriesTable::new(1 << 20), RemoteWriteVersion::V1, &bytes).unwrap();
    assert_eq!((outcome.codes, outcome.summary.samples), (vec![(1, RefusalCode::InvalidUtf8)], 1));
}

#[test]
fn known_series_are_found_in_whichever_version_and_order_of_fields() {
    let table = SeriesTable::new(1 << 20);
    let labels = [("__name__", "m"), ("a", "1")];
    let body = request(vec![series(&labels), series(&labels)]).encode_to_vec();
    let found = decode_with(&table, RemoteWriteVersion::V1, &body).unwrap();
    assert_eq!((found.summary.samples, table.len()), (2, 1));
    // The samples between the labels, as no known encoder writes them.
    let parts = series(&labels);
    let message = |part: rw::TimeSeries| part.encode_to_vec();
    let only_label =
        |at: usize| message(rw::TimeSeries { labels: vec![parts.labels[at].clone()], ..Default::default() });
    let samples = message(rw::TimeSeries { samples: parts.samples.clone(), ..Default::default() });
    let scattered = [only_label(0), samples, only_label(1)].concat();
    let mut body = vec![0x0a, u8::try_from(scattered.len()).unwrap()];
    body.extend(scattered);
    let found = decode_with(&table, RemoteWriteVersion::V1, &body).unwrap();
    assert_eq!((found.decoded.points[0].0.as_str(), table.len()), ("m{a=\"1\"}", 1));
    let symbols = ["", "__name__", "m", "a", "1"].map(str::to_owned).to_vec();
    let timeseries =
        vec![rw::TimeSeriesV2 { labels_refs: vec![1, 2, 3, 4], samples: parts.samples.clone(), ..Default::default() }];
    let body = rw::Request { symbols, timeseries }.encode_to_vec();
    let found = decode_with(&table, RemoteWriteVersion::V2, &body).unwrap();
    assert_eq!((found.decoded.points[0].0.as_str(), table.len()), ("m{a=\"1\"}", 1));
}

#[test]
fn version_2_refuses_references_that_lead_nowhere() {
    let symbols = ["", "__name__", "up", "job", "a", "help"].map(str::to_owned).to_vec();
    let series = |labels_refs: Vec<u32>| rw::TimeSeriesV2 {
        labels_refs,
        samples: vec![sample(1.0, 5), sample(2.0, 6)],
        metadata: Some(rw::MetadataV2 { kind: 1, help_ref: 5, unit_ref: 0 }),
        ..Default::default()
    };
    let mut dangling = series(vec![1, 2]);
    dangling.metadata = Some(rw::MetadataV2 { kind: 1, help_ref: 5, unit_ref: 99 });
    let timeseries = vec![series(vec![1, 2, 3, 4]), series(vec![1, 99]), series(vec![1]), series(vec![]), dangling];
    let Outcome { decoded, summary, codes } = decode(RemoteWriteVersion::V2, &rw::Request { symbols, timeseries });
    assert_eq!((summary.samples, decoded.points[0].0.as_str(), decoded.points[0].1), (4, "up{job=\"a\"}", 5_000_000));
    let [reference, name] = [RefusalCode::InvalidReference, RefusalCode::NoMetricName];
    assert_eq!(codes, [(2, reference), (3, reference), (4, name)]);
    assert_eq!(summary.refused, counts(&[(reference, 4), (name, 2)]));
    // Metadata that leads nowhere is left out, not the samples.
    assert_eq!((decoded.metadata.len(), summary.metadata), (1, 1));
    assert!(decoded.metadata[0].contains("Counter") && decoded.metadata[0].contains("help"));
}

#[test]
fn symbols_that_do_not_begin_with_an_empty_one_refuse_the_request() {
    let body = rw::Request { symbols: vec!["a".to_owned()], timeseries: vec![] }.encode_to_vec();
    let error = decode_with(&SeriesTable::new(0), RemoteWriteVersion::V2, &body).err().unwrap();
    assert_eq!(error.message, "the body is not a remote write request: its first symbol is not empty");
}

#[test]
fn metadata_is_handed_out_once_and_checked() {
    let table = SeriesTable::new(1 << 20);
    let metadata = |family: &str, help: &str| rw::MetricMetadata {
        kind: 1,
        family: family.to_owned(),
        help: help.to_owned(),
        unit: "s".to_owned(),
    };
    let long = "x".repeat(5_000);
    let body = rw::RemoteWriteRequest {
        timeseries: vec![],
        metadata: vec![metadata("a", "h"), metadata("a", "h"), metadata("b", "h"), metadata("c", &long)],
    };
    let body = body.encode_to_vec();
    let decode = || decode_with(&table, RemoteWriteVersion::V1, &body).unwrap();
    let first = decode();
    assert_eq!((first.decoded.metadata.len(), first.summary.metadata), (2, 1));
    assert_eq!(decode().decoded.metadata.len(), 0);
    table.forget_metadata();
    assert_eq!(decode().decoded.metadata.len(), 2);
}

#[test]
fn a_damaged_body_changes_nothing() {
    let mut body = request(vec![series(&[("__name__", "m")]), series(&[("a", "b")])]).encode_to_vec();
    body.extend([0x0a, 9]);
    let mut rows = Rows::default();
    let result =
        decode_remote_write(&body, RemoteWriteVersion::V1, &Limits::default(), &SeriesTable::new(1 << 20), &mut rows);
    assert!(result.unwrap_err().message.contains("cut off"));
    assert_eq!((rows.values().len(), rows.row_ends().len(), rows.refused().len()), (0, 0, 0));
    assert!(rows.timestamps().is_empty() && rows.point_series().is_empty());
}

#[test]
fn refused_rows_are_counted_beyond_those_with_a_sentence() {
    let body = request((0..500).map(|_| series(&[("a", "b")])).chain([series(&[("__name__", "m")])]).collect());
    let Outcome { summary, codes, .. } = decode(RemoteWriteVersion::V1, &body);
    assert_eq!((codes.len(), summary.samples), (MAX_REFUSED_ROWS, 1));
    assert_eq!(summary.refused, counts(&[(RefusalCode::NoMetricName, 500)]));
}

#[test]
fn series_above_the_limit_are_refused() {
    let body = request(["a", "b", "c"].map(|name| series(&[("__name__", name)])).to_vec()).encode_to_vec();
    let limits = Limits { series: 2, ..Limits::default() };
    let mut rows = Rows::default();
    let table = SeriesTable::new(1 << 20);
    let summary = decode_remote_write(&body, RemoteWriteVersion::V1, &limits, &table, &mut rows).unwrap();
    assert_eq!((summary.samples, summary.refused), (2, counts(&[(RefusalCode::SeriesLimit, 1)])));
}

#[test]
fn content_types_say_the_version() {
    for (text, version) in [
        ("application/x-protobuf", Some(RemoteWriteVersion::V1)),
        ("Application/X-Protobuf; proto=prometheus.WriteRequest", Some(RemoteWriteVersion::V1)),
        ("application/x-protobuf;proto=io.prometheus.write.v2.Request", Some(RemoteWriteVersion::V2)),
        ("application/x-protobuf; charset=x ;Proto=\"io.prometheus.write.v2.Request\"", Some(RemoteWriteVersion::V2)),
        ("application/x-protobuf;proto=x", None),
        ("application/json", None),
        ("", None),
    ] {
        assert_eq!(RemoteWriteVersion::from_content_type(text), version, "{text}");
    }
}

/// Returns what an implementation of protobuf by prost finds: the number of samples.
fn prost_samples(version: RemoteWriteVersion, body: &[u8]) -> Option<usize> {
    match version {
        RemoteWriteVersion::V1 => {
            Some(rw::RemoteWriteRequest::decode(body).ok()?.timeseries.iter().map(|series| series.samples.len()).sum())
        }
        RemoteWriteVersion::V2 => {
            Some(rw::Request::decode(body).ok()?.timeseries.iter().map(|series| series.samples.len()).sum())
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_as_by_prost_or_refused(at: usize, byte: u8, cut: usize, is_v2: bool) {
        let version = if is_v2 { RemoteWriteVersion::V2 } else { RemoteWriteVersion::V1 };
        let mut body = if is_v2 {
            let symbols = ["", "__name__", "m", "a", "1"].map(str::to_owned).to_vec();
            let samples = vec![sample(1.5, 1_704_067_200_123)];
            let metadata = Some(rw::MetadataV2 { kind: 1, help_ref: 3, unit_ref: 4 });
            let one = rw::TimeSeriesV2 { labels_refs: vec![1, 2, 3, 4], samples, metadata, ..Default::default() };
            rw::Request { symbols, timeseries: vec![one.clone(), one] }.encode_to_vec()
        } else {
            request(vec![series(&[("__name__", "m"), ("a", "1")]), series(&[("a", "b")])]).encode_to_vec()
        };
        let len = body.len();
        body[at % len] = byte;
        body.truncate(len - cut % 3);
        let found = decode_with(&SeriesTable::new(1 << 20), version, &body);
        if let (Ok(found), Some(expected)) = (&found, prost_samples(version, &body)) {
            let BodySummary { samples, histograms, refused, .. } = found.summary;
            // A refused series without a sample counts as one.
            let most = samples + refused.total();
            prop_assert!(samples <= expected as u64 && expected as u64 + histograms <= most, "{found:?}", found = found.summary);
        }
    }
}

#[test]
fn a_body_of_more_points_than_the_limit_leaves_the_rows_and_tells_how_many_it_has() {
    let many = rw::TimeSeries { samples: vec![sample(1.0, 1); 5], ..series(&[("__name__", "m")]) };
    let body = request(vec![many.clone(), many]).encode_to_vec();
    let (table, mut rows, mut limits) = (SeriesTable::new(1 << 20), Rows::default(), Limits::default());
    limits.points = 9;
    let summary = decode_remote_write(&body, RemoteWriteVersion::V1, &limits, &table, &mut rows).unwrap();
    assert_eq!((summary.points_beyond_limit, summary.samples, rows.values().len()), (10, 0, 0));
    limits.points = 10;
    let summary = decode_remote_write(&body, RemoteWriteVersion::V1, &limits, &table, &mut rows).unwrap();
    assert_eq!((summary.points_beyond_limit, summary.samples, rows.values().len()), (0, 10, 10));
}
