//! What becomes of several points at one timestamp is chosen when a database or a series is made; whoever asks for another
//! later is told, and nothing changes.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod common;

use common::{Home, batch, contents, key};
use timestrata::{Duplicates, Error, Select, Snapshot};

const ALL: [Duplicates; 3] = [Duplicates::KeepAll, Duplicates::KeepLast, Duplicates::KeepFirst];

/// Every series' metric and what it does with duplicates, by key.
fn kept(snapshot: &Snapshot) -> Vec<(String, Duplicates)> {
    snapshot.series(&Select::all()).iter().map(|info| (info.key.metric().to_owned(), info.duplicates)).collect()
}

#[test]
fn a_database_keeps_what_it_was_made_with_and_refuses_another() {
    for made in ALL {
        let home = Home::new();
        let db = home.builder().duplicates(made).open_blocking().unwrap();
        db.series_blocking(key("m", 0)).unwrap();
        assert_eq!(db.duplicates(), made);
        db.close_blocking().unwrap();
        let before = contents(&home.path());
        for asked in ALL.into_iter().filter(|asked| *asked != made) {
            match home.builder().duplicates(asked).open_blocking() {
                Err(Error::InvalidOption { option: "duplicates", what }) => {
                    assert!(what.contains(&format!("was made to {made} of several points")), "{what}");
                }
                other => panic!("{made} and {asked}: {other:?}"),
            }
            assert_eq!(contents(&home.path()), before, "a refused opening changes nothing");
        }
        for builder in [home.builder(), home.builder().duplicates(made)] {
            let db = builder.open_blocking().unwrap();
            db.write_blocking(batch(&key("n", 0), [(0, 1.0)])).unwrap();
            assert!(kept(&db.snapshot()).iter().all(|(_, of)| *of == made), "{:?}", kept(&db.snapshot()));
            db.close_blocking().unwrap();
        }
    }
}

#[test]
fn not_asked_for_it_keeps_all() {
    let home = Home::new();
    assert_eq!(home.open().duplicates(), Duplicates::KeepAll);
}

#[test]
fn a_series_may_differ_from_its_database_for_good() {
    let home = Home::new();
    let db = home.builder().duplicates(Duplicates::KeepFirst).open_blocking().unwrap();
    let last = key("last", 0);
    db.series_with_blocking::<i64>(last.clone(), Duplicates::KeepLast).unwrap();
    let many = db.series_many_with_blocking::<f64>([key("many", 0), key("many", 1)], Duplicates::KeepAll).unwrap();
    assert_eq!(many.len(), 2);
    // By key, or without a word of duplicates, it is the one that is there.
    db.series_as_blocking::<i64>(last.clone()).unwrap();
    db.write_blocking(batch(&last, [(0, 1_i64), (0, 2)])).unwrap();
    db.write_blocking(batch(&key("plain", 0), [(0, 1.0)])).unwrap();
    let expected = vec![
        ("last".to_owned(), Duplicates::KeepLast),
        ("many".to_owned(), Duplicates::KeepAll),
        ("many".to_owned(), Duplicates::KeepAll),
        ("plain".to_owned(), Duplicates::KeepFirst),
    ];
    assert_eq!(kept(&db.snapshot()), expected);
    drop(db);

    // Once from the log, once from the series log.
    for _ in 0..2 {
        let db = home.open();
        assert_eq!(kept(&db.snapshot()), expected);
        let refused = db.series_with_blocking::<i64>(last.clone(), Duplicates::KeepFirst).unwrap_err();
        assert!(matches!(
            &refused,
            Error::DuplicatesMismatch { expected: Duplicates::KeepLast, found: Duplicates::KeepFirst, .. }
        ));
        assert_eq!(
            refused.to_string(),
            "series last{n=\"0\"} was made to keep the last of several points at one timestamp, not to keep the first: \
             that is for good"
        );
        let some = [key("new", 0), last.clone()];
        assert!(db.series_many_with_blocking::<i64>(some, Duplicates::KeepFirst).is_err());
        assert_eq!(kept(&db.snapshot()), expected, "all or none");
        db.close_blocking().unwrap();
    }
}
