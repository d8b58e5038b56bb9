//! A year of real weather: means, extremes and counts by station and calendar month in New York's time zone, compared
//! with values computed from the rows of the file.

use std::collections::BTreeMap;

use timestrata::{Aggregate, Batch, Period, Selector, SeriesKey, Timestamp, Zone};

use crate::common::Home;

struct Row {
    station: &'static str,
    month: u32,
    at: Timestamp,
    temp: f64,
}

/// Returns the rows of the file that have a temperature. The file's columns of local time are EST all year, so this
/// function counts months at five hours behind UTC.
fn rows() -> Vec<Row> {
    let text = include_str!("../../crates/cli/data/nyc_weather_hourly.csv");
    let row = |line: &'static str| {
        let fields: Vec<&str> = line.split(',').collect();
        let at: Timestamp = fields[14].parse().unwrap();
        Some(Row { station: fields[0], month: month(at), at, temp: fields[5].parse().ok()? })
    };
    text.lines().skip(1).filter_map(row).collect()
}

/// Computes the month from a table of the days of a year: an independent calendar.
fn month(at: Timestamp) -> u32 {
    let year_begins: Timestamp = "2013-01-01T05:00:00Z".parse().unwrap();
    let mut days = (at.as_nanos() - year_begins.as_nanos()).div_euclid(86_400_000_000_000);
    let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    for (month, length) in (1..).zip(lengths) {
        if days < length {
            return month;
        }
        days -= length;
    }
    13
}

#[test]
fn weather_by_month_matches_the_rows_of_the_file() {
    let rows = rows();
    assert!(rows.len() > 20_000);
    let home = Home::new();
    let db = home.open();
    for rows in rows.chunks(5_000) {
        let mut batch = Batch::new();
        for row in rows {
            batch.push_key(&SeriesKey::new("temp").tag("station", row.station), row.at, row.temp);
        }
        db.write_blocking(batch).unwrap();
    }
    let mut expected: BTreeMap<(&str, u32), Vec<f64>> = BTreeMap::new();
    for row in &rows {
        expected.entry((row.station, row.month)).or_default().push(row.temp);
    }
    let query = || {
        let query = db
            .snapshot()
            .query(Selector::metric("temp"))
            .every(Period::months(1))
            .zone(Zone::offset(-5 * 3_600).unwrap());
        query.aggregates([Aggregate::Count, Aggregate::Mean, Aggregate::Min, Aggregate::Max, Aggregate::StdDev])
    };
    for flushed in [false, true] {
        if flushed {
            db.flush_blocking().unwrap();
        }
        let answer = query().run_blocking().unwrap();
        let mut met = 0;
        for series in &answer.series {
            let station = series.key.tag_value("station").unwrap();
            for (nth, start) in series.starts.iter().enumerate() {
                let temps = &expected[&(station, month(*start))];
                let count = f64::from(u32::try_from(temps.len()).unwrap());
                let mean = temps.iter().sum::<f64>() / count;
                let square: f64 = temps.iter().map(|temp| (temp - mean).powi(2)).sum();
                let (min, max) = temps.iter().fold((f64::MAX, f64::MIN), |(a, b), temp| (a.min(*temp), b.max(*temp)));
                let own: Vec<f64> = series.row(nth).map(|value| value.unwrap().as_f64()).collect();
                for (own, hand) in own.iter().zip([count, mean, min, max, (square / count).sqrt()]) {
                    assert!((own - hand).abs() < 1e-9, "{station} {start}: {own}, not {hand}");
                }
                met += 1;
            }
        }
        assert_eq!(met, expected.len());
    }
}

#[test]
fn days_of_the_zone_with_its_summer_time_hold_23_and_25_hours() {
    let home = Home::new();
    let db = home.open();
    let mut batch = Batch::new();
    let key = SeriesKey::new("hours");
    for hour in 0..24 * 400 {
        batch.push_key(&key, Timestamp::from_secs(1_356_998_400 + hour * 3_600), 1_u64);
    }
    db.write_blocking(batch).unwrap();
    let days = db.snapshot().query(Selector::metric("hours")).every(Period::days(1)).aggregate(Aggregate::Sum);
    let answer = days.zone(Zone::rules("EST5EDT,M3.2.0,M11.1.0").unwrap()).run_blocking().unwrap();
    let of = |day: &str| {
        let day = answer.series[0].windows().find(|window| window.start.to_string().starts_with(day)).unwrap();
        day.value.unwrap().as_f64()
    };
    assert_eq!((of("2013-03-10T05"), of("2013-03-11T04"), of("2013-11-03T04")), (23.0, 24.0, 25.0));
}
