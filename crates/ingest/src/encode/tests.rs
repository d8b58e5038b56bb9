//! Tests of the encoders.

use super::*;
use crate::testing::encode_point;

fn encoded(format: ExportFormat, is_lossy: bool, points: &[(SeriesKey, i64, Value)]) -> (String, OutsidePoints) {
    let mut encoder = Encoder::new(format, is_lossy);
    encoder.begin();
    for (key, nanos, value) in points {
        encode_point(&mut encoder, key, Timestamp::from_nanos(*nanos), value);
    }
    encoder.finish();
    (String::from_utf8(encoder.take()).unwrap(), encoder.outside().clone())
}

fn sample() -> Vec<(SeriesKey, i64, Value)> {
    let temp = SeriesKey::new("temp").tag("site", "a b");
    let mut points = vec![(temp.clone(), 1, Value::F64(-0.0)), (temp, 1_500_000_000, Value::F64(1e300))];
    points.push((SeriesKey::new("n").tag("_field", "x=1"), -1_500_000_000, Value::I64(-3)));
    points.push((SeriesKey::new("up"), 0, Value::Bool(true)));
    points.push((SeriesKey::new("nan"), 0, Value::F64(f64::from_bits(0x7ff0_0000_0000_0002))));
    points
}

#[test]
fn csv_and_json_hold_every_point() {
    let (csv, outside) = encoded(ExportFormat::Csv, false, &sample());
    assert_eq!(outside, OutsidePoints::default());
    assert!(csv.contains("\"temp{site=\"\"a b\"\"}\",f64,1970-01-01T00:00:00.000000001Z,-0\n"), "{csv}");
    assert!(csv.contains("nan,f64,1970-01-01T00:00:00Z,NaN(7ff0000000000002)\n"), "{csv}");
    let (json, outside) = encoded(ExportFormat::JsonLines, false, &sample());
    assert_eq!(outside.left_out(), 0);
    assert!(json.contains(r#"{"series":"up","type":"bool","time":"1970-01-01T00:00:00Z","value":true}"#), "{json}");
    assert!(json.contains(r#""value":"NaN(7ff0000000000002)"}"#), "{json}");
}

#[test]
fn points_outside_the_domain_of_a_format_are_counted_by_reason() {
    let (text, outside) = encoded(ExportFormat::LineProtocol, false, &sample());
    assert_eq!(
        text,
        "temp,site=a\\ b value=-0 1\ntemp,site=a\\ b value=1e300 1500000000\nn x\\=1=-3i -1500000000\nup value=true 0\n"
    );
    assert_eq!(outside.reasons().collect::<Vec<_>>(), [(OutsideReason::NotFinite, 1)]);
    let (text, outside) = encoded(ExportFormat::OpenMetrics, false, &sample());
    assert_eq!(text, "temp{site=\"a b\"} -0 0.000000001\ntemp{site=\"a b\"} 1e300 1.5\n# EOF\n");
    let reasons: Vec<_> = outside.reasons().collect();
    assert_eq!(reasons, [(OutsideReason::NanBits, 1), (OutsideReason::NotFloat, 2)]);
    assert_eq!(outside.first().map(|(key, ..)| key.metric()), Some("n"));
    let (text, outside) = encoded(ExportFormat::OpenMetrics, true, &sample());
    assert!(text.contains("n{_field=\"x=1\"} -3 -1.5\nup 1 0\nnan NaN 0\n"), "{text}");
    assert_eq!((outside.left_out(), outside.rounded()), (0, 3));
}

#[test]
fn a_second_point_at_one_time_is_outside_openmetrics() {
    let key = SeriesKey::new("x y");
    let points = [(key.clone(), 5, Value::F64(1.0)), (key, 5, Value::F64(2.0))];
    let (text, outside) = encoded(ExportFormat::OpenMetrics, false, &points);
    assert_eq!(text, "{\"x y\"} 1 0.000000005\n# EOF\n");
    assert_eq!(outside.reasons().collect::<Vec<_>>(), [(OutsideReason::EqualTimes, 1)]);
}
