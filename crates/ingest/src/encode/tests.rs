use proptest::prelude::*;
use timestrata::{MetricKind, MetricMetadata, SeriesKey, Timestamp, Value};

use super::*;
use crate::formats::test_support::{Decoded, decode};
use crate::{Format, IngestOptions, formats};

fn key() -> impl Strategy<Value = SeriesKey> {
    let text = "[a-z#:\\\\ ,=\"{}µ.0-9_]{1,6}";
    let tags = proptest::collection::btree_map(text, text, 0..3);
    (text, tags, proptest::option::of(text)).prop_map(|(metric, tags, field)| {
        let mut key: SeriesKey = tags.into_iter().collect();
        if let Some(field) = field {
            key = key.tag("_field", field);
        }
        key.with_metric(metric)
    })
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<u64>().prop_map(|bits| Value::F64(f64::from_bits(bits))),
        any::<i16>().prop_map(|number| Value::F64(f64::from(number))),
        any::<i64>().prop_map(Value::I64),
        any::<u64>().prop_map(Value::U64),
        any::<bool>().prop_map(Value::Bool),
    ]
}

fn points() -> impl Strategy<Value = Vec<(SeriesKey, i64, Value)>> {
    proptest::collection::vec((key(), any::<i64>(), value()), 1..8)
}

fn check(format: &dyn Format, text: &str, written: &[(SeriesKey, i64, Value)]) {
    let points = written.iter().map(|(key, at, value)| (key.to_string(), *at, *value)).collect();
    let expected = Decoded { points, ..Decoded::default() };
    let found =
        Decoded { points: decode(format, &IngestOptions::default(), text.as_bytes()).good(), ..Decoded::default() };
    assert_eq!(found.text(), expected.text(), "{text}");
}

proptest! {
    #[test]
    fn line_protocol_is_read_back_exactly(points in points()) {
        let (mut encoder, mut text, mut written) = (LineProtocol::default(), String::new(), Vec::new());
        for (key, at, value) in points {
            let before = text.len();
            if let Ok(()) = encoder.point(&key, Timestamp::from_nanos(at), value, &mut text) { written.push((key, at, value)) } else { prop_assert_eq!(text.len(), before) }
        }
        check(&formats::LineProtocol, &text, &written);
    }

    #[test]
    fn openmetrics_is_read_back_exactly_but_for_the_bits_of_nan(points in points()) {
        let (mut encoder, mut text, mut written) = (OpenMetrics::default(), String::new(), Vec::new());
        for (key, at, value) in points {
            let value = if value.as_f64().is_nan() { Value::F64(f64::NAN) } else { value };
            if encoder.point(&key, Timestamp::from_nanos(at), value, &mut text).is_ok() {
                written.push((key, at, value));
            }
        }
        encoder.finish(&mut text);
        check(&formats::OpenMetrics, &text, &written);
    }

    #[test]
    fn json_lines_are_read_back_bit_for_bit(points in points()) {
        let (mut encoder, mut text) = (JsonLines::default(), String::new());
        // A key that its own text form does not give back is outside the domain of the text form.
        let points: Vec<_> = points.into_iter()
            .filter(|(key, ..)| crate::table::parse_series(&key.to_string()).as_ref() == Some(key))
            .collect();
        prop_assume!(!points.is_empty());
        for (key, at, value) in &points {
            encoder.point(key, Timestamp::from_nanos(*at), *value, &mut text);
        }
        check(&formats::Json, &text, &points);
    }
}

#[test]
fn each_limit_of_a_format_is_an_error() {
    let (mut text, at) = (String::new(), Timestamp::from_secs(1));
    let mut line = LineProtocol::default();
    let mut refused = |key: SeriesKey, value| line.point(&key, at, value, &mut text).unwrap_err();
    assert_eq!(refused(SeriesKey::new("m"), Value::F64(f64::NAN)), Unrepresentable::NotFinite);
    assert_eq!(refused(SeriesKey::new("m").tag("a", ""), Value::F64(1.0)), Unrepresentable::EmptyTag);
    assert_eq!(refused(SeriesKey::new("m\\"), Value::F64(1.0)), Unrepresentable::Name);
    assert_eq!(refused(SeriesKey::new("m").tag("_field", "value"), Value::F64(1.0)), Unrepresentable::Name);
    let mut open = OpenMetrics::default();
    let (a, b) = (SeriesKey::new("a"), SeriesKey::new("b"));
    open.point(&a, at, Value::F64(1.0), &mut text).unwrap();
    assert_eq!(open.point(&a, at, Value::F64(1.0), &mut text), Err(Unrepresentable::TimeOrder));
    assert_eq!(open.point(&a, at, Value::I64(1), &mut text), Err(Unrepresentable::ValueType));
    open.point(&b, at, Value::F64(1.0), &mut text).unwrap();
    assert_eq!(open.point(&a, at, Value::F64(1.0), &mut text), Err(Unrepresentable::MetricOrder));
}

#[test]
fn openmetrics_metadata_is_read_back() {
    let mut text = String::new();
    let mut encoder = OpenMetrics::default();
    let metadata = MetricMetadata::new(MetricKind::Counter).with_unit("seconds").with_description("a \"b\"\n\\c");
    encoder.metadata("x_seconds_total", &metadata, &mut text);
    encoder.finish(&mut text);
    let decoded = decode(&formats::OpenMetrics, &IngestOptions::default(), text.as_bytes());
    assert_eq!(decoded.metadata, [format!("x_seconds_total {metadata:?}")]);
}
