//! The newest points of a series and of a selection, overall and before each time, in files and memtables, with
//! deletes.

use timestrata::{Db, DuplicatePolicy, Selector, Snapshot};

use crate::common::{Home, all, at, batch, key};

fn checked(snapshot: &Snapshot, duplicates: DuplicatePolicy) {
    for time in (-5..1_300).step_by(7).chain([i64::MIN, i64::MAX]) {
        let found = snapshot.latest_each_before_blocking(&Selector::metric("m"), at(time)).unwrap();
        let mut expected = Vec::new();
        for n in 0..3 {
            let points: Vec<(i64, f64)> =
                all(snapshot, &key("m", n)).into_iter().filter(|(at, _)| *at < time).collect();
            let newest = match duplicates {
                DuplicatePolicy::KeepFirst => points.iter().rev().max_by_key(|(at, _)| *at),
                _ => points.iter().max_by_key(|(at, _)| *at),
            };
            let typed = snapshot.series::<f64>(&key("m", n)).unwrap();
            let alone = snapshot.latest_before_blocking(typed, at(time)).unwrap();
            assert_eq!(
                alone.map(|point| (point.timestamp.as_nanos(), point.value)),
                newest.copied(),
                "{n} before {time}"
            );
            expected.extend(newest.map(|(at, value)| (key("m", n), *at, *value)));
        }
        let found: Vec<_> = found
            .into_iter()
            .map(|(info, point)| (info.key.clone(), point.timestamp.as_nanos(), point.value.as_f64()))
            .collect();
        assert_eq!(found, expected, "before {time}");
    }
}

fn filled(home: &Home, duplicates: DuplicatePolicy) -> Db {
    let db = home.builder().duplicates(duplicates).open_blocking().unwrap();
    let write = |n: usize, times: &mut dyn Iterator<Item = i64>, tag: f64| {
        db.write_blocking(batch(&key("m", n), times.map(|at| (at, tag)))).unwrap();
    };
    write(0, &mut (0..900).map(|n| n / 3 * 3), 1.0);
    write(1, &mut (100..500), 2.0);
    db.flush_blocking().unwrap();
    write(0, &mut (600..1_200).step_by(5), 3.0);
    write(2, &mut (50..60), 4.0);
    db.flush_blocking().unwrap();
    write(0, &mut (1_100..1_250).step_by(9), 5.0);
    write(1, &mut (200..300).step_by(7), 6.0);
    db
}

#[test]
fn the_newest_point_before_a_time_is_found_in_any_source() {
    for duplicates in [DuplicatePolicy::KeepAll, DuplicatePolicy::KeepLast, DuplicatePolicy::KeepFirst] {
        let home = Home::new();
        let db = filled(&home, duplicates);
        checked(&db.snapshot(), duplicates);
        db.delete_blocking(Selector::metric("m"), at(400)..at(1_150)).unwrap();
        checked(&db.snapshot(), duplicates);
        db.compact_blocking().unwrap();
        checked(&db.snapshot(), duplicates);
    }
}

#[tokio::test]
async fn the_newest_of_a_selection_come_in_key_order() {
    let home = Home::new();
    let snapshot = filled(&home, DuplicatePolicy::KeepAll).snapshot();
    let found = snapshot.latest_each(&Selector::metric("m").tag_not("n", "1")).await.unwrap();
    let times: Vec<i64> = found.iter().map(|(_, point)| point.timestamp.as_nanos()).collect();
    assert_eq!((times, found[1].0.key.clone()), (vec![1_244, 59], key("m", 2)));
    assert!(snapshot.latest_each(&Selector::metric("none")).await.unwrap().is_empty());
    assert!(snapshot.latest_each(&Selector::all().tag_matches("n", "(")).await.is_err());
    assert_eq!(snapshot.latest_each_before(&Selector::all(), at(55)).await.unwrap().len(), 2);
}
