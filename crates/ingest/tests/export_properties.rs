//! What an encoder writes, the decoder of the format reads back bit for bit; what it leaves out, it counts.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

use std::collections::HashMap;

use proptest::prelude::*;
use timestrata::{SeriesKey, Timestamp, Value};
use timestrata_ingest::testing::{decode_pieces, encode_point, value_text};
use timestrata_ingest::{Encoder, ExportFormat, IngestOptions, Precision, Registry};

const FORMATS: [(ExportFormat, &str); 4] = [
    (ExportFormat::Csv, "csv"),
    (ExportFormat::JsonLines, "json"),
    (ExportFormat::LineProtocol, "line-protocol"),
    (ExportFormat::OpenMetrics, "openmetrics"),
];

/// A point; the value as text, with the bits of floats, so that a NaN equals itself.
type Point = (SeriesKey, Timestamp, String);

/// Returns the text, and the points that it must contain.
fn encode(format: ExportFormat, points: &[(SeriesKey, Timestamp, Value)]) -> (Vec<u8>, Vec<Point>) {
    let mut encoder = Encoder::new(format, false);
    let mut expected = Vec::new();
    encoder.begin();
    for (key, time, value) in points {
        let before = encoder.points();
        encode_point(&mut encoder, key, *time, value);
        if encoder.points() > before {
            expected.push((key.clone(), *time, value_text(value)));
        }
    }
    encoder.finish();
    let written = u64::try_from(expected.len()).unwrap();
    assert_eq!(encoder.outside().left_out(), points.len() as u64 - written, "what is left out is counted");
    (encoder.take(), expected)
}

fn decode(text: &[u8], name: &str) -> Result<Vec<Point>, String> {
    let mut options = IngestOptions::default();
    options.precision = Some(Precision::Nanoseconds);
    let format = Registry::with_defaults().by_name(name).map_err(|error| error.to_string())?;
    let mut planner = format.planner(&options).map_err(|error| error.to_string())?;
    planner.push(text);
    let mut decoder = planner.finish(true).map_err(|error| error.to_string())?;
    let found = decode_pieces(&mut *decoder, text, text.len().max(1), 1 << 20);
    match (found.error, &found.refused[..]) {
        (None, []) => Ok(found.points),
        (error, refused) => Err(format!("{error:?}, refused: {refused:?}")),
    }
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<u64>().prop_map(|bits| Value::F64(f64::from_bits(bits))),
        prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, 1e16, 5e-324])
            .prop_map(Value::F64),
        (-1_000_000..1_000_000_i32).prop_map(|whole| Value::F64(f64::from(whole) / 100.0)),
        any::<i64>().prop_map(Value::I64),
        any::<u64>().prop_map(Value::U64),
        any::<bool>().prop_map(Value::Bool),
    ]
}

fn key() -> impl Strategy<Value = SeriesKey> {
    let text = || prop_oneof!["[ -~äé€\n]{0,8}", any::<String>(), "[\u{0}-\u{20}\u{7f}-\u{a0}\"\\\\,]{0,4}"];
    let metric = prop_oneof!["[a-z_]{1,8}", "[ -~ä]{1,8}", "[\u{0}-\u{20}\u{7f}-\u{a0}a]{1,4}", "\\PC{1,4}"];
    let name = prop_oneof!["[a-z]{1,5}", "[ -~é]{1,5}", Just("_field".to_owned()), "[\u{0}-\u{20}\u{7f}-\u{a0}]{1,3}"];
    let tags = prop::collection::btree_map(name, text(), 0..3);
    (metric, tags)
        .prop_map(|(metric, tags)| tags.into_iter().collect::<SeriesKey>().with_metric(metric))
        .prop_filter("the engine takes the key", |key| key.validate().is_ok())
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        keys in prop::collection::vec(key(), 1..4),
        points in prop::collection::vec((0..4_usize, any::<i64>(), value()), 1..30),
    ) {
        // Series by series, by time, one type per series: what a database holds.
        let mut types = HashMap::new();
        let mut all: Vec<_> = points.into_iter().map(|(at, nanos, value)| (at % keys.len(), nanos, value)).collect();
        all.sort_by_key(|(at, nanos, _)| (*at, *nanos));
        all.retain(|(at, _, value)| {
            *types.entry(keys[*at].clone()).or_insert_with(|| (*at, value.value_type())) == (*at, value.value_type())
        });
        let points: Vec<_> = all.into_iter().map(|(at, nanos, value)| (keys[at].clone(), Timestamp::from_nanos(nanos), value)).collect();
        for (format, name) in FORMATS {
            let (text, expected) = encode(format, &points);
            if !expected.is_empty() {
                prop_assert_eq!(decode(&text, name), Ok(expected), "{}: {}", name, String::from_utf8_lossy(&text));
            }
        }
    }
}
