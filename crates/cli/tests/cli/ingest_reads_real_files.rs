//! The command that the help suggests for each real file ingests that file, and queries return its values unchanged.

use crate::common::{Place, cells, data};

#[test]
fn weather_with_tags_and_gaps() {
    let place = Place::new();
    let file = data("nyc_weather_hourly.csv");
    let line = format!(
        "ingest {} --db w --time time_hour --tags origin=station --values-except year,month,day,hour",
        file.display()
    );
    let out = place.run(&line).ok();
    assert!(out.contains("rows      26,115, 0 refused"), "{out}");
    assert!(out.contains("points    211,061, 27 new series"), "{out}");
    assert!(out.contains("times     2013-01-01T06:00:00Z to 2013-12-30T23:00:00Z"), "{out}");

    let rows = cells("nyc_weather_hourly.csv");
    for (column, name) in [(5, "temp"), (10, "wind_gust"), (13, "visib")] {
        let expected: Vec<(&str, f64)> = rows[1..]
            .iter()
            .filter(|row| row[0] == "LGA" && !row[column].is_empty())
            .map(|row| (row[14].as_str(), row[column].parse().unwrap()))
            .collect();
        let found = place.points(&format!("--db w '{name}{{station=\"LGA\"}}'"));
        assert_eq!(found.len(), expected.len(), "{name}");
        for (found, (time, value)) in found.iter().zip(expected) {
            assert_eq!((found[1].as_str(), found[2].parse().unwrap()), (time, value));
        }
    }
}

#[test]
fn wide_prometheus_headers_are_series_with_tags() {
    let place = Place::new();
    let file = data("node_exporter_10_rows.csv");
    let missing = place.run(&format!("ingest {} --db n", file.display())).fails(2);
    assert!(missing.contains("--time ts_ms --time-format ms"), "{missing}");
    assert!(!place.path("n").exists());
    let out = place.run(&format!("ingest {} --db n --time ts_ms --time-format ms", file.display())).ok();
    assert!(out.contains("points    4,930, 493 new series"), "{out}");

    let mut csv = csv::Reader::from_path(&file).unwrap();
    let header = csv.headers().unwrap().clone();
    let wanted = r#"node_cpu_seconds_total{cpu="1",mode="idle"}"#;
    let column = header.iter().position(|name| name == wanted).unwrap();
    let expected: Vec<f64> = csv.records().map(|row| row.unwrap()[column].parse().unwrap()).collect();
    let found = place.points(&format!("--db n '{wanted}'"));
    assert_eq!(found.iter().map(|row| row[2].parse::<f64>().unwrap()).collect::<Vec<_>>(), expected);
    assert_eq!(found[0][1], "2026-11-22T16:06:35.055Z");
    let both = place.run(r#"series --db n 'node_cpu_seconds_total{mode=~"idle|user"}' --format csv"#).ok();
    assert_eq!(both.lines().count(), 1 + 4);
}

#[test]
fn dates_types_and_prefix() {
    let place = Place::new();
    let file = data("sp500_100_rows.csv");
    let ended = place.run(&format!("ingest {} --db s --types volume=u64 --prefix sp500_", file.display()));
    assert!(ended.err.contains("note: column date holds the time"), "{}", ended.err);
    ended.ok();
    let types = place.run("series --db s --format csv").ok();
    assert!(types.contains("sp500_volume,u64\n") && types.contains("sp500_close,f64\n"), "{types}");
    let found = place.points("--db s sp500_volume");
    let expected: Vec<[String; 3]> = cells("sp500_100_rows.csv")[1..]
        .iter()
        .map(|row| ["sp500_volume".to_owned(), format!("{}T00:00:00Z", row[0]), row[6].clone()])
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn times_without_zone_are_utc_and_a_note_reports_it() {
    let place = Place::new();
    let file = data("electricity_240_rows.csv");
    let ended = place.run(&format!("ingest {} --db e", file.display()));
    assert!(ended.err.contains("have no zone and are read as UTC"), "{}", ended.err);
    ended.ok();
    assert_eq!(place.points("--db e y --limit 1")[0][1], "2012-01-01T00:00:00Z");
}

#[test]
fn standard_input_and_the_environment() {
    let place = Place::new();
    let input = "ts;host;load\n1700000000.5;a;0.25\n1700000001.5;b;NA\n";
    let line = "ingest - --db p --time ts --time-format s --tags host --delimiter ; --missing NA";
    assert!(place.run_with_input(line, input).ok().contains("points    1, 1 new series"));
    let ended = place.command(["query", "load", "--format", "csv"]).env("TIMESTRATA_DB", "p").output().unwrap();
    let found = String::from_utf8(ended.stdout).unwrap();
    assert_eq!(found, "series,time,value\n\"load{host=\"\"a\"\"}\",2023-11-14T22:13:20.5Z,0.25\n");
}

#[test]
fn a_file_twice_doubles_its_points() {
    let place = Place::new();
    place.file("f.csv", "t,x\n2013-01-01,1\n2013-01-02,2\n");
    place.run("ingest f.csv --db d").ok();
    place.run("ingest f.csv --db d").ok();
    let values: Vec<String> = place.points("--db d x").into_iter().map(|row| row[2].clone()).collect();
    assert_eq!(values, ["1", "1", "2", "2"]);
}
