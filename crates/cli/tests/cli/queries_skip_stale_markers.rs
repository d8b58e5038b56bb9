//! Stale markers, which say that a series ended: `query` skips and counts them, `export` keeps their bits.

use timestrata::{Batch, Db, STALE_MARKER_BITS, SeriesKey, Timestamp};

use crate::common::Place;

const NOTE: &str = "note: 2 stale markers were skipped: Prometheus writes one where a series ends\n";

fn place() -> Place {
    let place = Place::new();
    let db = Db::open_blocking(place.path("d")).unwrap();
    let mut batch = Batch::new();
    let marker = f64::from_bits(STALE_MARKER_BITS);
    for (host, values) in [("a", [1.0, 2.0, marker]), ("b", [4.0, marker, 6.0])] {
        for (secs, value) in (0..).zip(values) {
            batch.push_key(&SeriesKey::new("up").tag("host", host), Timestamp::from_secs(secs), value);
        }
    }
    db.write_blocking(batch).unwrap();
    db.close_blocking().unwrap();
    place
}

#[test]
fn a_mean_counts_no_marker_and_points_show_none() {
    let place = place();
    let ended = place.run("query up --db d --agg mean,count --format csv");
    assert_eq!(ended.err, NOTE);
    let rows: Vec<String> =
        ended.ok().lines().skip(1).map(|line| line.split(',').skip(2).collect::<Vec<_>>().join(",")).collect();
    assert_eq!(rows, ["1.5,2", "5,2"]);
    let ended = place.run("query up --db d --format csv");
    assert_eq!((ended.err.as_str(), ended.out.lines().count()), (NOTE, 1 + 4));
    let ended = place.run("query up --db d --plot");
    assert!(ended.err.ends_with(NOTE), "{}", ended.err);
    assert_eq!(place.run("query up{host=\"a\"} --db d --to 1970-01-01T00:00:02Z --agg mean").err, "");
}

#[test]
fn an_export_has_the_markers() {
    let place = place();
    let lines = place.run("export up --db d --format jsonl").ok();
    assert_eq!(lines.lines().count(), 6, "{lines}");
}
