use std::time::Duration;

use serde::de::DeserializeOwned;

use super::*;
use crate::query::Window;
use crate::types::series::SeriesId;
use crate::types::series::SeriesInfo;

/// Checks the JSON of a value, and that an equal value is read back.
fn round_trips<T: Serialize + DeserializeOwned + PartialEq + fmt::Debug>(value: &T, json: &str) {
    assert_eq!(serde_json::to_string(value).unwrap(), json);
    assert_eq!(&serde_json::from_str::<T>(json).unwrap(), value);
}

fn is_rejected<T: DeserializeOwned + fmt::Debug>(json: &str, message: &str) {
    let error = serde_json::from_str::<T>(json).unwrap_err().to_string();
    assert!(error.contains(message), "{error}");
}

#[test]
fn timestamps_are_text_and_may_be_read_as_nanoseconds() {
    round_trips(&Timestamp::MIN, "\"1677-09-21T00:12:43.145224192Z\"");
    round_trips(&Timestamp::MAX, "\"2262-04-11T23:47:16.854775807Z\"");
    assert_eq!(serde_json::from_str::<Timestamp>("-5").unwrap(), Timestamp::from_nanos(-5));
    assert_eq!(serde_json::from_str::<Timestamp>("5").unwrap(), Timestamp::from_nanos(5));
    is_rejected::<Timestamp>("\"yesterday\"", "not a timestamp");
    is_rejected::<Timestamp>("9223372036854775808", "out of range");
}

#[test]
fn values_carry_their_type_and_every_float() {
    round_trips(&Value::F64(3.5), r#"{"f64":3.5}"#);
    round_trips(&Value::F64(-0.0), r#"{"f64":-0.0}"#);
    round_trips(&Value::F64(f64::INFINITY), r#"{"f64":"inf"}"#);
    round_trips(&Value::F64(f64::NEG_INFINITY), r#"{"f64":"-inf"}"#);
    assert_eq!(serde_json::to_string(&Value::F64(f64::NAN)).unwrap(), r#"{"f64":"NaN"}"#);
    let Value::F64(nan) = serde_json::from_str(r#"{"f64":"NaN"}"#).unwrap() else { panic!() };
    assert!(nan.is_nan());
    round_trips(&Value::I64(i64::MIN), r#"{"i64":-9223372036854775808}"#);
    round_trips(&Value::U64(u64::MAX), r#"{"u64":18446744073709551615}"#);
    round_trips(&Value::Bool(true), r#"{"bool":true}"#);
    assert_eq!(serde_json::from_str::<Value>(r#"{"f64":2}"#).unwrap(), Value::F64(2.0));
    is_rejected::<Value>(r#"{"f64":"many"}"#, "invalid value");
    round_trips(
        &Point { timestamp: Timestamp::UNIX_EPOCH, value: 1_u64 },
        r#"{"timestamp":"1970-01-01T00:00:00Z","value":1}"#,
    );
}

#[test]
fn options_are_named_in_snake_case() {
    round_trips(&ValueType::Bool, "\"bool\"");
    round_trips(&DuplicatePolicy::KeepLast, "\"keep_last\"");
    round_trips(&Durability::Sync, "\"sync\"");
    round_trips(&Durability::Interval(Duration::from_millis(200)), r#"{"interval":{"secs":0,"nanos":200000000}}"#);
}

#[test]
fn keys_are_structs_and_checked_when_read() {
    let key = SeriesKey::new("temp").tag("station", "JFK").tag("roof", "north");
    round_trips(&key, r#"{"metric":"temp","tags":{"roof":"north","station":"JFK"}}"#);
    is_rejected::<SeriesKey>(r#"{"metric":"","tags":{}}"#, "metric name");
    is_rejected::<SeriesKey>(r#"{"metric":"m","tags":{"a":"1","a":"2"}}"#, "tag key");
    let info = SeriesInfo {
        id: SeriesId::new(3),
        key,
        value_type: ValueType::F64,
        duplicates: DuplicatePolicy::KeepAll,
        seq: 0,
    };
    let json = serde_json::to_string(&info).unwrap();
    assert!(json.starts_with(r#"{"id":3,"key":{"metric":"#), "{json}");
    round_trips(&info, &json);
}

#[test]
fn selectors_and_aggregates_are_text() {
    let selector = Selector::metric("temp").tag("station", "JFK");
    round_trips(&selector, r#""temp{station=\"JFK\"}""#);
    is_rejected::<Selector>("\"temp{\"", "invalid query");
    round_trips(&Aggregate::quantile(0.99), "\"quantile(0.99)\"");
    is_rejected::<Aggregate>("\"median\"", "invalid query");
}

#[test]
fn metadata_of_metrics_is_a_struct_and_checked_when_read() {
    let metadata = MetricMetadata::new(MetricKind::GaugeHistogram).with_unit("s");
    round_trips(&metadata, r#"{"kind":"gaugehistogram","unit":"s","description":""}"#);
    assert_eq!(serde_json::from_str::<MetricMetadata>(r#"{"unit":"s"}"#).unwrap().kind, MetricKind::Unknown);
    is_rejected::<MetricMetadata>(r#"{"unit":"a\nb"}"#, "metric unit");
}

#[test]
fn results_are_checked_when_read() {
    let row = SeriesWindows {
        key: SeriesKey::new("").tag("city", "NYC"),
        members: 2,
        starts: vec![Timestamp::from_secs(0), Timestamp::from_secs(60)],
        values: vec![[Some(Value::F64(1.5)), None].into_iter().collect()],
    };
    let windows = Windows { columns: vec!["mean".to_owned()], series: vec![row], stale_markers: 3 };
    let json = r#"{"columns":["mean"],"series":[{"key":{"metric":"","tags":{"city":"NYC"}},"members":2,"starts":["1970-01-01T00:00:00Z","1970-01-01T00:01:00Z"],"values":[{"f64":[1.5,null]}]}],"stale_markers":3}"#;
    round_trips(&windows, json);
    is_rejected::<Windows>(&json.replace(",null", ""), "a value for each start");
    is_rejected::<Windows>(&json.replace("[\"mean\"]", "[]"), "a column for each name");
    round_trips(
        &Window { start: Timestamp::UNIX_EPOCH, value: None },
        r#"{"start":"1970-01-01T00:00:00Z","value":null}"#,
    );
}

#[test]
fn reports_are_written() {
    let json = serde_json::to_value(crate::Stats::default()).unwrap();
    assert_eq!((&json["points"], &json["flushes"]["runs"]), (&0.into(), &0.into()));
    assert!(serde_json::to_value(crate::ExplainReport::default()).unwrap().get("blocks_decoded").is_some());
}
