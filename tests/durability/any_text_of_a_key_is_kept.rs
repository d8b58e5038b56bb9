//! Metric names, tag keys and tag values of any text are kept by the log, by level 0 and by the base, and each key is
//! found by its text form.

use proptest::prelude::*;
use timestrata::{Db, Selector, SeriesKey};

use crate::common::{Home, all, batch};

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c]{1,2}", any::<String>(), "[\u{0}-\u{20}\u{7f}-\u{a0}\"{}=,\\\\]{1,4}"]
}

fn key() -> impl Strategy<Value = SeriesKey> {
    let tags = prop::collection::btree_map(text(), text(), 0..4);
    (text(), tags)
        .prop_map(|(metric, tags)| tags.into_iter().collect::<SeriesKey>().with_metric(metric))
        .prop_filter("the key is valid", |key| key.validate().is_ok())
}

fn check(db: &Db, keys: &[&SeriesKey]) {
    let snapshot = db.snapshot();
    let listed: Vec<SeriesKey> = snapshot.list_series(&Selector::all()).into_iter().map(|info| info.key).collect();
    assert!(listed.iter().eq(keys.iter().copied()), "{listed:?}");
    for key in keys {
        let text = key.to_string();
        assert_eq!(all::<f64>(&snapshot, &text.parse().unwrap()), [(1, 0.5)], "{text}");
        let selected = snapshot.list_series(&text.parse().unwrap());
        assert!(selected.iter().any(|info| info.key == **key), "{text}");
        for (tag, value) in key.tags() {
            assert!(snapshot.tag_values(&Selector::all(), tag).iter().any(|listed| listed == value), "{text}");
            let exact = snapshot.list_series(&Selector::metric(key.metric()).tag(tag, value));
            assert!(exact.iter().any(|info| info.key == **key), "{text}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_text_of_a_key_is_kept(keys in prop::collection::btree_set(key(), 1..8)) {
        let home = Home::in_memory();
        let keys: Vec<&SeriesKey> = keys.iter().collect();
        let db = home.open();
        for key in &keys {
            db.write_blocking(batch(key, [(1, 0.5)])).unwrap();
        }
        check(&db, &keys);
        drop(db);
        let db = home.open();
        check(&db, &keys);
        db.flush_blocking().unwrap();
        db.compact_blocking().unwrap();
        db.close_blocking().unwrap();
        check(&home.open(), &keys);
        assert!(timestrata::verify(home.path()).unwrap().findings.is_empty());
    }
}
