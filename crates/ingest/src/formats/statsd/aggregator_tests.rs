use proptest::prelude::*;

use super::*;
use crate::bodies::STALE_MARKER_BITS;

/// Points of a flush, as the text of the series and the value.
fn flushed(aggregator: &mut StatsdAggregator, second: i64) -> (Vec<(String, f64)>, Rows) {
    let mut rows = Rows::default();
    aggregator.flush(Timestamp::from_secs(second), &mut rows);
    let points = rows.point_series().iter().zip(rows.values());
    let points = points.map(|(series, value)| (rows.series(*series).key().to_string(), value.as_f64())).collect();
    (points, rows)
}

fn aggregated(options: StatsdOptions, packets: &[&str]) -> StatsdAggregator {
    let mut aggregator = StatsdAggregator::new(options);
    for packet in packets {
        aggregator.packet(packet.as_bytes());
    }
    aggregator
}

fn named(pairs: &[(&str, f64)]) -> Vec<(String, f64)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect()
}

#[test]
fn counters_sum_from_the_first_line_and_gauges_keep_the_last_value() {
    let packets = ["hits:1|c\nhits:3|c|@0.5\n\n", "hits:2|c|#site:a,canary", "hits:2:4|c|#canary,site:a\r\n"];
    let mut aggregator = aggregated(StatsdOptions::default(), &packets);
    aggregator.packet(b"temp:20|g\ntemp:+2.5|g\ntemp:-1|g\nnew:-3|g");
    let (points, rows) = flushed(&mut aggregator, 10);
    let tagged = "hits{canary=\"true\",site=\"a\"}";
    assert_eq!(points, named(&[("hits", 7.0), (tagged, 8.0), ("temp", 21.5), ("new", -3.0)]));
    assert!(rows.timestamps().iter().all(|time| *time == Timestamp::from_secs(10)));
    let kinds: Vec<_> = rows.metadata().iter().map(|(metric, metadata)| (metric.as_str(), metadata.kind)).collect();
    assert_eq!(kinds[0], ("hits", MetricKind::Counter));
    assert_eq!(kinds[2], ("temp", MetricKind::Gauge));
    aggregator.packet(b"hits:1|c");
    let (points, rows) = flushed(&mut aggregator, 20);
    assert_eq!((points[0].1, points[2].1, points.len()), (8.0, 21.5, 4), "unchanged series are written, too");
    assert!(rows.metadata().is_empty());
    aggregator.describe_again();
    assert_eq!(flushed(&mut aggregator, 30).1.metadata().len(), 4);
}

#[test]
fn timers_have_count_and_sum_and_the_quantiles_of_the_interval() {
    let mut aggregator = StatsdAggregator::new(StatsdOptions::default());
    for value in 1..=100 {
        aggregator.packet(format!("lat:{value}|ms|#r:x").as_bytes());
    }
    let (points, rows) = flushed(&mut aggregator, 10);
    let value = |points: &[(String, f64)], key: &str| points.iter().find(|(own, _)| own == key).unwrap().1;
    for (key, expected) in [
        ("lat_count{r=\"x\"}", 100.0),
        ("lat_sum{r=\"x\"}", 5_050.0),
        ("lat_min{r=\"x\"}", 1.0),
        ("lat_max{r=\"x\"}", 100.0),
    ] {
        assert_eq!(value(&points, key).to_bits(), f64::to_bits(expected), "{key}");
    }
    for (level, expected) in [("0.5", 50.0), ("0.9", 90.0), ("0.99", 99.0)] {
        let found = value(&points, &format!("lat{{quantile=\"{level}\",r=\"x\"}}"));
        assert!((found - expected).abs() <= 0.011 * expected, "{level}: {found}");
    }
    assert_eq!((rows.row_ends().len(), rows.metadata()[0].1.kind), (1, MetricKind::Summary));
    // An interval without values ends its series once; the sums go on. A sampled value counts several times.
    let (points, _) = flushed(&mut aggregator, 20);
    assert_eq!(value(&points, "lat_min{r=\"x\"}").to_bits(), STALE_MARKER_BITS);
    assert_eq!((points.len(), flushed(&mut aggregator, 30).0.len()), (7, 2));
    aggregator.packet(b"lat:5:7|d|@0.25|#r:x");
    let (points, _) = flushed(&mut aggregator, 40);
    assert_eq!(points[0], ("lat_count{r=\"x\"}".to_owned(), 108.0));
    assert_eq!((points[1].1, points[2].1, points[3].1), (5_098.0, 5.0, 7.0));
}

#[test]
fn sets_count_different_members_of_an_interval() {
    let mut aggregator = aggregated(StatsdOptions::default(), &["u:ann|s\nu:bob|s\nu:ann:eve|s"]);
    assert_eq!(flushed(&mut aggregator, 10).0, named(&[("u", 3.0)]));
    assert_eq!(flushed(&mut aggregator, 20).0, named(&[("u", 0.0)]));
}

#[test]
fn gauges_with_times_are_points_of_their_own() {
    let mut aggregator = aggregated(StatsdOptions::default(), &["t:1:2|g|T5\nc:1|c|T5\nt:+1|g|T5"]);
    let (points, rows) = flushed(&mut aggregator, 10);
    assert_eq!(points, named(&[("t", 1.0), ("t", 2.0)]));
    assert_eq!((rows.timestamps()[0], rows.refused().len()), (Timestamp::from_secs(5), 2));
    assert!(flushed(&mut aggregator, 20).0.is_empty());
}

#[test]
fn bad_lines_are_refused_alone_and_counted_by_name() {
    let lines =
        "ok:1|c\na\na:1|x\na:x|c\n:1|c\na:1|c|#t:1,t:2\n_e{1,1}:a|b\nok:1|g\na:1|c|@2\nok:1|c\nbig:1e308|c|@0.1\n";
    let mut aggregator = aggregated(StatsdOptions::default(), &[lines]);
    aggregator.packet(b"\xff:1|c");
    let (points, rows) = flushed(&mut aggregator, 10);
    assert_eq!(points[0], ("ok".to_owned(), 2.0));
    let counts = rows.refusal_counts();
    assert_eq!(counts.of(RefusalCode::BadRow), 6, "{counts:?}");
    for code in
        [RefusalCode::NoMetricName, RefusalCode::DuplicateLabel, RefusalCode::TextValue, RefusalCode::InvalidUtf8]
    {
        assert_eq!(counts.of(code), 1, "{code}");
    }
    assert_eq!((counts.total(), rows.refused().len(), rows.refused()[0].line), (10, REPORTED, 2));
    assert!(rows.refused().iter().any(|row| row.reason == "ok is a counter in earlier lines, not a gauge"));
    assert_eq!(flushed(&mut aggregator, 20).1.refusal_counts().total(), 0);
    let mut skipping = aggregated(StatsdOptions { text: TextValues::Skip, ..StatsdOptions::default() }, &["_sc|a|0"]);
    assert_eq!((skipping.left_out_texts(), flushed(&mut skipping, 1).1.refusal_counts().total()), (1, 0));
}

#[test]
fn everything_that_grows_has_a_bound() {
    let options = StatsdOptions { max_series: 3, max_items: 4, max_timed_points: 2, ..StatsdOptions::default() };
    let mut aggregator = StatsdAggregator::new(options);
    for number in 0..50 {
        aggregator.packet(format!("c{number}:1|c\nu:{number}|s\nt:{number}|ms\ng:1|g|T{number}").as_bytes());
    }
    assert_eq!(aggregator.series_len(), 3);
    let (points, rows) = flushed(&mut aggregator, 10);
    let refused = rows.refusal_counts().of(RefusalCode::SeriesLimit);
    // One counter, four items of the set and the timer, two points with times.
    assert_eq!((points.len(), refused), (2 + 1 + 1 + 7, 49 + 96 + 48));
    aggregator.packet(b"u:1|s\nt:1|ms");
    assert_eq!(flushed(&mut aggregator, 20).1.refusal_counts().total(), 0, "a flush begins an interval");
}

#[test]
fn series_without_lines_end_and_make_room() {
    let options = StatsdOptions { max_series: 1, idle_flushes: 2, ..StatsdOptions::default() };
    let mut aggregator = aggregated(options, &["a:5|c"]);
    assert_eq!((flushed(&mut aggregator, 1).0[0].1, flushed(&mut aggregator, 2).0[0].1), (5.0, 5.0));
    let (points, _) = flushed(&mut aggregator, 3);
    assert_eq!((points[0].1.to_bits(), aggregator.series_len()), (STALE_MARKER_BITS, 0));
    assert!(flushed(&mut aggregator, 4).0.is_empty());
    aggregator.packet(b"b:1|c\na:1|c");
    assert_eq!(flushed(&mut aggregator, 5).0, named(&[("b", 1.0)]), "the slot of a is that of b");
}

proptest! {
    #[test]
    fn any_packets_are_summed_or_refused(
        packets in proptest::collection::vec(crate::formats::test_support::fragments(&[
            "a", ":1", ":-5", "|c", "|g", "|ms", "|s", "|@0.5", "|#t:v,w", "\n", "|T5", "a:1|c\n", "b:2|h\n", "_e{", ":1e308",
        ]), 1..20),
    ) {
        let options = StatsdOptions { max_series: 5, max_items: 9, idle_flushes: 2, ..StatsdOptions::default() };
        let mut aggregator = StatsdAggregator::new(options);
        for (second, packet) in (0..).zip(&packets) {
            aggregator.packet(packet);
            let (points, rows) = flushed(&mut aggregator, second);
            prop_assert!(aggregator.series_len() <= 5 && points.len() <= 5 * 7 + 100);
            prop_assert_eq!(rows.row_ends().last().map_or(0, |end| end.points), rows.values().len());
        }
    }
}
