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
