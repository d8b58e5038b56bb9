//! Windows, ranges and selectors over the weather data, compared with sums that this file computes from the rows of the
//! CSV file.

use std::collections::BTreeMap;

use crate::common::{Place, cells, data};

fn weather() -> Place {
    let place = Place::new();
    let file = data("nyc_weather_hourly.csv");
    place
        .run(&format!("ingest {} --db w --time time_hour --tags origin=station --values temp,precip", file.display()))
        .ok();
    place
}

/// Returns the values of a column at one station, by day.
fn days(column: usize, station: &str) -> BTreeMap<String, Vec<f64>> {
    let mut days: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for row in cells("nyc_weather_hourly.csv").iter().skip(1).filter(|row| row[0] == station && !row[column].is_empty())
    {
        days.entry(format!("{}T00:00:00Z", &row[14][..10])).or_default().push(row[column].parse().unwrap());
    }
    days
}

#[test]
#[expect(clippy::cast_precision_loss, reason = "a day has 24 points")]
fn every_aggregate_by_day() {
    type Fold = fn(&[f64]) -> f64;
    let place = weather();
    let days = days(5, "JFK");
    let folds: [(&str, Fold); 7] = [
        ("mean", |day| day.iter().sum::<f64>() / day.len() as f64),
        ("sum", |day| day.iter().sum()),
        ("min", |day| day.iter().copied().fold(f64::INFINITY, f64::min)),
        ("max", |day| day.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
        ("count", |day| day.len() as f64),
        ("first", |day| day[0]),
        ("last", |day| day[day.len() - 1]),
    ];
    for (name, fold) in folds {
        let found = place.points(&format!("--db w 'temp{{station=\"JFK\"}}' --every 1d --agg {name}"));
        assert_eq!(found.len(), days.len(), "{name}");
        for (found, (day, values)) in found.iter().zip(&days) {
            let (value, expected): (f64, f64) = (found[2].parse().unwrap(), fold(values));
            assert!(found[1] == *day && (value - expected).abs() < 1e-9, "{name} {found:?} {expected}");
        }
    }
    let mean = place.points("--db w 'temp{station=\"JFK\"}' --every 1d");
    assert_eq!(mean, place.points("--db w 'temp{station=\"JFK\"}' --every 1d --agg mean"));
}

#[test]
fn a_range_holds_its_begin_and_not_its_end() {
    let place = weather();
    let found = place.points("--db w 'temp{station=\"EWR\"}' --from 2013-11-03T05:00:00Z --to '2013-11-03 07:00:00'");
    let found: Vec<[&str; 2]> = found.iter().map(|row| [row[1].as_str(), row[2].as_str()]).collect();
    assert_eq!(found, [["2013-11-03T05:00:00Z", "51.98"], ["2013-11-03T06:00:00Z", "50"]]);
    let whole = place.points("--db w precip --agg count --from 2013-07-01 --to 2013-07-02");
    assert_eq!(whole.iter().map(|row| row[2].as_str()).collect::<Vec<_>>(), ["24", "24", "24"]);
}

#[test]
fn selectors_choose_by_tag() {
    let place = weather();
    let series = |selector: &str| -> Vec<String> {
        let out = place.run(&format!("series --db w '{selector}' --format csv")).ok();
        let mut csv = csv::Reader::from_reader(out.as_bytes());
        csv.records().map(|row| row.unwrap()[0].to_owned()).collect()
    };
    assert_eq!(series(r#"{station="JFK"}"#), [r#"precip{station="JFK"}"#, r#"temp{station="JFK"}"#]);
    assert_eq!(series(r#"temp{station!="JFK"}"#), [r#"temp{station="EWR"}"#, r#"temp{station="LGA"}"#]);
    assert_eq!(series(r#"temp{station=~"E.*|L.*"}"#), [r#"temp{station="EWR"}"#, r#"temp{station="LGA"}"#]);
    assert_eq!(series(r#"temp{station!~".*[RA]"}"#), [r#"temp{station="JFK"}"#]);
}

#[test]
fn what_is_not_there_names_what_is() {
    let place = weather();
    for (line, code, expected) in [
        ("query --db w tmep", 1, "no metric tmep; did you mean temp?"),
        ("query --db w zzz", 1, "no metric zzz; there are precip, temp"),
        (r#"query --db w 'temp{station="JKF"}'"#, 1, r#"of metric temp there are temp{station="EWR"}"#),
        ("series --db w tmep", 1, "did you mean temp?"),
        (
            "query --db w temp --from 2014-01-01",
            1,
            "temp has no points in this range; it has from 2013-01-01T06:00:00Z to 2013-12-30T23:00:00Z",
        ),
        ("query --db w temp --from 2014-01-01 --every 1d", 1, "has no points in this range"),
        ("query --db w temp --from 2013-02-01 --to 2013-01-01", 2, "the range is empty"),
        ("query --db w 'temp{station'", 2, "temp{station"),
        ("query --db w 'temp{station=~\"(\"}'", 2, "("),
    ] {
        let error = place.run(line).fails(code);
        assert!(error.contains(expected), "{line}: {error}");
    }
}
