use proptest::prelude::*;
use timestrata::Value;

use super::*;
use crate::formats::test_support::{check_splits, decode, fragments};

/// Options with the time 0 for rows without one.
fn timed() -> IngestOptions {
    IngestOptions { precision: None, ..crate::formats::test_support::timed() }
}

fn prometheus(text: &str) -> Vec<(String, i64, Value)> {
    decode(&PrometheusText, &timed(), text.as_bytes()).good()
}

fn openmetrics(text: &str) -> Vec<(String, i64, Value)> {
    decode(&OpenMetrics, &timed(), text.as_bytes()).good()
}

const PROMETHEUS: &str = "# HELP x_total x\n# TYPE x_total counter\nx_total{job=\"a\"} 5 1704067200000\n\
    x_total{job=\"a\"} 7 1704067260000\n";
const OPENMETRICS: &str =
    "# TYPE x counter\nx_total{job=\"a\"} 5 1704067200.000\nx_total{job=\"a\"} 7 1704067260.000\n# EOF\n";

#[test]
fn the_shared_examples_are_equal_and_each_is_recognized() {
    let expected = [
        ("x_total{job=\"a\"}".to_owned(), 1_704_067_200_000_000_000, Value::F64(5.0)),
        ("x_total{job=\"a\"}".to_owned(), 1_704_067_260_000_000_000, Value::F64(7.0)),
    ];
    assert_eq!(prometheus(PROMETHEUS), expected);
    assert_eq!(openmetrics(OPENMETRICS), expected);
    for (text, is_prometheus) in [(PROMETHEUS, true), (OPENMETRICS, false)] {
        let (yes, no): (&dyn Format, &dyn Format) =
            if is_prometheus { (&PrometheusText, &OpenMetrics) } else { (&OpenMetrics, &PrometheusText) };
        assert_eq!((yes.sniff(text.as_bytes()), no.sniff(text.as_bytes())), (Sniff::Certain, Sniff::No), "{text}");
        let cut = &text.as_bytes()[..text.len() - 20];
        assert_eq!((yes.sniff(cut), no.sniff(cut)), (Sniff::Certain, Sniff::No), "{text}");
    }
    for text in ["time,v\n1,2\n", "a.b 1 1704067200\n", "cpu,host=a v=1 5\n", "# note\na;b\n", ""] {
        assert_eq!((PrometheusText.sniff(text.as_bytes()), OpenMetrics.sniff(text.as_bytes())), (Sniff::No, Sniff::No));
    }
}

#[test]
fn metadata_is_collected_per_family() {
    let text = "# HELP a two\\nlines \\\\\n# TYPE a gauge\na 1 0\n# TYPE b histogram\n# HELP b_x other\n";
    let metadata = decode(&PrometheusText, &timed(), text.as_bytes()).metadata;
    assert_eq!(metadata.len(), 3, "{metadata:?}");
    assert!(metadata[0].starts_with("a ") && metadata[0].contains("Gauge") && metadata[0].contains(r"two\nlines \\"));
    assert!(metadata[1].starts_with("b ") && metadata[1].contains("Histogram"));
    assert!(metadata[2].starts_with("b_x "));
    let text = "# TYPE x_seconds counter\n# UNIT x_seconds seconds\n# HELP x_seconds \"q\"\nx_seconds_total 1\n# EOF\n";
    let metadata = decode(&OpenMetrics, &timed(), text.as_bytes()).metadata;
    assert!(metadata[0].starts_with("x_seconds_total ") && metadata[0].contains("unit: \"seconds\""), "{metadata:?}");
}

#[test]
fn names_labels_and_numbers_are_read_in_all_their_notations() {
    let value = |text: &str| prometheus(text).remove(0);
    assert_eq!(value("a 1e3 -5\n"), ("a".to_owned(), -5_000_000, Value::F64(1000.0)));
    assert_eq!(value("a{} +Inf\n").2, Value::F64(f64::INFINITY));
    assert_eq!(value("a -Inf\n").2, Value::F64(f64::NEG_INFINITY));
    assert!(matches!(value("a NaN\n").2, Value::F64(v) if v.is_nan()));
    assert_eq!(value(" a:b {x = \"1}\" , y=\"\" ,} \t 2\t3\r\n").0, "a:b{x=\"1}\"}");
    assert_eq!(value(r#"a{x="q\"b\\c\d"} 2"#).0, r#"a{x="q\"b\\c\\d"}"#);
    assert_eq!(value(r#"{"a.b µ",x="y","k.l"="z"} 2"#).0, r#"{"a.b µ",k.l="z",x="y"}"#);
    assert_eq!(value("a{x=\"line\\nfeed\ttab\0\",y=\"\"} 2").0, r#"a{x="line\nfeed\ttab\u0000"}"#);
    assert_eq!(openmetrics("a 1 0.000000001\n# EOF")[0].1, 1);
    assert_eq!(openmetrics("a_created 1 1\n# EOF\n").len(), 1);
}

#[test]
fn exemplars_are_dropped_and_counted() {
    let text = "x_bucket{le=\"1\"} 1 2 # {trace_id=\"a\"} 0.5 1.0\nx_bucket{le=\"2\"} 1 # {} 0.5\n# EOF\n";
    let decoded = decode(&OpenMetrics, &timed(), text.as_bytes());
    assert_eq!((decoded.points.len(), decoded.notices), (2, vec!["2 exemplars were left out".to_owned()]));
    assert_eq!(decode(&PrometheusText, &timed(), text.as_bytes()).refused.len(), 2);
}

#[test]
fn each_mistake_is_named_and_refuses_its_line_alone() {
    for (line, part) in [
        ("a", "no value"),
        ("a{x=\"1\" 5", "not closed"),
        ("a{x=1} 5", "not in quotes"),
        ("a{x} 5", "has no value"),
        ("a{1x=\"1\"} 5", "label name"),
        ("a{x=\"1\",x=\"2\"} 5", "occurs twice"),
        ("a{x=\"1\" y=\"2\"} 5", "commas"),
        ("a.b 5", "not a metric name"),
        ("{x=\"1\"} 5", "no metric name"),
        ("a x", "not a number"),
        ("a 0x10", "not a number"),
        ("a 1 1.5", "milliseconds"),
        ("a 1 1 1", "follows the sample"),
        ("a {count:1,sum:2}", "native histogram"),
        ("a{b=\"c\"} {count:1,sum:2}", "native histogram"),
        ("# TYPE a thing", "not a metric type"),
        ("# TYPE", "metric name is expected"),
    ] {
        let text = format!("ok 1 1\n{line}\nok 2 2\n");
        let decoded = decode(&PrometheusText, &timed(), text.as_bytes());
        assert_eq!((decoded.points.len(), decoded.refused.len(), decoded.refused[0].0), (2, 1, 2), "{line}");
        assert!(decoded.refused[0].1.contains(part), "{line}: {decoded:?}");
    }
    let decoded = decode(&PrometheusText, &IngestOptions::default(), b"a 1\n");
    assert!(decoded.refused[0].1.contains("no time"));
}

#[test]
fn openmetrics_ends_with_its_mark_and_nothing_follows() {
    let decoded = decode(&OpenMetrics, &timed(), b"a 1 1\n");
    assert_eq!((decoded.points.len(), decoded.error.unwrap().line), (1, Some(2)));
    let decoded = decode(&OpenMetrics, &timed(), b"a 1 1\n# EOF\n\na 2 2\n");
    assert_eq!((decoded.points.len(), decoded.error.unwrap().line), (1, Some(4)));
    let mut options = timed();
    options.types = vec![("big".to_owned(), timestrata::ValueType::U64)];
    let decoded = decode(&OpenMetrics, &options, b"big 18446744073709551615 1\nbig 1.5 2\n# EOF\n");
    assert_eq!((decoded.points[0].2, decoded.refused.len()), (Value::U64(u64::MAX), 1));
}

const FRAGMENTS: &[&str] = &[
    "a",
    "{",
    "}",
    "x=\"y\"",
    ",",
    "\"",
    "\\",
    " 1",
    " NaN",
    " 1.5",
    "\n",
    "# TYPE a counter\n",
    "# HELP a b\n",
    "# EOF\n",
    " # {} 1",
    "a{b=\"c\"} 1 2\n",
    "{\"q.r\"} 3\n",
    "# UNIT a s\n",
    "\r\n",
    "\t",
];

proptest! {
    #[test]
    fn any_bytes_give_the_same_rows_however_they_are_split(
        input in fragments(FRAGMENTS),
        sizes in proptest::collection::vec(1..9_usize, 1..20),
    ) {
        check_splits(&PrometheusText, &input, &sizes);
        check_splits(&OpenMetrics, &input, &sizes);
        PrometheusText.sniff(&input);
        OpenMetrics.sniff(&input);
    }
}

#[test]
fn times_of_prometheus_text_in_seconds_are_refused_with_the_unit_that_reads_them() {
    let text = b"x 1 1704067200\ny 2 1704067200000\nz 3 60000\n";
    let decoded = decode(&PrometheusText, &IngestOptions::default(), text);
    assert_eq!((decoded.points.len(), decoded.refused.len()), (2, 1));
    assert!(decoded.refused[0].1.contains("this century in seconds"), "{:?}", decoded.refused);
    let in_unit = |precision| {
        let options = IngestOptions { precision: Some(precision), ..IngestOptions::default() };
        decode(&PrometheusText, &options, b"x 1 1704067200\n").good()[0].1
    };
    assert_eq!(in_unit(Precision::Seconds), 1_704_067_200_000_000_000);
    assert_eq!(in_unit(Precision::Milliseconds), 1_704_067_200_000_000);
}
