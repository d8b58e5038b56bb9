use proptest::prelude::*;
use timestrata::Value;

use super::*;
use crate::TextValues;
use crate::formats::test_support::{check_splits, decode, fragments, timed};

fn one(text: &str) -> Vec<(String, i64, Value)> {
    decode(&LineProtocol, &timed(), text.as_bytes()).good()
}

fn reason(text: &str) -> String {
    let decoded = decode(&LineProtocol, &timed(), text.as_bytes());
    assert_eq!(decoded.points, [], "{text}");
    decoded.refused.first().map_or_else(|| panic!("{text} was accepted"), |(_, reason)| reason.clone())
}

#[test]
fn the_shared_example_becomes_three_points() {
    let text = "cpu,host=a usage_user=1.5,n=3i 1704067200000000000\ncpu,host=a usage_user=1.6 1704067210000000000\n";
    let key = |field: &str| format!("cpu{{_field=\"{field}\",host=\"a\"}}");
    assert_eq!(
        one(text),
        [
            (key("usage_user"), 1_704_067_200_000_000_000, Value::F64(1.5)),
            (key("n"), 1_704_067_200_000_000_000, Value::I64(3)),
            (key("usage_user"), 1_704_067_210_000_000_000, Value::F64(1.6)),
        ]
    );
}

#[test]
fn each_type_is_read_and_the_field_value_has_no_tag() {
    for (text, value) in [
        ("1", Value::F64(1.0)),
        ("-0.0", Value::F64(-0.0)),
        (".5", Value::F64(0.5)),
        ("1.", Value::F64(1.0)),
        ("1e-3", Value::F64(0.001)),
        ("0.1234567890123456789", Value::F64(0.123_456_789_012_345_68)),
        ("-9223372036854775808i", Value::I64(i64::MIN)),
        ("18446744073709551615u", Value::U64(u64::MAX)),
        ("t", Value::Bool(true)),
        ("FALSE", Value::Bool(false)),
    ] {
        assert_eq!(one(&format!("m value={text} 5")), [("m".to_owned(), 5, value)], "{text}");
    }
}

#[test]
fn escapes_comments_and_line_endings_are_read_as_influxdb_does() {
    assert_eq!(one("# a=b\n\n \t\r\n"), []);
    assert_eq!(one("  m value=1 7\r\n"), [("m".to_owned(), 7, Value::F64(1.0))]);
    let text = r"my\,name\ x=y,t\=a\,g=v\ 1\\z,k=a\=b fi\,eld\=\ n=1 7";
    let key = r#"{"my,name x=y",_field="fi,eld= n",k="a=b","t=a,g"="v 1\\\\z"}"#;
    assert_eq!(one(text), [(key.to_owned(), 7, Value::F64(1.0))]);
    assert_eq!(one("m,b=1,a=2 value=1 7"), one("m,a=2,b=1 value=1 7"));
}

#[test]
fn a_text_field_refuses_its_line_or_is_counted() {
    let text = "m a=1,s=\"x,\\\"y\n z=\\\\\",b=2 7\nm a=3 8\n";
    let decoded = decode(&LineProtocol, &timed(), text.as_bytes());
    assert_eq!((decoded.refused[0].0, decoded.lines.as_slice()), (1, [3].as_slice()), "{decoded:?}");
    assert!(decoded.refused[0].1.contains("\"s\" is text"), "{decoded:?}");
    let mut options = timed();
    options.text = TextValues::Skip;
    let decoded = decode(&LineProtocol, &options, text.as_bytes());
    assert_eq!((decoded.points.len(), decoded.lines.as_slice()), (3, [1, 3].as_slice()));
    assert_eq!(decoded.notices, ["1 field of text was left out"]);
    let decoded = decode(&LineProtocol, &options, b"m a=1 1\nm a=1,s=\"x\nm a=2 2\n");
    assert_eq!((decoded.points.len(), decoded.error.and_then(|e| e.line)), (1, Some(2)));
}

#[test]
fn each_mistake_is_named() {
    for (text, part) in [
        ("m", "no field"),
        ("m ", "has no value"),
        ("m 5", "has no value"),
        (",a=b v=1", "measurement is missing"),
        ("m,a= v=1", "empty value"),
        ("m,=b v=1", "empty name"),
        ("m,a v=1", "name=value"),
        ("m,a=b,a=c v=1", "occurs twice"),
        ("m,_field=b v=1", "occurs twice"),
        ("m v=NaN", "not a number"),
        ("m v=inf", "not a number"),
        ("m v=1e999", "not a number"),
        ("m v=", "has no value"),
        ("m =1", "no name"),
        ("m v=9223372036854775808i", "64-bit"),
        ("m v=-1u", "64-bit"),
        ("m v=1.5i", "64-bit"),
        ("m v=1 1.5", "timestamp"),
        ("m v=1 x", "timestamp"),
        ("m v=1,", "no value"),
        ("m v=1 9223372036854775808", "timestamp"),
        ("m v=\"a\"b", "not a number"),
    ] {
        let reason = reason(text);
        assert!(reason.contains(part), "{text}: {reason}");
    }
}

#[test]
fn times_have_the_precision_of_the_option_and_a_default() {
    let mut options = IngestOptions::default();
    let decoded = decode(&LineProtocol, &options, b"m value=1\n");
    assert!(decoded.refused[0].1.contains("no time"));
    options.precision = Some("ms".parse().unwrap());
    assert_eq!(decode(&LineProtocol, &options, b"m value=1 5\n").good()[0].1, 5_000_000);
    let far = decode(&LineProtocol, &options, b"m value=1 9223372036854775807\n");
    assert!(far.refused[0].1.contains("beyond"));
    assert_eq!(one("m value=1\n")[0].1, 0);
}

#[test]
fn limits_end_the_input_or_the_row() {
    let mut options = timed();
    options.limits.fields = 2;
    options.limits.series = 3;
    options.limits.row_bytes = 40;
    let decoded = decode(&LineProtocol, &options, b"m a=1,b=2,c=3\nm a=1\n");
    assert!(decoded.refused[0].1.contains("more than 2 fields"));
    let decoded = decode(&LineProtocol, &options, b"m a=1\nm b=1\nm c=1\nm d=1\n");
    assert_eq!((decoded.points.len(), decoded.error.unwrap().line), (3, Some(4)));
    let long = format!("m value=1 1\nm value={}", "1".repeat(50));
    let decoded = decode(&LineProtocol, &options, long.as_bytes());
    assert_eq!((decoded.points.len(), decoded.error.unwrap().line), (1, Some(2)));
}

#[test]
fn the_content_is_recognized() {
    assert_eq!(LineProtocol.sniff(b"cpu,host=a usage=1.5 1704067200000000000\ncpu,ho"), Sniff::Certain);
    assert_eq!(LineProtocol.sniff(b"time,value\n2024-01-01,1\n"), Sniff::No);
    assert_eq!(LineProtocol.sniff(b"up{job=\"a\"} 1 5\n"), Sniff::No);
    assert_eq!(LineProtocol.sniff(b"a.b.c 1 1704067200\n"), Sniff::No);
    assert_eq!(LineProtocol.sniff(b""), Sniff::No);
}

const FRAGMENTS: &[&str] = &[
    "m",
    ",a=b",
    ",",
    "=",
    " ",
    "\n",
    "\"",
    "\\",
    "v=1",
    "v=1.5",
    ",w=3i",
    ",x=t",
    "s=\"a\nb\"",
    " 17",
    "#",
    "\r\n",
    "\t",
    "value=2u",
    "m,h=a v=1 5\n",
    "m s=\"q\" 6\n",
];

#[test]
fn series_of_earlier_inputs_are_found_without_their_keys() {
    let known = std::sync::Arc::new(crate::SeriesTable::new(1 << 20));
    let options = crate::IngestOptions { known_series: Some(std::sync::Arc::clone(&known)), ..timed() };
    let text = "m,a=1 value=1,x=2 5\nm,a=1 x=3,value=4 6\nm,a\\ b=1 value=1,x=2 7\nm,a=1 y\\ =3 8\n";
    let first = decode(&LineProtocol, &options, text.as_bytes());
    assert_eq!(first.text(), decode(&LineProtocol, &timed(), text.as_bytes()).text());
    assert_eq!(known.len(), 5);
    assert_eq!(decode(&LineProtocol, &options, text.as_bytes()).text(), first.text());
    assert_eq!(known.len(), 5);
    // What is refused is not remembered.
    for bad in ["m,a=1,a=2 value=1 5", "m,a= value=1 5", ",a=1 value=1 5"] {
        let refused = decode(&LineProtocol, &options, bad.as_bytes());
        assert_eq!((refused.points.len(), refused.refused.len(), known.len()), (0, 1, 5), "{bad}");
    }
    // Options that change series keep an input apart.
    let prefixed = crate::IngestOptions { prefix: "p_".to_owned(), ..options };
    let points = decode(&LineProtocol, &prefixed, b"m,a=1 value=1 5").good();
    assert_eq!((points[0].0.as_str(), known.len()), ("p_m{a=\"1\"}", 5));
}

#[test]
fn rows_with_many_fields_in_any_order_are_read() {
    let fields = |numbers: &mut dyn Iterator<Item = usize>| {
        numbers.map(|number| format!("f{number}={number}")).collect::<Vec<_>>().join(",")
    };
    let text = format!("m {} 1\nm {} 2\n", fields(&mut (0..40)), fields(&mut (0..40).rev()));
    let points = one(&text);
    assert_eq!(points.len(), 80);
    for (series, _, value) in points {
        assert_eq!(series, format!("m{{_field=\"f{value}\"}}"));
    }
}

proptest! {
    #[test]
    fn any_bytes_give_the_same_rows_however_they_are_split(
        input in fragments(FRAGMENTS),
        sizes in proptest::collection::vec(1..9_usize, 1..20),
    ) {
        check_splits(&LineProtocol, &input, &sizes);
        LineProtocol.sniff(&input);
    }

    #[test]
    fn rows_that_the_reference_parser_reads_are_read_the_same(
        measurement in "[a-z]{1,5}( |,)?[a-z]",
        tags in proptest::collection::btree_map("[a-z]{1,3}", "[a-zµ=, ]{0,4}[a-z]", 0..4),
        field in "[a-z=, ]{0,3}[a-z]",
        value in prop_oneof![
            any::<f64>().prop_filter("finite", |v| v.is_finite()).prop_map(Value::F64),
            any::<i64>().prop_map(Value::I64),
            any::<u64>().prop_map(Value::U64),
            any::<bool>().prop_map(Value::Bool),
        ],
        time: i64,
    ) {
        let escape = |text: &str| text.replace(',', "\\,").replace('=', "\\=").replace(' ', "\\ ");
        let tags: Vec<String> = tags.iter().map(|(k, v)| format!(",{}={}", escape(k), escape(v))).collect();
        let tags = tags.concat();
        let number = match value {
            Value::I64(v) => format!("{v}i"),
            Value::U64(v) => format!("{v}u"),
            other => other.to_string(),
        };
        let measurement = measurement.replace(',', "\\,").replace(' ', "\\ ");
        let line = format!("{measurement}{tags} {}={number} {time}\n", escape(&field));
        let reference = influxdb_line_protocol::parse_lines(&line).next().unwrap().unwrap();
        let mut key: timestrata::SeriesKey = reference.series.tag_set.iter().flatten()
            .map(|(k, v)| (k.to_string(), v.to_string())).collect();
        key = key.with_metric(reference.series.measurement.to_string());
        let (name, field_value) = &reference.field_set[0];
        if *name != "value" {
            key = key.tag("_field", name.to_string());
        }
        let expected = match field_value {
            influxdb_line_protocol::FieldValue::F64(v) => Value::F64(*v),
            influxdb_line_protocol::FieldValue::I64(v) => Value::I64(*v),
            influxdb_line_protocol::FieldValue::U64(v) => Value::U64(*v),
            influxdb_line_protocol::FieldValue::Boolean(v) => Value::Bool(*v),
            influxdb_line_protocol::FieldValue::String(_) => unreachable!(),
        };
        prop_assert_eq!(one(&line), [(key.to_string(), reference.timestamp.unwrap(), expected)]);
    }
}

#[test]
fn a_timestamp_that_is_likely_of_another_unit_is_refused_unless_the_precision_is_given() {
    for (count, unit) in [(1_704_067_200_i64, "s"), (1_704_067_200_000, "ms"), (1_704_067_200_000_000, "us")] {
        let text = format!("m value=1 {count}\n");
        let decoded = decode(&LineProtocol, &IngestOptions::default(), text.as_bytes());
        assert_eq!(decoded.points, []);
        assert!(decoded.refused[0].1.contains(&format!("of this century in {unit}")), "{decoded:?}");
        // The precision of these options is nanoseconds.
        assert_eq!(decode(&LineProtocol, &timed(), text.as_bytes()).points.len(), 1);
    }
    for count in ["0", "5", "1704067200000000000", "-1704067200"] {
        let text = format!("m value=1 {count}\n");
        assert_eq!(decode(&LineProtocol, &IngestOptions::default(), text.as_bytes()).points.len(), 1, "{count}");
    }
}
