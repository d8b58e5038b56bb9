//! Answers that once differed from those of Prometheus, or from one evaluation per step.

use std::collections::BTreeMap;
use std::time::Duration;

use timestrata::{Batch, Db, SeriesKey, Snapshot, Timestamp};
use timestrata_promql::{Engine, EngineOptions, QueryError, QueryResult, QueryValue};

use crate::runner::parser_options;

/// Series: a name, tags, and values at whole minutes.
type Series<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [f64]);

pub(crate) fn store(series: &[Series<'_>]) -> Snapshot {
    let db = Db::builder("answers").in_memory().open_blocking().unwrap();
    let mut batch = Batch::new();
    for (name, tags, values) in series {
        let key = tags.iter().fold(SeriesKey::new(*name), |key, (tag, value)| key.tag(*tag, *value));
        for (minute, value) in (0..).zip(*values) {
            batch.push_key(&key, Timestamp::from_secs(60 * minute), *value);
        }
    }
    db.write_blocking(batch).unwrap();
    db.snapshot()
}

fn engine() -> Engine {
    Engine::new(EngineOptions { parser: parser_options(), ..EngineOptions::default() })
}

fn instant(snapshot: &Snapshot, query: &str, minute: i64) -> Result<QueryResult, QueryError> {
    engine().instant(snapshot, query, Timestamp::from_secs(60 * minute))?.run_blocking()
}

fn range(snapshot: &Snapshot, query: &str, minutes: std::ops::Range<i64>) -> Result<QueryResult, QueryError> {
    let (start, end) = (Timestamp::from_secs(60 * minutes.start), Timestamp::from_secs(60 * (minutes.end - 1)));
    engine().range(snapshot, query, start, end, Duration::from_mins(1))?.run_blocking()
}

/// Returns the values of an instant vector by labels.
fn vector(snapshot: &Snapshot, query: &str, minute: i64) -> BTreeMap<String, f64> {
    match instant(snapshot, query, minute).map(|result| result.value) {
        Ok(QueryValue::Vector(samples)) => {
            samples.into_iter().map(|sample| (sample.labels.to_string(), sample.value)).collect()
        }
        Ok(QueryValue::Scalar { value, .. }) => BTreeMap::from([("{}".to_owned(), value)]),
        other => panic!("{query}: {other:?}"),
    }
}

/// Returns the order of the values of one label.
fn order(snapshot: &Snapshot, query: &str, label: &str) -> Vec<String> {
    match instant(snapshot, query, 0).map(|result| result.value) {
        Ok(QueryValue::Vector(samples)) => {
            samples.into_iter().map(|sample| sample.labels.get(label).to_owned()).collect()
        }
        other => panic!("{query}: {other:?}"),
    }
}

fn texts(result: &QueryResult) -> Vec<String> {
    result.annotations.iter().map(ToString::to_string).collect()
}

/// Returns squares, lines and a ratio at the minutes up to 200.
fn curves() -> Snapshot {
    let squares: Vec<f64> = (0..=200).map(|minute| f64::from(minute * minute)).collect();
    let line: Vec<f64> = (0..=200).map(f64::from).collect();
    let falling: Vec<f64> = line.iter().map(|value| -value).collect();
    let (half, one) = ([0.5; 201], [1.0; 201]);
    store(&[
        ("x", &[("a", "1")], &squares),
        ("y", &[("a", "1")], &line),
        ("y", &[("a", "2")], &falling),
        ("r", &[], &half),
        ("m1", &[("j", "1")], &one),
        ("m2", &[("j", "2")], &one),
    ])
}

#[test]
fn arguments_that_vary_with_time_have_their_value_at_each_step() {
    let snapshot = curves();
    for query in [
        "predict_linear(x[10m], scalar(minute())*60)",
        "predict_linear(x[10m], scalar(hour() + day_of_month() + minute()))",
        "quantile_over_time(scalar(timestamp(vector(1)))/10000, x[10m])",
        "quantile_over_time(scalar(minute()) / 60, y[10m])",
        "max_over_time(quantile_over_time(scalar(minute()) / 60, y[10m])[5m:1m])",
    ] {
        let Ok(QueryValue::Matrix(series)) = range(&snapshot, query, 10..20).map(|result| result.value) else {
            panic!("{query}");
        };
        let mut points = 0;
        for one in &series {
            for ((time, value), minute) in one.points.iter().zip(10..) {
                assert_eq!(*time, Timestamp::from_secs(60 * minute));
                let expected = vector(&snapshot, query, minute)[&one.labels.to_string()];
                assert_eq!(value.to_bits(), expected.to_bits(), "{query} at minute {minute}");
                points += 1;
            }
        }
        assert_eq!(points, 10 * series.len(), "{query}");
    }
}

#[test]
fn the_pass_that_finds_the_leaves_ends_no_query() {
    let snapshot = curves();
    assert!(vector(&snapshot, "limit_ratio(scalar(r), y)", 10).len() <= 2);
    let one_absent = "vector(1) + on() (absent(m1{j=\"1\"}) or absent(none{j=\"2\"}))";
    assert_eq!(vector(&snapshot, one_absent, 10), BTreeMap::from([("{}".to_owned(), 2.0)]));
    let none_absent = "vector(1) + on() (absent(m1{j=\"1\"}) or absent(m2{j=\"2\"}))";
    assert!(vector(&snapshot, none_absent, 10).is_empty());
    let both_absent = "vector(1) + on() (absent(m3{j=\"1\"}) or absent(m4{j=\"2\"}))";
    assert!(matches!(instant(&snapshot, both_absent, 10), Err(QueryError::Execution { .. })));
}

#[test]
fn the_pass_that_finds_the_leaves_counts_nothing() {
    let snapshot = curves();
    assert_eq!(instant(&snapshot, "vector(1)", 1).unwrap().statistics.samples, 1);
    let nested = instant(&snapshot, "count_over_time(vector(1)[10m:1m])", 20).unwrap();
    // Ten samples of the subquery, and one of the function.
    assert_eq!(nested.statistics.samples, 11);
}

#[test]
fn labels_are_sorted_in_a_total_order() {
    let shards: Vec<String> = (0_u64..200)
        .map(|number| {
            let hash = (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
            format!("{}{}", "0".repeat(usize::try_from(hash % 4).unwrap()), hash / 7 % 30)
        })
        .collect();
    let numbers: Vec<String> = (0..200).map(|number: i32| number.to_string()).collect();
    let tags: Vec<[(&str, &str); 2]> =
        shards.iter().zip(&numbers).map(|(shard, number)| [("shard", &shard[..]), ("a", &number[..])]).collect();
    let series: Vec<Series<'_>> = tags.iter().map(|tags| ("s", &tags[..], &[1.0][..])).collect();
    let found = order(&store(&series), "sort_by_label(s, \"shard\")", "shard");
    let values: Vec<u64> = found.iter().map(|shard| shard.parse().unwrap()).collect();
    assert_eq!(found.len(), 200);
    assert!(values.is_sorted(), "{found:?}");
    let some = store(&[
        ("z", &[("l", "b")], &[1.0]),
        ("z", &[], &[1.0]),
        ("z", &[("l", "a10")], &[1.0]),
        ("z", &[("l", "a9")], &[1.0]),
    ]);
    assert_eq!(order(&some, "sort_by_label(z, \"l\")", "l"), ["", "a9", "a10", "b"]);
    assert_eq!(order(&some, "sort_by_label_desc(z, \"l\")", "l"), ["b", "a10", "a9", ""]);
}

#[test]
fn operators_of_histograms_drop_floats_and_say_so() {
    let snapshot = curves();
    for (query, left) in [("y </ 5", "float"), ("y >/ 5", "float"), ("y </ y", "float"), ("5 >/ y", "float")] {
        let result = instant(&snapshot, query, 10).unwrap();
        assert_eq!(result.value, QueryValue::Vector(Vec::new()), "{query}");
        let operator = if query.contains("</") { "</" } else { ">/" };
        let text = format!(
            "PromQL info: incompatible sample types encountered for binary operator \"{operator}\": \
             {left} {operator} float (1:1)"
        );
        assert_eq!(texts(&result), [text], "{query}");
    }
    assert!(texts(&instant(&snapshot, "none </ 5", 10).unwrap()).is_empty());
    let scalars = instant(&snapshot, "1 </ 2", 10).unwrap_err();
    assert_eq!(scalars.to_string(), "operator \"</\" not allowed for Scalar operations");
}

#[test]
fn duplicates_of_a_match_group_are_named_in_their_order() {
    let snapshot = curves();
    let pair = "[{__name__=\"y\", a=\"1\"}, {__name__=\"y\", a=\"2\"}]";
    for query in ["m1 + on() y", "m1 + on() (y{a=\"2\"} or y{a=\"1\"})"] {
        let error = instant(&snapshot, query, 10).unwrap_err().to_string();
        assert!(error.contains(pair), "{error}");
    }
}

#[test]
fn a_bucket_of_nan_holds_the_quantile() {
    let buckets =
        store(&[("h", &[("le", "1")], &[2.0]), ("h", &[("le", "2")], &[f64::NAN]), ("h", &[("le", "+Inf")], &[10.0])]);
    // No bucket below the last one has a count of at least the rank of 9; NaN is none.
    let found = vector(&buckets, "histogram_quantile(0.9, h)", 0);
    assert_eq!(found.len(), 1);
    assert!(found["{}"].to_bits() == 2.0_f64.to_bits(), "{found:?}");
}

#[test]
fn absent_takes_the_labels_that_are_set_to_one_value() {
    let snapshot = curves();
    for (query, labels) in [
        ("absent(none{a=~\"x.*\",a=\"1\"})", "{a=\"1\"}"),
        ("absent(none{a=\"1\",a=~\"x.*\"})", "{}"),
        ("absent(none{a=\"1\",a=\"2\"})", "{}"),
        ("absent(none{a=\"1\",b!=\"2\"})", "{a=\"1\"}"),
    ] {
        assert_eq!(vector(&snapshot, query, 10), BTreeMap::from([(labels.to_owned(), 1.0)]), "{query}");
    }
}

#[test]
fn the_factors_of_smoothing_are_checked_before_the_samples() {
    let snapshot = curves();
    let error = instant(&snapshot, "double_exponential_smoothing(x[1m], 2, 0.5)", 10).unwrap_err();
    assert_eq!(error.to_string(), "invalid smoothing factor. Expected: 0 < sf < 1, got: 2.000000");
}

#[test]
fn rounded_integers_of_a_range_selector_are_reported() {
    let db = Db::builder("answers").in_memory().open_blocking().unwrap();
    let mut batch = Batch::new();
    batch.push_key(&SeriesKey::new("u"), Timestamp::from_secs(60), (1_u64 << 60) + 1);
    db.write_blocking(batch).unwrap();
    let info = "PromQL info: integers beyond 2^53 are rounded to floats for metric name \"u\" (1:1)";
    for query in ["u", "u[5m]"] {
        assert_eq!(texts(&instant(&db.snapshot(), query, 1).unwrap()), [info], "{query}");
    }
}

#[test]
fn an_explanation_reports_a_pattern_that_is_too_large() {
    let snapshot = curves();
    let query = "x{a=~\"(\\\\w{999}){9}[a-z]{999}(\\\\pL{500}){9}\"}";
    let made = engine().instant(&snapshot, query, Timestamp::from_secs(60)).unwrap();
    assert!(matches!(made.explain(), Err(QueryError::Storage(_))), "{:?}", made.explain());
}

#[test]
fn groups_of_a_replacement_have_the_names_of_go() {
    let snapshot = store(&[("x", &[("a", "vv")], &[1.0])]);
    for (replacement, expected) in [
        ("$1\u{e9}", ""),
        ("${1}\u{e9}", "v\u{e9}"),
        ("${a-b}$1", "${a-b}v"),
        ("$1-$$", "v-$"),
        ("$1x", ""),
        ("$01", ""),
        ("$name", "v"),
        ("${none", "${none"),
        ("$", "$"),
    ] {
        let query = format!("label_replace(x, \"b\", \"{replacement}\", \"a\", \"(v)(?P<name>v)\")");
        let found = order(&snapshot, &query, "b");
        assert_eq!(found, [expected], "{replacement}");
    }
}

#[test]
fn limits_that_are_infinite_replace_nan() {
    let snapshot = curves();
    for (query, expected) in [
        ("clamp_min(vector(NaN), Inf)", f64::INFINITY),
        ("clamp_max(vector(NaN), -Inf)", f64::NEG_INFINITY),
        ("clamp_min(vector(NaN), 1)", f64::NAN),
        ("clamp_max(vector(NaN), 1)", f64::NAN),
        ("clamp(vector(NaN), 0, 1)", f64::NAN),
    ] {
        let found = vector(&snapshot, query, 10)["{}"];
        let is_same = if expected.is_nan() { found.is_nan() } else { found.to_bits() == expected.to_bits() };
        assert!(is_same, "{query}: {found}");
    }
}

#[test]
fn no_sign_turns_a_stored_nan_into_a_missing_value() {
    let negative = f64::from_bits(0xfff0_0000_0000_0002);
    let snapshot = store(&[("n", &[], &[negative])]);
    for query in
        ["n", "-n", "abs(n)", "-(-n)", "sgn(n)", "sgn(-n)", "sum(-n)", "max(abs(n))", "-n + 1", "clamp(-n, 0, 1)"]
    {
        let found = vector(&snapshot, query, 0);
        assert!(found.len() == 1 && found.values().all(|value| value.is_nan()), "{query}: {found:?}");
    }
}

#[test]
fn patterns_have_the_syntax_of_re2() {
    let letters = store(&[
        ("x", &[("a", "/users/{id}")], &[1.0]),
        ("x", &[("a", "[")], &[1.0]),
        ("x", &[("a", "a.b")], &[1.0]),
        ("x", &[("a", "A")], &[1.0]),
        ("x", &[("a", "&")], &[1.0]),
        ("x", &[("a", "\u{e9}")], &[1.0]),
        ("x", &[("a", "\u{663}")], &[1.0]),
        ("x", &[("a", "<")], &[1.0]),
    ]);
    for (pattern, expected) in [
        ("/users/{id}", &["/users/{id}"][..]),
        ("[[]", &["["]),
        ("\\\\Qa.b\\\\E", &["a.b"]),
        ("\\\\101", &["A"]),
        ("\\\\w", &["A"]),
        ("\\\\d", &[]),
        ("\\\\W", &["&", "<", "[", "\u{e9}", "\u{663}"]),
        ("[a&&b]", &["&"]),
        ("\\\\<", &["<"]),
        ("(?i)\u{c9}", &["\u{e9}"]),
        ("[^[:word:]]", &["&", "<", "[", "\u{e9}", "\u{663}"]),
    ] {
        let query = format!("count by (a) (x{{a=~\"{pattern}\"}})");
        let mut found = order(&letters, &query, "a");
        found.sort();
        assert_eq!(found, expected, "{pattern}");
    }
    // Whole texts are matched: a pattern cannot leave its group.
    assert!(instant(&letters, "x{a=~\"a)|(A\"}", 0).is_err());
    assert!(instant(&letters, "x{a=~\"a**\"}", 0).is_err());
}
