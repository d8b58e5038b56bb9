//! A listing of a time range has the series with a visible point in it, in pages of a given size.

use timestrata::{Db, Error, Selector, SeriesKey};

use crate::common::{Home, at, batch};

fn key(series: i64) -> SeriesKey {
    SeriesKey::new(format!("m{}", series % 2)).tag("n", format!("{series:02}"))
}

/// Creates 20 series; series n has points at n * 100 to n * 100 + 99, the later ten in the memtable.
fn filled(home: &Home) -> Db {
    let db = home.open();
    for series in 0..20 {
        db.write_blocking(batch(&key(series), (0..100).map(|n| (series * 100 + n, n)))).unwrap();
        if series == 9 {
            db.flush_blocking().unwrap();
        }
    }
    db.delete_blocking(Selector::all().tag("n", "03"), ..at(350)).unwrap();
    db
}

/// Collects all pages of at most `limit` values of the tag `n`.
fn values(db: &Db, range: std::ops::Range<i64>, limit: usize) -> Vec<String> {
    let listing = db.snapshot().listing(Selector::all()).range(at(range.start)..at(range.end)).limit(limit);
    let (mut all, mut pages) = (Vec::<String>::new(), 0);
    loop {
        let page = listing.tag_values_blocking("n", all.last().map(String::as_str)).unwrap();
        assert!(page.items.len() <= limit && (page.items.len() == limit || !page.has_more));
        all.extend(page.items);
        pages += 1;
        if !page.has_more {
            assert_eq!(pages, all.len().div_ceil(limit).max(1));
            return all;
        }
    }
}

#[test]
fn a_time_range_bounds_a_listing() {
    let home = Home::new();
    let db = filled(&home);
    for limit in [1, 3, 100] {
        assert_eq!(values(&db, 150..451, limit), ["01", "02", "03", "04"], "pages of {limit}");
        assert_eq!(values(&db, 150..350, limit), ["01", "02"], "the points of series 3 are deleted there");
        assert_eq!(values(&db, 850..1_150, limit), ["08", "09", "10", "11"]);
        assert_eq!(values(&db, 5_000..6_000, limit), Vec::<String>::new());
    }
}

#[test]
fn an_approximate_range_lists_what_files_and_memtables_hold_around_it_and_reads_no_block() {
    let home = Home::new();
    let db = filled(&home);
    let values = |first: i64, end: i64| {
        let listing = db.snapshot().listing(Selector::all()).approximate_range(at(first)..at(end)).limit(100);
        let page = listing.tag_values_blocking("n", None).unwrap();
        assert!(!page.has_more);
        page.items
    };
    // Of the file, series with a block in the range; the points of series 3 are deleted there.
    assert_eq!(values(150, 351), ["01", "02", "03"]);
    assert_eq!(values(5_000, 6_000), Vec::<String>::new());
    // The memtable has points from 1,000 to 1,999, and its series are not told apart by time.
    assert_eq!(values(1_050, 1_060), (10..20).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!(values(850, 950), ["08", "09"]);
    db.flush_blocking().unwrap();
    assert_eq!(values(1_050, 1_260), ["10", "11", "12"]);
    // Every series with a visible point in the range is listed.
    for (first, end) in [(0, 2_000), (340, 360), (999, 1_001), (1_999, 2_000)] {
        let exact = db.snapshot().listing(Selector::all()).range(at(first)..at(end)).limit(100);
        let approximate = db.snapshot().listing(Selector::all()).approximate_range(at(first)..at(end)).limit(100);
        let found = approximate.series_blocking(None).unwrap().items;
        assert!(exact.series_blocking(None).unwrap().items.iter().all(|info| found.contains(info)));
    }
    // A damaged block does not matter, since no block is read.
    let file = std::fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().path());
    let file = file.filter(|path| path.extension().is_some_and(|end| end == "sst")).min().unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[60..80].fill(0xff);
    drop(db);
    std::fs::write(&file, bytes).unwrap();
    let db = home.open();
    let first = db.snapshot().listing(Selector::all()).approximate_range(at(10)..at(20));
    assert_eq!(first.tag_values_blocking("n", None).unwrap().items, ["00"]);
    let exact = db.snapshot().scan(db.series::<i64>(&key(0)).unwrap(), ..).collect_blocking();
    assert!(matches!(exact, Err(Error::Corrupt { .. })));
}

#[test]
fn what_any_of_several_selectors_matches_is_listed_once() {
    let home = Home::new();
    let db = filled(&home);
    let selectors = [Selector::all().tag("n", "05"), Selector::metric("m1").tag_in("n", ["05", "07"])];
    let union = selectors.into_iter().reduce(Selector::or).unwrap();
    let listing = db.snapshot().listing(union.clone());
    assert_eq!(listing.tag_values_blocking("n", None).unwrap().items, ["05", "07"]);
    let one = listing.clone().limit(1).tag_values_blocking("n", None).unwrap();
    assert_eq!((one.items.as_slice(), one.has_more), (&["05".to_owned()][..], true));
    assert_eq!(listing.range(at(600)..at(800)).series_blocking(None).unwrap().items[0].key, key(7));
    assert_eq!(db.snapshot().tag_values(&union, "n"), ["05", "07"]);
}

#[tokio::test]
async fn series_metrics_and_tags_are_paged() {
    let home = Home::new();
    let db = filled(&home);
    let listing = db.snapshot().listing(Selector::all()).limit(7);
    let (mut keys, mut after) = (Vec::new(), None);
    loop {
        let page = listing.series(after.as_ref()).await.unwrap();
        keys.extend(page.items.iter().map(|info| info.key.clone()));
        after = keys.last().cloned();
        if !page.has_more {
            break;
        }
    }
    let listed: Vec<_> = db.snapshot().list_series(&Selector::all()).into_iter().map(|info| info.key).collect();
    assert_eq!(keys, listed);
    assert_eq!(listing.metrics(None).await.unwrap().items, ["m0", "m1"]);
    assert_eq!(listing.clone().range(at(100)..at(200)).metrics(None).await.unwrap().items, ["m1"]);
    assert_eq!(listing.metrics_blocking(Some("m0")).unwrap().items, ["m1"]);
    assert_eq!(listing.tag_keys(None).await.unwrap().items, ["n"]);
    assert!(listing.tag_keys_blocking(Some("n")).unwrap().items.is_empty());
    let bad = db.snapshot().listing(Selector::all().tag_matches("a", "("));
    assert!(matches!(bad.metrics_blocking(None), Err(Error::InvalidQuery { .. })));
}
