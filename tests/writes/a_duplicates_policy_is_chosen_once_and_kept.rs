//! The duplicate policy is chosen when a database or a series is created. A later request for another policy returns an
//! error and changes nothing.

use timestrata::{DuplicatePolicy, Error, Selector, Snapshot};

use crate::common::{Home, batch, contents, key};

const ALL: [DuplicatePolicy; 3] = [DuplicatePolicy::KeepAll, DuplicatePolicy::KeepLast, DuplicatePolicy::KeepFirst];

/// Returns metric and duplicate policy of every series, by key.
fn kept(snapshot: &Snapshot) -> Vec<(String, DuplicatePolicy)> {
    snapshot.list_series(&Selector::all()).iter().map(|info| (info.key.metric().to_owned(), info.duplicates)).collect()
}

#[test]
fn a_database_keeps_what_it_was_made_with_and_refuses_another() {
    for made in ALL {
        let home = Home::new();
        let db = home.builder().duplicates(made).open_blocking().unwrap();
        db.create_series(key("m", 0)).blocking().unwrap();
        assert_eq!(db.duplicates(), made);
        db.close_blocking().unwrap();
        let before = contents(&home.path());
        for asked in ALL.into_iter().filter(|asked| *asked != made) {
            match home.builder().duplicates(asked).open_blocking() {
                Err(Error::InvalidOption { option: "duplicates", detail, .. }) => {
                    assert!(detail.contains(&format!("`{made}`")), "{detail}");
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
fn without_the_option_all_points_are_kept() {
    let home = Home::new();
    assert_eq!(home.open().duplicates(), DuplicatePolicy::KeepAll);
}

#[test]
fn a_series_may_differ_from_its_database_for_good() {
    let home = Home::new();
    let db = home.builder().duplicates(DuplicatePolicy::KeepFirst).open_blocking().unwrap();
    let last = key("last", 0);
    db.create_series(last.clone()).value_type::<i64>().duplicates(DuplicatePolicy::KeepLast).blocking().unwrap();
    let many = db
        .create_many_series([key("many", 0), key("many", 1)])
        .duplicates(DuplicatePolicy::KeepAll)
        .blocking()
        .unwrap();
    assert_eq!(many.len(), 2);
    // A request by key, or without a duplicate policy, returns the existing series.
    db.create_series(last.clone()).value_type::<i64>().blocking().unwrap();
    db.write_blocking(batch(&last, [(0, 1_i64), (0, 2)])).unwrap();
    db.write_blocking(batch(&key("plain", 0), [(0, 1.0)])).unwrap();
    let expected = vec![
        ("last".to_owned(), DuplicatePolicy::KeepLast),
        ("many".to_owned(), DuplicatePolicy::KeepAll),
        ("many".to_owned(), DuplicatePolicy::KeepAll),
        ("plain".to_owned(), DuplicatePolicy::KeepFirst),
    ];
    assert_eq!(kept(&db.snapshot()), expected);
    drop(db);

    // The first opening reads the policy from the WAL, the second one from the series log.
    for _ in 0..2 {
        let db = home.open();
        assert_eq!(kept(&db.snapshot()), expected);
        let refused = db
            .create_series(last.clone())
            .value_type::<i64>()
            .duplicates(DuplicatePolicy::KeepFirst)
            .blocking()
            .unwrap_err();
        assert!(matches!(
            &refused,
            Error::DuplicatesMismatch { expected: DuplicatePolicy::KeepLast, found: DuplicatePolicy::KeepFirst, .. }
        ));
        assert_eq!(
            refused.to_string(),
            "series last{n=\"0\"} has the duplicate policy `keep the last`, not `keep the first`; use the policy of the series, or another key"
        );
        let some = [key("new", 0), last.clone()];
        assert!(
            db.create_many_series(some).value_type::<i64>().duplicates(DuplicatePolicy::KeepFirst).blocking().is_err()
        );
        assert_eq!(kept(&db.snapshot()), expected, "all or none");
        db.close_blocking().unwrap();
    }
}
