//! Selectors with conditions on the metric name, evaluated by the index and by the keys alone.

use timestrata::{Batch, Db, Selector, SeriesKey, Timestamp};

/// More series than the newest ones, which the index keeps outside its postings.
const SERIES: usize = 2_500;
const METRICS: [&str; 5] = ["cpu_user", "cpu_system", "my_cpu_user", "load", "cpu"];

fn key(n: usize) -> SeriesKey {
    SeriesKey::new(METRICS[n % METRICS.len()]).tag("host", format!("h{n}")).tag("zone", ["eu", "us"][n / 7 % 2])
}

fn selectors() -> Vec<Selector> {
    let texts = [
        r#"{__name__=~"cpu_.*"}"#,
        r#"{__name__=~"cpu"}"#,
        r#"{__name__!~"cpu_.*"}"#,
        r#"{__name__="load"}"#,
        r#"{__name__!="load"}"#,
        r#"{__name__=("load","cpu","none")}"#,
        "{__name__=()}",
        r#"{__name__=""}"#,
        r#"{__name__=~".*",zone="eu"}"#,
        r#"{__name__=~"cpu_.*",__name__!~".*_user",host=~"h1.*"}"#,
        r#"cpu_user{__name__=~"cpu_.*"}"#,
        r#"not {__name__=~"cpu_.*"} and {zone="us"} or load{zone="eu"}"#,
    ];
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn the_index_finds_the_series_whose_keys_match() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open_blocking(dir.path().join("db")).unwrap();
    let mut batch = Batch::new();
    for n in 0..SERIES {
        batch.push_key(&key(n), Timestamp::from_secs(1), 1.0);
    }
    db.write_blocking(batch).unwrap();
    let check = |db: &Db, exists: &dyn Fn(&SeriesKey) -> bool| {
        for selector in selectors() {
            let mut expected: Vec<SeriesKey> =
                (0..SERIES).map(key).filter(|key| exists(key) && selector.matches(key)).collect();
            expected.sort();
            let snapshot = db.snapshot();
            let mut found: Vec<SeriesKey> = snapshot.list_series(&selector).into_iter().map(|info| info.key).collect();
            found.sort();
            assert_eq!(found, expected, "{selector}");
            assert_eq!(snapshot.count_series(&selector), expected.len(), "{selector}");
            assert_eq!(snapshot.latest_each_blocking(&selector).unwrap().len(), expected.len(), "{selector}");
        }
    };
    check(&db, &|_| true);
    db.delete_blocking(Selector::metric_matches("cpu_.*"), ..).unwrap();
    let exists = |key: &SeriesKey| !key.metric().starts_with("cpu_");
    check(&db, &exists);
    db.close_blocking().unwrap();
    check(&Db::open_blocking(dir.path().join("db")).unwrap(), &exists);
}
