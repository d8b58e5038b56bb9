//! Ten seconds of the counters of a real machine: rates and increases, compared with a calculation by hand from the
//! cells of the file.

use std::time::Duration;

use timestrata::{Aggregate, Batch, Db, Selector, SeriesKey, Timestamp, Value};

use crate::common::Home;

const CPU: &str = "node_cpu_seconds_total";
/// The columns of cpu 0 and 1 in modes `system` and `user`, by their index in the file.
const COLUMNS: [(usize, &str, &str); 4] =
    [(46, "0", "system"), (47, "0", "user"), (54, "1", "system"), (55, "1", "user")];

/// Writes the rows, with a flush in the middle and another one later: increases between files count too.
fn written(home: &Home) -> Db {
    let db = home.open();
    let text = include_str!("../../crates/cli/tests/data/node_exporter_10_rows.csv");
    // The header contains commas inside names; the rows do not.
    for (number, line) in text.lines().skip(1).enumerate() {
        let cells: Vec<&str> = line.split(',').collect();
        let at = Timestamp::from_millis(cells[0].parse().unwrap());
        let mut batch = Batch::new();
        for (column, cpu, mode) in COLUMNS {
            let key = SeriesKey::new(CPU).tag("cpu", cpu).tag("mode", mode);
            batch.push_key(&key, at, cells[column].parse::<f64>().unwrap());
        }
        db.write_blocking(batch).unwrap();
        if number == 4 {
            db.flush_blocking().unwrap();
        }
    }
    db.flush_blocking().unwrap();
    db
}

fn near(found: Option<Value>, expected: f64) {
    let Some(Value::F64(found)) = found else { panic!("{found:?} where {expected} is meant") };
    assert!((found - expected).abs() < 1e-9, "{found} where {expected} is meant");
}

#[test]
fn over_all_of_it() {
    let home = Home::new();
    let db = written(&home);
    let answer = db
        .snapshot()
        .query(Selector::metric(CPU).tag("mode", "user"))
        .aggregates([Aggregate::Increase, Aggregate::Rate])
        .run_blocking()
        .unwrap();
    // The counters rise from 896.87 to 905.84 and from 1077.84 to 1079.21. Both samples lie .055 s after a full second,
    // nine seconds apart.
    for (row, increase) in answer.series.iter().zip([8.97, 1.37]) {
        near(row.values[0].get(0), increase);
        near(row.values[1].get(0), increase / 9.0);
    }
}

#[test]
fn by_cpu_and_by_mode() {
    let home = Home::new();
    let db = written(&home);
    let increase = |tag: &str| {
        let query = db.snapshot().query(Selector::metric(CPU)).aggregate(Aggregate::Increase).group_by([tag]);
        query.run_blocking().unwrap().series.into_iter().map(|row| row.values[0].get(0)).collect::<Vec<_>>()
    };
    // system: 131.24 to 131.27 and 150.72 to 151.14; user as above.
    for (found, expected) in increase("cpu").into_iter().zip([8.97 + 0.03, 1.37 + 0.42]) {
        near(found, expected);
    }
    for (found, expected) in increase("mode").into_iter().zip([0.03 + 0.42, 8.97 + 1.37]) {
        near(found, expected);
    }
}

/// Windows of three seconds: each increase counts in the window of its later point, so that the windows add up to the
/// total.
#[test]
fn by_windows() {
    let home = Home::new();
    let db = written(&home);
    let answer = db
        .snapshot()
        .query(Selector::metric(CPU).tag("mode", "user").tag("cpu", "0"))
        .every(Duration::from_secs(3))
        .aggregate(Aggregate::Increase)
        .run_blocking()
        .unwrap();
    // 1,795,363,595 is the last of its three seconds: one row has no increase, so it has no window.
    let row = &answer.series[0];
    assert_eq!(row.starts[0], Timestamp::from_secs(1_795_363_596));
    let expected = [899.86 - 896.87, 902.85 - 899.86, 905.84 - 902.85];
    let found: Vec<_> = row.column(0).map(|window| window.value).collect();
    assert_eq!(found.len(), 3);
    for (found, expected) in found.into_iter().zip(expected) {
        near(found, expected);
    }
}
